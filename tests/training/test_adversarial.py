"""Virtual adversarial training: the term, its gradient, its direction, and what it leaves alone."""

from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from samples import clouds, make_trainer, pictures
from scipy import sparse
from scipy.special import expit, log_softmax, rel_entr, softmax

from inknet import MLP, InputError
from inknet.data import Dataset
from inknet.nn.architecture import Architecture
from inknet.nn.network import Network
from inknet.nn.ops import NUMPY, VARIABLE, Batch, fastest
from inknet.sklearn.rows import CsrBatch
from inknet.training.adversarial import DIVERGENCES, Adversarial, of_softmax

SEED = 4
OPS = ("numpy", "numba")


def network_of(dims, output="softmax", activation="tanh", keep_prob=1.0, batch_norm="none", **more):
    """A network whose parameters are all different from 0."""
    n_hidden = len(dims) - 2
    architecture = Architecture(
        dims, [activation] * n_hidden + [output], [keep_prob] * n_hidden + [1.0], batch_norm
    )
    generator = np.random.default_rng(0)
    network = Network(architecture, generator, **{"dtype": "float64"} | more)
    network.parameters += generator.normal(0, 0.3, network.n_parameters)
    return network


def batch_of(x, ops=NUMPY):
    batch = ops.new_batch(x.dtype)
    batch.load(x)
    return batch


@cache
def samples_of(n, n_features):
    generator = np.random.default_rng(1)
    return generator.normal(size=(n, n_features)), generator.integers(0, 3, n)


def logits_of(network, x):
    """The logits in training, of rows that are stored as they are."""
    return network.forward(np.array(x), np.random.default_rng(SEED)).copy()


def derivative(function, x, step=1e-5):
    """The derivative of ``function()`` by each element of the array that it reads."""
    found = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        value = x[index]
        x[index] = value + step
        above = function()
        x[index] = value - step
        found[index] = (above - function()) / (2 * step)
        x[index] = value
    return found


def plain_step(network, x, labels, **options):
    """Loss and gradients without the term."""
    loss = network.loss_and_gradients(batch_of(x), labels, np.random.default_rng(SEED), **options)
    return loss, network.gradients.copy()


# -- the term and its gradient ---------------------------------------------------------------------


@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
@pytest.mark.parametrize("keep_prob", [1.0, 0.7], ids=["no dropout", "dropout"])
@pytest.mark.parametrize("is_weighted", [False, True], ids=["equal", "weighted"])
def test_the_gradient_is_that_of_loss_and_divergence_with_the_change_held_fixed(
    batch_norm, keep_prob, is_weighted
):
    network = network_of([5, 6, 4, 3], keep_prob=keep_prob, batch_norm=batch_norm)
    x, labels = samples_of(7, 5)
    weights = np.arange(7.0) if is_weighted else np.ones(7)
    adversarial = Adversarial(network, epsilon=0.8)
    loss = adversarial.loss_and_gradients(
        batch_of(x),
        labels,
        np.random.default_rng(SEED),
        label_smoothing=0.1,
        sample_weight=weights if is_weighted else None,
    )
    gradients, moved = network.gradients.copy(), x + adversarial.perturbation
    p = softmax(logits_of(network, x), axis=1)
    targets = 0.9 * np.eye(3)[labels] + 0.1 / 3

    def objective():
        of_x = log_softmax(logits_of(network, x), axis=1)
        q = softmax(logits_of(network, moved), axis=1)
        terms = rel_entr(p, q).sum(axis=1) - (targets * of_x).sum(axis=1)
        return weights @ terms / weights.sum()

    assert_allclose(loss, objective(), rtol=1e-12)
    assert_allclose(gradients, derivative(objective, network.parameters), rtol=1e-6, atol=1e-9)


def test_each_change_has_the_length_that_was_asked_for():
    network, (x, labels) = network_of([5, 6, 3]), samples_of(7, 5)
    adversarial = Adversarial(network, epsilon=2.1)
    adversarial.loss_and_gradients(batch_of(x), labels, np.random.default_rng(SEED))
    assert_allclose(np.linalg.norm(adversarial.perturbation, axis=1), 2.1)


