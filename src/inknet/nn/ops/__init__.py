"""The operations of a training step, behind one interface.

`contract` says what a backend must provide, formula by formula. `formulas` provides it in readable
NumPy, and `numba` in compiled loops. A training asks `fastest` for one of them and gives it to the
network; nothing else in the code asks which one is in use. `batch` loads rows, `labels` checks
what they are compared with, and `parallel` splits large work. `images` and `reading` are plain
functions, not formulas.
"""

from functools import cache
from importlib import import_module
from os import environ

from inknet.nn.ops.batch import Batch, Rows
from inknet.nn.ops.formulas import NumpyOps
from inknet.nn.ops.labels import checked_labels, checked_targets
from inknet.nn.ops.notice import notice

NUMPY = NumpyOps()
"""The definitions, which a model uses at inference."""

VARIABLE = "INKNET_OPS"
"""The environment variable that chooses: ``numpy`` or ``numba``."""


def fastest() -> NumpyOps:
    """Return numba's operations if numba is installed, else NumPy's; or what `VARIABLE` says.

    They split large work among threads, and expect that the BLAS library does not.

    Raises
    ------
    ValueError
        If the variable names neither, or names numba and it cannot be imported.
    """
    choice = environ.get(VARIABLE) or "any"
    if choice not in ("any", "numpy", "numba"):
        raise ValueError(f"{VARIABLE} is {choice!r}; expected numpy or numba")
    if choice == "numpy":
        return NumpyOps(parallel=True)
    try:
        return _numba()
    # OSError: a broken shared library; the others: a version in which something has moved
    except (ImportError, OSError, AttributeError) as error:
        if choice == "numba":
            raise ValueError(f"{VARIABLE} is 'numba', which cannot be imported: {error}") from None
        if not (isinstance(error, ModuleNotFoundError) and error.name == "numba"):
            _tell(f"numba cannot be imported, so training is slower: {error}")
        return NumpyOps(parallel=True)


@cache
def _tell(what: str) -> None:
    """Print a line to standard error, once."""
    notice(what.splitlines()[0])


@cache
def _numba() -> NumpyOps:
    ops: NumpyOps = import_module("inknet.nn.ops.numba").NumbaOps(parallel=True)
    return ops


__all__ = [
    "NUMPY",
    "VARIABLE",
    "Batch",
    "NumpyOps",
    "Rows",
    "checked_labels",
    "checked_targets",
    "fastest",
]
