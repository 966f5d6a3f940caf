"""Several digits in a picture: found, joined where strokes are apart, cut where digits touch.

What is connected is one character at first. Small parts belong to the character that they overlap
or nearly touch: the bar of a 5, pieces of a broken stroke. A part that is too wide for one digit is
cut in every sensible way, and the network's confidence in the pieces decides. Characters whose
heights overlap are in one row, from left to right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inknet.photo.character import Found, as_mnist, character_ink, enlarged, find_ink, steps_after
from inknet.photo.clutter import marks_beside, signs_of_clutter
from inknet.photo.fitting import fitted
from inknet.photo.parts import Parts, connected_parts
from inknet.photo.sheet import (
    Box,
    Character,
    Numbers,
    Recognize,
    Sheet,
    are_guarded,
    box_of,
    scaled,
)
from inknet.photo.turning import skew, turned, turned_back
from inknet.photo.verdicts import FAMILIAR, MANY_SIGNS, MOST_FRAGMENTS, is_line

Mask = NDArray[np.bool_]
Boxes = NDArray[np.int64]
Picture = NDArray[np.uint8]
Classify = Callable[[NDArray[np.uint8]], NDArray[np.floating]]
"""From images ``(n, 28, 28)`` to probabilities ``(n, n_classes)``."""
SPECK = 0.12
"""Parts that are lower and narrower than this share of the usual height are specks."""
SMALL = 0.45
"""Parts lower than this share of the usual height may be pieces of another character."""
DASH = 0.2
"""What stays lower than this share of the usual height is no digit."""
JOINED = 0.2
"""Pieces are joined if the gap between them is at most this share of the usual height."""
ALONG_EDGE = 0.6
SHALLOW = 0.4
"""What touches the edge along the first share of its side, and reaches less than the second share
of it into the picture, is no digit but a shadow or a line."""
OVERLAP = 0.45
"""Two parts are one above the other if they share this much of the narrower one's columns."""
TALLEST = 1.35
"""What is joined is not taller than this many times the usual height."""
ONE_DIGIT = 0.95
"""A character wider than this share of its height may be several digits."""
NARROWEST = 0.12
"""A piece of a cut is at least this share of the height wide."""
WIDEST = 1.3
"""A piece is at most this share of the height wide, unless nothing is cut."""
MOST_CUTS = 9
"""At most so many places of each kind are tried."""
CUT_COST, GUARDED_CUT_COST = 0.2, 1.0
"""By how much the logarithm of the confidence must be better for each cut; with a guard, which is
surer what is no digit, by more."""
WIDTH, NARROW, WIDTH_SPREAD = 1.1, 0.5, 0.25
"""Digits are rarely wider than the first share of their height, or narrower than the second if they
are not a 1; the spread is that of the logarithm."""
POOR, CLEAR_TURN, LEAST_TURNED = 0.95, 0.95, 5
"""If the mean confidence is below the first, the sheet is turned by a quarter or a half if that of
each character is at least the second then; only with so many characters."""
CUT_OFF = 0.2
"""What the guard says of a narrow piece counts this much."""
LOW_COST = 2.0
"""By how much a piece is less likely that is lower than half of what was cut."""


@dataclass(frozen=True)
class _Strokes:
    """Some strokes of a picture: a mask of their box, and where it begins."""

    mask: Mask
    top: int
    left: int

    def columns(self, start: int, stop: int) -> _Strokes | None:
        """Return what is in some columns of the picture, cropped; None if nothing is."""
        mask = self.mask[:, start - self.left : stop - self.left]
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        if len(rows) == 0:
            return None
        mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return _Strokes(mask, self.top + int(rows[0]), start + int(columns[0]))


def read_characters(picture: Picture, classify: Classify) -> list[list[Character]]:
    """Find and classify the characters in a picture, one or many; return rows of them.

    ``classify`` gives probabilities ``(n, n_classes)`` of images ``(n, 28, 28)``. See `read_sheet`.
    """

    def recognize(images: NDArray[np.uint8]) -> tuple[Numbers, Numbers, Numbers]:
        return classify(images), np.ones(len(images)), np.ones(len(images))

    return read_sheet(picture, recognize).rows


