"""Arrays that a user hands over: checked once, at the edge, and refused in one line."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inknet.errors import InputError


def checked_features(
    X: ArrayLike, name: str, n_features: int, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return features as an array ``(n_samples, n_features)`` of uint8, float32 or float64.

    Parameters
    ----------
    X : (n_samples, n_features), or images (n_samples, height, width)
    name
        What they are called in the message.
    n_features
        As many as the model takes.
    dtype
        The type that other numbers are converted to.

    Raises
    ------
    InputError
        Naming what is wrong.
    """
    features = _as_array(X, name)
    if features.ndim == 3:  # a stack of images
        features = features.reshape(len(features), features.shape[1] * features.shape[2])
    if features.ndim != 2:
        raise InputError(f"{name} has shape {features.shape}; expected (n_samples, {n_features})")
    if features.shape[1] != n_features:
        is_transposed = features.shape[0] == n_features
        remedy = f": samples are rows here, pass {name}.T" if is_transposed else ""
        raise InputError(
            f"{name} has shape {features.shape}; expected (n_samples, {n_features}){remedy}"
        )
    if len(features) == 0:
        raise InputError(f"{name} holds no samples")
    if features.dtype.kind not in "biuf":
        raise InputError(f"{name} is of type {features.dtype}; expected numbers")
    if features.dtype not in (np.uint8, np.float32, np.float64):
        with np.errstate(over="ignore"):  # what overflows is refused later, by name
            features = features.astype(dtype)
    return np.ascontiguousarray(features)


def checked_labels(
    y: ArrayLike, name: str, n_samples: int, n_classes: int
) -> NDArray[np.integer[Any]]:
    """Return labels ``(n_samples,)``, whole numbers; raise `InputError` naming what is wrong."""
    labels = _as_array(y, name)
    if labels.ndim != 1:
        is_one_hot = labels.shape == (n_samples, n_classes)
        remedy = f": pass {name}.argmax(axis=1)" if is_one_hot else ""
        raise InputError(f"{name} has shape {labels.shape}; expected ({n_samples},){remedy}")
    if len(labels) != n_samples:
        raise InputError(f"{name} has {len(labels):,} labels for {n_samples:,} samples")
    if labels.dtype.kind not in "iu":
        raise InputError(f"{name} is of type {labels.dtype}; expected whole numbers")
    return labels


def refuse_other_scale(
    features: NDArray[Any], name: str, pixels: bool | None, dtype: np.dtype[Any]
) -> None:
    """Refuse features on another scale than a model learned from, and those out of range.

    Parameters
    ----------
    features : (n_samples, n_features)
    name
        What they are called in the message.
    pixels
        Whether the model learned from uint8 pixels; None if it has not learned yet.
    dtype
        The type of the model's numbers.
    """
    is_pixels = features.dtype == np.uint8
    if is_pixels and pixels is False:
        raise InputError(
            f"{name}: the features are uint8 pixels, but the model was trained on other "
            "numbers; pass them as floats on the same scale as then"
        )
    if not is_pixels:
        _refuse_not_finite(features, name, dtype)
        if pixels and (features.min() < 0 or features.max() > 1):
            raise InputError(
                f"{name}: the features are {features.dtype} from {features.min():g} to "
                f"{features.max():g}, but the model was trained on pixels; "
                "pass uint8, or floats from 0 to 1"
            )


def _refuse_not_finite(features: NDArray[Any], name: str, dtype: np.dtype[Any]) -> None:
    """Refuse nan, infinity and what ``dtype`` has no room for, naming the first such value."""
    largest = np.finfo(dtype).max
    if -largest <= features.min() and features.max() <= largest:  # false if there is a nan
        return
    row, column = np.argwhere(~(np.abs(features) <= largest))[0]
    raise InputError(
        f"{name}: the feature in row {row}, column {column} is {features[row, column]}; "
        f"expected finite numbers within the range of {dtype}"
    )


def _as_array(values: ArrayLike, name: str) -> NDArray[Any]:
    if isinstance(values, np.ma.MaskedArray):
        raise InputError(f"{name} is a masked array; fill in or leave out what is masked")
    try:
        return np.asarray(values)
    except ValueError:
        raise InputError(f"{name} has rows of different lengths; expected an array") from None
