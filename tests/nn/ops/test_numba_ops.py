"""Every compiled loop computes what its definition in NumPy says, up to rounding."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from splitting import GivenBits, split_among

from inknet.data import load
from inknet.data.augment import Distorter
from inknet.nn.activations import ACTIVATIONS
from inknet.nn.ops import NUMPY
from inknet.nn.ops.numba_ops import NumbaOps
from inknet.nn.ops.sparse import SPARSE

NUMBA = NumbaOps()
BOTH = (NUMPY, NUMBA)
FLOATS = ("float32", "float64")
DTYPES = st.sampled_from([np.dtype(name) for name in FLOATS])
ROWS = st.one_of(st.just(1), st.integers(1, 40))
WIDTHS = st.one_of(st.just(1), st.integers(1, 40), st.sampled_from([64, 128]))
SEEDS = st.integers(0, 2**32)
SHAPES = {"n": ROWS, "d": WIDTHS, "dtype": DTYPES, "seed": SEEDS}
many = settings(max_examples=120, deadline=None)


def normal(generator, shape, dtype, scale=1.0, center=0.0):
    return generator.normal(center, scale, shape).astype(dtype)


def empty(shape, dtype, number=1):
    """Arrays that show where nothing was written."""
    return np.full((number, *shape), np.nan, dtype)


def assert_close(found, expected, size, n_roundings):
    """Hold two results equal but for some roundings of numbers as large as ``size``."""
    assert found.dtype == expected.dtype
    assert_array_equal(np.isfinite(found), np.isfinite(expected))
    finite = np.isfinite(expected)
    assert_array_equal(found[~finite], expected[~finite])
    limit = n_roundings * np.finfo(expected.dtype).eps * np.broadcast_to(size, expected.shape)
    error = np.abs(found[finite].astype("f8") - expected[finite].astype("f8"))
    assert (error <= limit[finite]).all(), f"{(error / limit[finite]).max()} times the limit"


# -- between the products -------------------------------------------------------------------------

SPECIAL = np.array([0.0, -0.0, 1e-40, -1e-40, 3e38, -3e38, np.nan, np.inf, -np.inf])


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@given(**SHAPES, share_of_special=st.sampled_from([0.0, 0.0, 0.2]))
@many
def test_activations_and_their_slopes_have_the_same_bits(name, n, d, dtype, seed, share_of_special):
    generator = np.random.default_rng(seed)
    z = normal(generator, (n, d), dtype, 10)
    special = generator.random(z.shape) < share_of_special
    z[special] = generator.choice(SPECIAL, special.sum()).astype(dtype)
    before, results = z.copy(), []
    for ops in BOTH:
        out, slope = empty(z.shape, dtype, 2)
        ops.activate(ACTIVATIONS[name], z, out, slope)
        results.append((out, slope))
    assert_array_equal(z, before)
    for found, expected in zip(*results[::-1], strict=True):
        assert_array_equal(found, expected)


@given(**SHAPES, keep_prob=st.one_of(st.floats(1e-3, 1), st.sampled_from([0.5, 2**-16, 1.0])))
@many
def test_dropout_has_the_same_bits(n, d, dtype, seed, keep_prob):
    generator = np.random.default_rng(seed)
    x = normal(generator, (n, d), dtype)
    words = generator.integers(0, 2**16, (n, d), dtype=np.uint16)
    limit = round(keep_prob * 2**16)  # and around it
    words.flat[0], words.flat[-1] = limit - 1, min(limit, 2**16 - 1)
    results = []
    for ops in BOTH:
        mask, out = empty(x.shape, dtype, 2)
        ops.drop(GivenBits(words), keep_prob, x, mask, out)
        results.append((mask, out))
    for found, expected in zip(*results[::-1], strict=True):
        assert_array_equal(found, expected)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@given(
    **SHAPES,
    keep_prob=st.one_of(st.floats(1e-3, 1), st.just(0.5)),
    share_of_special=st.sampled_from([0.0, 0.0, 0.2]),
)
@many
def test_activations_with_dropout_are_equal(name, n, d, dtype, seed, keep_prob, share_of_special):
    generator = np.random.default_rng(seed)
    z = normal(generator, (n, d), dtype, 10)
    special = generator.random(z.shape) < share_of_special
    z[special] = generator.choice(SPECIAL[2:], special.sum()).clip(-1e30, 1e30).astype(dtype)
    infinite = special & (generator.random(z.shape) < 0.3)
    z[infinite] = generator.choice([-np.inf, np.inf], infinite.sum())
    words = generator.integers(0, 2**16, (n, d), dtype=np.uint16)
    before, results = z.copy(), []
    for ops in BOTH:
        out, slope = empty(z.shape, dtype, 2)
        with np.errstate(invalid="ignore"):  # 0 · infinity
            ops.activate_and_drop(ACTIVATIONS[name], GivenBits(words), keep_prob, z, out, slope)
        results.append((out, slope))
    assert_array_equal(z, before)
    for found, expected in zip(*results[::-1], strict=True):
        # an activation's slope and the mask may be multiplied first, or its value and the mask
        size = np.abs(expected) + np.finfo(dtype).tiny / keep_prob
        assert_close(found, expected, size, 4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", FLOATS)
def test_dropout_of_what_is_no_number_is_no_number(dtype, bad):
    x = np.array([[bad, bad, 1.0]], dtype)
    results = []
    for ops in BOTH:
        mask, out = empty(x.shape, dtype, 2)
        with np.errstate(invalid="ignore"):
            ops.drop(GivenBits(np.array([[0, 65535, 0]], np.uint16)), 0.5, x, mask, out)
        results.append(out)
    assert_array_equal(*results)
    assert np.isnan(results[1][0, 1]), "0 times it"


@given(**SHAPES, special=st.sampled_from([None, np.nan, np.inf]))
@many
def test_column_sums_are_equal(n, d, dtype, seed, special):
    generator = np.random.default_rng(seed)
    x = normal(generator, (n, d), dtype)
    if special is not None:
        x[generator.integers(n), generator.integers(d)] = special
    found, expected = empty((d,), dtype, 2)
    NUMBA.column_sums(x, found)
    NUMPY.column_sums(x, expected)
    with np.errstate(invalid="ignore"):
        size = np.abs(x).sum(axis=0)
    assert_close(found, expected, size, 2 * n)


# -- the loss -------------------------------------------------------------------------------------


def losses_and_gradients(logits, labels, smoothing):
    results = []
    before = logits.copy()
    for ops in BOTH:
        (gradient,) = empty(logits.shape, logits.dtype)
        with np.errstate(invalid="ignore", over="ignore"):
            loss = ops.softmax_cross_entropy(logits, labels, smoothing, gradient)
        results.append((loss, gradient))
    assert_array_equal(logits, before)
    return results


@given(
    n=ROWS,
    n_classes=st.one_of(st.integers(2, 20), st.just(64)),
    dtype=DTYPES,
    seed=SEEDS,
    spread=st.sampled_from([0.0, 1.0, 30.0, 1e4, 1e30]),
    smoothing=st.sampled_from([0.0, 0.1, 0.9]),
)
@many
def test_losses_and_their_gradients_are_equal(n, n_classes, dtype, seed, spread, smoothing):
    generator = np.random.default_rng(seed)
    logits = normal(generator, (n, n_classes), dtype, spread)
    labels = generator.integers(0, n_classes, n)
    (expected_loss, expected), (loss, gradient) = losses_and_gradients(logits, labels, smoothing)
    eps = float(np.finfo(dtype).eps)
    size = 1 + float(np.ptp(logits, axis=1).max())
    assert abs(loss - expected_loss) <= 16 * eps * (n + n_classes) * size
    # an exponent that is off by a rounding makes its probability off by as much
    assert_close(gradient, expected, 1 / n, 8 * n_classes)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_logits_that_are_no_numbers_do_to_the_loss_what_they_do_in_numpy(
    dtype, smoothing, bad, place
):
    logits = normal(np.random.default_rng(0), (3, 4), dtype)
    logits[1, place] = bad
    labels = np.array([0, 1, 2])
    (expected_loss, expected), (loss, gradient) = losses_and_gradients(logits, labels, smoothing)
    assert np.isnan(expected_loss) or np.isinf(expected_loss) or bad == -np.inf
    assert loss == pytest.approx(expected_loss, rel=1e-5, nan_ok=True)
    assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)


# -- batch normalization --------------------------------------------------------------------------


def norm_arguments(generator, n, d, dtype, center, scale):
    x = normal(generator, (n, d), dtype, scale, center)
    gamma, beta, mean = normal(generator, (3, d), dtype)
    variance = generator.uniform(0.5, 2, d).astype(dtype)
    return x, gamma, beta, mean, variance


@given(
    **SHAPES, center=st.sampled_from([0.0, 3.0, -100.0]), scale=st.sampled_from([0.0, 1e-3, 2.0])
)
@example(n=1, d=7, dtype=np.dtype("float32"), seed=0, center=3.0, scale=2.0)
@example(n=2, d=1, dtype=np.dtype("float64"), seed=0, center=3.0, scale=2.0)
@many
def test_batch_norm_is_equal_both_ways(n, d, dtype, seed, center, scale):
    generator = np.random.default_rng(seed)
    x, gamma, beta, mean, variance = norm_arguments(generator, n, d, dtype, center, scale)
    upstream = normal(generator, (n, d), dtype)
    before, results = x.copy(), []
    for ops in BOTH:
        running_mean, running_var = mean.copy(), variance.copy()
        normalized, out = empty((n, d), dtype, 2)
        (deviation,) = empty((d,), dtype)
        ops.batch_norm_forward(
            x,
            gamma,
            beta,
            running_mean,
            running_var,
            0.1,
            1e-5,
            normalized,
            deviation,
            out,
        )
        results.append((normalized.copy(), deviation, out, running_mean, running_var))
    assert_array_equal(x, before)
    found, expected = results[::-1]
    # what is lost when a mean is taken off is lost before the division by the deviation
    lost = 1 + np.abs(x).max(axis=0) / expected[1]
    sizes = [
        lost,
        np.abs(x).max(axis=0) + expected[1],
        1 + np.abs(gamma) * lost,
        1 + np.abs(x).max(axis=0),
        (1 + np.abs(x).max(axis=0)) ** 2,
    ]
    for one, other, size in zip(found, expected, sizes, strict=True):
        assert_close(one, other, size, 8 * n)
    if n == 1:
        assert_array_equal(found[3], mean)
        assert_array_equal(found[4], variance)

    normalized, deviation = expected[:2]
    ways_back = []
    for ops in BOTH:
        gradient = upstream.copy()
        gamma_gradient, beta_gradient = empty((d,), dtype, 2)
        ops.batch_norm_backward(
            gradient, normalized.copy(), deviation, gamma, gamma_gradient, beta_gradient
        )
        ways_back.append((gradient, gamma_gradient, beta_gradient))
    width = 1 + np.abs(normalized).max(axis=0)
    height = np.abs(upstream).max(axis=0)
    sizes = [np.abs(gamma) / deviation * height * width**2, n * height * width, n * height]
    for one, other, size in zip(*ways_back[::-1], sizes, strict=True):
        assert_close(one, other, size, 8 * n)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_feature_that_is_no_number_spoils_its_own_column_alone(dtype, bad):
    generator = np.random.default_rng(0)
    x, gamma, beta, mean, variance = norm_arguments(generator, 5, 3, dtype, 0.0, 1.0)
    x[2, 1] = bad
    normalized, out = empty((5, 3), dtype, 2)
    (deviation,) = empty((3,), dtype)
    NUMBA.batch_norm_forward(x, gamma, beta, mean, variance, 0.1, 1e-5, normalized, deviation, out)
    gradient = normal(generator, (5, 3), dtype)
    gamma_gradient, beta_gradient = empty((3,), dtype, 2)
    NUMBA.batch_norm_backward(gradient, normalized, deviation, gamma, gamma_gradient, beta_gradient)
    for array in (out, gradient):
        assert_array_equal(np.isnan(array).all(axis=0), [False, True, False])
        assert_array_equal(np.isnan(array).any(axis=0), [False, True, False])
    assert_array_equal(np.isfinite(mean), [True, False, True])
    assert_array_equal(np.isfinite(variance), [True, False, True])
    assert_array_equal(np.isnan(gamma_gradient), [False, True, False])


# -- steps ----------------------------------------------------------------------------------------

N_STEPS = 7


def gradients_of_many_sizes(n, dtype, seed):
    generator = np.random.default_rng(seed)
    gradients = generator.normal(size=(N_STEPS, n)) * 10 ** generator.uniform(-6, 3, n)
    gradients[:, generator.random(n) < 0.2] = 0  # as of a weight from a pixel that is always 0
    return gradients.astype(dtype)


@given(n=st.one_of(st.integers(1, 70), st.just(70_001)), dtype=DTYPES, seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_adding_a_multiple_is_equal(n, dtype, seed):
    generator = np.random.default_rng(seed)
    x, out = normal(generator, (2, n), dtype)
    found, expected = out.copy(), out.copy()
    NUMBA.add_scaled(x, -0.3, found)
    NUMPY.add_scaled(x, -0.3, expected)
    assert_close(found, expected, np.abs(x) + np.abs(out), 2)


@given(n=st.integers(1, 70), dtype=DTYPES, seed=SEEDS, beta=st.sampled_from([0.0, 0.5, 0.9]))
@settings(max_examples=40, deadline=None)
def test_steps_of_momentum_are_equal(n, dtype, seed, beta):
    gradients = gradients_of_many_sizes(n, dtype, seed)
    results = []
    for ops in BOTH:
        parameters, velocity = np.ones(n, dtype), np.zeros(n, dtype)
        for gradient in gradients:
            ops.momentum_step(parameters, gradient, velocity, 0.1, beta)
        results.append((parameters, velocity))
    size = np.abs(gradients).max(axis=0)
    assert_close(results[1][0], results[0][0], 1 + size, 4 * N_STEPS)
    assert_close(results[1][1], results[0][1], size, 4 * N_STEPS)


@given(
    n=st.integers(1, 70),
    dtype=DTYPES,
    seed=SEEDS,
    betas=st.sampled_from([(0.9, 0.999), (0.0, 0.9), (0.5, 0.99)]),
    epsilon=st.sampled_from([1e-8, 1e-3]),
)
@settings(max_examples=60, deadline=None)
def test_steps_of_adam_are_equal(n, dtype, seed, betas, epsilon):
    gradients = gradients_of_many_sizes(n, dtype, seed)
    results = []
    for ops in BOTH:
        parameters, mean, square = np.ones(n, dtype), *np.zeros((2, n), dtype)
        for number, gradient in enumerate(gradients, 1):
            ops.adam_step(parameters, gradient, mean, square, 0.01, *betas, epsilon, number)
        results.append((parameters, mean, square))
    size = np.abs(gradients).max(axis=0)
    for found, expected, one_size in zip(*results[::-1], (1, size, size**2), strict=True):
        assert_close(found, expected, one_size, 8 * N_STEPS)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_no_number_spoils_its_own_parameter_alone(dtype, bad):
    gradients = np.array([1.0, bad, -1.0], dtype)
    for step in (
        lambda p: NUMBA.descent_step(p, gradients, 0.1),
        lambda p: NUMBA.momentum_step(p, gradients, np.zeros(3, dtype), 0.1, 0.9),
        lambda p: NUMBA.velocity_step(p, gradients, np.zeros(3, dtype), 0.1, 0.9, True),
        lambda p: NUMBA.adam_step(p, gradients, *np.zeros((2, 3), dtype), 0.1, 0.9, 0.999, 1e-8, 1),
    ):
        parameters = np.ones(3, dtype)
        step(parameters)
        assert_array_equal(np.isfinite(parameters), [True, False, True])


@given(n=st.integers(1, 70), dtype=DTYPES, seed=SEEDS, decay=st.floats(0, 0.5))
@settings(max_examples=30, deadline=None)
def test_steps_of_adam_that_shrink_the_weights_are_equal(n, dtype, seed, decay):
    gradients = gradients_of_many_sizes(n, dtype, seed)
    results = []
    for ops in BOTH:
        parameters, mean, square = np.ones(n, dtype), *np.zeros((2, n), dtype)
        for number, g in enumerate(gradients, 1):
            ops.adam_step(parameters, g, mean, square, 0.01, 0.9, 0.999, 1e-8, number, decay)
        results.append(parameters)
    assert_close(results[1], results[0], 1, 8 * N_STEPS)


@given(n=st.integers(1, 70), dtype=DTYPES, seed=SEEDS, rate=st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_running_averages_are_equal(n, dtype, seed, rate):
    generator = np.random.default_rng(seed)
    average, values = normal(generator, (2, n), dtype)
    found, expected = average.copy(), average.copy()
    NUMBA.average_step(found, values, rate)
    NUMPY.average_step(expected, values, rate)
    assert_close(found, expected, np.abs(average) + np.abs(values), 4)


# -- distortions ----------------------------------------------------------------------------------


def warped(ops, pixels, rows, matrices, fields, ground=0):
    out = np.full((len(rows), pixels.shape[1]), 77, np.uint8)
    ops.warp(pixels, rows, matrices, fields, ground, out)
    return out


@given(
    n=st.integers(1, 8),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    seed=SEEDS,
    spread=st.sampled_from([0.0, 0.3, 3.0, 100.0, 1e20, 1e38]),
    ground=st.integers(0, 255),
)
@many
def test_warped_images_have_the_same_bits(n, height, width, seed, spread, ground):
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (n + 3, height * width), dtype=np.uint8)
    rows = generator.integers(0, n + 3, n)
    matrices = normal(generator, (n, 2, 3), "float32", min(spread, 1e20))
    matrices[:, [0, 1], [0, 1]] += 1
    fields = normal(generator, (n, 2, height, width), "float32").clip(-3, 3)
    fields *= np.float32(spread)
    found, expected = (warped(ops, pixels, rows, matrices, fields, ground) for ops in BOTH[::-1])
    assert_array_equal(found, expected)
    if spread == 0:
        assert_array_equal(found, pixels[rows])


def test_thousands_of_distorted_digits_have_the_same_bits():
    digits = load("sample")
    distorter = Distorter(
        (28, 28), rotation=15, shear=15, scale=0.15, shift=1, elastic_alpha=36, gentle=[1, 7]
    )
    rows = np.arange(5000)
    for seed in (0, 1):
        drawn = distorter.draw(np.random.default_rng(seed), digits.targets)
        found, expected = (warped(ops, digits.features, rows, *drawn) for ops in BOTH[::-1])
        assert_array_equal(found, expected)
        assert (found != digits.features).any(axis=1).mean() > 0.99


def test_rows_that_do_not_lie_together_are_warped_too():
    pixels = np.arange(24, dtype=np.uint8).reshape(6, 4)[::2]
    matrices, fields = np.zeros((2, 2, 3), np.float32), np.zeros((2, 2, 2, 2), np.float32)
    matrices[:, [0, 1], [0, 1]] = 1
    assert_array_equal(warped(NUMBA, pixels, np.array([2, 0]), matrices, fields), pixels[[2, 0]])


# -- the first layer ------------------------------------------------------------------------------


@st.composite
def rows_of_features(draw):
    """Rows of every type, some full and some empty, laid out in memory in several ways."""
    n = draw(st.integers(1, 30))
    d = draw(st.one_of(st.integers(1, 40), st.sampled_from([8, 64, 784])))
    generator = np.random.default_rng(draw(SEEDS))
    dtype = draw(st.sampled_from(["uint8", "float32", "float64"]))
    density = draw(st.sampled_from([0.0, 0.02, 0.2, 0.29, 0.31, 0.7, 1.0]))
    if dtype == "uint8":
        x = generator.integers(1, 256, (n, d), dtype=np.uint8)
    else:
        x = normal(generator, (n, d), dtype)
    x[generator.random(x.shape) >= density] = 0
    if draw(st.booleans()):
        x[generator.random(n) < 0.3] = 0  # some rows are empty
    layout = draw(st.sampled_from(["rows", "rows", "rows", "every other", "columns", "by column"]))
    if layout == "every other":
        x = np.repeat(x, 2, axis=0)[::2]
    elif layout == "columns":
        x = np.concatenate([x, x], axis=1)[:, :d]
    elif layout == "by column":
        x = np.asfortranarray(x)
    return x


def hold_products_equal(batches, x, k, seed, *, is_transposed_first=False):
    """Load x into NumPy's batch and numba's; compare their products with k columns."""
    dtype = batches[0].dtype
    generator = np.random.default_rng(seed)
    n, d = x.shape
    weight, gradient = normal(generator, (d, k), dtype), normal(generator, (n, k), dtype)
    bias = normal(generator, k, dtype)
    results = []
    for batch in batches:
        batch.load(x)
        assert len(batch) == n
        (product,), (transposed,) = empty((n, k), dtype), empty((d, k), dtype)
        if is_transposed_first:
            batch.transposed_times(gradient, transposed)
        batch.times(weight, bias, product)
        if not is_transposed_first:
            batch.transposed_times(gradient, transposed)
        results.append((product, transposed))
    scale = 255 if x.dtype == np.uint8 else 1
    sizes = (
        np.abs(x / scale) @ np.abs(weight) + np.abs(bias),
        np.abs(x / scale).T @ np.abs(gradient),
    )
    for found, expected, size, length in zip(*results[::-1], sizes, (d, n), strict=True):
        assert_close(found, expected, size, 2 * length + 4)


@given(
    loads=st.lists(rows_of_features(), min_size=1, max_size=4),
    k=st.one_of(st.just(1), st.integers(1, 40), st.integers(41, 400)),
    dtype=DTYPES,
    seed=SEEDS,
    is_transposed_first=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_products_are_equal_for_whatever_a_batch_takes_in(
    loads, k, dtype, seed, is_transposed_first
):
    batches = [ops.new_batch(dtype) for ops in BOTH]
    for x in loads:  # growing, shrinking, of another width or type: one batch takes them all
        hold_products_equal(batches, x, k, seed, is_transposed_first=is_transposed_first)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("stored", ["uint8", "float32"])
@pytest.mark.parametrize("d", [40, 43])
@pytest.mark.parametrize("n", [1, 2, 3, 8, 9])
@pytest.mark.parametrize("n_nonzero", [0, 1, 8])
def test_whoever_has_no_partner_is_multiplied_alone(dtype, stored, d, n, n_nonzero):
    generator = np.random.default_rng(n_nonzero)
    x = np.zeros((n, d), stored)
    for row in x[::2]:
        row[generator.choice(d, n_nonzero, replace=False)] = generator.integers(1, 256, n_nonzero)
    x[-1, -1] = 7
    batches = [ops.new_batch(np.dtype(dtype)) for ops in BOTH]
    hold_products_equal(batches, x, 5, 0)


@pytest.mark.parametrize("stored", ["uint8", "float64"])
@pytest.mark.parametrize("make", ["read-only", "unaligned"])
@pytest.mark.parametrize("d", [16, 19])
def test_rows_may_lie_anywhere_and_be_read_only(stored, make, d):
    generator = np.random.default_rng(0)
    x = (generator.random((6, d)) < 0.1).astype(stored) * 7
    if make == "unaligned":
        memory = np.zeros(x.nbytes + 1, np.uint8)
        memory[1:] = np.frombuffer(x.tobytes(), np.uint8)
        x = memory[1:].view(stored).reshape(x.shape)
    else:
        x.flags.writeable = False
    hold_products_equal([ops.new_batch(np.dtype("float64")) for ops in BOTH], x, 5, 0)


@pytest.mark.parametrize("share_of_zeros", [0.0, 0.9])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_feature_that_is_no_number_spoils_the_same_products(share_of_zeros, bad):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(7, 20)) * (generator.random((7, 20)) >= share_of_zeros)
    x[3, 4] = bad
    batches = [ops.new_batch(np.dtype("float64")) for ops in BOTH]
    with np.errstate(invalid="ignore"):
        hold_products_equal(batches, x, 5, 0)


def test_a_batch_for_use_alone_is_multiplied_from_one_side():
    x = np.zeros((4, 16), np.uint8)
    x[1, 3], x[3, 9] = 255, 51
    batch, product = NUMBA.new_batch(np.dtype("float64")), np.empty((4, 2))
    batch.load(x, training=False)
    weight = np.random.default_rng(0).normal(size=(16, 2))
    batch.times(weight, np.zeros(2), product)
    assert_allclose(product, [[0, 0], weight[3], [0, 0], 0.2 * weight[9]], rtol=1e-15)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("k", [1, 7, 8, 9, 15, 16, 17, 33, 63, 64, 127, 128, 129, 200, 260])
def test_blocks_of_columns_fill_every_width(dtype, k):
    x = np.random.default_rng(k).integers(0, 2, (5, 30)).astype(np.uint8)
    x[:, 5:] = 0
    batches = [ops.new_batch(np.dtype(dtype)) for ops in BOTH]
    hold_products_equal(batches, x, k, 0)


def test_processors_with_smaller_registers_compute_the_same(tmp_path):
    """Run the loops for them here, in a process that compiles anew."""
    code = """