def read_sheet(picture: Picture, recognize: Recognize) -> Sheet:
    """Find and recognize the characters in a picture, one or many.

    One whose form is MNIST's is one character, unchanged.
    """
    height, width = picture.shape[:2]
    if (image := as_mnist(picture)) is not None:
        (one,) = characters_of([(0, 0, height, width)], [image], recognize)
        # what was prepared as MNIST's images were is answered, if not surely
        one = replace(one, familiarity=max(one.familiarity, FAMILIAR))
        return Sheet([[one]], np.ones((height, width), bool), 1)
    large = enlarged(picture)
    found = find_ink(large)
    parts = connected_parts(found.mask)
    kept, usual = _kept(parts)
    strokes = _shrunk(found.mask, height, width)
    groups = _grouped(parts, kept[: MOST_FRAGMENTS + 1], usual)
    signs = signs_of_clutter(found, len(parts), len(groups))
    if len(kept) > MOST_FRAGMENTS or len(signs) >= MANY_SIGNS:
        # it is no writing, whatever its pieces look like; to read them could take seconds
        return Sheet([], strokes, len(kept), signs, found.strength)
    rows: list[list[Character]] = []
    # a digit that was cropped exactly touches the edges, as what is no digit does
    is_one = not groups or (len(groups) == 1 and not _may_be_several(groups[0]))
    if not is_one:
        angle = skew(parts.mask(np.isin(np.arange(len(parts)), kept)), usual)
        rows = (
            _rows(found, recognize, angle) if angle else _in_rows(_read(found, groups, recognize))
        )
        if _are_poor(rows):
            turns = [_rows(found, recognize, turn) for turn in (90, 180, 270)]
            best = max((turn for turn in turns if turn), key=_merit, default=rows)
            least = min(one.confidence for row in best for one in row)
            rows = best if least >= CLEAR_TURN else rows
        scale = width / large.shape[1]
        rows = [[replace(one, box=scaled(one.box, scale, scale)) for one in row] for row in rows]
        is_one = sum(len(row) for row in rows) == 1
    if is_one:  # small pieces belong to it, wherever they are
        steps = dict(steps_after(found if large is picture else find_ink(picture)))
        rows = []
        if "character" in steps:
            box = box_of(np.asarray(steps["character"], bool))
            rows = [characters_of([box], [np.asarray(steps["image"], np.uint8)], recognize)]
    n_marks = marks_beside(
        parts, [[one.box for one in row] for row in rows], width / large.shape[1]
    )
    return Sheet(rows, strokes, len(kept), signs, found.strength, n_marks)


def _rows(found: Found, recognize: Recognize, angle: float) -> list[list[Character]]:
    """Return the rows of characters in ink that is turned first; their boxes are turned back."""
    straight = turned(found, angle)
    parts = connected_parts(straight.mask)
    kept, usual = _kept(parts)
    rows = _in_rows(_read(straight, _grouped(parts, kept[:MOST_FRAGMENTS], usual), recognize))
    shape, of_turned = found.mask.shape, straight.mask.shape
    return [
        [replace(one, box=turned_back(one.box, angle, shape, of_turned)) for one in row]
        for row in rows
    ]


def _are_poor(rows: list[list[Character]]) -> bool:
    """Return whether several characters are read so badly that the sheet may be turned."""
    return sum(len(row) for row in rows) >= LEAST_TURNED and _merit(rows) < POOR


def _merit(rows: list[list[Character]]) -> float:
    """Return how well characters are read: the mean of their classes' probabilities."""
    some = [one.confidence if one.familiarity else 0.0 for row in rows for one in row]
    return float(np.mean(some or [0.0]))


def _shrunk(mask: Mask, height: int, width: int) -> Mask:
    """Return a mask of another size: the pixel in the middle of each."""
    if mask.shape == (height, width):
        return mask
    rows = ((np.arange(height) + 0.5) * len(mask) / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * mask.shape[1] / width).astype(np.intp)
    return np.asarray(mask[np.ix_(rows, columns)])


def _read(found: Found, groups: list[_Strokes], recognize: Recognize) -> list[Character]:
    """Return the characters that the strokes are, cut where several touch."""
    characters: list[Character] = []
    whole: list[_Strokes] = []
    for strokes in groups:
        if _may_be_several(strokes):
            characters += _cut(found, strokes, recognize)
        else:
            whole.append(strokes)
    return characters + _recognized(found, whole, recognize)


def _may_be_several(strokes: _Strokes) -> bool:
    """Return whether strokes are so wide that they may be several characters that touch."""
    height, width = strokes.mask.shape
    return bool(width > ONE_DIGIT * height)


