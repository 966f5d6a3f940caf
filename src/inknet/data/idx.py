"""IDX files, the format of MNIST: a magic number, the dimensions, then the values.

All numbers are big-endian. The magic number is two zero bytes, the code of the data type (8 is an
unsigned byte, the only one used for images and labels) and the number of dimensions; each dimension
follows in four bytes. Source: https://yann.lecun.com/exdb/mnist/, "the IDX file format".
"""

import math
import re
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inknet.data.classes import named_classes
from inknet.data.compressed import is_gzipped, largest_unpacked, open_unpacked
from inknet.data.dataset import Dataset
from inknet.errors import InputError

UNSIGNED_BYTE = 0x08
TEST_NAME = re.compile(r"(^|[-_.])(t10k|test)[-_.]")


class Pair(NamedTuple):
    """An IDX file of images and the IDX file of their labels."""

    images: Path
    labels: Path


def read_shape(path: Path, n_dimensions: int) -> tuple[int, ...]:
    """Read the dimensions of an IDX file and check them against the size of the file.

    Parameters
    ----------
    path
        The file, gzipped or not.
    n_dimensions
        The expected number of dimensions: 3 for images ``(n, height, width)``, 1 for labels.

    Raises
    ------
    InputError
        If the file is unreadable, the magic number is wrong, the header claims no values, or the
        header claims another size than the file has.
    """
    n_header = 4 + 4 * n_dimensions
    with open_unpacked(path) as file:
        header = file.read(n_header)
    if len(header) < n_header:
        raise InputError(f"{path}: only {len(header)} bytes, an IDX header has {n_header}")
    magic, *shape = struct.unpack(f">{1 + n_dimensions}I", header)
    expected = UNSIGNED_BYTE << 8 | n_dimensions
    if magic != expected:
        raise InputError(
            f"{path}: magic number 0x{magic:08x}, expected 0x{expected:08x} "
            f"(unsigned bytes in {n_dimensions} dimension{'s' * (n_dimensions > 1)})"
        )
    _check_claim(path, n_header, shape)
    return tuple(shape)


def _check_claim(path: Path, n_header: int, shape: list[int]) -> None:
    """Compare the size in the header with the size of the file, before memory is allocated."""
    claimed = n_header + math.prod(shape)
    n_bytes = path.stat().st_size
    gzipped = is_gzipped(path)
    possible = claimed <= largest_unpacked(n_bytes) if gzipped else claimed == n_bytes
    dimensions = " × ".join(f"{length:,}" for length in shape)
    if not possible:
        raise InputError(
            f"{path}: its header claims {dimensions} values, {claimed:,} bytes in all, "
            f"but the file has {n_bytes:,}{' (gzipped)' * gzipped}"
        )
    if 0 in shape:
        raise InputError(f"{path}: holds no values, its dimensions are {dimensions}")


def read_values(path: Path, n_dimensions: int) -> NDArray[np.uint8]:
    """Return the values of an IDX file: memory-mapped, or in memory if the file is gzipped.

    Parameters
    ----------
    path, n_dimensions
        As for `read_shape`. The same errors are raised.

    Returns
    -------
    (n,) or (n, height, width) uint8
    """
    shape = read_shape(path, n_dimensions)
    if not is_gzipped(path):
        return np.memmap(path, np.uint8, "r", offset=4 + 4 * n_dimensions, shape=shape)
    values = np.empty(shape, np.uint8)
    read_values_into(path, values)
    return values


def read_values_into(path: Path, values: NDArray[np.uint8]) -> None:
    """Read the values of an IDX file into a C-contiguous array of its shape, without a second copy.

    Raises
    ------
    InputError
        If the file is damaged, or shorter or longer than its header claims.
    """
    remaining = values.data.cast("B")
    with open_unpacked(path) as file:
        file.seek(4 + 4 * values.ndim)
        while len(remaining):
            n_read = file.readinto(remaining[: 1 << 20])
            if n_read == 0:
                raise InputError(
                    f"{path}: {len(remaining):,} bytes fewer than the {values.size:,} its header "
                    "claims"
                )
            remaining = remaining[n_read:]
        if file.read(1):
            raise InputError(f"{path}: more than the {values.size:,} bytes its header claims")


