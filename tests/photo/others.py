"""Pictures that hold no digit: blank paper, photographs of other things, doodles and letters."""

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tests.photo.degradations import PAPER, PEN, Generator, Picture, _ruled, rounded

SIDE = 200
Line = NDArray[np.floating] | list[tuple[float, float]]
LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau"
GREEK += " upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"


def blank_sheets(n: int, generator: Generator) -> Iterator[Picture]:
    """Paper with nothing on it, in even and uneven light, with grain, ruled, as a JPEG or white."""
    for number in range(n):
        side = int(generator.integers(60, 600))
        kind = number % 6
        grey = generator.uniform(120, 255)
        sheet = np.full((side, side, 3), grey) * (np.asarray(PAPER) / 236)
        if kind in (1, 5):
            y, x = np.mgrid[:side, :side] / side - 0.5
            angle = generator.uniform(0, 2 * np.pi)
            sheet *= (0.8 + 0.5 * (np.cos(angle) * x + np.sin(angle) * y))[:, :, None]
        if kind in (2, 5):
            sheet += generator.normal(0, generator.uniform(2, 12), sheet.shape)
        if kind == 3:
            sheet = _ruled(np.full((320, 320, 3), PAPER, float), generator, both=number % 2 == 0)
        picture = rounded(sheet)
        if kind == 4:
            file = BytesIO()
            noisy = rounded(sheet + generator.normal(0, 5, sheet.shape))
            Image.fromarray(noisy).save(file, "JPEG", quality=40)
            picture = np.asarray(Image.open(file).convert("RGB"))
        yield picture


def photographs(n: int, generator: Generator) -> Iterator[Picture]:
    """The two photographs of scikit-learn, a temple and a flower: parts of them of all sizes."""
    from sklearn.datasets import load_sample_images

    images = [np.asarray(image) for image in load_sample_images().images]
    for number in range(n):
        image = images[number % len(images)]
        height = int(generator.integers(80, image.shape[0] + 1))
        width = min(image.shape[1], round(height * generator.uniform(0.7, 1.5)))
        top, left = (
            int(generator.integers(0, whole - part + 1))
            for whole, part in zip(image.shape, (height, width), strict=False)
        )
        yield image[top : top + height, left : left + width]


def doodles(n: int, generator: Generator) -> Iterator[Picture]:
    """What hands draw: shapes, faces, arrows, zigzags and scribbles, a little uneven."""
    for number in range(n):
        picture = Image.new("RGB", (SIDE, SIDE), PAPER)
        draw = ImageDraw.Draw(picture)
        width = int(generator.integers(4, 13))
        for line in DOODLES[number % len(DOODLES)](generator):
            wobbly = np.asarray(line) + generator.normal(0, 0.03, np.shape(line))
            points = [tuple(point) for point in SIDE / 2 + 0.36 * SIDE * wobbly]
            draw.line(points, PEN, width, joint="curve")
        yield np.asarray(picture)


def _circle(
    radius: float = 1.0, x: float = 0.0, y: float = 0.0, start: float = 0.0, stop: float = 6.2832
) -> Line:
    angle = np.linspace(start, stop, 24)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def _closed(*points: tuple[float, float]) -> Line:
    return np.array([*points, points[0]])


def _star(draw: Generator) -> list[Line]:
    angle = np.arange(6) * 4 * np.pi / 5 - np.pi / 2
    return [np.stack([np.cos(angle), np.sin(angle)], axis=1)]


def _heart(draw: Generator) -> list[Line]:
    t = np.linspace(0, 2 * np.pi, 40)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return [np.stack([np.sin(t) ** 3, -y / 16], axis=1)]


def _spiral(draw: Generator) -> list[Line]:
    angle = np.linspace(0, 6 * np.pi, 90)
    share = angle / angle.max()
    return [np.stack([share * np.cos(angle), share * np.sin(angle)], axis=1)]


DOODLES: list[Callable[[Generator], Sequence[Line]]] = [
    lambda draw: [_closed((-1, -1), (1, -1), (1, 1), (-1, 1))],
    lambda draw: [_closed((0, -1), (1, 1), (-1, 1))],
    _star,
    _heart,
    _spiral,
    lambda draw: [
        _closed((-0.8, 1), (-0.8, -0.1), (0, -1), (0.8, -0.1), (0.8, 1)),
        [(-0.8, -0.1), (0.8, -0.1)],
    ],
    lambda draw: [
        _circle(),
        _circle(0.1, -0.35, -0.3),
        _circle(0.1, 0.35, -0.3),
        _circle(0.55, 0, 0.05, 0.3, np.pi - 0.3),
    ],
    lambda draw: [[(-1 + 2 * i / 7, 0.5 * (-1) ** i) for i in range(8)]],
    lambda draw: [draw.uniform(-1, 1, (12, 2))],
    lambda draw: [[(-1, 0), (1, 0)], [(0.5, -0.5), (1, 0), (0.5, 0.5)]],
    lambda draw: [
        [(-0.4, -1), (-0.4, 1)],
        [(0.4, -1), (0.4, 1)],
        [(-1, -0.4), (1, -0.4)],
        [(-1, 0.4), (1, 0.4)],
    ],
    lambda draw: [
        _circle(0.3, 0, -0.7),
        [(0, -0.4), (0, 0.4)],
        [(-0.6, 0), (0.6, 0)],
        [(-0.5, 1), (0, 0.4), (0.5, 1)],
    ],
]


def latin_letters() -> Iterator[tuple[str, Picture]]:
    """The 52 letters in the font that comes with Pillow."""
    font = ImageFont.load_default(120)
    for letter in LATIN:
        picture = Image.new("RGB", (SIDE, SIDE), PAPER)
        ImageDraw.Draw(picture).text((SIDE / 2, SIDE / 2), letter, PEN, font, anchor="mm")
        yield letter, np.asarray(picture)


def greek_letters() -> Iterator[tuple[str, Picture]]:
    """The Greek letters that differ from Latin ones, as Matplotlib writes formulas."""
    from matplotlib import mathtext
    from matplotlib.font_manager import FontProperties

    properties = FontProperties(size=72, math_fontfamily="cm")
    for name in GREEK.split():
        file = BytesIO()
        mathtext.math_to_image(rf"$\{name}$", file, properties, dpi=120, format="png")
        yield name, np.asarray(Image.open(file).convert("RGB"))
