"""Forms of digits that MNIST has rarely or never, drawn as curves.

The people who wrote MNIST learned one way to write each digit. Elsewhere a 1 has a flag as long as
half its stem, or a foot; a 2 begins or turns with a loop; a 7 has a bar; a 4 is open at the top or
closed; an 8 does not meet its beginning; the leg of a 9 is straight or curled; a 0 has a slash.
`drawn` writes such digits with a pen of some width and a shaky hand, and fits them into an image as
MNIST's authors did: into a box of 20 of its 28 pixels, their centre of mass in the middle.
"""

from __future__ import annotations

from typing import TypeAlias

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
N_STEPS = 24
"""A stroke is drawn as at least so many points; more than the pixels of most strokes."""

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
        (_ONE, _LONG_FLAG, _FOOT),
        (_ONE, _SHORT_FLAG, _FOOT),
        (_ONE, _FOOT),
    ),
    2: (
        ((*_CURL, *_TOP_OF_2, (0.3, 0.7), (0.04, 0.98)), _BASE),
        ((*_CURL, *_TOP_OF_2, *_TURN),),
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


def drawn(
    digits: NDArray[np.integer], shape: tuple[int, int], draw: np.random.Generator
) -> NDArray[np.uint8]:
    """Write each of some digits ``(n,)`` in one of its forms; return images ``(n, *shape)``."""
    images = np.empty((len(digits), *shape), np.uint8)
    numbers = draw.random(len(digits))
    for digit, forms in FORMS.items():
        chosen = (numbers * len(forms)).astype(np.intp)
        for number, form in enumerate(forms):
            which = np.flatnonzero((digits == digit) & (chosen == number))
            if len(which):
                images[which] = _written(form, len(which), shape, draw)
    return images


def _written(
    form: Form, n: int, shape: tuple[int, int], draw: np.random.Generator
) -> NDArray[np.uint8]:
    """Write one form n times, each time a little differently."""
    paths = []
    ends: dict[tuple[float, float], Points] = {}
    for stroke in form:
        shaken = [
            ends.setdefault(point, draw.normal(point, SHAKE, (n, 2)).astype(np.float32))
            for point in stroke  # where strokes meet, they still do
        ]
        paths.append(curve_through(np.stack(shaken, axis=1)))
    slanted = _slanted(n, draw)
    paths = [path @ slanted for path in paths]
    path = np.concatenate(paths, axis=1)
    width = draw.uniform(*PEN, (n, 1, 1)).astype(np.float32) * np.float32(min(shape) / 28)
    low, high = path.min(axis=1, keepdims=True), path.max(axis=1, keepdims=True)
    box = np.float32(min(shape) * 20 / 28 - 1) - width  # the soft edges are in the box of 20 too
    scale = box / (high - low).max(axis=2, keepdims=True)
    middle = np.array(shape[::-1], np.float32) / 2 + np.float32(OFF_CENTRE)
    return _inked((path - _centre(paths)) * scale + middle, width, shape)


def _centre(paths: list[Points]) -> Points:
    """Return the centre of mass ``(n, 1, 2)`` of paths, each of them ``(n, m, 2)``."""
    weighted = np.zeros((len(paths[0]), 1, 2), np.float32)
    total = np.zeros((len(paths[0]), 1, 1), np.float32)
    for path in paths:
        lengths = np.linalg.norm(np.diff(path, axis=1), axis=2, keepdims=True)
        weighted += (lengths * (path[:, 1:] + path[:, :-1]) / 2).sum(axis=1, keepdims=True)
        total += lengths.sum(axis=1, keepdims=True)
    return weighted / total


def curve_through(points: Points) -> Points:
    """Return points ``(n, m, 2)`` of smooth curves through points ``(n, k, 2)``.

    The curves are those of Catmull and Rom: between two points, the cubic whose slope at each is
    half of the way between its neighbours.
    """
    padded = np.concatenate(
        [
            2 * points[:, :1] - points[:, 1:2],
            points,
            2 * points[:, -1:] - points[:, -2:-1],
        ],
        axis=1,
    )
    before, start, stop, after = (padded[:, i : i + points.shape[1] - 1, None] for i in range(4))
    n_steps = max(6, N_STEPS // (points.shape[1] - 1))
    t = np.linspace(0, 1, n_steps, endpoint=False, dtype=np.float32)[:, None]
    slope, bend = (stop - before) / 2, before - 2.5 * start + 2 * stop - after / 2
    twist = (after - before) / 2 + 1.5 * (start - stop)
    pieces = start + t * (slope + t * (bend + t * twist))
    return np.concatenate([pieces.reshape(len(points), -1, 2), points[:, -1:]], axis=1)


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
    """Return images in which each pixel near a path has ink, with soft edges."""
    height, length = shape
    pixels = np.indices(shape, np.float32)[::-1].reshape(2, -1) + np.float32(0.5)
    images = np.empty((len(path), height * length), np.uint8)
    for points, pen, image in zip(path, width[:, 0, 0], images, strict=True):
        square = (points**2).sum(axis=1)[:, None] - 2 * (points @ pixels)
        distance = np.sqrt(np.maximum(square.min(axis=0) + (pixels**2).sum(axis=0), 0))
        image[:] = 255 * (pen / 2 + np.float32(0.5) - distance).clip(0, 1)
    return images.reshape(-1, height, length)
