"""Large mapped files, read a row at a time.

A mapped file is memory that the system fills when it is touched, and counts as the program's own.
Rows in random order touch all of it: training on a file of 3 GB would take 3 GB. Read by its
position, a row takes no more memory than it has bytes.
"""

from __future__ import annotations

import mmap
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.errors import InputError

LARGE_FILE = 256 * 2**20
"""Bytes; smaller files may stay mapped, which is quicker."""


class FileRows:
    """An open file of rows, all of one size, one after the other.

    Attributes
    ----------
    path : str
    descriptor : int
        Of the file, open for reading.
    start : int
        Bytes before the first row.
    """

    def __init__(self, path: str, start: int) -> None:
        self.path, self.start = path, start
        self.descriptor = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        """Close the file."""
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)


def file_rows(features: NDArray[Any]) -> FileRows | None:
    """Return the file behind features ``(n, d)`` that are mapped from a large one, else None."""
    mapped, base = _mapping(features)
    if (
        mapped is None
        or base is None
        or mapped.mode != "r"
        or mapped.filename is None
        or not features.flags.c_contiguous
        or features.nbytes < LARGE_FILE
        or not hasattr(os, "pread")
    ):
        return None
    # the file is mapped from the last whole page before the offset on
    begin = mapped.offset - mapped.offset % mmap.ALLOCATIONGRANULARITY
    within = features.ctypes.data - np.frombuffer(base, np.uint8, 1).ctypes.data
    return FileRows(os.fspath(mapped.filename), begin + within)


def _mapping(features: NDArray[Any]) -> tuple[Any, mmap.mmap | None]:
    """Return the `numpy.memmap` that an array is or looks into, and what that maps, or None."""
    mapped: Any = None
    base: Any = features
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            mapped = base
        base = base.base
    return mapped, base if isinstance(base, mmap.mmap) else None


def fetch(features: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[Any]:
    """Return some rows ``(k, d)`` of features ``(n, d)``, from the file if they are in a large one.

    Raises
    ------
    InputError
        If the file has become shorter.
    """
    file = file_rows(features)
    if file is None:
        return np.asarray(features[rows])
    found = np.empty((len(rows), features.shape[1]), features.dtype)
    size = found[0].nbytes if len(found) else 0
    for row, out in zip(rows.tolist(), found, strict=True):
        if os.preadv(file.descriptor, [out], file.start + row * size) != size:
            raise InputError(f"{file.path}: ends before row {row}; it has become shorter")
    return found
