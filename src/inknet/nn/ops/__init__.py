"""The hot loops of training, behind one door.

`contract` says what a backend must give, formula by formula; `formulas` gives it in NumPy that can
be read, and `numba` in compiled loops. A training asks `fastest` for one of them and gives it to
the network; nothing else in the code asks which one is in use. `batch` takes rows in, `parallel`
splits large work, and `images` and `reading`, which are no formulas, are plain functions.
"""

import sys
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
    # a shared library that is broken gives OSError; a version that has moved something, the others
    except (ImportError, OSError, AttributeError) as error:
        if choice == "numba":
            raise ValueError(f"{VARIABLE} is 'numba', which cannot be imported: {error}") from None
        if not (isinstance(error, ModuleNotFoundError) and error.name == "numba"):
            _tell(f"numba cannot be imported, so training is slower: {error}")
        return NumpyOps(parallel=True)


@cache
def _tell(what: str) -> None:
    """Print a line to standard error, once."""
    print(f"inknet: {what}".splitlines()[0], file=sys.stderr, flush=True)


@cache
def _numba() -> NumpyOps:
    ops: NumpyOps = import_module("inknet.nn.ops.numba").NumbaOps(parallel=True)
    return ops


__all__ = ["NUMPY", "VARIABLE", "Batch", "NumpyOps", "fastest"]
