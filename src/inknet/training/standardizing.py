"""Standardized features, for the time of a training: afterwards they are part of the first layer.

With mean ``m`` and standard deviation ``s`` of a feature, the first layer computes::

    ((x - m) / s) @ weight + bias  =  x @ (weight / s) + (bias - m @ (weight / s))

So a network that learned from standardized features takes features as they are, and nothing else
needs to know of it: no file, no export, no prediction.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.data.dataset import Dataset
from inknet.data.mapped import fetch
from inknet.nn.network import Network

ROWS = 4096  # read at a time


class Standardizing:
    """Mean and standard deviation of each feature, and the network that learns without them.

    Parameters
    ----------
    network
        Whose first layer takes them in.
    train
        The samples that decide them.
    """

    def __init__(self, network: Network, train: Dataset) -> None:
        self.network = network
        self.mean, self.deviation = _moments(train)

    def apply(self, dataset: Dataset) -> Dataset:
        """Return a dataset of standardized features, of the network's type."""
        X = np.empty((len(dataset), dataset.n_features), self.network.dtype)
        for start in range(0, len(dataset), ROWS):
            part = _numbers(dataset, start)
            X[start : start + len(part)] = (part - self.mean) / self.deviation
        return replace(
            dataset, features=X, labels=dataset.targets, rows=None, groups=None, is_scaled=True
        )

    def begin(self, *, is_new: bool) -> None:
        """Let a network that takes features as they are take standardized ones.

        Initial weights stay as they are: they were drawn for features of this size.
        """
        self._before = self.network.parameters.copy()
        if is_new:
            return
        dense = self.network.dense_layers[0]
        dense.bias += (self.mean @ dense.weight).astype(dense.bias.dtype)
        dense.weight *= self.deviation[:, None].astype(dense.weight.dtype)

    def undo(self) -> None:
        """Restore the network of before, for a training that is refused."""
        self.network.parameters[:] = self._before

    def end(self) -> None:
        """Let the network take features as they are."""
        dense = self.network.dense_layers[0]
        weight = dense.weight / self.deviation[:, None]  # in float64
        dense.weight[:] = weight
        dense.bias[:] = dense.bias - self.mean @ weight


def _moments(train: Dataset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each feature, and its standard deviation, 1 where it is 0."""
    total = np.zeros(train.n_features)
    for start in range(0, len(train), ROWS):
        total += _numbers(train, start).sum(axis=0)
    mean, squares = total / len(train), np.zeros(train.n_features)
    for start in range(0, len(train), ROWS):
        squares += ((_numbers(train, start) - mean) ** 2).sum(axis=0)
    deviation = np.sqrt(squares / len(train))
    return mean, np.where(deviation > 0, deviation, 1.0)


def _numbers(dataset: Dataset, start: int) -> NDArray[Any]:
    """Return some rows as the network would see them, in float64."""
    stop = min(start + ROWS, len(dataset))
    rows = np.arange(start, stop) if dataset.rows is None else dataset.rows[start:stop]
    part = fetch(dataset.features, rows)
    return part / 255.0 if part.dtype == np.uint8 else part.astype(np.float64)
