"""Ink and paper: which part of a picture was written, whatever the light and the colours.

Paper is not one level of grey. A lamp, a shadow or the edge of a lens changes it slowly, so it is
estimated at every pixel, by the median of a neighbourhood much wider than a stroke. Ink is what
differs from the paper in one direction of colour. Dark ink reflects a fraction of what the paper
reflects, so the difference is divided by the paper's brightness: a stroke in the shadow is then as
strong as one in the light.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.photo.exact import principal_axis, sum_in_order

Ink = NDArray[np.float32]
Picture = NDArray[np.uint8]

THUMBNAIL = 40
"""Longest side, in pixels, of the picture in which the paper is estimated."""
NEIGHBOURHOOD = 0.48
"""Side of the median's window, as a fraction of the longest side."""
TWO_LEVELS = 0.9
"""Two levels that explain this share of a picture's variance are paper and ink."""
COLOURS_SIDE = 128
"""Longest side of the picture in which the direction of colour is estimated."""
PAPER_SHARE = 0.3
"""What is weaker than this share of the usual ink is paper."""
LEVELS_SIDE, LEVELS_REACH = 64, 4
"""The longest side of the picture in which the mean of the paper is taken, and how far."""
LEVELS = 4096
"""Levels of ink that are distinguished where the noise is measured."""
DARKEST_PAPER = 64
"""Differences are not divided by less than this many grey levels."""


def ink_of(picture: Picture) -> tuple[Ink, Ink]:
    """Return how much ink is at each pixel of a picture ``(height, width, 3)``.

    Returns
    -------
    ink : (height, width) float32
        0 is paper; about 1 is the difference between white and black. Negative where a pixel
        differs from the paper in the other direction.
    paper : (height, width) float32
        The brightness of the paper, from 0 to 255.
    """
    paper = paper_of(picture)
    direction = _direction(picture, paper)
    is_dark = bool(direction.sum() < 0)
    brightness = _enlarged(paper.mean(axis=2), picture.shape)
    room = np.maximum(brightness if is_dark else 255 - brightness, DARKEST_PAPER)
    direction = direction / np.float32(np.sqrt(3))
    ink = _along(picture, direction)
    ink -= _enlarged(_along(paper, direction), picture.shape)
    ink /= room
    return ink, brightness


def paper_of(picture: Picture) -> Ink:
    """Return the colour of the paper, estimated in a small picture, ``(height, width, 3)``."""
    from PIL import Image, ImageFilter

    small = Image.fromarray(picture).resize(_size(picture, THUMBNAIL), Image.Resampling.BOX)
    flat = _flat_paper(np.asarray(small))
    if flat is not None:
        return np.broadcast_to(flat, (small.height, small.width, 3))
    window = max(3, round(NEIGHBOURHOOD * max(small.size)) | 1)
    return np.asarray(small.filter(ImageFilter.MedianFilter(window))).astype(np.float32)


def _flat_paper(small: Picture) -> Ink | None:
    """Return the colour ``(3,)`` of paper that is the same everywhere; None if it is not.

    The pixels are divided into two classes by Otsu's threshold. If these explain nearly all of the
    variance, both are flat. The paper has many more of the pixels, or, if both
    have many, more of the pixels, the edge and the corners together. So a broad stroke is found
    that fills most of a neighbourhood.
    """
    grey = small.mean(axis=2)
    threshold, explained = otsu(grey)
    if explained < TWO_LEVELS:
        return None
    is_light = grey > threshold
    border = np.concatenate([is_light[0], is_light[-1], is_light[:, 0], is_light[:, -1]])
    corners = is_light[:: max(len(is_light) - 1, 1), :: max(is_light.shape[1] - 1, 1)]
    votes = is_light.mean() + border.mean() + corners.mean()
    if (votes < 1.5) if 0.3 < is_light.mean() < 0.7 else (is_light.mean() < 0.5):
        is_light = ~is_light
    paper: Ink = np.median(small[is_light], axis=0).astype(np.float32)
    return paper


