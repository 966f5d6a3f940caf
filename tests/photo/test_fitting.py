"""One character's ink becomes an image like MNIST's."""

import os

import numpy as np
import pytest
from scipy import ndimage

from inknet.data.sources import load
from inknet.photo.fitting import (
    LEAST_STROKE,
    centre_of_mass,
    fitted,
    is_like_mnist,
    stroke_width,
    thickened,
)


def bar(height: int, width: int) -> np.ndarray:
    return np.ones((height, width), np.float32)


@pytest.mark.parametrize("width", [2, 5, 9])
def test_the_width_of_a_long_stroke_is_measured(width):
    assert stroke_width(bar(400, width)) == pytest.approx(width, rel=0.05)


def test_the_centre_of_mass_is_scipys():
    ink = np.random.default_rng(0).random((9, 13))
    expected = np.array(ndimage.center_of_mass(ink)) + 0.5
    assert centre_of_mass(ink) == pytest.approx(expected)


def test_a_stroke_is_thickened_by_a_disc():
    ink = np.zeros((21, 21), np.float32)
    ink[10, 10] = 1
    y, x = np.indices(ink.shape) - 10
    disc = np.hypot(y, x) <= 4.5  # half of the pixel at the edge
    assert np.array_equal(thickened(ink, 4.0) >= 0.5, disc)


@pytest.mark.parametrize("shape", [(400, 4), (3, 300), (28, 1), (200, 60)])
def test_the_image_has_the_form_of_mnist(shape):
    _, image = fitted(bar(*shape))
    rows, columns = np.nonzero(image)
    assert image.shape == (28, 28)
    assert image.max() == 255
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    assert all(14 <= centre < 15.01 for centre in centre_of_mass(image))


def test_thin_strokes_become_as_thick_as_mnists():
    thin, image = fitted(bar(400, 4))
    # the ends of a stroke count as edges too
    assert stroke_width(image / np.float32(255)) == pytest.approx(LEAST_STROKE, abs=0.3)
    assert stroke_width(thin) / 4 == pytest.approx(LEAST_STROKE, abs=0.3)


def test_every_image_of_mnist_passes_unchanged():
    whole = "INKNET_DATA_DIR" in os.environ
    images = load("mnist" if whole else "sample").features.reshape(-1, 28, 28)[-10_000:]
    assert all(is_like_mnist(image) for image in images)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: 255 - image,
        lambda image: image // 2,
        lambda image: np.roll(image, 3, axis=1),
        lambda image: np.repeat(np.repeat(image, 2, axis=0), 2, axis=1),
        lambda image: np.pad(image[::2, ::2], 7),
    ],
    ids=["inverted", "faint", "moved", "twice as large", "half as large"],
)
def test_other_images_do_not(change):
    images = load("sample").features.reshape(-1, 28, 28)[:200]
    assert np.mean([is_like_mnist(change(image)) for image in images]) < 0.05
