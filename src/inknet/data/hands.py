"""Forms of digits that MNIST has rarely or never, drawn as curves.

The people who wrote MNIST learned one way to write each digit. Elsewhere a 1 has a flag as long as
half its stem, or a foot; a 2 begins or turns with a loop; a 7 has a bar; a 4 is open at the top or
closed; an 8 does not meet its beginning; the leg of a 9 is straight or curled; a 0 has a slash.
`drawn` writes such digits with a pen of some width and a shaky hand, and fits them into an image as
MNIST's authors did: into a box of 20 of its 28 pixels, their centre of mass in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from math import ceil, dist
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float32]
Stroke: TypeAlias = tuple[tuple[float, float], ...]
Form: TypeAlias = tuple[Stroke, ...]

SHAKE = 0.04
"""The standard deviation of each point, in heights of a digit."""
ROTATION, SLANT = 0.14, 0.3
"""The largest angle, in radians, and the largest tangent of a slant; each to both sides."""
NARROWEST, WIDEST = 0.75, 1.2
"""How much narrower or wider than the forms below a digit may be."""
PEN = (1.8, 4.2)
"""The width of strokes in pixels, if the image has 28."""
OFF_CENTRE = 0.5
"""How far right and below of an image's middle MNIST's centres of mass are, in pixels."""
DENSITY = 18
"""A stroke is drawn as so many points in each height of a digit; they look like a line."""

# Strokes are points (right, down) from the upper left corner of the digit, in heights of it. A
# curve goes through all points of a stroke; a corner is where one stroke ends and another begins.
_ONE: Stroke = ((0.34, 0.0), (0.33, 0.5), (0.32, 1.0))
_LONG_FLAG: Stroke = ((0.0, 0.42), (0.34, 0.0))
_SHORT_FLAG: Stroke = ((0.12, 0.2), (0.34, 0.0))
_FOOT: Stroke = ((0.08, 1.0), (0.58, 1.0))
_BASE: Stroke = ((0.05, 0.97), (0.28, 0.93), (0.5, 0.98), (0.72, 0.93))
_ROUND = ((0.3, 0.0), (0.06, 0.2), (0.0, 0.5), (0.08, 0.82), (0.3, 1.0), (0.54, 0.8))
_TOP_OF_2 = ((0.3, 0.03), (0.55, 0.02), (0.66, 0.16), (0.58, 0.36))
_CURL = ((0.42, 0.36), (0.24, 0.44), (0.1, 0.36), (0.14, 0.16))
_LOOP = ((0.36, 0.66), (0.14, 0.9), (0.0, 0.96), (0.02, 0.8), (0.18, 0.82))
_TURN = (*_LOOP, (0.46, 0.98), (0.7, 0.9))
_LARGE_LOOP = ((0.5, 0.4), (0.22, 0.5), (0.12, 0.34), (0.36, 0.06), (0.6, 0.04), (0.48, 0.42))
_HOOK = ((0.04, 0.26), (0.12, 0.1))
_HEAD_OF_9 = ((0.56, 0.14), (0.32, 0.0), (0.06, 0.12), (0.06, 0.34), (0.28, 0.46), (0.52, 0.3))
FORMS: dict[int, tuple[Form, ...]] = {
    0: (
        ((*_ROUND, (0.62, 0.5), (0.52, 0.14), (0.28, 0.0)), ((0.56, 0.12), (0.06, 0.9))),
        ((*_ROUND, (0.62, 0.5), (0.52, 0.14), (0.34, 0.02), (0.2, 0.06)),),
    ),
    1: (
        (_ONE, _LONG_FLAG),
        (_ONE, ((0.1, 0.58), (0.34, 0.0))),
        (_ONE, ((-0.1, 0.36), (0.34, 0.0))),
        (_ONE, _LONG_FLAG, _FOOT),
        (_ONE, _SHORT_FLAG, _FOOT),
        (_ONE, _FOOT),
    ),
    2: (
        ((*_CURL, *_TOP_OF_2, (0.3, 0.7), (0.04, 0.98)), _BASE),
        ((*_CURL, *_TOP_OF_2, *_TURN),),
        ((*_LARGE_LOOP, (0.24, 0.7), (0.02, 0.98)), ((0.02, 0.98), (0.64, 0.98))),
        ((*_LARGE_LOOP, *_TURN),),
        (((0.3, 0.3), (0.16, 0.28), *_CURL[3:], *_TOP_OF_2, (0.3, 0.7), (0.04, 0.98)), _BASE),
        ((*_HOOK, *_TOP_OF_2, *_TURN),),
        ((*_HOOK, *_TOP_OF_2, (0.3, 0.7), (0.02, 0.98)), ((0.02, 0.98), (0.8, 0.97))),
    ),
    3: (
        (
            ((0.06, 0.0), (0.6, 0.0)),
            ((0.6, 0.0), (0.26, 0.4)),
            ((0.26, 0.4), (0.56, 0.5), (0.6, 0.78), (0.36, 1.0), (0.02, 0.88)),
        ),
    ),
    4: (
        (((0.16, 0.0), (0.0, 0.56)), ((0.0, 0.56), (0.72, 0.54)), ((0.5, 0.2), (0.46, 1.0))),
        (((0.14, 0.0), (0.0, 0.5)), ((0.0, 0.5), (0.66, 0.5)), ((0.54, 0.0), (0.5, 1.0))),
        (((0.46, 0.0), (0.0, 0.64)), ((0.0, 0.64), (0.74, 0.64)), ((0.46, 0.0), (0.46, 1.0))),
    ),
    5: (
        (
            ((0.14, 0.02), (0.1, 0.44)),
            ((0.1, 0.44), (0.4, 0.36), (0.62, 0.6), (0.48, 0.92), (0.2, 1.0), (0.0, 0.86)),
            ((0.14, 0.02), (0.62, 0.0)),
        ),
    ),
    6: (
        (
            (
                *((0.5, 0.0), (0.2, 0.26), (0.02, 0.62), (0.12, 0.94), (0.36, 0.98), (0.54, 0.76)),
                *((0.42, 0.54), (0.2, 0.58), (0.06, 0.76)),
            ),
        ),
    ),
    7: (
        (((0.0, 0.04), (0.62, 0.0)), ((0.62, 0.0), (0.2, 1.0)), ((0.14, 0.52), (0.64, 0.46))),
        (
            *(((0.02, 0.0), (0.0, 0.2)), ((0.02, 0.04), (0.62, 0.02))),
            *(((0.62, 0.02), (0.34, 0.5), (0.24, 1.0)), ((0.14, 0.5), (0.6, 0.5))),
        ),
        (((0.02, 0.0), (0.0, 0.22)), ((0.02, 0.02), (0.62, 0.0)), ((0.62, 0.0), (0.22, 1.0))),
        (((0.0, 0.28), (0.06, 0.06), (0.34, 0.0), (0.6, 0.12), (0.5, 0.5), (0.2, 1.0)),),
    ),
    8: (
        (
            (
                *((0.54, 0.12), (0.32, 0.0), (0.08, 0.16), (0.28, 0.46), (0.56, 0.76), (0.3, 1.0)),
                *((0.04, 0.78), (0.28, 0.48), (0.58, 0.16), (0.6, 0.0)),
            ),
        ),
        (
            ((0.3, 0.0), (0.08, 0.22), (0.3, 0.46), (0.52, 0.22), (0.3, 0.0)),
            ((0.3, 0.46), (0.02, 0.72), (0.3, 1.0), (0.58, 0.72), (0.3, 0.46)),
        ),
    ),
    9: (
        ((*_HEAD_OF_9, (0.56, 0.14)), ((0.58, 0.06), (0.54, 1.0))),
        ((*_HEAD_OF_9, (0.56, 0.14)), ((0.58, 0.1), (0.6, 0.66), (0.4, 1.0), (0.02, 0.9))),
        ((*_HEAD_OF_9, (0.57, 0.1), (0.6, 0.6), (0.44, 0.94), (0.16, 1.0), (0.06, 0.86)),),
    ),
}


class Pattern(NamedTuple):
    """All forms as arrays, so that a batch of digits in different forms is drawn at once.

    Attributes
    ----------
    first, n_forms : (10,)
        Where the forms of each digit begin, and how many there are.
    points : (n_forms, k, 2)
        The points of all strokes; where strokes meet, they share one.
    curves : (n_forms, m, k)
        Their product with the points is the points of the curves.
    is_stroke : (n_forms, m - 1, 1)
        1 where a point of the curves and the next belong to one stroke, else 0.
    """

    first: NDArray[np.intp]
    n_forms: NDArray[np.intp]
    points: Points
    curves: Points
    is_stroke: Points


@cache
def _pattern() -> Pattern:
    forms = [form for digit in range(10) for form in FORMS[digit]]
    n_forms = np.array([len(FORMS[digit]) for digit in range(10)])
    points = [list(dict.fromkeys(point for stroke in form for point in stroke)) for form in forms]
    most = max(map(len, points))
    curves = []
    for form, known in zip(forms, points, strict=True):
        one = np.eye(most, dtype=np.float32)
        curves.append(
            [
                curve_through(
                    one[[known.index(point) for point in stroke]],
                    [max(2, ceil(DENSITY * dist(*ends))) for ends in pairwise(stroke)],
                )
                for stroke in form
            ]
        )
    length = max(sum(map(len, strokes)) for strokes in curves)
    pattern = Pattern(
        np.cumsum(n_forms) - n_forms,
        n_forms,
        np.zeros((len(forms), most, 2), np.float32),
        np.zeros((len(forms), length, most), np.float32),
        np.zeros((len(forms), length - 1, 1), np.float32),
    )
    for i, strokes in enumerate(curves):
        pattern.points[i, : len(points[i])] = points[i]
        rows = np.concatenate(strokes)
        pattern.curves[i, : len(rows)], pattern.curves[i, len(rows) :] = rows, rows[-1]
        pattern.is_stroke[i, : len(rows) - 1] = 1
        pattern.is_stroke[i, np.cumsum([len(stroke) for stroke in strokes])[:-1] - 1] = 0
    return pattern


def drawn(
    digits: NDArray[np.integer], shape: tuple[int, int], draw: np.random.Generator
) -> NDArray[np.uint8]:
    """Write each of some digits ``(n,)`` in one of its forms; return images ``(n, *shape)``."""
    pattern, n = _pattern(), len(digits)
    form = pattern.first[digits] + (draw.random(n) * pattern.n_forms[digits]).astype(np.intp)
    points = pattern.points[form]
    points = points + SHAKE * draw.standard_normal(points.shape, np.float32)
    path = pattern.curves[form] @ (points @ _slanted(n, draw))
    width = draw.uniform(*PEN, (n, 1, 1)).astype(np.float32) * np.float32(min(shape) / 28)
    box = np.float32(min(shape) * 20 / 28 - 1) - width  # the soft edges are in the box of 20 too
    size = np.ptp(path, axis=1, keepdims=True).max(axis=2, keepdims=True)
    lengths = np.linalg.norm(np.diff(path, axis=1), axis=2, keepdims=True) * pattern.is_stroke[form]
    middles = (path[:, 1:] + path[:, :-1]) / 2
    centre = (lengths * middles).sum(axis=1, keepdims=True) / lengths.sum(axis=1, keepdims=True)
    place = np.array(shape[::-1], np.float32) / 2 + np.float32(OFF_CENTRE)
    return _inked((path - centre) * (box / size) + place, width, shape)


def curve_through(points: Points, n_steps: Sequence[int]) -> Points:
    """Return a smooth curve through points ``(k, d)``, as points itself.

    ``n_steps`` says into how many straight pieces it is divided between each point and the next.
    The curve is that of Catmull and Rom: between two points, the cubic whose slope at each is half
    of the way between its neighbours.
    """
    ends = 2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1]
    padded = np.concatenate([ends[0], points, ends[1]])
    pieces = []
    for i, n in enumerate(n_steps):
        before, start, stop, after = padded[i : i + 4]
        slope, bend = (stop - before) / 2, before - 2.5 * start + 2 * stop - after / 2
        twist = (after - before) / 2 + 1.5 * (start - stop)
        t = np.linspace(0, 1, n, endpoint=False, dtype=np.float32)[:, None]
        pieces.append(start + t * (slope + t * (bend + t * twist)))
    return np.concatenate([*pieces, points[-1:]])


def _slanted(n: int, draw: np.random.Generator) -> Points:
    """Return matrices ``(n, 2, 2)`` that make rows of points wider, slanted and rotated."""
    angle, slant = draw.uniform(-ROTATION, ROTATION, n), draw.uniform(-SLANT, SLANT, n)
    matrix = np.zeros((n, 2, 2), np.float32)
    matrix[:, 0, 0] = draw.uniform(NARROWEST, WIDEST, n)
    matrix[:, 1, 0], matrix[:, 1, 1] = slant, 1
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.array([[cos, sin], [-sin, cos]], np.float32).transpose(2, 0, 1)
    return matrix @ rotation


def _inked(path: Points, width: Points, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return images in which each pixel near a path has ink, with soft edges.

    The square of the distance of a pixel p from a point q is |p|² - 2 p·q + |q|².
    """
    pixels = np.ones((3, shape[0] * shape[1]), np.float32)
    pixels[:2] = np.indices(shape, np.float32)[::-1].reshape(2, -1) + np.float32(0.5)
    points = np.concatenate([-2 * path, (path**2).sum(axis=2, keepdims=True)], axis=2)
    nearest = np.stack([(one @ pixels).min(axis=0) for one in points])
    nearest += (pixels[:2] ** 2).sum(axis=0)
    distance = np.sqrt(np.maximum(nearest, 0, out=nearest), out=nearest)
    ink = (width[:, 0] / 2 + np.float32(0.5) - distance).clip(0, 1)
    return np.asarray(255 * ink, np.uint8).reshape(-1, *shape)
