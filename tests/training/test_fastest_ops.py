"""The work of a training alone decides on which operations it runs."""

from types import SimpleNamespace

import pytest
from samples import clouds, make_trainer

from inknet.nn.ops import VARIABLE
from inknet.training import fastest
from inknet.training.loop import ops_for_training


@pytest.fixture(autouse=True)
def nobody_chooses(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


def ops_of(n_weights, n_samples, epochs, batch_size=128, began_on=""):
    settings = SimpleNamespace(epochs=epochs, batch_size=batch_size)
    network = SimpleNamespace(n_weights=n_weights)
    return ops_for_training(settings, network, n_samples, began_on).name


def test_a_short_training_stays_with_numpy_and_a_long_one_does_not():
    assert ops_of(110_000, 33_600, 5) == "numpy"
    assert ops_of(110_000, 33_600, 10) == "numba"
    assert ops_of(235_000, 3_500, 16) == "numpy"
    assert ops_of(235_000, 54_000, 16) == "numba"
    # the steps count too, however small the network
    assert ops_of(100, 1_000, 20, batch_size=1) == "numpy"
    assert ops_of(100, 1_000, 40, batch_size=1) == "numba"
    assert ops_of(100, 1_000, 40, batch_size="all") == "numpy"


@pytest.mark.parametrize("ops", ["numpy", "numba"])
def test_whoever_chooses_gets_these(monkeypatch, ops):
    monkeypatch.setenv(VARIABLE, ops)
    assert ops_of(10, 10, 1) == ops
    assert ops_of(10**6, 10**6, 100) == ops


def test_a_training_is_resumed_on_what_it_began_on():
    assert ops_of(10, 10, 1, began_on="numba") == "numba"
    assert ops_of(10**6, 10**6, 100, began_on="numpy") == "numba", "as where numba was missing"


def test_a_small_trainer_asks_for_the_rule(monkeypatch):
    assert make_trainer(clouds(30)).history.ops == "numpy"
    monkeypatch.setattr(fastest, "LEAST_WORK", 0)
    assert make_trainer(clouds(30)).history.ops == "numba"


def test_numpys_operations_have_their_own_threads():
    assert make_trainer(clouds(30)).network.ops.parallel
