"""Signs that ink is no writing."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inknet import MLP
from inknet.photo.character import Found, find_ink
from inknet.photo.clutter import marks_beside, signs_of_clutter
from inknet.photo.parts import connected_parts
from tests.photo.degradations import ALL
from tests.photo.others import photographs


def found(mask, ink=None, noise=0.0):
    mask = np.array(mask, bool)
    ink = mask.astype(np.float32) if ink is None else np.asarray(ink, np.float32)
    return Found(ink, mask, 0.9, noise)


def square(size=40, start=10, stop=20):
    mask = np.zeros((size, size), bool)
    mask[start:stop, start:stop] = True
    return mask


@pytest.mark.parametrize(
    ("what", "n_pieces", "n_characters", "sign"),
    [
        (found(square()), 1, 1, ""),
        (found(square()), 6, 1, ""),
        (found(square()), 7, 1, "7 pieces"),
        (found(square()), 7, 2, ""),
        (found(square(start=0, stop=10)), 1, 1, "over the edge"),
        (found(square(), square() * 0.7), 1, 1, "uneven"),
        (found(square(), np.where(square(), 1.0, 0.4)), 1, 1, "more than strokes"),
        (found(square(), noise=0.05), 1, 1, "ground is uneven"),
        (found(np.zeros((9, 9))), 0, 0, ""),
    ],
)
def test_each_sign_is_said_alone(what, n_pieces, n_characters, sign):
    signs = signs_of_clutter(what, n_pieces, n_characters)
    assert len(signs) == bool(sign)
    assert sign in "".join(signs)


def test_ink_along_the_edges_counts_twice():
    mask = np.zeros((40, 40), bool)
    mask[:4] = mask[:, :4] = True
    assert len(signs_of_clutter(found(mask), 1, 1)) == 2


def test_degraded_digits_have_one_sign_at_most_and_photographs_many(digits):
    draw = np.random.default_rng(0)
    of_digits = [
        len(signs_of_clutter(find_ink(degrade(digit, draw)), 1, 1))
        for degrade in ALL
        for digit in digits
    ]
    assert np.mean(np.array(of_digits) >= 2) <= 0.02
    inks = [find_ink(picture) for picture in photographs(40, draw)]
    of_others = [len(signs_of_clutter(ink, 30, 1)) for ink in inks if ink.mask.any()]
    assert np.mean(np.array(of_others) >= 2) > 0.9


@pytest.fixture(scope="module")
def digits():
    from inknet.data.sources import load

    return np.asarray(load("sample").stored()[:6]).reshape(-1, 28, 28)


@pytest.mark.parametrize(
    ("marks", "n_characters", "expected"),
    [
        ([(34, 45, 39, 50)], 2, 1),  # a point
        ([(34, 45, 39, 50)], 1, 0),  # a speck beside a single digit
        ([(24, 2, 27, 14)], 1, 1),  # a minus
        ([(24, 43, 27, 55)], 2, 1),  # a dash
        ([(90, 45, 95, 50)], 2, 0),  # far below
        ([(20, 22, 24, 26)], 2, 0),  # inside of a digit
        ([], 2, 0),
    ],
)
def test_marks_beside_characters_are_counted(marks, n_characters, expected):
    mask = np.zeros((120, 120), bool)
    boxes = [(10, 20, 40, 40), (10, 60, 40, 80)][:n_characters]
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = True
        mask[top + 3 : bottom - 3, left + 1 : right - 1] = False
    for top, left, bottom, right in marks:
        mask[top:bottom, left:right] = True
    assert marks_beside(connected_parts(mask), [boxes], 1.0) == expected


@pytest.mark.parametrize("between", [".", "-", ":"])
def test_a_number_with_marks_is_not_read_as_one_without(digits, between):
    canvas = Image.new("L", (300, 140), 255)
    for place, digit in ((20, digits[0]), (170, digits[1])):
        canvas.paste(Image.fromarray(255 - digit).resize((112, 112)), (place, 10))
    draw = ImageDraw.Draw(canvas)
    for box in {".": [(148, 100)], "-": [(140, 66)], ":": [(148, 50), (148, 90)]}[between]:
        draw.rectangle([*box, box[0] + (24 if between == "-" else 9), box[1] + 7], 0)
    reading = MLP.pretrained().read(np.asarray(canvas))
    assert reading.verdict == "unsure"
    assert len(reading.digits) == 2
