"""Back-propagation is right: for every kind of network, against finite differences."""

import itertools

import numpy as np
import pytest
from numerics import central_difference, make_batch, make_network, objective
from numpy.testing import assert_array_equal

from inknet.nn.activations import ACTIVATIONS
from inknet.nn.architecture import Architecture
from inknet.nn.gradcheck import (
    both_gradients,
    both_gradients_of_layer,
    relative_error,
    worst_array,
)
from inknet.nn.layers import Activation, BatchNorm, Dense, Dropout
from inknet.nn.network import Network
from inknet.nn.ops import NUMPY, NumpyOps
from inknet.nn.ops.numba import NumbaOps

NETWORKS = list(itertools.product(sorted(ACTIVATIONS), ("none", "before", "after"), (1.0, 0.7)))
OBJECTIVES = [
    {"label_smoothing": smoothing, "l2_lambda": l2_lambda, "l2_on_biases": on_biases}
    for smoothing in (0.0, 0.1)
    for l2_lambda, on_biases in ((0.0, False), (0.5, False), (0.5, True))
]
LIMIT = 1e-6


def in_one(network, arrays):
    """Return arrays by name as one vector in the order of the network's."""
    found = iter(arrays.values())
    for layer in network.layers:
        for _, gradient in layer.parameters():
            gradient[:] = next(found)
    return network.gradients.copy()


def analytic_gradient(network, x, labels, terms, seed):
    smoothing = terms["label_smoothing"]
    generator = np.random.default_rng(seed)
    network.loss_and_gradients(x, labels, generator, label_smoothing=smoothing)
    network.l2(terms["l2_lambda"], on_biases=terms["l2_on_biases"]).add_gradient(len(x))
    return network.gradients.copy()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("outputs", ["softmax", "sigmoid"])
def test_backward_agrees_with_finite_differences_where_samples_have_weights(outputs, smoothing):
    architecture = Architecture([4, 5, 3], ["tanh", outputs], [1.0, 1.0])
    generator = np.random.default_rng(0)
    network = Network(architecture, generator, "float64")
    x, weights = generator.normal(size=(7, 4)), generator.uniform(0, 2, 7)
    labels = generator.integers(0, 3, 7)
    targets = np.eye(3)[labels] if outputs == "sigmoid" else labels

    def loss():
        return network.loss_and_gradients(
            x, targets, generator, label_smoothing=smoothing, sample_weight=weights
        )

    loss()
    analytic = network.gradients.copy()
    numerical = central_difference(loss, network.parameters)
    assert np.linalg.norm(analytic - numerical) < LIMIT * np.linalg.norm(numerical)


@pytest.mark.parametrize("terms", OBJECTIVES, ids=lambda terms: " ".join(map(str, terms.values())))
@pytest.mark.parametrize(("activation", "batch_norm", "keep_prob"), NETWORKS)
def test_backward_agrees_with_finite_differences(activation, batch_norm, keep_prob, terms):
    network = make_network([4, 6, 5, 3], activation, keep_prob, batch_norm)
    x, labels = make_batch(network, 7)
    analytic = analytic_gradient(network, x, labels, terms, seed=11)
    both = both_gradients(network, x, labels, **terms, seed=11)

    assert_array_equal(in_one(network, both[0]), analytic)
    numerical = in_one(network, both[1])
    assert np.linalg.norm(analytic - numerical) <= LIMIT * np.linalg.norm(numerical)
    # each array by itself, so that a wrong small one cannot hide behind the large ones
    assert relative_error(*both) <= LIMIT, worst_array(*both)


@pytest.mark.parametrize(("activation", "batch_norm", "keep_prob"), NETWORKS)
def test_backward_agrees_with_the_objective_written_a_second_time(
    activation, batch_norm, keep_prob
):
    terms = {"label_smoothing": 0.1, "l2_lambda": 0.5, "l2_on_biases": True}
    network = make_network([3, 5, 4, 3], activation, keep_prob, batch_norm)
    x, labels = make_batch(network, 6)
    analytic = analytic_gradient(network, x, labels, terms, seed=5)
    numerical = central_difference(
        lambda: objective(network, x, labels, **terms, seed=5), network.parameters
    )
    assert np.linalg.norm(analytic - numerical) <= LIMIT * np.linalg.norm(numerical)


@pytest.mark.parametrize("n", [1, 2])
def test_backward_is_right_for_the_smallest_batches(n):
    network = make_network([3, 5, 3], "tanh", batch_norm="none" if n == 1 else "before")
    x, labels = make_batch(network, n)
    assert relative_error(*both_gradients(network, x, labels)) <= LIMIT


