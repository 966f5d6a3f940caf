"""Pictures of digits as people make them, from MNIST's: other light, pens, paper and places."""

from collections.abc import Callable
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Picture = NDArray[np.uint8]
Generator = np.random.Generator
SIDE = 320
PAPER, PEN = (236, 234, 228), (40, 42, 58)


def ink_on_canvas(
    digit: Picture,
    generator: Generator,
    *,
    side: int = SIDE,
    share: float | None = None,
    angle: float = 0.0,
    width: float = 0.0,
    corner: bool = False,
) -> NDArray[np.float64]:
    """Return how much a digit ``(28, 28)`` covers each pixel of a larger canvas, from 0 to 1.

    ``share`` is the side of the digit's picture in that of the canvas. ``width`` makes strokes
    thicker or thinner, in pixels of the digit.
    """
    share = generator.uniform(0.45, 0.95) if share is None else share
    size = round(side * share)
    large = Image.fromarray(digit).resize((size, size), Image.Resampling.BICUBIC)
    if angle:
        large = large.rotate(angle, Image.Resampling.BICUBIC)
    n = 2 * round(abs(width) * size / 28 / 2) + 1
    if n > 1:
        large = large.filter((ImageFilter.MaxFilter if width > 0 else ImageFilter.MinFilter)(n))
    covered = np.clip((np.asarray(large) / 255.0 - 0.25) * 2, 0, 1)
    canvas = np.zeros((side, side))
    free = side - size
    top, left = generator.choice([0, free], 2) if corner else generator.integers(0, free + 1, 2)
    canvas[top : top + size, left : left + size] = covered
    return canvas


def painted(
    covered: NDArray[np.float64],
    paper: tuple[float, ...] = PAPER,
    pen: tuple[float, ...] = PEN,
) -> NDArray[np.float64]:
    """Return a picture ``(height, width, 3)`` of a pen's ink on paper."""
    covered = covered[:, :, None]
    return np.asarray(paper) * (1 - covered) + np.asarray(pen) * covered


def rounded(picture: NDArray[np.float64]) -> Picture:
    return picture.clip(0, 255).round().astype(np.uint8)


def plain(digit: Picture, generator: Generator) -> Picture:
    return rounded(painted(ink_on_canvas(digit, generator)))


def gradient(digit: Picture, generator: Generator) -> Picture:
    picture = painted(ink_on_canvas(digit, generator))
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    angle = generator.uniform(0, 2 * np.pi)
    light = 0.65 + 0.6 * (np.cos(angle) * x + np.sin(angle) * y)
    return rounded(picture * light.clip(0.2, 1)[:, :, None])


def vignette(digit: Picture, generator: Generator) -> Picture:
    picture = painted(ink_on_canvas(digit, generator))
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - generator.uniform(0.35, 0.65)
    return rounded(picture * (0.95 - 1.1 * (x**2 + y**2)).clip(0.25, 1)[:, :, None])


def shadow(digit: Picture, generator: Generator) -> Picture:
    picture = painted(ink_on_canvas(digit, generator))
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    angle = generator.uniform(0, 2 * np.pi)
    edge = (np.cos(angle) * x + np.sin(angle) * y - generator.uniform(-0.25, 0.25)) * 18
    return rounded(picture * (1 - 0.4 / (1 + np.exp(-edge)))[:, :, None])


def noise(digit: Picture, generator: Generator) -> Picture:
    picture = painted(ink_on_canvas(digit, generator))
    return rounded(picture + generator.normal(0, 14, picture.shape))


def jpeg(digit: Picture, generator: Generator) -> Picture:
    file = BytesIO()
    picture = rounded(painted(ink_on_canvas(digit, generator, side=128)))
    Image.fromarray(picture).save(file, "JPEG", quality=20)
    return np.asarray(Image.open(file).convert("RGB"))


def rotated(digit: Picture, generator: Generator) -> Picture:
    return rounded(painted(ink_on_canvas(digit, generator, angle=generator.uniform(-12, 12))))


def thin(digit: Picture, generator: Generator) -> Picture:
    return rounded(painted(ink_on_canvas(digit, generator, width=-0.9)))


def thick(digit: Picture, generator: Generator) -> Picture:
    return rounded(painted(ink_on_canvas(digit, generator, width=1.0)))


def colours(digit: Picture, generator: Generator) -> Picture:
    pens = [((250, 240, 150), (40, 60, 200)), ((250, 250, 250), (220, 90, 90))]
    pens += [((150, 220, 60), (30, 90, 160)), ((200, 225, 250), (60, 120, 60))]
    paper, pen = pens[generator.integers(len(pens))]
    return rounded(painted(ink_on_canvas(digit, generator), paper, pen))


