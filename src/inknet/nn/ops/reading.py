"""Reading rows of a file, one by one."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inknet.nn.ops.formulas import NumpyOps

Reader: TypeAlias = Callable[[int, int, NDArray[np.intp], NDArray[Any]], None]
"""The type of `read_rows`."""


def reader_for(ops: NumpyOps) -> Reader:
    """Return `read_rows`, or its compiled loop if the ops are numba's."""
    if ops.name != "numba":
        return read_rows
    from inknet.nn.ops.numba.reading import read_rows as compiled

    def read_fast(descriptor: int, start: int, rows: NDArray[np.intp], out: NDArray[Any]) -> None:
        n_read = compiled(descriptor, start, rows, out)
        if n_read < len(rows):  # says which row is missing
            read_rows(descriptor, start, rows[n_read:], out[n_read:])

    return read_fast


def read_rows(descriptor: int, start: int, rows: NDArray[np.intp], out: NDArray[Any]) -> None:
    """Read rows ``(n,)`` of a file into ``out``, ``(n, d)``.

    Row 0 begins ``start`` bytes into the file, and each has as many bytes as a row of ``out``.

    Raises
    ------
    ValueError
        If the file ends before a row does.
    """
    size = out[0].nbytes
    for i, row in enumerate(rows):
        if os.preadv(descriptor, [out[i]], start + int(row) * size) != size:
            raise ValueError(f"the file ends before row {row}; it has become shorter")
