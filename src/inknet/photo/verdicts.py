"""What a picture is: characters, surely or not, blank paper, or something else altogether.

A network names a class for whatever it gets, also for a face. How familiar an image is to it, how
sure it is, and how much of the ink belongs to what was read decide whether its answer counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inknet.photo.sheet import Sheet

DIGIT, UNSURE, BLANK, NO_DIGIT = "digit", "unsure", "blank", "not a digit"

FAMILIAR = 0.005
"""What is less familiar than this is no character."""
LIKELY, SURE, SURE_ALONE = 0.5, 0.25, 0.9
"""A character is surely read if the probability of its class is at least the first, and the product
of what network and guard say at least the second; without a guard, if it is at least the third."""
SURE_OF_ALL, SURE_OF_ALL_ALONE = 0.3, 0.8
"""Several characters are surely read if the product of what is said of each is at least this."""
DOUBTFUL_SIGNS, MANY_SIGNS = 2, 3
"""So many signs of clutter make a picture unsure, or none of characters."""
SHADE = 0.1
"""Ink that is weaker than this, where white and black differ by 1, and cluttered, is none."""
GRAIN = 0.25
"""A picture without ink is blank if nothing on it is stronger than this."""
FLATTEST = 0.2
"""What is lower than this share of its width is a line, and no character."""
MOST_OUTSIDE = 0.4
"""In a picture of characters, at most this share of the ink is outside of them."""
MOST_FRAGMENTS = 200
"""A picture with more pieces of ink than this is none of characters."""


def verdict_of_character(
    confidence: float, familiarity: float, support: float, guarded: bool = True
) -> str:
    """Return whether an image is a character: `DIGIT`, `UNSURE` or `NO_DIGIT`.

    Parameters
    ----------
    confidence
        The probability of the most probable class.
    familiarity
        The probability that it is a character at all.
    support
        The product of the confidence and of what the guard says of the same class.
    guarded
        Whether a guard has judged it.
    """
    if familiarity < FAMILIAR:
        return NO_DIGIT
    if guarded:
        return DIGIT if confidence >= LIKELY and support >= SURE else UNSURE
    return DIGIT if confidence >= SURE_ALONE else UNSURE


def is_line(image: NDArray[np.uint8]) -> bool:
    """Return whether the ink of an image ``(28, 28)`` is as flat as a line on the paper."""
    rows, columns = (np.flatnonzero((image > 64).any(axis=axis)) for axis in (1, 0))
    return len(rows) > 0 and bool(np.ptp(rows) < FLATTEST * np.ptp(columns))


def verdict_of_picture(
    characters: Sequence[str],
    sheet: Sheet,
    *,
    support: float = 1.0,
    outside: float = 0.0,
    guarded: bool = True,
) -> tuple[str, str]:
    """Return what a picture is, and why if it is not `DIGIT`.

    Parameters
    ----------
    characters
        The verdict of each character that was found in it.
    sheet
        What else is known of it: how strong the ink is, in how many pieces, and what speaks
        against writing.
    support
        The product of those of all characters that are read.
    outside
        The share of the ink that is not in characters; see `share_outside`.
    guarded
        Whether a guard has judged the characters.
    """
    signs, strength = sheet.signs, sheet.strength
    if is_shade(signs, strength):
        return BLANK, "there is no ink on it"
    if sheet.n_fragments > MOST_FRAGMENTS:
        return NO_DIGIT, f"its ink is in {sheet.n_fragments:,} pieces"
    if len(signs) >= MANY_SIGNS:
        return NO_DIGIT, " and ".join(signs[:2])
    if not characters and strength > GRAIN:
        return NO_DIGIT, "nothing on it stands out from the rest"
    if not characters:
        return BLANK, "there is no ink on it"
    if all(verdict == NO_DIGIT for verdict in characters):
        return NO_DIGIT, "it is unlike all that the network has learned"
    if outside > MOST_OUTSIDE:
        return NO_DIGIT, f"{outside:.0%} of its ink is outside of what could be read"
    if sheet.doubt:
        return UNSURE, sheet.doubt
    if NO_DIGIT in characters:
        return UNSURE, "a part of it is unlike all that the network has learned"
    if UNSURE in characters:
        return UNSURE, "what is written is not clear"
    if sheet.n_marks:
        return UNSURE, "there are marks beside what was read, such as a point or a dash"
    if len(signs) >= DOUBTFUL_SIGNS:
        return UNSURE, " and ".join(signs)
    if len(characters) > 1 and support < (SURE_OF_ALL if guarded else SURE_OF_ALL_ALONE):
        return UNSURE, "each character is likely, but not all together"
    return DIGIT, ""


def is_shade(signs: Sequence[str], strength: float) -> bool:
    """Return whether what was taken for ink is only the shade of blank paper, or its grain."""
    return len(signs) >= DOUBTFUL_SIGNS and strength < SHADE


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