def test_its_change_alters_the_answers_more_than_any_random_one():
    network, (x, labels) = network_of([5, 6, 3]), samples_of(7, 5)
    adversarial = Adversarial(network, epsilon=0.01, n_iterations=100)
    adversarial.loss_and_gradients(batch_of(x), labels, np.random.default_rng(SEED))
    p = softmax(logits_of(network, x), axis=1)

    def divergences(r):
        q = softmax(logits_of(network, x + r), axis=1)
        return rel_entr(p, q).sum(axis=1)

    found = divergences(adversarial.perturbation)
    for seed in range(200):
        r = np.random.default_rng(seed).normal(size=x.shape)
        r *= 0.01 / np.linalg.norm(r, axis=1, keepdims=True)
        # not exactly: the other sign of the same vector may be a little better
        assert (divergences(r) <= 1.02 * found).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_of_a_linear_model_it_finds_the_dominant_eigenvector(dtype):
    # with logits x W, the divergence is r' W (diag(p) - p p') W' r / 2 up to the third order
    network = network_of([6, 4], dtype=dtype)
    W, x = network.layers[0].weight.astype(float), samples_of(9, 6)[0].astype(dtype)
    labels, epsilon = np.zeros(9, int), 0.01
    adversarial = Adversarial(network, epsilon, n_iterations=300)
    loss = adversarial.loss_and_gradients(batch_of(x), labels, np.random.default_rng(SEED))
    largest = []
    for row, r in zip(x, adversarial.perturbation, strict=True):
        p = softmax(row @ W + network.layers[0].bias)
        values, vectors = np.linalg.eigh(W @ (np.diag(p) - np.outer(p, p)) @ W.T)
        cosine = abs(vectors[:, -1] @ r) / np.linalg.norm(r)
        assert cosine > (0.99999 if dtype == "float64" else 0.999)
        largest.append(values[-1])
    term = loss - plain_step(network, x, labels)[0]
    if dtype == "float64":
        assert_allclose(term, epsilon**2 / 2 * np.mean(largest), rtol=0.01)


def test_one_iteration_goes_further_that_way_than_the_random_vector_it_begins_with():
    network, x = network_of([20, 4]), samples_of(200, 20)[0]
    W, found = network.layers[0].weight, {}
    for n_iterations in (0, 1, 2):
        adversarial = Adversarial(network, 0.01, n_iterations)
        adversarial.loss_and_gradients(batch_of(x), np.zeros(200, int), np.random.default_rng(SEED))
        P = softmax(x @ W + network.layers[0].bias, axis=1)
        cosines = []
        for p, r in zip(P, adversarial.perturbation, strict=True):
            vectors = np.linalg.eigh(W @ (np.diag(p) - np.outer(p, p)) @ W.T)[1]
            cosines.append(abs(vectors[:, -1] @ r) / np.linalg.norm(r))
        found[n_iterations] = np.mean(cosines)
    assert found[0] < 0.3
    assert found[1] > 0.7
    assert found[2] > found[1]


@pytest.mark.parametrize("output", sorted(DIVERGENCES))
def test_a_divergence_is_0_only_for_equal_answers_and_has_the_gradient_it_writes(output):
    generator = np.random.default_rng(0)
    at_rest, moved = generator.normal(size=(2, 5, 3))
    gradient = np.empty((5, 3))
    found = DIVERGENCES[output](at_rest, moved, gradient)

    def as_written():
        if output == "sigmoid":
            yes, no = (
                rel_entr(expit(at_rest), expit(moved)),
                rel_entr(expit(-at_rest), expit(-moved)),
            )
            return (yes + no).sum(axis=1)
        return rel_entr(softmax(at_rest, axis=1), softmax(moved, axis=1)).sum(axis=1)

    assert_allclose(found, as_written(), rtol=1e-12)
    assert (found > 0).all()
    expected = derivative(lambda: float(as_written().sum()), moved)
    assert_allclose(gradient, expected, rtol=1e-7, atol=1e-9)
    assert_allclose(DIVERGENCES[output](at_rest, at_rest, gradient), 0, atol=1e-15)
    assert_allclose(gradient, 0, atol=1e-15)


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_a_small_change_of_a_sure_answer_is_not_rounded_away(output):
    sure = np.array([[12.0, -9.0, 1.0]])
    moved = sure + np.array([[3e-3, -1e-3, 2e-3]])
    exact, rounded = np.empty((1, 3)), np.empty((1, 3), np.float32)
    DIVERGENCES[output](sure, moved, exact)
    DIVERGENCES[output](np.float32(sure), np.float32(moved), rounded)
    p, q = (softmax(z) if output == "softmax" else expit(z) for z in (sure, moved))
    assert_allclose(exact, q - p, rtol=1e-6)
    assert_allclose(rounded, exact, rtol=5e-3)


