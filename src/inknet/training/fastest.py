"""Which operations a training runs on."""

import mmap
import os
import sys
from importlib.util import find_spec

from inknet.errors import InputError
from inknet.nn.ops import VARIABLE, NumpyOps, fastest

LEAST_WORK = 100_000_000_000
"""The multiplications of a training from which compiled operations are worth their loading, and
their compiling where nothing is kept: NumPy takes some three seconds for so many."""
WORK_OF_STEP = 3_000_000
"""What a step takes besides its products of matrices, in multiplications that take as long."""
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


def ops_for(n_weights: int, n_samples: int, n_steps: int, began_on: str = "") -> NumpyOps:
    """Return the operations for a training: NumPy's if it is short, or what ``INKNET_OPS`` says.

    The work alone decides, not what is kept on disk: so do the bits of the result.

    Parameters
    ----------
    n_weights
        Of the network.
    n_samples, n_steps
        How many samples, counted in each epoch, are learned from in how many steps.
    began_on
        The operations that a training began on which is resumed.

    Raises
    ------
    InputError, MemoryError
        As `fastest_ops`.
    """
    work = 3 * n_weights * n_samples + WORK_OF_STEP * n_steps
    is_short = work < LEAST_WORK and began_on != "numba"
    if is_short and not os.environ.get(VARIABLE):
        return NumpyOps(parallel=True)
    return fastest_ops()


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
