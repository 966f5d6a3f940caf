"""Groups: samples that belong together, such as all of one person, and stay in one part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inknet.errors import InputError, quoted

Codes: TypeAlias = NDArray[np.intp]

FOLD = re.compile(r"([1-9]\d{0,3})/([1-9]\d{0,3})")
MOST_CELLS = 50_000_000  # of a table of groups and classes; a larger one is not balanced by class
MOST_MOVES = 300_000  # looks at a group; a part is about as good after three at each
MOST_PASSES = 20
UNKNOWN = -1
"""The group of samples of an official test set whose groups are not known."""


class NoGroupsError(InputError):
    """A source has no groups of the name that was asked for."""


class Shuffler(Protocol):
    """A generator of NumPy, of the new kind or the old."""

    def permutation(self, x: int, /) -> NDArray[np.int64]:
        """Return the numbers below ``x`` in random order."""
        ...


def numbered_groups(values: ArrayLike, n_samples: int, where: str) -> Codes:
    """Return the group of each sample as a number.

    Parameters
    ----------
    values : (n_samples,) of whole numbers, numbers, text or bool
        The group of each sample.
    n_samples
        How many there must be.
    where
        What to call them in messages.

    Returns
    -------
    (n_samples,) intp
        From 0; equal where the values are.

    Raises
    ------
    InputError
        If there are more or fewer, or a sample has none.
    """
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "biufUSO":
        raise InputError(
            f"{where}: {array.dtype} of shape {array.shape}, expected one group for each sample, "
            "(n,), as numbers or text"
        )
    if len(array) != n_samples:
        raise InputError(f"{where}: {len(array):,} groups for {n_samples:,} samples")
    if array.dtype.kind == "O":
        missing = np.array([one is None or one != one for one in array.tolist()], bool)
        array = np.array([str(one) for one in array.tolist()])
    else:
        missing = np.isnan(array) if array.dtype.kind == "f" else np.zeros(len(array), bool)
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise InputError(f"{where}: sample {row} (counted from 0) has no group, it is missing")
    codes: Codes = np.unique(array, return_inverse=True)[1].astype(np.intp).reshape(-1)
    return codes


def fold_of(text: str) -> tuple[int, int]:
    """Return which fold of how many ``"2/6"`` is; `InputError` if it is none."""
    match = FOLD.fullmatch(text)
    number, n_folds = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= number <= n_folds or n_folds < 2:
        raise InputError(f"fold is {quoted(text)!r}; expected one of at least two, such as 2/6")
    return number, n_folds


def divide(
    groups: Codes,
    labels: NDArray[np.integer] | None,
    shares: Sequence[float],
    generator: Shuffler,
    where: str,
) -> Codes:
    """Divide whole groups among parts, so that sizes and classes are near to the shares.

    The groups come in random order. Each goes where it leaves the least of
    ``Σ (count - wanted)² / wanted``, summed over the parts and over all samples and those of each
    class; then each is looked at again, until none is better elsewhere. No part stays empty.

    Parameters
    ----------
    groups : (n,)
        The group of each sample.
    labels : (n,) or None
        The class of each sample; None if there are no classes.
    shares
        What each part shall get of all samples; their sum is 1.
    generator
        Decides the order.
    where
        What has the groups, for messages.

    Returns
    -------
    (n,) intp
        The part of each sample, from 0.

    Raises
    ------
    InputError
        If there are fewer groups than parts.
    """
    numbers = np.unique(groups, return_inverse=True)[1].reshape(-1)
    n_groups, n_parts = int(numbers.max()) + 1, len(shares)
    if n_groups == 1:
        raise InputError(f"{where}: all samples are of one group; expected at least {n_parts}")
    if n_groups < n_parts:
        raise InputError(f"{where}: {n_groups} groups, too few for {n_parts} parts of whole groups")
    counts = _counts(numbers, labels, n_groups)
    wanted = np.outer(shares, counts.sum(axis=0))
    filled = np.zeros_like(wanted)
    part = np.full(n_groups, -1)
    order = generator.permutation(n_groups)
    for _ in range(min(MOST_PASSES, max(2, MOST_MOVES // n_groups))):
        before = part.copy()
        for group in order:
            own, count = part[group], counts[group]
            if own >= 0:
                filled[own] -= count
            costs = ((2 * (filled - wanted) + count) * count / wanted).sum(axis=1)
            chosen = int(costs.argmin())
            if own >= 0 and costs[own] <= costs[chosen] + 1e-9:
                chosen = own
            part[group] = chosen
            filled[chosen] += count
        if (part == before).all():
            break
    _leave_none_empty(part, counts, wanted, filled)
    return part[numbers].astype(np.intp)


def _counts(
    numbers: Codes, labels: NDArray[np.integer] | None, n_groups: int
) -> NDArray[np.float64]:
    """Return the samples of each group in the first column, and in the others by class."""
    sizes = np.bincount(numbers, minlength=n_groups).astype(np.float64)[:, None]
    if labels is None:
        return sizes
    present, classes = np.unique(labels, return_inverse=True)
    n_classes = len(present)
    if n_groups * n_classes > MOST_CELLS:
        return sizes
    cells = np.bincount(numbers * n_classes + classes.reshape(-1), minlength=n_groups * n_classes)
    return np.hstack([sizes, cells.reshape(n_groups, n_classes)])


def _leave_none_empty(
    part: Codes,
    counts: NDArray[np.float64],
    wanted: NDArray[np.float64],
    filled: NDArray[np.float64],
) -> None:
    """Give each empty part the group that is missed least in a part of several."""
    for empty in range(len(wanted)):
        if (part == empty).any():
            continue
        several = np.bincount(part, minlength=len(wanted)) > 1
        movable = np.flatnonzero(several[part])
        own, count = part[movable], counts[movable]
        here = ((2 * (filled[own] - wanted[own]) - count) * count / wanted[own]).sum(axis=1)
        there = ((count - 2 * wanted[empty]) * count / wanted[empty]).sum(axis=1)
        moved = movable[int((there - here).argmin())]
        filled[part[moved]] -= counts[moved]
        filled[empty] += counts[moved]
        part[moved] = empty
