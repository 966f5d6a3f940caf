"""Small trainings through the command line, for tests that end them in every way."""

import csv
from pathlib import Path
from typing import Any

from commands import running, wait_for
from inknet.runs.folder import FILES

KEYS = {
    "data.limit": 1000,
    "network.hidden": "[12]",
    "training.batch_size": 40,  # 20 steps an epoch
    "training.epochs": 80,
    "training.patience": 79,  # the best weights are in the checkpoints too
}


def options(**changes: object) -> list[str]:
    """The words after ``inknet train`` for a training of about a second; ``a__b`` is the key a.b."""
    keys = KEYS | {name.replace("__", "."): value for name, value in changes.items()}
    sets = [word for key, value in keys.items() for word in ("--set", f"{key}={value}")]
    return ["--data", "sample", "--checkpoint-seconds", "0", *sets]


def interrupted(run: Path, signal_number: int, *, wait: str = " 8/", **changes: object) -> str:
    """Begin a training, end it by a signal, and return its last complaint."""
    with running("train", *options(**changes), "--out", run, folder=run.parent) as process:
        wait_for(process, wait)
        process.send_signal(signal_number)
        _, complaint = process.communicate(timeout=60)
        assert process.returncode == 128 + signal_number, complaint
    (line,) = complaint.splitlines()
    return line


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
    }


def pictures(run: Path) -> list[bytes]:
    """The pictures that must be the same too, where they are drawn."""
    return [(run / name).read_bytes() for name in ("weights.png", "mistakes.png")]
