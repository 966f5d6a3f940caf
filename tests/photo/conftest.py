"""A small network for the tests of pictures."""

import numpy as np
import pytest

from inknet import MLP
from inknet.data.sources import load

STEP = 166
"""Every so many digits of the sample are kept from the network."""


@pytest.fixture(scope="session")
def model():
    """A small network that has seen other digits of the sample."""
    data = load("sample")
    data = data.subset(np.flatnonzero(np.arange(5000) % STEP))
    model = MLP([784, 128, 10], ["leaky_relu", "softmax"], batch_norm="before", random_seed=0)
    model.train(data.stored(), data.targets, learning_rate=0.01, num_epochs=12, batch_size=128)
    return model