def find_spelling(folder: Path, name: str) -> Path | None:
    """Find a file by its IDX name, spelled ``-idx`` or ``.idx``, with or without ``.gz``."""
    for spelling in (name, re.sub(r"[-.]idx", "-idx", name), re.sub(r"[-.]idx", ".idx", name)):
        for ending in ("", ".gz"):
            if (path := folder / (spelling + ending)).is_file():
                return path
    return None


def pair_of(images: Path) -> Pair:
    """Find the labels of an IDX file of images, in the same folder.

    The labels of ``train-images-idx3-ubyte`` are in ``train-labels-idx1-ubyte``.

    Raises
    ------
    InputError
        If there is no such file.
    """
    name = images.name.removesuffix(".gz")
    labels_name = name.replace("images", "labels").replace("idx3", "idx1")
    labels = find_spelling(images.parent, labels_name) if labels_name != name else None
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
    names = {path.name.removesuffix(".gz") for path in images_in(folder)}
    found = [path for name in sorted(names) if (path := find_spelling(folder, name))]
    test = [path for path in found if TEST_NAME.search(path.name)]
    train = [path for path in found if path not in test]
    if len(found) == 1:
        return pair_of(found[0]), None
    if len(train) == len(test) == 1:
        return pair_of(train[0]), pair_of(test[0])
    listed = ", ".join(path.name for path in found) or "none"
    raise InputError(
        f"{folder}: expected one IDX file of training images and at most one of test images, "
        f"found {listed}"
    )


def images_in(folder: Path) -> list[Path]:
    """List the files in a folder whose names are those of IDX images."""
    return [path for path in folder.iterdir() if re.search(r"images[-.]idx3", path.name)]


def load_idx(path: Path) -> Dataset:
    """Read an IDX file of images and its labels from the same folder, or a folder of IDX files.

    Images that are not gzipped stay on disk and are memory-mapped, so they may be larger than
    memory. If a folder has a training and a test pair, the two are joined in memory.

    Raises
    ------
    InputError
        If a file is missing, is damaged or does not fit the others; the message names it.
    """
    if path.is_dir():
        return load_pairs(*pairs_in(path), str(path))
    read_shape(path, 3)  # catches a file of labels before its own labels are looked for
    return load_pairs(pair_of(path), None, str(path))


def load_pairs(train: Pair, test: Pair | None, name: str) -> Dataset:
    """Read one pair, or a training pair followed by a test pair, as a dataset called ``name``.

    Raises
    ------
    InputError
        If a file is damaged or does not fit the others; the message names it.
    """
    n_train, *image_shape = _checked_shape(train)
    n_test = 0
    if test is None:
        images, labels = read_values(train.images, 3), read_values(train.labels, 1)
    else:
        n_test, *test_image_shape = _checked_shape(test)
        if test_image_shape != image_shape:
            raise InputError(
                f"{test.images}: images of {_size_text(test_image_shape)} pixels, "
                f"those in {train.images} have {_size_text(image_shape)}"
            )
        images = np.empty((n_train + n_test, *image_shape), np.uint8)
        labels = np.empty(n_train + n_test, np.uint8)
        for pair, part in ((train, slice(n_train)), (test, slice(n_train, None))):
            read_values_into(pair.images, images[part])
            read_values_into(pair.labels, labels[part])
    height, width = image_shape
    numbers, names = named_classes(labels, name)
    return Dataset(
        features=images.reshape(len(images), height * width),
        labels=numbers,
        class_names=names,
        image_shape=(height, width),
        name=name,
        n_official_test=n_test,
    )


def _checked_shape(pair: Pair) -> tuple[int, ...]:
    """Return the shape of the images after checking that there are as many labels."""
    shape = read_shape(pair.images, 3)
    (n_labels,) = read_shape(pair.labels, 1)
    if n_labels != shape[0]:
        raise InputError(
            f"{pair.images}: {shape[0]:,} images, but {n_labels:,} labels in {pair.labels}"
        )
    return shape


def _size_text(lengths: list[int]) -> str:
    return "×".join(str(length) for length in lengths)
