import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numerics import ACTIVATION_VALUES, central_difference
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax as scipy_softmax

from inknet.nn.activations import ACTIVATIONS, softmax

NAMES = sorted(ACTIVATIONS)
EXTREMES = np.array([[-1e4, -100.0, -1e-30, 0.0, 1e-30, 100.0, 1e4]])


def matrices(dtype, bound=50.0):
    width = 8 * np.dtype(dtype).itemsize
    return arrays(
        dtype,
        array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements=st.floats(-bound, bound, width=width),
    )


def value(name, z):
    out = np.full_like(z, np.nan)
    ACTIVATIONS[name].value(z, out)
    return out


def derivative(name, z):
    """The derivative at z: it is given by way of the value there."""
    out = np.full_like(z, np.nan)
    ACTIVATIONS[name].derivative(value(name, z), out)
    return out


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 2e-6)])
def test_values_are_those_of_numpy_and_scipy(name, dtype, tolerance):
    @given(matrices(dtype))
    @settings(max_examples=40, deadline=None)
    def check(z):
        before = z.copy()
        out = value(name, z)
        assert out.dtype == z.dtype
        assert_array_equal(z, before, "the input is left as it was")
        expected = ACTIVATION_VALUES[name](z.astype(np.float64))
        assert_allclose(out, expected, rtol=tolerance, atol=tolerance)

    check()


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_are_the_slopes_of_the_values(name):
    z = np.random.default_rng(0).normal(0, 3, (5, 7))
    slopes = central_difference(lambda: float(ACTIVATION_VALUES[name](z).sum()), z)
    assert_allclose(derivative(name, z), slopes, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_inputs_stay_finite_without_warnings(name, dtype):
    z = EXTREMES.astype(dtype)
    assert_allclose(value(name, z), ACTIVATION_VALUES[name](z), rtol=1e-6, atol=1e-12)
    slopes = derivative(name, z)
    assert np.isfinite(slopes).all()
    assert (slopes >= 0).all()
    assert (slopes <= 1).all()


@pytest.mark.parametrize(("name", "slope"), [("relu", 0.0), ("leaky_relu", 0.01)])
def test_the_kink_at_zero_takes_the_slope_of_its_left_side(name, slope):
    assert derivative(name, np.zeros((1, 1)))[0, 0] == slope


def test_only_the_relu_family_rectifies():
    assert {name for name in NAMES if ACTIVATIONS[name].rectifies} == {"relu", "leaky_relu"}


@given(matrices("float64", bound=1e4))
@settings(max_examples=60, deadline=None)
def test_softmax_is_that_of_scipy(logits):
    out = np.empty_like(logits)
    softmax(logits, out)
    assert_allclose(out, scipy_softmax(logits, axis=1), rtol=1e-12, atol=1e-300)
    assert_allclose(out.sum(axis=1), 1, rtol=1e-12)


def test_softmax_may_work_in_place():
    logits = np.random.default_rng(0).normal(size=(4, 3))
    expected = scipy_softmax(logits, axis=1)
    softmax(logits, logits)
    assert_allclose(logits, expected, rtol=1e-13)
