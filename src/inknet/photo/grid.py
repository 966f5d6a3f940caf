"""A sheet of squares, such as a form or the column of marks of an exam: a character in each cell.

The frame of the squares is found by its corners, and the picture inside is made a rectangle: so a
sheet may be turned, or photographed at an angle. Without a frame, the page itself is divided.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from operator import index
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inknet.errors import InputError
from inknet.photo.character import Found, character_ink, find_ink, main_character
from inknet.photo.clutter import GRAIN
from inknet.photo.fitting import fitted
from inknet.photo.lines import run_lengths, without_frames
from inknet.photo.opening import LONGEST
from inknet.photo.parts import Parts, connected_parts
from inknet.photo.several import characters_of
from inknet.photo.sheet import Box, Character, Recognize, Sheet, box_of

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Corners = NDArray[np.float64]
"""``(4, 2)``: row and column of the upper left, upper right, lower right and lower left corner."""

MOST_CELLS = 100
"""A sheet has at most so many rows, and columns."""
CELL = 56
"""Pictures are read at a size at which cells have about so many pixels on a side."""
LEAST_CELL = 40
"""Smaller cells are enlarged to so many pixels."""
MOST_PIXELS = 8_000_000
"""They are not enlarged to more pixels than this in all."""
FRAME_SIDE, FRAME_AREA = 0.25, 0.1
"""The sides of a frame are at least the first share of those of a cell, if cells divided the page;
frames have together at least the second share of the area."""
LEAST_FILLED = 0.25
"""Between its corners is at least this share of the area of its box: else it is a stroke."""
COVERED = 0.8
"""Each side of a frame is covered by ink along at least this share."""
SPANS = 1.3
"""What is higher or wider than this many cells is cut where cells meet."""
SPECK = 0.12
"""What is lower and narrower than this share of a cell's height is a speck."""
THIN, NEAR, LONG = 0.08, 0.12, 0.6
"""What is thinner than the first share of a cell, and nearer to its edge than the second, is the
rest of a line; if it is connected with more, also if it is as long as the third."""
LEAST_HEIGHT = 0.2
"""A character is at least this share of a cell high."""
SQUARE = 0.6
"""What fills this share of a cell in both directions may be its own frame."""
ANOTHER = 0.6
"""What is this share as high as the character of a cell, beside it, is another one."""
ACROSS, APART = 0.8, 0.2
"""A line of the form covers at least the first share of its width; if it is further than the second
share of a cell from where cells meet, these are other cells."""


def checked_shape(grid: tuple[int, int]) -> tuple[int, int]:
    """Return the numbers of rows and columns; raise `InputError` if no sheet has as many."""
    try:
        n_rows, n_columns = (index(number) for number in grid)
    except (TypeError, ValueError):
        raise InputError(f"grid is {grid!r}; expected the numbers of rows and columns") from None
    if not (1 <= n_rows <= MOST_CELLS and 1 <= n_columns <= MOST_CELLS):
        raise InputError(f"grid is {n_rows}x{n_columns}; expected 1 to {MOST_CELLS} of each")
    return n_rows, n_columns


def longest_side(shape: tuple[int, int]) -> int:
    """Return the longest side at which a picture with so many rows and columns is read."""
    return max(LONGEST, CELL * max(shape))


def read_grid(picture: Picture, shape: tuple[int, int], recognize: Recognize) -> Sheet:
    """Read the characters in the cells of a sheet.

    Parameters
    ----------
    picture : (height, width, 3) uint8
    shape
        The number of rows and of columns.
    recognize
        The network.

    Returns
    -------
    Sheet
        One row for each row of cells; each character has its ``cell``. Blank cells have none.
    """
    height, width = picture.shape[:2]
    corners = frame_corners(picture, shape)
    if corners is None:
        corners = np.array([(0, 0), (0, width), (height, width), (height, 0)], float)
    flat = _flattened(picture, corners, shape)
    found = find_ink(flat)
    cells = _cells(found, shape)
    places = [box_of(one.strokes, one.top, one.left) for one in cells.values()]
    images = [
        fitted(character_ink(found, one.strokes, one.top, one.left))[1] for one in cells.values()
    ]
    rows: list[list[Character]] = [[] for _ in range(shape[0])]
    characters = characters_of(places, images, recognize)
    for (cell, content), one in zip(cells.items(), characters, strict=True):
        box = _box_in_picture(one.box, corners, flat.shape)
        familiarity = 0.0 if content.has_more else one.familiarity  # two digits are no digit
        rows[cell[0]].append(replace(one, box=box, cell=cell, familiarity=familiarity))
    # what is outside of cells is no matter; where the paper is not even, cells may not be blank
    strength = found.strength if found.noise > GRAIN else 0.0
    strokes = np.zeros((height, width), bool)
    return Sheet(rows, strokes, 0, strength=strength, doubt=_doubt(flat, shape))


