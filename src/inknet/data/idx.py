"""IDX files, the format of MNIST: a magic number, the dimensions, then the values.

All numbers are big-endian. The magic number is two zero bytes, the code of the data type and the
number of dimensions; each dimension follows in four bytes. Source:
https://yann.lecun.com/exdb/mnist/, "the IDX file format".
"""

import math
import re
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inknet.data.classes import named_classes, one_label_each
from inknet.data.compressed import compression, largest_unpacked, open_unpacked
from inknet.data.dataset import Dataset
from inknet.data.kept import kept
from inknet.errors import InputError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""The code of each type of values."""
NAME = re.compile(
    r"(?P<stem>[^.].*?|)(?P<kind>images|labels)[-.]idx(?P<n>\d)"
    r"(?:-(?:ubyte|byte|short|int|float|double))?(?:\.gz|\.xz)?"
)
"""The whole name of a file. What a Mac or a stopped download leaves next to it has other names."""
TEST_NAME = re.compile(r"(^|[-_.])(t10k|test)[-_.]")
QMNIST_COLUMNS = 8  # of its labels: the class, the series, the writer, …
FOLDERS = ("raw", "gzip")
"""In which torchvision and the archive of EMNIST have the files."""


class Pair(NamedTuple):
    """An IDX file of images and the IDX file of their labels."""

    images: Path
    labels: Path


class Header(NamedTuple):
    """What the header of an IDX file says."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    n_bytes: int


def read_header(path: Path, *n_dimensions: int) -> Header:
    """Read the header of an IDX file and check it against the size of the file.

    Parameters
    ----------
    path
        The file, compressed or not.
    *n_dimensions
        The possible numbers of dimensions: 3 for images ``(n, height, width)``, 1 for labels.

    Raises
    ------
    InputError
        If the file is unreadable, the magic number is wrong, the header claims no values, or the
        header claims another size than the file has.
    """
    first = n_dimensions[0]
    with open_unpacked(path) as file:
        header = file.read(4 + 4 * max(n_dimensions))
    if len(header) < 4 + 4 * first:
        raise InputError(f"{path}: only {len(header)} bytes, an IDX header has {4 + 4 * first}")
    (magic,) = struct.unpack(">I", header[:4])
    code, n = magic >> 8, magic & 0xFF
    if code not in TYPES or n not in n_dimensions:
        raise InputError(
            f"{path}: magic number 0x{magic:08x}, expected 0x{0x0800 | first:08x} "
            f"(unsigned bytes in {first} dimension{'s' * (first > 1)}), or that of another type"
        )
    n_header, dtype = 4 + 4 * n, np.dtype(TYPES[code])
    if len(header) < n_header:
        raise InputError(f"{path}: only {len(header)} bytes, its IDX header has {n_header}")
    shape = struct.unpack(f">{n}I", header[4:n_header])
    _check_claim(path, n_header, dtype, shape)
    return Header(dtype, shape, n_header)


