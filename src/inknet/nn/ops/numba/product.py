"""The product of listed pairs with a matrix: numba's own loop, or a faster form of it.

`plain` works wherever numba does. `vectors` has a form of it that is written in LLVM's own language
and takes a half to two thirds of the time. It uses parts of numba and llvmlite that may change with
any version. So it is tested before its first use. If the test fails, `plain` is used, and a line
says so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inknet.nn.arrays import Floats
from inknet.nn.ops.notice import notice
from inknet.nn.ops.numba.kernel import kernel

Product: TypeAlias = Callable[..., None]
"""The type of `plain`."""


@kernel
def plain(
    values: Floats,
    indices: NDArray[np.uint32],
    starts: NDArray[np.uint32],
    matrix: Floats,
    start: Floats,
    first: int,
    last: int,
    out: Floats,
) -> None:
    """Write pairs of rows of ``start + sparse @ matrix``.

    Rows ``2 p`` and ``2 p + 1`` are ``start + sum_k values[k, 0 or 1] · matrix[indices[k]]``, where
    k goes from ``starts[p]`` to ``starts[p + 1]``, for p from ``first`` to ``last``. The last pair
    may have one row only.

    It takes four rows of the matrix at a time: the sums are loaded and stored a quarter as often.
    """
    d = matrix.shape[1]
    unused = np.empty(d, out.dtype)
    for p in range(first, last):
        even, odd = out[2 * p], unused
        if 2 * p + 1 < len(out):
            odd = out[2 * p + 1]
        even[:], odd[:] = start, start
        k, end = np.intp(starts[p]), np.intp(starts[p + 1])
        while end - k >= 4:
            a, b = matrix[indices[k]], matrix[indices[k + 1]]
            c, e = matrix[indices[k + 2]], matrix[indices[k + 3]]
            even_a, even_b = values[k, 0], values[k + 1, 0]
            even_c, even_e = values[k + 2, 0], values[k + 3, 0]
            odd_a, odd_b = values[k, 1], values[k + 1, 1]
            odd_c, odd_e = values[k + 2, 1], values[k + 3, 1]
            for j in range(d):
                # all read before any is written: the compiler cannot know that they do not overlap
                w, x, y, z = a[j], b[j], c[j], e[j]
                even[j] += even_a * w + even_b * x + even_c * y + even_e * z
                odd[j] += odd_a * w + odd_b * x + odd_c * y + odd_e * z
            k += 4
        while k < end:
            row = matrix[indices[k]]
            for j in range(d):
                even[j] += values[k, 0] * row[j]
                odd[j] += values[k, 1] * row[j]
            k += 1


@cache
def product_for(dtype: np.dtype[np.floating[Any]]) -> Product:
    """Return the form to use for numbers of this type, after a test of the faster one."""
    product: Product = plain
    try:
        # any version may have moved any part of what the module uses
        in_vectors = import_module("inknet.nn.ops.numba.vectors").product
        if _is_right(in_vectors, dtype):
            product = in_vectors
        else:
            _tell("the vector form computes wrong numbers")
    except Exception as error:
        _tell(f"{type(error).__name__}: {error}".splitlines()[0])
    return product


def _is_right(product: Product, dtype: np.dtype[np.floating[Any]]) -> bool:
    """Whether a product of some numbers, with blocks of every size, is what NumPy says."""
    generator = np.random.default_rng(0)
    for width in (3, 16, 243, 300):
        x = generator.normal(size=(5, 7)).astype(dtype)
        matrix, start = generator.normal(size=(7, width)), generator.normal(size=width)
        pairs = np.zeros((3, 7, 2), dtype)
        for row, numbers in enumerate(x):
            pairs[row // 2, :, row % 2] = numbers
        indices, starts = np.tile(np.arange(7, dtype=np.uint32), 3), np.arange(0, 28, 7)
        out = np.full((5, width), np.nan, dtype)
        product(
            pairs.reshape(21, 2),
            indices,
            starts.astype(np.uint32),
            matrix.astype(dtype),
            start.astype(dtype),
            0,
            3,
            out,
        )
        # 7 products of numbers below 4, and what they are added to: far less than 100 roundings
        if not np.abs(out - (x @ matrix + start)).max() < 100 * np.finfo(dtype).eps:
            return False
    return True


_told: list[str] = []


def _tell(reason: str) -> None:
    """Say once that, and why, the first layer is slower than it could be."""
    if not _told:
        notice(f"the first layer uses numba's own loops, which are slower: {reason}")
    _told.append(reason)
