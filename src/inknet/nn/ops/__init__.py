"""The hot loops of training, behind one door.

`formulas` is the definition of each, in NumPy that can be read; `numba` says the same in
compiled loops. Who trains asks `fastest` for one of them and hands it to the network; nothing else
in the code asks which one is in use.
"""

from functools import cache
from importlib import import_module
from os import environ

from inknet.nn.ops.batch import Batch
from inknet.nn.ops.formulas import NumpyOps

NUMPY = NumpyOps()
"""The definitions, as they serve a model in use."""

VARIABLE = "INKNET_OPS"
"""The environment variable that chooses: ``numpy`` or ``numba``."""


def fastest() -> NumpyOps:
    """Return numba's operations if numba is installed, else NumPy's; or what `VARIABLE` says.

    They split large work among threads and expect that the BLAS library does not.

    Raises
    ------
    ValueError
        If the variable names neither, or numba where it cannot be imported.
    """
    choice = environ.get(VARIABLE) or "any"
    if choice not in ("any", "numpy", "numba"):
        raise ValueError(f"{VARIABLE} is {choice!r}; expected numpy or numba")
    if choice == "numpy":
        return NumpyOps(parallel=True)
    try:
        return _numba()
    except (ImportError, OSError) as error:  # OSError: a shared library that is broken
        if choice == "any":
            return NumpyOps(parallel=True)
        raise ValueError(f"{VARIABLE} is 'numba', which cannot be imported: {error}") from None


@cache
def _numba() -> NumpyOps:
    ops: NumpyOps = import_module("inknet.nn.ops.numba").NumbaOps(parallel=True)
    return ops


__all__ = ["NUMPY", "VARIABLE", "Batch", "NumpyOps", "fastest"]