def test_even_the_largest_logits_give_finite_numbers():
    gradient = np.empty((2, 2), np.float32)
    far = np.array([[300, -300], [-300, 300]], np.float32)
    assert_allclose(of_softmax(far, far[::-1].copy(), gradient), 600)
    assert_array_equal(gradient, [[-1, 1], [1, -1]])


# -- what it leaves alone --------------------------------------------------------------------------


@pytest.mark.parametrize("batch_norm", ["before", "after"])
def test_running_statistics_come_from_the_plain_pass_alone(batch_norm):
    x, labels = samples_of(7, 5)
    networks = [network_of([5, 6, 3], batch_norm=batch_norm) for _ in range(2)]
    plain_step(networks[0], x, labels)
    Adversarial(networks[1], 0.5).loss_and_gradients(
        batch_of(x), labels, np.random.default_rng(SEED)
    )
    assert_array_equal(networks[0].statistics, networks[1].statistics)
    assert (networks[0].statistics != network_of([5, 6, 3], batch_norm=batch_norm).statistics).any()


def test_without_a_distance_there_is_no_term_whatever_the_dropout():
    network, (x, labels) = network_of([5, 30, 3], keep_prob=0.5), samples_of(7, 5)
    loss, gradients = plain_step(network, x, labels)
    near = Adversarial(network, 1e-9)
    assert_allclose(
        near.loss_and_gradients(batch_of(x), labels, np.random.default_rng(SEED)), loss, rtol=1e-12
    )
    assert_allclose(network.gradients, gradients, atol=1e-7)


def test_the_next_step_has_masks_of_its_own():
    network, (x, labels) = network_of([5, 30, 3], keep_prob=0.5), samples_of(7, 5)
    generator = np.random.default_rng(SEED)
    adversarial = Adversarial(network, 0.5)
    masks = []
    for _ in range(2):
        adversarial.loss_and_gradients(batch_of(x), labels, generator)
        masks.append(network.layers[1].buffer("_slope", 7, 30) != 0)
    assert (masks[0] != masks[1]).any()


def test_a_single_sample_in_batch_normalization_has_no_change_to_fear():
    network = network_of([5, 6, 3], batch_norm="before")
    x, labels = samples_of(7, 5)
    adversarial = Adversarial(network, 0.5)
    loss = adversarial.loss_and_gradients(batch_of(x[:1]), labels[:1], np.random.default_rng(SEED))
    gradients = network.gradients.copy()
    expected, expected_gradients = plain_step(network, x[:1], labels[:1])
    assert_allclose(loss, expected)
    assert_allclose(gradients, expected_gradients, atol=1e-12)


def test_off_means_that_nothing_is_different():
    off = make_trainer(clouds(50), adversarial=0.0)
    assert off.objective is off.network
    drawn = off.streams.dropout.bit_generator.state
    off.run()
    assert off.streams.dropout.bit_generator.state == drawn


# -- in training -----------------------------------------------------------------------------------


def images(kind):
    """Small pictures: their pixels, as fractions, mostly zeros, or without any zero."""
    data = pictures(56)
    fractions = data.features / 255
    features = {
        "pixels": data.features,
        "distorted": data.features,
        "float64": fractions,
        "float32": np.float32(fractions),
        "sparse": np.where(np.arange(42) % 5, 0, fractions),
        "dense": fractions + 0.1,
    }
    return Dataset(features[kind], data.labels, data.class_names, (6, 7), kind)


