"""NumPy's archives, ``.npz``: images and labels as arrays, with or without a test set."""

import io
import math
import zipfile
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inknet.data.classes import LARGEST_WHOLE, as_text, named_classes, one_label_each
from inknet.data.compressed import largest_unpacked
from inknet.data.dataset import MOST_CLASSES, Dataset
from inknet.data.kept import kept
from inknet.data.layout import image_shape_of
from inknet.data.warning_filter import warnings_ignored
from inknet.errors import InputError, quoted
from inknet.groups.dividing import UNKNOWN, NoGroupsError, numbered_groups

LAYOUTS = (
    (("x_train", "y_train"), ("x_test", "y_test")),  # Keras
    (("X_train", "y_train"), ("X_test", "y_test")),
    (("train_images", "train_labels"), ("test_images", "test_labels")),  # MedMNIST
    (("train_images", "train_labels"),),
    (("x_train", "y_train"),),
    (("X_train", "y_train"),),
    (("X", "y"),),
    (("x", "y"),),
    (("images", "labels"),),
    (("features", "labels"),),
    (("data", "target"),),
    (("data", "labels"),),
)
"""Names of features and labels; a second pair is the source's own test set."""
VALIDATION = {
    "train_images": ("val_images", "val_labels"),
    "x_train": ("x_val", "y_val"),
    "X_train": ("X_val", "y_val"),
}
"""Pairs that are joined to those for training, if they are there: a recipe divides its own."""

GROUPS = "groups"
LONGEST_HEADER = 10_012  # bytes before the values; NumPy reads header texts of up to 10,000
GREY = np.array([299, 587, 114], np.uint32)  # thousandths of red, green and blue, as in pictures


class _Part(NamedTuple):
    """One array of features with its labels."""

    features: NDArray[Any]
    image_shape: tuple[int, int] | None
    labels: NDArray[Any]


