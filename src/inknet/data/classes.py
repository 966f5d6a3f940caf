"""Labels of any kind become numbers of classes, and the classes get names."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.data.dataset import MOST_CLASSES, Dataset
from inknet.errors import InputError, InputWarning, quoted

MANY = 50  # classes; of more, each has some samples, or the labels are a quantity
FEW_SAMPLES = 5  # of a class, on average
LARGEST_WHOLE = 1 << 53  # float64 holds every whole number up to this


def named_classes(
    labels: NDArray[Any], where: str
) -> tuple[NDArray[np.integer[Any]], tuple[str, ...]]:
    """Return labels ``(n,)`` numbered from 0 without gaps, and the name of each class.

    The classes are the different labels, in their order, as in scikit-learn's classifiers: whole
    numbers from any number on, with gaps or without, texts, or False and True. Labels that are
    numbered from 0 already are returned unchanged.

    Parameters
    ----------
    labels : (n,)
        Whole numbers of any type, bool, or text.
    where
        What they are called in messages.

    Raises
    ------
    InputError
        If they are a quantity, not classes; or if there are too many of them.
    """
    is_float = labels.dtype.kind == "f"
    if is_float:
        labels = _whole(labels, where)
    if labels.dtype.kind in "iu" and len(labels) and _are_numbered(labels):
        n_classes = int(labels.max()) + 1
        _check(n_classes, len(labels), is_float, where)
        return labels, tuple(map(str, range(n_classes)))
    values, numbers = np.unique(labels, return_inverse=True)
    _check(len(values), len(labels), is_float, where)
    return numbers.reshape(-1).astype(np.intp), tuple(map(str, values.tolist()))


def one_label_each(where: str, labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels ``(n,)``, also of ``(n, 1)`` and of one-hot ``(n, n_classes)``."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.dtype.kind in "biuf" and labels.size:
        if not (((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all()):
            raise InputError(
                f"{where} has shape {labels.shape}, and not exactly one 1 in each row; expected "
                "one label for each sample, of shape (n,), or one-hot"
            )
        labels = labels.argmax(axis=1)
    if labels.ndim != 1 or labels.dtype.kind not in "biufUS":
        raise InputError(
            f"{where} is {labels.dtype} of shape {labels.shape}, "
            "expected whole numbers, bool or text of shape (n,) or (n, 1), or one-hot"
        )
    return as_text(where, labels)


def as_text(where: str, values: NDArray[Any]) -> NDArray[Any]:
    """Return bytes as the text that they are in UTF-8; any other array unchanged."""
    if values.dtype.kind != "S":
        return values
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{where} is text that is not UTF-8") from None


def _whole(labels: NDArray[Any], where: str) -> NDArray[np.int64]:
    """Return floating-point labels as whole numbers, or refuse them."""
    if not np.isfinite(labels).all():
        wrong = labels[~np.isfinite(labels)][0]
        raise InputError(f"{where}: label {wrong}, expected classes")
    fractional = labels != np.rint(labels)
    if fractional.any():
        raise InputError(_quantity(where, f"numbers such as {labels[fractional][0]:g}"))
    if float(np.abs(labels).max(initial=0)) > LARGEST_WHOLE:
        raise InputError(f"{where}: label {np.abs(labels).max():g}, expected classes")
    return labels.astype(np.int64)


def _are_numbered(labels: NDArray[np.integer[Any]]) -> bool:
    """Return whether the labels are all the numbers from 0 to some number below `MOST_CLASSES`."""
    low, high = int(labels.min()), int(labels.max())
    if low != 0 or high >= MOST_CLASSES:
        return False
    return bool(np.bincount(labels.astype(np.intp), minlength=high + 1).all())


def _check(n_classes: int, n_samples: int, may_be_quantity: bool, where: str) -> None:
    if may_be_quantity and n_classes > MANY and n_samples < FEW_SAMPLES * n_classes:
        raise InputError(
            _quantity(where, f"{n_classes:,} different numbers in {n_samples:,} samples")
        )
    if n_classes > MOST_CLASSES:
        raise InputError(
            f"{where}: {n_classes:,} different labels, expected at most {MOST_CLASSES:,} classes"
        )


def _quantity(where: str, found: str) -> str:
    return (
        f"{where}: {found} are a quantity, not classes; inknet learns classes, a regressor such "
        "as scikit-learn's MLPRegressor learns quantities"
    )


def renamed(dataset: Dataset, class_names: Sequence[str]) -> Dataset:
    """Return a dataset with other names for its classes.

    The names are those of the classes in their order, or those of the numbers from 0 on, some of
    which may have no samples.

    Raises
    ------
    InputError
        If there are fewer names than classes, or more and it is not clear whose they are.
    """
    old, n_names = dataset.class_names, len(class_names)
    if n_names == len(old):
        return replace(dataset, class_names=tuple(class_names))
    are_numbers = all(name.isascii() and name.isdecimal() for name in old)
    if are_numbers and n_names > max(map(int, old)):
        return replace(dataset, class_names=tuple(class_names[int(name)] for name in old))
    raise InputError(
        f"{dataset.name}: {n_names:,} names for the {len(old):,} classes "
        f"{quoted(', '.join(old))[:100]}; expected one for each"
    )


def without_absent_classes(dataset: Dataset) -> Dataset:
    """Return a dataset without the classes that no sample has; a warning names them."""
    counts = np.bincount(dataset.labels.astype(np.intp), minlength=dataset.n_classes)
    if counts.all():
        return dataset
    present = np.flatnonzero(counts)
    absent = [dataset.class_names[number] for number in np.flatnonzero(counts == 0)]
    listed = ", ".join(absent[:20]) + ", …" * (len(absent) > 20)
    warnings.warn(
        f"{dataset.name}: no sample of class {quoted(listed)}; left out", InputWarning, stacklevel=2
    )
    numbers = np.zeros(dataset.n_classes, np.intp)
    numbers[present] = np.arange(len(present))
    names = tuple(dataset.class_names[number] for number in present)
    return replace(dataset, labels=numbers[dataset.labels], class_names=names)
