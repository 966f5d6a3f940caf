"""A picture to try a program with: a photo of a note, made of digits of the sample."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inknet.data.sample import load_sample
from inknet.errors import InputError
from inknet.files import write_whole

DIGITS = "2026 1126"
MOST = 200  # characters
SIZE, GAP, LINE = 84, 26, 150  # pixels: of a digit, between digits, from row to row
CLEAREST = 25  # of the images of a digit, one of so many is taken
PAPER, PEN = (236.0, 232.0, 220.0), (42.0, 52.0, 96.0)
KINDS = (".png", ".jpg", ".jpeg")


def example_picture(digits: str = DIGITS, seed: int = 0) -> NDArray[np.uint8]:
    """Return a photo of handwritten digits on paper in uneven light, ``(height, width, 3)``.

    Parameters
    ----------
    digits
        What is written; a space begins a new row.
    seed
        Decides by whose hand.
    """
    from PIL import Image

    if not re.fullmatch(r"[0-9]+( [0-9]+)*", digits) or len(digits) > MOST:
        raise InputError(
            f"digits is {digits[:40]!r}; expected digits, rows separated by a space, of at most "
            f"{MOST} characters"
        )
    sample, generator = load_sample(), np.random.default_rng(seed)
    rows = digits.split(" ")
    width = 2 * GAP + max(map(len, rows)) * (SIZE + GAP)
    ink = np.zeros((LINE * len(rows) + 2 * GAP, width), np.float64)
    for line, row in enumerate(rows):
        for place, digit in enumerate(row):
            of_class = sample.features[sample.labels == int(digit)]
            image = of_class[generator.choice(_clear(of_class))].reshape(28, 28)
            large = Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
            top = GAP + line * LINE + int(generator.integers(10, 26))
            left = GAP + place * (SIZE + GAP) + int(generator.integers(0, GAP // 2))
            area = ink[top : top + SIZE, left : left + SIZE]
            np.maximum(area, np.asarray(large) / 255.0, out=area)
    covered = np.clip((ink - 0.25) * 2, 0, 1)[:, :, None]
    colours = (1 - covered) * PAPER + covered * PEN
    y, x = np.mgrid[: ink.shape[0], :width]
    light = 1.0 - 0.3 * x / width - 0.15 * (y / ink.shape[0]) ** 2
    grain = generator.normal(0, 2.5, colours.shape)
    picture: NDArray[np.uint8] = (colours * light[:, :, None] + grain).clip(0, 255).astype(np.uint8)
    return picture


def _clear(images: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return which images of a digit are most like their mean: everybody can read them."""
    from_mean = images - images.mean(axis=0)
    nearest: NDArray[np.intp] = (from_mean**2).sum(axis=1).argsort(kind="stable")[:CLEAREST]
    return nearest


def write_example(path: Path, digits: str = DIGITS) -> None:
    """Write the picture to a PNG or JPEG file; `InputError` if its name ends otherwise."""
    from PIL import Image

    if path.suffix.lower() not in KINDS:
        raise InputError(f"{path}: expected a name that ends in {', '.join(KINDS)}")
    image = Image.fromarray(example_picture(digits))
    kind = "PNG" if path.suffix.lower() == ".png" else "JPEG"
    write_whole(path, lambda file: image.save(file, kind, quality=88))
