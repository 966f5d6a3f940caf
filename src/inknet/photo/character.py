"""A picture of one character becomes an image like MNIST's, in steps that can be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inknet.photo.fitting import SIDE, cropped, fitted, is_like_mnist, thickened
from inknet.photo.ink import ink_of, levelled, strength
from inknet.photo.lines import without_frames, without_lines
from inknet.photo.parts import Parts, connected_parts

Picture = NDArray[np.uint8]
Ink = NDArray[np.float32]
Mask = NDArray[np.bool_]

FAINTEST = 10 / 255
"""A picture whose ink is weaker than this is blank; on the scale of `ink_of`."""
FAINT = 0.12
CLEAR, CLEAR_IF_FAINT = 5.0, 10.0
"""Ink is this many times as strong as the noise of the paper, or more if it is fainter than
`FAINT`; otherwise there is only the grain of the paper."""
STROKE = 0.4
"""A pixel with this share of the usual ink is part of a stroke."""
WEAK_STROKE = 0.25
"""The same for pixels that are connected with such."""
NOISE = 4.0
"""A stroke is at least this many standard deviations of the noise stronger than the paper."""
EDGES = (0.2, 0.85)
"""Shares of the usual ink that become 0 and 1."""
LEAST_SIDE = 128
"""Smaller pictures are enlarged before several characters are looked for."""
GRAIN = 0.06
"""If the noise is more than this share of the ink, the picture is smoothed."""
CUT_OFF = 0.3
"""What touches the edge of the picture counts this much when the character is chosen."""
PART = 0.06
"""A part of the character has at least this share of the area of its largest part."""
SMALL_PART = 0.01
"""The same for parts that overlap the box of the largest part."""
NEIGHBOUR, OVERLAP = 0.25, 0.5
"""What touches the edge is a neighbour if it is smaller than the first share of the largest part,
or that part touches no edge, and if less than the second share of its width is above or below."""
REACH = 0.15
"""How far parts may be from the box of the largest, as a fraction of its side."""


@dataclass(frozen=True)
class Found:
    """The ink that was found in a picture.

    Attributes
    ----------
    ink : (height, width) float32
        From 0, paper, to 1, the usual ink.
    mask : (height, width) bool
        The strokes; none if the picture is blank.
    strength, noise : float
        How strong the ink is, and the noise of the paper; white and black differ by 1.
    """

    ink: Ink
    mask: Mask
    strength: float
    noise: float


def find_ink(picture: Picture, *, keep_lines: bool = False) -> Found:
    """Find the strokes in a picture ``(height, width, 3)``.

    Ruled lines and frames are removed, or kept as strokes.
    """
    ink, _ = ink_of(picture)
    usual, noise = strength(ink)
    if noise > GRAIN * usual:
        ink = levelled(_smoothed(ink), usual)
        usual, noise = strength(ink)
    clearest = CLEAR if usual >= FAINT else CLEAR_IF_FAINT
    if usual < max(FAINTEST, clearest * noise):
        return Found(np.zeros_like(ink), np.zeros(ink.shape, bool), usual, noise)
    mask = _strokes(ink, usual, noise)
    if not keep_lines:
        mask = without_lines(mask)
        mask = without_frames(mask, connected_parts(mask))
    low, high = EDGES
    ink = ((ink / np.float32(usual) - np.float32(low)) / np.float32(high - low)).clip(0, 1)
    return Found(ink, mask, usual, noise)


def enlarged(picture: Picture) -> Picture:
    """Return a picture whose longest side is at least `LEAST_SIDE`, where strokes can be cut."""
    from PIL import Image

    height, width = picture.shape[:2]
    scale = LEAST_SIDE / max(height, width)
    if scale <= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def _smoothed(ink: Ink) -> Ink:
    """Return ink averaged over 3 × 3 pixels, the middle ones weighted most."""
    padded = np.pad(ink, 1, mode="edge")
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    smoothed: Ink = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / np.float32(16)
    return smoothed


def _strokes(ink: Ink, usual: float, noise: float) -> Mask:
    """Return where ink is strong enough, or weaker but connected with strong ink."""
    strong = ink > max(STROKE * usual, min(NOISE * noise, 0.7 * usual))
    parts = connected_parts(ink > max(WEAK_STROKE * usual, min(NOISE * noise, 0.7 * usual)))
    is_strong = np.zeros(len(parts), bool)
    is_strong[parts.labels[strong]] = True
    return parts.mask(is_strong)


def character_ink(found: Found, strokes: Mask, top: int = 0, left: int = 0) -> Ink:
    """Return the ink of some of the strokes, and of their soft edges, cropped to it.

    Parameters
    ----------
    strokes : (height, width) bool
        A part of the mask that was found, or of a window of it.
    top, left
        Where that window begins.
    """
    rows, columns = (np.flatnonzero(strokes.any(axis=axis)) for axis in (1, 0))
    strokes = strokes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    top, left = top + int(rows[0]), left + int(columns[0])
    above, before = min(2, top), min(2, left)
    window = found.ink[
        top - above : top + len(strokes) + 2, left - before : left + strokes.shape[1] + 2
    ]
    after = [size - n for size, n in zip(window.shape, strokes.shape, strict=True)]
    strokes = np.pad(strokes, ((above, after[0] - above), (before, after[1] - before)))
    near = thickened(strokes.astype(np.float32), 1.0) > 0
    return cropped(np.where(near, window, np.float32(0)), 0.25)


def main_character(parts: Parts) -> NDArray[np.bool_]:
    """Return which parts ``(n,)`` belong to the one character of a picture.

    The largest part does, then large parts near it, and small ones that overlap its box. What
    touches the edge of the picture beside the character is a neighbour that was cut off.
    """
    top, left, bottom, right = parts.boxes.T
    touches = parts.at_edge()
    main = int((parts.areas * np.where(touches, CUT_OFF, 1.0)).argmax())
    share = parts.areas / parts.areas[main]
    reach = REACH * max(bottom[main] - top[main], right[main] - left[main])
    is_near = (left < right[main] + reach) & (right > left[main] - reach)
    is_near &= (top < bottom[main] + reach) & (bottom > top[main] - reach)
    shared = np.minimum(right, right[main]) - np.maximum(left, left[main])
    is_beside = shared < OVERLAP * (right - left)
    is_neighbour = touches & is_beside & (~touches[main] | (share < NEIGHBOUR))
    is_inside = (left < right[main]) & (right > left[main])
    is_inside &= (top < bottom[main]) & (bottom > top[main])
    is_large = share >= np.where(is_inside, SMALL_PART, PART)
    return np.asarray(is_near & ~is_neighbour & is_large)


def as_mnist(picture: Picture) -> NDArray[np.uint8] | None:
    """Return a picture as an image ``(28, 28)`` if it has MNIST's form already, else None.

    MNIST's images are often shown as dark ink on white paper: they are inverted.
    """
    if picture.shape[:2] != (SIDE, SIDE):
        return None
    grey: NDArray[np.uint8] = picture.max(axis=2)
    if not np.array_equal(grey, picture.min(axis=2)):
        return None
    return next((image for image in (grey, 255 - grey) if is_like_mnist(image)), None)


def steps(picture: Picture) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Prepare a picture of one character; yield the name and the picture of each step.

    Parameters
    ----------
    picture : (height, width, 3) uint8
        Of any size, ink and paper of any colours.

    Yields
    ------
    name : str
    result : array
        The last one is the image for the network, ``(28, 28)`` uint8; it is 0 if the picture is
        blank.
    """
    yield "picture", picture
    if (image := as_mnist(picture)) is not None:
        yield "image", image
        return
    yield from steps_after(find_ink(picture))


def steps_after(found: Found) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Yield the steps from the ink of a picture to the image; see `steps`."""
    yield "ink", found.ink
    yield "strokes", found.mask
    if not found.mask.any():
        yield "image", np.zeros((SIDE, SIDE), np.uint8)
        return
    parts = connected_parts(found.mask)
    character = parts.mask(main_character(parts))
    yield "character", character
    fine, image = fitted(character_ink(found, character))
    yield "stroke width", fine
    yield "image", image


def prepare(picture: Picture) -> NDArray[np.uint8]:
    """Return the image ``(28, 28)`` of the one character in a picture; see `steps`."""
    *_, (_, image) = steps(picture)
    return np.asarray(image, np.uint8)
