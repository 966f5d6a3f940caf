"""Deslanted images: sheared so that they stand upright, before a network sees them.

People slant what they write, each in their own way, and that says nothing about which digit it is.
Take the grey level ``g`` of the pixel in row y and column x as its mass. The second moments about
the centre of mass say how far an image leans. They are those of a regression of x on y, weighted by
the grey levels: from one row to the next, the fitted line moves to the right by ::

    slope = mu_11 / mu_02,      mu_pq = sum of g · (x - x̄)^p · (y - ȳ)^q

The pixel in row y and column x of the upright image is what was at column ``x + slope · (y - ȳ)``
of that row, interpolated between two pixels. Afterwards mu_11 is 0, except for rounding and for ink
that was moved out of the image. (LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning
applied to document recognition", Proceedings of the IEEE 86(11), section III.A, "deslanted" images;
they count ink as 1 and paper as 0.)

Sums of bytes are whole numbers, which float64 holds exactly in any order, and the rest is a few
operations that IEEE 754 defines. So a page in a browser makes the same bytes. Exported Python files
hold a copy of `deslanted`, so it uses NumPy alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Deslanting(NamedTuple):
    """How the images of a model are deslanted.

    Attributes
    ----------
    shape : (height, width)
        In pixels.
    is_light : bool
        Whether the background is light, and dark the ink.
    """

    shape: tuple[int, int]
    is_light: bool

    def apply(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return images ``(n, height * width)`` deslanted, see `deslanted`."""
        return deslanted(X, self.shape, self.is_light)


def deslanted(X: NDArray[Any], shape: tuple[int, int], is_light: bool) -> NDArray[Any]:
    """Return images, each sheared along its rows until its ink does not lean.

    No image is sheared by more than a column for each row, which is 45 degrees.

    Parameters
    ----------
    X : (n, height * width) uint8 or floating
        As a network gets them: grey levels, or 0 to 1, which are rounded to grey levels. Numbers
        beyond these have no more mass than the ends.
    shape : (height, width)
        In pixels.
    is_light : bool
        Whether the background is light, and dark the ink.

    Returns
    -------
    (n, height * width)
        Of the same type.
    """
    height, width = shape
    y, x = np.arange(height), np.arange(width)
    result = np.empty_like(X)
    n_at_once = 64  # as many as stay in the cache
    # where each row begins, if each has two columns without ink on either side
    begins = (width + 4) * np.arange(n_at_once * height).reshape(n_at_once, height, 1)
    for start in range(0, len(X), n_at_once):
        levels = X[start : start + n_at_once].reshape(-1, height, width).astype(np.float64)
        if X.dtype != np.uint8:
            levels *= 255
        ink = 255 - levels if is_light else levels
        # numbers a little outside of the range have the mass of its ends: none is negative
        by_row = np.clip(ink, 0, 255) @ np.stack([x**0, x], axis=1).astype(np.float64)
        moments = np.stack([y**0, y, y**2]).astype(np.float64) @ by_row
        (mass, mass_x), (mass_y, mass_xy), (mass_yy, _) = moments.transpose(1, 2, 0)
        # mu_11 and mu_02, both times the mass
        lean, tall = mass * mass_xy - mass_y * mass_x, mass * mass_yy - mass_y * mass_y
        slope = np.clip(lean / np.where(tall > 0, tall, 1), -1, 1)
        centre = mass_y / np.where(mass > 0, mass, 1)
        shift = slope[:, None] * (y - centre[:, None])
        whole = np.floor(shift)
        part = (shift - whole)[:, :, None]
        padded = np.pad(ink, ((0, 0), (0, 0), (2, 2)))  # no ink beside the image
        left = np.clip(whole.astype(np.intp)[:, :, None] + x + 2, 0, width + 2)
        left += begins[: len(ink)]
        ink = np.rint((1 - part) * padded.take(left) + part * padded.take(left + 1))
        levels = 255 - ink if is_light else ink
        upright = levels.reshape(-1, height * width)
        result[start : start + n_at_once] = upright if X.dtype == np.uint8 else upright / 255
    return result
