"""The floor: a training epoch's matrix products and nothing else, dense, in NumPy's BLAS."""

from __future__ import annotations

from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.task import Task, load_images, scaled


class MatrixProducts:
    """Forward ``x @ weight``, backward ``x.T @ dz`` and, above the first layer, ``dz @ weight.T``.

    The batch is always the same, so all that is multiplied stays in the cache.
    """

    def __init__(self, task: Task, threads: int) -> None:
        self.limits = threadpool_limits(threads, "blas")
        generator = np.random.default_rng(0)
        self.task = task
        self.weights = [generator.normal(0, 0.05, shape).astype(np.float32) for shape in task.fans]
        self.weight_gradients = [np.empty_like(weight) for weight in self.weights]
        shapes = [(task.batch_size, width) for width in task.layer_dims]
        self.values = [generator.random(shape, np.float32) for shape in shapes]
        self.gradients = [generator.random(shape, np.float32) for shape in shapes]
        self.values[0] = scaled(load_images(task.batch_size).X_train)

    def epoch(self) -> float:
        """Return the seconds of all products of an epoch."""
        started = perf_counter()
        for n in self.task.batch_sizes:
            self._step(n)
        return perf_counter() - started

    def _step(self, n: int) -> None:
        layers = range(len(self.weights))
        for i in layers:
            np.matmul(self.values[i][:n], self.weights[i], out=self.values[i + 1][:n])
        for i in reversed(layers):
            dz = self.gradients[i + 1][:n]
            np.matmul(self.values[i][:n].T, dz, out=self.weight_gradients[i])
            if i > 0:
                np.matmul(dz, self.weights[i].T, out=self.gradients[i][:n])

    def accuracy(self) -> None:
        """Learn nothing."""