def test_backward_is_right_without_hidden_layers():
    network = make_network([4, 3])
    assert relative_error(*both_gradients(network, *make_batch(network, 5), l2_lambda=0.3)) <= LIMIT


@pytest.mark.parametrize("keep_prob", [1.0, 0.5])
def test_a_sound_network_has_a_small_relative_error(keep_prob):
    network = make_network([4, 6, 3], "tanh", keep_prob, "after")
    x, labels = make_batch(network, 8)
    before = network.parameters.copy(), network.statistics.copy()
    error = relative_error(
        *both_gradients(network, x, labels, label_smoothing=0.1, l2_lambda=0.1, seed=2)
    )
    assert error <= 1e-7
    assert_array_equal(network.parameters, before[0], "all is put back")
    assert_array_equal(network.statistics, before[1], "all is put back")


@pytest.mark.parametrize(("activation", "batch_norm", "keep_prob"), NETWORKS)
@pytest.mark.parametrize("share_of_zeros", [0.0, 0.8])
def test_compiled_loops_give_the_gradient_of_numpys_objective(
    activation, batch_norm, keep_prob, share_of_zeros
):
    terms = {"label_smoothing": 0.1, "l2_lambda": 0.5, "l2_on_biases": True}
    network = make_network([9, 6, 5, 3], activation, keep_prob, batch_norm)
    x, labels = make_batch(network, 7)
    x *= np.random.default_rng(0).random(x.shape) >= share_of_zeros
    results = []
    for ops in (NUMPY, NumbaOps()):
        network.use(ops)
        both = both_gradients(network, x, labels, **terms, seed=11)
        assert relative_error(*both) <= LIMIT
        results.append(both)
    (analytic, numerical, rounding), (fast, fast_numerical, _) = results
    assert relative_error(fast, numerical, rounding) <= LIMIT
    assert relative_error(analytic, fast_numerical, rounding) <= LIMIT
    assert relative_error(fast, analytic, 1e-15) <= 1e-12


# -- and the check would notice -------------------------------------------------------------------


def broken(network, layer, method, change):
    """Let ``change`` spoil what a layer's backward stores or returns."""
    right = getattr(layer, method)

    def wrong(gradient):
        return change(layer, right(gradient))

    setattr(layer, method, wrong)
    return network


def skew_weights(layer, returned):
    layer.weight_gradient *= 1.001
    return returned


def drop_bias(layer, returned):
    layer.bias_gradient[:] = 0
    return returned


def scale_returned(layer, returned):
    returned *= 1.01
    return returned


@pytest.mark.parametrize("change", [skew_weights, drop_bias, scale_returned])
@pytest.mark.parametrize("number", [2, 4])
def test_the_check_fails_when_backward_is_broken(change, number):
    network = make_network([4, 6, 5, 3], "tanh")
    x, labels = make_batch(network, 7)
    assert relative_error(*both_gradients(network, x, labels)) <= 1e-8
    broken(network, network.layers[number], "backward", change)
    assert relative_error(*both_gradients(network, x, labels)) > 1e-5


def test_the_check_fails_when_a_slope_is_forgotten():
    network = make_network([4, 6, 3], "sigmoid")
    x, labels = make_batch(network, 7)
    network.layers[1].backward = lambda gradient: gradient
    assert relative_error(*both_gradients(network, x, labels)) > 1e-2


class NaiveOps(NumpyOps):
    def batch_norm_backward(
        self, gradient, normalized, deviation, gamma, gamma_gradient, beta_gradient
    ):
        gamma_gradient[:] = (gradient * normalized).sum(axis=0)
        beta_gradient[:] = gradient.sum(axis=0)
        gradient *= gamma / deviation


def test_the_check_fails_when_batch_norm_forgets_that_the_mean_moves():
    network = make_network([4, 6, 3], "tanh", batch_norm="before")
    x, labels = make_batch(network, 7)
    assert relative_error(*both_gradients(network, x, labels)) <= LIMIT
    network.use(NaiveOps())
    assert relative_error(*both_gradients(network, x, labels)) > 1e-2


def test_the_check_fails_when_the_penalty_on_weights_is_forgotten():
    network = make_network([4, 6, 3], "tanh")
    x, labels = make_batch(network, 7)
    network.loss_and_gradients(x, labels, np.random.default_rng(0))
    without = network.gradients.copy()
    numerical = in_one(network, both_gradients(network, x, labels, l2_lambda=0.5)[1])
    assert np.linalg.norm(without - numerical) > 1e-2 * np.linalg.norm(numerical)


