"""Memory for arrays: those that are used together, and those that are made on first use."""

import os
from contextlib import suppress
from functools import cache
from math import inf, prod
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from inknet.nn.arrays import Floats

HUGE_PAGE = 2 * 2**20
"""Bytes of a huge page of memory, on the processors and systems that have them."""

LARGEST_SHARE = 1 / 4
"""The largest part of the memory that one array may take. Adam keeps four of the size of the
parameters: themselves, their gradients, and two means."""


@cache
def memory() -> float:
    """Return how many bytes of memory this process can have at most; infinity if not known."""
    found = [inf]
    with suppress(AttributeError, ValueError, OSError):  # not on every system
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(ValueError, OSError):  # the limit of a container on Linux
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text("ascii")))
    return min(found)


class Arena:
    """Contiguous memory for arrays that are used together, in huge pages where available.

    Linux gives huge pages to large blocks only, and NumPy asks for them from 4 MiB on. In pages of
    4 KiB, scattered over the memory, arrays of this size evict each other from the cache. Then a
    training step takes a tenth longer, and its time differs from one process to the next.

    Parameters
    ----------
    dtype
        The type of all arrays.
    xp
        The array library. One other than NumPy allocates its zeros itself.
    """

    def __init__(self, dtype: np.dtype[np.floating[Any]], xp: ModuleType = np) -> None:
        self.dtype, self.xp = dtype, xp
        self._block: Floats = np.empty(0, dtype)

    def zeros(self, *shape: int) -> Floats:
        """Return an array of zeros.

        Raises
        ------
        MemoryError
            If it is too large for this machine. Linux gives out more memory than it has, and ends
            the process that uses it.
        """
        if self.xp is not np:  # the memory of another device has no pages to choose
            elsewhere: Floats = self.xp.zeros(shape, self.dtype)
            return elsewhere
        size = prod(shape)
        if size * self.dtype.itemsize > LARGEST_SHARE * memory():
            raise MemoryError(f"an array of {size:,} numbers")
        if len(self._block) < size:
            page = HUGE_PAGE // self.dtype.itemsize
            block = np.zeros((-(-size // page) + 2) * page, self.dtype)
            until_page = -block.ctypes.data % HUGE_PAGE // self.dtype.itemsize
            self._block = block[until_page:]
        # each array begins a cache line, 64 bytes
        used = -(-size * self.dtype.itemsize // 64) * 64 // self.dtype.itemsize
        array, self._block = self._block[:size], self._block[used:]
        return array.reshape(shape)


class LazyArray:
    """An attribute for an array that a layer learns, or its gradient, made when first used.

    A network gives its layers views of its own vectors, which Python finds first.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, owner: type) -> Floats:
        layer.stand_alone()
        array: Floats = vars(layer)[self.name]
        return array
