"""How the loops of `backend` and `sparse` are compiled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, TypeAlias

import numba
import numpy as np

Real: TypeAlias = np.floating[Any]
"""A number of the arrays' type: a Python float would make float32 loops compute in float64."""


def kernel(function: Callable[..., Any], *, exact: bool = False) -> Any:
    """Compile at the first call, and keep the result on disk if that is possible: `code_cache`.

    Kernels release Python's global lock. ``error_model="numpy"`` lets a division by 0 give what
    IEEE 754 says instead of an exception; without that branch LLVM can vectorise loops that divide.
    The `fastmath` flags allow sums in another order, and nothing that changes the results of NaN or
    infinity. An ``exact`` kernel rounds as NumPy does: each operation by itself, in the order
    written.
    """
    options: dict[str, Any] = {
        "error_model": "numpy",
        "fastmath": False if exact else {"contract", "nsz", "reassoc"},
        "nogil": True,
    }
    compiled = numba.njit(**options)(function)
    try:
        cache = import_module("inknet.nn.ops.numba.code_cache")
    except (ImportError, AttributeError):  # a version of numba in which its parts have moved
        with suppress(RuntimeError):  # numba found no folder to write to
            compiled.enable_caching()
        return compiled
    try:
        compiled._cache = cache.CodeCache(function)
    except RuntimeError:
        compiled._cache = cache.NoCache()
    return compiled
