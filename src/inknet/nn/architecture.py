"""The architecture of a network, and the checks that its parts fit together."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from inknet.nn.initializers import INITIALIZERS
from inknet.nn.layers import HIDDEN, Activation, BatchNorm, Dense, Dropout, Layer
from inknet.nn.losses import LOSSES

BATCH_NORM_PLACES = ("none", "before", "after")
LARGEST_BIAS = 1_000_000
"""Far above any useful start; this limit only keeps float32 from overflowing."""


@dataclass(frozen=True)
class Architecture:
    """The layers of a network, before any weight has a value.

    Attributes
    ----------
    layer_dims : sequence of int
        The width of the input, of each hidden layer, and the number of classes.
    activations : sequence of str
        One for each layer after the input; the last one is ``"softmax"``, the others are names of
        `inknet.nn.layers.HIDDEN`. If the last is ``"sigmoid"``, each output is a separate yes or
        no: for samples with any number of labels. `inknet.nn.losses.LOSSES` has the loss of each.
    keep_probs : sequence of float
        One for each layer after the input: the probability that dropout keeps a neuron, in
        ``(0, 1]``. The output layer keeps all: its entry is 1.
    batch_norm : str
        ``"none"``, or batch normalization of each hidden layer ``"before"`` or ``"after"`` its
        activation.
    initializer : str
        ``"he"``, ``"glorot"`` or ``"normal"``.
    bias_start : float
        Initial biases of layers with an activation of the ReLU family; all others start at 0. A
        small positive value makes every neuron active at first, so that it can learn.

    Raises
    ------
    ValueError
        In one line that names the attribute, the value and what is allowed.
    """

    layer_dims: Sequence[int]
    activations: Sequence[str]
    keep_probs: Sequence[float]
    batch_norm: str = "none"
    initializer: str = "he"
    bias_start: float = 0.01

    def __post_init__(self) -> None:
        for name in ("layer_dims", "activations", "keep_probs"):
            value = getattr(self, name)
            if isinstance(value, (str, bytes)) or not isinstance(value, (Sequence, np.ndarray)):
                raise ValueError(f"{name} is {value!r}; expected a list")
            object.__setattr__(self, name, tuple(value))
        self._check_layer_dims()
        self._check_activations()
        self._check_keep_probs()
        _check_one_of("batch_norm", self.batch_norm, BATCH_NORM_PLACES)
        _check_one_of("initializer", self.initializer, INITIALIZERS)
        if not _is_number(self.bias_start) or not abs(self.bias_start) <= LARGEST_BIAS:
            given = f"bias_start is {self.bias_start!r}"
            raise ValueError(f"{given}; expected a number within ±{LARGEST_BIAS:,}")
        # NumPy's numbers are accepted, but a description that is saved needs Python's
        for name, kind in (("layer_dims", int), ("activations", str), ("keep_probs", float)):
            object.__setattr__(self, name, tuple(map(kind, getattr(self, name))))
        object.__setattr__(self, "bias_start", float(self.bias_start))

    @property
    def n_parameters(self) -> int:
        """How many numbers a network of this architecture learns."""
        arrays = [array for layer in self.layers() for array in layer.learned]
        return sum(array.size for array in arrays if array.kind != "statistic")

    def layers(self) -> list[Layer]:
        """Return the layers of each hidden block, then the output layer.

        A block is Dense, batch normalization and activation in either order, and dropout. The
        layers have no arrays yet, so this takes almost no memory.
        """
        layers: list[Layer] = []
        *hidden, output = pairwise(self.layer_dims)
        for (fan_in, width), name, keep_prob in zip(hidden, self.activations, self.keep_probs):  # noqa: B905
            activation = HIDDEN[name](width)
            layers.append(Dense(fan_in, width, self.bias_start if activation.rectifies else 0.0))
            block = [activation]
            if self.batch_norm != "none":
                block.insert(0 if self.batch_norm == "before" else 1, BatchNorm(width))
            if keep_prob < 1:
                block.append(Dropout(keep_prob))
                if isinstance(block[-2], Activation):  # one layer does both
                    block[-2:] = [Activation(block[-2].function, keep_prob)]
            layers += block
        return [*layers, Dense(*output)]

    def require_softmax(self) -> None:
        """Raise `ValueError` unless each sample has exactly one class."""
        last = self.activations[-1]
        if last != "softmax":
            raise ValueError(f"activations ends with {last!r}; the output layer is 'softmax' here")

    def _check_layer_dims(self) -> None:
        given = f"layer_dims is {list(self.layer_dims)}; expected"
        if len(self.layer_dims) < 2:
            raise ValueError(f"{given} at least the width of the input and the number of classes")
        for width in self.layer_dims:
            if not isinstance(width, (int, np.integer)) or isinstance(width, bool) or width < 1:
                raise ValueError(f"{given} whole numbers from 1, not {width!r}")
        last = self.layer_dims[-1]
        if last < 2 and self.activations[-1:] == ("softmax",):
            raise ValueError(f"layer_dims ends with {last}; expected 2 classes or more")

    def _check_activations(self) -> None:
        self._check_length("activations")
        *hidden, last = self.activations
        if "softmax" in hidden:
            allowed = f"the output layer only (hidden layers: {', '.join(HIDDEN)})"
            raise ValueError(f"activations has softmax in the middle; it belongs to {allowed}")
        for name in hidden:
            _check_one_of("activations", name, HIDDEN)
        if last not in LOSSES:
            expected = "'softmax', or in inknet.nn and MLPClassifier 'sigmoid' for several labels"
            raise ValueError(f"activations ends with {last!r}; the output layer is {expected}")

    def _check_keep_probs(self) -> None:
        self._check_length("keep_probs")
        given, last = f"keep_probs is {list(self.keep_probs)}; expected", self.keep_probs[-1]
        for value in self.keep_probs:
            if not _is_number(value) or not 0 < value <= 1:
                raise ValueError(f"{given} probabilities above 0 and up to 1, not {value!r}")
        if last != 1:
            expected = "the output layer drops nothing, so its entry is 1.0"
            raise ValueError(f"keep_probs ends with {last:g}; {expected}")

    def _check_length(self, name: str) -> None:
        n_given, n_layers = len(getattr(self, name)), len(self.layer_dims) - 1
        if n_given != n_layers:
            expected = f"{n_layers}, one for each layer after the input of layer_dims"
            raise ValueError(
                f"{name} has {n_given} entries; expected {expected} {list(self.layer_dims)}"
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _check_one_of(name: str, value: Any, allowed: Any) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} is {value!r}; expected one of {', '.join(allowed)}")
