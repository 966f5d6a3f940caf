"""Which operations a training runs on."""

import mmap
import os
import sys
from importlib.util import find_spec

from inknet.errors import InputError
from inknet.nn.ops import VARIABLE, NumpyOps, fastest

NEEDED = 400 << 20
"""Bytes of address space that the compiled operations take when they are loaded, and a training."""


def fastest_ops() -> NumpyOps:
    """Return the fastest operations.

    Raises
    ------
    InputError
        If ``INKNET_OPS`` names operations that cannot be had.
    MemoryError
        If the memory that this process may have is too little to load them.
    """
    _refuse_little_memory()
    try:
        return fastest()
    except ValueError as error:
        raise InputError(str(error)) from None


def _refuse_little_memory() -> None:
    """Raise `MemoryError` rather than load libraries that wait forever where memory is limited.

    OpenBLAS, which numba loads by way of SciPy, tries again and again to get its buffers.
    """
    is_loaded = "numba" in sys.modules or find_spec("numba") is None
    if is_loaded or os.environ.get(VARIABLE) == "numpy" or not hasattr(mmap, "MAP_PRIVATE"):
        return
    try:
        mmap.mmap(-1, NEEDED, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (OSError, MemoryError):
        raise MemoryError(
            f"{NEEDED >> 20} MiB are needed to load the compiled operations; INKNET_OPS=numpy, "
            "which trains without them, needs less"
        ) from None
