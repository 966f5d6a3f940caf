"""Medians, quartiles and paired ratios of measured rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """The median of some values, and the quartiles around it."""

    low: float
    median: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the quartiles, interpolated linearly between values."""
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return Spread(low, median, high)


def paired_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """Return the spread of the ratios taken round by round.

    Noise that slows a whole round down stands above and below the line, and so cancels.

    Raises
    ------
    ValueError
        If there are not as many of the one as of the other.
    """
    ratios = [n / d for n, d in zip(numerators, denominators, strict=True)]
    return spread(ratios)


def fastest(seconds: Mapping[str, Sequence[float]]) -> str:
    """Return the name with the lowest median."""
    return min(seconds, key=lambda name: spread(seconds[name]).median)
