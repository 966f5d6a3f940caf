"""Other pens and other hands: what they change, and what stays."""

import numpy as np
import pytest
from scipy import ndimage

from inknet.data.pens import Pens
from inknet.data.sources import load
from inknet.nn.ops import NUMPY
from inknet.recipes import load_recipe
from inknet.recipes.schema import AugmentRecipe
from inknet.training.augmentation import Augmentation, Draw

CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def digits(*labels):
    """The rows of a few digits of the sample, and their labels."""
    data = load("sample")
    rows = np.concatenate([np.flatnonzero(data.targets == label)[:50] for label in labels])
    return data.stored()[rows], data.targets[rows]


class Extreme:
    """Draws the largest or the smallest number each time."""

    def __init__(self, value):
        self.value = value

    def uniform(self, low, high, size):
        return np.full(size, high if self.value > 0 else low)


@pytest.mark.parametrize(
    ("value", "scipys"), [(1, ndimage.grey_dilation), (-1, ndimage.grey_erosion)]
)
def test_the_widest_and_the_thinnest_strokes_are_scipys(value, scipys):
    images, _ = digits(3)
    images = images.reshape(-1, 28, 28)
    changed = images.reshape(-1, 784).copy()
    Pens((28, 28), stroke=1.0, blur=0.0, habits=0.0).finish(changed, 1.0, Extreme(value))
    for image, result in zip(images, changed.reshape(-1, 28, 28), strict=True):
        expected = scipys(image, footprint=CROSS, mode="constant").astype(float)
        if value < 0:  # its darkest pixel stays as dark
            expected *= image.max() / max(expected.max(), 1)
        assert np.abs(result - expected).max() <= 1


def test_the_most_blurred_is_the_binomial_filter():
    images, _ = digits(8)
    changed = images.copy()
    Pens((28, 28), stroke=0.0, blur=1.0, habits=0.0).finish(changed, 1.0, Extreme(1))
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    for image, result in zip(images, changed, strict=True):
        expected = ndimage.convolve(image.reshape(28, 28) / 1.0, kernel, mode="constant")
        assert np.abs(result.reshape(28, 28) - expected).max() <= 1


def test_only_ones_sevens_and_eights_are_written_in_other_ways():
    images, labels = digits(*range(10))
    changed = images.copy()
    Pens((28, 28), stroke=0.0, blur=0.0, habits=0.999).write(changed, labels, 1.0, rng())
    is_other = (changed != images).any(axis=1)
    assert not is_other[~np.isin(labels, (1, 7, 8))].any()
    assert is_other[np.isin(labels, (1, 7, 8))].mean() > 0.9


@pytest.mark.parametrize(("digit", "more"), [(1, True), (7, True), (8, False)])
def test_ones_and_sevens_get_strokes_and_eights_lose_ink(digit, more):
    images, labels = digits(digit)
    changed = images.copy()
    Pens((28, 28), stroke=0.0, blur=0.0, habits=0.999).write(changed, labels, 1.0, rng())
    assert ((changed >= images) if more else (changed <= images)).all()


def test_a_new_stroke_touches_the_digit():
    images, labels = digits(1)
    changed = images.copy()
    Pens((28, 28), stroke=0.0, blur=0.0, habits=0.999).write(changed, labels, 1.0, rng())
    before, after = (
        np.array([ndimage.label(row.reshape(28, 28) > 64, np.ones((3, 3)))[1] for row in rows])
        for rows in (images, changed)
    )
    assert np.mean(after <= before) > 0.95


def test_evaluation_and_other_classes_know_nothing_of_habits():
    data = load("sample").subset(np.arange(0, 5000, 17)[:300])
    rows = data.stored()
    n = len(rows)
    augmentation = Augmentation(AugmentRecipe(habits=0.9), data, NUMPY)
    without, with_labels = np.empty_like(rows), np.empty_like(rows)
    augmentation.distort(rows, np.arange(n), Draw(0), without)
    assert np.array_equal(without, rows)
    augmentation.distort(rows, np.arange(n), Draw(0), with_labels, data.targets)
    assert not np.array_equal(with_labels, rows)


def test_dark_ink_on_light_paper_is_changed_in_the_same_way():
    from dataclasses import replace

    data = load("sample").subset(np.arange(0, 5000, 50))
    rows = data.stored()
    inverted = replace(data, features=255 - rows, rows=None, labels=data.targets)
    settings = AugmentRecipe(stroke=0.8, blur=0.5, habits=0.5, forms=0.3)
    results = []
    for dataset, values in ((data, rows), (inverted, 255 - rows)):
        out = np.empty_like(rows)
        augmentation = Augmentation(settings, dataset, NUMPY)
        augmentation.distort(values, np.arange(100), Draw(0), out, data.targets)
        results.append(out)
    assert np.array_equal(results[0], 255 - results[1])


def test_the_recipe_for_handwriting_uses_them_and_the_others_do_not():
    assert load_recipe("handwriting").augment.changes_strokes
    for name in ("digits", "quick", "strong", "clothes"):
        assert not load_recipe(name).augment.changes_strokes
