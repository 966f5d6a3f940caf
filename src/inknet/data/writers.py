"""Who wrote each image of MNIST and QMNIST: QMNIST's files of labels, found or downloaded.

Yadav and Bottou 2019, "Cold case: the lost MNIST digits", NeurIPS: a row of eight numbers for each
image, the class, the series of NIST's Special Database 19 (0, 1 and 3 are by employees of the
Census Bureau, 4 by students), the writer, and where in the database the image is. The training
images of MNIST are those of QMNIST, in its order; its test images are QMNIST's first 10,000.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inknet.data.compressed import open_unpacked
from inknet.data.dataset import Dataset
from inknet.data.download import fetch_file
from inknet.data.idx import find_spelling, read_values
from inknet.data.public import QMNIST
from inknet.errors import InputError, quoted
from inknet.files import as_path
from inknet.groups.dividing import NoGroupsError, numbered_groups

WRITERS = "writers"
KNOWN = ("mnist", "qmnist")
"""Sources whose writers are known."""
CLASS, SERIES, WRITER = 0, 1, 2
N_COLUMNS = 8
STUDENTS = 4
"""The series that students wrote."""


def with_writers(dataset: Dataset, source: str) -> Dataset:
    """Return MNIST or QMNIST with the writer of each image as its group.

    Raises
    ------
    NoGroupsError
        If the writers of this source are not known.
    InputError
        If the files of labels are not on this machine and cannot be downloaded, or are of others.
    """
    if source not in KNOWN:
        raise NoGroupsError(
            f"{source}: its writers are not known; only those of {' and '.join(KNOWN)} are"
        )
    n_train = len(dataset) - dataset.n_official_test
    hands = np.concatenate([hands_of("train"), hands_of("test")[: dataset.n_official_test]])
    named = np.array([int(name) for name in dataset.class_names])
    if len(hands) != len(dataset) or (hands[:, CLASS] != named[dataset.labels]).any():
        raise InputError(
            f"{source}: QMNIST's files of labels are not of its {n_train:,} + "
            f"{dataset.n_official_test:,} images; take them from {QMNIST.mirrors[0]}"
        )
    writers = hands[:, SERIES] * 100_000 + hands[:, WRITER]
    return replace(
        dataset, groups=numbered_groups(writers, len(writers), source), group_name=WRITERS
    )


def hands_of(part: str) -> NDArray[np.int64]:
    """Return the labels of QMNIST, found as its images are, or downloaded into the cache.

    Parameters
    ----------
    part
        ``"train"`` or ``"test"``.

    Returns
    -------
    (60000, 8)
        A row for each image; see the module.

    Raises
    ------
    InputError
        In one line, which says where to get the file and where to put it; or if it is damaged.
    """
    import pooch

    name = f"qmnist-{part}-labels-idx2-int"
    own_folder = os.environ.get("INKNET_DATA_DIR")
    places = [as_path(own_folder) / place for place in QMNIST.places] if own_folder else []
    for folder in places:
        if found := find_spelling(folder, name):
            return _checked(found, read_values(found, 2))
        for ending in (".tsv", ".tsv.gz"):
            table = folder / f"qmnist-{part}-labels{ending}"
            if table.is_file():
                return _read_table(table)
    cache = Path(pooch.os_cache("inknet")) / QMNIST.cache_name
    failures = fetch_file(cache, QMNIST.mirrors, f"{name}.gz", QMNIST.hashes[name])
    if failures:
        raise InputError(
            f"who wrote which image is in {name}.gz of QMNIST, which is not on this machine and "
            f"cannot be downloaded ({', '.join(failures)}); put {QMNIST.mirrors[0]}{name}.gz into "
            f"the folder of INKNET_DATA_DIR, or its folder qmnist"
        )
    path = cache / f"{name}.gz"
    return _checked(path, read_values(path, 2))


def _read_table(path: Path) -> NDArray[np.int64]:
    try:
        with open_unpacked(path) as file:
            return _checked(path, np.loadtxt(file, np.int64, ndmin=2))
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{path}: not a table of whole numbers ({quoted(error)})") from None


def _checked(path: Path, rows: NDArray[np.integer]) -> NDArray[np.int64]:
    if rows.shape[1] != N_COLUMNS or rows.dtype.kind not in "iu":
        raise InputError(
            f"{path}: {rows.shape[0]:,} rows of {rows.shape[1]}, expected {N_COLUMNS} whole "
            "numbers for each image, as in QMNIST"
        )
    return rows.astype(np.int64)
