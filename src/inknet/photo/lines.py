"""Ruled lines and frames are removed; strokes that cross them stay.

A line of the paper goes from edge to edge and is thin. A frame covers all four sides of its box and
has something in it. Both are erased where the ink across them is not longer than they are thick;
where it is, a stroke crosses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inknet.photo.fitting import stroke_width
from inknet.photo.parts import Parts, connected_parts

Mask = NDArray[np.bool_]

STEEPEST = 0.06
"""Ruled lines rise or fall by at most this fraction of their length."""
N_SLOPES = 25
COARSE = 96
"""Longest side of the mask in which lines are searched."""
COVERED = 0.85
"""A line covers at least this share of its length, and a frame of each side."""
THICKEST, THIN_PEN = 0.02, 0.6
"""A line is thinner than the first share of the longest side, or than the second share of the mean
width of all strokes."""
LONG = 1.5
"""It may be as thick as strokes are if it is this many times as long as other ink is high."""
MOST_LINES = 40
"""At most so many are erased in each direction."""
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
    around = padded[:-2] | padded[1:-1] | padded[2:]  # slopes and rows are searched in steps
    rows = np.arange(coarse.shape[0])[None, :, None] + offsets[:, None, :] + reach
    covered = around[rows, columns].mean(axis=2)  # (slopes, rows)
    if covered.max() < COVERED:
        return mask
    exactly = padded[rows + 1, columns].mean(axis=2)
    thickness = run_lengths(mask)
    pen = stroke_width(mask.astype(np.float32))
    thin = max(THICKEST * max(mask.shape), THIN_PEN * pen)
    all_columns = np.arange(width)
    for slope, row in _best_lines(covered, exactly):
        line = (row + 0.5) * factor + rise[slope] * (all_columns - width / 2)
        distance = np.abs(np.arange(height)[:, None] + 0.5 - line)
        near = (distance <= factor + 1) & mask
        thinnest = np.where(near, thickness, height + 1).min(axis=0)
        usual = float(np.median(thinnest))
        if usual <= max(thin, pen) and (thinnest <= height).mean() >= COVERED:
            rest = mask & ~(near & (thickness <= usual + 1))
            if usual <= thin or width >= LONG * _tallest(rest):
                mask = _without_crumbs(rest, distance <= 2 * factor + 1, 2 * usual + 1)
    return mask


def _best_lines(covered: NDArray[np.floating], exactly: NDArray[np.floating]) -> list[list[int]]:
    """Return slope and row of the lines that are covered best, one for neighbouring rows."""
    lines: list[list[int]] = []
    candidates = np.argwhere(covered >= COVERED)
    best_first = np.argsort(-exactly[tuple(candidates.T)], kind="stable")
    for slope, row in candidates[best_first]:
        if all(abs(row - other) > 1 for _, other in lines):
            lines.append([int(slope), int(row)])
    return lines[:MOST_LINES]


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
            mask[window] = without_lines(opened)  # of a form, from side to side of its frame
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
        lengths = run_lengths(side)[start, np.arange(side.shape[1])]
        usual = np.median(lengths)
        if usual > 2 * band:
            return None
        rows = np.arange(len(side))[:, None]
        is_line = rows < start + np.minimum(lengths, usual + 2)
        erased = side & is_line & (start < band)
        result = np.where(np.rot90(erased, -turns), False, result)
    return result if _tallest(result) >= LEAST_CONTENT * len(mask) else None


def _without_crumbs(mask: Mask, near: Mask, highest: float) -> Mask:
    """Return a mask without parts near a line that are as low as a line is."""
    parts = connected_parts(mask)
    low = parts.boxes[:, 2] - parts.boxes[:, 0] <= highest
    touching = np.zeros(len(parts), bool)
    touching[parts.labels[mask & near]] = True
    return mask & ~parts.mask(low & touching)


def _tallest(mask: Mask) -> int:
    """Return the height of the tallest part of a mask; 0 if there is none."""
    boxes = connected_parts(mask).boxes
    return int((boxes[:, 2] - boxes[:, 0]).max(initial=0))


def run_lengths(mask: Mask) -> NDArray[np.int64]:
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
