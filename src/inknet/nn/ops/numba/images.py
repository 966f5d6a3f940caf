"""The compiled form of `inknet.nn.ops.images`."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from inknet.nn.ops.numba.kernel import kernel


@partial(kernel, exact=True)
def _warp(
    pixels: NDArray[np.uint8],
    rows: NDArray[np.intp],
    matrices: NDArray[np.float32],
    fields: NDArray[np.float32],
    background: int,
    out: NDArray[np.uint8],
) -> None:
    """One image after the other: all positions first, eight or more at once, then the pixels."""
    real, whole = np.float32, np.int32
    height, width = fields.shape[2:]
    stride = width + 3
    padded = np.full((height + 3) * stride, background, np.uint8)
    places = np.empty((3, height * width), whole)
    corner, down, right = places[0], places[1], places[2]
    zero, one, unit = real(0), real(1), real(256)
    for i in range(len(rows)):
        row = pixels[rows[i]]
        for y in range(height):
            for x in range(width):
                padded[(y + 1) * stride + x + 1] = row[y * width + x]
        (m00, m01, m02), (m10, m11, m12) = matrices[i, 0], matrices[i, 1]
        for y in range(height):
            start_v, start_u = m00 * real(y) + m02, m10 * real(y) + m12
            for x in range(width):
                v = ((m01 * real(x) + start_v) + fields[i, 0, y, x]) + one
                u = ((m11 * real(x) + start_u) + fields[i, 1, y, x]) + one
                line = whole(min(max(v, zero), real(height + 1)) * unit)
                column = whole(min(max(u, zero), real(width + 1)) * unit)
                k = y * width + x
                corner[k] = (line >> 8) * stride + (column >> 8)
                down[k], right[k] = line & 255, column & 255
        for k in range(height * width):
            c, d, r = corner[k], down[k], right[k]
            upper = padded[c] * (256 - r) + padded[c + 1] * r
            lower = padded[c + stride] * (256 - r) + padded[c + stride + 1] * r
            out[i, k] = (upper * (256 - d) + lower * d + 32768) >> 16


def warp(
    pixels: NDArray[np.uint8],
    rows: NDArray[np.intp],
    matrices: NDArray[np.float32],
    fields: NDArray[np.float32],
    background: int,
    out: NDArray[np.uint8],
) -> None:
    """Take one image after the other; see `inknet.nn.ops.images.warp`. Pixels are contiguous."""
    pixels = np.asarray(pixels).view()
    pixels.flags.writeable = False  # as memory-mapped files are: another type for the compiler
    _warp(pixels, rows, matrices, fields, background, out)
