"""`Dataset`: rows of features with their labels. Every source of data is loaded into one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.data.mapped import fetch
from inknet.errors import InputError, printable

DARK = 64  # grey levels; as far from white is light
CLEAR_SHARE = 0.75  # of the pixels along the edges that are light, or dark, if the background is
MOST_CLASSES = 4_000  # their confusion matrix, 16 million numbers, is computed, written and read
MOST_NAME_CHARACTERS = 250_000  # of all class names together; the header of a model file has room
MOST_FEATURES = 512 * 512  # 256 neurons of so many weights take a gigabyte to train


@dataclass(frozen=True, eq=False)
class Dataset:
    """Features and labels, or some rows of them. Selections share the arrays and never copy them.

    Attributes
    ----------
    features : (n_stored, n_features)
        One sample per row, C-contiguous, numbers of any type. Pixels stay uint8 (0 to 255) until a
        batch is made. The array may be memory-mapped.
    labels : (n_stored,) integer
        The class of each row, in ``[0, n_classes)``.
    class_names : tuple of str
        The name of each class; the position is the label.
    image_shape : (height, width) or None
        How a row is laid out if it is an image.
    name : str
        The source, as named in messages, reports and run folders.
    n_official_test : int
        How many of the last stored rows are the source's own test set.
    rows : (n,) integer or None
        The selected rows, in order; ``None`` selects all.
    is_scaled : bool
        Whether the features are on a network's scale, where uint8 stands for 0 to 1. Otherwise
        their values decide what they stand for, see `inknet.scale`.
    feature_names : tuple of str
        The names of the columns of a table, or none.
    groups : (n_stored,) intp or None
        The group of each row, such as the person whom it is of; -1 where it is not known.
    group_name : str
        What the groups are called, such as ``subject``.
    is_deslanted : bool
        Whether these are images that were deslanted, see `inknet.scale.deslanting`.
    """

    features: NDArray[Any]
    labels: NDArray[np.integer[Any]]
    class_names: tuple[str, ...]
    image_shape: tuple[int, int] | None
    name: str
    n_official_test: int = 0
    rows: NDArray[np.intp] | None = None
    is_scaled: bool = False
    feature_names: tuple[str, ...] = ()
    groups: NDArray[np.intp] | None = None
    group_name: str = ""
    is_deslanted: bool = False

    def __post_init__(self) -> None:
        """Check that the parts fit together; raise an `InputError` naming the source if not."""
        if self.features.ndim != 2 or self.labels.ndim != 1:
            raise InputError(
                f"{self.name}: features must be (n, d) and labels (n,), "
                f"not {self.features.shape} and {self.labels.shape}"
            )
        if self.n_features > MOST_FEATURES:
            raise InputError(
                f"{self.name}: {self.n_features:,} features a sample, expected at most "
                f"{MOST_FEATURES:,}"
            )
        if len(self.features) != len(self.labels):
            raise InputError(
                f"{self.name}: {len(self.features):,} images but {len(self.labels):,} labels"
            )
        if self.groups is not None and len(self.groups) != len(self.labels):
            raise InputError(
                f"{self.name}: {len(self.groups):,} groups for {len(self.labels):,} samples"
            )
        if problem := _problem_of(tuple(self.class_names)):
            raise InputError(f"{self.name}: {problem}")
        if len(self.labels) == 0:
            raise InputError(f"{self.name}: holds no samples")
        if self.labels.dtype.kind not in "iu":
            raise InputError(
                f"{self.name}: the labels are of type {self.labels.dtype}; expected whole numbers"
            )
        if self.rows is None:  # for a selection, this was checked when the whole was made
            low, high = int(self.labels.min()), int(self.labels.max())
            if low < 0 or high >= self.n_classes:
                wrong = low if low < 0 else high
                raise InputError(
                    f"{self.name}: label {wrong} is outside the {self.n_classes} classes "
                    f"0 to {self.n_classes - 1}"
                )

    def __len__(self) -> int:
        """Return the number of selected rows."""
        return len(self.labels) if self.rows is None else len(self.rows)

    def __repr__(self) -> str:
        """Return the source, size and kind of the data on one line."""
        kind = (
            f"{self.image_shape[0]}×{self.image_shape[1]} images"
            if self.image_shape
            else f"{self.n_features} features"
        )
        return f"Dataset({self.name}: {len(self):,} × {kind}, {self.n_classes} classes)"

    @property
    def n_features(self) -> int:
        """Number of features."""
        return int(self.features.shape[1])

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def targets(self) -> NDArray[np.intp]:
        """The labels of the selected rows, ``(n,)``."""
        labels = self.labels if self.rows is None else self.labels[self.rows]
        return labels.astype(np.intp)

    @property
    def own_groups(self) -> NDArray[np.intp] | None:
        """The groups of the selected rows, ``(n,)``; None if the data have none."""
        return self.groups if self.groups is None or self.rows is None else self.groups[self.rows]

    @property
    def is_grey(self) -> bool:
        """Whether the features can be grey levels: uint8, or 0 to 1 on the scale of a network."""
        some = self.features[:1000]
        within = self.is_scaled and some.min() >= 0 and some.max() <= 1
        return some.dtype == np.uint8 or bool(within)

    @property
    def light_background(self) -> bool | None:
        """Whether these are pictures of dark ink on a light background (in MNIST it is dark).

        Decided by the pixels along the edges of up to 1,000 pictures, where ink is rare. None if
        they are neither mostly light nor mostly dark, as in photographs, or if these are tables.
        """
        if self.image_shape is None or not self.is_grey:
            return None
        some = self.subset(np.arange(0, len(self), 1 + len(self) // 1000)).stored()
        places = np.arange(self.n_features).reshape(self.image_shape)
        edges = np.concatenate([places[0], places[-1], places[:, 0], places[:, -1]])
        background = _grey(some[:, edges])
        dark, light = np.mean(background < DARK), np.mean(background > 255 - DARK)
        return bool(light > dark) if max(dark, light) >= CLEAR_SHARE else None

    def subset(self, positions: NDArray[np.intp]) -> Dataset:
        """Return a dataset of some samples, which shares the arrays of this one.

        Parameters
        ----------
        positions : (k,) integer
            Which samples, from 0, in the order wanted.

        Returns
        -------
        Dataset
            Of k samples.
        """
        rows = positions if self.rows is None else self.rows[positions]
        return replace(self, rows=rows)

    def stored(self) -> NDArray[Any]:
        """Return a copy of the features of the selected rows.

        Returns
        -------
        (n, n_features)
            In their stored type.
        """
        rows = np.arange(len(self)) if self.rows is None else self.rows
        return fetch(self.features, rows)

    def images(self, positions: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Return some images, for drawing.

        Parameters
        ----------
        positions : (k,) integer
            Which samples, from 0.

        Returns
        -------
        (k, height, width) uint8
            Grey levels; fractions are multiplied by 255.

        Raises
        ------
        InputError
            If the samples are no images.
        """
        if self.image_shape is None:
            raise InputError(f"{self.name}: its {self.n_features} features are not an image")
        return _grey(self.subset(positions).stored()).reshape(-1, *self.image_shape)


@lru_cache(maxsize=16)  # predictions make a dataset each, with the names of the model
def _problem_of(class_names: tuple[str, ...]) -> str:
    """Return what is wrong with the names of classes, or an empty text."""
    if len(set(class_names)) < len(class_names):
        return "two classes have the same name"
    if (n_characters := sum(map(len, class_names))) > MOST_NAME_CHARACTERS:
        return (
            f"the names of the classes have {n_characters:,} characters together, "
            f"expected at most {MOST_NAME_CHARACTERS:,}"
        )
    for name in class_names:
        if printable(name) != name:
            return f"the class name {name!a} cannot be printed"
    return ""


def _grey(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return grey levels of pixels that may be fractions."""
    if pixels.dtype == np.uint8:
        return pixels
    levels: NDArray[np.uint8] = np.rint(255 * pixels.clip(0, 1)).astype(np.uint8)
    return levels


def square_shape(n_features: int) -> tuple[int, int] | None:
    """Return ``(side, side)`` if this many pixels form a square image, else ``None``."""
    side = math.isqrt(n_features)
    return (side, side) if side * side == n_features else None
