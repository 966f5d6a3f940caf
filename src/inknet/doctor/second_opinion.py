"""A second opinion: what two simple models reach on the same samples.

A network that stays behind both has not learned what is there to learn; where both fail too, the
samples do not tell the classes apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.doctor.facts import Rows, evenly

MOST_LEARNED, MOST_JUDGED = 1_000, 500
MOST_FEATURES = 4_000
NEIGHBOURS = 5
"""Of which the most frequent class is the answer."""
WITNESSES, AGREED, LONELY = 15, 9, 1
"""A label is contradicted if 9 of 15 neighbours are of one other class, at most 1 of its own."""
RIDGE = 0.1
"""The penalty of the linear model, as a share of the number of samples."""


@dataclass(frozen=True)
class SecondOpinion:
    """What simple models reach on validation samples, of whose features each is standardized.

    Attributes
    ----------
    linear, nearest : float
        The accuracy of ridge regression to one-hot targets, and of the nearest neighbours.
    majority : float
        The share of the class that is most frequent in training.
    n : int
        The validation samples that were judged.
    contradicted : (k,) integer
        Validation samples whose nearest neighbours are of one other class: their positions.
    n_pairs : int
        How many pairs of classes the contradictions are of.
    """

    linear: float
    nearest: float
    majority: float
    n: int
    contradicted: NDArray[np.intp]
    n_pairs: int

    @property
    def best(self) -> float:
        """The accuracy of the better one."""
        return max(self.linear, self.nearest)


def second_opinion(train: Rows, validation: Rows, n_classes: int) -> SecondOpinion:
    """Fit both models to at most 1,000 samples, and judge them on at most 500."""
    some, judged = evenly(len(train.targets), MOST_LEARNED), evenly(len(validation.targets), 500)
    columns = evenly(train.features.shape[1], MOST_FEATURES)
    X = train.features[some][:, columns].astype(np.float64)
    Xv = validation.features[judged][:, columns].astype(np.float64)
    y, yv = train.targets[some], validation.targets[judged]
    centre, spread = X.mean(axis=0), X.std(axis=0)
    # pixels that are ink in one image of a thousand must not count as much as all others together
    spread = np.where(spread > 0, np.maximum(spread, 0.05 * spread.max(initial=0.0)), 1.0)
    if _have_scales_of_their_own(X):
        spread = np.where(X.std(axis=0) > 0, X.std(axis=0), 1.0)
    X, Xv = (X - centre) / spread, (Xv - centre) / spread
    linear = _linear(X, np.eye(n_classes)[y], Xv)
    votes, other = _neighbours(X, y, Xv, yv, n_classes)
    wrong = other >= 0
    return SecondOpinion(
        linear=float(np.mean(linear == yv)),
        nearest=float(np.mean(votes == yv)),
        majority=float(np.mean(yv == np.bincount(y, minlength=n_classes).argmax())),
        n=len(yv),
        contradicted=validation.positions[judged[wrong]],
        n_pairs=len(set(zip(yv[wrong].tolist(), other[wrong].tolist(), strict=True))),
    )


def _have_scales_of_their_own(X: NDArray[Any]) -> bool:
    """Whether columns differ so much in scale that they cannot be pixels."""
    spread = X.std(axis=0)
    varied = spread[spread > 0]
    return bool(len(varied)) and bool(np.median(varied) < 0.05 * varied.max())


def _linear(X: NDArray[Any], T: NDArray[Any], Xv: NDArray[Any]) -> NDArray[np.intp]:
    """Return the classes that ridge regression gives, in the form with fewer unknowns."""
    n, d = X.shape
    offset = T.mean(axis=0)
    penalty = RIDGE * n
    if d <= n:
        weights = np.linalg.solve(X.T @ X + penalty * np.eye(d), X.T @ (T - offset))
        scores = Xv @ weights
    else:
        scores = Xv @ X.T @ np.linalg.solve(X @ X.T + penalty * np.eye(n), T - offset)
    classes: NDArray[np.intp] = (scores + offset).argmax(axis=1)
    return classes


def _neighbours(
    X: NDArray[Any], y: NDArray[np.intp], Xv: NDArray[Any], yv: NDArray[np.intp], n_classes: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the class that most neighbours have; and the one that contradicts a label, or -1."""
    distances = (X**2).sum(axis=1) - 2 * (Xv @ X.T)  # and the square of Xv, the same in a row
    few, many = min(NEIGHBOURS, len(X)), min(WITNESSES, len(X))
    votes = _counts(distances, y, few, n_classes).argmax(axis=1)
    counts = _counts(distances, y, many, n_classes)
    top, own = counts.argmax(axis=1), counts[np.arange(len(yv)), yv]
    against = (top != yv) & (counts.max(axis=1) >= AGREED) & (own <= LONELY)
    return votes, np.where(against, top, -1)


def _counts(
    distances: NDArray[Any], y: NDArray[np.intp], k: int, n_classes: int
) -> NDArray[np.intp]:
    """Return how many of the k nearest are of each class, ``(n, n_classes)``."""
    nearest = y[np.argpartition(distances, k - 1, axis=1)[:, :k]]
    return np.stack([(nearest == label).sum(axis=1) for label in range(n_classes)], axis=1)
