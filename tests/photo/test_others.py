"""What is no character: made for the guard's training, and refused by the model in the package."""

import numpy as np
import pytest

from inknet import MLP
from inknet.data.sources import load
from inknet.photo.fitting import BOX, centre_of_mass, is_like_mnist
from inknet.photo.others import LIKE_DIGITS, letter_images, other_images, pen_strokes, taken_apart
from tests.photo import others

DIGITS = tuple("0123456789")


@pytest.fixture(scope="module")
def digits():
    return np.asarray(load("sample").stored()[:500]).reshape(-1, 28, 28)


def test_others_are_as_many_as_asked_for_all_with_ink_and_the_same_for_the_same_seed(digits):
    made = [other_images(digits, DIGITS, 200, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert made[0].shape == (200, 28, 28) and made[0].dtype == np.uint8
    assert (made[0].max(axis=(1, 2)) > 128).all()
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0] != made[2]).any()


def test_pen_strokes_have_the_form_of_mnist():
    images = pen_strokes(300, np.random.default_rng(0))
    assert len(np.unique(images.reshape(300, -1), axis=0)) == 300
    for image in images:
        rows, columns = (np.flatnonzero((image > 60).any(axis=axis)) for axis in (1, 0))
        assert BOX - 3 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= BOX + 1
    middles = np.array([centre_of_mass(image) for image in images])
    np.testing.assert_allclose(middles.mean(axis=0), 14, atol=0.7)


def test_letters_have_the_form_of_mnist():
    images = letter_images("Aβ?")
    assert len(images) > 20  # in many fonts
    assert np.mean([is_like_mnist(image) for image in images]) > 0.95


def test_what_is_taken_apart_is_made_of_ink_that_was_there(digits):
    images = taken_apart(digits[:1], 60, np.random.default_rng(0))
    assert set(np.unique(images)) <= set(np.unique(digits[0]))
    assert len(np.unique(images.reshape(60, -1), axis=0)) > 6  # halves, turned, mirrored, on top


@pytest.mark.parametrize(
    ("names", "left_out", "kept"),
    [(DIGITS, LIKE_DIGITS, "ABxβ?"), (("A", "b", "7"), "AaBbΑβ", "Ωξ?")],
)
def test_letters_that_may_be_a_class_are_not_taken_for_others(names, left_out, kept):
    from inknet.photo.others import letters_other_than

    letters = letters_other_than(names)
    assert not set(letters) & set(left_out)
    assert set(kept) <= set(letters)


@pytest.mark.parametrize(
    ("pictures", "most"),
    [
        (lambda draw: others.blank_sheets(60, draw), 0.0),
        (lambda draw: others.photographs(60, draw), 0.02),
        (lambda draw: others.doodles(60, draw), 0.2),
        (lambda draw: (picture for _, picture in others.latin_letters()), 0.25),
        (lambda draw: (picture for _, picture in others.greek_letters()), 0.2),
    ],
    ids=["blank sheets", "photographs", "doodles", "Latin letters", "Greek letters"],
)
def test_the_model_in_the_package_takes_few_other_things_for_digits(pictures, most):
    model = MLP.pretrained()
    verdicts = [model.read(picture).verdict for picture in pictures(np.random.default_rng(8))]
    assert len(verdicts) >= 30
    assert np.mean(np.array(verdicts) == "digit") <= most
