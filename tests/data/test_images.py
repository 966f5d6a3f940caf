"""Pictures: any file gives grey levels or one clear line; any size is fitted to look like MNIST."""

import itertools
import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from making import refusal
from PIL import Image
from scipy import ndimage

from inknet import MLP
from inknet.data import images
from inknet.data.images import border_pixels, fit_image, read_image, read_image_shape
from inknet.data.sample import load_sample

GREY = np.random.default_rng(0).integers(0, 256, (7, 5), dtype=np.uint8)


@pytest.fixture(scope="module")
def digits():
    """Fifty digits, five of each, as ``(50, 28, 28)``."""
    return load_sample().images(np.arange(0, 5000, 100))


@pytest.mark.parametrize("ending", ["png", "bmp", "gif", "tiff"])
def test_grey_levels_come_back(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(GREY).save(path)
    np.testing.assert_array_equal(read_image(path), GREY)
    assert read_image_shape(path) == (7, 5)


@pytest.mark.parametrize("ending", ["jpg", "webp"])
def test_lossy_formats_come_back_nearly(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    Image.new("RGB", (9, 4), (100, 100, 100)).save(path)
    assert np.abs(read_image(path).astype(int) - 100).max() <= 3
    assert read_image(path).shape == (4, 9)


def test_sixteen_bits_become_eight(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(GREY.astype(np.uint16) * 257).save(path)
    np.testing.assert_array_equal(read_image(path), GREY)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_the_range_of_thirty_two_bits_is_stretched_to_grey_levels(tmp_path, dtype):
    path = tmp_path / "a.tiff"
    values = np.array([[-1000, 0], [500, 1000]], dtype)
    Image.fromarray(values).save(path)
    assert read_image(path).tolist() == [[0, 128], [191, 255]]


def test_transparent_pixels_are_white(tmp_path):
    path = tmp_path / "a.png"
    pixels = np.zeros((2, 2, 4), np.uint8)  # black, of which only the first pixel is opaque
    pixels[0, 0, 3] = 255
    Image.fromarray(pixels).save(path)
    assert read_image(path).tolist() == [[0, 255], [255, 255]]


def test_black_and_white_and_palettes_are_read(tmp_path):
    path = tmp_path / "a.png"
    for mode in ("1", "P", "RGB"):
        Image.fromarray(np.array([[0, 255]], np.uint8)).convert(mode).save(path)
        assert read_image(path).tolist() == [[0, 255]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright(tmp_path, orientation):
    path = tmp_path / "a.png"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(GREY).save(path, exif=exif)
    expected = {  # TIFF 6.0, tag 274: where row 0 and column 0 of the file belong
        1: GREY,
        2: GREY[:, ::-1],
        3: GREY[::-1, ::-1],
        4: GREY[::-1],
        5: GREY.T,
        6: np.rot90(GREY, -1),
        7: np.rot90(GREY, 2).T,
        8: np.rot90(GREY),
    }[orientation]
    np.testing.assert_array_equal(read_image(path), expected)
    assert read_image_shape(path) == expected.shape


def test_a_file_that_is_not_an_image_is_named(tmp_path):
    missing, text, folder = tmp_path / "missing.png", tmp_path / "a.png", tmp_path / "b.png"
    text.write_text("no image")
    folder.mkdir()
    assert refusal(read_image, missing).startswith(f"{missing}: ")
    assert refusal(read_image, text).startswith(f"{text}: not an image")
    assert refusal(read_image, folder).startswith(f"{folder}: ")


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "tiff", "webp", "bmp"])
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_damaged_image_is_read_or_named_but_never_crashes(tmp_path_factory, ending, data):
    path = tmp_path_factory.mktemp("damage") / f"a.{ending}"
    Image.fromarray(np.resize(GREY, (40, 40))).save(path)
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content) - 1))
    change = data.draw(st.integers(0, len(content) - 1))
    path.write_bytes((content[:change] + b"\xff" + content[change + 1 :])[: cut or None])
    try:
        assert read_image(path).dtype == np.uint8
    except ValueError:
        assert refusal(read_image, path).startswith(f"{path}: ")


def test_too_many_pixels_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((30, 30), np.uint8)).save(path)
    monkeypatch.setattr(images, "MOST_PIXELS", 899)
    for read in (read_image, read_image_shape):
        assert "30×30 are too many pixels" in refusal(read, path)
    monkeypatch.setattr(images, "MOST_PIXELS", 900)
    assert read_image(path).shape == (30, 30)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # twice as many are too many for Pillow
    assert refusal(read_image, path).startswith(f"{path}: too many pixels")


