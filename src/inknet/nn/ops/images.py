"""Warping: new images that take each pixel from another position in an old one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inknet.nn.ops.formulas import NumpyOps

Warp: TypeAlias = Callable[[NDArray[np.uint8], NDArray[np.intp], Any, Any, int, Any], None]
"""The type of `warp`."""


def warp_for(ops: NumpyOps) -> Warp:
    """Return `warp`, or its compiled loop if the ops are numba's."""
    if ops.name != "numba":
        return warp
    from inknet.nn.ops.numba.images import warp as compiled

    def warp_fast(pixels: NDArray[np.uint8], *rest: Any) -> None:
        (compiled if pixels.flags.c_contiguous else warp)(pixels, *rest)

    return warp_fast


def warp(
    pixels: NDArray[np.uint8],
    rows: NDArray[np.intp],
    matrices: NDArray[np.float32],
    fields: NDArray[np.float32],
    background: int,
    out: NDArray[np.uint8],
) -> None:
    """Write new images that take each pixel from another position in an old one.

    Pixel (y, x) of image i is what row ``rows[i]`` of the old ones has at ::

        v = (m01 · x + (m00 · y + m02)) + field[0, y, x]
        u = (m11 · x + (m10 · y + m12)) + field[1, y, x]

    rounded down to whole 1/256 of a pixel, and mixed from the four pixels around it, in
    proportion to how near they are (bilinear interpolation). Outside the old image
    everything is ``background``. Positions are computed in float32, in this order, and all else in
    integers, so every implementation gives the same bits.

    Parameters
    ----------
    pixels : (n_stored, height · width)
    rows : (n,)
    matrices : (n, 2, 3)
    fields : (n, 2, height, width)
        Displacements, see above.
    background
        From 0 to 255.
    out : (n, height · width)
    """
    height, width = fields.shape[2:]
    n, columns = len(rows), np.arange(width, dtype=np.float32)
    # positions are clipped to one pixel beyond the image; with this edge all have neighbours
    padded = np.full((n, height + 3, width + 3), background, np.int32)
    padded[:, 1:-2, 1:-2] = pixels[rows].reshape(n, height, width)
    lines = np.arange(height, dtype=np.float32)[:, None]
    places = []
    for axis, last in enumerate((height, width)):
        m = matrices[:, axis, :, None, None]
        place = (m[:, 1] * columns + (m[:, 0] * lines + m[:, 2])) + fields[:, axis]
        np.clip(place + np.float32(1), 0, last + 1, out=place)
        places.append((place * np.float32(256)).astype(np.int32))
    (v, down), (u, right) = ((place >> 8, place & 255) for place in places)
    i = np.arange(n)[:, None, None]
    upper = padded[i, v, u] * (256 - right) + padded[i, v, u + 1] * right
    lower = padded[i, v + 1, u] * (256 - right) + padded[i, v + 1, u + 1] * right
    mixed = (upper * (256 - down) + lower * down + 32768) >> 16
    out[:] = mixed.reshape(n, height * width)
