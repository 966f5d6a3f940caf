"""How long one image takes to be read, and how many can be in a second."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.conductor import Company, Entry
from benchmarks.studies.training import THREADS, threads_label
from benchmarks.task import EPOCH, load_images

BATCH_SIZES = (1, 10, 100, 1_000, 10_000)


def entries(model: str) -> list[Entry]:
    """Return who takes part: the model as each likes to be handed its images."""
    inknet = [
        Entry(
            f"inknet, {label} ops, {kind}",
            f"inknet {label}",
            "benchmarks.contestants.predictors:InknetPredictor",
            {"model": model, "pixels": kind == "uint8"},
            environment={"INKNET_OPS": ops},
        )
        for ops, label in (("numba", "numba"), ("numpy", "NumPy"))
        for kind in ("uint8", "float32")
    ]
    onnx = [
        Entry(
            f"ONNX Runtime, {kind}, {threads_label(n)}",
            "ONNX Runtime",
            "benchmarks.contestants.predictors:OnnxPredictor",
            {"model": model, "pixels": kind == "uint8", "threads": n},
        )
        for kind in ("uint8", "float32")
        for n in THREADS
    ]
    others = [
        Entry(
            f"{label}, float32, {threads_label(n)}",
            label,
            f"benchmarks.contestants.predictors:{name}Predictor",
            {"model": model, "threads": n},
        )
        for label, name in (("PyTorch", "Torch"), ("scikit-learn", "Sklearn"))
        for n in THREADS
    ]
    return [*inknet, *onnx, *others]


def save_model(path: Path) -> None:
    """Train the task's network for an epoch, and save it for all."""
    from benchmarks.contestants.inknet_mlp import build_mlp

    images = load_images(EPOCH.n_images)
    mlp = build_mlp(EPOCH)
    mlp.train(images.X_train, images.y_train, num_epochs=1)
    mlp.save(path)


def measure(rounds: int) -> dict[str, Any]:
    """Return seconds of one image, and images a second for each batch size, by name."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.safetensors"
        save_model(model)
        everyone = entries(str(model))
        with Company(everyone, EPOCH, [("latency",)]) as company:
            seconds = company.rounds(rounds, "latency")
            throughput = {str(n): company.rounds(3, "throughput", n) for n in BATCH_SIZES}
            return {
                "task": EPOCH.to_json(),
                "seconds": seconds,
                "throughput": throughput,
                "families": {e.name: e.family for e in everyone if e.name in seconds},
                "accuracy": company.once("accuracy"),
                "missing": company.missing,
                "busy_while_idle": company.busy_while_idle,
            }
