"""Small studies on the sample, through the command line, for tests that end them in every way."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

INKNET = Path(sys.executable).with_name("inknet")
SMALL = {"data.source": "sample", "data.limit": 600, "network.hidden": "[8]", "training.epochs": 4}
GRID = "training.batch_size=20,40"


def words(grid: str = GRID, seeds: str = "0,1", name: str = "own", **changes: object) -> list[str]:
    """What comes after ``inknet``, to run a study of four runs; ``a__b`` is the key a.b."""
    keys = SMALL | {key.replace("__", "."): value for key, value in changes.items()}
    sets = [word for key, value in keys.items() for word in ("--set", f"{key}={value}")]
    own = ["--recipe", "digits", "--grid", grid, "--seeds", seeds, "--name", name]
    return ["experiment", "run", *own, *sets]


def environment(**changes: str) -> dict[str, str]:
    settings = {"OPENBLAS_NUM_THREADS": "1", "INKNET_OPS": "numpy", "COLUMNS": "120"}
    return {**os.environ, **settings, **changes}


def inknet(
    *arguments: str | Path, folder: Path, expect: int = 0, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; hold its exit code and its complaints against what is expected."""
    result = subprocess.run(
        [INKNET, *arguments],
        cwd=folder,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == expect, result.stdout + result.stderr
    for line in result.stderr.splitlines():
        assert line.startswith("inknet: "), result.stderr
    return result


def refusal(*arguments: str | Path, folder: Path, **env: str) -> str:
    """Return the one line with which a command refuses; it must leave all files as they are."""
    before = content(folder)
    (line,) = inknet(*arguments, folder=folder, expect=2, **env).stderr.splitlines()
    assert content(folder) == before
    return line


def content(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@contextmanager
def studying(*arguments: str, folder: Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A study on its way, in a process group of its own, which is killed if it is still there."""
    process = subprocess.Popen(
        [INKNET, *arguments],
        cwd=folder,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    """Read what a process prints, up to a line with some words in it."""
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"it ended and did not say {words!r}: {process.communicate()[1]}")


def runs(study: Path) -> dict[str, dict[str, Any]]:
    """The runs of a study by name, without what may differ: times, and the process that did them."""
    found = {}
    for path in sorted((study / "runs").iterdir()):
        assert path.suffix == ".json", path
        found[path.stem] = json.loads(path.read_text())
        found[path.stem].pop("seconds", None)
        found[path.stem].pop("process", None)
    return found


def processes(study: Path) -> dict[str, int]:
    """Which process did which run."""
    files = (study / "runs").iterdir()
    return {path.stem: json.loads(path.read_text())["process"] for path in files}
