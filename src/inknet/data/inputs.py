"""Arrays that a user hands over: checked once, at the edge, and refused in one line."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inknet.data.dataset import Dataset
from inknet.data.layout import image_shape_of
from inknet.errors import InputError, InputWarning, quoted
from inknet.scale.deciding import DARK, PIXELS, ROWS, Scale, decided

NUMBER = (int, float, np.number, np.bool_)
WHOLE = (int, np.integer)


def checked_features(X: ArrayLike, name: str, n_features: int) -> NDArray[Any]:
    """Return features as an array ``(n_samples, n_features)`` of numbers of any type.

    Parameters
    ----------
    X : (n_samples, n_features), or images (n_samples, height, width)
    name
        What they are called in the message.
    n_features
        As many as the model takes.

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
    if features.dtype.kind not in "biuf" and hasattr(X, "columns"):
        features = _numbers_of_frame(X, name)
    if features.dtype.kind not in "biuf":
        remedy = f": pass {name}.astype(float)" if features.dtype.kind == "O" else ""
        raise InputError(f"{name} is of type {features.dtype}; expected numbers{remedy}")
    return np.ascontiguousarray(features)


def _numbers_of_frame(frame: Any, name: str) -> NDArray[np.float64]:
    """Return the numbers of a frame of pandas or Polars that has columns of other types too.

    Missing numbers become nan, which is refused where all numbers are looked at.

    Raises
    ------
    InputError
        If columns hold text or other things, naming them.
    """
    numbers, others = [], []
    for position, name_of_column in enumerate(frame.columns):
        # of pandas by position: two columns may have one name
        column = frame.iloc[:, position] if hasattr(frame, "iloc") else frame[name_of_column]
        values = np.asarray(column)
        if values.dtype.kind == "O" and all(isinstance(value, NUMBER) for value in values):
            values = values.astype(np.float64)
        if values.dtype.kind in "biuf" and values.ndim == 1:
            numbers.append(values)
        elif hasattr(getattr(column, "dtype", None), "na_value") and (
            column.dtype.kind in "biuf"  # numbers of pandas that may be missing
        ):
            numbers.append(column.to_numpy(np.float64, na_value=np.nan))
        else:
            others.append(repr(name_of_column))
    if others:
        listed = quoted(", ".join(others[:20]))
        raise InputError(
            f"{name} has columns that are not numbers: {listed}; leave them out, or make numbers "
            "of them, as pandas.get_dummies does"
        )
    return np.column_stack(numbers).astype(np.float64)


def checked_dataset(
    X: ArrayLike,
    y: ArrayLike | None,
    part: str,
    n_features: int,
    class_names: tuple[str, ...],
    image_shape: tuple[int, int] | None,
) -> Dataset:
    """Return features and labels as a dataset, each checked as below.

    Parameters
    ----------
    X : (n_samples, n_features), or images (n_samples, height, width)
    y : (n_samples,), or None if they are not known
    part
        What is added to ``X`` and ``y`` in messages.
    n_features, class_names, image_shape
        Of the model.
    """
    features = checked_features(X, f"X{part}", n_features)
    if y is None:
        labels: NDArray[np.integer[Any]] = np.zeros(len(features), np.intp)
        name = f"X{part}"
    else:
        labels = checked_labels(y, f"y{part}", len(features), len(class_names))
        name = f"X{part}, y{part}"
    if np.ndim(X) == 3:
        _, *shape = np.shape(X)
        if image_shape is not None and tuple(shape) != image_shape:
            theirs, ours = (f"{height}×{width}" for height, width in (shape, image_shape))
            raise InputError(f"X{part} has images of {theirs}; the model was trained on {ours}")
        image_shape = (shape[0], shape[1])
    columns = list(getattr(X, "columns", ()))
    names = tuple(columns) if all(isinstance(column, str) for column in columns) else ()
    return Dataset(features, labels, class_names, image_shape, name, feature_names=names)


