import numpy as np
import pytest
from numerics import central_difference
from numpy.testing import assert_allclose, assert_array_equal

from inknet.nn.losses import L2


def penalty(l2_lambda, n=7):
    weights = np.random.default_rng(0).normal(size=n)
    return L2(weights, np.ones(n), l2_lambda)


def test_the_penalty_is_lambda_over_2n_times_the_squared_sum():
    l2 = penalty(0.3)
    assert l2.value(5) == pytest.approx(0.3 / 10 * sum(w * w for w in l2.decayed), rel=1e-14)


def test_its_gradient_is_added_to_what_is_there():
    l2 = penalty(0.3)
    slopes = central_difference(lambda: l2.value(5), l2.decayed)
    l2.add_gradient(5)
    assert_allclose(l2.gradients, 1 + slopes, rtol=1e-9)


def test_lambda_zero_costs_nothing():
    l2 = penalty(0.0)
    l2.add_gradient(5)
    assert l2.value(5) == 0
    assert_array_equal(l2.gradients, 1)


def test_the_penalty_falls_on_parameters_as_they_become():
    l2 = penalty(1.0)
    l2.decayed[:] = 2
    assert l2.value(1) == pytest.approx(14)
