"""Other pens and other ways to write a digit, drawn again for every image in every epoch.

MNIST was written with two kinds of pens by people of one country. Elsewhere a 1 has a flag and a
foot, a 7 a bar, an 8 is not closed; felt pens are broad, and pictures of paper are more or less
sharp. `Pens` changes images in these ways, or replaces them by digits that `hands` draws. It
expects light ink on a background of 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inknet.data.hands import drawn

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]
Points = NDArray[np.float64]
Generator = np.random.Generator

LEAST_INK = 64
"""A pixel with less than this is not part of a stroke, only its edge."""


class Pens:
    """Changes the strokes of images.

    Parameters
    ----------
    image_shape : (height, width)
        In pixels.
    stroke
        The largest change of a stroke's width on each side, in pixels, up to 1.
    blur
        The most that an image is blurred or sharpened: the share of a 3 × 3 binomial filter.
    habits
        The probability that a 1 gets a flag or a foot, a 7 a bar or a serif, an 8 a gap.
    forms
        The probability that a digit is replaced by one that is drawn, see `inknet.data.hands`.
    """

    def __init__(
        self,
        image_shape: tuple[int, int],
        *,
        stroke: float,
        blur: float,
        habits: float,
        forms: float = 0.0,
    ) -> None:
        self._shape = image_shape
        self._stroke, self._blur, self._habits, self._forms = stroke, blur, habits, forms

    def write(
        self, rows: Images, digits: NDArray[np.integer], strength: float, draw: Generator
    ) -> None:
        """Change images of digits ``(n, height · width)`` as other people write them, in place."""
        images = rows.reshape(-1, *self._shape)
        chosen = draw.random(len(images)) < self._habits * strength
        for digit, change in ((1, _with_flag_or_foot), (7, _with_bar), (8, _with_gap)):
            which = np.flatnonzero(chosen & (digits == digit))
            if len(which):
                images[which] = change(images[which], draw)
        if self._forms:
            # the classes after the digits, such as letters, stay as they are
            which = np.flatnonzero((draw.random(len(images)) < self._forms) & (digits < 10))
            images[which] = drawn(digits[which], self._shape, draw)

    def finish(self, rows: Images, strength: float, draw: Generator) -> None:
        """Change width and sharpness of the strokes of images ``(n, height · width)``, in place."""
        images = rows.reshape(-1, *self._shape)
        amounts = strength * draw.uniform(-1, 1, (2, len(images), 1, 1)).astype(np.float32)
        if self._stroke:
            _change_width(images, self._stroke * amounts[0])
        if self._blur:
            _change_sharpness(images, self._blur * amounts[1])


def _change_width(images: Images, amounts: Floats) -> None:
    """Move towards the maximum over a pixel and its four neighbours, or towards the minimum."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    cross = (padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:])
    wider, thinner = images.copy(), images.copy()
    for neighbour in cross:
        np.maximum(wider, neighbour, out=wider)
        np.minimum(thinner, neighbour, out=thinner)
    is_thinner = amounts[:, 0, 0] <= 0
    wider[is_thinner] = thinner[is_thinner]
    mixed = np.subtract(wider, images, dtype=np.float32)
    mixed *= np.abs(amounts)
    mixed += images
    # a thin stroke stays as dark as it was
    before, after = (values.max(axis=(1, 2)) for values in (images, mixed))
    lighter = before / np.maximum(after, np.float32(1))
    mixed *= np.where(is_thinner, lighter, np.float32(1))[:, None, None]
    images[:] = np.rint(mixed, out=mixed)


def _change_sharpness(images: Images, amounts: Floats) -> None:
    """Move towards the 3 × 3 binomial filter of the images, or away from it."""
    sharp = images.astype(np.int16)
    padded = np.pad(sharp, ((0, 0), (1, 1), (1, 1)))
    rows = padded[:, :-2] + padded[:, 2:]
    rows += 2 * padded[:, 1:-1]
    difference = rows[:, :, :-2] + rows[:, :, 2:]
    difference += 2 * rows[:, :, 1:-1]
    difference -= 16 * sharp
    changed = difference * (amounts / 16)
    changed += sharp
    images[:] = np.rint(changed, out=changed).clip(0, 255)


def _with_flag_or_foot(images: Images, draw: Generator) -> Images:
    """Draw a flag at the top of a 1, a foot under it, or both."""
    n = len(images)
    has_flag = draw.random(n) < 0.75
    has_foot = ~has_flag | (draw.random(n) < 0.4)
    width = _width(images) * draw.uniform(0.7, 1.1, n)
    top, bottom = _end(images), _end(images[:, ::-1])
    bottom[:, 0] = images.shape[1] - 1 - bottom[:, 0]
    angle = draw.uniform(0.45, 1.25, n)  # below the horizontal, in radians; a flatter one makes a 7
    length = draw.uniform(3, 11, n)[:, None]
    flag = top + length * np.stack([np.sin(angle), -np.cos(angle)], axis=1)
    left = bottom + np.stack([draw.uniform(-1, 1, n), draw.uniform(-6, -2, n)], axis=1)
    right = bottom + np.stack([draw.uniform(-1, 1, n), draw.uniform(2, 6, n)], axis=1)
    images = _stroke_between(images, top, flag, np.where(has_flag, width, 0))
    return _stroke_between(images, left, right, np.where(has_foot, width, 0))


