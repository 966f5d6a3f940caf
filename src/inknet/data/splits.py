"""Split a dataset at random into training, validation and test parts: by samples or by groups."""

from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inknet.data.dataset import Dataset
from inknet.errors import InputError
from inknet.groups.dividing import UNKNOWN, divide, fold_of, numbered_groups


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
    groups: ArrayLike | None = None,
    holdout: Literal["samples", "groups"] | None = None,
    fold: str | None = None,
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
    groups : (n,) of numbers or text, optional
        The group of each sample, such as the person whom it is of; without it, those of the
        dataset, if it has any. The samples of a group stay together in one part, the fractions are
        reached as nearly as whole groups allow, and each part has about its share of each class.
    holdout : {"samples", "groups"}, optional
        Whether single samples are held back, or whole groups; without it, groups if there are any.
    fold : str, optional
        ``"2/6"`` validates on the second of six parts of equal size, in place of the fraction
        ``validation``. With the same generator state, the six are disjoint, are all samples that
        are not for testing, and have the same test part.

    Returns
    -------
    Splits
        The parts, which share the arrays of the dataset.

    Raises
    ------
    InputError
        If a part would be empty, the fractions are not between 0 and 1 with a sum below 1, the
        limit is below 1, or there are fewer groups than parts.
    """
    if not (0 < validation < 1 and 0 < test < 1 and validation + test < 1):
        raise InputError(
            f"validation is {validation!r} and test is {test!r}; expected fractions above 0 with "
            "a sum below 1"
        )
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit!r}; expected a whole number from 1")
    if holdout not in (None, "samples", "groups"):
        raise InputError(f"holdout is {holdout!r}; expected samples or groups")
    if groups is not None:
        dataset = with_groups(dataset, groups)
    if holdout == "groups" and dataset.groups is None:
        raise InputError(f"{dataset.name}: no groups to hold back are known")
    n_samples = len(dataset)
    use_official = official_test and dataset.n_official_test > 0
    n_pool = n_samples - dataset.n_official_test if use_official else n_samples
    pool = generator.permutation(n_pool)[:limit]
    fractions = (validation, 0.0 if use_official else test)
    own_groups = None if holdout == "samples" else dataset.own_groups
    if own_groups is not None:
        by_part = _by_groups(dataset, own_groups[pool], pool, fractions, fold, generator)
    else:
        strata = [pool]
        if stratified:
            labels = dataset.targets[pool]
            strata = [pool[labels == c] for c in range(dataset.n_classes)]
        by_part = _cut(strata, fractions, fold)
    train_rows, validation_rows, test_rows = by_part
    if use_official:
        test_rows = np.arange(n_pool, n_samples)
    if stratified and own_groups is None:  # the rows are sorted by class; shuffle them again
        train_rows = generator.permutation(train_rows)

    parts = {"train": train_rows, "validation": validation_rows, "test": test_rows}
    for part, rows in parts.items():
        if len(rows) == 0:
            raise InputError(
                f"{dataset.name}: the {part} part is empty "
                f"({len(pool):,} samples, validation {validation:g}, test {test:g})"
            )
    return Splits(*(dataset.subset(rows) for rows in parts.values()))


def with_groups(dataset: Dataset, groups: ArrayLike, name: str = "groups") -> Dataset:
    """Return a dataset whose samples belong to these groups.

    Parameters
    ----------
    dataset : Dataset
        All its rows, or a selection.
    groups : (n,) of numbers or text
        The group of each sample.
    name : str
        What they are called in messages and reports.

    Returns
    -------
    Dataset
        It shares the other arrays.

    Raises
    ------
    InputError
        If there are more or fewer groups than samples, or one is missing.
    """
    codes = numbered_groups(groups, len(dataset), f"{dataset.name}: {name}")
    if dataset.rows is not None:
        stored = np.full(len(dataset.labels), UNKNOWN, np.intp)
        stored[dataset.rows] = codes
        codes = stored
    return replace(dataset, groups=codes, group_name=name)


def _by_groups(
    dataset: Dataset,
    groups: NDArray[np.intp],
    pool: NDArray[np.intp],
    fractions: tuple[float, float],
    fold: str | None,
    generator: np.random.Generator,
) -> list[NDArray[np.intp]]:
    """Divide a pool of rows by whole groups: train, validation, test."""
    where = f"{dataset.name}: {dataset.group_name or 'groups'}"
    if (groups == UNKNOWN).any():
        raise InputError(f"{where}: the groups of the test samples are not known")
    labels = dataset.targets[pool]
    validation, test = fractions
    test_rows = np.empty(0, np.intp)
    if fold is None:
        shares = [1 - validation - test, validation, *([test] if test else [])]
        part = divide(groups, labels, shares, generator, where)
        return [pool[part == number] for number in range(3)]
    if test:
        is_test = divide(groups, labels, [1 - test, test], generator, where) == 1
        test_rows = pool[is_test]
        pool, groups, labels = pool[~is_test], groups[~is_test], labels[~is_test]
    number, n_folds = fold_of(fold)
    part = divide(groups, labels, [1 / n_folds] * n_folds, generator, where)
    return [pool[part != number - 1], pool[part == number - 1], test_rows]


def _cut(
    strata: list[NDArray[np.intp]], fractions: tuple[float, float], fold: str | None
) -> list[NDArray[np.intp]]:
    """Cut each stratum into train, validation and test; join the pieces of each part."""
    parts: list[list[NDArray[np.intp]]] = [[], [], []]
    start = 0  # the folds of a stratum begin where those of the one before ended
    for stratum in strata:
        if fold is None:
            first = round(fractions[0] * len(stratum))
            second = first + round(fractions[1] * len(stratum))
            validation, test, train = np.split(stratum, [first, second])
        else:
            number, n_folds = fold_of(fold)
            test, rest = np.split(stratum, [round(fractions[1] * len(stratum))])
            is_held_back = (start + np.arange(len(rest))) % n_folds == number - 1
            train, validation = rest[~is_held_back], rest[is_held_back]
            start += len(rest)
        for part, piece in zip(parts, (train, validation, test), strict=True):
            part.append(piece)
    return [np.concatenate(part) for part in parts]
