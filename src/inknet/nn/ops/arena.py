"""Memory for arrays that are used together."""

from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from inknet.nn.arrays import Floats

HUGE_PAGE = 2 * 2**20
"""Bytes of a huge page of memory, on the processors and systems that have them."""


class Arena:
    """Memory for arrays that are used together, side by side, in huge pages where there are any.

    Linux gives huge pages to large blocks alone, and NumPy asks for them from 4 MiB on. In pages of
    4 KiB, scattered over the memory, arrays of this size push each other out of the cache: a step
    of training takes a tenth longer, and differs from one process to the next.

    Parameters
    ----------
    dtype
        The type of all arrays.
    xp
        The library that makes them; of another than NumPy the arrays are its own zeros.
    """

    def __init__(self, dtype: np.dtype[np.floating[Any]], xp: ModuleType = np) -> None:
        self.dtype, self.xp = dtype, xp
        self._block: Floats = np.empty(0, dtype)

    def zeros(self, *shape: int) -> Floats:
        """Return an array of zeros."""
        if self.xp is not np:  # memory that is not the processor's has no pages to choose from
            elsewhere: Floats = self.xp.zeros(shape, self.dtype)
            return elsewhere
        size = prod(shape)
        if len(self._block) < size:
            page = HUGE_PAGE // self.dtype.itemsize
            block = np.zeros((-(-size // page) + 2) * page, self.dtype)
            until_page = -block.ctypes.data % HUGE_PAGE // self.dtype.itemsize
            self._block = block[until_page:]
        # each begins a cache line, 64 bytes
        used = -(-size * self.dtype.itemsize // 64) * 64 // self.dtype.itemsize
        array, self._block = self._block[:size], self._block[used:]
        return array.reshape(shape)
