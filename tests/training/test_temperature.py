"""The temperature is what an optimizer of SciPy finds, and changes confidence alone."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from inknet import MLP
from inknet.data import load
from inknet.model_file import HIGHEST_TEMPERATURE, LOWEST_TEMPERATURE
from inknet.training import temperature as module
from inknet.training.temperature import fitted_temperature, to_probabilities


def logits_and_labels(true_temperature, n=4000, n_classes=7, seed=0, dtype="float64"):
    """Logits whose labels are drawn with probabilities at that temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 4, (n, n_classes)).astype(dtype)
    drawn = rng.gumbel(size=logits.shape) + logits / true_temperature
    return logits, drawn.argmax(axis=1)


def loss(logits, labels, b):
    return -log_softmax(b * logits.astype(np.float64), axis=1)[
        np.arange(len(labels)), labels
    ].mean()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("true_temperature", [0.3, 0.9, 1.0, 2.5, 20.0])
def test_it_is_the_minimum_that_scipy_finds(true_temperature, dtype):
    logits, labels = logits_and_labels(true_temperature, dtype=dtype)
    found = fitted_temperature(logits, labels)
    least = minimize_scalar(
        lambda b: loss(logits, labels, b),
        bounds=(0.01, 100),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert_allclose(found, 1 / least.x, rtol=1e-5)
    assert_allclose(found, true_temperature, rtol=0.2)


def test_large_and_small_logits_and_few_samples_are_fitted_too():
    logits, labels = logits_and_labels(1.0, n=40, n_classes=3)
    labels[0] = logits[0].argmin()
    expected = fitted_temperature(logits, labels)
    assert_allclose(fitted_temperature(20 * logits, labels), 20 * expected)
    assert_allclose(fitted_temperature(logits / 20, labels), expected / 20)
    assert_allclose(fitted_temperature(logits + 1e6, labels), expected, rtol=1e-6)


def test_blocks_do_not_change_it(monkeypatch):
    logits, labels = logits_and_labels(1.7, n=500)
    expected = fitted_temperature(logits, labels)
    monkeypatch.setattr(module, "BLOCK", 64)
    assert_allclose(fitted_temperature(logits, labels), expected, rtol=1e-12)


def test_samples_that_say_nothing_leave_it_at_one():
    logits, _ = logits_and_labels(1.0, n=50)
    assert fitted_temperature(logits, logits.argmax(axis=1)) == 1
    logits[0, 0] = -np.inf
    assert fitted_temperature(logits, logits.argmin(axis=1)) == 1


def test_it_stays_within_what_a_model_file_may_hold():
    logits, _ = logits_and_labels(1.0, n=50)
    assert fitted_temperature(logits, logits.argmin(axis=1)) == HIGHEST_TEMPERATURE
    tiny, labels = 1e-6 * logits, logits.argmax(axis=1)
    labels[0] = (labels[0] + 1) % 7
    assert fitted_temperature(tiny, labels) == LOWEST_TEMPERATURE


@pytest.mark.parametrize("temperature", [0.01, 0.5, 1.0, 3.0, 100.0])
def test_probabilities_are_those_of_scipy(temperature):
    logits = np.random.default_rng(0).normal(0, 5, (20, 4))
    logits[0] *= 1e305  # would overflow if it were divided at once
    expected = softmax((logits - logits.max(axis=1, keepdims=True)) / temperature, axis=1)
    to_probabilities(logits, temperature)
    assert_allclose(logits, expected, rtol=1e-12, atol=1e-300)


@pytest.fixture(scope="module")
def model():
    sample = load("sample")
    order = np.random.default_rng(0).permutation(5000)
    images, labels = sample.features[order].reshape(-1, 28, 28), sample.labels[order]
    model = MLP([784, 24, 10], random_seed=3)
    model.train(images[:2000], labels[:2000], num_epochs=8, label_smoothing=0.2)
    return model, images[2000:4000], labels[2000:4000]


def test_calibrating_a_model_changes_its_confidence_and_no_bit_of_its_weights(model):
    model, x, y = model
    weights, before = model.network.parameters.tobytes(), model.predict_proba(x)
    classes, loss_before = model.predict(x), model.evaluate(x, y).loss
    found = model.calibrate(x, y)
    assert found == model.facts.temperature < 0.9  # smoothed labels made it too modest
    assert model.network.parameters.tobytes() == weights
    assert_array_equal(model.predict(x), classes)
    assert model.evaluate(x, y).loss == loss_before
    assert_allclose(
        model.predict_proba(x),
        softmax(np.log(before.astype(float)) / found, axis=1),
        rtol=2e-4,
        atol=1e-7,
    )
    after = model.evaluate(x, y).calibration
    assert after.temperature == found
    assert after.after.error < after.before.error / 2
    model.facts = replace(model.facts, temperature=100.0)  # almost equal, in the same order
    assert_array_equal(model.predict(x), classes)


def test_a_further_training_forgets_it(model):
    model, x, y = model
    model.calibrate(x, y)
    assert model.facts.temperature != 1
    model.train(x[:100], y[:100], num_epochs=1)
    assert model.facts.temperature == 1