def _check_claim(path: Path, n_header: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Compare the size in the header with the size of the file, before memory is allocated."""
    claimed = n_header + math.prod(shape) * dtype.itemsize
    n_bytes = path.stat().st_size
    kind = compression(path)
    possible = claimed <= largest_unpacked(n_bytes) if kind else claimed == n_bytes
    dimensions = " × ".join(f"{length:,}" for length in shape)
    if not possible:
        how = {"gzip": " (gzipped)", "xz": " (compressed)"}.get(kind or "", "")
        raise InputError(
            f"{path}: its header claims {dimensions} values, {claimed:,} bytes in all, "
            f"but the file has {n_bytes:,}{how}"
        )
    if 0 in shape:
        raise InputError(f"{path}: holds no values, its dimensions are {dimensions}")


def read_values(path: Path, *n_dimensions: int) -> NDArray[Any]:
    """Return the values of an IDX file: bytes memory-mapped, all else in memory.

    Parameters
    ----------
    path, *n_dimensions
        As for `read_header`. The same errors are raised.

    Returns
    -------
    (n,) or (n, height, width)
        In the type of the file, with the byte order of this machine.
    """
    header = read_header(path, *n_dimensions)
    if compression(path) is None and header.dtype == np.uint8:
        return np.memmap(path, np.uint8, "r", offset=header.n_bytes, shape=header.shape)
    values = np.empty(header.shape, header.dtype)
    read_values_into(path, values)
    return values.astype(header.dtype.newbyteorder("="), copy=False)


def read_values_into(path: Path, values: NDArray[Any]) -> None:
    """Read the values of an IDX file into a C-contiguous array of its shape, without a second copy.

    Raises
    ------
    InputError
        If the file is damaged, or shorter or longer than its header claims.
    """
    remaining = values.view(np.uint8).data.cast("B")
    with open_unpacked(path) as file:
        file.read(4 + 4 * values.ndim)
        while len(remaining):
            n_read = file.readinto(remaining[: 1 << 20])
            if n_read == 0:
                raise InputError(
                    f"{path}: {len(remaining):,} bytes fewer than the {values.nbytes:,} its header "
                    "claims"
                )
            remaining = remaining[n_read:]
        if file.read(1):
            raise InputError(f"{path}: more than the {values.nbytes:,} bytes its header claims")


def _files_in(folder: Path) -> dict[tuple[str, str], Path]:
    """Return the IDX files in a folder by stem and kind, each once, preferably not compressed.

    Some archives have each file in a folder of the same name.
    """
    found: dict[tuple[str, str], Path] = {}
    entries = sorted(folder.iterdir(), key=lambda path: (path.suffix in (".gz", ".xz"), path.name))
    for entry in entries:
        if (match := NAME.fullmatch(entry.name)) is None:
            continue
        key = match["stem"], match["kind"]
        inside = sorted(entry.iterdir()) if entry.is_dir() else [entry]
        for path in inside:
            same = NAME.fullmatch(path.name)
            if path.is_file() and same and (same["stem"], same["kind"]) == key:
                found.setdefault(key, path)
    return found


def find_spelling(folder: Path, name: str) -> Path | None:
    """Find a file by its IDX name, spelled ``-idx`` or ``.idx``, compressed or not."""
    match = NAME.fullmatch(name)
    if match is None or not folder.is_dir():
        return None
    return _files_in(folder).get((match["stem"], match["kind"]))


def pair_of(images: Path) -> Pair:
    """Find the labels of an IDX file of images, in the same folder.

    The labels of ``train-images-idx3-ubyte`` are in ``train-labels-idx1-ubyte``.

    Raises
    ------
    InputError
        If there is no such file.
    """
    name = re.sub(r"\.(gz|xz)$", "", images.name)
    labels_name = name.replace("images", "labels").replace("idx3", "idx1")
    labels = find_spelling(images.parent, labels_name) if labels_name != name else None
    if labels is None and images.parent.name == name:  # each file in a folder of its own name
        labels = find_spelling(images.parent.parent, labels_name)
    if labels is None:
        raise InputError(f"{images}: no file of labels next to it, expected {labels_name}")
    return Pair(images, labels)


def pairs_in(folder: Path) -> tuple[Pair, Pair | None]:
    """Find the training pair in a folder, and the test pair (``t10k-`` or ``test-``) if any.

    A single pair is the training pair, whatever its name.

    Raises
    ------
    InputError
        If there are no images, labels are missing, or it is not clear which files are meant.
    """
    found = images_in(folder)
    test = [path for path in found if TEST_NAME.search(path.name)]
    train = [path for path in found if path not in test]
    if len(found) == 1:
        return pair_of(found[0]), None
    if len(train) == len(test) == 1:
        return pair_of(train[0]), pair_of(test[0])
    listed = ", ".join(path.name for path in found[:8]) or "none"
    raise InputError(
        f"{folder}: expected one IDX file of training images and at most one of test images, "
        f"found {listed}{', …' * (len(found) > 8)}; give one of them, or a folder of two pairs"
    )


def images_in(folder: Path) -> list[Path]:
    """List the IDX files of images in a folder, or in its folder ``raw`` or ``gzip``."""
    for place in (folder, *(folder / name for name in FOLDERS)):
        if place.is_dir():
            files = _files_in(place)
            if found := [files[key] for key in sorted(files) if key[1] == "images"]:
                return found
    return []


def load_idx(path: Path) -> Dataset:
    """Read an IDX file of images and its labels from the same folder, or a folder of IDX files.

    Images of bytes that are not compressed stay on disk and are memory-mapped, so they may be
    larger than memory. If a folder has a training and a test pair, the two are joined in memory.

    Raises
    ------
    InputError
        If a file is missing, is damaged or does not fit the others; the message names it.
    """
    if path.is_dir():
        return load_pairs(*pairs_in(path), str(path))
    read_header(path, 3)  # catches a file of labels before its own labels are looked for
    return load_pairs(pair_of(path), None, str(path))


def load_pairs(train: Pair, test: Pair | None, name: str) -> Dataset:
    """Read one pair, or a training pair followed by a test pair, as a dataset called ``name``.

    Raises
    ------
    InputError
        If a file is damaged or does not fit the others; the message names it.
    """
    header = _checked_header(train)
    n_train, *image_shape = header.shape
    n_test = 0
    if test is None:
        images, labels = read_values(train.images, 3), _read_labels(train.labels)
    else:
        other = _checked_header(test)
        n_test, *test_image_shape = other.shape
        if test_image_shape != image_shape:
            raise InputError(
                f"{test.images}: images of {_size_text(test_image_shape)} pixels, "
                f"those in {train.images} have {_size_text(image_shape)}"
            )
        if other.dtype != header.dtype:
            raise InputError(
                f"{test.images}: values of type {other.dtype.name}, those in {train.images} are "
                f"{header.dtype.name}"
            )
        images = np.empty((n_train + n_test, *image_shape), header.dtype)
        read_values_into(train.images, images[:n_train])
        read_values_into(test.images, images[n_train:])
        labels = np.concatenate([_read_labels(train.labels), _read_labels(test.labels)])
    height, width = image_shape
    numbers, names = named_classes(labels, name)
    return Dataset(
        features=kept(str(train.images), images.reshape(len(images), height * width)),
        labels=numbers,
        class_names=names,
        image_shape=(height, width),
        name=name,
        n_official_test=n_test,
    )


def _read_labels(path: Path) -> NDArray[Any]:
    """Return one label for each image; those of QMNIST have the class in the first of 8 columns.

    The other columns of QMNIST are larger numbers than those of 8 classes that are one-hot.
    """
    labels = read_values(path, 1, 2)
    is_wide = labels.ndim == 2 and labels.shape[1] == QMNIST_COLUMNS
    if is_wide and labels.dtype.kind in "iu" and labels.max() > 1:
        return labels[:, 0]
    return one_label_each(str(path), labels)


def _checked_header(pair: Pair) -> Header:
    """Return the header of the images after checking that there are as many labels."""
    header = read_header(pair.images, 3)
    n_labels = read_header(pair.labels, 1, 2).shape[0]
    if n_labels != header.shape[0]:
        raise InputError(
            f"{pair.images}: {header.shape[0]:,} images, but {n_labels:,} labels in {pair.labels}"
        )
    return header


def _size_text(lengths: list[int]) -> str:
    return "×".join(str(length) for length in lengths)
