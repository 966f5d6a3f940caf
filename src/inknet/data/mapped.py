"""Read rows of large memory-mapped files from disk, without keeping the file in memory.

The operating system loads the parts of a mapped file that are read, and counts them as memory of
the process. Training reads rows in random order, so a mapped file of 3 GB would take 3 GB. A row
that is read from its position in the file takes only its own size.
"""

from __future__ import annotations

import errno
import mmap
import os
import tempfile
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.errors import InputError

LARGE_FILE = 256 * 2**20
"""Bytes; smaller files stay mapped, which is faster."""
ROWS_AT_ONCE = 4096


class FileRows:
    """An open file of rows of one size, stored one after the other.

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

    def read(self, first: int, out: NDArray[Any]) -> None:
        """Read the rows from ``first`` into ``out`` ``(k, d)``; refuse a file that has shrunk."""
        position = self.start + first * out[0].nbytes
        if os.preadv(self.descriptor, [out.data], position) != out.nbytes:
            last = first + len(out) - 1
            raise InputError(f"{self.path}: ends before row {last}; it has become shorter")

    def __del__(self) -> None:
        """Close the file."""
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)


def file_rows(features: NDArray[Any]) -> FileRows | None:
    """Return the file from which features ``(n, d)`` are mapped; None if not mapped or small."""
    mapped, base = _mapping(features)
    if (
        mapped is None
        or base is None
        or mapped.mode != "r"
        or mapped.filename is None
        or not features.flags.c_contiguous
        or features.nbytes < LARGE_FILE
        or not hasattr(os, "preadv")  # Windows; the file stays mapped
    ):
        return None
    # the mapping starts at the last page boundary before the offset
    begin = mapped.offset - mapped.offset % mmap.ALLOCATIONGRANULARITY
    within = features.ctypes.data - np.frombuffer(base, np.uint8, 1).ctypes.data
    return FileRows(os.fspath(mapped.filename), begin + within)


def _mapping(features: NDArray[Any]) -> tuple[Any, mmap.mmap | None]:
    """Return the `numpy.memmap` that an array is or is a view of, and its `mmap`; None if none."""
    mapped: Any = None
    base: Any = features
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            mapped = base
        base = base.base
    return mapped, base if isinstance(base, mmap.mmap) else None


def fetch(features: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[Any]:
    """Return rows ``(k, d)`` of features ``(n, d)``; if these are in a large file, read from it.

    Raises
    ------
    InputError
        If the file has become shorter since it was mapped.
    """
    file = file_rows(features)
    if file is None:
        return np.asarray(features[rows])
    found = np.empty((len(rows), features.shape[1]), features.dtype)
    for i, row in enumerate(rows.tolist()):
        file.read(row, found[i : i + 1])
    return found


def rows_in_order(features: NDArray[Any], start: int, stop: int) -> NDArray[Any]:
    """Return the rows from ``start`` to ``stop``; if they are in a large file, read from it.

    Raises
    ------
    InputError
        If the file has become shorter since it was mapped.
    """
    file = file_rows(features)
    if file is None:
        return np.asarray(features[start:stop])
    found = np.empty((stop - start, features.shape[1]), features.dtype)
    file.read(start, found)
    return found


def changed_rows(
    features: NDArray[Any], rows: NDArray[np.intp], change: Callable[[NDArray[Any]], NDArray[Any]]
) -> NDArray[Any]:
    """Return features ``(n, d)`` with these rows changed, and all others zero.

    Those of a large file are in a temporary file, which goes with the array.

    Parameters
    ----------
    features : (n, d)
        Memory-mapped or not.
    rows : (m,)
        Which rows are changed.
    change : callable
        Returns rows ``(k, d)`` changed, and of the same type.

    Raises
    ------
    InputError
        If the file has become shorter, or there is no room for the temporary one.
    """
    if file_rows(features) is None:
        changed = np.zeros(features.shape, features.dtype)
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            changed[some] = change(features[some])
        return changed
    descriptor, name = tempfile.mkstemp(prefix="inknet-", suffix=".rows")
    path, size = Path(name), features[:1].nbytes
    try:
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            file.truncate(features.nbytes)  # what is never written takes no room on most disks
            for start in range(0, len(rows), ROWS_AT_ONCE):
                some = rows[start : start + ROWS_AT_ONCE]
                for row, values in zip(some.tolist(), change(fetch(features, some)), strict=True):
                    if os.pwrite(file.fileno(), values.data, row * size) < size:  # a full disk
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        mapped = np.memmap(path, features.dtype, "r", shape=features.shape)
    except BaseException as error:
        path.unlink()
        if isinstance(error, OSError):
            raise InputError(
                f"{path.parent}: {error.strerror}; {features.nbytes / 1e9:.1f} GB are needed there "
                "for changed images (TMPDIR names another folder)"
            ) from None
        raise
    weakref.finalize(mapped.base, _remove, path)
    return mapped


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
