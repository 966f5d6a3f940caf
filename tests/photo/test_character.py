"""Pictures of one digit, made of MNIST's digits or read from a folder of real ones."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inknet.data.images import fit_image, read_image
from inknet.data.sources import load
from inknet.errors import InputError
from inknet.photo import open_picture, prepare, steps
from tests.photo import degradations
from tests.photo.conftest import STEP


@pytest.fixture(scope="module")
def digits():
    return load("sample").subset(np.arange(0, 5000, STEP))


@pytest.mark.parametrize("degrade", degradations.ALL, ids=lambda degrade: degrade.__name__)
def test_a_digit_is_read_as_well_as_before(degrade, digits, model):
    images = digits.stored().reshape(-1, 28, 28)
    pictures = [degrade(image, np.random.default_rng(i)) for i, image in enumerate(images)]
    prepared = np.stack([prepare(picture) for picture in pictures])
    clean = (model.predict(digits.stored()) == digits.targets).mean()
    assert (model.predict(prepared) == digits.targets).mean() >= clean - 0.1


def test_images_of_mnist_are_not_changed_but_inverted_to_light_ink(digits):
    for image in digits.stored().reshape(-1, 28, 28):
        for printed in (image, 255 - image):
            assert np.array_equal(prepare(np.stack([printed] * 3, axis=2)), image)


def test_the_steps_begin_with_the_picture_and_end_with_the_image(digits):
    picture = degradations.plain(digits.stored()[0].reshape(28, 28), np.random.default_rng(0))
    names, results = zip(*steps(picture), strict=True)
    assert names[0] == "picture"
    assert results[0] is picture
    assert names[-1] == "image"
    assert np.array_equal(results[-1], prepare(picture))


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (300, 200, 3)])
@pytest.mark.parametrize("level", [0, 130, 255])
def test_a_blank_picture_gives_a_blank_image(shape, level):
    assert not prepare(np.full(shape, level, np.uint8)).any()


@pytest.mark.parametrize("mode", ["L", "P", "LA", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_mode_gives_the_same_image(mode, digits, tmp_path):
    picture = degradations.plain(digits.stored()[3].reshape(28, 28), np.random.default_rng(0))
    image = Image.fromarray(picture).convert("L")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 100)
    else:
        image = image.convert(mode)
    path = tmp_path / "digit.tif"
    image.save(path)
    expected = prepare(picture).astype(int)
    assert np.abs(prepare(open_picture(path)) - expected).mean() < 2


@pytest.mark.parametrize("ink", [0, 255])
def test_transparent_paper_differs_from_the_ink(ink, digits, tmp_path):
    digit = digits.stored()[5].reshape(28, 28)
    covered = degradations.ink_on_canvas(digit, np.random.default_rng(0))
    colours = np.full((*covered.shape, 4), ink, np.uint8)
    colours[:, :, 3] = 255 * covered
    path = tmp_path / "digit.png"
    Image.fromarray(colours).save(path)
    expected = prepare(degradations.rounded(degradations.painted(covered, (255,) * 3, (0,) * 3)))
    assert np.abs(prepare(open_picture(path)).astype(int) - expected).max() <= 3


def test_a_picture_is_turned_upright(digits, tmp_path):
    picture = degradations.plain(digits.stored()[7].reshape(28, 28), np.random.default_rng(0))
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "digit.png"
    Image.fromarray(np.rot90(picture)).save(path, exif=exif)
    assert np.array_equal(open_picture(path), picture)


def test_large_pictures_are_reduced(tmp_path):
    Image.new("RGB", (3000, 2000)).save(tmp_path / "large.png")
    Image.new("RGB", (3000, 2000)).save(tmp_path / "large.jpg")
    assert open_picture(tmp_path / "large.png").shape == (400, 600, 3)
    assert max(open_picture(tmp_path / "large.jpg").shape) == 750


def test_a_file_that_is_not_an_image_is_refused(tmp_path):
    path = tmp_path / "text.png"
    path.write_text("no image")
    with pytest.raises(InputError, match="not an image"):
        open_picture(path)


@pytest.mark.skipif("INKNET_PHOTOS_DIR" not in os.environ, reason="needs INKNET_PHOTOS_DIR")
def test_real_pictures_are_read(model):
    folder = Path(os.environ["INKNET_PHOTOS_DIR"])
    with (folder / "truth.tsv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["kind"] != "several"]
    rows = rows[::4]
    truth = [int(row["truth"]) for row in rows]
    paths = [folder / row["file"] for row in rows]
    before = np.stack([fit_image(read_image(path)) for path in paths])
    images = np.stack([prepare(open_picture(path)) for path in paths])
    # the network has seen only 5,000 digits of MNIST
    assert np.mean(model.predict(images) != truth) < 0.75 * np.mean(model.predict(before) != truth)


def test_a_neighbour_at_the_edge_is_left_out(digits):
    digit = digits.stored()[9].reshape(28, 28)
    picture = degradations.painted(
        degradations.ink_on_canvas(digit, np.random.default_rng(0), share=0.6)
    )
    alone = prepare(degradations.rounded(picture))
    picture[100:160, :8] = degradations.PEN
    picture[0:30, 310:] = degradations.PEN
    assert np.array_equal(prepare(degradations.rounded(picture)), alone)
