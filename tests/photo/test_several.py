"""Several digits in one picture: found, joined, cut and put into order."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inknet.data.sources import load
from inknet.photo import open_picture, read_characters
from tests.photo.sheets import sheet


def as_wide(images):
    """Classify images by the width of their ink: narrow ones are 1, wide ones surely 0."""
    probabilities = np.full((len(images), 10), 0.01)
    for image, row in zip(images, probabilities, strict=True):
        width = np.ptp(np.flatnonzero(image.any(axis=0))) + 1
        row[1 if width < 8 else 0] = 0.91 if width < 8 or width > 16 else 0.5
    return probabilities


def drawn(size, *strokes, width=6):
    image = Image.new("RGB", size, "white")
    for stroke in strokes:
        ImageDraw.Draw(image).line(stroke, "black", width)
    return np.array(image)


def boxes(rows):
    return [[one.box for one in row] for row in rows]


def text(rows):
    return " ".join("".join(str(one.probabilities.argmax()) for one in row) for row in rows)


def test_bars_are_found_in_reading_order():
    bars = [(x, y, x + 4, y + 60) for y in (20, 120) for x in (40, 100, 170)]
    rows = read_characters(drawn((220, 200), *reversed(bars)), as_wide)
    assert text(rows) == "111 111"
    for row, y in zip(boxes(rows), (20, 120), strict=True):
        assert [left for _, left, _, _ in row] == pytest.approx([37, 97, 167], abs=4)
        assert all(abs(top - y) <= 4 and abs(bottom - y - 60) <= 5 for top, _, bottom, _ in row)


def test_a_row_may_rise_and_fall():
    bars = [(40 + 50 * i, 40 + 12 * (i % 3), 40 + 50 * i, 100 + 12 * (i % 3)) for i in range(6)]
    assert text(read_characters(drawn((400, 200), *bars), as_wide)) == "111111"


def test_a_small_part_near_a_character_belongs_to_it():
    body, bar = (60, 60, 60, 120), (64, 48, 90, 48)
    rows = read_characters(drawn((200, 180), body, bar, (150, 50, 150, 120)), as_wide)
    assert [len(row) for row in rows] == [2]
    top, left, _, right = rows[0][0].box
    assert top == pytest.approx(45, abs=3)
    assert (left, right) == pytest.approx((57, 91), abs=3)


def test_the_cells_of_a_form_are_no_strokes():
    lines = [(20, y, 420, y) for y in (20, 120, 220)] + [
        (x, 20, x, 220) for x in range(20, 421, 100)
    ]
    picture = drawn((440, 240), *lines, width=3)
    for x in (70, 170, 270, 370):
        for y in (45, 145):
            picture[y : y + 55, x - 3 : x + 3] = 0
    assert text(read_characters(picture, as_wide)) == "1111 1111"


def test_specks_and_dashes_are_no_characters():
    marks = [(20, 30, 23, 30), (180, 150, 184, 150), (150, 20, 190, 20)]
    rows = read_characters(
        drawn((200, 180), (80, 60, 80, 120), (120, 60, 120, 120), *marks), as_wide
    )
    assert text(rows) == "11"


def test_what_touches_is_cut_where_the_network_is_sure():
    image = Image.new("RGB", (260, 120), "white")
    for x in (40, 94, 148):  # three rings that touch
        ImageDraw.Draw(image).ellipse([x, 30, x + 58, 95], outline="black", width=6)
    rows = read_characters(np.asarray(image), as_wide)
    assert text(rows) == "000"
    lefts = [left for _, left, _, _ in boxes(rows)[0]]
    assert lefts == pytest.approx([40, 96, 150], abs=8)


@pytest.mark.parametrize("level", [0, 255])
def test_on_a_blank_sheet_there_is_nothing(level):
    assert read_characters(np.full((90, 120, 3), level, np.uint8), as_wide) == []


def test_an_image_of_mnist_is_one_character_and_unchanged():
    image = load("sample").features[0].reshape(28, 28)
    ((one,),) = read_characters(np.stack([image] * 3, axis=2), as_wide)
    assert np.array_equal(one.image, image)
    assert one.box == (0, 0, 28, 28)


def test_boxes_are_in_pixels_of_the_picture():
    picture = drawn((60, 40), (20, 10, 20, 30), (40, 10, 40, 30), width=3)
    assert boxes(read_characters(picture, as_wide))[0] == [
        pytest.approx((9, 18, 31, 22), abs=2),
        pytest.approx((9, 38, 31, 42), abs=2),
    ]


def test_noise_is_no_trouble():
    picture = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    rows = read_characters(picture, as_wide)
    assert all(len(one.image) == 28 for row in rows for one in row)


def test_sheets_of_digits_are_read(model):
    data = load("sample")
    n_right = 0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        chosen = generator.choice(5000, generator.integers(2, 9))
        digits = [data.features[i].reshape(28, 28) for i in chosen]
        picture, truth = sheet(digits, [int(data.targets[i]) for i in chosen], generator)
        rows = read_characters(picture, model.predict_proba)
        n_right += [len(row) for row in rows] == [len(row) for row in truth.split()]
    assert n_right >= 17


@pytest.mark.skipif("INKNET_PHOTOS_DIR" not in os.environ, reason="needs INKNET_PHOTOS_DIR")
@pytest.mark.slow
def test_as_many_digits_are_found_as_are_on_real_sheets(model):
    folder = Path(os.environ["INKNET_PHOTOS_DIR"])
    with (folder / "truth.tsv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["kind"] == "several"]
    found = [
        read_characters(open_picture(folder / row["file"]), model.predict_proba) for row in rows
    ]
    expected = [[len(part) for part in row["truth"].split()] for row in rows]
    n_right = sum([len(row) for row in f] == e for f, e in zip(found, expected, strict=True))
    assert n_right >= 0.8 * len(rows)


@pytest.mark.parametrize("shape", [(28, 28), (60, 60), (300, 400)])
@pytest.mark.parametrize("grain", [2, 10, 30])
@pytest.mark.parametrize("light", ["even", "gradient", "shadow"])
def test_on_blank_paper_there_is_nothing(shape, grain, light):
    generator = np.random.default_rng(0)
    x = np.linspace(-1, 1, shape[1])
    levels = {"even": 0 * x, "gradient": 40 * x, "shadow": -50 / (1 + np.exp(-6 * x))}[light]
    paper = 205 + levels[None, :, None] + generator.normal(0, grain, (*shape, 1)) * np.ones(3)
    assert read_characters(paper.clip(0, 255).astype(np.uint8), as_wide) == []