def _with_bar(images: Images, draw: Generator) -> Images:
    """Draw a bar through the middle of a 7, a serif at the left of its top, or both."""
    n = len(images)
    has_bar = draw.random(n) < 0.75
    has_serif = ~has_bar | (draw.random(n) < 0.2)
    width = _width(images) * draw.uniform(0.7, 1.1, n)
    rows = images.max(axis=2) > LEAST_INK
    first = rows.argmax(axis=1)
    last = rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)
    middle = np.rint(first + draw.uniform(0.4, 0.62, n) * (last - first)).astype(np.intp)
    centre = _middle_of_row(images, middle)
    tilt = draw.uniform(-1.2, 0.6, n)
    left = centre + np.stack([-tilt / 2, -draw.uniform(2.5, 5.5, n)], axis=1)
    right = centre + np.stack([tilt / 2, draw.uniform(2.5, 5.5, n)], axis=1)
    corner = _end(images.transpose(0, 2, 1))[:, ::-1]  # the leftmost ink
    below = corner + np.stack([draw.uniform(2, 4.5, n), draw.uniform(-1, 0.5, n)], axis=1)
    images = _stroke_between(images, left, right, np.where(has_bar, width, 0))
    return _stroke_between(images, corner, below, np.where(has_serif, width, 0))


def _with_gap(images: Images, draw: Generator) -> Images:
    """Erase a spot of the upper half of an 8, so that it is open there."""
    n, height, width = images.shape
    upper = np.where(np.arange(height)[:, None] < 0.4 * height, images, 0) > 128
    weights = draw.random((n, height, width)) * upper
    row, column = np.divmod(weights.reshape(n, -1).argmax(axis=1), width)
    spot = np.stack([row, column], axis=1).astype(np.float64)
    distance = _distance(spot, spot, (height, width))
    radius = draw.uniform(1.0, 2.4, (n, 1, 1))
    erased = images * (distance - radius + 0.5).clip(0, 1)
    return np.asarray(erased.round(), np.uint8)


def _width(images: Images) -> NDArray[np.float64]:
    """Return the mean width of strokes ``(n,)``: twice the area divided by the variation."""
    ink = np.pad(images, ((0, 0), (1, 1), (1, 1))).astype(np.float32)
    down, right = np.diff(ink, axis=1)[:, :, :-1], np.diff(ink, axis=2)[:, :-1]
    variation = np.hypot(down, right).sum(axis=(1, 2))
    width: NDArray[np.float64] = 2 * ink.sum(axis=(1, 2)) / np.maximum(variation, 1)
    return width


def _end(images: Images) -> Points:
    """Return row and column ``(n, 2)`` of the middle of the topmost ink."""
    first = (images > LEAST_INK).any(axis=2).argmax(axis=1)
    top = _middle_of_row(images, first)
    top[:, 0] += 0.5
    return top


def _middle_of_row(images: Images, row: NDArray[np.intp]) -> Points:
    """Return row and column ``(n, 2)`` of the middle of the ink in a row of each image."""
    line = images[np.arange(len(images)), row].astype(np.float64)
    column = line @ np.arange(images.shape[2]) / np.maximum(line.sum(axis=1), 1)
    return np.stack([row, column], axis=1)


def _stroke_between(
    images: Images, start: Points, stop: Points, width: NDArray[np.float64]
) -> Images:
    """Draw a stroke of a width ``(n,)`` from start to stop ``(n, 2)``; none where it is 0."""
    distance = _distance(start, stop, images.shape[1:])
    stroke = (width[:, None, None] / 2 + 0.5 - distance).clip(0, 1)
    stroke[width == 0] = 0
    return np.maximum(images, (255 * stroke).astype(np.uint8))


def _distance(start: Points, stop: Points, shape: tuple[int, ...]) -> Floats:
    """Return how far each pixel is from the line between two points, ``(n, height, width)``."""
    rows, columns = np.indices(shape, np.float32, sparse=True)
    (row, column), (down, right) = (
        np.asarray(points, np.float32).T[:, :, None, None] for points in (start, stop - start)
    )
    y, x = rows - row, columns - column
    share = (y * down + x * right) / np.maximum(down**2 + right**2, np.float32(1e-9))
    np.clip(share, 0, 1, out=share)
    distance: Floats = np.hypot(y - share * down, x - share * right)
    return distance