def _kept(parts: Parts) -> tuple[NDArray[np.intp], float]:
    """Return the numbers of parts that may belong to characters, the largest first.

    And the usual height of parts, in pixels.
    """
    if len(parts) == 0:
        return np.zeros(0, np.intp), 0.0
    heights, widths = parts.boxes[:, 2] - parts.boxes[:, 0], parts.boxes[:, 3] - parts.boxes[:, 1]
    usual = _weighted_median(heights, parts.areas)
    is_off = (heights < SMALL * usual) | (heights > TALLEST * usual)
    keep = np.maximum(heights, widths) >= SPECK * usual
    keep &= ~(parts.at_edge() & is_off) & ~_runs_along_edge(parts)
    kept = np.flatnonzero(keep)
    return kept[np.argsort(-parts.areas[kept], kind="stable")], usual


def _grouped(parts: Parts, kept: NDArray[np.intp], usual: float) -> list[_Strokes]:
    """Return the strokes of each character."""
    owners, boxes = _joined(parts.boxes[kept], usual)
    groups = []
    for root in np.flatnonzero(owners == np.arange(len(kept))):
        top, left, bottom, right = (int(side) for side in boxes[root])
        if bottom - top >= DASH * usual:
            members = kept[owners == root]
            window = parts.labels[top:bottom, left:right]
            groups.append(_Strokes(np.isin(window, members), top, left))
    return groups


def _joined(boxes: Boxes, usual: float) -> tuple[NDArray[np.intp], Boxes]:
    """Join small parts with a taller one nearby, and parts that are above each other.

    Returns
    -------
    owners : (n,)
        For each part the one that it was joined with; itself if with none.
    boxes : (n, 4)
        Those of parts that others were joined with hold these too.
    """
    boxes = boxes.copy()
    heights, widths = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    owners = np.arange(len(boxes))
    order = np.argsort(-heights, kind="stable")
    for place, i in enumerate(order):
        others = order[:place][owners[order[:place]] == order[:place]]
        if len(others) == 0:
            continue
        top, left, bottom, right = boxes[others].T
        across = np.maximum(left - boxes[i, 3], boxes[i, 1] - right).clip(0)
        down = np.maximum(top - boxes[i, 2], boxes[i, 0] - bottom).clip(0)
        shared = np.minimum(right, boxes[i, 3]) - np.maximum(left, boxes[i, 1])
        tall = np.maximum(bottom, boxes[i, 2]) - np.minimum(top, boxes[i, 0])
        is_stacked = shared >= OVERLAP * np.minimum(widths[i], widths[others])
        gaps = np.maximum(across, down)
        fits = (gaps <= JOINED * usual) & (tall <= TALLEST * usual)
        fits &= is_stacked | (heights[i] < SMALL * usual)
        if fits.any():
            best = others[np.where(fits, gaps, np.inf).argmin()]
            owners[owners == i] = best
            boxes[best, :2] = np.minimum(boxes[best, :2], boxes[i, :2])
            boxes[best, 2:] = np.maximum(boxes[best, 2:], boxes[i, 2:])
    return owners, boxes


def _runs_along_edge(parts: Parts) -> NDArray[np.bool_]:
    """Return which parts ``(n,)`` are cut off along most of their side: no digit, but a shadow."""
    labels = parts.labels
    top, left, bottom, right = parts.boxes.T
    result = np.zeros(len(parts), bool)
    heights, widths = bottom - top, right - left
    edges = [(labels[0], widths, heights), (labels[-1], widths, heights)]
    edges += [(labels[:, 0], heights, widths), (labels[:, -1], heights, widths)]
    for edge, sides, depths in edges:
        counts = np.bincount(edge[edge >= 0], minlength=len(parts))
        result |= (counts >= ALONG_EDGE * sides) & (depths < SHALLOW * sides)
    return result


