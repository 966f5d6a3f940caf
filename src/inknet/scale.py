"""What the numbers in features stand for, decided by their values; docs/inputs.md has the rule.

A model learns from features that were divided by their *full scale*: 255 for pixels, the largest
value for other whole numbers from 0 that share a scale, and 1 for all else. The full scale is
decided once, from the training data, and kept in the model; `fitted` brings everything that comes
later to the same scale. An exported Python file has a copy of `fitted`, so it uses NumPy alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = 1024  # examined at a time
DARK = 16  # a sample without a larger value could be one of fractions
DARK_SHARE = 0.01  # the most of such samples, not counting blank ones, if all are pixels
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
    def sure(self) -> tuple[float, float]:
        """Between which values the features of one sample are used without a warning."""
        if self.full >= 128:
            return 0.0, 1.0
        if self.full > 1:
            return 0.0, self.full
        return (-np.inf, 127.0) if self.low is None or self.high is None else (self.low, self.high)

    @property
    def unit(self) -> float:
        """The factor on floating-point features that are within these values."""
        return 1.0 if self.full >= 128 else 1 / self.full

    def fit(self, X: NDArray[Any], dtype: np.dtype[Any]) -> tuple[NDArray[Any], str]:
        """Return features ``(n, d)`` on this scale, and a warning or ``""``; see `fitted`."""
        return fitted(X, self.full, self.low, self.high, dtype)


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
    if whole and is_shared and most < 128:
        return Scale(most, 0.0, most), ""
    if whole and is_shared and 128 <= most <= 255 and not has_dark:
        return PIXELS, ""
    if are_images and DARK <= most <= 255:
        return PIXELS, ""
    if are_images and whole and most <= LARGEST_LEVEL:
        full = 2.0 ** ceil(log2(most + 1)) - 1
        return Scale(full, 0.0, full), ""
    if 128 <= most <= 255 or (whole and is_shared and most > 255):
        return unchanged, (
            f"values from {least:g} to {most:g} are used unchanged; "
            "if they are pixels, divide them by their largest possible value"
        )
    return unchanged, ""


def is_whole(X: NDArray[Any]) -> bool:
    """Return whether all values ``(n, d)`` are whole numbers."""
    if X.dtype.kind != "f":
        return True
    parts = (X[i : i + 1024] for i in range(0, len(X), 1024))  # the first shows most fractions
    return all((part == np.rint(part)).all() for part in parts)


def fitted(
    X: NDArray[Any], full: float, low: float | None, high: float | None, dtype: np.dtype[Any]
) -> tuple[NDArray[Any], str]:
    """Return features on the scale that a model learned from, and a warning or ``""``.

    Parameters
    ----------
    X : (n, d)
        Finite numbers of any type.
    full, low, high
        See `Scale`.
    dtype
        The type of the model's numbers.

    Returns
    -------
    (n, d) uint8 or floating
        uint8 stands for 0 to 1: the model divides it by 255. All else is on the scale already.

    Raises
    ------
    ValueError
        If they are on another scale. The message says which.
    """
    least, most, whole = float(X.min()), float(X.max()), is_whole(X)
    number = X.dtype if X.dtype in (np.float32, np.float64) else np.dtype(dtype)
    found, doubt = f"values of type {X.dtype} from {least:g} to {most:g}", ""
    if full >= 128:  # pixels: up to 1 they are fractions, above that levels
        is_fraction = least >= 0 and most <= 1
        is_other = most < full / 16 and (least < 0 or not whole)
        if not is_fraction and (is_other or least < -full / 2 or most > 1.5 * full):
            raise ValueError(
                f"{found}, but the model was trained on pixels; "
                f"expected whole numbers from 0 to {full:g}, or fractions from 0 to 1"
            )
        if is_fraction:
            if most == 1 and len(X) < 10 and X.dtype.kind in "iu":
                doubt = f"{found} are taken for black and white, not for grey levels"
            return X.astype(number, copy=False), doubt
        if least < 0 or most > full or (len(X) >= 10 and most <= full / 8):
            doubt = f"{found} are taken for levels from 0 to {full:g}"
        if whole and full == 255 and least >= 0 and most <= 255:
            return X.astype(np.uint8, copy=False), doubt
        return X.astype(number, copy=False) * number.type(1 / full), doubt

    learned = f"but the model was trained on numbers from {low or 0:g} to {high or 0:g}"
    may_be_pixels = least >= 0 and 1 < most <= 255
    if full > 1 and X.dtype.kind == "b":
        raise ValueError(f"{found}, {learned}; pass numbers on that scale")
    if low is None or high is None:
        if may_be_pixels and X.dtype == np.uint8:
            raise ValueError(
                f"{found}: pixels, but the model was trained on other numbers; "
                "pass them as floats on the same scale as then"
            )
        if may_be_pixels and most >= 128 and whole:
            doubt = f"{found} are used unchanged, though they may be pixels"
    else:
        span = high - low or abs(high) or 1.0
        far = least < (0 if full > 1 else low - span / 2) or most > high + span
        if (
            full == 1
            and may_be_pixels
            and (
                (X.dtype == np.uint8 and (far or (low >= 0 and high <= 1)))
                or (most >= 128 and far and high <= 2)
            )
        ):
            raise ValueError(f"{found}, {learned}; divide pixels as in the training, by 255")
        other = (  # signs that many samples are on another scale
            (least >= 0 and high > 2 and most <= max(1.0, high / 8 if full > 1 else 0.0))
            or (least >= 0 and low < -high / 2)
            or (least < 0 <= low and most - least < span / 10)
        )
        if far or (other and len(X) >= 10 and most > least):
            doubt = f"{found}, {learned}"
    if full == 1 and whole and least >= 0 and most <= 1:
        return X.astype(np.uint8) * np.uint8(255), doubt  # the fastest form of 0 and 1
    X = X.astype(number, copy=False)
    return (X if full == 1 else X * number.type(1 / full)), doubt
