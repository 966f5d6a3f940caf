from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerics import (
    count_parameters,
    make_batch,
    make_network,
    smoothed_cross_entropy,
    training_logits,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax as scipy_softmax
from sklearn.neural_network import MLPClassifier

from inknet.nn import Architecture, Network
from inknet.nn.activations import ACTIVATIONS
from inknet.nn.layers import BatchNorm, Dense

SOUND = {
    "layer_dims": [4, 5, 3],
    "activations": ["relu", "softmax"],
    "keep_probs": [0.5, 1.0],
}

# -- architecture -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"layer_dims": [4]}, ["layer_dims", "[4]", "input"]),
        ({"layer_dims": 4}, ["layer_dims", "4", "list"]),
        ({"layer_dims": "453"}, ["layer_dims", "'453'", "list"]),
        ({"layer_dims": [4, 0, 3]}, ["layer_dims", "[4, 0, 3]", "from 1"]),
        ({"layer_dims": [-4, 5, 3]}, ["layer_dims", "-4", "from 1"]),
        ({"layer_dims": [4, 5.0, 3]}, ["layer_dims", "5.0", "whole numbers"]),
        ({"layer_dims": [4, True, 3]}, ["layer_dims", "True", "whole numbers"]),
        ({"layer_dims": [4, "5", 3]}, ["layer_dims", "'5'", "whole numbers"]),
        ({"layer_dims": [4, 5, 1]}, ["layer_dims", "1", "2 classes"]),
        ({"activations": ["softmax"]}, ["activations", "1 entries", "2", "[4, 5, 3]"]),
        ({"activations": "relu"}, ["activations", "'relu'", "list"]),
        ({"activations": ["softmax", "softmax"]}, ["activations", "softmax", "middle", "relu"]),
        ({"activations": ["relu", "relu"]}, ["activations", "'relu'", "softmax"]),
        ({"activations": ["swish", "softmax"]}, ["activations", "'swish'", "leaky_relu, sigmoid"]),
        ({"activations": [None, "softmax"]}, ["activations", "None", "relu"]),
        ({"keep_probs": [0.5]}, ["keep_probs", "1 entries", "2", "[4, 5, 3]"]),
        ({"keep_probs": 0.5}, ["keep_probs", "0.5", "list"]),
        ({"keep_probs": [0, 1]}, ["keep_probs", "[0, 1]", "above 0"]),
        ({"keep_probs": [1.5, 1]}, ["keep_probs", "1.5", "up to 1"]),
        ({"keep_probs": [float("nan"), 1]}, ["keep_probs", "nan", "up to 1"]),
        ({"keep_probs": ["0.5", 1]}, ["keep_probs", "'0.5'", "probabilities"]),
        ({"keep_probs": [True, 1]}, ["keep_probs", "True", "probabilities"]),
        ({"keep_probs": [0.5, 0.5]}, ["keep_probs", "0.5", "output layer", "1.0"]),
        ({"batch_norm": "middle"}, ["batch_norm", "'middle'", "none, before, after"]),
        ({"batch_norm": True}, ["batch_norm", "True", "none, before, after"]),
        ({"initializer": "zeros"}, ["initializer", "'zeros'", "he, glorot, normal"]),
        ({"bias_start": float("inf")}, ["bias_start", "inf", "within"]),
        ({"bias_start": "0"}, ["bias_start", "'0'", "number"]),
    ],
)
def test_every_wrong_value_is_named_with_what_is_allowed(wrong, words):
    with pytest.raises(ValueError) as caught:
        Architecture(**(SOUND | wrong))
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_an_architecture_of_numpy_numbers_is_one_of_python_numbers():
    given = Architecture(
        np.array([4, 5, 3]), ["relu", "softmax"], np.array([0.5, 1], "f4"), bias_start=np.float32(1)
    )
    assert given == Architecture([4, 5, 3], ("relu", "softmax"), (0.5, 1.0), bias_start=1.0)
    assert [type(width) for width in given.layer_dims] == [int] * 3
    assert [type(keep_prob) for keep_prob in given.keep_probs] == [float] * 2
    assert type(given.bias_start) is float


