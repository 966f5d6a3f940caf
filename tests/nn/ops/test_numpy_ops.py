from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax
from scipy.special import softmax as scipy_softmax
from sklearn.metrics import log_loss

from inknet.nn.ops import dropout_mask, gather_scaled, softmax_cross_entropy


@st.composite
def classified(draw):
    """Logits and labels; some classes may be missing, and a batch may have one sample."""
    n, n_classes = draw(st.integers(1, 12)), draw(st.integers(2, 11))
    spread = draw(st.sampled_from([0.0, 1.0, 30.0, 1e4]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    present = draw(st.lists(st.integers(0, n_classes - 1), min_size=1, max_size=n_classes))
    return generator.normal(0, spread, (n, n_classes)), generator.choice(present, n)


@given(classified(), st.sampled_from([0.0, 0.1, 0.9]))
@settings(max_examples=80, deadline=None)
def test_loss_and_gradient_are_those_with_every_target_written_out(drawn, smoothing):
    logits, labels = drawn
    n, n_classes = logits.shape
    before, gradient = logits.copy(), np.full_like(logits, np.nan)
    loss = softmax_cross_entropy(logits, labels, smoothing, gradient)

    targets = np.full_like(logits, smoothing / n_classes)
    for sample, label in enumerate(labels):
        targets[sample, label] += 1 - smoothing
    expected = -(targets * log_softmax(logits, axis=1)).sum() / n
    assert loss == pytest.approx(expected, rel=1e-10, abs=1e-12)
    assert_allclose(gradient, (scipy_softmax(logits, axis=1) - targets) / n, atol=1e-13)
    assert_allclose(gradient.sum(axis=1), 0, atol=1e-13)
    assert_array_equal(logits, before)


def test_plain_loss_is_the_log_loss_of_scikit_learn():
    generator = np.random.default_rng(0)
    logits, labels = generator.normal(0, 2, (50, 6)), generator.integers(0, 5, 50)
    loss = softmax_cross_entropy(logits, labels, 0.0, np.empty_like(logits))
    expected = log_loss(labels, scipy_softmax(logits, axis=1), labels=range(6))
    assert loss == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_loss_worked_by_hand(smoothing):
    # p = (3/4, 1/4): logits log 3 and 0; the target is (1 - s/2, s/2)
    gradient = np.empty((1, 2))
    loss = softmax_cross_entropy(np.array([[log(3), 0.0]]), np.array([0]), smoothing, gradient)
    assert loss == pytest.approx(
        -(1 - smoothing / 2) * log(3 / 4) - smoothing / 2 * log(1 / 4), rel=1e-14
    )
    assert_allclose(gradient, [[-1 / 4 + smoothing / 2, 1 / 4 - smoothing / 2]], rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_extreme_logits_give_a_finite_loss_without_warnings(dtype, smoothing):
    logits = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 1e4], [1e4, 1e4, 1e4]], dtype)
    gradient = np.empty_like(logits)
    loss = softmax_cross_entropy(logits, np.array([1, 0, 2]), smoothing, gradient)
    targets = (1 - smoothing) * np.eye(3)[[1, 0, 2]] + smoothing / 3
    expected = -(targets * log_softmax(logits.astype("float64"), axis=1)).sum() / 3
    assert loss == pytest.approx(expected, rel=1e-6)
    assert np.isfinite(gradient).all()


def test_float32_loses_no_more_than_its_precision():
    generator = np.random.default_rng(0)
    logits, labels = generator.normal(0, 3, (999, 10)), generator.integers(0, 10, 999)
    narrow, wide = np.empty((999, 10), "float32"), np.empty((999, 10))
    loss = softmax_cross_entropy(logits.astype("float32"), labels, 0.1, narrow)
    assert loss == pytest.approx(softmax_cross_entropy(logits, labels, 0.1, wide), rel=1e-5)
    assert_allclose(narrow, wide, atol=1e-8)


# -- batches ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pixels_are_fetched_and_divided_by_255(dtype):
    features = np.arange(256, dtype=np.uint8).reshape(64, 4)
    rows = np.array([63, 0, 5, 5])
    out = np.full((4, 4), np.nan, dtype)
    gather_scaled(features, rows, np.empty((4, 4), np.uint8), out)
    assert_allclose(out, features[rows] / 255, rtol=np.finfo(dtype).eps)
    assert out.min() == 0
    assert out.max() == 1


@pytest.mark.parametrize("stored", ["float32", "float64"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_other_numbers_are_fetched_as_they_are(stored, dtype):
    features = np.random.default_rng(0).normal(size=(9, 3)).astype(stored)
    out = np.empty((2, 3), dtype)
    gather_scaled(features, np.array([8, 2]), np.empty((2, 3), stored), out)
    assert_array_equal(out, features[[8, 2]].astype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_mask_holds_zeros_and_the_inverse_of_keep_prob(dtype):
    mask = np.full((50, 40), np.nan, dtype)
    dropout_mask(np.random.default_rng(0), 0.8, mask)
    assert_array_equal(np.unique(mask), np.array([0, 1 / 0.8], dtype))
    drawn = np.random.default_rng(0).random((50, 40), dtype) < 0.8
    assert_array_equal(mask > 0, drawn)
