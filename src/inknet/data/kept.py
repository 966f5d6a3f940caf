"""In which types the features of a source are kept: what is in bytes stays in bytes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.errors import InputError


def kept(where: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return integers from 0 to 255 as uint8, and all else as float32 or float64.

    Their values decide later what they stand for, see `inknet.scale`; here, only that they are
    finite is checked.
    """
    if array.dtype == np.uint8:  # it may be memory-mapped
        return array if array.flags.c_contiguous else np.ascontiguousarray(array)
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