@given(
    dims=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    n_classes=st.integers(2, 12),
    batch_norm=st.sampled_from(["none", "before", "after"]),
)
@settings(max_examples=40, deadline=None)
def test_parameters_are_counted_before_they_are_made(dims, n_classes, batch_norm):
    dims = [*dims, n_classes]
    n_hidden = len(dims) - 2
    architecture = Architecture(
        dims, ["relu"] * n_hidden + ["softmax"], [1.0] * (n_hidden + 1), batch_norm
    )
    assert architecture.n_parameters == count_parameters(architecture)
    assert Network(architecture, np.random.default_rng(0)).n_parameters == count_parameters(
        architecture
    )


# -- one flat vector ----------------------------------------------------------------------------


@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
def test_layers_and_tensors_are_views_of_the_vectors(batch_norm):
    network = make_network([4, 6, 5, 3], keep_prob=0.5, batch_norm=batch_norm)
    network.parameters[:] = np.arange(network.n_parameters)
    network.statistics[:] = -np.arange(1, len(network.statistics) + 1)
    seen = np.concatenate([array.ravel() for array in network.tensors().values()])
    everything = np.concatenate([network.parameters, network.statistics])
    assert_array_equal(np.sort(seen), np.sort(everything), "every number has one place")

    for array in network.tensors().values():
        array[...] = 7
    assert_array_equal(network.parameters, 7)
    assert_array_equal(network.statistics, 7)
    for layer in network.layers:
        for name, array in vars(layer).items():
            if name.endswith("_gradient") and not name.startswith("_"):
                array[...] = 9
    assert_array_equal(network.gradients, 9)


def test_the_vector_holds_weights_then_biases_then_scales_and_shifts():
    network = make_network([4, 6, 5, 3], batch_norm="before")
    network.parameters[: network.n_weights] = 1
    network.parameters[network.n_weights : network.n_weights + network.n_biases] = 2
    network.parameters[network.n_weights + network.n_biases :] = 3
    assert network.n_weights == 4 * 6 + 6 * 5 + 5 * 3
    assert network.n_biases == 6 + 5 + 3
    for layer in network.layers:
        if isinstance(layer, Dense):
            assert_array_equal(layer.weight, 1)
            assert_array_equal(layer.bias, 2)
        elif isinstance(layer, BatchNorm):
            assert_array_equal(layer.gamma, 3)
            assert_array_equal(layer.beta, 3)


@pytest.mark.parametrize(("on_biases", "length"), [(False, 69), (True, 83)])
def test_l2_pays_for_weights_or_for_weights_and_biases(on_biases, length):
    network = make_network([4, 6, 5, 3], batch_norm="before")
    l2 = network.l2(2.0, on_biases=on_biases)
    network.gradients[:] = 0
    l2.add_gradient(1)
    assert_allclose(network.gradients[:length], 2 * network.parameters[:length])
    assert_array_equal(network.gradients[length:], 0)


def pytorch_state_dict(kinds):
    """Names and shapes of nn.Sequential(nn.Linear(...), nn.BatchNorm1d(...), ...).state_dict()."""
    named = {}
    for number, (kind, *sizes) in enumerate(kinds):
        if kind == "Linear":  # torch.nn.Linear.weight is (out_features, in_features)
            named[f"layers.{number}.weight"] = (sizes[1], sizes[0])
            named[f"layers.{number}.bias"] = (sizes[1],)
        elif kind == "BatchNorm1d":
            for name in ("weight", "bias", "running_mean", "running_var"):
                named[f"layers.{number}.{name}"] = (sizes[0],)
    return named


@pytest.mark.parametrize(
    ("batch_norm", "keep_prob", "kinds"),
    [
        ("none", 1.0, [("Linear", 4, 6), ("Tanh",), ("Linear", 6, 3)]),
        ("none", 0.5, [("Linear", 4, 6), ("Tanh",), ("Dropout",), ("Linear", 6, 3)]),
        (
            "before",
            0.5,
            [("Linear", 4, 6), ("BatchNorm1d", 6), ("Tanh",), ("Dropout",), ("Linear", 6, 3)],
        ),
        (
            "after",
            0.5,
            [("Linear", 4, 6), ("Tanh",), ("BatchNorm1d", 6), ("Dropout",), ("Linear", 6, 3)],
        ),
        (
            "after",
            1.0,
            [("Linear", 4, 6), ("Tanh",), ("BatchNorm1d", 6), ("Linear", 6, 3)],
        ),
    ],
)
def test_tensors_are_named_and_shaped_like_a_pytorch_state_dict(batch_norm, keep_prob, kinds):
    network = make_network([4, 6, 3], "tanh", keep_prob, batch_norm)
    shapes = {name: array.shape for name, array in network.tensors().items()}
    assert shapes == pytorch_state_dict(kinds)


