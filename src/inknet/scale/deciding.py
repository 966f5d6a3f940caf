"""The scale of features, decided once by the values of the training data, and kept in the model."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.scale.rescaling import is_whole, rescaled

ROWS = 1024  # examined at a time
DARK = 16  # a sample without a larger value could be one of fractions
DARK_SHARE = 0.01  # the most of such samples, not counting blank ones, if all are pixels
SMALLEST_IMAGE = 64  # pixels, 8×8; fewer columns are a table, unless they are bytes
LARGEST_LEVEL = 65_535  # of pictures with 16 bits


@dataclass(frozen=True)
class Scale:
    """What the features were divided by, and their range before.

    Attributes
    ----------
    full : float
        The full scale; 1 if the features were used unchanged.
    low, high : float or None
        The least and the largest of the values that the model learned from; None if not known.
    """

    full: float = 1.0
    low: float | None = None
    high: float | None = None

    @property
    def holds_pictures(self) -> bool:
        """Whether a picture can be brought to this scale."""
        within = self.low is not None and self.high is not None and 0 <= self.low <= self.high <= 1
        return self.full > 1 or within

    def joined(self, X: NDArray[Any]) -> Scale:
        """Return the scale of a model that has learned from features on this scale, too."""
        if self.full > 1:
            return self
        unit = PIXELS.full if X.dtype == np.uint8 else 1.0
        low, high = float(X.min()) / unit, float(X.max()) / unit
        if self.low is None or self.high is None:
            return Scale(1.0, low, high)
        return Scale(1.0, min(self.low, low), max(self.high, high))

    @property
    def usual(self) -> tuple[float, float]:
        """Between which values the features of one sample are used without a warning."""
        if self.full >= PIXELS.full:
            return 0.0, 1.0
        if self.full > 1:
            return 0.0, self.full
        return (-np.inf, 127.0) if self.low is None or self.high is None else (self.low, self.high)

    @property
    def factor(self) -> float:
        """The factor on floating-point features that are within these values."""
        return 1.0 if self.full >= PIXELS.full else 1 / self.full

    def apply(self, X: NDArray[Any], dtype: np.dtype[Any]) -> tuple[NDArray[Any], str]:
        """Return features ``(n, d)`` on this scale, and a warning or ``""``; see `rescaled`."""
        return rescaled(X, self.full, self.low, self.high, dtype)


PIXELS = Scale(255.0, 0.0, 255.0)


def decided(features: NDArray[Any], *, are_images: bool = False) -> tuple[Scale, str]:
    """Return the scale of training data, and a warning if it cannot be known, otherwise ``""``.

    Parameters
    ----------
    features : (n, d)
        Finite numbers of any type.
    are_images
        Whether each row is known to be an image, so that its columns share one scale.
    """
    n, d = features.shape
    whole, n_dark, bottom, top = True, 0, np.full(d, np.inf), np.full(d, -np.inf)
    for i in range(0, n, ROWS):
        part = features[i : i + ROWS]
        np.minimum(bottom, part.min(axis=0), out=bottom)
        np.maximum(top, part.max(axis=0), out=top)
        whole = whole and is_whole(part)
        rows = part.max(axis=1)
        n_dark += 0 if are_images else int(np.count_nonzero((rows > 0) & (rows < DARK)))
        # of bytes that are pixels, the first rows are enough to see it
        n_bright = np.count_nonzero((top > bottom) & (top >= 128))
        has_dark = n_dark > DARK_SHARE * min(n, i + ROWS)
        if part.dtype == np.uint8 and n_bright >= (1 if are_images else d / 2) and not has_dark:
            return PIXELS, ""
    least, most = float(bottom.min()), float(top.max())
    unchanged = Scale(1.0, least, most)
    if least < 0 or most <= 1:
        return unchanged, ""
    varied = top > bottom
    is_shared = are_images or not varied.any() or np.mean(top[varied] >= most / 2) >= 0.5
    if are_images and (2 * DARK if whole else DARK) <= most <= 255:
        return PIXELS, ""
    if whole and is_shared and 128 <= most <= 255 and not has_dark:
        return PIXELS, ""
    if whole and is_shared and most <= 255:
        full = min(most, 128.0)  # below that of pixels: here, a value of 1 is never a fraction
        return Scale(full, 0.0, full), ""
    if are_images and whole and most <= LARGEST_LEVEL:
        full = 2.0 ** ceil(log2(most + 1)) - 1
        return Scale(full, 0.0, full), ""
    may_be_pixels = are_images or d >= SMALLEST_IMAGE or features.dtype == np.uint8
    if may_be_pixels and (128 <= most <= 255 or (whole and is_shared and most > 255)):
        return unchanged, (
            f"values from {least:g} to {most:g} are used unchanged; "
            "if they are pixels, divide them by their largest possible value"
        )
    return unchanged, ""
