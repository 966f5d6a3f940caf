"""Features brought to the scale that a model learned from.

Exported Python files hold a copy of these functions, so they use NumPy alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def is_whole(X: NDArray[Any]) -> bool:
    """Return whether all values ``(n, d)`` are whole numbers."""
    if X.dtype.kind != "f":
        return True
    parts = [X[:16], *(X[i : i + 1024] for i in range(0, len(X), 1024))]  # fractions show soon
    return all((part == np.rint(part)).all() for part in parts)


def rescaled(
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
    is_pixels = full >= 255
    if is_pixels:
        doubt = doubt_of_pixels(X, least, most, whole, full)
        if whole and full == 255 and least >= 0 and 1 < most <= 255:
            return X.astype(np.uint8, copy=False), doubt
    else:
        doubt = doubt_of_numbers(X, least, most, full, low, high)
        if whole and full == 1 and least >= 0 and most <= 1:
            return X.astype(np.uint8) * np.uint8(255), doubt  # the fastest form of 0 and 1
    X = X.astype(number, copy=False)
    is_on_scale = full == 1 or (is_pixels and least >= 0 and most <= 1)
    return (X if is_on_scale else X * number.type(1 / full)), doubt


def doubt_of_pixels(X: NDArray[Any], least: float, most: float, whole: bool, full: float) -> str:
    """Return a warning, or ``""``, for a model of pixels: up to 1 they are fractions, else levels.

    See `rescaled`, which gives the range of the features, and whether they are whole numbers.
    """
    found = f"values of type {X.dtype} from {least:g} to {most:g}"
    if least >= 0 and most <= 1:
        may_be_dark = most == 1 and len(X) < 10 and X.dtype.kind in "iu"
        return f"{found} are taken for black and white, not for grey levels" if may_be_dark else ""
    is_other = most < full / 16 and (least < 0 or not whole)
    if is_other or least < -full / 2 or most > 1.5 * full:
        raise ValueError(
            f"{found}, but the model was trained on pixels; "
            f"expected whole numbers from 0 to {full:g}, or fractions from 0 to 1"
        )
    is_odd = least < 0 or most > full or (len(X) >= 10 and most <= full / 8)
    return f"{found} are taken for levels from 0 to {full:g}" if is_odd else ""


def doubt_of_numbers(
    X: NDArray[Any], least: float, most: float, full: float, low: float | None, high: float | None
) -> str:
    """Return a warning, or ``""``, for a model of other numbers; see `doubt_of_pixels`."""
    found = f"values of type {X.dtype} from {least:g} to {most:g}"
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
        in_doubt = may_be_pixels and most >= 128 and X.shape[1] >= 64 and is_whole(X)  # 8×8
        return f"{found} are used unchanged, though they may be pixels" if in_doubt else ""
    span = high - low or abs(high) or 1.0
    far = least < (0 if full > 1 else low - span / 2) or most > high + span
    are_bytes = X.dtype == np.uint8 and (far or (low >= 0 and high <= 1))
    are_levels = most >= 128 and far and high <= 2
    if full == 1 and may_be_pixels and (are_bytes or are_levels):
        raise ValueError(f"{found}, {learned}; divide pixels as in the training, by 255")
    other = (  # signs that many samples are on another scale
        (least >= 0 and high > 2 and most <= max(1.0, high / 8 if full > 1 else 0.0))
        or (least >= 0 and low < -high / 2)
        or (least < 0 <= low and most - least < span / 10)
    )
    return f"{found}, {learned}" if far or (other and len(X) >= 10 and most > least) else ""
