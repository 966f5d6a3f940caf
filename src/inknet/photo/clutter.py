"""Signs that the ink in a picture is no writing: what photographs of other things have.

Writing is a few strokes of one darkness, on paper that is even, and most of it inside of the
picture. What is taken for ink in a picture of a face or a tree is in many pieces, runs over the
edge, and is unequally dark. Every sign has exceptions among pictures of digits; two signs are rare.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inknet.photo.character import Found
from inknet.photo.parts import Parts
from inknet.photo.sheet import Box

UNEVEN = 0.78
"""Inside of strokes, ink is this dark on average, as a share of the usual ink."""
PIECES_MORE, PIECES_EACH = 4, 2
"""There are at most so many pieces of ink, and so many more for each character."""
EDGE, LONG_EDGE = 0.02, 0.25
"""Ink touches at most this share of the picture's edge; more than the second counts twice."""
INK_OUTSIDE, STRONG = 0.005, 0.3
"""At most this share of the paper has ink as strong as the second share of the usual ink."""
BESIDE, LEAST_MARK, DASH = 0.7, 0.07, 0.25
"""As shares of the height of characters: how far marks may be from them, how large they are at
least, and how wide a dash is."""
GRAIN = 0.04
"""The paper's noise, where white and black differ by 1, is at most this."""


def signs_of_clutter(found: Found, n_pieces: int, n_characters: int) -> list[str]:
    """Return what speaks against writing in a picture, as parts of a sentence."""
    mask = found.mask
    if not mask.any():
        return []
    signs = []
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).mean()
    if edge > EDGE:
        signs.append("its ink runs over the edge")
    if edge > LONG_EDGE:
        signs.append("its ink runs along the edge")
    inside = _inside(mask)
    if inside.any() and found.ink[inside].mean() < UNEVEN:
        signs.append("its ink is uneven")
    if n_pieces > PIECES_MORE + PIECES_EACH * max(1, n_characters):
        signs.append(f"its ink is in {n_pieces:,} pieces")
    paper = found.ink[~mask]
    if len(paper) and (paper > STRONG).mean() > INK_OUTSIDE:
        signs.append("there is more than strokes on it")
    if found.noise > GRAIN:
        signs.append("its ground is uneven")
    return signs


def marks_beside(parts: Parts, rows: Sequence[Sequence[Box]], scale: float) -> int:
    """Return how many small parts are beside characters and belong to none: 3.5 is not 35.

    Beside a single character only a dash counts, as specks are common.

    Parameters
    ----------
    parts
        All ink, in pixels of its own.
    rows
        The boxes of the characters, in pixels that are ``scale`` times as many.
    """
    found = np.zeros(len(parts), bool)
    heights, widths = parts.boxes[:, 2] - parts.boxes[:, 0], parts.boxes[:, 3] - parts.boxes[:, 1]
    middles = (parts.boxes[:, :2] + parts.boxes[:, 2:]) / 2
    n_characters = sum(len(row) for row in rows)
    for boxes in (np.array(row) / scale for row in rows if row):
        usual = float(np.median(boxes[:, 2] - boxes[:, 0]))
        low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        reach = np.array([0.0, BESIDE * usual])
        is_near = ((middles > low - reach) & (middles < high + reach)).all(axis=1)
        is_mark = (np.maximum(heights, widths) >= LEAST_MARK * usual) & (heights < 0.5 * usual)
        if n_characters == 1:
            is_mark &= (widths >= DASH * usual) & (widths > 2 * heights)
        found |= is_near & is_mark & (parts.areas >= (LEAST_MARK * usual) ** 2 / 2)
    for top, left, bottom, right in (np.array(box) / scale for row in rows for box in row):
        inside = (middles >= (top - 1, left - 1)) & (middles <= (bottom + 1, right + 1))
        found &= ~inside.all(axis=1)
    return int((found & ~parts.at_edge()).sum())


def _inside(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of strokes whose four neighbours are in strokes too."""
    inside = mask.copy()
    inside[1:] &= mask[:-1]
    inside[:-1] &= mask[1:]
    inside[:, 1:] &= mask[:, :-1]
    inside[:, :-1] &= mask[:, 1:]
    return inside
