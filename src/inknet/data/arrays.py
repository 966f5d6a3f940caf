"""A source as six plain arrays, for users who do not need a `Dataset`."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inknet.data.sources import load
from inknet.data.splits import split, with_groups
from inknet.seeds import Streams


class _Six(NamedTuple):
    X_train: NDArray[Any]
    y_train: NDArray[np.intp]
    X_val: NDArray[Any]
    y_val: NDArray[np.intp]
    X_test: NDArray[Any]
    y_test: NDArray[np.intp]


class Arrays(_Six):
    """Features and labels of the three parts of a source: a tuple of six arrays.

    Attributes
    ----------
    X_train, X_val, X_test : (n, n_features)
        Features, in the type of the source.
    y_train, y_val, y_test : (n,) intp
        Labels from 0.
    class_names : tuple of str
        What the labels stand for, as `MLP` takes it; not one of the six.
    """

    class_names: tuple[str, ...] = ()


def load_arrays(
    source: str | Path = "sample",
    random_seed: int = 0,
    *,
    label: str | None = None,
    transpose: bool | None = None,
    groups: str | ArrayLike | None = None,
    **parts: Any,
) -> Arrays:
    """Load a source, split it at random and return copies of the parts.

    Parameters
    ----------
    source : str or Path
        ``"mnist"``, ``"sample"`` or a path, see `inknet.data.load`.
    random_seed : int
        The same seed gives the same split, here and in a recipe.
    label : str, optional
        Which column of a table has the labels: its name, ``first`` or ``last``.
    transpose : bool, optional
        Whether rows and columns of images are exchanged, see `inknet.data.load`.
    groups : str or (n,) of numbers or text, optional
        The group of each sample, whose samples stay together in one part: the name of a column or
        an array of the source, see `inknet.data.load`, or the groups themselves.
    **parts
        How to split: the keyword arguments of `inknet.data.split`.

    Returns
    -------
    Arrays
        ``X_train, y_train, X_val, y_val, X_test, y_test``; pixels are uint8. Its ``class_names``
        name the classes: ``MLP(…, class_names=arrays.class_names)``.

    Raises
    ------
    InputError
        If the source cannot be read, or cannot be split as ``parts`` say.
    """
    if groups is None or isinstance(groups, str):
        dataset = load(source, label=label, transpose=transpose, groups=groups)
    else:
        dataset = with_groups(load(source, label=label, transpose=transpose), groups)
    splits = split(dataset, Streams.from_seed(random_seed).split, **parts)
    arrays = Arrays(*(array for part in splits for array in (part.stored(), part.targets)))
    arrays.class_names = dataset.class_names
    return arrays
