"""Small studies on the sample, through the command line, for tests that end them in every way."""

import json
from pathlib import Path
from typing import Any

SMALL = {"data.source": "sample", "data.limit": 600, "network.hidden": "[8]", "training.epochs": 4}
GRID = "training.batch_size=20,40"


def words(grid: str = GRID, seeds: str = "0,1", name: str = "own", **changes: object) -> list[str]:
    """What comes after ``inknet``, to run a study of four runs; ``a__b`` is the key a.b."""
    keys = SMALL | {key.replace("__", "."): value for key, value in changes.items()}
    sets = [word for key, value in keys.items() for word in ("--set", f"{key}={value}")]
    own = ["--recipe", "digits", "--grid", grid, "--seeds", seeds, "--name", name]
    return ["experiment", "run", *own, *sets]


def runs(study: Path, *, killed: bool = False) -> dict[str, dict[str, Any]]:
    """The runs of a study by name, without what may differ: times, and the process that did them.

    Nothing else may lie there; but where a process was killed, what it was writing.
    """
    found = {}
    for path in sorted((study / "runs").iterdir()):
        assert path.suffix == ".json", path
        if killed and path.name.startswith("."):
            continue
        found[path.stem] = json.loads(path.read_text())
        found[path.stem].pop("seconds", None)
        found[path.stem].pop("process", None)
    return found


def processes(study: Path) -> dict[str, int]:
    """Which process did which run."""
    files = (study / "runs").iterdir()
    return {path.stem: json.loads(path.read_text())["process"] for path in files}
