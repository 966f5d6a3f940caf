"""The compiled form of `inknet.nn.ops.reading`, which runs without Python's lock."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from inknet.nn.ops.numba.kernel import kernel

_pread: Any = numba.types.ExternalFunction(
    "pread",
    numba.types.intp(numba.types.int32, numba.types.voidptr, numba.types.uintp, numba.types.int64),
)


@kernel
def _read_rows(
    descriptor: int, start: int, size: int, rows: NDArray[np.intp], out: NDArray[np.uint8]
) -> int:
    """Read rows of a file; return how many were read whole."""
    for i in range(len(rows)):
        if _pread(descriptor, out[i].ctypes, size, start + rows[i] * size) != size:
            return i
    return len(rows)


def read_rows(descriptor: int, start: int, rows: NDArray[np.intp], out: NDArray[Any]) -> int:
    """Read rows of a file until one is not whole; return how many were read."""
    return int(_read_rows(descriptor, start, out[0].nbytes, rows, out.view(np.uint8)))