def _doubt(flat: Picture, shape: tuple[int, int]) -> str:
    """Return what speaks against the numbers of rows and columns: the lines of other cells."""
    mask = find_ink(flat, keep_lines=True).mask
    for lines, n, what in (
        (_lines_across(mask), shape[0], "rows"),
        (_lines_across(mask.T), shape[1], "columns"),
    ):
        from_edges = np.abs(lines * n - np.round(lines * n))
        m = len(lines) + 1
        are_even = m > 1 and bool(np.allclose(lines * m, np.arange(1, m), atol=APART))
        if (from_edges > APART).any() or (are_even and m != n):
            return f"its lines are not those of {n} {what}"
    return ""


def _lines_across(mask: Mask) -> NDArray[np.float64]:
    """Return where horizontal lines are between the upper and the lower edge, from 0 to 1."""
    is_thin = mask & (run_lengths(mask) <= max(2, 0.02 * len(mask)))
    padded = np.pad(is_thin, ((1, 1), (0, 0)))
    is_line = (padded[:-2] | padded[1:-1] | padded[2:]).mean(axis=1) >= ACROSS
    starts = np.flatnonzero(is_line & ~np.pad(is_line, (1, 0))[:-1])
    stops = np.flatnonzero(is_line & ~np.pad(is_line, (0, 1))[1:])
    places = (starts + stops + 1) / 2 / len(mask)
    return np.asarray(places[(places > NEAR / 2) & (places < 1 - NEAR / 2)])


def frame_corners(picture: Picture, shape: tuple[int, int]) -> Corners | None:
    """Return the corners of the frame around all cells; None if there is no frame."""
    parts = connected_parts(find_ink(picture, keep_lines=True).mask)
    heights, widths = parts.boxes[:, 2] - parts.boxes[:, 0], parts.boxes[:, 3] - parts.boxes[:, 1]
    cell_height, cell_width = (side / n for side, n in zip(picture.shape[:2], shape, strict=True))
    large = (heights >= FRAME_SIDE * cell_height) & (widths >= FRAME_SIDE * cell_width)
    frames = np.zeros(len(parts), bool)
    for number in np.flatnonzero(large):
        top, left, bottom, right = parts.boxes[number]
        frames[number] = _is_frame(parts.labels[top:bottom, left:right] == number)
    # one frame around all, or one for each cell; a single frame that is small is a character
    if (heights * widths)[frames].sum() < FRAME_AREA * picture.shape[0] * picture.shape[1]:
        return None
    return _extremes(parts.mask(frames))


def _extremes(mask: Mask) -> Corners:
    """Return the points of a mask that are farthest in the four diagonal directions."""
    rows, columns = np.nonzero(mask)
    best = [
        (rows + columns).argmin(),
        (rows - columns).argmin(),
        (rows + columns).argmax(),
        (rows - columns).argmax(),
    ]
    return (np.stack([rows[best], columns[best]], axis=1) + 0.5).astype(np.float64)


def _is_frame(mask: Mask) -> bool:
    """Return whether a part has straight sides from corner to corner, around an area."""
    corners = _extremes(mask)
    across, down = corners[2] - corners[0], corners[3] - corners[1]
    if abs(across[0] * down[1] - across[1] * down[0]) / 2 < LEAST_FILLED * mask.size:
        return False
    reach = max(2, round(0.02 * max(mask.shape)))
    padded = np.pad(mask, reach)
    share = np.linspace(0.05, 0.95, 60)[:, None]
    for start, stop in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        rows, columns = (start + share * (stop - start)).astype(np.intp).T
        around = [
            padded[rows + reach + dy, columns + reach + dx]
            for dy, dx in product(range(-reach, reach + 1), repeat=2)
        ]
        if np.any(around, axis=0).mean() < COVERED:
            return False
    return True


def _flattened(picture: Picture, corners: Corners, shape: tuple[int, int]) -> Picture:
    """Return what is between the corners as a rectangle."""
    from PIL import Image

    upper_left, upper_right, lower_right, lower_left = corners
    width = np.hypot(*(upper_right - upper_left)) + np.hypot(*(lower_right - lower_left))
    height = np.hypot(*(lower_left - upper_left)) + np.hypot(*(lower_right - upper_right))
    cell = min(height / 2 / shape[0], width / 2 / shape[1])
    scale = max(1.0, LEAST_CELL / max(cell, 1.0))
    scale = min(scale, max(1.0, (MOST_PIXELS / max(width * height / 4, 1.0)) ** 0.5))
    size = round(scale * width / 2), round(scale * height / 2)
    order = (upper_left, lower_left, lower_right, upper_right)
    quad = tuple(float(value) for row, column in order for value in (column, row))
    flat = Image.fromarray(picture).transform(
        size, Image.Transform.QUAD, quad, Image.Resampling.BICUBIC
    )
    return np.asarray(flat)