def _weighted_median(values: NDArray[np.int64], weights: NDArray[np.int64]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def _recognized(found: Found, strokes: list[_Strokes], recognize: Recognize) -> list[Character]:
    """Return a character for each of some strokes."""
    images = [fitted(character_ink(found, s.mask, s.top, s.left))[1] for s in strokes]
    boxes = [(s.top, s.left, s.top + s.mask.shape[0], s.left + s.mask.shape[1]) for s in strokes]
    return characters_of(boxes, images, recognize)


def characters_of(
    boxes: list[Box], images: list[NDArray[np.uint8]], recognize: Recognize
) -> list[Character]:
    """Return the characters whose images are given, with their boxes."""
    if not boxes:
        return []
    probabilities, familiarity, agreement = recognize(np.stack(images))
    is_no_line = np.array([not is_line(image) for image in images])
    numbers = (familiarity * is_no_line).tolist(), agreement.tolist()
    return [
        Character(*of_one) for of_one in zip(boxes, images, probabilities, *numbers, strict=True)
    ]


def _cut(found: Found, strokes: _Strokes, recognize: Recognize) -> list[Character]:
    """Cut strokes where it is best, into one character or more.

    The best way through the places is found by dynamic programming: each piece between two places
    has a score, and the sum of the scores is to be as high as possible.
    """
    height, width = strokes.mask.shape
    cuts = _places(strokes.mask, NARROWEST * height)
    places = [strokes.left + place for place in (0, *cuts, width)]
    spans, pieces = [], []
    for j in range(1, len(places)):
        for i in range(j):
            is_all = j - i == len(places) - 1
            if is_all or NARROWEST * height <= places[j] - places[i] <= WIDEST * height:
                piece = strokes.columns(places[i], places[j])
                if piece is not None:
                    spans.append((i, j))
                    pieces.append(piece)
    best: dict[int, tuple[float, list[Character]]] = {0: (0.0, [])}
    characters = _recognized(found, pieces, recognize)
    cost = GUARDED_CUT_COST if are_guarded(characters) else CUT_COST
    for (i, j), character in zip(spans, characters, strict=True):
        if i in best:
            score = best[i][0] + _score(character, height) - cost
            if j not in best or score > best[j][0]:
                best[j] = (score, [*best[i][1], character])
    pieces_found = best[len(places) - 1][1]
    if len(pieces_found) == 1 or not are_guarded(characters):
        return pieces_found
    # strokes of letters such as W look like 1 when they are cut off
    return [
        replace(one, agreement=one.agreement * CUT_OFF)
        if one.box[3] - one.box[1] < NARROW * (one.box[2] - one.box[0])
        else one
        for one in pieces_found
    ]


def _places(mask: Mask, narrowest: float) -> list[int]:
    """Return the columns where a character may be cut.

    There is less ink than around, or it reaches less far from top to bottom: two loops that touch
    have much ink where they do, but are low there.
    """
    extent = len(mask) - mask.argmax(axis=0) - mask[::-1].argmax(axis=0)
    extent[~mask.any(axis=0)] = 0
    reach = max(1, round(narrowest / 2))
    chosen: list[int] = []
    for values in (mask.sum(axis=0), extent):
        padded = np.pad(values, reach, constant_values=int(values.max()) + 1)
        lowest = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).min(axis=1)
        places = np.flatnonzero(values == lowest)
        places = places[(places >= narrowest) & (places <= len(values) - narrowest)]
        n_chosen = 0
        for place in places[np.argsort(values[places], kind="stable")]:
            if n_chosen < MOST_CUTS and all(abs(place - other) > reach / 2 for other in chosen):
                chosen.append(int(place))
                n_chosen += 1
    return sorted(chosen)


def _score(piece: Character, height: int) -> float:
    """Return how sure it is that a piece is one digit: the logarithm of a likelihood."""
    top, left, bottom, right = piece.box
    ratio = (right - left) / max(bottom - top, 1)
    score = float(np.log(max(piece.support, 1e-9)))
    if ratio > WIDTH:
        score -= 0.5 * (np.log(ratio / WIDTH) / WIDTH_SPREAD) ** 2
    if ratio < NARROW and piece.probabilities.argmax() != 1:
        score -= 0.5 * (np.log(NARROW / ratio) / WIDTH_SPREAD) ** 2
    if bottom - top < 0.5 * height:
        score -= LOW_COST
    return score


def _in_rows(characters: list[Character]) -> list[list[Character]]:
    """Sort characters into rows: those whose heights overlap, the tallest first."""
    rows: list[tuple[int, int, list[Character]]] = []
    for character in sorted(characters, key=lambda c: c.box[0] - c.box[2]):
        top, _, bottom, _ = character.box
        shared = [min(bottom, low) - max(top, high) for high, low, _ in rows]
        best = max(range(len(rows)), key=shared.__getitem__, default=-1)
        if best >= 0 and shared[best] >= 0.4 * (bottom - top):
            rows[best][2].append(character)
        else:
            rows.append((top, bottom, [character]))
    rows.sort(key=lambda row: row[0])
    return [sorted(row, key=lambda character: character.box[1]) for _, _, row in rows]
