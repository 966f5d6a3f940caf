"""Random distortions have the distributions that the papers describe."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter1d
from scipy.stats import kstest, uniform

from inknet import InputError
from inknet.data.augment import Distorter, elastic_patterns

MANY = 20_000


def drawn(n=MANY, shape=(28, 28), seed=0, **options):
    """The linear parts (n, 2, 2), the shifts (n, 2) and the fields of n distortions."""
    distorter = Distorter(shape, **options)
    matrices, fields = distorter.draw(np.random.default_rng(seed), n)
    assert matrices.dtype == fields.dtype == np.float32
    assert matrices.shape == (n, 2, 3)
    assert fields.shape == (n, 2, *shape)
    centre = (np.array(shape) - 1) / 2
    linear = matrices[:, :, :2].astype("f8")
    shifts = matrices[:, :, 2] + linear @ centre - centre  # of the centre of the image
    return linear, shifts, fields


def assert_uniform(values, low, high):
    """Check that numbers are within two limits and look uniformly distributed."""
    assert values.min() >= low - 1e-5 and values.max() <= high + 1e-5
    assert kstest(values, uniform(low, high - low).cdf).pvalue > 1e-4


def test_without_options_images_stay_unchanged():
    linear, shifts, fields = drawn(50)
    assert_array_equal(linear, np.broadcast_to(np.eye(2), linear.shape))
    assert_array_equal(shifts, 0)
    assert_array_equal(fields, 0)


def test_rotation_angles_are_uniform_up_to_the_largest():
    linear, shifts, _ = drawn(rotation=15)
    assert_allclose(linear @ linear.transpose(0, 2, 1), np.tile(np.eye(2), (MANY, 1, 1)), atol=1e-6)
    assert_allclose(np.linalg.det(linear), 1, atol=1e-6)
    assert_uniform(np.degrees(np.arctan2(linear[:, 1, 0], linear[:, 0, 0])), -15, 15)
    assert_allclose(shifts, 0, atol=1e-5)


def test_a_shear_slants_columns_and_keeps_rows():
    linear, _, _ = drawn(shear=20)
    assert_array_equal(linear[:, 0], np.tile([1, 0], (MANY, 1)))
    assert_array_equal(linear[:, 1, 1], 1)
    assert_uniform(np.degrees(np.arctan(linear[:, 1, 0])), -20, 20)


def test_a_scale_stretches_height_and_width_independently():
    linear, _, _ = drawn(scale=0.15)
    assert_array_equal(linear[:, [0, 1], [1, 0]], 0)
    for axis in (0, 1):
        assert_uniform(linear[:, axis, axis], 0.85, 1.15)
    assert abs(np.corrcoef(linear[:, 0, 0], linear[:, 1, 1])[0, 1]) < 0.03


def test_a_shift_moves_the_centre_of_any_image():
    linear, shifts, _ = drawn(2000, shape=(20, 31), shift=2.5, rotation=40)
    assert not np.array_equal(linear[0], np.eye(2))
    for axis in (0, 1):
        assert_uniform(shifts[:, axis], -2.5, 2.5)


def test_all_together_are_the_documented_product():
    linear, _, _ = drawn(500, rotation=30, shear=25, scale=0.2)
    # M = R · shear · scale is a rotation times a lower triangular matrix: recover the factors
    for m in linear:
        v, u = m[:, 1]
        wide = np.hypot(v, u)
        cos, sin = u / wide, -v / wide
        rest = np.array([[cos, sin], [-sin, cos]]) @ m
        assert_allclose(rest[0, 1], 0, atol=1e-6)
        tall, tan = rest[0, 0], rest[1, 0] / rest[0, 0]
        assert abs(np.degrees(np.arctan2(sin, cos))) <= 30.001
        assert abs(np.degrees(np.arctan(tan))) <= 25.001
        assert 0.8 - 1e-6 <= tall <= 1.2 + 1e-6 and 0.8 - 1e-6 <= wide <= 1.2 + 1e-6


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_strength_scales_every_distortion(strength):
    def weakened(strength, **options):
        distorter = Distorter((28, 28), elastic_alpha=36, **options)
        return distorter.draw(np.random.default_rng(0), 200, strength)

    everything = {"rotation": 20, "shear": 12, "scale": 0.2, "shift": 2}
    weaker = {name: strength * most for name, most in everything.items()}
    assert_allclose(weakened(strength, **everything)[0], weakened(1.0, **weaker)[0], atol=1e-6)
    whole = weakened(1.0)[1]
    assert_allclose(weakened(strength)[1], strength * whole, atol=1e-5)


@given(
    shape=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    alpha=st.floats(0.1, 100),
    sigma=st.floats(1.5, 10),
)
@settings(max_examples=40, deadline=None)
def test_elastic_patterns_have_the_covariance_of_smoothed_noise(shape, alpha, sigma):
    # smoothing is linear, so its matrix is what SciPy makes of the identity
    smooth = [
        gaussian_filter1d(np.eye(n), sigma, axis=0, mode="constant", truncate=12) for n in shape
    ]
    expected = alpha**2 / 3 * np.kron(*(g @ g.T for g in smooth))
    patterns = elastic_patterns(shape, alpha, sigma).astype("f8")
    found = patterns.T @ patterns
    assert_allclose(np.trace(found), np.trace(expected), rtol=2e-3)
    assert np.linalg.norm(found - expected) <= 5e-3 * np.linalg.norm(expected)
    # no more is left out than promised
    assert np.trace(expected) * (1 - 1.1e-3) <= np.trace(found) <= np.trace(expected) * 1.001


def test_a_field_is_a_new_normal_mixture_of_patterns_for_each_image_and_direction():
    _, _, fields = drawn(4000, shape=(12, 9), elastic_alpha=20, elastic_sigma=3)
    flat = fields.reshape(4000, 2, -1).astype("f8")
    patterns = elastic_patterns((12, 9), 20, 3).astype("f8")
    expected = patterns.T @ patterns
    for direction in (0, 1):
        found = np.cov(flat[:, direction].T)
        assert np.linalg.norm(found - expected) < 0.1 * np.linalg.norm(expected)
    middle = flat[:, :, 54]
    assert abs(np.corrcoef(middle.T)[0, 1]) < 0.06
    assert abs(np.corrcoef(middle[:-1, 0], middle[1:, 0])[0, 1]) < 0.06
    assert kstest(middle[:, 0] / np.sqrt(expected[54, 54]), "norm").pvalue > 1e-4


def test_the_fields_in_use_need_few_patterns():
    assert len(elastic_patterns((28, 28), 36, 5.5)) < 30
    assert len(elastic_patterns((28, 28), 34, 4.0)) < 50


@pytest.mark.parametrize(
    ("shape", "sigma", "says"),
    [
        ((2000, 10), 5.0, "elastic distortions of images of 2000×10; expected at most 1024×1024"),
        ((200, 200), 0.5, "elastic_sigma is 0.5, too small for images of 200×200: each field"),
    ],
)
def test_patterns_that_would_not_fit_in_memory_are_refused(shape, sigma, says):
    with pytest.raises(InputError) as caught:
        elastic_patterns(shape, 30.0, sigma)
    assert says in str(caught.value)


@pytest.mark.parametrize("options", [{}, {"elastic_alpha": 30.0, "rotation": 5.0}])
def test_the_same_generator_draws_the_same(options):
    first, second, other = (drawn(7, seed=seed, **options) for seed in (1, 1, 2))
    for one, two in zip(first, second, strict=True):
        assert_array_equal(one, two)
    assert options == {} or not np.array_equal(first[0], other[0])