def spoiled(network, number, name, change):
    """Let ``change`` spoil one gradient that a layer stores."""
    layer = network.layers[number]

    def wrong(layer, returned):
        gradient = getattr(layer, f"{name}_gradient")
        gradient[:] = change(gradient)
        return returned

    broken(network, layer, "backward", wrong)
    return f"{number} {layer!r} {name}"


@pytest.mark.parametrize("outputs", ["softmax", "sigmoid"])
@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
@pytest.mark.parametrize("scale", [1, 1e-3, 1e-6])
def test_one_array_that_is_a_tenth_too_large_is_named_however_small_it_is(
    scale, batch_norm, outputs
):
    for number, name in itertools.product(range(12), ("weight", "bias", "gamma", "beta")):
        architecture = Architecture([4, 6, 5, 3], ["tanh", "tanh", outputs], [1.0] * 3, batch_norm)
        network = Network(architecture, np.random.default_rng(0), "float64")
        network.parameters += np.random.default_rng(1).normal(0, 0.3, network.n_parameters)
        if number >= len(network.layers) or not hasattr(network.layers[number], name):
            continue
        x, labels = make_batch(network, 7)
        targets = np.eye(3)[labels] if outputs == "sigmoid" else labels
        network.dense_layers[-1].weight[:] *= scale  # and so all gradients but those of the last
        sound = both_gradients(network, x, targets)
        assert relative_error(*sound) <= LIMIT
        expected = spoiled(network, number, name, lambda gradient: 1.1 * gradient)
        if np.linalg.norm(sound[0][expected]) < 1e-12:
            continue  # a bias before batch normalization changes nothing
        error, found = worst_array(*both_gradients(network, x, targets))
        assert found == expected
        assert error == pytest.approx(0.1 / 2.1, rel=0.2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_is_the_worst(value):
    network = make_network([4, 6, 3], "tanh")
    x, labels = make_batch(network, 7)
    expected = spoiled(network, 0, "bias", lambda gradient: np.full_like(gradient, value))
    assert worst_array(*both_gradients(network, x, labels)) == (np.inf, expected)


def test_a_gradient_of_zero_where_there_should_be_none_is_right_and_a_false_one_is_not():
    network = make_network([4, 6, 3], "tanh", batch_norm="before")
    x, labels = make_batch(network, 7)
    both = both_gradients(network, x, labels)
    name = "0 Dense(4 → 6) bias"
    assert np.linalg.norm(both[0][name]) < 1e-15
    assert relative_error(*both) <= LIMIT
    spoiled(network, 0, "bias", lambda gradient: gradient + 1e-6)
    assert worst_array(*both_gradients(network, x, labels)) == (pytest.approx(1, abs=1e-2), name)


def test_float32_is_refused():
    network = make_network([4, 3], dtype="float32")
    with pytest.raises(ValueError, match="float64"):
        both_gradients(network, *make_batch(network, 5))
    for layer in (Dense(4, 3), network.layers[0]):
        with pytest.raises(ValueError, match="float64"):
            both_gradients_of_layer(layer, np.ones((5, 4), np.float32))


# -- and other networks, and layers alone -----------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_networks_of_sigmoid_outputs_are_checked_with_their_own_loss(smoothing):
    architecture = Architecture([4, 5, 3], ["tanh", "sigmoid"], [0.8, 1.0], "before")
    generator = np.random.default_rng(0)
    network = Network(architecture, generator, "float64")
    x, targets = generator.normal(size=(7, 4)), generator.integers(0, 2, (7, 3)).astype(float)
    terms = {"label_smoothing": smoothing, "sample_weight": generator.uniform(0, 2, 7)}
    assert relative_error(*both_gradients(network, x, targets, **terms)) <= LIMIT


@pytest.mark.parametrize(
    "layer",
    [
        Dense(4, 3),
        BatchNorm(4),
        Dropout(0.6),
        *(Activation(function, 0.7) for function in ACTIVATIONS.values()),
    ],
    ids=repr,
)
def test_every_layer_is_right_alone(layer):
    x = np.random.default_rng(3).normal(size=(6, 4))
    before = x.copy()
    both = both_gradients_of_layer(layer, x)
    assert relative_error(*both) <= LIMIT
    names = ["input", *(f"0 {layer!r} {array.name}" for array in layer.learned)]
    assert list(both[0]) == [name for name in names if "running" not in name]
    assert_array_equal(x, before)


def test_a_layer_with_a_wrong_backward_is_found_alone():
    layer = BatchNorm(4)
    layer.backward = lambda gradient: gradient
    assert (
        relative_error(
            *both_gradients_of_layer(layer, np.random.default_rng(3).normal(size=(6, 4)))
        )
        > 1e-2
    )
