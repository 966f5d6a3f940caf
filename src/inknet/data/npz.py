"""NumPy's own archives, ``.npz``: images and labels as arrays, with or without a test set."""

import math
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inknet.data.compressed import LARGEST_DEFLATE_RATIO
from inknet.data.dataset import Dataset, numbered_classes, square_shape
from inknet.errors import InputError

KERAS_PAIRS = (("x_train", "y_train"), ("x_test", "y_test"))
PAIRS = (("X", "y"), ("x", "y"), ("images", "labels"), ("features", "labels"), ("data", "target"))


class _Part(NamedTuple):
    """One array of features with its labels."""

    features: NDArray[Any]
    image_shape: tuple[int, int] | None
    labels: NDArray[np.intp]


def load_npz(path: Path) -> Dataset:
    """Read an ``.npz`` archive.

    It holds ``x_train, y_train, x_test, y_test`` (as Keras's mnist.npz; the test arrays become the
    official test set) or one pair ``X, y``, ``x, y``, ``images, labels``, ``features, labels`` or
    ``data, target``; and ``class_names`` if it likes. Images are ``(n, height, width)`` or
    ``(n, d)`` integers from 0 to 255; features that are not pixels are ``(n, d)`` finite floating
    numbers. Labels are ``(n,)`` integers.

    Raises
    ------
    InputError
        Naming the file, the array and what was expected.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _load(path, archive)
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a sound .npz archive ({reason})") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def _load(path: Path, archive: zipfile.ZipFile) -> Dataset:
    keys = {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
    parts = [_read_part(path, archive, *pair) for pair in _choose_pairs(path, keys)]
    features, image_shape, labels = parts[0]
    if len(parts) == 2:
        test = parts[1]
        kinds = [(part.features.dtype, part.features.shape[1], part.image_shape) for part in parts]
        if kinds[0] != kinds[1]:
            raise InputError(f"{path}: x_train and x_test differ in shape or kind of number")
        features = np.concatenate([features, test.features])
        labels = np.concatenate([labels, test.labels])
    names = numbered_classes(labels, str(path))
    return Dataset(
        features=features,
        labels=labels,
        class_names=_read_class_names(path, archive) if "class_names" in keys else names,
        image_shape=image_shape,
        name=str(path),
        n_official_test=len(parts[1].labels) if len(parts) == 2 else 0,
    )


def _choose_pairs(path: Path, keys: set[str]) -> tuple[tuple[str, str], ...]:
    """Return the names of features and labels: one pair, or Keras's two."""
    for pairs in (KERAS_PAIRS, *((pair,) for pair in PAIRS)):
        if all(keys.issuperset(pair) for pair in pairs):
            return pairs
    layouts = " or ".join(", ".join(pair) for pair in PAIRS)
    raise InputError(
        f"{path}: expected arrays x_train, y_train, x_test, y_test or {layouts}, "
        f"found {', '.join(sorted(keys)) or 'none'}"
    )


def _read_part(path: Path, archive: zipfile.ZipFile, features_key: str, labels_key: str) -> _Part:
    """Read features and labels, bring them to the form a dataset wants, and count them."""
    labels = _read_array(path, archive, labels_key)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(
            f"{path}: {labels_key} is {labels.dtype} of shape {labels.shape}, "
            "expected integers of shape (n,)"
        )
    numbered_classes(labels, f"{path}: {labels_key}")  # before a huge one wraps around
    features = _read_array(path, archive, features_key)
    if features.dtype.kind not in "iuf" or features.ndim not in (2, 3):
        raise InputError(
            f"{path}: {features_key} is {features.dtype} of shape {features.shape}, "
            "expected integers or floating numbers of shape (n, d) or integers (n, height, width)"
        )
    if len(features) != len(labels):
        raise InputError(
            f"{path}: {len(features):,} rows in {features_key}, "
            f"but {len(labels):,} labels in {labels_key}"
        )
    if features.size == 0:
        raise InputError(f"{path}: {features_key} is empty, its shape is {features.shape}")
    if features.dtype.kind == "f":
        features, image_shape = _numbers(f"{path}: {features_key}", features), None
    else:
        features, image_shape = _pixels(f"{path}: {features_key}", features)
    return _Part(features, image_shape, labels.astype(np.intp))


def _pixels(where: str, array: NDArray[Any]) -> tuple[NDArray[np.uint8], tuple[int, int] | None]:
    """Return integers as rows of uint8 pixels, and the shape of the images they make, if any."""
    low, high = array.min(), array.max()
    if low < 0 or high > 255:
        raise InputError(f"{where} has the value {low if low < 0 else high}, expected 0 to 255")
    image_shape = array.shape[1:] if array.ndim == 3 else square_shape(array.shape[1])
    pixels = np.ascontiguousarray(array, np.uint8).reshape(len(array), -1)
    return pixels, image_shape


def _numbers(where: str, array: NDArray[Any]) -> NDArray[np.floating[Any]]:
    """Return floating numbers as float32 or float64, all of them finite."""
    if array.ndim != 2:
        raise InputError(
            f"{where} is {array.dtype} of shape {array.shape}, expected (n, d); "
            "images are whole numbers from 0 to 255"
        )
    for row, values in enumerate(array):  # row by row: a mask of all would take its own memory
        if not np.isfinite(values).all():
            column = int(np.flatnonzero(~np.isfinite(values))[0])
            raise InputError(
                f"{where} is {values[column]} in row {row}, column {column} (counted from 0), "
                "expected finite numbers"
            )
    return np.ascontiguousarray(array, np.float32 if array.dtype.itemsize <= 4 else np.float64)


def _read_class_names(path: Path, archive: zipfile.ZipFile) -> tuple[str, ...]:
    names = _read_array(path, archive, "class_names")
    if names.ndim != 1 or names.dtype.kind != "U":
        raise InputError(
            f"{path}: class_names is {names.dtype} of shape {names.shape}, expected text (n,)"
        )
    return tuple(names.tolist())


def _read_array(path: Path, archive: zipfile.ZipFile, key: str) -> NDArray[Any]:
    """Read one array after checking that its header claims what the archive has."""
    where = f"{path}: {key}"
    entry = archive.getinfo(f"{key}.npy")
    if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(f"{where} is encrypted or packed in a way that NumPy does not write")
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(file)
        claimed = file.tell() + math.prod(shape) * dtype.itemsize
    if dtype.hasobject:
        raise InputError(f"{where} holds Python objects (a pickle), which are never loaded")
    if claimed != entry.file_size or claimed > LARGEST_DEFLATE_RATIO * entry.compress_size:
        raise InputError(
            f"{where} claims {claimed:,} bytes, but the archive has {entry.file_size:,} "
            f"({entry.compress_size:,} packed)"
        )
    with archive.open(entry) as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array