import numpy as np
from inknet.nn.ops import vectors
vectors.LARGEST_BLOCK = 2
from inknet.nn.ops.numba_ops import NumbaOps
x = (np.arange(5 * 30) % 7 == 0).reshape(5, 30).astype(np.uint8)
weight = np.random.default_rng(0).normal(size=(30, 100)).astype(np.float32)
batch, product = NumbaOps().new_batch(weight.dtype), np.empty((5, 100), np.float32)
batch.load(x)
batch.times(weight, weight[0], product)
np.testing.assert_allclose(product, x / 255 @ weight + weight[0], rtol=1e-5, atol=1e-6)
"""
    settings = {"NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path)}
    environment = {**os.environ, **settings}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_zeros_are_skipped_only_where_there_are_enough_of_them():
    most = int(100 * SPARSE)
    for in_one, in_both, skips in (
        (0, 100, False),
        (0, most + 1, False),
        (0, most, True),
        (most, 0, True),
        (most, 1, False),
        (0, 0, True),
    ):
        x = np.zeros((10, 100), np.uint8)
        x[::2, :in_one] = 1  # of each pair of samples
        x[:, in_one : in_one + in_both] = 1
        dtype = np.dtype("float32")
        alone = NUMBA.new_batch(dtype)
        alone.load(x)
        (fetched,) = NUMBA.new_group(1, 10, 100, dtype).load(x, np.arange(10))
        # what is listed is not kept as rows
        assert [len(batch.features) == 0 for batch in (alone, fetched)] == [skips, skips]


@st.composite
def orders(draw):
    """Rows to fetch from features, in an order in which some may come twice."""
    x = draw(rows_of_features())
    return x, draw(arrays(np.intp, st.integers(1, 40), elements=st.integers(0, len(x) - 1)))


@given(
    loads=st.lists(orders(), min_size=1, max_size=3),
    batch_size=st.integers(1, 41),
    dtype=DTYPES,
    training=st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_batches_that_are_fetched_together_are_equal(loads, batch_size, dtype, training):
    d = loads[0][0].shape[1]
    loads = [(x, rows) for x, rows in loads if x.shape[1] == d]
    n_batches = max(-(-len(rows) // batch_size) for _, rows in loads)
    groups = [ops.new_group(n_batches, batch_size, d, dtype) for ops in BOTH]
    generator = np.random.default_rng(0)
    weight, bias = normal(generator, (d, 3), dtype), normal(generator, 3, dtype)
    for x, rows in loads:
        before = x.copy()
        expected, found = (group.load(x, rows, training=training) for group in groups)
        assert_array_equal(x, before)
        sizes = [len(rows[i : i + batch_size]) for i in range(0, len(rows), batch_size)]
        assert [len(batch) for batch in expected] == [len(batch) for batch in found] == sizes
        scale = 255 if x.dtype == np.uint8 else 1
        fetched = np.split(x[rows] / scale, np.cumsum(sizes)[:-1])
        for plain, fast, rows_of_it in zip(expected, found, fetched, strict=True):
            assert_close(plain.features, rows_of_it.astype(dtype), np.abs(rows_of_it), 2)
            results = empty((len(rows_of_it), 3), dtype, 2)
            for batch, result in zip((plain, fast), results, strict=True):
                batch.times(weight, bias, result)
            size = np.abs(rows_of_it) @ np.abs(weight) + np.abs(bias)
            assert_close(results[1], results[0], size, 2 * d + 4)
            if training:
                gradient = normal(generator, (len(rows_of_it), 3), dtype)
                results = empty((d, 3), dtype, 2)
                for batch, result in zip((plain, fast), results, strict=True):
                    batch.transposed_times(gradient, result)
                size = np.abs(rows_of_it).T @ np.abs(gradient)
                assert_close(results[1], results[0], size, 2 * len(rows_of_it) + 4)


def test_a_group_reads_a_mapped_file(tmp_path):
    np.save(tmp_path / "x.npy", (np.arange(6 * 16) % 7 == 0).reshape(6, 16).astype(np.uint8))
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    dtype = np.dtype("float64")
    (batch,) = NUMBA.new_group(1, 6, 16, dtype).load(x, np.array([5, 0, 5]))
    product = np.empty((3, 16))
    batch.times(np.eye(16), np.zeros(16), product)
    assert_allclose(product, x[[5, 0, 5]] / 255, rtol=1e-15)


# -- split among threads --------------------------------------------------------------------------


@pytest.mark.parametrize("n_cores", [1, 2, 3, 5])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [1, 2, 13, 64])
def test_a_split_kernel_has_the_same_bits_as_a_whole_one(n_cores, dtype, n):
    generator = np.random.default_rng(n)
    vectors = normal(generator, (4, n), dtype)
    vectors[3] **= 2  # the mean square of Adam
    x = generator.integers(1, 256, (n, 24), dtype=np.uint8) * (generator.random((n, 24)) < 0.2)
    weight, bias = normal(generator, (24, 5), dtype), normal(generator, 5, dtype)
    gradient = normal(generator, (n, 5), dtype)

    def results(ops):
        steps = (
            lambda p, g, m, v: ops.add_scaled(g, 0.3, p),
            lambda p, g, m, v: ops.descent_step(p, g, 0.1),
            lambda p, g, m, v: ops.momentum_step(p, g, m, 0.1, 0.9),
            lambda p, g, m, v: ops.velocity_step(p, g, m, 0.1, 0.9, True),
            lambda p, g, m, v: ops.adam_step(p, g, m, v, 0.1, 0.9, 0.999, 1e-8, 3, 0.01),
            lambda p, g, m, v: ops.average_step(p, g, 0.1),
        )
        for step in steps:
            parameters, gradients, mean, square = vectors.copy()
            step(parameters, gradients, mean, square)
            yield from (parameters, mean, square)
        batch = ops.new_batch(np.dtype(dtype))
        batch.load(x.astype(np.uint8))
        (product,), (transposed,) = empty((n, 5), dtype), empty((24, 5), dtype)
        batch.times(weight, bias, product)
        batch.transposed_times(gradient, transposed)
        yield from (product, transposed)

    whole = list(results(NUMBA))
    with split_among(n_cores):
        for found, expected in zip(results(NumbaOps(parallel=True)), whole, strict=True):
            assert_array_equal(found, expected)


@given(
    n=st.integers(1, 30),
    d=st.integers(1, 30),
    k=st.integers(1, 30),
    dtype=DTYPES,
    seed=SEEDS,
    n_cores=st.integers(1, 5),
    is_transposed=st.tuples(st.booleans(), st.booleans()),
)
@settings(max_examples=80, deadline=None)
def test_a_split_matrix_product_is_equal_to_a_whole_one(
    n, d, k, dtype, seed, n_cores, is_transposed
):
    generator = np.random.default_rng(seed)
    a, b = normal(generator, (n, d), dtype), normal(generator, (d, k), dtype)
    size = np.abs(a) @ np.abs(b)
    a = np.ascontiguousarray(a.T).T if is_transposed[0] else a
    b = np.ascontiguousarray(b.T).T if is_transposed[1] else b
    (found,) = empty((n, k), dtype)
    with split_among(n_cores):
        NumbaOps(parallel=True).matmul(a, b, found)
    assert_close(found, a @ b, size, 2 * d)


# -- rows that are taken from lists -----------------------------------------------------------------


@given(
    n_stored=st.integers(1, 30),
    d=st.integers(1, 20),
    n_taken=st.integers(1, 50),
    batch_size=st.integers(1, 20),
    dtype=DTYPES,
    training=st.booleans(),
    seed=SEEDS,
)
@many
def test_rows_taken_from_lists_are_multiplied_as_dense_ones(
    n_stored, d, n_taken, batch_size, dtype, training, seed
):
    generator = np.random.default_rng(seed)
    features = np.where(
        generator.random((n_stored, d)) < 0.8, 0, normal(generator, (n_stored, d), dtype)
    )
    matrix = csr_array(features.astype(dtype))
    listed = NUMBA.listed_rows(matrix.data, matrix.indices, matrix.indptr, d)
    weight, bias = normal(generator, (d, 3), dtype), normal(generator, 3, dtype)
    assert NUMPY.listed_rows(matrix.data, matrix.indices, matrix.indptr, d) is None
    assert listed is not None
    orders = generator.integers(0, n_stored, (2, n_taken))
    slots = [
        listed.load(order, batch_size, slot, training=training) for slot, order in enumerate(orders)
    ]
    for order, batches in zip(orders, slots, strict=True):
        assert len(batches) == -(-n_taken // batch_size)
        for number, batch in enumerate(batches):
            x = features[order[number * batch_size :][:batch_size]].astype(dtype)
            (out,) = empty((len(x), 3), dtype)
            batch.times(weight, bias, out)
            assert_close(out, x @ weight + bias, np.abs(x) @ np.abs(weight) + np.abs(bias), 4 * d)
            if training:
                upstream, (gradient,) = normal(generator, (len(x), 3), dtype), empty((d, 3), dtype)
                batch.transposed_times(upstream, gradient)
                assert_close(gradient, x.T @ upstream, np.abs(x).T @ np.abs(upstream), 4 * len(x))


def test_dense_rows_are_listed_only_where_there_are_enough_zeros():
    features = np.zeros((10, 10), np.float32)
    features.flat[:25] = 1
    assert NUMPY.list_rows(features) is None
    listed = NUMBA.list_rows(features)
    assert listed is not None
    (batch,) = listed.load(np.arange(10), 10, 0)
    (out,) = empty((10, 1), np.float32)
    batch.times(np.ones((10, 1), np.float32), np.zeros(1, np.float32), out)
    assert_array_equal(out.ravel(), features.sum(axis=1))
    features.flat[30] = 1
    assert NUMBA.list_rows(features) is None
