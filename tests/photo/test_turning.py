"""Sheets that were turned are straightened before their rows are read."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inknet.data.sources import load
from inknet.photo.character import Found
from inknet.photo.several import read_sheet
from inknet.photo.turning import skew, turned, turned_back
from tests.photo.degradations import PAPER
from tests.photo.sheets import sheet


def bars(n_rows, n_columns, angle):
    """A mask of rows of bars, turned to the left by an angle in degrees."""
    image = Image.new("L", (60 + 50 * n_columns, 60 + 90 * n_rows))
    for row in range(n_rows):
        for column in range(n_columns):
            x, y = 60 + 50 * column, 60 + 90 * row + 4 * (column % 3)
            ImageDraw.Draw(image).line([x, y, x, y + 40], 255, 6)
    turned_image = image.rotate(angle, Image.Resampling.BILINEAR, expand=True)
    return np.asarray(turned_image) > 127


@pytest.mark.parametrize("n_rows", [1, 3])
@pytest.mark.parametrize("angle", [-16, -10, -7, 8, 15])
def test_the_angle_of_rows_is_found(n_rows, angle):
    assert skew(bars(n_rows, 7, angle), 40.0) == pytest.approx(-angle, abs=1.5)


@pytest.mark.parametrize("angle", [-2, -1, 0, 1, 2])
def test_rows_that_are_nearly_straight_are_left_alone(angle):
    assert skew(bars(2, 7, angle), 40.0) == 0


def test_what_has_no_rows_is_left_alone():
    assert skew(np.zeros((50, 60), bool), 10.0) == 0
    assert skew(bars(1, 1, 10), 40.0) == 0


@pytest.mark.parametrize("angle", [-13.0, 7.0, 90, 180, 270])
def test_a_box_is_turned_back_to_where_it_was(angle):
    mask = np.zeros((120, 200), bool)
    mask[30:40, 150:170] = True
    found = turned(Found(mask.astype(np.float32), mask, 1.0, 0.0), angle)
    rows, columns = np.nonzero(found.mask)
    box = (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
    back = turned_back(tuple(map(int, box)), angle, mask.shape, found.mask.shape)
    grown = 0 if angle % 90 == 0 else 7  # the box of a turned box is larger
    assert np.abs(np.array(back) - (30, 150, 40, 170)).max() <= grown
    assert back[0] <= 31 and back[1] <= 151 and back[2] >= 39 and back[3] >= 169
    assert abs(int(found.mask.sum()) - int(mask.sum())) < 12


def texts(model, angle, n):
    """What is read on turned sheets, and what is written on them."""
    data = load("sample")
    pairs = []
    for seed in range(n):
        generator = np.random.default_rng(seed)
        chosen = generator.choice(5000, generator.integers(5, 12))
        digits = [data.features[i].reshape(28, 28) for i in chosen]
        picture, truth = sheet(digits, [int(data.targets[i]) for i in chosen], generator)
        image = Image.fromarray(picture)
        image = image.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=PAPER)
        pairs.append((model.read(np.asarray(image)), truth))
    return pairs


def n_right_rows(pairs):
    return sum(
        [len(row) for row in answer.rows] == [len(row) for row in truth.split()]
        for answer, truth in pairs
    )


@pytest.mark.parametrize("angle", [-12, 15])
def test_the_rows_of_a_turned_sheet_are_straightened(model, angle, monkeypatch):
    pairs = texts(model, angle, 10)
    for answer, _ in pairs:
        for top, left, bottom, right in (one.box for one in answer.characters):
            assert 0 <= top < bottom <= answer.shape[0]
            assert 0 <= left < right <= answer.shape[1]
    monkeypatch.setattr("inknet.photo.several.skew", lambda mask, usual: 0.0)
    assert n_right_rows(pairs) >= n_right_rows(texts(model, angle, 10)) + 3


def of_shape(images):
    """Be sure of a hook with its bar above, as in a 7, and of nothing else."""
    images = images.astype(float)
    total = images.sum(axis=(1, 2))
    upper = images[:, :14].sum(axis=(1, 2)) / total
    right = images[:, :, 14:].sum(axis=(1, 2)) / total
    is_hook = (upper > 0.55) & (right > 0.45)
    probabilities = np.full((len(images), 10), 0.05)
    probabilities[:, 7] = np.where(is_hook, 0.999, 0.6)
    return probabilities, np.ones(len(images)), np.ones(len(images))


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_sheet_on_its_side_or_upside_down_is_turned_if_the_network_is_surer_then(quarters):
    image = Image.new("RGB", (520, 160), "white")
    for n in range(6):
        x, y = 30 + 80 * n, 40 + 5 * (n % 2)
        ImageDraw.Draw(image).line([x, y, x + 48, y, x + 30, y + 75], "black", 8, joint="curve")
    picture = np.ascontiguousarray(np.rot90(np.asarray(image), quarters))
    found = read_sheet(picture, of_shape)
    ((*row,),) = found.rows
    assert [one.confidence for one in row] == [0.999] * 6
    lefts = [np.array(one.box)[[1, 2, 3, 0][quarters]] for one in row]
    steps = np.diff(lefts)
    assert (steps > 0).all() if quarters in (0, 3) else (steps < 0).all()


def test_thin_ones_are_kept_on_a_sheet_on_its_side():
    picture = Image.new("RGB", (700, 120), PAPER)
    for place in range(7):
        line = [60 + 90 * place, 20, 60 + 90 * place, 100]
        ImageDraw.Draw(picture).line(line, (40, 40, 60), 5)

    def recognize(images):
        return np.eye(10)[[1] * len(images)], np.ones(len(images)), np.ones(len(images))

    for angle in (0, 90, 270):
        sheet = read_sheet(np.asarray(picture.rotate(angle, expand=True)), recognize)
        assert [one.familiarity for one in sheet.characters] == [1.0] * 7
