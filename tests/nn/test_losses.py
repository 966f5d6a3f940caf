import numpy as np
import pytest
from numerics import central_difference
from numpy.testing import assert_allclose, assert_array_equal

from inknet.nn.architecture import Architecture
from inknet.nn.losses import L2, sigmoid_cross_entropy, softmax_cross_entropy
from inknet.nn.network import Network
from inknet.nn.ops import NUMPY
from inknet.nn.ops.numba import NumbaOps

WRONG_LABELS = {
    "label -1 is outside the 3 classes 0 to 2": [0, -1, 2, 1],
    "label 3 is outside the 3 classes 0 to 2": [0, 3, 2, 1],
    r"float64 of shape \(4,\); expected whole numbers": [0, 1.5, 2, 1],
    r"float64 of shape \(4,\); expected whole": [0, np.nan, 2, 1],
    r"bool of shape \(4,\)": [True, False, True, True],
    r"object of shape \(4,\)": [0, None, 1, 1],
    r"<U1 of shape \(4,\)": list("0121"),
    r"int64 of shape \(3,\)": [0, 1, 2],
    r"int64 of shape \(5,\)": [0, 1, 2, 0, 0],
    r"int64 of shape \(4, 1\)": [[0], [1], [2], [0]],
}
WRONG_TARGETS = {
    r"int64 of shape \(4,\); expected 0 or 1 for each output, of shape \(4, 3\)": [0, 1, 1, 0],
    r"int64 of shape \(3,\)": [0, 1, 1],
    "from -1 to 1; expected 0 or 1": [[0, 1, -1]] * 4,
    "from 0 to 2; expected 0 or 1": [[0, 2, 1]] * 4,
    "from nan to nan": [[0, np.nan, 1]] * 4,
    r"<U1 of shape \(4, 3\)": [list("011")] * 4,
}


@pytest.mark.parametrize("ops", [NUMPY, NumbaOps()], ids=lambda ops: ops.name)
@pytest.mark.parametrize("problem", WRONG_LABELS)
def test_labels_that_are_no_classes_are_refused_whatever_computes_the_loss(problem, ops):
    labels = np.array(WRONG_LABELS[problem])
    logits, gradient = np.zeros((4, 3)), np.zeros((4, 3))
    with pytest.raises(ValueError, match=problem):
        softmax_cross_entropy(logits, labels, gradient, ops=ops)
    assert not gradient.any()
    network = Network(Architecture([2, 3], ["softmax"], [1.0]), None, "float64", ops)
    with pytest.raises(ValueError, match=problem):
        network.loss_and_gradients(np.zeros((4, 2)), labels, np.random.default_rng(0))


@pytest.mark.parametrize("problem", WRONG_TARGETS)
def test_targets_of_sigmoid_outputs_that_are_not_yes_or_no_are_refused(problem):
    with pytest.raises(ValueError, match=problem):
        sigmoid_cross_entropy(np.zeros((4, 3)), np.array(WRONG_TARGETS[problem]), np.zeros((4, 3)))


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "u8"])
def test_whole_numbers_of_every_type_are_labels(dtype):
    logits = np.random.default_rng(0).normal(size=(4, 3))
    losses = {
        softmax_cross_entropy(logits, np.array([0, 2, 1, 1], dtype), np.zeros((4, 3)), ops=ops)
        for ops in (NUMPY, NumbaOps())
    }
    expected = -np.log(np.exp(logits) / np.exp(logits).sum(1, keepdims=True))[
        range(4), [0, 2, 1, 1]
    ]
    assert_allclose(list(losses), expected.mean(), rtol=1e-12)


def penalty(l2_lambda, n=7):
    weights = np.random.default_rng(0).normal(size=n)
    return L2(weights, np.ones(n), l2_lambda)


def test_the_penalty_is_lambda_over_2n_times_the_squared_sum():
    l2 = penalty(0.3)
    assert l2.value(5) == pytest.approx(0.3 / 10 * sum(w * w for w in l2.decayed), rel=1e-14)


def test_its_gradient_is_added_to_what_is_there():
    l2 = penalty(0.3)
    slopes = central_difference(lambda: l2.value(5), l2.decayed)
    l2.add_gradient(5)
    assert_allclose(l2.gradients, 1 + slopes, rtol=1e-9)


def test_lambda_zero_costs_nothing():
    l2 = penalty(0.0)
    l2.add_gradient(5)
    assert l2.value(5) == 0
    assert_array_equal(l2.gradients, 1)


def test_the_penalty_falls_on_parameters_as_they_become():
    l2 = penalty(1.0)
    l2.decayed[:] = 2
    assert l2.value(1) == pytest.approx(14)
