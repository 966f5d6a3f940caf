"""The check of some numbers agrees with the check of all, also where a ReLU has its kink."""

import numpy as np
import pytest

from inknet.explain.checking import checked, checks_of, some_places
from inknet.nn import Architecture, Network
from inknet.nn.gradcheck import STEP, both_gradients
from inknet.recipes import training_recipe


def test_checking_all_numbers_gives_the_gradients_of_the_whole_check():
    network = Network(
        Architecture([4, 5, 3], ["tanh", "softmax"], [0.8, 1.0], "before"),
        np.random.default_rng(0),
        "float64",
    )
    x, labels = np.random.default_rng(1).normal(size=(6, 4)), np.array([0, 1, 2, 2, 1, 0])
    settings = training_recipe(l2_lambda=0.3, l2_on_biases=True, label_smoothing=0.1)
    terms = {"l2_lambda": 0.3, "l2_on_biases": True, "label_smoothing": 0.1}
    analytic, numerical, _ = both_gradients(network, x, labels, **terms)
    checks = checks_of(network, x, labels, settings, most=1000)
    assert [check.name for check in checks] == list(analytic)
    for check in checks:
        np.testing.assert_array_equal(check.analytic, analytic[check.name].ravel())
        np.testing.assert_array_equal(check.numerical, numerical[check.name].ravel())
        assert check.is_right


def kinked(x):
    """A sum with kinks at 0, as ReLU has one."""
    return lambda: float(np.maximum(x, 0).sum())


@pytest.mark.parametrize("distance", [0.3 * STEP, -0.3 * STEP])
def test_a_number_less_than_a_step_from_a_kink_is_judged_by_a_smaller_step(distance):
    x = np.array([1.0, distance])
    check = checked("x", kinked(x), x, (x > 0).astype(float), np.arange(2))
    assert check.is_right
    wrong = checked("x", kinked(x), x, np.array([1.0, 0.5]), np.arange(2))
    assert not wrong.is_right
    np.testing.assert_array_equal(x, [1.0, distance])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_is_wrong(value):
    x = np.array([1.0, 2.0])
    check = checked("x", kinked(x), x, np.array([1.0, value]), np.arange(2))
    assert not check.is_right
    assert check.error == np.inf


def test_the_places_hold_the_largest_and_each_other_once():
    gradient = np.random.default_rng(0).normal(size=(30, 20))
    places = some_places(gradient, 50, np.random.default_rng(1))
    assert len(set(places.tolist())) == 50
    assert set(np.argsort(-np.abs(gradient).ravel())[:25].tolist()) <= set(places.tolist())
    assert some_places(gradient[:2], 50, np.random.default_rng(1)).tolist() == list(range(40))
