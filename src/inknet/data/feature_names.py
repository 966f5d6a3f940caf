"""The columns of a table, found again by their names in another table.

A model that learned from ``age, height`` and is given ``height, age`` would answer wrongly, and
nobody would notice. So a model keeps the names, and a table with names is brought into their order.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inknet.data.dataset import Dataset
from inknet.errors import InputError, InputWarning, quoted

MOST_NAMES = 10_000  # of more columns, and of longer names, nothing is kept
MOST_CHARACTERS = 250_000
NAMED_IN_MESSAGES = 5


def in_order(dataset: Dataset, expected: Sequence[str]) -> Dataset:
    """Return a dataset with the columns of these names, in their order.

    A dataset without names is returned unchanged, and so is any if no names are expected.
    """
    order = column_order(dataset.feature_names, expected, dataset.name)
    if order is None:
        return dataset
    return replace(
        dataset,
        features=np.ascontiguousarray(dataset.features[:, order]),
        feature_names=tuple(expected),
    )


def column_order(
    found: Sequence[str], expected: Sequence[str], where: str
) -> NDArray[np.intp] | None:
    """Return where the expected columns are among those found; None if all are in their places.

    Names are compared without regard to case if that is clear. A warning names columns that are
    left out. If as many columns are found, none of which has an expected name, a warning says that
    they are taken in their order.

    Raises
    ------
    InputError
        If some of the expected columns are found and others are not.
    """
    if not found or not expected or tuple(found) == tuple(expected):
        return None
    for same in (str, str.casefold):
        position = {same(name): i for i, name in enumerate(found)}
        wanted = [same(name) for name in expected]
        if len(position) < len(found) or len(set(wanted)) < len(wanted):
            continue  # two columns have one name
        missing = [name for name, key in zip(expected, wanted, strict=True) if key not in position]
        if not missing:
            order = np.array([position[key] for key in wanted], np.intp)
            if len(found) > len(expected):
                others = [name for name in found if same(name) not in set(wanted)]
                _warn(where, f"the model knows no {_listed(others)}; left out")
            return None if order.tolist() == list(range(len(found))) else order
    if len(found) == len(expected) and not set(found).intersection(expected):
        _warn(where, f"its columns are not called {_listed(expected)}; taken in their order")
        return None
    missing = [name for name in expected if name not in set(found)]
    if not missing:
        raise InputError(f"{where}: two columns have the same name, so which is which is not clear")
    raise InputError(f"{where}: no {_listed(missing)}, which the model learned from")


def kept_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that a model keeps: all of them, or none if they are too many."""
    if len(names) > MOST_NAMES or sum(map(len, names)) > MOST_CHARACTERS:
        return ()
    return tuple(names)


def _listed(names: Sequence[str]) -> str:
    some = ", ".join(repr(name[:40]) for name in names[:NAMED_IN_MESSAGES])
    more = f" and {len(names) - NAMED_IN_MESSAGES:,} more" * (len(names) > NAMED_IN_MESSAGES)
    return f"column{'s' * (len(names) > 1)} {quoted(some)}{more}"


def _warn(where: str, what: str) -> None:
    warnings.warn(f"{where}: {what}", InputWarning, stacklevel=3)
