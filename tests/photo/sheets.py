"""Pictures of several digits, made of MNIST's: rows, uneven, some touching, some broken."""

import numpy as np
from PIL import Image

from tests.photo.degradations import PAPER, PEN, Generator, Picture, painted, rounded


def sheet(
    digits: list[Picture],
    labels: list[int],
    generator: Generator,
    *,
    touching: float = 0.0,
    noise: float = 4.0,
) -> tuple[Picture, str]:
    """Return a picture of one to three rows of digits, and what it says.

    ``touching`` is the probability that a digit touches the one before it.
    """
    n_rows = int(generator.integers(1, 4))
    sizes = generator.uniform(0.85, 1.15, len(digits))
    rows = np.array_split(np.arange(len(digits)), n_rows)
    size = int(generator.integers(36, 80))
    width = round(size * (max(len(row) for row in rows) * 1.25 + 1))
    canvas = np.zeros((round(size * (n_rows * 1.5 + 0.5)), width))
    for number, row in enumerate(rows):
        left = generator.integers(size // 4, size // 2)
        for place in row:
            side = round(size * sizes[place])
            image = Image.fromarray(digits[place]).resize((side, side), Image.Resampling.BICUBIC)
            covered = np.clip((np.asarray(image) / 255.0 - 0.25) * 2, 0, 1)
            columns = np.flatnonzero(covered.max(axis=0) > 0.3)
            covered = covered[:, columns[0] : columns[-1] + 1]
            top = round(size * (number * 1.5 + 0.4 + generator.uniform(-0.12, 0.12)))
            area = canvas[top : top + side, left : left + covered.shape[1]]
            np.maximum(area, covered[: area.shape[0], : area.shape[1]], out=area)
            gap = -1.5 if generator.random() < touching else generator.uniform(0.12, 0.5) * size
            left += covered.shape[1] + round(gap)
    picture = painted(canvas, PAPER, PEN)
    picture += generator.normal(0, noise, picture.shape)
    text = " ".join("".join(str(labels[place]) for place in row) for row in rows if len(row))
    return rounded(picture), text
