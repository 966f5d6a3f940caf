"""NumPy's archives, ``.npz``: images and labels as arrays, with or without a test set."""

import io
import math
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inknet.data.compressed import largest_unpacked
from inknet.data.dataset import MOST_CLASSES, Dataset, numbered_classes
from inknet.data.layout import image_shape_of
from inknet.data.warning_filter import warning_filter
from inknet.errors import InputError, quoted

KERAS_PAIRS = (("x_train", "y_train"), ("x_test", "y_test"))
PAIRS = (("X", "y"), ("x", "y"), ("images", "labels"), ("features", "labels"), ("data", "target"))

LONGEST_HEADER = 10_012  # bytes before the values; NumPy reads header texts of up to 10,000


class _Part(NamedTuple):
    """One array of features with its labels."""

    features: NDArray[Any]
    image_shape: tuple[int, int] | None
    labels: NDArray[np.intp]


def load_npz(path: Path) -> Dataset:
    """Read an ``.npz`` archive.

    It holds ``x_train, y_train, x_test, y_test`` (as Keras's mnist.npz; the test arrays become the
    official test set) or one pair ``X, y``, ``x, y``, ``images, labels``, ``features, labels`` or
    ``data, target``. ``class_names`` is optional. Features are finite numbers ``(n, d)``, or images
    ``(n, height, width)``; ``(n, d)`` may be images too, if they look like it
    (`inknet.data.layout`). Labels are integers ``(n,)``.

    Raises
    ------
    InputError
        If something is wrong; the message names the file, the array and what was expected.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _load(path, archive)
    except InputError:
        raise
    except MemoryError:
        raise
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # zipfile and NumPy raise a dozen types of error on damaged files
        raise InputError(f"{path}: not a valid .npz archive ({quoted(error)})") from error


def _load(path: Path, archive: zipfile.ZipFile) -> Dataset:
    keys = {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
    pairs = _choose_pairs(path, keys)
    wanted = [key for pair in pairs for key in pair] + ["class_names"] * ("class_names" in keys)
    _check_sizes(path, [_entry(path, archive, key) for key in wanted])
    parts = [_read_part(path, archive, *pair) for pair in pairs]
    features, image_shape, labels = parts[0]
    if len(parts) == 2:
        test = parts[1]
        kinds = [(part.features.dtype, part.features.shape[1], part.image_shape) for part in parts]
        if kinds[0] != kinds[1]:
            raise InputError(f"{path}: x_train and x_test differ in shape or type")
        features = np.concatenate([features, test.features])
        labels = np.concatenate([labels, test.labels])
    if image_shape is None and features.dtype == np.uint8:
        image_shape = image_shape_of(features)
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
    """Return the names of features and labels: one pair, or two in the layout of Keras."""
    for pairs in (KERAS_PAIRS, *((pair,) for pair in PAIRS)):
        if all(keys.issuperset(pair) for pair in pairs):
            return pairs
    layouts = " or ".join(", ".join(pair) for pair in PAIRS)
    raise InputError(
        f"{path}: expected arrays x_train, y_train, x_test, y_test or {layouts}, "
        f"found {quoted(', '.join(sorted(keys))) or 'none'}"
    )


def _read_part(path: Path, archive: zipfile.ZipFile, features_key: str, labels_key: str) -> _Part:
    """Read features and labels, check them and convert them to the types of a `Dataset`."""
    labels = _read_array(path, archive, labels_key)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(
            f"{path}: {labels_key} is {labels.dtype} of shape {labels.shape}, "
            "expected integers of shape (n,)"
        )
    numbered_classes(labels, f"{path}: {labels_key}")  # before a huge label overflows
    features = _read_array(path, archive, features_key)
    if features.dtype.kind not in "biuf" or features.ndim not in (2, 3):
        raise InputError(
            f"{path}: {features_key} is {features.dtype} of shape {features.shape}, "
            "expected numbers of shape (n, d) or (n, height, width)"
        )
    if len(features) != len(labels):
        raise InputError(
            f"{path}: {len(features):,} rows in {features_key}, "
            f"but {len(labels):,} labels in {labels_key}"
        )
    if features.size == 0:
        raise InputError(f"{path}: {features_key} is empty, its shape is {features.shape}")
    image_shape = features.shape[1:] if features.ndim == 3 else None
    features = features.reshape(len(features), -1)
    features = _stored(f"{path}: {features_key}", features)
    return _Part(features, image_shape, labels.astype(np.intp))


def _stored(where: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return integers from 0 to 255 as uint8, and all else as float32 or float64.

    Their values decide later what they stand for, see `inknet.scale`; here, only that they are
    finite is checked.
    """
    if array.dtype.kind != "f":
        if array.min() >= 0 and array.max() <= 255:
            return np.ascontiguousarray(array, np.uint8)
        return np.ascontiguousarray(array, np.float32 if array.dtype.itemsize <= 2 else np.float64)
    for row, values in enumerate(array):  # row by row: one mask for all would take more memory
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
    if len(names) > MOST_CLASSES:
        raise InputError(
            f"{path}: class_names has {len(names):,} names, expected at most {MOST_CLASSES:,}"
        )
    return tuple(names.tolist())


def _entry(path: Path, archive: zipfile.ZipFile, key: str) -> zipfile.ZipInfo:
    """Find an array in the directory of the archive."""
    entry = archive.getinfo(f"{key}.npy")
    if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(
            f"{path}: {key} is encrypted, or compressed by a method that NumPy does not use"
        )
    return entry


def _check_sizes(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Compare the sizes in the directory with that of the file, before memory is allocated."""
    n_bytes, unpacked = path.stat().st_size, sum(entry.file_size for entry in entries)
    if unpacked > largest_unpacked(n_bytes):
        raise InputError(
            f"{path}: claims {unpacked:,} bytes of arrays, too much for a file of {n_bytes:,}"
        )


def _read_array(path: Path, archive: zipfile.ZipFile, key: str) -> NDArray[Any]:
    """Read one array, after checking its header against the directory of the archive."""
    where = f"{path}: {key}"
    entry = _entry(path, archive, key)
    with archive.open(entry) as file:
        shape, dtype, n_header = _read_array_header(file.read(LONGEST_HEADER))
    if dtype.hasobject:
        raise InputError(f"{where} holds Python objects (a pickle), which are never loaded")
    allowed = dtype.kind == "U" or (dtype.kind in "biuf" and dtype.itemsize <= 8)
    if not allowed or dtype.itemsize == 0:  # items of no bytes allow any claim
        raise InputError(
            f"{where} is of type {quoted(dtype)}, expected text or numbers of at most 64 bits"
        )
    claimed = n_header + math.prod(shape) * dtype.itemsize
    if claimed != entry.file_size:
        raise InputError(
            f"{where} claims {claimed:,} bytes, but the archive has {entry.file_size:,}"
        )
    with archive.open(entry) as file, warning_filter("ignore"):
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _read_array_header(start: bytes) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Return shape, type and the offset of the values, from the first bytes of an array.

    The header may claim any length, but no more than these bytes are read.
    """
    file = io.BytesIO(start)
    version = np.lib.format.read_magic(file)
    with warning_filter("ignore"):  # NumPy warns of headers that Python 2 wrote
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    return shape, dtype, file.tell()