def test_a_network_says_what_it_is():
    network = make_network([4, 6, 3], "tanh", 0.5, "before")
    assert repr(network) == (
        "Network(Dense(4 → 6), BatchNorm(6), Activation(tanh), Dropout(keep 0.5), Dense(6 → 3); "
        "63 parameters, float64)"
    )


# -- forward and backward -----------------------------------------------------------------------


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
@pytest.mark.parametrize("keep_prob", [1.0, 0.6])
def test_logits_and_loss_are_those_of_the_plain_formulas(activation, batch_norm, keep_prob):
    network = make_network([5, 8, 7, 4], activation, keep_prob, batch_norm)
    x, labels = make_batch(network, 9)
    expected = training_logits(network, x, seed=4)
    assert_allclose(network.forward(x, np.random.default_rng(4)), expected, rtol=1e-9, atol=1e-11)
    loss = network.loss_and_gradients(x, labels, np.random.default_rng(4), label_smoothing=0.1)
    assert loss == pytest.approx(smoothed_cross_entropy(expected, labels, 0.1), rel=1e-10)


@pytest.mark.parametrize(
    ("activation", "peer"), [("relu", "relu"), ("sigmoid", "logistic"), ("tanh", "tanh")]
)
def test_loss_and_gradient_are_those_of_scikit_learn(activation, peer):
    network = make_network([5, 8, 7, 4], activation)
    x, _ = make_batch(network, 20)
    labels = np.arange(20) % 4
    sgd = MLPClassifier(
        (8, 7),
        peer,
        solver="sgd",
        alpha=0.7,
        batch_size=20,
        learning_rate_init=1.0,
        momentum=0.0,
        shuffle=False,
    )
    sgd.partial_fit(x, labels, classes=range(4))
    sgd.coefs_ = [layer.weight.copy() for layer in network.dense_layers]
    sgd.intercepts_ = [layer.bias.copy() for layer in network.dense_layers]
    # one step of plain gradient descent at rate 1 moves by the gradient
    sgd.partial_fit(x, labels)

    loss = network.loss_and_gradients(x, labels, np.random.default_rng(0))
    l2 = network.l2(0.7)
    l2.add_gradient(20)
    assert loss + l2.value(20) == pytest.approx(sgd.loss_, rel=1e-10)
    for layer, weight, bias in zip(network.dense_layers, sgd.coefs_, sgd.intercepts_, strict=True):
        assert_allclose(layer.weight_gradient, layer.weight - weight, atol=1e-12)
        assert_allclose(layer.bias_gradient, layer.bias - bias, atol=1e-12)


@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
def test_a_short_last_batch_is_treated_as_by_a_fresh_network(batch_norm):
    used = make_network([5, 8, 4], "tanh", 0.6, batch_norm)
    fresh = make_network([5, 8, 4], "tanh", 0.6, batch_norm)
    x, labels = make_batch(used, 16)
    used.loss_and_gradients(x, labels, np.random.default_rng(0))
    losses = [
        network.loss_and_gradients(x[:5], labels[:5], np.random.default_rng(1))
        for network in (used, fresh)
    ]
    assert losses[0] == losses[1]
    assert_array_equal(used.gradients, fresh.gradients)
    # and a larger one afterwards
    x, labels = make_batch(used, 23)
    for network in (used, fresh):
        network.loss_and_gradients(x, labels, np.random.default_rng(2))
    assert_array_equal(used.gradients, fresh.gradients)


def test_a_float32_network_computes_in_float32_and_close_to_float64():
    narrow = make_network([5, 8, 4], "tanh", batch_norm="before", dtype="float32")
    wide = make_network([5, 8, 4], "tanh", batch_norm="before")
    wide.parameters[:] = narrow.parameters
    x, labels = make_batch(narrow, 9)
    losses = [
        network.loss_and_gradients(x.astype(network.dtype), labels, np.random.default_rng(0))
        for network in (narrow, wide)
    ]
    assert narrow.gradients.dtype == narrow.infer(x).dtype == np.float32
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert_allclose(narrow.gradients, wide.gradients, atol=1e-5)


