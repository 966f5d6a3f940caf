"""Where the time of a training step goes: its parts, timed one after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.task import EPOCH, load_images
from inknet.nn.architecture import Architecture
from inknet.nn.network import Network
from inknet.nn.ops import NumpyOps
from inknet.nn.ops.numba import NumbaOps
from inknet.nn.optimizers import Adam
from inknet.training.threads import one_blas_thread

STEPS_EACH = 100
"""Steps in each round."""

BATCHES_AHEAD = 8


def measure(rounds: int) -> dict[str, Any]:
    """Return the median seconds of each part of a step, by ops."""
    with one_blas_thread():
        return {
            "task": EPOCH.to_json(),
            "parts": {
                label: parts_of_a_step(ops, rounds * STEPS_EACH)
                for label, ops in (
                    ("numba", NumbaOps(parallel=True)),
                    ("NumPy", NumpyOps(parallel=True)),
                )
            },
        }


def parts_of_a_step(ops: NumpyOps, n_steps: int) -> dict[str, float]:
    """Train for some steps; return the median seconds of each part."""
    network = Network(_architecture(), np.random.default_rng(0))
    ops.prepare(network.dtype)
    network.use(ops)
    optimizer, generator = Adam(network.parameters, ops), np.random.default_rng(1)
    images = load_images(EPOCH.n_images)
    group = ops.new_group(BATCHES_AHEAD, EPOCH.batch_size, EPOCH.layer_dims[0], network.dtype)
    times: dict[str, list[float]] = defaultdict(list)
    step = 0.0

    @contextmanager
    def timed(part: str) -> Iterator[None]:
        nonlocal step
        started = perf_counter()
        yield
        times[part].append(perf_counter() - started)
        step += times[part][-1]

    network.forward(images.X_train[: EPOCH.batch_size], generator)  # makes the buffers
    first, rest = network.dense_layers[0], network.layers[1:]
    gradient = np.empty((EPOCH.batch_size, EPOCH.layer_dims[-1]), network.dtype)
    for _ in range(n_steps // BATCHES_AHEAD):
        n_rows = BATCHES_AHEAD * EPOCH.batch_size
        rows = generator.permutation(EPOCH.n_images)[:n_rows]
        started = perf_counter()
        batches = group.load(images.X_train, rows)
        times["beside"].append((perf_counter() - started) / BATCHES_AHEAD)
        for number, batch in enumerate(batches):
            labels = images.y_train[rows[number * EPOCH.batch_size :][: EPOCH.batch_size]]
            sums: dict[str, float] = defaultdict(float)
            step = 0.0
            with timed("first forward"):
                signal = first.forward(batch, generator)
            for layer in rest:
                with timed(repr(layer)):
                    signal = layer.forward(signal, generator)
                sums[_kind(layer)] += times[repr(layer)].pop()
            with timed("loss"):
                ops.softmax_cross_entropy(
                    signal, labels.astype(np.intp), EPOCH.label_smoothing, gradient
                )
            back = gradient
            for layer in reversed(rest):
                with timed(repr(layer)):
                    back = layer.backward(back)
                sums[_kind(layer)] += times[repr(layer)].pop()
            with timed("first backward"):
                first.backward(back)
            with timed("optimizer"):
                optimizer.step(network.parameters, network.gradients, EPOCH.learning_rate)
            for kind, seconds in sums.items():
                times[kind].append(seconds)
            times["step"].append(step)
    return {part: median(values) for part, values in times.items() if values}


def _kind(layer: object) -> str:
    return "other products" if type(layer).__name__ == "Dense" else "activations"


def _architecture() -> Architecture:
    n_hidden = len(EPOCH.layer_dims) - 2
    return Architecture(
        EPOCH.layer_dims,
        ["leaky_relu"] * n_hidden + ["softmax"],
        [EPOCH.keep_prob] * n_hidden + [1.0],
    )