def checked_labels(
    y: ArrayLike, name: str, n_samples: int, n_classes: int
) -> NDArray[np.integer[Any]]:
    """Return labels ``(n_samples,)``, whole numbers; raise `InputError` naming what is wrong."""
    labels = _as_array(y, name)
    if hasattr(y, "columns") and labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    is_of_pandas = hasattr(y, "iloc")  # whose whole numbers that may be missing are objects
    if is_of_pandas and labels.dtype.kind == "O" and all(isinstance(one, WHOLE) for one in labels):
        labels = labels.astype(np.int64)
    if labels.ndim != 1:
        is_one_hot = labels.shape == (n_samples, n_classes)
        remedy = f": pass {name}.argmax(axis=1)" if is_one_hot else ""
        raise InputError(f"{name} has shape {labels.shape}; expected ({n_samples},){remedy}")
    if len(labels) != n_samples:
        raise InputError(f"{name} has {len(labels):,} labels for {n_samples:,} samples")
    if labels.dtype.kind not in "iu":
        remedy = ""
        if labels.dtype.kind in "OUST":
            remedy = f": pass class_names, {name} = np.unique({name}, return_inverse=True)"
        raise InputError(f"{name} is of type {labels.dtype}; expected whole numbers{remedy}")
    return labels


def scale_of(dataset: Dataset, dtype: np.dtype[Any]) -> Scale:
    """Return the scale of training data, see `inknet.scale`; warn if it cannot be known.

    Parameters
    ----------
    dataset
        All that its source holds is looked at, not only the selected rows.
    dtype
        The type of the model's numbers.
    """
    features, is_pixels = dataset.features, dataset.features.dtype == np.uint8
    if is_pixels and dataset.is_scaled:
        return PIXELS
    _refuse_not_finite(features, dataset.name, dtype)
    scale, doubt = decided(features, are_images=dataset.image_shape is not None)
    # images need not say so; dark ones, and fractional levels, are pixels only in images
    may_be_pixels = scale.full < 128 and (scale.low or 0) >= 0 and (scale.high or 0) >= DARK
    if may_be_pixels and image_shape_of(features) is not None:
        scale, doubt = decided(features, are_images=True)
    _warn(dataset, doubt)
    return scale


def on_scale(dataset: Dataset, scale: Scale | None, dtype: np.dtype[Any]) -> Dataset:
    """Return a dataset on the scale that a model learned from; warn if that is in doubt.

    Parameters
    ----------
    dataset
        As it was read or passed; one that is on the scale already is returned unchanged.
    scale
        None if the model has not learned yet: then only the types are converted.
    dtype
        The type of the model's numbers.

    Raises
    ------
    InputError
        If the features are on another scale, or out of range, or not finite.
    """
    features, is_pixels = dataset.features, dataset.features.dtype == np.uint8
    if dataset.is_scaled:
        if is_pixels and scale is not None and not scale.holds_pictures:
            raise InputError(f"{dataset.name}: pictures, but the model was not trained on pixels")
        return dataset
    _refuse_not_finite(features, dataset.name, dtype)
    if scale is None:
        if features.dtype not in (np.uint8, np.float32, np.float64):
            dataset = replace(dataset, features=features.astype(dtype))
        return dataset
    if scale == PIXELS and is_pixels and (features[:ROWS] > 31).any():  # surely levels
        return replace(dataset, is_scaled=True)  # a large file is not read twice
    try:
        features, doubt = scale.apply(features, dtype)
    except ValueError as error:
        raise InputError(f"{dataset.name}: {error}") from None
    _warn(dataset, doubt)
    return replace(dataset, features=features, is_scaled=True)


def _warn(dataset: Dataset, doubt: str) -> None:
    if doubt:
        warnings.warn(f"{dataset.name}: {doubt}", InputWarning, stacklevel=2)


def _refuse_not_finite(features: NDArray[Any], name: str, dtype: np.dtype[Any]) -> None:
    """Refuse nan, infinity and what ``dtype`` has no room for, naming the first such value."""
    if features.dtype.kind != "f":
        return
    largest = np.finfo(dtype).max
    if -largest <= features.min() and features.max() <= largest:  # false if there is a nan
        return
    row, column = np.argwhere(~(np.abs(features) <= largest))[0]
    raise InputError(
        f"{name}: the feature in row {row}, column {column} is {features[row, column]}; "
        f"expected finite numbers within the range of {dtype}"
    )


def _as_array(values: ArrayLike, name: str) -> NDArray[Any]:
    if values is None:
        raise InputError(f"{name} is None; expected an array")
    if isinstance(values, np.ma.MaskedArray):
        raise InputError(f"{name} is a masked array; fill in or leave out what is masked")
    if hasattr(values, "toarray"):
        raise InputError(f"{name} is a sparse matrix; pass {name}.toarray()")
    try:
        return np.asarray(values)
    except ValueError:
        raise InputError(f"{name} has rows of different lengths; expected an array") from None