@pytest.mark.parametrize("kind", ["pixels", "distorted", "float64", "float32", "sparse", "dense"])
@pytest.mark.parametrize("batch_norm", ["none", "after"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-8), ("float32", 0.02)])
def test_all_kinds_of_inputs_train_alike_on_all_operations(
    monkeypatch, kind, batch_norm, dtype, tolerance
):
    settings = {"keep_prob": 0.9, "batch_norm": batch_norm, "dtype": dtype, "batch_size": 16}
    if kind == "distorted":
        settings["augment"] = {"rotation": 20.0, "shift": 1.0}

    def train(ops, epsilon):
        monkeypatch.setenv(VARIABLE, ops)
        trainer = make_trainer(images(kind), adversarial=epsilon, optimizer="momentum", **settings)
        assert trainer.run().ops == ops
        return trainer.network.parameters

    trained = [train(ops, 0.5) for ops in OPS]
    effect = np.linalg.norm(trained[0] - train("numpy", 0.0))
    assert effect > 0.05
    assert np.linalg.norm(trained[0] - trained[1]) <= tolerance * effect


@pytest.mark.parametrize("ops", OPS)
@pytest.mark.parametrize("share", [0.1, 0.9], ids=["few", "many"])
def test_rows_that_are_listed_move_as_any_others(monkeypatch, ops, share):
    monkeypatch.setenv(VARIABLE, ops)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(8, 40)) * (generator.random((8, 40)) < share)
    labels = generator.integers(0, 3, 8)
    found = []
    for batch, own in (
        (batch_of(x, fastest()), fastest()),
        (CsrBatch(NUMPY, sparse.csr_array(x)), NUMPY),
        (Batch(NUMPY, x.dtype), NUMPY),
    ):
        if not len(batch):
            batch.load(x)
        network = network_of([40, 6, 3], ops=own)
        loss = Adversarial(network, 0.7).loss_and_gradients(
            batch, labels, np.random.default_rng(SEED)
        )
        found.append(np.append(network.gradients, loss))
    assert_allclose(found[0], found[2], rtol=1e-9, atol=1e-12)
    assert_allclose(found[1], found[2], rtol=1e-9, atol=1e-12)


def test_a_trained_network_is_steadier_with_it():
    data = clouds(60, spread=1.0)
    steadiness = []
    for epsilon in (0.0, 1.0):
        trainer = make_trainer(data, adversarial=epsilon, epochs=30, learning_rate=0.1)
        trainer.run()
        x = data.features.astype(float)
        weights = trainer.network.dense_layers[0].weight
        assert np.isfinite(weights).all()
        p = softmax(trainer.network.infer(x.astype(trainer.network.dtype)), axis=1)
        nearby = x + np.random.default_rng(0).normal(0, 0.3, x.shape)
        q = softmax(trainer.network.infer(nearby.astype(trainer.network.dtype)), axis=1)
        steadiness.append(rel_entr(p, q).sum(axis=1).mean())
    assert steadiness[1] < 0.5 * steadiness[0]


def test_a_loss_that_is_not_finite_ends_the_step_before_the_term():
    network, (x, labels) = network_of([5, 6, 3]), samples_of(7, 5)
    network.parameters[:] = np.inf
    with np.errstate(all="ignore"):
        loss = Adversarial(network, 0.5).loss_and_gradients(
            batch_of(x), labels, np.random.default_rng(SEED)
        )
    assert not np.isfinite(loss)
    assert network.first_broken_layer() == (1, "weights")


@pytest.mark.parametrize(
    ("value", "said"), [(-1.0, "-1.0"), (float("inf"), "inf"), ("much", "'much'")]
)
def test_a_distance_that_is_none_is_refused_in_one_line(value, said):
    with pytest.raises(InputError) as caught:
        MLP([4, 3, 2]).train(np.zeros((8, 4)), np.arange(8) % 2, adversarial=value)
    assert str(caught.value).startswith(f"train: adversarial is {said}; expected ")
    assert "\n" not in str(caught.value)