def otsu(values: NDArray[Any]) -> tuple[float, float]:
    """Return the threshold that divides values best, and the share of the variance it explains.

    Otsu 1979, "A threshold selection method from gray-level histograms".
    """
    ordered = np.sort(values, axis=None).astype(np.float64)
    n = len(ordered)
    below = np.arange(1, n)
    sums = np.cumsum(ordered)
    gap = sums[:-1] / below - (sums[-1] - sums[:-1]) / (n - below)
    between = gap**2 * below * (n - below) / n**2
    best = int(between.argmax()) if n > 1 else 0
    variance = float(ordered.var())
    if n < 2 or variance == 0:
        return float(ordered[0]), 0.0
    return float(ordered[best] + ordered[best + 1]) / 2, float(between[best]) / variance


def _direction(picture: Picture, paper: Ink) -> Ink:
    """Return the direction of colour, of length 1, in which the strongest differences point."""
    from PIL import Image

    small = Image.fromarray(picture).resize(_size(picture, COLOURS_SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small).astype(np.float32)
    channels = [_enlarged(paper[:, :, channel], pixels.shape) for channel in range(3)]
    differences = (pixels - np.stack(channels, axis=2)).astype(np.float64)
    one, two, three = colours = [differences[:, :, channel] for channel in range(3)]
    weights = one * one + two * two + three * three
    moments = [[sum_in_order(a * weights * b) for b in colours] for a in colours]
    x, y, z = axis = principal_axis(moments)
    along = one * x + two * y + three * z
    direction = np.array(axis, np.float32)
    return direction if sum_in_order(along * along * along) >= 0 else -direction


def _along(colours: NDArray[Any], direction: Ink) -> Ink:
    """Return how far colours ``(height, width, 3)`` reach in a direction ``(3,)``."""
    x, y, z = direction
    along: Ink = colours[:, :, 0] * x + colours[:, :, 1] * y + colours[:, :, 2] * z
    return along


def levelled(ink: Ink, usual: float) -> Ink:
    """Return ink without what varies slowly where there is none: paper that `paper_of` missed.

    The mean of all pixels that are not ink, over a neighbourhood, is subtracted.
    """
    from PIL import Image

    is_paper: Ink = (np.abs(ink) < PAPER_SHARE * usual).astype(np.float32)
    means = []
    for values in (ink * is_paper, is_paper):
        small = Image.fromarray(values).resize(_size(ink, LEVELS_SIDE), Image.Resampling.BOX)
        means.append(_box_mean(np.asarray(small), LEVELS_REACH))
    mean = (means[0] / np.maximum(means[1], 0.05)).astype(np.float32)
    return np.asarray(ink - _enlarged(mean, ink.shape))


def _box_mean(values: Ink, reach: int) -> Ink:
    """Return the mean over the square that reaches so far from each pixel, 0 outside."""
    for _ in range(2):
        sums = np.cumsum(np.pad(values, ((reach + 1, reach), (0, 0))), axis=0)
        values = ((sums[2 * reach + 1 :] - sums[: -2 * reach - 1]) / np.float32(2 * reach + 1)).T
    return values


def _size(picture: Picture | Ink, longest: int) -> tuple[int, int]:
    """Return width and height of the picture when its longest side is at most ``longest``."""
    height, width = picture.shape[:2]
    scale = min(1.0, longest / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _enlarged(values: Ink, shape: tuple[int, ...]) -> Ink:
    """Interpolate values ``(height, width)`` to the height and width of a shape."""
    from PIL import Image

    size = (shape[1], shape[0])
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BILINEAR))


def strength(ink: Ink) -> tuple[float, float]:
    """Return how strong ink is in a picture, and the noise of the paper, on the scale of `ink_of`.

    The strength is the median over the pixels that have more than half of the strongest ink; the
    noise is a robust standard deviation over the others.
    """
    strong = np.sort(ink[ink >= ink.max() / 2])
    strongest = strong[-min(3, len(strong))]  # not a single pixel that differs
    step = max(1, max(ink.shape) // 256)
    some = ink[::step, ::step]
    some = np.abs(some[some < max(strongest / 2, 1 / LEVELS)])
    # selecting the middle is slow where many values are equal, counting is not
    levels = np.minimum(some * LEVELS, 2 * LEVELS).astype(np.intp)
    counts = np.cumsum(np.bincount(levels.ravel(), minlength=1))
    noise = 1.4826 * float(np.searchsorted(counts, counts[-1] / 2)) / LEVELS
    return float(np.median(ink[ink >= strongest / 2])), noise
