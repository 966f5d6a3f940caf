"""What all contestants do: train the same network on the same images."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

PIXEL_SCALE = np.float32(1 / 255)


@dataclass(frozen=True)
class Task:
    """A network and one epoch of its training, in float32, with Adam at a constant rate.

    Attributes
    ----------
    layer_dims : tuple of int
        Widths from the input to the classes; the hidden layers are leaky ReLU.
    batch_size : int
        Every image is used once an epoch, so the last batch may be short.
    n_images : int
        How many images of MNIST's training set are learned from.
    keep_prob : float
        Probability that dropout keeps a neuron of a hidden layer; at 1 there is no dropout.
    label_smoothing : float
        How much of each target is spread evenly over all classes.
    batch_norm : bool
        Batch normalization of each hidden layer, before its activation.
    learning_rate, negative_slope : float
        Of Adam, and of the leaky ReLU.
    """

    layer_dims: tuple[int, ...]
    batch_size: int
    n_images: int = 33_600
    keep_prob: float = 1.0
    label_smoothing: float = 0.0
    batch_norm: bool = False
    learning_rate: float = 0.001
    negative_slope: float = 0.01

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Task:
        """Return the task that `to_json` was called on."""
        return cls(**{**values, "layer_dims": tuple(values["layer_dims"])})

    def to_json(self) -> dict[str, Any]:
        """Return the task as numbers, lists and strings."""
        return asdict(self)

    @property
    def fans(self) -> list[tuple[int, int]]:
        """The ``(fan_in, fan_out)`` of each dense layer."""
        return list(pairwise(self.layer_dims))

    @property
    def batch_sizes(self) -> list[int]:
        """The number of images in each step of an epoch."""
        n_full, rest = divmod(self.n_images, self.batch_size)
        return [self.batch_size] * n_full + [rest] * (rest > 0)

    def describe(self) -> str:
        """Return the task in a line."""
        dims = "-".join(map(str, self.layer_dims))
        parts = [dims, "leaky ReLU"]
        if self.batch_norm:
            parts.append("batch norm before it")
        if self.keep_prob < 1:
            parts.append(f"dropout {1 - self.keep_prob:g}")
        if self.label_smoothing:
            parts.append(f"label smoothing {self.label_smoothing:g}")
        parts += [f"Adam, batch {self.batch_size}", f"{self.n_images:,} images", "float32"]
        return ", ".join(parts)


N_MEASURED = 4_200
"""Images that each measures itself on after an epoch: as many learned from as held back."""

EPOCH = Task(
    layer_dims=(784, 128, 64, 32, 10),
    batch_size=128,
    keep_prob=0.7,
    label_smoothing=0.1,
)
BATCH_NORM = replace(EPOCH, batch_norm=True)
WIDE = Task(layer_dims=(784, 1024, 1024, 10), batch_size=256)


class Images(NamedTuple):
    """Images ``(n, 784)`` and labels ``(n,)``, both uint8: some to learn from, some to test on."""

    X_train: NDArray[np.uint8]
    y_train: NDArray[np.uint8]
    X_test: NDArray[np.uint8]
    y_test: NDArray[np.uint8]


def load_images(n_images: int) -> Images:
    """Return the first images of MNIST's training set, and its test set."""
    from inknet.data import load

    mnist = load("mnist")
    X, y = np.asarray(mnist.features), np.asarray(mnist.labels)
    n_train = len(X) - mnist.n_official_test
    if n_images > n_train:
        raise ValueError(f"n_images is {n_images:,}; MNIST has {n_train:,} to learn from")
    return Images(X[:n_images].copy(), y[:n_images].copy(), X[n_train:].copy(), y[n_train:].copy())


def held_back(task: Task) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return `N_MEASURED` images of MNIST's training set that the task does not learn from."""
    images = load_images(task.n_images + N_MEASURED)
    return images.X_train[task.n_images :], images.y_train[task.n_images :]


def scaled(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return pixels as float32 from 0 to 1."""
    return np.multiply(pixels, PIXEL_SCALE, dtype=np.float32)


class Arrays(NamedTuple):
    """What a framework makes arrays of its own of; images ``(n, 784)``, labels ``(n,)`` int32."""

    X_train: NDArray[Any]
    y_train: NDArray[np.int32]
    X_val: NDArray[Any]
    y_val: NDArray[np.int32]
    X_test: NDArray[np.float32]
    y_test: NDArray[np.int32]


def arrays_for(task: Task, pixels: bool) -> Arrays:
    """Return what to learn from, measure and test on; all but tests uint8 if ``pixels``.

    Raises
    ------
    ValueError
        If the task has batch normalization, which those who call this do not do.
    """
    if task.batch_norm:
        raise ValueError("this contestant has no batch normalization")
    images, (X_val, y_val) = load_images(task.n_images), held_back(task)
    labels = [y.astype(np.int32) for y in (images.y_train, y_val, images.y_test)]
    kept: list[NDArray[Any]] = [X if pixels else scaled(X) for X in (images.X_train, X_val)]
    return Arrays(kept[0], labels[0], kept[1], labels[1], scaled(images.X_test), labels[2])
