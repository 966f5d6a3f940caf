"""Images of what is no character, made of characters, of pen strokes and of letters.

A network that learned ten digits sees a digit in everything. The guard is a second, smaller network
that learns one class more: something else. (Hendrycks, Mazeika and Dietterich 2019, "Deep anomaly
detection with outlier exposure": what is learned from some other things holds for others, too.)
Nobody has pictures of all other things, so they are made here, like the characters in size, place
and stroke:

- characters of the training taken apart: halves of two put together, two on top of each other, one
  turned by a quarter or mirrored;
- pen strokes at random;
- letters of the Latin and Greek alphabets and some signs, from the fonts that come with
  Matplotlib, but for those that are classes of the model, or look like one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inknet.errors import InputError
from inknet.photo.fitting import BOX, MIDDLE, SIDE, fitted

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Images = NDArray[np.uint8]
Generator = np.random.Generator

TAKEN_APART, STROKES = 0.3, 0.2
"""Shares of the two kinds; the rest are letters."""
FONTS = ("DejaVuSans", "DejaVuSerif", "STIXGeneral", "cmr10", "cmss10", "cmti10", "cmtt10")
"""How the names of the fonts' files begin. The ones of TeX have Latin letters alone."""
SIZE = 84
"""The height of letters, in pixels, before they are fitted into an image."""
LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
GREEK = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξπρςστυφχψω"
SIGNS = "!?#$%&@*+=<>{}[]~§¶★☺♥→↑√∞≈≠"
LIKE_DIGITS = "OoIlZzSsΖΙι"
"""Many people write these exactly like a digit."""
LIKE_LATIN = "ΑΒΕΖΗΙΚΜΝΡΤΥΧαβγδεζηικνπρςστυχω"
"""Of the Greek letters, those that some people write like a Latin one."""


def other_images(images: Images, class_names: Sequence[str], n: int, draw: Generator) -> Images:
    """Make images ``(n, 28, 28)`` that are no character.

    Parameters
    ----------
    images : (m, 28, 28) uint8
        Characters of the training, light ink on a ground of 0.
    class_names
        What the characters are. Letters that may be one of them are left out.
    n
        How many to make.
    draw
        Decides which.
    """
    n_apart, n_strokes = round(TAKEN_APART * n), round(STROKES * n)
    letters = letter_images(letters_other_than(class_names))
    return np.concatenate(
        [
            taken_apart(images, n_apart, draw),
            pen_strokes(n_strokes, draw),
            letters[draw.integers(len(letters), size=n - n_apart - n_strokes)],
        ]
    )


def taken_apart(images: Images, n: int, draw: Generator) -> Images:
    """Make images ``(n, 28, 28)`` of parts of characters, or of whole ones that are turned."""
    first, second = (images[draw.integers(len(images), size=n)] for _ in range(2))
    half = SIDE // 2
    kind = draw.integers(6, size=n)
    result = first.copy()
    upper, left, on_top, turned, mirrored, swapped = (kind == i for i in range(6))
    result[upper, half:] = second[upper, half:]
    result[left, :, half:] = second[left, :, half:]
    down, right = draw.integers(-5, 6, size=(2, n))
    for i in np.flatnonzero(on_top):
        np.maximum(result[i], np.roll(second[i], (down[i], right[i]), (0, 1)), out=result[i])
    result[turned] = np.rot90(first[turned], axes=(1, 2))
    result[mirrored] = first[mirrored, :, ::-1]
    result[swapped] = np.concatenate([first[swapped, half:], second[swapped, :half]], axis=1)
    return result


def pen_strokes(n: int, draw: Generator) -> Images:
    """Draw images ``(n, 28, 28)`` of two to seven straight strokes, often one after the other.

    As in MNIST's form, they fill a box of 20 pixels, and their middle is that of the image.
    """
    n_strokes = draw.integers(2, 8, size=n)
    is_used = np.arange(7) < n_strokes[:, None]
    starts, stops = draw.uniform(0, 1, (2, n, 7, 2)).astype(np.float32)
    goes_on = draw.random(n) < 0.7
    starts[goes_on, 1:] = stops[goes_on, :-1]
    width = draw.uniform(1.0, 2.2, (n, 1)).astype(np.float32)  # on each side
    ends = np.concatenate([starts, stops], axis=1)
    is_end = np.concatenate([is_used, is_used], axis=1)[:, :, None]
    low = np.where(is_end, ends, np.float32(np.inf)).min(axis=1)
    high = np.where(is_end, ends, np.float32(-np.inf)).max(axis=1)
    scale = (BOX - 2 * width) / (high - low).max(axis=1, keepdims=True)
    weights = np.linalg.norm(stops - starts, axis=2) * is_used
    middle = ((starts + stops) / 2 * weights[:, :, None]).sum(axis=1)
    middle /= weights.sum(axis=1, keepdims=True)
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    images = np.zeros((n, SIDE, SIDE), np.float32)
    for number in range(7):
        first, last = (
            (points[:, number] - middle) * scale + np.float32(MIDDLE - 0.5)
            for points in (starts, stops)
        )
        (y, x), (dy, dx) = first.T[:, :, None, None], (last - first).T[:, :, None, None]
        share = (rows - y) * dy + (columns - x) * dx
        share = (share / np.maximum(dy**2 + dx**2, np.float32(1e-6))).clip(0, 1)
        distance = np.hypot(rows - y - share * dy, columns - x - share * dx)
        stroke = (width[:, :, None] + np.float32(0.5) - distance).clip(0, 1)
        np.maximum(images, stroke * is_used[:, number, None, None], out=images)
    return np.rint(255 * images).astype(np.uint8)


def letters_other_than(class_names: Sequence[str]) -> str:
    """Return the letters and signs that are no class of a model, and look like none."""
    if all(name.isdecimal() for name in class_names):
        return "".join(c for c in LATIN + GREEK if c not in LIKE_DIGITS) + SIGNS
    return "".join(c for c in GREEK if c not in LIKE_LATIN) + SIGNS


@cache
def letter_images(letters: str) -> Images:
    """Return an image ``(n, 28, 28)`` of each letter in each of Matplotlib's fonts that has it."""
    import matplotlib
    from PIL import ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    images = []
    for path in sorted(folder.glob("*.ttf")):
        if not path.name.startswith(FONTS) or "Display" in path.name:
            continue
        font = ImageFont.truetype(str(path), SIZE)
        missing = _ink_of(font, "\uffff")
        for letter in letters:
            if path.name.startswith("cm") and letter not in LATIN:
                continue  # what these fonts have in its place is something else
            ink = _ink_of(font, letter)
            if ink.size and not np.array_equal(ink, missing):
                images.append(fitted(ink)[1])
    if not images:
        raise InputError(f"{folder}: has none of the fonts of Matplotlib")
    return np.stack(images)


def _ink_of(font: FreeTypeFont, letter: str) -> NDArray[np.float32]:
    """Return a letter ``(height, width)``, from 0, paper, to 1, cropped to its ink."""
    mask = font.getmask(letter, mode="L")
    width, height = mask.size
    return np.asarray(mask, np.float32).reshape(height, width) / np.float32(255)
