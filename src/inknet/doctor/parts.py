"""The samples of a training as the doctor reads them: a `Dataset`, or those of an estimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.data import Dataset
from inknet.doctor.facts import Rows, evenly

MOST_HASHED = 60_000
MOST_COLUMNS = 12
"""Rows are compared by so many columns first, and in whole if these are equal."""


class Part:
    """Training or validation samples.

    Parameters
    ----------
    features : (n_stored, d)
        An array or a sparse matrix; uint8 stands for 0 to 1.
    targets : (n,) of classes
    rows : (n,) or None
        Which stored rows they are.
    are_images
        Whether the columns are pixels.
    names
        Of the columns, or none.
    """

    def __init__(
        self,
        features: Any,
        targets: NDArray[np.intp],
        rows: NDArray[np.intp] | None = None,
        *,
        are_images: bool = False,
        names: tuple[str, ...] = (),
    ) -> None:
        self.features, self.targets, self._rows = features, targets, rows
        self.are_images, self.names = are_images, names

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.targets)

    @property
    def width(self) -> int:
        """How many features a sample has."""
        return int(self.features.shape[1])

    def take(
        self, positions: NDArray[np.intp], columns: NDArray[np.intp] | None = None
    ) -> NDArray[Any]:
        """Return some samples ``(k, d)`` as a network sees them, or some of their columns."""
        stored = positions if self._rows is None else self._rows[positions]
        if hasattr(self.features, "toarray"):
            some = self.features[stored].toarray()
            some = some if columns is None else some[:, columns]
        elif columns is None:
            some = np.asarray(self.features[stored])
        else:
            some = np.asarray(self.features[stored[:, None], columns])
        if some.dtype == np.uint8:
            return np.asarray(some / np.float32(255), np.float32)
        return np.asarray(some, None if some.dtype.kind == "f" else np.float64)

    def some(self) -> Rows:
        """Return samples that stand for all of them."""
        positions = evenly(len(self))
        return Rows(self.take(positions), self.targets[positions], positions)


def part_of(samples: Any) -> tuple[Part | None, float]:
    """Return the samples of a training, and the share of them that have exactly one label.

    None for samples without classes; the share is 0 where each sample has one class anyway.
    """
    if samples is None:
        return None, 0.0
    if isinstance(samples, Dataset):
        are_images = samples.image_shape is not None
        arrays, names = (samples.features, samples.targets, samples.rows), samples.feature_names
        return Part(*arrays, are_images=are_images, names=names), 0.0
    targets = np.asarray(samples.targets)
    if targets.ndim == 1:
        return Part(samples.features, targets.astype(np.intp)), 0.0
    if targets.shape[1] == 1:
        return Part(samples.features, (targets[:, 0] > 0.5).astype(np.intp)), 0.0
    exclusive = float(np.mean(np.abs(targets.sum(axis=1) - 1) < 1e-6))
    if exclusive < 1:
        return None, exclusive
    return Part(samples.features, targets.argmax(axis=1)), exclusive


@dataclass(frozen=True)
class Repeats:
    """Rows that occur more than once.

    Attributes
    ----------
    across : int
        Validation samples that are among the training samples, too.
    compared : int
        Of so many.
    within : float
        The share of training samples that repeat an earlier one.
    """

    across: int
    compared: int
    within: float


def repeats(train: Part, validation: Part, spread: NDArray[Any]) -> Repeats:
    """Count the validation samples that are among the training samples, equal in every number.

    ``spread`` are the standard deviations of the columns: those that vary most are compared first.
    """
    columns = np.sort(np.argsort(-spread, kind="stable")[:MOST_COLUMNS])
    weights = np.random.default_rng(1).random(len(columns))  # different rows, different sums
    learned, judged = evenly(len(train), MOST_HASHED), evenly(len(validation))
    keys = train.take(learned, columns) @ weights
    others = validation.take(judged, columns) @ weights
    unique, first = np.unique(keys, return_index=True)
    place = np.searchsorted(unique, others).clip(max=len(unique) - 1)
    candidates = np.flatnonzero(unique[place] == others)
    theirs = train.take(learned[first[place[candidates]]])
    same = (validation.take(judged[candidates]) == theirs).all(axis=1)
    return Repeats(int(same.sum()), len(judged), 1 - len(unique) / len(keys))
