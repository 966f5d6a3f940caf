"""Whether the fast ops learn as well as the plain ones: whole trainings, by the recipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.conductor import say

RECIPE = "digits"
SEEDS = (0, 1, 2)


def measure(rounds: int) -> dict[str, Any]:
    """Return the test accuracy by ops and seed; each is trained once, whatever ``rounds``."""
    accuracy: dict[str, list[float]] = {"numba": [], "numpy": []}
    for seed in SEEDS:
        for ops, reached in accuracy.items():
            reached.append(train(ops, seed))
            say(f"  {ops} ops, seed {seed}: {reached[-1]:.2%}")
    return {"recipe": RECIPE, "seeds": SEEDS, "accuracy": accuracy}


def train(ops: str, seed: int) -> float:
    """Train as a user would; return the accuracy on the official test images."""
    inknet = Path(sys.executable).with_name("inknet")
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [str(inknet), "train", "--recipe", RECIPE, "--data", "mnist"]
        command += ["--seed", str(seed), "--out", str(run)]
        environment = {**os.environ, "INKNET_OPS": ops}
        subprocess.run(command, check=True, capture_output=True, env=environment)
        metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    return float(metrics["test"]["accuracy"])