@pytest.mark.parametrize("size", [(100_001, 1), (1, 100_001)], ids=["row", "column"])
@pytest.mark.parametrize("ending", ["png", "bmp", "tiff"])
def test_a_side_that_no_picture_has_is_refused(tmp_path, ending, size):
    path = tmp_path / f"a.{ending}"
    Image.new("RGB", size).save(path)
    for read in (read_image, read_image_shape):
        expected = f"{size[0]:,}×{size[1]:,} pixels, expected at most 100,000 on a side"
        assert refusal(read, path) == f"{path}: {expected}"
    Image.new("RGB", tuple(min(side, 100_000) for side in size)).save(path)
    assert read_image(path).size == 100_000


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I", "F"])
def test_a_picture_is_the_same_in_strips_and_whole(tmp_path, monkeypatch, mode):
    path = tmp_path / "a.tiff"
    picture = Image.fromarray(np.kron(GREY, np.ones((3, 3), np.uint8)))
    picture = (picture.convert("I") if mode == "I;16" else picture).convert(mode)
    if "A" in mode:
        picture.putalpha(Image.fromarray(np.kron(GREY[::-1], np.ones((3, 3), np.uint8))))
    picture.save(path)
    whole = read_image(path)
    monkeypatch.setattr(images, "STRIP", 40)
    np.testing.assert_array_equal(read_image(path), whole)


