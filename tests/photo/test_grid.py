"""Sheets of squares: their frame is found, and each cell is one digit or blank."""

import numpy as np
import pytest
from PIL import Image

from inknet import MLP, InputError
from inknet.data.sources import load
from inknet.photo.grid import frame_corners
from tests.photo.forms import form, photographed


def filled(shape, seed):
    """A sheet's digits, a quarter of the cells blank, and what is written in it."""
    data = load("sample")
    generator = np.random.default_rng(seed)
    n = shape[0] * shape[1]
    chosen, is_blank = generator.choice(5000, n), generator.random(n) < 0.25
    digits = [
        None if blank else data.features[i].reshape(28, 28)
        for i, blank in zip(chosen, is_blank, strict=True)
    ]
    truth = "".join(
        "." if blank else str(data.targets[i]) for i, blank in zip(chosen, is_blank, strict=True)
    )
    return digits, truth, generator


@pytest.mark.parametrize(
    ("lines", "angle"),
    [(lines, angle) for lines in ("all", "frame", "squares") for angle in (0, 4, -7)]
    + [("none", 0)],
)
@pytest.mark.parametrize("shape", [(4, 10), (1, 6), (12, 3)], ids=str)
def test_cells_keep_their_places(model, lines, angle, shape):
    digits, truth, generator = filled(shape, 1)
    picture = photographed(form(digits, shape, generator, lines=lines, angle=angle), generator)
    answer = model.read(picture, grid=shape)
    rows = answer.digits.split()
    assert [len(row) for row in rows] == [shape[1]] * shape[0]
    found = "".join(rows)
    assert [cell == "." for cell in found] == [cell == "." for cell in truth]
    right = np.array([a == b for a, b in zip(found, truth, strict=True)])
    assert right.mean() >= 0.8  # the small network misreads some
    height, width = picture.shape[:2]
    for one in answer.characters:
        top, left, bottom, right_side = one.box
        row, column = one.cell
        if angle == 0:
            assert abs((top + bottom) / 2 / height * shape[0] - row - 0.5) < 1.2
            assert abs((left + right_side) / 2 / width * shape[1] - column - 0.5) < 1.2


@pytest.mark.parametrize("angle", [0, 5, -10])
def test_the_corners_are_those_of_the_frame(angle):
    shape = (3, 5)
    picture = form([None] * 15, shape, np.random.default_rng(0), cell=60, angle=angle)
    corners = frame_corners(picture, shape)
    height, width = picture.shape[:2]
    turn = np.deg2rad(angle)
    half = np.array([(-90, -150), (-90, 150), (90, 150), (90, -150)])
    rows = half[:, 0] * np.cos(turn) - half[:, 1] * np.sin(turn) + height / 2
    columns = half[:, 0] * np.sin(turn) + half[:, 1] * np.cos(turn) + width / 2
    assert np.abs(corners - np.stack([rows, columns], axis=1)).max() < 4


def test_digits_without_a_frame_are_none():
    digits, _, generator = filled((4, 5), 3)
    assert frame_corners(form(digits, (4, 5), generator, lines="none"), (4, 5)) is None


def test_boxes_in_a_large_photo_have_rows_and_columns(model, tmp_path):
    shape = (2, 3)
    digits, _, generator = filled(shape, 5)
    sheet = Image.fromarray(form(digits, shape, generator))
    sheet.resize((sheet.width * 6, sheet.height * 6)).save(tmp_path / "sheet.jpg")
    boxes = model.read(tmp_path / "sheet.jpg", grid=shape).to_dict()["boxes"]
    places = [(box["row"], box["column"]) for box in boxes]
    assert places == [divmod(n, 3) for n, digit in enumerate(digits) if digit is not None]
    for box, (row, column) in zip(boxes, places, strict=True):
        top, left, bottom, right = np.array(box["box"]) / 6 / 64 - 0.6
        assert row - 0.1 <= top < bottom <= row + 1.1
        assert column - 0.1 <= left < right <= column + 1.1


def test_a_sheet_without_digits_is_blank(model):
    for lines in ("all", "squares", "none"):
        picture = form([None] * 12, (3, 4), np.random.default_rng(0), lines=lines)
        answer = model.read(photographed(picture, np.random.default_rng(0)), grid=(3, 4))
        assert (answer.verdict, answer.digits) == ("blank", "")


@pytest.mark.parametrize(
    ("grid", "says"),
    [
        ((0, 3), "grid is 0x3; expected 1 to 100 of each"),
        ((3, 101), "grid is 3x101; expected 1 to 100"),
        ((3,), "expected the numbers of rows and columns"),
        (5, "expected the numbers of rows and columns"),
        ((2.5, 3), "expected the numbers of rows and columns"),
    ],
)
def test_a_grid_that_no_sheet_has_is_refused(model, grid, says):
    with pytest.raises(InputError, match=says):
        model.read(np.zeros((50, 50), np.uint8), grid=grid)


def test_a_model_of_other_images_reads_no_grid():
    model = MLP([16, 2], random_seed=0)
    images = np.random.default_rng(0).integers(0, 256, (20, 4, 4)).astype(np.uint8)
    model.train(images, np.arange(20) % 2, num_epochs=1)
    with pytest.raises(InputError, match="images like MNIST's"):
        model.read(np.zeros((50, 50), np.uint8), grid=(2, 2))


def test_a_noisy_picture_is_no_empty_form(model):
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    assert model.read(noise, grid=(3, 3)).verdict == "not a digit"
    assert model.read(np.full((300, 300, 3), 230, np.uint8), grid=(3, 3)).verdict == "blank"


def test_a_long_strip_is_not_enlarged_without_end(model):
    strip = np.full((100, 5600, 3), 230, np.uint8)
    assert model.read(strip, grid=(100, 1)).verdict == "blank"


def both(one, other):
    """Two digits beside each other, as in 10."""
    halves = [Image.fromarray(digit[:, 4:24]).resize((14, 22)) for digit in (one, other)]
    image = np.zeros((28, 28), np.uint8)
    image[3:25, :14], image[3:25, 14:] = halves
    return image


@pytest.mark.parametrize("lines", ["all", "squares", "frame"])
def test_two_digits_in_a_cell_are_not_one(lines):
    zero, one, seven = (
        load("sample").features[500 * digit + 3].reshape(28, 28) for digit in (0, 1, 7)
    )
    digits = [one, zero, both(one, zero), seven, one, zero, seven, one]
    picture = form(digits, (2, 4), np.random.default_rng(0), lines=lines)
    answer = MLP.pretrained().read(picture, grid=(2, 4))
    assert (answer.digits, answer.verdict) == ("10?7 1071", "unsure")


@pytest.mark.parametrize("shape", [(2, 10), (8, 10), (4, 5), (5, 8), (10, 4), (4, 11)], ids=str)
def test_numbers_of_rows_and_columns_that_the_lines_contradict_are_doubted(shape):
    model = MLP.pretrained()
    digits, _, generator = filled((4, 10), 5)
    picture = form(digits, (4, 10), generator)
    assert "lines" not in model.read(picture, grid=(4, 10)).reason
    answer = model.read(picture, grid=shape)
    assert answer.verdict in ("unsure", "not a digit")
    if answer.verdict == "unsure":
        assert answer.reason.startswith("its lines are not those of")