def _box_in_picture(box: Box, corners: Corners, shape: tuple[int, ...]) -> Box:
    """Return the box around a box of the flattened picture, of this shape, in the picture."""
    upper_left, upper_right, lower_right, lower_left = corners
    points = []
    for row, column in product(box[::2], box[1::2]):
        y, x = row / shape[0], column / shape[1]
        upper = upper_left + x * (upper_right - upper_left)
        lower = lower_left + x * (lower_right - lower_left)
        points.append(upper + y * (lower - upper))
    (top, left), (bottom, right) = np.min(points, axis=0), np.max(points, axis=0)
    return round(top), round(left), round(bottom), round(right)


class _Content(NamedTuple):
    """A character in a cell, where the window of its strokes begins, and whether there is more."""

    strokes: Mask
    top: int
    left: int
    has_more: bool


def _cells(found: Found, shape: tuple[int, int]) -> dict[tuple[int, int], _Content]:
    """Return what is in each cell that is not blank."""
    mask = _without_edges(_without_edges(found.mask, shape).T, shape[::-1]).T
    edges = [np.linspace(0, side, n + 1) for side, n in zip(mask.shape, shape, strict=True)]
    size = np.array([mask.shape[0] / shape[0], mask.shape[1] / shape[1]])
    parts = _cut_at_edges(mask, edges, size)
    extents = parts.boxes[:, 2:] - parts.boxes[:, :2]
    middles = (parts.boxes[:, :2] + parts.boxes[:, 2:]) / 2
    owners = np.clip((middles / size).astype(np.intp), 0, np.array(shape) - 1)
    in_cell = middles / size - owners
    from_edge = np.minimum(in_cell, 1 - in_cell)
    is_rest = ((extents < THIN * size) & (from_edge < NEAR)).any(axis=1)
    keep = (extents.max(axis=1) >= SPECK * size[0]) & ~is_rest
    result = {}
    for cell in product(range(shape[0]), range(shape[1])):
        members = keep & (owners == cell).all(axis=1)
        if members.any():
            content = _character(parts, members, size)
            if content is not None:
                result[cell] = content
    return result


def _without_edges(mask: Mask, shape: tuple[int, int]) -> Mask:
    """Return a mask without the horizontal lines near the edges of cells."""
    height, width = (side / n for side, n in zip(mask.shape, shape, strict=True))
    is_thin = mask & (run_lengths(mask) <= max(2, THIN * height))
    padded = np.pad(is_thin, ((1, 1), (0, 0)))
    around = padded[:-2] | padded[1:-1] | padded[2:]  # a line may rise by a pixel
    columns = (np.arange(mask.shape[1]) / width).astype(np.intp)
    starts = np.searchsorted(columns, np.arange(shape[1]))
    covered = np.add.reduceat(around, starts, axis=1) / width
    place = (np.arange(mask.shape[0]) + 0.5) / height
    is_near = np.abs(place - np.round(place)) < NEAR
    lines = is_near[:, None] & (covered >= LONG)
    return np.asarray(mask & ~(around & is_thin & lines[:, columns]))


def _cut_at_edges(mask: Mask, edges: list[NDArray[np.float64]], size: NDArray[np.float64]) -> Parts:
    """Return the parts of a mask; those that reach over several cells are cut there."""
    parts = connected_parts(mask)
    extents = parts.boxes[:, 2:] - parts.boxes[:, :2]
    spans = np.asarray((extents > SPANS * size).any(axis=1))
    if not spans.any():
        return parts
    between = np.zeros(mask.shape, bool)
    reach = max(1, round(0.02 * size.min()))
    for row in edges[0].round().astype(int):
        between[max(0, row - reach) : row + reach] = True
    for column in edges[1].round().astype(int):
        between[:, max(0, column - reach) : column + reach] = True
    return connected_parts(mask & ~(between & parts.mask(spans)))


def _character(
    parts: Parts, members: NDArray[np.bool_], size: NDArray[np.float64]
) -> _Content | None:
    """Return the character among the parts of a cell; None if there is none."""
    boxes = parts.boxes[members]
    top, left = (int(side) for side in boxes[:, :2].min(axis=0))
    bottom, right = (int(side) for side in boxes[:, 2:].max(axis=0))
    window = parts.labels[top:bottom, left:right]
    mask = np.pad(np.isin(window, np.flatnonzero(members)), 1)  # nothing touches its edge
    of_cell = connected_parts(mask)
    if ((of_cell.boxes[:, 2:] - of_cell.boxes[:, :2]) >= SQUARE * size).all(axis=1).any():
        of_cell = connected_parts(without_frames(mask, of_cell))
    chosen = main_character(of_cell)
    strokes = of_cell.mask(chosen)[1:-1, 1:-1]
    height = np.ptp(np.flatnonzero(strokes.any(axis=1))) + 1
    if height < LEAST_HEIGHT * size[0]:
        return None
    others = of_cell.boxes[~chosen]
    has_more = bool((others[:, 2] - others[:, 0] >= ANOTHER * height).any())
    return _Content(strokes, top, left, has_more)
