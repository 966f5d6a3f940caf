"""How the time of an epoch grows with the width of the layers, and with the size of the batches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.conductor import say
from benchmarks.studies import training
from benchmarks.task import EPOCH, Task

WIDTHS = (128, 256, 512, 1024, 2048)
BATCH_SIZES = (32, 64, 128, 256, 512, 1024, 2048)
MOST_ROUNDS = 5
ENTRIES = [
    entry
    for entry in (*training.INKNET, *training.FLOOR, *training.TORCH)
    if "eager" not in entry.name and "compiled" not in entry.name
]
"""PyTorch with fused Adam alone: for these networks it was the fastest of its modes."""


def measure(rounds: int) -> dict[str, Any]:
    """Return seconds an epoch by name, for each width and each batch size."""
    widths = {
        width: Task(layer_dims=(784, width, width, 10), batch_size=128, n_images=2_560)
        for width in WIDTHS
    }
    batch_sizes = {
        batch_size: replace(EPOCH, batch_size=batch_size, n_images=8_192)
        for batch_size in BATCH_SIZES
    }
    return {
        "widths": measure_each("width", widths, min(rounds, MOST_ROUNDS)),
        "batch_sizes": measure_each("batch size", batch_sizes, min(rounds, MOST_ROUNDS)),
    }


def measure_each(what: str, tasks: dict[int, Task], rounds: int) -> list[dict[str, Any]]:
    """Return a study of training for each of the tasks."""
    results = []
    for value, task in tasks.items():
        say(f"  {what} {value}:")
        results.append({"value": value, **training.measure(task, ENTRIES, rounds)})
    return results
