"""Datasets: parts that do not fit are refused, and selections share the arrays."""

import numpy as np
import pytest
from making import refusal

from inknet.data import Dataset
from inknet.data.dataset import square_shape


def dataset(features=None, labels=(0, 1, 1), class_names=("a", "b"), image_shape=(2, 2), **more):
    features = np.arange(12, dtype=np.uint8).reshape(3, 4) if features is None else features
    return Dataset(features, np.array(labels), class_names, image_shape, "here", **more)


def test_a_subset_shares_the_arrays_and_keeps_the_order():
    whole = dataset()
    part = whole.subset(np.array([2, 0]))
    assert part.features is whole.features
    assert part.targets.tolist() == [1, 0]
    assert part.subset(np.array([1])).rows.tolist() == [0]
    np.testing.assert_array_equal(part.images(np.array([0])), whole.features[[2]].reshape(1, 2, 2))
    assert (len(whole), len(part)) == (3, 2)


def test_a_dataset_describes_itself():
    assert repr(dataset()) == "Dataset(here: 3 × 2×2 images, 2 classes)"
    assert repr(dataset(image_shape=None)) == "Dataset(here: 3 × 4 features, 2 classes)"


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"labels": (0, 1)}, "3 images but 2 labels"),
        ({"labels": (0, 1, 2)}, "label 2 is outside the 2 classes"),
        ({"labels": (0, -1, 1)}, "label -1 is outside the 2 classes"),
        ({"labels": (0.0, 1.0, 0.5)}, "the labels are of type float64; expected whole numbers"),
        ({"labels": (0.0, 1.0, np.nan)}, "the labels are of type float64; expected whole numbers"),
        ({"labels": (False, True, True)}, "the labels are of type bool; expected whole numbers"),
        ({"features": np.zeros((3, 2, 2))}, "features must be (n, d)"),
        ({"features": np.zeros((0, 4)), "labels": ()}, "holds no samples"),
        ({"features": np.zeros((3, 262_145), np.uint8)}, "262,145 features a sample, expected"),
        ({"class_names": ("a", "b" * 250_000)}, "250,001 characters together, expected at most"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts, problem):
    message = refusal(lambda: dataset(**parts))
    assert message.startswith("here: ")
    assert problem in message


def test_features_that_are_not_an_image_are_not_drawn():
    assert "not an image" in refusal(dataset(image_shape=None).images, np.array([0]))


def test_square_numbers_of_pixels_form_images():
    assert square_shape(784) == (28, 28)
    assert square_shape(783) is None
