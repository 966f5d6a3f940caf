"""MLX on the CPU: the step, from the forward pass to Adam, in one compiled function."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn, optimizers

from benchmarks.task import N_MEASURED, PIXEL_SCALE, Task, arrays_for


def build_network(task: Task) -> nn.Sequential:
    """Return the task's network, untrained."""
    layers: list[nn.Module] = []
    *hidden, (last_in, last_out) = task.fans
    for fan_in, fan_out in hidden:
        layers += [nn.Linear(fan_in, fan_out), nn.LeakyReLU(task.negative_slope)]
        if task.keep_prob < 1:
            layers.append(nn.Dropout(1 - task.keep_prob))
    return nn.Sequential(*layers, nn.Linear(last_in, last_out))


class MlxTraining:
    """The state of the network, of Adam and of the generator goes in and out of what is compiled.

    Parameters
    ----------
    task
        What to train; batch normalization is not among what this contestant does.
    pixels
        Whether batches are fetched from uint8 and scaled, rather than from float32.
    """

    def __init__(self, task: Task, pixels: bool = False) -> None:
        mx.set_default_device(mx.cpu)
        mx.random.seed(0)
        *arrays, self.y_test = arrays_for(task, pixels)
        self.task = task
        self.X_train, self.y_train, X_val, y_val, self.X_test = map(mx.array, arrays)
        self.measured = [
            (self.X_train[:N_MEASURED], self.y_train[:N_MEASURED]),
            (X_val, y_val),
        ]
        self.network = build_network(task)
        self.adam = optimizers.Adam(task.learning_rate, bias_correction=True)
        self.adam.init(self.network.trainable_parameters())
        self.state = [self.network.state, self.adam.state, mx.random.state]
        self.loss_and_gradients = nn.value_and_grad(self.network, self._loss)
        self.step = mx.compile(self._step, inputs=self.state, outputs=self.state)
        self.measure = mx.compile(self._measure, inputs=self.network.state)
        mx.eval(self.state, self.measured)

    def _logits(self, x: Any) -> Any:
        if x.dtype == mx.uint8:
            x = x.astype(mx.float32) * PIXEL_SCALE
        return self.network(x)

    def _loss(self, x: Any, labels: Any) -> Any:
        return nn.losses.cross_entropy(
            self._logits(x), labels, label_smoothing=self.task.label_smoothing, reduction="mean"
        )

    def _step(self, x: Any, labels: Any) -> Any:
        """Take a step; return the loss."""
        loss, gradients = self.loss_and_gradients(x, labels)
        self.adam.update(self.network, gradients)
        return loss

    def _measure(self, x: Any, labels: Any) -> Any:
        """Return the mean loss and the accuracy."""
        logits = self._logits(x)
        loss = nn.losses.cross_entropy(logits, labels, reduction="mean")
        return loss, (mx.argmax(logits, axis=1) == labels).mean()

    def epoch(self) -> float:
        """Train for one epoch; return its seconds."""
        self.network.train()
        started = perf_counter()
        order, start = mx.random.permutation(self.task.n_images), 0
        for batch_size in self.task.batch_sizes:
            rows = order[start : start + batch_size]
            loss = self.step(self.X_train[rows], self.y_train[rows])
            mx.eval(loss, self.state)
            start += batch_size
        return perf_counter() - started

    def measured_epoch(self) -> float:
        """Train for one epoch and measure; return its seconds."""
        started = perf_counter()
        self.epoch()
        self.network.eval()
        for x, labels in self.measured:
            [number.item() for number in self.measure(x, labels)]
        return perf_counter() - started

    def accuracy(self) -> float:
        """Return the accuracy on the test images."""
        self.network.eval()
        classes = np.asarray(mx.argmax(self.network(self.X_test), axis=1))
        return float((classes == self.y_test).mean())
