"""PyTorch: an eager loop, the same with fused Adam, and both halves of the step compiled.

The last two also in bfloat16.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.task import N_MEASURED, Task, held_back, load_images, scaled

PIXEL_SCALE = 1 / 255


def build_network(task: Task) -> nn.Sequential:
    """Return the task's network, untrained."""
    layers: list[nn.Module] = []
    *hidden, (last_in, last_out) = task.fans
    for fan_in, fan_out in hidden:
        layers.append(nn.Linear(fan_in, fan_out))
        if task.batch_norm:
            layers.append(nn.BatchNorm1d(fan_out))
        layers.append(nn.LeakyReLU(task.negative_slope))
        if task.keep_prob < 1:
            layers.append(nn.Dropout(1 - task.keep_prob))
    return nn.Sequential(*layers, nn.Linear(last_in, last_out))


class TorchTraining:
    """Each batch is fetched by `index_select` from uint8, then scaled: the fastest of four ways.

    Parameters
    ----------
    task
        What to train.
    mode
        ``eager``, ``fused`` (Adam in one kernel) or ``compiled`` (forward pass, loss and backward
        pass by ``torch.compile``, with fused Adam).
    threads
        How many PyTorch uses.
    bfloat16
        Whether forward and backward pass are in bfloat16 where autocast says so; the weights and
        Adam stay in float32.
    """

    def __init__(self, task: Task, mode: str, threads: int, bfloat16: bool = False) -> None:
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        images = load_images(task.n_images)
        self.task = task
        self.X_train = torch.from_numpy(images.X_train)
        self.X_test = torch.from_numpy(scaled(images.X_test))
        self.y_train, self.y_test = (
            torch.from_numpy(y.astype(np.int64)) for y in (images.y_train, images.y_test)
        )
        X_val, y_val = held_back(task)
        self.measured = [
            (self.X_train[:N_MEASURED], self.y_train[:N_MEASURED]),
            (torch.from_numpy(X_val), torch.from_numpy(y_val.astype(np.int64))),
        ]
        self.network = build_network(task)
        self.adam = torch.optim.Adam(
            self.network.parameters(), lr=task.learning_rate, fused=mode != "eager"
        )
        self.loss: Callable[..., Any] = self._loss
        if mode == "compiled":
            self.loss = torch.compile(self._loss)
        self.logits: Callable[..., Any] = self.network
        if bfloat16:
            autocast = torch.autocast("cpu", torch.bfloat16)
            self.loss, self.logits = autocast(self.loss), autocast(self.network.forward)

    def _loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(
            self.network(x), y, label_smoothing=self.task.label_smoothing
        )

    def epoch(self) -> float:
        """Train for one epoch; return its seconds."""
        self.network.train()
        started = perf_counter()
        for rows in torch.randperm(len(self.X_train)).split(self.task.batch_size):
            x = self.X_train.index_select(0, rows).float().mul_(PIXEL_SCALE)
            loss = self.loss(x, self.y_train[rows])
            self.adam.zero_grad(set_to_none=True)
            loss.backward()
            self.adam.step()
        return perf_counter() - started

    def measured_epoch(self) -> float:
        """Train for one epoch and measure; return its seconds."""
        started = perf_counter()
        self.epoch()
        self.network.eval()
        with torch.inference_mode():
            for x, labels in self.measured:
                logits = self.logits(x.float().mul_(PIXEL_SCALE))
                functional.cross_entropy(logits, labels).item()
                (logits.argmax(dim=1) == labels).float().mean().item()
        return perf_counter() - started

    def accuracy(self) -> float:
        """Return the accuracy on the test images."""
        self.network.eval()
        with torch.inference_mode():
            classes = self.logits(self.X_test).argmax(dim=1)
        return float((classes == self.y_test).float().mean())
