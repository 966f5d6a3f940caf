"""Sheets that were turned: the angle of their rows, and ink turned back.

Rows are straight if their ink, summed along each line of pixels, is in as few lines as possible:
the sum of the squares of these sums is largest at the right angle (Postl 1986, "Detection of linear
oblique structures and skew scan in digitized documents").
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inknet.photo.character import Found
from inknet.photo.sheet import Box

Mask = NDArray[np.bool_]

MOST_SKEW = 18.0
"""Degrees; sheets that are turned by more are not straightened."""
LEAST_SKEW = 3.0
"""Degrees; rows that rise by less are read as they are."""
GAIN = 1.1
"""Straight rows are at least this many times as sharp as they were."""
LINES = 6
"""The ink is summed in so many lines for the usual height of a character."""
MOST_PIXELS = 20_000
"""At most so many pixels of ink are looked at."""


def skew(mask: Mask, usual: float) -> float:
    """Return by how many degrees the rows of a mask must be turned to the left; 0 if they need not.

    Parameters
    ----------
    mask : (height, width) bool
        The strokes.
    usual
        The usual height of a character, in pixels.
    """
    rows, columns = np.nonzero(mask)
    if len(rows) == 0 or np.ptp(columns) < 2 * usual:
        return 0.0
    step = -(-len(rows) // MOST_PIXELS)
    y, x = rows[::step].astype(np.float64), columns[::step].astype(np.float64)
    angles = np.arange(-MOST_SKEW, MOST_SKEW + 0.25, 0.5)
    sharpness = np.array([_sharpness(y, x, angle, usual / LINES) for angle in angles])
    best = int(sharpness.argmax())
    upright = sharpness[np.abs(angles) < LEAST_SKEW].max()
    if abs(angles[best]) < LEAST_SKEW or sharpness[best] < GAIN * upright:
        return 0.0
    return float(angles[best])


def _sharpness(
    y: NDArray[np.float64], x: NDArray[np.float64], angle: float, thickness: float
) -> float:
    """Return the sum of the squares of the ink in each line, after turning by an angle."""
    radians = np.deg2rad(angle)
    places = (y * np.cos(radians) - x * np.sin(radians)) / max(thickness, 1.0)
    counts = np.bincount((places - places.min()).astype(np.intp))
    return float((counts.astype(np.float64) ** 2).sum())


def turned(found: Found, angle: float) -> Found:
    """Return ink turned to the left by an angle in degrees, in a picture that holds all of it."""
    from PIL import Image

    if angle % 90 == 0:
        quarters = round(angle / 90)
        return replace(
            found,
            ink=np.ascontiguousarray(np.rot90(found.ink, quarters)),
            mask=np.ascontiguousarray(np.rot90(found.mask, quarters)),
        )
    ink, mask = (
        np.asarray(Image.fromarray(values).rotate(angle, Image.Resampling.BILINEAR, expand=True))
        for values in (found.ink, found.mask.astype(np.float32))
    )
    return replace(found, ink=ink, mask=mask > 0.5)


def turned_back(box: Box, angle: float, shape: tuple[int, int], of_turned: tuple[int, int]) -> Box:
    """Return the box, in the picture, around a box in the turned one.

    Parameters
    ----------
    box
        In pixels of the turned picture.
    angle
        By which it was turned to the left, in degrees.
    shape, of_turned : (height, width)
        Of the picture, and of the turned one.
    """
    top, left, bottom, right = box
    y = np.array([top, top, bottom, bottom]) - of_turned[0] / 2
    x = np.array([left, right, right, left]) - of_turned[1] / 2
    sine, cosine = np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))
    rows = (x * sine + y * cosine + shape[0] / 2).clip(0, shape[0])
    columns = (x * cosine - y * sine + shape[1] / 2).clip(0, shape[1])
    return round(rows.min()), round(columns.min()), round(rows.max()), round(columns.max())
