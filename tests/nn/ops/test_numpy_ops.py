from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import map_coordinates
from scipy.special import expit, log_expit, log_softmax
from scipy.special import softmax as scipy_softmax
from sklearn.metrics import log_loss
from splitting import GivenBits

from inknet.nn.ops import NUMPY
from inknet.nn.ops.numpy_ops import CHUNK

softmax_cross_entropy = NUMPY.softmax_cross_entropy


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


def loaded(features, dtype):
    batch = NUMPY.new_batch(np.dtype(dtype))
    batch.load(features)
    assert batch.features.dtype == dtype
    assert len(batch) == len(features)
    return batch


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pixels_are_divided_by_255(dtype):
    pixels = np.arange(256, dtype=np.uint8).reshape(64, 4)
    batch = loaded(pixels, dtype)
    assert_allclose(batch.features, pixels / 255, rtol=np.finfo(dtype).eps)
    assert batch.features.min() == 0
    assert batch.features.max() == 1


@pytest.mark.parametrize("stored", ["float32", "float64"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_other_numbers_are_taken_as_they_are(stored, dtype):
    features = np.random.default_rng(0).normal(size=(9, 3)).astype(stored)
    assert_array_equal(loaded(features, dtype).features, features.astype(dtype))


def test_a_batch_is_multiplied_from_both_sides_as_einstein_writes_it():
    generator = np.random.default_rng(0)
    x, weight = generator.normal(size=(6, 4)), generator.normal(size=(4, 3))
    bias, gradient = generator.normal(size=3), generator.normal(size=(6, 3))
    batch, product, transposed = loaded(x, "float64"), np.empty((6, 3)), np.empty((4, 3))
    batch.times(weight, bias, product)
    batch.transposed_times(gradient, transposed)
    assert_allclose(product, np.einsum("ni,ij->nj", x, weight) + bias, rtol=1e-13)
    assert_allclose(transposed, np.einsum("ni,nj->ij", x, gradient), rtol=1e-13)


def test_a_batch_takes_data_of_every_size_and_type_one_after_the_other():
    batch = NUMPY.new_batch(np.dtype("float32"))
    generator = np.random.default_rng(0)
    for n, d, dtype in ((3, 4, "u1"), (9, 4, "u1"), (2, 4, "f8"), (2, 7, "u1"), (5, 7, "f4")):
        x = (generator.random((n, d)) * 200).astype(dtype)
        batch.load(x)
        assert_allclose(batch.features, x / 255 if dtype == "u1" else x, rtol=1e-6)


# -- dropout ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("keep_prob", [0.001, 0.3, 0.8, 1.0])
def test_dropout_keeps_the_words_below_its_limit(dtype, keep_prob):
    words = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    x = np.random.default_rng(0).normal(size=words.shape).astype(dtype)
    mask, out = np.full((2, *x.shape), np.nan, dtype)
    NUMPY.drop(GivenBits(words), keep_prob, x, mask, out)
    kept = mask != 0
    assert abs(kept.mean() - keep_prob) <= 2**-17, "each word is as likely as any other"
    assert (words[kept] < keep_prob * 2**16).all()
    assert_array_equal(mask[kept], np.array(1 / keep_prob, dtype))
    assert_array_equal(out, x * mask)


# -- long vectors -------------------------------------------------------------------------------


def test_steps_go_on_over_the_end_of_a_chunk():
    n = 2 * CHUNK + 3
    generator = np.random.default_rng(0)
    before, gradients = generator.normal(size=(2, n))
    parameters = before.copy()
    NUMPY.descent_step(parameters, gradients, 0.5)
    assert_allclose(parameters, before - 0.5 * gradients, rtol=1e-12)

    parameters, velocity = before.copy(), np.zeros(n)
    NUMPY.momentum_step(parameters, gradients, velocity, 0.5, 0.75)
    assert_allclose(parameters, before - 0.125 * gradients, rtol=1e-12)

    parameters, mean, square = before.copy(), np.zeros(n), np.zeros(n)
    NUMPY.adam_step(parameters, gradients, mean, square, 0.5, 0.9, 0.999, 0.0, 1)
    assert_allclose(parameters, before - 0.5 * np.sign(gradients), rtol=1e-9, atol=1e-9)


# -- distortions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ground", [0, 200])
def test_warping_looks_pixels_up_as_scipy_does(ground):
    generator = np.random.default_rng(ground)
    n, height, width = 40, 14, 11
    images = generator.integers(0, 256, (n, height, width), dtype=np.uint8)
    rows = generator.permutation(n)
    matrices = generator.normal(0, 0.3, (n, 2, 3)).astype(np.float32)
    matrices[:, [0, 1], [0, 1]] += 1
    fields = generator.normal(0, 2, (n, 2, height, width)).astype(np.float32)
    out = np.empty((n, height * width), np.uint8)
    NUMPY.warp(images.reshape(n, -1), rows, matrices, fields, ground, out)
    y, x = np.mgrid[:height, :width]
    for i in range(n):
        m = matrices[i].astype("f8")
        places = [m[k, 0] * y + m[k, 1] * x + m[k, 2] + fields[i, k] for k in (0, 1)]
        expected = map_coordinates(
            images[rows[i]].astype("f8"), places, order=1, mode="grid-constant", cval=ground
        )
        # a place is rounded down by up to 1/256 of a pixel in each direction, a grey by half
        assert_allclose(out[i].reshape(height, width), expected, atol=2.5)
        assert np.abs(out[i].reshape(height, width) - expected).mean() < 0.7


# -- yes or no, and samples that count more than others ---------------------------------------------


@given(
    n=st.integers(1, 12),
    n_outputs=st.integers(1, 6),
    spread=st.sampled_from([0.0, 1.0, 30.0, 1e4]),
    smoothing=st.sampled_from([0.0, 0.1, 0.9]),
    weighted=st.booleans(),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=80, deadline=None)
def test_yes_or_no_is_the_binary_cross_entropy_of_scipys_sigmoid(
    n, n_outputs, spread, smoothing, weighted, seed
):
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, spread, (n, n_outputs))
    targets = generator.integers(0, 2, (n, n_outputs)).astype(float)
    weights = generator.uniform(0.1, 3, n) if weighted else None
    before, gradient = logits.copy(), np.full_like(logits, np.nan)
    loss = NUMPY.sigmoid_cross_entropy(logits, targets, smoothing, gradient, weights)
    t = (1 - smoothing) * targets + smoothing / 2
    share = np.full(n, 1 / n) if weights is None else weights / weights.sum()
    expected = -(share[:, None] * (t * log_expit(logits) + (1 - t) * log_expit(-logits))).sum()
    assert loss == pytest.approx(expected, rel=1e-10, abs=1e-12)
    assert_allclose(gradient, share[:, None] * (expit(logits) - t), atol=1e-13)
    assert_array_equal(logits, before)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("outputs", ["softmax", "sigmoid"])
def test_a_weight_of_three_is_three_times_the_same_sample(outputs, smoothing):
    generator = np.random.default_rng(0)
    logits, counts = generator.normal(0, 2, (5, 4)), np.array([1, 3, 0, 2, 1])
    labels = generator.integers(0, 4, 5)
    if outputs == "sigmoid":
        labels = np.eye(4)[labels]
    function = getattr(NUMPY, f"{outputs}_cross_entropy")
    gradient, repeated = np.empty_like(logits), np.empty((7, 4))
    loss = function(logits, labels, smoothing, gradient, counts.astype(float))
    expected = function(logits.repeat(counts, 0), labels.repeat(counts, 0), smoothing, repeated)
    assert loss == pytest.approx(expected, rel=1e-12)
    for i, count in enumerate(counts):
        of_sample = repeated[counts[:i].sum() :][:count].sum(axis=0)
        assert_allclose(gradient[i], of_sample, atol=1e-15)
