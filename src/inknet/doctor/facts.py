"""Facts about samples: what can be wrong with them before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_ROWS = 1_000
"""So many rows, evenly spread, stand for the features of a part."""
CLOSE = 1e-3


@dataclass(frozen=True)
class Rows:
    """Some samples as numbers that a network sees.

    Attributes
    ----------
    features : (n, d) float32 or float64
    targets : (n,) integer
    positions : (n,) integer
        Their numbers in the part they are of.
    """

    features: NDArray[Any]
    targets: NDArray[np.intp]
    positions: NDArray[np.intp]


@dataclass(frozen=True)
class Facts:
    """What is known of one part of the data: of training or of validation samples.

    Attributes
    ----------
    n : int
        How many samples it has.
    counts : (n_classes,) integer
        Of each class.
    centre, spread, largest : (d,)
        Mean, standard deviation and largest magnitude of each column, from `MOST_ROWS` rows.
    order : float
        How often neighbours are of different classes, as a share of what a random order gives.
    are_images : bool
        Whether the columns are pixels, which share one scale.
    names : tuple of str
        Of the columns, or none.
    """

    n: int
    counts: NDArray[np.intp]
    centre: NDArray[Any]
    spread: NDArray[Any]
    largest: NDArray[Any]
    order: float
    are_images: bool
    names: tuple[str, ...] = ()

    def column(self, number: int) -> str:
        """Return what a column is called: its name, or its number among the features, from 0."""
        return f"column {self.names[number]!r}" if self.names else f"column {number}"

    @property
    def shares(self) -> NDArray[Any]:
        """The share of each class."""
        return self.counts / max(self.n, 1)


def facts_of(
    rows: Rows,
    targets: NDArray[np.intp],
    n_classes: int,
    *,
    are_images: bool = False,
    names: tuple[str, ...] = (),
) -> Facts:
    """Return the facts about a part of the data.

    Parameters
    ----------
    rows
        Some of its samples, evenly spread.
    targets : (n,)
        The classes of all its samples, in their order.
    n_classes
    are_images
    names
        Of the columns, or none.
    """
    X, n = rows.features, len(targets)
    counts = np.bincount(targets, minlength=n_classes)
    expected = 1 - float(((counts / n) ** 2).sum())
    changes = float(np.mean(targets[1:] != targets[:-1])) if n > 1 else 0.0
    return Facts(
        n=n,
        counts=counts,
        centre=X.mean(axis=0, dtype=np.float64),
        spread=X.std(axis=0, dtype=np.float64),
        largest=np.abs(X).max(axis=0).astype(np.float64),
        order=changes / expected if expected > 0 else 1.0,
        are_images=are_images,
        names=names,
    )


def evenly(n: int, most: int = MOST_ROWS) -> NDArray[np.intp]:
    """Return at most so many of the positions 0 to n - 1, evenly spread."""
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).astype(np.intp)


def duplicated_columns(X: NDArray[Any]) -> list[tuple[int, int]]:
    """Return pairs of columns that are equal, or of which one is the other times a factor.

    Constant columns are not compared.
    """
    spread = X.std(axis=0)
    varied = np.flatnonzero(spread > 0)
    Z = ((X[:, varied] - X[:, varied].mean(axis=0)) / spread[varied]).astype(np.float32)
    # equal columns have equal sums with any weights; a column and its negative, opposite ones
    weights = np.random.default_rng(0).normal(size=len(Z)).astype(np.float32)
    sums = np.abs(weights @ Z)
    order = np.argsort(sums, kind="stable")
    close = np.flatnonzero(np.diff(sums[order]) <= CLOSE)
    pairs = []
    for i in close:
        one, other = sorted((int(order[i]), int(order[i + 1])))
        if abs(float(np.mean(Z[:, one] * Z[:, other]))) > 1 - 1e-5:
            pairs.append((int(varied[one]), int(varied[other])))
    return pairs
