"""What a picture is: characters, surely or not, blank paper, or something else altogether.

A network names a class for whatever it gets, also for a face. How familiar an image is to it, how
sure it is, and how much of the ink belongs to what was read decide whether its answer counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DIGIT, UNSURE, BLANK, NO_DIGIT = "digit", "unsure", "blank", "not a digit"

FAMILIAR = 0.5
"""What is less familiar than this is no character."""
SURE = 0.8
"""A character is surely read if its class has this probability."""
MOST_OUTSIDE = 0.4
"""In a picture of characters, at most this share of the ink is outside of them."""
MOST_FRAGMENTS = 200
"""A picture with more pieces of ink than this is none of characters."""


def verdict_of_character(probabilities: NDArray[np.floating], familiarity: float) -> str:
    """Return whether an image is a character: `DIGIT`, `UNSURE` or `NO_DIGIT`.

    Parameters
    ----------
    probabilities : (n_classes,)
    familiarity
        How much the image is like a character at all, from 0 to 1.
    """
    if familiarity < FAMILIAR:
        return NO_DIGIT
    return DIGIT if probabilities.max() >= SURE else UNSURE


def verdict_of_picture(
    characters: Sequence[str], outside: float = 0.0, n_fragments: int = 0
) -> tuple[str, str]:
    """Return what a picture is, and why if it is not `DIGIT`.

    Parameters
    ----------
    characters
        The verdict of each character that was found in it.
    outside
        The share of the ink that is not in characters; see `share_outside`.
    n_fragments
        How many pieces of ink there are.
    """
    if not characters:
        return BLANK, "there is no ink on it"
    if n_fragments > MOST_FRAGMENTS:
        return NO_DIGIT, f"its ink is in {n_fragments:,} pieces"
    if all(verdict == NO_DIGIT for verdict in characters):
        return NO_DIGIT, "it is unlike all that the network has learned"
    if outside > MOST_OUTSIDE:
        return NO_DIGIT, f"{outside:.0%} of its ink is outside of what could be read"
    if NO_DIGIT in characters:
        return UNSURE, "a part of it is unlike all that the network has learned"
    if UNSURE in characters:
        return UNSURE, "the network is not sure"
    return DIGIT, ""


def share_outside(strokes: NDArray[np.bool_], boxes: Sequence[tuple[int, int, int, int]]) -> float:
    """Return the share of strokes ``(height, width)`` that is outside of all boxes, 0 to 1."""
    total = int(strokes.sum())
    rest = strokes.copy()
    for top, left, bottom, right in boxes:
        rest[top:bottom, left:right] = False
    return int(rest.sum()) / max(total, 1)


def in_words(verdict: str, class_names: Sequence[str]) -> str:
    """Return a verdict as users see it: of characters where the classes are not the digits."""
    if all(name in "0123456789" and len(name) == 1 for name in class_names):
        return verdict
    return verdict.replace("digit", "character")
