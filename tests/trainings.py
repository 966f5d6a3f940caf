"""Small trainings through the command line, for tests that end them in every way."""

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inknet.run import FILES

INKNET = Path(sys.executable).with_name("inknet")
KEYS = {
    "data.limit": 1000,
    "network.hidden": "[12]",
    "training.batch_size": 20,  # 40 steps an epoch
    "training.epochs": 80,
    "training.patience": 79,  # the best weights are in the checkpoints too
}


def options(**changes: object) -> list[str]:
    """The words after ``inknet train`` for a training of about a second; ``a__b`` is the key a.b."""
    keys = KEYS | {name.replace("__", "."): value for name, value in changes.items()}
    sets = [word for key, value in keys.items() for word in ("--set", f"{key}={value}")]
    return ["--data", "sample", "--checkpoint-seconds", "0", *sets]


def environment(**changes: str) -> dict[str, str]:
    settings = {"OPENBLAS_NUM_THREADS": "1", "INKNET_OPS": "numpy", "COLUMNS": "200"}
    return {**os.environ, **settings, **changes}


def inknet(
    *arguments: str | Path, folder: Path, expect: int = 0, **settings: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; hold its exit code and its complaints against what is expected."""
    settings.setdefault("env", environment())
    result = subprocess.run(
        [INKNET, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **settings,
    )
    assert result.returncode == expect, result.stdout + result.stderr
    for line in result.stderr.splitlines():
        assert line.startswith("inknet: "), result.stderr
    return result


def refusal(*arguments: str | Path, folder: Path) -> str:
    """Return the one line with which a command refuses; it must leave all files as they are."""
    before = content(folder)
    (line,) = inknet(*arguments, folder=folder, expect=2).stderr.splitlines()
    assert content(folder) == before
    return line


@contextmanager
def training(*arguments: str | Path, folder: Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A training on its way, which is killed if it is still there in the end."""
    process = subprocess.Popen(
        [INKNET, "train", *arguments],
        cwd=folder,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    """Read what a process prints, up to a line with some words in it."""
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"it ended and did not say {words!r}: {process.communicate()[1]}")


def interrupted(run: Path, signal_number: int, *, wait: str = " 8/", **changes: object) -> str:
    """Begin a training, end it by a signal, and return its last complaint."""
    with training(*options(**changes), "--out", run, folder=run.parent) as process:
        wait_for(process, wait)
        process.send_signal(signal_number)
        _, complaint = process.communicate(timeout=60)
        assert process.returncode == 128 + signal_number, complaint
    (line,) = complaint.splitlines()
    return line


def content(folder: Path) -> dict[str, bytes | None]:
    """All files below a folder, with what is in them; folders have None."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def outcome(run: Path) -> dict[str, Any]:
    """What must be the same however often a run was ended; nothing but a run may be there."""
    assert {path.name for path in run.iterdir()} == set(FILES)
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert float(row.pop("seconds")) >= float(row.pop("training_seconds"))
    return {
        "model": (run / "model.safetensors").read_bytes(),
        "recipe": (run / "recipe.toml").read_text(),
        "history": rows,
        "pictures": [(run / name).read_bytes() for name in ("weights.png", "mistakes.png")],
    }
