from math import sqrt

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.stats import kstest

from inknet.nn.architecture import Architecture
from inknet.nn.initializers import INITIALIZERS
from inknet.nn.network import Network


def network(initializer="he", activation="relu", dtype="float64", **keywords):
    architecture = Architecture(
        [60, 50, 40, 7],
        [activation, activation, "softmax"],
        [1, 1, 1],
        initializer=initializer,
        **keywords,
    )
    return Network(architecture, np.random.default_rng(3), dtype)


@pytest.mark.parametrize(
    ("name", "fan_in", "fan_out", "expected"),
    [
        ("he", 200, 7, 0.1),
        ("he", 2, 7, 1.0),
        ("glorot", 150, 50, 0.1),
        ("glorot", 1, 1, 1.0),
        ("normal", 1, 1, 0.01),
        ("normal", 784, 10, 0.01),
    ],
)
def test_each_rule_gives_its_standard_deviation(name, fan_in, fan_out, expected):
    assert INITIALIZERS[name](fan_in, fan_out) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("initializer", sorted(INITIALIZERS))
def test_weights_are_normally_distributed_with_the_rules_spread(initializer):
    for layer in network(initializer).dense_layers:
        fan_in, fan_out = layer.weight.shape
        spread = {
            "he": sqrt(2 / fan_in),
            "glorot": sqrt(2 / (fan_in + fan_out)),
            "normal": 0.01,
        }[initializer]
        assert kstest(layer.weight.ravel() / spread, "norm").pvalue > 0.01
        n = layer.weight.size
        # the standard error of a standard deviation is sigma / sqrt(2 n); four of them
        assert layer.weight.std() == pytest.approx(spread, rel=4 / sqrt(2 * n))
        assert abs(layer.weight.mean()) < 4 * spread / sqrt(n)


@pytest.mark.parametrize(
    ("activation", "start"),
    [("relu", 0.25), ("leaky_relu", 0.25), ("sigmoid", 0.0), ("tanh", 0.0)],
)
def test_only_biases_of_the_relu_family_start_above_zero(activation, start):
    *hidden, output = network(activation=activation, bias_start=0.25).dense_layers
    for layer in hidden:
        assert_array_equal(layer.bias, start)
    assert_array_equal(output.bias, 0)


def test_both_types_start_from_the_same_network():
    assert_array_equal(
        network(dtype="float32").parameters, network(dtype="float64").parameters.astype("float32")
    )


def test_batch_norm_starts_as_the_identity_of_standardized_features():
    built = network(batch_norm="after")
    norms = [layer for layer in built.layers if repr(layer).startswith("BatchNorm")]
    assert len(norms) == 2
    for norm in norms:
        assert_array_equal(norm.gamma, 1)
        assert_array_equal(norm.beta, 0)
        assert_array_equal(norm.running_mean, 0)
        assert_array_equal(norm.running_var, 1)


def test_layers_draw_different_weights():
    built = network()
    assert len(np.unique(built.parameters[: built.n_weights])) == built.n_weights
