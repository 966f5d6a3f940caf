"""Whether rows of features are images, decided in one place for every source without a shape.

IDX files, folders of pictures and arrays ``(n, height, width)`` say that they are images. Rows
``(n, d)`` may as well be a table. A table whose number of columns happens to be square is no image:
its "background" means nothing, and inverting it would destroy it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.data.dataset import Dataset, square_shape
from inknet.errors import InputError, InputWarning

PIXEL_NAME = re.compile(r"(pixel|pix|px)[ _.-]?\d+([ _.x-]\d+)?|\d+x\d+", re.IGNORECASE)
"""As in the files of Kaggle and OpenML: ``pixel0``, ``pixel_0_1``, ``1x1``."""
NUMBERED_NAME = re.compile(r"(\D*)(\d+)")
"""A name that says nothing: ``0``, ``x1``, ``column 2``."""
SMALLEST_SIDE = 8  # pixels; in a smaller square, chance is enough to look like an image
LEAST_CORRELATION = 0.25  # of neighbouring pixels; 0.3 to 0.8 in images of 8×8 to 28×28
LEAST_FALL = 0.1  # of the correlation, from neighbours to pixels half a row apart
LARGEST_INK = 0.9  # of a side; 20/28 in MNIST, and all of it in pictures that are only resized
MOST_VALUES = 1 << 21  # that are looked at
TRANSPOSED_AT_ONCE = 1024  # images


def image_shape_of(features: NDArray[Any], names: Sequence[str] = ()) -> tuple[int, int] | None:
    """Return ``(side, side)`` if rows of features are square images, else None.

    The names of the columns decide if they say what is in them: ``pixel0`` is a pixel, ``age`` is
    not. Otherwise the values decide. In an image, a pixel is like the one below it, and less like
    one in its own row that is half a row away. The columns of a table are unrelated, or all related
    alike, or (in time series) the more alike the closer they are in the row. A time series with a
    period of one row is like an image but at its edges: there, the end of a row goes on at the
    beginning of the next.

    Parameters
    ----------
    features : (n, d)
    names
        The names of the columns, if they have any.
    """
    shape = square_shape(features.shape[1])
    if shape is None:
        return None
    if names and all(PIXEL_NAME.fullmatch(name) for name in names):
        return shape
    if names and numbers_in(names) is None:
        return None
    return shape if _looks_like_images(features, shape[0]) else None


def numbers_in(names: Sequence[str]) -> list[int] | None:
    """Return the numbers of names that differ in these only, or None if there are others."""
    found = [match for match in map(NUMBERED_NAME.fullmatch, names) if match]
    if len(found) < len(names) or len({match[1] for match in found}) > 1:
        return None
    return [int(match[2]) for match in found]


def as_images(dataset: Dataset) -> Dataset:
    """Return a dataset that says whether it is of images, also where its source did not."""
    if dataset.image_shape is not None or not dataset.is_grey:
        return dataset
    return replace(dataset, image_shape=image_shape_of(dataset.features))


def transposed(dataset: Dataset) -> Dataset:
    """Return a dataset of images whose rows and columns are exchanged; `InputError` if of others.

    The images are then in memory, also if those of the dataset are not.
    """
    images = as_images(dataset)
    if images.image_shape is None:
        raise InputError(f"{dataset.name}: to be transposed, but these are not images")
    height, width = images.image_shape
    features = np.empty_like(images.features, subok=False)
    for start in range(0, len(features), TRANSPOSED_AT_ONCE):
        part = images.features[start : start + TRANSPOSED_AT_ONCE]
        turned = part.reshape(-1, height, width).transpose(0, 2, 1)
        features[start : start + len(part)] = turned.reshape(len(part), -1)
    return replace(images, features=features, image_shape=(width, height))


def image_facts(dataset: Dataset) -> dict[str, Any]:
    """Return what a model keeps about the images that it is trained on.

    Pixels may also be floating-point numbers from 0 to 1. Of other numbers, only the shape is kept.
    """
    some = dataset.subset(np.arange(0, len(dataset), 1 + len(dataset) // 1000))
    features = some.stored()
    if features.dtype != np.uint8:
        if not (features.min() >= 0 and features.max() <= 1):
            return {"image_shape": dataset.image_shape, "light_background": None, "crop": None}
        features = np.rint(255 * features.astype(np.float32)).astype(np.uint8)
    images = as_images(
        replace(some, features=features, labels=some.targets, rows=None, groups=None)
    )
    return {
        "image_shape": images.image_shape,
        "light_background": images.light_background,
        "crop": None if images.image_shape is None else _has_margins(images),
    }


def warn_of_other_background(
    dataset: Dataset, image_shape: tuple[int, int] | None, light_background: bool | None
) -> None:
    """Warn if images are light and those of the training were dark, or the reverse.

    Parameters
    ----------
    dataset
        On the scale of the model. Of fewer than ten samples, nothing is said.
    image_shape, light_background
        Of the training.
    """
    if light_background is None or len(dataset) < 10:
        return
    images = replace(dataset, image_shape=image_shape)
    if images.light_background not in (None, light_background):
        found, learned = ("dark", "light") if light_background else ("light", "dark")
        warnings.warn(
            f"{dataset.name}: images on a {found} background, but the model was trained on images "
            f"on a {learned} one; subtract them from the value of white",
            InputWarning,
            stacklevel=2,
        )


def _has_margins(images: Dataset) -> bool:
    """Return whether most images are ink on a clear background that touches no two edges."""
    if (light := images.light_background) is None:
        return False
    sample = images.images(np.arange(len(images)))
    strength = 255 - sample if light else sample
    ink = strength > strength.max() // 4
    sides = [ink.any(axis=axis).sum(axis=1) / ink.shape[3 - axis] for axis in (1, 2)]
    return bool(np.median(np.maximum(*sides)) <= LARGEST_INK)


def _looks_like_images(features: NDArray[Any], side: int) -> bool:
    """Return whether neighbours in both directions are alike, and distant pixels less."""
    if side < SMALLEST_SIDE:
        return False
    n_rows = min(1000, max(50, MOST_VALUES // features.shape[1]))
    sample = features[:: 1 + len(features) // n_rows].astype(np.float32)
    if not np.isfinite(sample).all():
        return False
    sample -= sample.mean(axis=0)
    deviation = np.sqrt(np.mean(sample**2, axis=0))
    varies = (deviation > 0).reshape(side, side)
    pixels = (sample / np.where(deviation > 0, deviation, 1)).reshape(-1, side, side)

    def correlation(down: int, right: int) -> float:
        """Return the mean correlation of pixels that are so many rows and columns apart."""
        here = slice(None, side - down), slice(None, side - right)
        there = slice(down, None), slice(right, None)
        both = varies[here] & varies[there]
        if not both.any():
            return 0.0
        products: NDArray[Any] = (pixels[:, *here] * pixels[:, *there]).mean(axis=0)
        return float(products[both].mean())

    vertical, horizontal, far = correlation(1, 0), correlation(0, 1), correlation(0, side // 2)
    if min(vertical, horizontal) < LEAST_CORRELATION or vertical - far < LEAST_FALL:
        return False
    both = varies[:-1, -1] & varies[1:, 0]
    if both.mean() < 0.5:  # no edges to be judged by
        return True
    from_row_to_row: NDArray[Any] = (pixels[:, :-1, -1] * pixels[:, 1:, 0]).mean(axis=0)
    return float(from_row_to_row[both].mean()) < (horizontal + far) / 2
