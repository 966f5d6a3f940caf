"""One character's ink becomes an image like MNIST's: 28 × 28, in a box of 20, centred by mass.

As the authors of MNIST did (LeCun et al. 1998, Gradient-based learning applied to document
recognition, section III.A). Strokes thinner than almost all of MNIST's are made thicker first: a
network has never seen them.
"""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from inknet.photo.exact import sum_in_order

Ink = NDArray[np.float32]
Image28 = NDArray[np.uint8]

SIDE, BOX = 28, 20
MIDDLE = 14.5
"""Where MNIST's centres of mass are on average, in pixels from the edge: they are from 14 to 15."""
FINE = 4
"""Strokes are measured and thickened in pixels this many times finer than those of the result."""
LEAST_STROKE = 2.3
"""In pixels of 28, by `stroke_width`. MNIST's median is 2.4; 5 and 95 % are 1.6 and 3.5."""


def is_like_mnist(image: NDArray[np.uint8]) -> bool:
    """Return whether an image already has MNIST's form and can be used unchanged.

    It is 28 × 28, with paper of 0 and full contrast, its ink in a box of about 20 pixels, and the
    centre of mass within 1.2 pixels of the middle. All images of MNIST are like that.
    """
    if image.shape != (SIDE, SIDE) or image.max() < 230 or np.median(image) > 0:
        return False
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    longest = max(np.ptp(rows), np.ptp(columns)) + 1
    away = max(abs(value - MIDDLE) for value in centre_of_mass(image))
    return bool(19 <= longest <= 20 and away <= 1.2)


def centre_of_mass(ink: NDArray[np.generic]) -> tuple[float, float]:
    """Return row and column of the centre of mass, in pixels from the upper left corner.

    The middle of the first pixel is at (0.5, 0.5).
    """
    total = sum_in_order(ink)
    rows = np.cumsum(ink, axis=1, dtype=np.float64)[:, -1]
    columns = np.cumsum(ink, axis=0, dtype=np.float64)[-1]
    return (
        sum_in_order(rows * (np.arange(len(rows)) + 0.5)) / total,
        sum_in_order(columns * (np.arange(len(columns)) + 0.5)) / total,
    )


def stroke_width(ink: Ink) -> float:
    """Return the mean width of strokes in pixels, of ink from 0 to 1.

    A stroke of length l and width w has the area l · w and two edges of length l, which is half of
    the total variation; so the width is twice the area divided by the variation.
    """
    padded = np.pad(ink, 1)
    down, across = np.diff(padded, axis=0)[:, :-1], np.diff(padded, axis=1)[:-1]
    variation = sum_in_order(np.sqrt(down * down + across * across))
    return 2 * sum_in_order(ink) / max(variation, 1e-6)


def thickened(ink: Ink, radius: float) -> Ink:
    """Return ink ``(height, width)`` with strokes wider by a radius on each side, in pixels.

    The maximum over a disc; the disc's edge counts in part, so the radius need not be whole.
    """
    reach = ceil(radius)
    padded = np.pad(ink, reach)
    result = ink.copy()
    height, width = ink.shape
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            weight = min(1.0, radius + 1 - sqrt(y * y + x * x))
            if weight > 0 and (y or x):
                shifted = padded[reach + y : reach + y + height, reach + x : reach + x + width]
                np.maximum(result, shifted * np.float32(weight), out=result)
    return result


def fitted(ink: Ink, least_stroke: float = LEAST_STROKE) -> tuple[Ink, Image28]:
    """Fit the ink of one character into an image like MNIST's.

    Parameters
    ----------
    ink : (height, width) float32
        From 0, paper, to 1; cropped to the character.
    least_stroke
        Strokes thinner than this are thickened, in pixels of the image.

    Returns
    -------
    fine : (fine_height, fine_width) float32
        The character with thickened strokes, in pixels four times finer than the image's.
    image : (28, 28) uint8
    """
    box = BOX * FINE
    fine = resized(ink, box)
    radius = (least_stroke * FINE - stroke_width(fine)) / 2
    if radius > 0.25:
        reach = ceil(radius)
        fine = np.pad(resized(ink, box - 2 * reach), reach)
        radius = (least_stroke * FINE - stroke_width(fine)) / 2
        fine = cropped(thickened(fine, max(radius, 0.0)))
    # whole pixels of the image, so that rounding changes no width
    margins = [(-side % FINE // 2, (-side % FINE + 1) // 2) for side in fine.shape]
    return fine, centred(resized(np.pad(fine, margins), BOX))


def cropped(ink: Ink, faintest: float = 0.1) -> Ink:
    """Crop to the box that holds the ink; return all of it if there is none."""
    rows, columns = (np.flatnonzero((ink > faintest).any(axis=axis)) for axis in (1, 0))
    if len(rows) == 0:
        return ink
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def resized(ink: Ink, box: int) -> Ink:
    """Scale ink so that it just fits a square box, with antialiasing; from 0 to 1."""
    from PIL import Image

    height, width = ink.shape
    scale = box / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(ink).resize(size, method)).clip(0, 1)


def centred(ink: Ink) -> Image28:
    """Place ink in a box of at most 20 × 20 in the image, its centre of mass in the middle."""
    image = np.zeros((SIDE, SIDE), np.uint8)
    full = max(float(ink.max()), 1e-6)
    levels = (ink * np.float32(255 / full)).round().astype(np.uint8)
    corner = [
        int(np.clip(round(MIDDLE - centre), 0, SIDE - length))
        for centre, length in zip(centre_of_mass(ink), ink.shape, strict=True)
    ]
    image[corner[0] : corner[0] + ink.shape[0], corner[1] : corner[1] + ink.shape[1]] = levels
    return image
