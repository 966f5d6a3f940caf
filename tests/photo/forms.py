"""Sheets of squares with digits of MNIST, drawn with and without lines, turned and degraded."""

from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw

from tests.photo.degradations import PAPER, PEN, Generator, Picture, painted, rounded


def form(
    digits: list[Picture | None],
    shape: tuple[int, int],
    generator: Generator,
    *,
    cell: int = 64,
    lines: str = "all",
    angle: float = 0.0,
    margin: float = 0.6,
) -> Picture:
    """Return a picture of a sheet with a digit, or nothing for None, in each cell, row by row.

    ``lines`` are ``all``, only the ``frame`` around them, ``squares`` apart from each other, or
    ``none``: then there is no margin either, as the page itself is divided.
    """
    n_rows, n_columns = shape
    edge = round(margin * cell) if lines != "none" else 0
    height, width = n_rows * cell + 2 * edge, n_columns * cell + 2 * edge
    canvas = np.zeros((height, width))
    for number, digit in enumerate(digits):
        if digit is None:
            continue
        row, column = divmod(number, n_columns)
        size = round(cell * generator.uniform(0.75, 0.95))
        image = Image.fromarray(digit).resize((size, size), Image.Resampling.BICUBIC)
        free = cell - size
        top = edge + row * cell + int(generator.integers(0, free + 1))
        left = edge + column * cell + int(generator.integers(0, free + 1))
        covered = np.clip((np.asarray(image) / 255.0 - 0.25) * 2, 0, 1)
        area = canvas[top : top + size, left : left + size]
        np.maximum(area, covered, out=area)
    sheet = Image.fromarray(rounded(painted(canvas, PAPER, PEN)))
    draw = ImageDraw.Draw(sheet)
    colour = (90, 95, 110)
    bottom, right = height - edge, width - edge
    if lines == "frame":
        draw.rectangle([edge, edge, right, bottom], outline=colour, width=2)
    elif lines == "all":
        for n in range(n_rows + 1):
            draw.line([edge, edge + n * cell, right, edge + n * cell], colour, 2)
        for n in range(n_columns + 1):
            draw.line([edge + n * cell, edge, edge + n * cell, bottom], colour, 2)
    elif lines == "squares":
        for n in range(n_rows * n_columns):
            y, x = (edge + cell * place for place in divmod(n, n_columns))
            draw.rectangle([x + 2, y + 2, x + cell - 3, y + cell - 3], outline=colour, width=2)
    if angle:
        sheet = sheet.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=PAPER)
    return np.asarray(sheet)


def photographed(sheet: Picture, generator: Generator) -> Picture:
    """Return a sheet under uneven light, with noise, as a JPEG."""
    height, width = sheet.shape[:2]
    y, x = np.mgrid[:height, :width]
    light = 0.75 + 0.25 * np.cos(y / height * generator.uniform(1, 3)) * (1 - 0.4 * x / width)
    picture = sheet * light.clip(0.2, 1)[:, :, None] + generator.normal(0, 5, sheet.shape)
    file = BytesIO()
    Image.fromarray(rounded(picture)).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file).convert("RGB"))
