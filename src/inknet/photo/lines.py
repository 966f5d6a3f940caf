"""Ruled lines and frames are removed; strokes that cross them stay.

A line of the paper goes from edge to edge and is thin. A frame covers all four sides of its box and
has something in it. Both are erased where the ink across them is not longer than they are thick;
where it is, a stroke crosses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inknet.photo.parts import Parts, connected_parts

Mask = NDArray[np.bool_]

STEEPEST = 0.06
"""Ruled lines rise or fall by at most this fraction of their length."""
N_SLOPES = 25
COARSE = 96
"""Longest side of the mask in which lines are searched."""
COVERED = 0.85
"""A line covers at least this share of its length, and a frame of each side."""
THICKEST = 0.02
"""Thickness of a line, as a fraction of the longest side."""
FRAME_BAND = 0.06
"""How far inside of its box a frame may be, as a fraction of the box: it may be drawn slanted."""
LEAST_CONTENT = 0.3
"""Height of what is in a frame, as a fraction of the frame's."""


def without_lines(mask: Mask) -> Mask:
    """Return a mask ``(height, width)`` without lines from edge to edge."""
    mask = _without_horizontal_lines(mask)
    return _without_horizontal_lines(mask.T).T


def _without_horizontal_lines(mask: Mask) -> Mask:
    height, width = mask.shape
    factor = -(-max(mask.shape) // COARSE)
    coarse = _pooled(mask, factor)
    if not (coarse[:, :2].any() and coarse[:, -2:].any()):
        return mask
    columns = np.arange(coarse.shape[1])
    rise = np.linspace(-STEEPEST, STEEPEST, N_SLOPES)
    offsets = np.rint(rise[:, None] * (columns - columns.mean())).astype(np.intp)
    reach = int(np.abs(offsets).max())
    padded = np.pad(coarse, ((reach + 1, reach + 1), (0, 0)))
    padded = padded[:-2] | padded[1:-1] | padded[2:]  # slopes and rows are searched in steps
    rows = np.arange(coarse.shape[0])[None, :, None] + offsets[:, None, :] + reach
    covered = padded[rows, columns].mean(axis=2)  # (slopes, rows)
    if covered.max() < COVERED:
        return mask
    thickness = _run_lengths(mask)
    thickest = THICKEST * max(mask.shape)
    all_columns = np.arange(width)
    for slope, row in np.argwhere(covered >= COVERED):
        line = (row + 0.5) * factor + rise[slope] * (all_columns - width / 2)
        near = np.abs(np.arange(height)[:, None] + 0.5 - line) <= 0.75 * factor + 1
        near &= mask
        usual = float(np.median(thickness[near])) if near.any() else np.inf
        if usual <= thickest and near.any(axis=0).mean() >= COVERED:
            mask = mask & ~(near & (thickness <= 1.5 * usual + 1))
    return mask


def without_frames(mask: Mask, parts: Parts) -> Mask:
    """Return a mask ``(height, width)`` without the frames among its parts."""
    heights, widths = (parts.boxes[:, 2] - parts.boxes[:, 0], parts.boxes[:, 3] - parts.boxes[:, 1])
    large = np.minimum(heights, widths) >= 0.25 * min(mask.shape)
    for number in np.flatnonzero(large):
        top, left, bottom, right = parts.boxes[number]
        window = (slice(top, bottom), slice(left, right))
        opened = _unframed(mask[window], parts.labels[window] == number)
        if opened is not None:
            mask = mask.copy()
            mask[window] = opened
    return mask


def _unframed(mask: Mask, frame: Mask) -> Mask | None:
    """Return what is in a frame that fills the mask; None if it is not a frame, or empty."""
    result = mask
    for turns in range(4):  # each side is the upper one once
        side = np.rot90(frame, turns)
        band = max(2, round(FRAME_BAND * len(side)))
        if side[:band].any(axis=0).mean() < COVERED:
            return None
        start = side.argmax(axis=0)
        lengths = _run_lengths(side)[start, np.arange(side.shape[1])]
        usual = np.median(lengths)
        if usual > 2 * band:
            return None
        rows = np.arange(len(side))[:, None]
        is_line = rows < start + np.minimum(lengths, usual + 2)
        erased = side & is_line & (start < band)
        result = np.where(np.rot90(erased, -turns), False, result)
    rest = connected_parts(result)
    tallest = max((rest.boxes[:, 2] - rest.boxes[:, 0]), default=0)
    return result if tallest >= LEAST_CONTENT * len(mask) else None


def _run_lengths(mask: Mask) -> NDArray[np.int64]:
    """Return for each pixel of a mask how many pixels its vertical run has; 0 outside."""
    rows = np.arange(len(mask))[:, None]
    last_off = np.maximum.accumulate(np.where(mask, -1, rows), axis=0)
    next_off = np.minimum.accumulate(np.where(mask, len(mask), rows)[::-1], axis=0)[::-1]
    return np.where(mask, next_off - last_off - 1, 0)


def _pooled(mask: Mask, factor: int) -> Mask:
    """Return whether there is ink in each block of ``factor`` × ``factor`` pixels."""
    height, width = (-(-n // factor) for n in mask.shape)
    padded = np.pad(mask, ((0, height * factor - len(mask)), (0, width * factor - mask.shape[1])))
    return np.asarray(padded.reshape(height, factor, width, factor).any(axis=(1, 3)))
