"""How long it takes from the shell to an answer, and how long the imports take of that."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.conductor import ROOT, say
from benchmarks.studies.predicting import save_model
from benchmarks.task import load_images

IMPORTS = {
    "NumPy": "numpy",
    "inknet": "inknet",
    "inknet.MLP": "inknet.mlp",
    "ONNX Runtime": "onnxruntime",
    "scikit-learn": "sklearn.neural_network",
    "PyTorch": "torch",
    "JAX": "jax",
}


def measure(rounds: int) -> dict[str, Any]:
    """Return the seconds of processes by name, started in turn, and what the commands said."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        model, picture = Path(folder) / "model.safetensors", Path(folder) / "seven.png"
        save_model(model)
        Image.fromarray(load_images(1).X_test[0].reshape(28, 28)).save(picture)
        inknet = Path(sys.executable).with_name("inknet")
        commands = {
            "inknet predict": [str(inknet), "predict", str(model), str(picture)],
            "PyTorch script": [
                sys.executable,
                str(ROOT / "benchmarks/torch_predict.py"),
                str(model),
                str(picture),
            ],
            "Python alone": [sys.executable, "-c", "pass"],
        }
        imports = {
            name: [sys.executable, "-c", f"import {module}"] for name, module in IMPORTS.items()
        }
        answers = {name: run(command)[1] for name, command in commands.items()}
        answers = {name: line.replace(f"{folder}/", "") for name, line in answers.items() if line}
        say(f"  {answers}")
        return {
            "answers": answers,
            "seconds": take_turns(commands, rounds),
            "import_seconds": take_turns(imports, rounds),
        }


def take_turns(commands: dict[str, list[str]], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each command, run in turn; a first round is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for n in range(rounds + 1):
        for name, command in commands.items():
            taken, _ = run(command)
            if n > 0:
                seconds[name].append(taken)
    return seconds


def run(command: list[str]) -> tuple[float, str]:
    """Return the seconds that a command took, and what it printed."""
    started = perf_counter()
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    return perf_counter() - started, printed.strip()