def test_dropout_draws_a_new_mask_each_time_and_the_same_from_the_same_seed():
    network = make_network([5, 30, 4], keep_prob=0.5)
    x, _ = make_batch(network, 6)
    generator = np.random.default_rng(0)
    first, second = (network.forward(x, generator).copy() for _ in range(2))
    assert (first != second).any()
    assert_array_equal(network.forward(x, np.random.default_rng(0)), first)


# -- in use -------------------------------------------------------------------------------------


def trained(batch_norm="before"):
    """A network that has seen batches, so that its running statistics are not as at first."""
    network = make_network([5, 8, 7, 4], "leaky_relu", 0.6, batch_norm)
    generator = np.random.default_rng(0)
    for seed in range(5):
        network.forward(make_batch(network, 12, seed)[0], generator)
    return network


@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
def test_infer_changes_neither_input_nor_network(batch_norm):
    network = trained(batch_norm)
    x, _ = make_batch(network, 9)
    before = x.copy(), network.parameters.copy(), network.statistics.copy()
    first = network.infer(x)
    for now, then in zip((x, network.parameters, network.statistics), before, strict=True):
        assert_array_equal(now, then)
    assert_array_equal(network.infer(x), first)


def test_infer_leaves_alone_what_backward_needs():
    network, undisturbed = trained(), trained()
    x, labels = make_batch(network, 9)
    for one in (network, undisturbed):
        logits = one.forward(x, np.random.default_rng(1))
        gradient = scipy_softmax(logits, axis=1) - np.eye(4)[labels]
        if one is network:
            one.infer(make_batch(one, 30)[0])
        one.backward(gradient)
    assert_array_equal(network.gradients, undisturbed.gradients)


@given(n=st.integers(1, 40), seed=st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_each_row_is_computed_by_itself(n, seed):
    network = trained()
    x, _ = make_batch(network, n, seed)
    together = network.infer(x)
    alone = np.concatenate([network.infer(row[None]) for row in x])
    assert_allclose(together, alone, rtol=1e-10, atol=1e-12)


def test_many_threads_give_what_one_gives():
    network = trained()
    batches = [make_batch(network, 1 + seed % 50, seed)[0] for seed in range(200)]
    expected = [network.infer(x) for x in batches]
    with ThreadPoolExecutor(8) as pool:
        for found, one in zip(pool.map(network.infer, batches), expected, strict=True):
            assert_array_equal(found, one)


def test_batch_norm_in_use_comes_near_training_once_the_statistics_have_settled():
    network = make_network([5, 8, 4], "tanh", batch_norm="before")
    x, _ = make_batch(network, 500)
    for _ in range(200):
        logits = network.forward(x, np.random.default_rng(0))
    assert_allclose(network.infer(x), logits, atol=0.02)


def test_dense_layers_are_as_wide_as_said():
    network = make_network([5, 8, 7, 4])
    shapes = [layer.weight.shape for layer in network.dense_layers]
    assert shapes == list(pairwise([5, 8, 7, 4]))
    assert len(network.activation_layers) == 2


def test_sigmoid_outputs_need_no_second_one_and_are_not_for_classes():
    single = Architecture([3, 1], ["sigmoid"], [1.0])
    assert single.n_parameters == 4
    with pytest.raises(ValueError, match="activations ends with 'sigmoid'; the output layer is"):
        single.require_softmax()
    with pytest.raises(ValueError, match="layer_dims ends with 1; expected 2 classes or more"):
        Architecture([3, 1], ["softmax"], [1.0])


def test_without_a_generator_the_weights_are_0_and_the_scales_1():
    network = Network(Architecture([3, 2, 2], ["relu", "softmax"], [1.0, 1.0], "before"), None)
    n_dense = network.n_weights + network.n_biases
    assert not network.parameters[:n_dense].any()
    assert network.parameters[n_dense:].tolist() == [1, 1, 0, 0]
    assert network.statistics.tolist() == [0, 0, 1, 1]


def test_a_network_that_gave_its_buffers_back_continues_to_the_same_bits():
    networks = [make_network([4, 5, 3], batch_norm="before", keep_prob=0.8) for _ in range(2)]
    x, labels = make_batch(networks[0], 6)
    for n in (6, 3, 6):
        for network in networks:
            network.loss_and_gradients(x[:n], labels[:n], np.random.default_rng(0))
        networks[1].release()
        assert not any(name.startswith("_") for layer in networks[1].layers for name in vars(layer))
        assert_array_equal(networks[1].gradients, networks[0].gradients)