def load_npz(path: Path, groups: str | None = None) -> Dataset:
    """Read an ``.npz`` archive.

    It holds ``x_train, y_train, x_test, y_test`` (as Keras's mnist.npz; also with ``X``), or
    ``train_images, train_labels, …`` (as MedMNIST's), whose test arrays become the official test
    set and whose validation arrays are joined to those for training; or one pair ``X, y``, ``x,
    y``, ``images, labels``, ``features, labels``, ``data, labels`` or ``data, target``.
    ``class_names`` is optional, and so is the array ``groups``, or another that is named: the group
    of each sample, numbers or text, for those of training, validation and test in this order; those
    of test may be left out. Features are finite numbers ``(n, d)``, or images ``(n, height,
    width)``, ``(n, height, width, 1)`` or in colour ``(n, height, width, 3)``, which become grey;
    ``(n, d)`` may be images too, if they look like it (`inknet.data.layout`). Labels are whole
    numbers, bool or text ``(n,)`` or ``(n, 1)``, or one-hot ``(n, n_classes)``.

    Raises
    ------
    InputError
        If something is wrong; the message names the file, the array and what was expected.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _load(path, archive, groups)
    except InputError:
        raise
    except MemoryError:
        raise
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # zipfile and NumPy raise a dozen types of error on damaged files
        raise InputError(f"{path}: not a valid .npz archive ({quoted(error)})") from error


def _load(path: Path, archive: zipfile.ZipFile, groups: str | None) -> Dataset:
    keys = {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
    pairs = _choose_pairs(path, keys)
    if groups is not None and groups not in keys:
        found = quoted(", ".join(sorted(keys)))
        raise NoGroupsError(f"{path}: no array is called {quoted(groups)!r}; found {found}")
    groups = GROUPS if groups is None and GROUPS in keys else groups
    wanted = [key for pair in pairs for key in pair] + ["class_names"] * ("class_names" in keys)
    wanted += [] if groups is None else [groups]
    _check_sizes(path, [_entry(path, archive, key) for key in wanted])
    parts = [_read_part(path, archive, *pair) for pair in pairs]
    for pair, part in zip(pairs[1:], parts[1:], strict=True):
        if _kind(part) != _kind(parts[0]):
            raise InputError(f"{path}: {pairs[0][0]} and {pair[0]} differ in shape or type")
    has_test = len(pairs) > 1 and "test" in pairs[-1][0]
    features, image_shape, labels = parts[0]
    if len(parts) > 1:
        labels = np.concatenate([part.labels for part in parts])
        n_last = len(parts[-1].labels)
        features = np.concatenate([part.features for part in parts])
        del parts
    if image_shape is None and features.dtype == np.uint8:
        image_shape = image_shape_of(features)
    where = f"{path}: {pairs[0][1]}"
    if "class_names" in keys:
        names = _read_class_names(path, archive)
        numbers = _numbers_of(labels, names, where)
    else:
        numbers, names = named_classes(labels, where)
    n_test = n_last if has_test else 0
    return Dataset(
        features=features,
        labels=numbers,
        class_names=names,
        image_shape=image_shape,
        name=str(path),
        n_official_test=n_test,
        groups=None if groups is None else _read_groups(path, archive, groups, len(labels), n_test),
        group_name=groups or "",
    )


def _read_groups(
    path: Path, archive: zipfile.ZipFile, key: str, n_samples: int, n_test: int
) -> NDArray[np.intp]:
    """Return the group of each sample; -1 for the test samples if the others alone have one."""
    where = f"{path}: {key}"
    values = as_text(where, _read_array(path, archive, key))
    if n_test and len(values) == n_samples - n_test:
        codes = numbered_groups(values, len(values), where)
        return np.concatenate([codes, np.full(n_test, UNKNOWN, np.intp)])
    return numbered_groups(values, n_samples, where)


def _kind(part: _Part) -> tuple[Any, ...]:
    kind = part.labels.dtype.kind
    shape = part.features.shape[1:], part.image_shape
    return part.features.dtype, shape, "i" if kind == "u" else kind


def _numbers_of(
    labels: NDArray[Any], names: tuple[str, ...], where: str
) -> NDArray[np.integer[Any]]:
    """Return labels as positions in a list of names.

    Numbers are positions, whole floating-point numbers too, and so are False and True unless the
    names have these words. Texts are names.
    """
    if labels.dtype.kind == "b" and not {"False", "True"}.issubset(names):
        labels = labels.astype(np.uint8)
    elif labels.dtype.kind == "f" and _are_whole(labels):
        labels = labels.astype(np.int64)
    if labels.dtype.kind in "iu":
        if not 0 <= int(labels.min()) <= int(labels.max()) < len(names):
            wrong = labels[(labels < 0) | (labels >= len(names))][0]
            raise InputError(f"{where}: label {wrong} is outside the {len(names)} classes named")
        return labels.astype(np.intp)
    numbers, found = named_classes(labels, where)
    number_of = {name: number for number, name in enumerate(names)}
    if unknown := [name for name in found if name not in number_of]:
        raise InputError(f"{where}: {quoted(unknown[0])!r} is not among the class_names")
    return np.array([number_of[name] for name in found], np.intp).take(numbers)


def _are_whole(labels: NDArray[np.floating[Any]]) -> bool:
    return bool((labels == np.rint(labels)).all() and float(np.abs(labels).max()) <= LARGEST_WHOLE)


def _choose_pairs(path: Path, keys: set[str]) -> list[tuple[str, str]]:
    """Return the names of features and labels: for training, validation and test, or all."""
    for pairs in LAYOUTS:
        if all(keys.issuperset(pair) for pair in pairs):
            validation = VALIDATION.get(pairs[0][0])
            own = [validation] if validation is not None and keys.issuperset(validation) else []
            return [pairs[0], *own, *pairs[1:]]
    layouts = " or ".join(", ".join(chain(*pairs)) for pairs in LAYOUTS)
    raise InputError(
        f"{path}: expected arrays {layouts}, found {quoted(', '.join(sorted(keys))) or 'none'}"
    )


def _read_part(path: Path, archive: zipfile.ZipFile, features_key: str, labels_key: str) -> _Part:
    """Read features and labels, check them and convert them to the types of a `Dataset`."""
    labels = one_label_each(f"{path}: {labels_key}", _read_array(path, archive, labels_key))
    features = _read_array(path, archive, features_key)
    if features.dtype.kind not in "biuf" or features.ndim not in (2, 3, 4):
        raise InputError(
            f"{path}: {features_key} is {features.dtype} of shape {features.shape}, "
            "expected numbers of shape (n, d), (n, height, width) or (n, height, width, 1 or 3)"
        )
    if len(features) != len(labels):
        raise InputError(
            f"{path}: {len(features):,} rows in {features_key}, "
            f"but {len(labels):,} labels in {labels_key}"
        )
    if features.size == 0:
        raise InputError(f"{path}: {features_key} is empty, its shape is {features.shape}")
    if features.ndim == 4:
        features = _without_channels(f"{path}: {features_key}", features)
    image_shape = (features.shape[1], features.shape[2]) if features.ndim == 3 else None
    features = features.reshape(len(features), -1)
    return _Part(kept(f"{path}: {features_key}", features), image_shape, labels)


def _without_channels(where: str, images: NDArray[Any]) -> NDArray[Any]:
    """Return images ``(n, height, width)`` of one channel, or of three as grey."""
    if images.shape[3] == 1:
        return images[:, :, :, 0]
    if images.shape[1] == 1:
        return images[:, 0]  # (n, 1, height, width), as PyTorch has them
    if images.shape[3] != 3 or images.dtype != np.uint8:
        raise InputError(
            f"{where} is {images.dtype} of shape {images.shape}; expected images of one channel, "
            "or of three, red, green and blue, as uint8"
        )
    grey = np.empty(images.shape[:3], np.uint8)
    for image, colours in zip(grey, images, strict=True):  # one by one: wider numbers are needed
        image[:] = (colours @ GREY + 500) // 1000
    return grey


def _read_class_names(path: Path, archive: zipfile.ZipFile) -> tuple[str, ...]:
    names = as_text(f"{path}: class_names", _read_array(path, archive, "class_names"))
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
    allowed = dtype.kind in "US" or (dtype.kind in "biuf" and dtype.itemsize <= 8)
    if not allowed or dtype.itemsize == 0:  # items of no bytes allow any claim
        raise InputError(
            f"{where} is of type {quoted(dtype)}, expected text or numbers of at most 64 bits"
        )
    claimed = n_header + math.prod(shape) * dtype.itemsize
    if claimed != entry.file_size:
        raise InputError(
            f"{where} claims {claimed:,} bytes, but the archive has {entry.file_size:,}"
        )
    with archive.open(entry) as file, warnings_ignored():
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _read_array_header(start: bytes) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Return shape, type and the offset of the values, from the first bytes of an array.

    The header may claim any length, but no more than these bytes are read.
    """
    file = io.BytesIO(start)
    version = np.lib.format.read_magic(file)
    with warnings_ignored():  # NumPy warns of headers that Python 2 wrote
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    return shape, dtype, file.tell()
