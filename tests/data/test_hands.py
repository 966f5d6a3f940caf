"""Digits that are drawn: they are what they should be, and like MNIST's."""

import numpy as np
import pytest
from scipy.interpolate import CubicHermiteSpline

from inknet import MLP
from inknet.data import hands, load
from inknet.nn.ops import NUMPY
from inknet.photo.fitting import centre_of_mass
from inknet.recipes.schema import AugmentRecipe
from inknet.training.augmentation import Augmentation, Draw

N = 60
DIGITS = np.repeat(np.arange(10), N)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("n_steps", [[7], [1, 4], [3, 9, 2, 5]])
def test_curves_are_those_of_catmull_and_rom(n_steps):
    points = rng().normal(size=(len(n_steps) + 1, 2)).astype(np.float32)
    curve = hands.curve_through(points, n_steps)
    padded = np.stack([2 * points[0] - points[1], *points, 2 * points[-1] - points[-2]])
    spline = CubicHermiteSpline(np.arange(len(points)), points, (padded[2:] - padded[:-2]) / 2)
    places = [i + np.arange(n) / n for i, n in enumerate(n_steps)]
    expected = spline(np.concatenate([*places, [len(n_steps)]]))
    np.testing.assert_allclose(curve, expected, atol=1e-5)


def test_digits_are_in_the_box_of_mnists_and_centred_as_they_are():
    images = hands.drawn(DIGITS, (28, 28), rng())
    assert images.shape == (10 * N, 28, 28)
    sides = [max(np.ptp(line) for line in np.nonzero(image)) + 1 for image in images]
    assert min(sides) >= 19
    assert max(sides) <= 21
    away = np.array([centre_of_mass(image) for image in images]) - 14.5
    assert np.abs(away).max() < 1.2  # as far as any of MNIST's, see `is_like_mnist`
    assert all(image.max() == 255 for image in images)


def test_a_straight_stroke_has_the_area_of_its_length_and_width(monkeypatch):
    straight = ((((0.3, 0.0), (0.3, 1.0)),),)
    monkeypatch.setattr(hands, "FORMS", dict.fromkeys(range(10), straight))
    monkeypatch.setattr(hands, "_pattern", hands._pattern.__wrapped__)
    for name, value in (("SHAKE", 0.0), ("ROTATION", 0.0), ("SLANT", 0.0), ("PEN", (3.0, 3.0))):
        monkeypatch.setattr(hands, name, value)
    (image,) = hands.drawn(np.array([1]), (28, 28), rng())
    # of length 16 and width 3, and with two round ends: 19 high, and 20 with its soft edges
    assert image.sum() / 255 == pytest.approx(16 * 3 + np.pi * 1.5**2, rel=0.03)


def test_the_form_of_a_digit_is_that_of_its_class_to_a_network_that_saw_none():
    data = load("sample")
    model = MLP([784, 128, 10], batch_norm="before", random_seed=0)
    augment = {"rotation": 10.0, "shear": 15.0, "stroke": 0.8}
    model.train(data.stored(), data.targets, learning_rate=0.01, num_epochs=10, augment=augment)
    read = model.predict(hands.drawn(DIGITS, (28, 28), rng()))
    is_right = (read == DIGITS).reshape(10, N)
    assert is_right.mean(axis=1).min() > 0.3
    assert is_right.mean() > 0.75


def test_no_two_are_alike_and_one_seed_draws_the_same():
    images = hands.drawn(DIGITS, (28, 28), rng())
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)
    assert np.array_equal(images, hands.drawn(DIGITS, (28, 28), rng()))
    assert not np.array_equal(images, hands.drawn(DIGITS, (28, 28), rng(1)))


def test_images_of_another_shape_have_digits_in_their_middle():
    images = hands.drawn(DIGITS, (40, 60), rng())
    rows, columns = images.any(axis=(0, 2)), images.any(axis=(0, 1))
    assert abs(np.flatnonzero(rows).mean() - 19.5) < 1.5
    assert abs(np.flatnonzero(columns).mean() - 29.5) < 1.5


def test_some_digits_of_a_batch_are_drawn_however_far_distortions_faded():
    data = load("sample")
    rows = data.stored()
    augmentation = Augmentation(AugmentRecipe(forms=0.25), data, NUMPY)
    for strength in (1.0, 0.0):
        out = np.empty_like(rows)
        augmentation.distort(rows, np.arange(5000), Draw(0, 0, strength), out, data.targets)
        share = (out != rows).any(axis=1).mean()
        assert share == pytest.approx(0.25, abs=0.02)
