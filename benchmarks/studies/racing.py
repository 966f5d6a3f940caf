"""How long it takes from the start of a process to an accuracy on the official test images.

Each of the settings below is a whole program: it starts, reads MNIST's files, trains, evaluates
once and prints the accuracy: then it has arrived. (inknet draws its pictures after that.) All have
the network of inknet's recipe `sprint`; scikit-learn's has no batch normalization, and no schedule
for Adam.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from subprocess import PIPE
from time import perf_counter
from typing import Any

from benchmarks.conductor import ROOT, WorkerError, say
from inknet.data.mnist import fetch_mnist

SEEDS = (0, 1, 2, 3, 4)
INKNET: list[dict[str, Any]] = [{"epochs": n} for n in (1, 2, 3, 5)]
PEERS: dict[str, list[dict[str, Any]]] = {
    "jax": [{"epochs": n, "rate": 0.02, "batch_size": 256} for n in (1, 2, 3, 5)],
    "torch": [
        *({"epochs": n, "rate": 0.02, "batch_size": 256} for n in (1, 2, 3, 5)),
        {"epochs": 2, "rate": 0.02, "batch_size": 256, "bfloat16": True},
        {"epochs": 2, "rate": 0.01, "batch_size": 128},
    ],
    "sklearn": [
        *({"epochs": n, "rate": 0.002, "batch_size": 256} for n in (4, 10)),
        *({"epochs": n, "rate": 0.001, "batch_size": 128} for n in (8, 14)),
    ],
}
NAMES = {"jax": "JAX", "torch": "PyTorch", "sklearn": "scikit-learn"}


def measure(rounds: int) -> dict[str, Any]:
    """Return seconds and accuracies of each program, in turn; one turn a seed."""
    everyone = [("inknet", settings) for settings in INKNET]
    everyone += [(peer, settings) for peer, several in PEERS.items() for settings in several]
    racers: list[dict[str, Any]] = [
        {"who": NAMES.get(who, who), "settings": words(settings), "seconds": [], "accuracy": []}
        for who, settings in everyone
    ]
    missing: dict[str, str] = {}
    data = fetch_mnist()
    run("inknet", {"epochs": 1}, 0, data)  # compiles what is not yet compiled
    for seed in SEEDS:
        for (who, settings), racer in zip(everyone, racers, strict=True):
            if racer["who"] in missing:
                continue
            try:
                seconds, accuracy = run(who, settings, seed, data)
            except WorkerError as error:
                missing[racer["who"]] = str(error)
                continue
            racer["seconds"].append(seconds)
            racer["accuracy"].append(accuracy)
            say(f"  {racer['who']}, {racer['settings']}: {seconds:.1f} s, {accuracy:.2%}")
    return {"seeds": SEEDS, "racers": racers, "missing": missing}


def words(settings: dict[str, Any]) -> str:
    """Return settings in words."""
    epochs = settings["epochs"]
    parts = [f"{epochs} epoch{'s' * (epochs > 1)}"]
    if "rate" in settings:
        parts += [f"rate {settings['rate']:g}", f"batch {settings['batch_size']}"]
    return ", ".join(parts + ["bfloat16"] * settings.get("bfloat16", False))


def run(who: str, settings: dict[str, Any], seed: int, data: Path) -> tuple[float, float]:
    """Return the seconds until a program prints its accuracy, and that; ``data`` has the files."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        if who == "inknet":
            command = [str(Path(sys.executable).with_name("inknet")), "train", "--recipe", "sprint"]
            command += ["--data", "mnist", "--seed", str(seed), "--out", str(out)]
            command += ["--set", f"training.epochs={settings['epochs']}"]
        else:
            order = json.dumps({**settings, "seed": seed})
            command = [sys.executable, "-m", f"benchmarks.race.{who}_race", order]
        errors = Path(folder) / "errors"
        with errors.open("wb") as said:
            started = perf_counter()
            with subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=PIPE,
                stderr=said,
                env={**os.environ, "INKNET_DATA_DIR": str(data)},
                text=True,
            ) as process:
                assert process.stdout is not None
                lines = [(line, perf_counter() - started) for line in process.stdout]
        if process.returncode:
            problems = errors.read_text("utf-8").strip().splitlines() or ["no message"]
            raise WorkerError(problems[-1])
        (told,) = (
            seconds for line, seconds in lines if line.startswith(("test accuracy", "0.", "1.0"))
        )
        if who == "inknet":
            metrics = json.loads((out / "metrics.json").read_text("utf-8"))
            return told, float(metrics["test"]["accuracy"])
        return told, float(lines[-1][0])
