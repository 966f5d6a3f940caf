"""Split a dataset at random into training, validation and test parts, optionally stratified."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inknet.data.dataset import Dataset
from inknet.errors import InputError


class Splits(NamedTuple):
    """The three disjoint parts of a dataset.

    Attributes
    ----------
    train, validation, test : Dataset
        To learn from, to choose by, and to evaluate on.
    """

    train: Dataset
    validation: Dataset
    test: Dataset


def split(
    dataset: Dataset,
    generator: np.random.Generator,
    *,
    validation: float = 0.1,
    test: float = 0.1,
    official_test: bool = True,
    stratified: bool = False,
    limit: int | None = None,
) -> Splits:
    """Split a dataset at random.

    Parameters
    ----------
    dataset : Dataset
        The dataset to split.
    generator : numpy.random.Generator
        The source of randomness; the same generator state gives the same parts.
    validation, test : float
        The fraction of the samples for each; the rest is for training. If the source's own test
        set is used, ``validation`` is a fraction of the other samples and ``test`` is not used.
    official_test : bool
        Use the source's own test set if it has one.
    stratified : bool
        Split each class separately, so that all parts have the same share of it (to within one
        sample).
    limit : int, optional
        Split at most this many samples, drawn at random. The source's own test set, if it is used,
        is not limited.

    Returns
    -------
    Splits
        The parts, which share the arrays of the dataset.

    Raises
    ------
    InputError
        If a part would be empty, the fractions are not between 0 and 1 with a sum below 1, or the
        limit is below 1.
    """
    if not (0 < validation < 1 and 0 < test < 1 and validation + test < 1):
        raise InputError(
            f"validation is {validation!r} and test is {test!r}; expected fractions above 0 with "
            "a sum below 1"
        )
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit!r}; expected a whole number from 1")
    n_samples = len(dataset)
    use_official = official_test and dataset.n_official_test > 0
    n_pool = n_samples - dataset.n_official_test if use_official else n_samples
    pool = generator.permutation(n_pool)[:limit]
    fractions = (validation, 0.0 if use_official else test)
    if stratified:
        labels = dataset.targets[pool]
        groups = [pool[labels == c] for c in range(dataset.n_classes)]
    else:
        groups = [pool]
    validation_rows, test_rows, train_rows = _cut(groups, fractions)
    if use_official:
        test_rows = np.arange(n_pool, n_samples)
    if stratified:  # the rows are sorted by class; shuffle them again
        train_rows = generator.permutation(train_rows)

    parts = {"train": train_rows, "validation": validation_rows, "test": test_rows}
    for part, rows in parts.items():
        if len(rows) == 0:
            raise InputError(
                f"{dataset.name}: the {part} part is empty "
                f"({len(pool):,} samples, validation {validation:g}, test {test:g})"
            )
    return Splits(*(dataset.subset(rows) for rows in parts.values()))


def _cut(groups: list[NDArray[np.intp]], fractions: tuple[float, float]) -> list[NDArray[np.intp]]:
    """Cut each group at the two fractions; join the first, the second and the remaining pieces."""
    parts: list[list[NDArray[np.intp]]] = [[], [], []]
    for group in groups:
        first = round(fractions[0] * len(group))
        second = first + round(fractions[1] * len(group))
        for part, piece in zip(parts, np.split(group, [first, second]), strict=True):
            part.append(piece)
    return [np.concatenate(part) for part in parts]
