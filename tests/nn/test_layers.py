from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerics import ACTIVATION_VALUES, batch_norm, central_difference
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binomtest
from sklearn.preprocessing import StandardScaler

from inknet.nn.activations import ACTIVATIONS
from inknet.nn.layers import Activation, BatchNorm, Dense, Dropout
from inknet.nn.ops import NUMPY
from inknet.nn.ops.arena import Arena
from inknet.nn.ops.numba import NumbaOps

FLOAT64 = np.dtype("float64")
SHAPES = {"n": st.integers(1, 9), "fan_in": st.integers(1, 7), "fan_out": st.integers(1, 7)}


def filled(layer, generator):
    """Give a layer arrays that are all different from 0, and gradients that are not numbers."""
    for array in layer.learned:
        getattr(layer, array.name)[:] = generator.uniform(0.5, 2, array.shape)
    for value, gradient in layer.parameters():
        value[:] = generator.normal(size=value.shape)
        gradient[:] = np.nan
    return layer


def dense(generator, fan_in, fan_out):
    return filled(Dense(fan_in, fan_out), generator)


def norm(generator, width):
    return filled(BatchNorm(width), generator)


@given(**SHAPES, seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_dense_agrees_with_sums_element_by_element(n, fan_in, fan_out, seed):
    generator = np.random.default_rng(seed)
    layer = dense(generator, fan_in, fan_out)
    x, upstream = generator.normal(size=(n, fan_in)), generator.normal(size=(n, fan_out))
    output = layer.forward(x, generator).copy()
    x_gradient = layer.backward(upstream.copy())

    for s in range(n):
        for j in range(fan_out):
            total = sum(x[s, i] * layer.weight[i, j] for i in range(fan_in)) + layer.bias[j]
            assert output[s, j] == pytest.approx(total, abs=1e-12)
        for i in range(fan_in):
            total = sum(upstream[s, j] * layer.weight[i, j] for j in range(fan_out))
            assert x_gradient[s, i] == pytest.approx(total, abs=1e-12)
    for j in range(fan_out):
        assert layer.bias_gradient[j] == pytest.approx(sum(upstream[:, j]), abs=1e-12)
        for i in range(fan_in):
            total = sum(x[s, i] * upstream[s, j] for s in range(n))
            assert layer.weight_gradient[i, j] == pytest.approx(total, abs=1e-12)
    assert_allclose(layer.infer(x), output, rtol=1e-14)


@pytest.mark.parametrize("ops", [NUMPY, NumbaOps()], ids=lambda ops: ops.name)
@pytest.mark.parametrize("share_of_zeros", [0.0, 0.9])
def test_a_batch_of_data_gives_what_its_array_gives_but_no_gradient_of_the_data(
    ops, share_of_zeros
):
    generator = np.random.default_rng(0)
    layer, plain = (dense(np.random.default_rng(0), 4, 3) for _ in range(2))
    layer.ops = ops
    x, upstream = generator.normal(size=(9, 4)), generator.normal(size=(9, 3))
    x *= generator.random(x.shape) >= share_of_zeros
    batch = ops.new_batch(FLOAT64)
    batch.load(x)
    assert_allclose(layer.forward(batch), plain.forward(x), rtol=1e-13)
    assert_allclose(layer.infer(batch), plain.infer(x), rtol=1e-13)
    assert len(layer.backward(upstream.copy())) == 0
    assert plain.backward(upstream.copy()).shape == x.shape
    assert_allclose(layer.weight_gradient, plain.weight_gradient, rtol=1e-13)
    assert_allclose(layer.bias_gradient, plain.bias_gradient, rtol=1e-13)


def test_a_layer_can_be_tried_alone():
    layer = Dense(3, 2)
    assert layer.weight.shape == (3, 2)
    assert 0 < np.abs(layer.weight).max() < 5, "drawn by the rule of He"
    x = np.ones((4, 3))
    assert_allclose(layer.forward(x), x @ layer.weight + layer.bias)
    assert_array_equal(layer.infer(x), layer.forward(x))
    assert_allclose(layer.backward(np.ones((4, 2))), np.tile(layer.weight.sum(axis=1), (4, 1)))
    assert_array_equal(layer.bias_gradient, [4, 4])
    assert_allclose(BatchNorm(3).infer(x), x, rtol=1e-5)
    assert_array_equal(Activation(ACTIVATIONS["relu"]).forward(-x), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="expected a generator"):
        Dropout(0.5).forward(x)
    with pytest.raises(AttributeError, match="no attribute 'wait'"):
        layer.wait  # noqa: B018


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activation_multiplies_the_gradient_by_the_slope(name):
    generator = np.random.default_rng(0)
    layer = Activation(ACTIVATIONS[name])
    x, upstream = generator.normal(size=(6, 4)), generator.normal(size=(6, 4))
    slopes = central_difference(lambda: float((ACTIVATION_VALUES[name](x) * upstream).sum()), x)

    output = layer.forward(x, generator)
    assert_allclose(output, ACTIVATION_VALUES[name](x), rtol=1e-13)
    assert_array_equal(layer.infer(x), output)
    assert layer.active_fraction() == np.mean(x > 0)
    assert_allclose(layer.backward(upstream.copy()), slopes, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("ops", [NUMPY, NumbaOps()], ids=lambda ops: ops.name)
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_an_activation_with_dropout_is_one_followed_by_the_other(name, ops):
    generator = np.random.default_rng(0)
    both = Activation(ACTIVATIONS[name], 0.7)
    both.ops = ops
    activation, dropout = Activation(ACTIVATIONS[name]), Dropout(0.7)
    for n in (9, 4):
        x, upstream = generator.normal(size=(2, n, 20))
        one_after_the_other = dropout.forward(
            activation.forward(x, generator), np.random.default_rng(1)
        )
        assert_allclose(both.forward(x, np.random.default_rng(1)), one_after_the_other, rtol=1e-14)
        assert 0 < np.count_nonzero(both.forward(x, np.random.default_rng(1)) == 0) < x.size
        expected = activation.backward(dropout.backward(upstream.copy()))
        assert_allclose(both.backward(upstream.copy()), expected, rtol=1e-14)
        assert both.active_fraction() == np.mean(x > 0)
        assert_array_equal(both.infer(x), activation.infer(x))


# -- batch normalization ------------------------------------------------------------------------


@given(n=st.integers(1, 9), width=st.integers(1, 6), seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_batch_norm_forward_agrees_with_the_paper(n, width, seed):
    generator = np.random.default_rng(seed)
    layer = norm(generator, width)
    x = generator.normal(3, 2, (n, width))
    assert_allclose(
        layer.forward(x, generator), batch_norm(x, layer.gamma, layer.beta), rtol=1e-9, atol=1e-11
    )


def test_batch_norm_standardizes_as_scikit_learn_does():
    generator = np.random.default_rng(0)
    layer = norm(generator, 3)
    layer.gamma[:], layer.beta[:] = 1, 0
    x = generator.normal(-5, 100, (50, 3))  # so wide that epsilon is next to nothing
    assert_allclose(
        layer.forward(x, generator), StandardScaler().fit_transform(x), rtol=1e-8, atol=1e-8
    )


@pytest.mark.parametrize("n", [2, 3, 8])
def test_batch_norm_backward_is_the_slope_of_forward(n):
    generator = np.random.default_rng(n)
    layer = norm(generator, 4)
    x, upstream = generator.normal(2, 3, (n, 4)), generator.normal(size=(n, 4))

    def objective():
        return float((batch_norm(x, layer.gamma, layer.beta) * upstream).sum())

    layer.forward(x, generator)
    x_gradient = layer.backward(upstream.copy())
    assert_allclose(x_gradient, central_difference(objective, x), rtol=1e-6, atol=1e-8)
    for gradient, parameter in (
        (layer.gamma_gradient, layer.gamma),
        (layer.beta_gradient, layer.beta),
    ):
        assert_allclose(gradient, central_difference(objective, parameter), rtol=1e-6, atol=1e-8)


def test_running_statistics_follow_the_mean_and_the_unbiased_variance():
    generator = np.random.default_rng(0)
    layer = norm(generator, 3)
    mean, variance = layer.running_mean.copy(), layer.running_var.copy()
    for n in (9, 4, 2):
        x = generator.normal(2, 3, (n, 3))
        layer.forward(x, generator)
        mean = 0.9 * mean + 0.1 * x.mean(axis=0)
        variance = 0.9 * variance + 0.1 * x.var(axis=0, ddof=1)
        assert_allclose(layer.running_mean, mean, rtol=1e-12)
        assert_allclose(layer.running_var, variance, rtol=1e-12)


def test_a_batch_of_one_leaves_the_running_statistics_alone():
    generator = np.random.default_rng(0)
    layer = norm(generator, 3)
    mean, variance = layer.running_mean.copy(), layer.running_var.copy()
    layer.forward(np.full((1, 3), 5.0), generator)
    assert_array_equal(layer.running_mean, mean)
    assert_array_equal(layer.running_var, variance)


def test_batch_norm_in_use_takes_the_running_statistics_and_changes_nothing():
    generator = np.random.default_rng(0)
    layer = norm(generator, 3)
    x = generator.normal(size=(5, 3))
    before = x.copy(), layer.running_mean.copy(), layer.running_var.copy()
    output = layer.infer(x)
    for s in range(5):
        for j in range(3):
            standard = (x[s, j] - layer.running_mean[j]) / sqrt(layer.running_var[j] + 1e-5)
            expected = layer.gamma[j] * standard + layer.beta[j]
            assert output[s, j] == pytest.approx(expected, rel=1e-12)
    for now, then in zip((x, layer.running_mean, layer.running_var), before, strict=True):
        assert_array_equal(now, then)


@pytest.mark.parametrize("n", [1, 5])
def test_batch_norm_of_a_constant_feature_is_its_shift(n):
    generator = np.random.default_rng(0)
    layer = norm(generator, 3)
    output = layer.forward(np.full((n, 3), 7.0), generator)
    assert_allclose(output, np.tile(layer.beta, (n, 1)), atol=1e-12)
    assert np.isfinite(layer.backward(np.ones((n, 3)))).all()


# -- dropout ------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep_prob", [0.1, 0.5, 0.8, 0.999])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_keeps_its_share_and_the_expected_value(keep_prob, dtype):
    layer = Dropout(keep_prob)
    layer.arena = Arena(np.dtype(dtype))
    x = np.ones((400, 100), dtype)
    output = layer.forward(x, np.random.default_rng(1))
    kept = int(np.count_nonzero(output))
    assert output.dtype == dtype
    assert binomtest(kept, output.size, keep_prob).pvalue > 0.001
    assert_allclose(output[output != 0], 1 / keep_prob, rtol=1e-6)
    error = sqrt((1 - keep_prob) / keep_prob / output.size)
    assert abs(output.mean(dtype=np.float64) - 1) < 4 * error


def test_dropout_silences_each_neuron_on_its_own():
    layer = Dropout(0.5)
    kept = layer.forward(np.ones((2000, 30)), np.random.default_rng(0)) > 0
    correlations = np.corrcoef(kept, rowvar=False)[np.triu_indices(30, 1)]
    assert np.abs(correlations).max() < 4.5 / sqrt(2000)


def test_dropout_sends_the_gradient_through_the_same_mask():
    generator = np.random.default_rng(0)
    layer = Dropout(0.6)
    for n in (6, 5):  # the second batch is shorter
        output = layer.forward(np.ones((n, 8)), generator).copy()
        upstream = generator.normal(size=(n, 8))
        assert_array_equal(layer.backward(upstream.copy()), upstream * output)


def test_dropout_in_use_does_nothing():
    x = np.random.default_rng(0).normal(size=(4, 3))
    assert_array_equal(Dropout(0.3).infer(x), x)


def test_every_layer_says_what_it_is():
    generator = np.random.default_rng(0)
    assert repr(dense(generator, 4, 3)) == "Dense(4 → 3)"
    assert repr(norm(generator, 3)) == "BatchNorm(3)"
    assert repr(Activation(ACTIVATIONS["tanh"])) == "Activation(tanh)"
    assert repr(Activation(ACTIVATIONS["tanh"], 0.5)) == "Activation(tanh), Dropout(keep 0.5)"
    assert repr(Dropout(0.25)) == "Dropout(keep 0.25)"
