"""The sample: 5,000 digits of MNIST, all from its training images."""

import numpy as np

from inknet.data import load


def rows(features):
    return {row.tobytes() for row in features}


def test_the_sample_has_five_hundred_of_each_digit():
    sample = load("sample")
    assert sample.name == "sample"
    assert sample.features.shape == (5000, 784)
    assert sample.features.dtype == np.uint8
    assert sample.image_shape == (28, 28)
    assert sample.n_official_test == 0
    assert np.bincount(sample.targets).tolist() == [500] * 10


def test_the_sample_is_in_the_training_images_and_not_in_the_official_test_set(mnist):
    sample = load("sample")
    n_train = len(mnist) - mnist.n_official_test
    labels = {
        row.tobytes(): label
        for row, label in zip(mnist.features[:n_train], mnist.targets[:n_train], strict=True)
    }
    found = [labels.get(row.tobytes()) for row in sample.features]
    assert found == sample.targets.tolist()
    assert not rows(sample.features) & rows(mnist.features[n_train:])