def test_reading_pictures_from_many_threads_leaves_the_warnings_of_python_alone(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(GREY).save(path)
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        for grey in pool.map(read_image, [path] * 400):
            np.testing.assert_array_equal(grey, GREY)
    assert list(warnings.filters) == before


@given(
    grey=arrays.arrays(np.uint8, st.tuples(*[st.integers(1, 200)] * 2), fill=st.integers(0, 255)),
    light=st.booleans(),
    shape=st.sampled_from([(28, 28), (8, 8), (20, 32), (1, 1)]),
)
@settings(deadline=None)
def test_any_picture_fits(grey, light, shape):
    fitted = fit_image(grey, shape, light)
    assert fitted.shape == shape
    assert fitted.dtype == np.uint8


@pytest.mark.parametrize("level", [0, 90, 255])
def test_a_blank_picture_becomes_background_only(level):
    blank = np.full((60, 50), level, np.uint8)
    assert (fit_image(blank) == 0).all()
    assert (fit_image(blank, light_background=True) == 255).all()


def test_a_picture_of_the_right_size_is_only_inverted(digits):
    for digit in digits:
        np.testing.assert_array_equal(fit_image(digit), digit)
        np.testing.assert_array_equal(fit_image(255 - digit), digit)
        np.testing.assert_array_equal(fit_image(digit, light_background=True), 255 - digit)


def correlation(one, other):
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


def nearby_correlation(one, other):
    """Correlate after moving by at most a pixel: where a centre lies halfway, rounding decides."""
    moves = itertools.product((-1, 0, 1), repeat=2)
    return max(correlation(np.roll(one, move, (0, 1)), other) for move in moves)


def test_a_digit_made_large_and_dark_on_light_comes_back(digits):
    large = np.kron(digits, np.ones((10, 10), np.uint8))
    fitted = [fit_image(255 - image) for image in large]
    assert min(map(nearby_correlation, fitted, digits)) > 0.98
    assert np.median([*map(correlation, fitted, digits)]) > 0.99


def test_pale_ink_on_grey_paper_off_the_middle_comes_back(digits):
    for digit in digits:
        paper = np.full((500, 400), 180, np.uint8)
        paper[200:340, 30:170] -= np.kron(digit // 2, np.ones((5, 5), np.uint8))
        assert nearby_correlation(fit_image(paper), digit) > 0.98


def test_the_ink_is_placed_as_in_mnist(digits):
    for digit in digits:
        turned = np.kron(np.rot90(digit), np.ones((7, 7), np.uint8))
        fitted = fit_image(turned)
        rows, columns = np.nonzero(fitted)
        assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)
        assert fitted.max() == 255
        centre = ndimage.center_of_mass(fitted)
        assert np.abs(np.array(centre) - 14).max() <= 0.5


def test_a_thin_line_across_a_large_picture_is_not_lost():
    page = np.full((3000, 2000), 255, np.uint8)
    page[500:2500, 1000:1012] = 20
    fitted = fit_image(page)
    assert fitted.max() == 255
    assert (fitted.max(axis=1) > 128).sum() == 20


def scenes(n, side, seed=0):
    """Pictures without a background: light and shadow anywhere, and one quarter that is lighter."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    grey = generator.uniform(20, 120, (n, 4, 4)).repeat(side // 4, 1).repeat(side // 4, 2)
    half = side // 2
    for picture, label in zip(grey, labels, strict=True):
        top, left = half * (label // 2), half * (label % 2)
        picture[top : top + half, left : left + half] += 100
    return grey.round().astype(np.uint8), labels


def saved(folder, greys, ending="png"):
    paths = [folder / f"{number}.{ending}" for number in range(len(greys))]
    for path, grey in zip(paths, greys, strict=True):
        Image.fromarray(grey).save(path)
    return paths


@pytest.mark.parametrize("size", [(32, 32), (96, 96), (320, 320), (140, 96), (96, 500)])
def test_pictures_without_a_background_are_resized_whole(tmp_path, size):
    greys, labels = scenes(400, 32)
    model = MLP([1024, 16, 4])
    model.train(greys, labels, num_epochs=20)
    assert (model.facts.light_background, model.facts.crop) == (None, False)
    others, truth = scenes(60, 32, seed=1)
    scale = min(size[0] // 32, size[1] // 32)
    large = others.repeat(scale, 1).repeat(scale, 2)
    # of another shape: what is in the middle counts, so it goes on to both sides
    missing = [(length - large.shape[1]) // 2 for length in size]
    large = np.pad(large, ((0, 0), *((width, width) for width in missing)), "edge")
    predicted = model.read_images(saved(tmp_path, large)).argmax(axis=1)
    assert (predicted == truth).mean() > 0.95


def test_resizing_whole_is_what_pillow_does():
    large, _ = scenes(3, 64)
    for grey in large:
        expected = np.asarray(Image.fromarray(grey).resize((16, 16), Image.Resampling.LANCZOS))
        np.testing.assert_array_equal(fit_image(grey, (16, 16), None), expected)
        wide = np.concatenate([grey[:, :7], grey, grey[:, :7]], axis=1)
        np.testing.assert_array_equal(fit_image(wide, (16, 16), None), expected)
        dark = np.pad(grey[4:-4, 4:-4], 4)
        fitted = fit_image(dark, (16, 32), False, crop=False)
        expected = np.asarray(Image.fromarray(dark).resize((16, 16), Image.Resampling.LANCZOS))
        np.testing.assert_array_equal(fitted, np.pad(expected, ((0, 0), (8, 8))))
        light = fit_image(255 - dark, (16, 32), False, crop=False)
        np.testing.assert_allclose(light, fitted, atol=1)


def test_pictures_that_fill_their_frame_are_not_made_smaller(tmp_path):
    """As those of clothes in Fashion-MNIST."""
    digits = load_sample().subset(np.arange(0, 5000, 4))
    greys = digits.images(np.arange(1250))
    filling = [np.asarray(Image.fromarray(grey[4:24, 4:24]).resize((28, 28))) for grey in greys]
    model = MLP([784, 32, 10])
    model.train(np.stack(filling[::2]), digits.targets[::2], num_epochs=20)
    assert (model.facts.light_background, model.facts.crop) == (False, False)
    expected = model.predict(np.stack(filling[1::2])) == digits.targets[1::2]
    large = np.stack(filling[1::2]).repeat(5, 1).repeat(5, 2)
    predicted = model.read_images(saved(tmp_path, large)).argmax(axis=1) == digits.targets[1::2]
    assert predicted.mean() > expected.mean() - 0.02


FLAT, STACKED = (-1, 784), (-1, 28, 28)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (np.asarray, FLAT),
        (lambda x: (x / 255).astype("f4"), STACKED),
        (lambda x: x > 127, FLAT),
        pytest.param(np.asarray, STACKED, marks=pytest.mark.slow),
        pytest.param(lambda x: x / 255, FLAT, marks=pytest.mark.slow),
        pytest.param(lambda x: x / 255, STACKED, marks=pytest.mark.slow),
        pytest.param(lambda x: (x / 255).astype("f4"), FLAT, marks=pytest.mark.slow),
        pytest.param(lambda x: x > 127, STACKED, marks=pytest.mark.slow),
    ],
)
def test_digits_of_any_type_are_cropped_to_their_ink(tmp_path, digits, kind, shape):
    sample = load_sample()
    pixels, expected = sample.features, sample.targets[::100]
    model, large = MLP([784, 32, 10]), digits.repeat(5, 1).repeat(5, 2)
    model.train(kind(pixels).reshape(shape), sample.targets, num_epochs=5)
    found = model.facts
    assert (found.image_shape, found.light_background, found.crop) == ((28, 28), False, True)
    for greys in (digits, large, 255 - digits, 255 - large):
        assert (model.read_images(saved(tmp_path, greys)).argmax(axis=1) == expected).mean() > 0.9


def test_of_stacks_of_other_numbers_only_the_shape_is_known():
    values = np.random.default_rng(0).normal(size=(60, 28, 28))
    model = MLP([784, 4, 2])
    model.train(values, np.arange(60) % 2, num_epochs=1)
    found = model.facts
    assert (found.image_shape, found.light_background, found.crop) == ((28, 28), None, None)


def test_border_pixels_are_those_along_the_edges():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert set(border_pixels(grey)) == set(range(12)) - {5, 6}


def test_importing_the_package_loads_only_numpy():
    code = (
        "import sys, inknet.data, inknet.data.images;"
        "print({'PIL', 'pooch', 'requests', 'tqdm', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "set()"
