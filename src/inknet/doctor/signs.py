"""Signs: what the layers show in one step, between its gradient and its update."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.nn.layers import Activation, BatchNorm, Layer
from inknet.nn.network import Network

SATURATED = {"sigmoid": 4.0, "tanh": 2.0}
"""The magnitude of the input from which the slope is below 0.08 of the largest."""
FIRST_LOOKS = (0, 1, 2, 5, 10, 20, 50)
"""Steps that are looked at, besides those that are evenly spread."""
MOST_ROWS = 256
"""Of a larger batch, the first so many rows are looked at."""
MOST_WEIGHTS = 8_192
"""Of a larger array, about so many numbers stand for all, whole rows evenly spread."""


@dataclass
class Signs:
    """What is measured in one step.

    Attributes
    ----------
    step : int
        How many steps were taken before.
    loss : float
        Of its batch, before the step.
    learning_rate : float
    gradients, weights, updates : list of float
        For each dense layer, the Euclidean norms of the gradient of its weights, of the weights
        before the step and of their change in it. The gradient is without the penalty.
    penalty : float
        The norm of the penalty's gradient over that of the loss; 0 without one.
    clipped : float
        The norm of the gradient over the one that it was clipped to; 0 if it was not.
    signals : list of float
        For each hidden layer, the root mean square of what goes into its activation.
    silent : list of (width,) bool
        For each hidden layer of ReLU, its neurons that were 0 for every row of the batch.
    saturated : list of float
        For each hidden layer of sigmoid or tanh, the share of inputs where it is flat.
    logits : tuple of float
        The smallest and the largest logit of the batch, and the mean sum of a row.
    """

    step: int
    loss: float
    learning_rate: float = 0.0
    gradients: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    updates: list[float] = field(default_factory=list)
    penalty: float = 0.0
    clipped: float = 0.0
    signals: list[float] = field(default_factory=list)
    silent: list[NDArray[np.bool_]] = field(default_factory=list)
    saturated: list[float] = field(default_factory=list)
    logits: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def ratios(self) -> list[float]:
        """For each dense layer, its update over its weights."""
        return [
            update / weight if weight else np.inf
            for update, weight in zip(self.updates, self.weights, strict=True)
        ]


def signs_of_layers(network: Network, signs: Signs) -> None:
    """Add what the last forward pass left in the layers."""
    for layer in network.layers:
        if not isinstance(layer, Activation) or isinstance(layer, BatchNorm):
            continue
        x = layer.__dict__.get("_input")
        if x is None or layer.function.name == "identity":
            continue
        x = x[:MOST_ROWS]
        signs.signals.append(_root_mean_square(x))
        if layer.function.name == "relu":
            signs.silent.append(~(x > 0).any(axis=0))
        elif (edge := SATURATED.get(layer.function.name)) is not None:
            signs.saturated.append(float(np.count_nonzero(np.abs(x) > edge) / x.size))
    logits = _output_of(network.layers[-1])
    if logits is not None:
        rows = logits[:MOST_ROWS]
        sums = float(rows.sum(axis=1, dtype=np.float64).mean())
        signs.logits = float(rows.min()), float(rows.max()), sums


def some(array: NDArray[Any]) -> NDArray[Any]:
    """Return rows ``(k, d)`` that stand for all rows of an array ``(n, d)``, as a view."""
    return array[:: max(1, -(-array.size // MOST_WEIGHTS))]


def norm_of(some_rows: NDArray[Any], size: int) -> float:
    """Return the Euclidean norm of an array of so many numbers, from some of its rows."""
    flat = np.ascontiguousarray(some_rows).ravel()
    return sqrt(float(np.dot(flat, flat)) * size / max(1, flat.size))


def norm(array: NDArray[Any]) -> float:
    """Return the Euclidean norm of an array ``(n, d)``; of a large one, an estimate."""
    return norm_of(some(array), array.size)


def _output_of(layer: Layer) -> Any:
    return layer.__dict__.get("_output")


def _root_mean_square(x: NDArray[Any]) -> float:
    flat = np.ascontiguousarray(x).ravel()
    return sqrt(float(np.dot(flat, flat)) / max(1, flat.size))