def faint(digit: Picture, generator: Generator) -> Picture:
    picture = painted(ink_on_canvas(digit, generator), (225, 225, 222), (180, 180, 184))
    return rounded(picture + generator.normal(0, 3, picture.shape))


def light_on_dark(digit: Picture, generator: Generator) -> Picture:
    picture = painted(ink_on_canvas(digit, generator), (30, 34, 32), (230, 230, 225))
    return rounded(picture + generator.normal(0, 5, picture.shape))


def in_a_corner(digit: Picture, generator: Generator) -> Picture:
    return rounded(painted(ink_on_canvas(digit, generator, share=0.4, corner=True)))


def small(digit: Picture, generator: Generator) -> Picture:
    return rounded(painted(ink_on_canvas(digit, generator, side=700, share=0.1)))


def tiny_canvas(digit: Picture, generator: Generator) -> Picture:
    return rounded(painted(ink_on_canvas(digit, generator, side=32, share=0.85)))


def large(digit: Picture, generator: Generator) -> Picture:
    return rounded(painted(ink_on_canvas(digit, generator, side=1200)))


def blurred(digit: Picture, generator: Generator) -> Picture:
    """A picture that is out of focus."""
    image = Image.fromarray(plain(digit, generator))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(generator.uniform(2, 5))))


def filling(digit: Picture, generator: Generator) -> Picture:
    """A digit cropped exactly, as many programs do before they ask."""
    covered = ink_on_canvas(digit, generator, share=1.0)
    rows, columns = np.nonzero(covered > 0.2)
    covered = covered[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return rounded(painted(covered))


def _ruled(picture: NDArray[np.float64], generator: Generator, both: bool) -> NDArray[np.float64]:
    image = Image.fromarray(rounded(picture))
    draw = ImageDraw.Draw(image)
    step = int(generator.integers(60, 110)) if not both else int(generator.integers(36, 60))
    slope = generator.uniform(-0.02, 0.02) * SIDE
    for start in range(int(generator.integers(0, step)), SIDE, step):
        draw.line([(0, start), (SIDE, start + slope)], (150, 170, 215), 2)
        if both:
            draw.line([(start, 0), (start - slope, SIDE)], (150, 170, 215), 2)
    return np.asarray(image) / 1.0


def ruled(digit: Picture, generator: Generator) -> Picture:
    covered = ink_on_canvas(digit, generator)
    paper = _ruled(np.full((SIDE, SIDE, 3), PAPER, float), generator, both=False)
    return rounded(paper * (1 - covered[:, :, None]) + np.asarray(PEN) * covered[:, :, None])


def squared(digit: Picture, generator: Generator) -> Picture:
    covered = ink_on_canvas(digit, generator)
    paper = _ruled(np.full((SIDE, SIDE, 3), PAPER, float), generator, both=True)
    return rounded(paper * (1 - covered[:, :, None]) + np.asarray(PEN) * covered[:, :, None])


def boxed(digit: Picture, generator: Generator) -> Picture:
    covered = ink_on_canvas(digit, generator, side=240, share=generator.uniform(0.7, 0.95))
    canvas = np.zeros((SIDE, SIDE))
    canvas[40:280, 40:280] = covered
    image = Image.fromarray(rounded(painted(canvas)))
    low, high = (int(n) for n in generator.integers([20, 286], [36, 300]))
    ImageDraw.Draw(image).rectangle([low, low, high, high], outline=PEN, width=4)
    return np.asarray(image)


def lined(digit: Picture, generator: Generator) -> Picture:
    """A digit on or over a dark line."""
    image = Image.fromarray(plain(digit, generator))
    row = int(generator.integers(150, 300))
    slope = generator.uniform(-0.03, 0.03) * SIDE
    ImageDraw.Draw(image).line([(0, row), (SIDE, row + slope)], PEN, 3)
    return np.asarray(image)


def specks(digit: Picture, generator: Generator) -> Picture:
    image = Image.fromarray(plain(digit, generator))
    draw = ImageDraw.Draw(image)
    for x, y in generator.integers(0, SIDE, (12, 2)):
        r = generator.uniform(0.5, 2.5)
        draw.ellipse([x - r, y - r, x + r, y + r], fill=(70, 70, 80))
    return np.asarray(image)


ALL: list[Callable[[Picture, Generator], Picture]] = [
    plain, gradient, vignette, shadow, noise, jpeg, rotated, thin, thick, colours, faint,
    light_on_dark, in_a_corner, small, large, tiny_canvas, blurred, filling, ruled, squared, boxed, lined, specks,
]  # fmt: skip
