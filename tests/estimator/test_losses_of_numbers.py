"""The regressor's losses are scikit-learn's, and their gradients are right."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.neural_network._base import poisson_loss, squared_loss

from inknet.nn.architecture import Architecture
from inknet.nn.gradcheck import both_gradients, worst_array
from inknet.nn.network import Network
from inknet.nn.ops import NUMPY
from inknet.nn.ops.numba import NumbaOps
from inknet.sklearn.losses import poisson_deviance, squared_error

NUMBERS = {"identity": (squared_error, squared_loss), "exp": (poisson_deviance, poisson_loss)}


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("output", NUMBERS)
def test_losses_of_numbers_are_those_of_scikit_learn(output, weighted, n_outputs):
    loss, theirs = NUMBERS[output]
    draw = np.random.default_rng(0)
    outputs = draw.normal(size=(20, n_outputs))
    targets = draw.poisson(1.0, outputs.shape).astype(float)  # some are 0
    weight = draw.uniform(0, 2, 20) if weighted else None
    found = loss(outputs, targets, np.empty_like(outputs), sample_weight=weight)
    predicted = np.exp(outputs) if output == "exp" else outputs
    # scikit-learn divides squared errors by the number of outputs too, but not their gradient
    expected = theirs(targets, predicted, weight) * (n_outputs if output == "identity" else 1)
    assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("batch_norm", ["none", "before"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("output", NUMBERS)
def test_gradients_of_losses_of_numbers_are_the_differences(output, weighted, batch_norm):
    draw = np.random.default_rng(0)
    shape = Architecture([4, 5, 3], ["tanh", output], [1.0, 1.0], batch_norm)
    network = Network(shape, draw, "float64")
    x, targets = draw.normal(size=(9, 4)), draw.poisson(2.0, (9, 3)).astype(float)
    options = {"l2_lambda": 0.1} | ({"sample_weight": draw.uniform(0, 2, 9)} if weighted else {})
    error, name = worst_array(*both_gradients(network, x, targets, **options))
    assert error < 1e-7, name


@pytest.mark.parametrize("output", NUMBERS)
@pytest.mark.parametrize("ops", [NUMPY, NumbaOps()], ids=lambda ops: ops.name)
def test_a_perfect_answer_has_no_loss_and_no_gradient(output, ops):
    targets = np.random.default_rng(0).poisson(3.0, (6, 2)) + 1.0
    outputs, gradient = np.log(targets) if output == "exp" else targets.copy(), np.ones((6, 2))
    assert NUMBERS[output][0](outputs, targets, gradient, ops=ops) == pytest.approx(0, abs=1e-14)
    assert_allclose(gradient, 0, atol=1e-14)


@pytest.mark.parametrize(
    ("output", "targets", "problem"),
    [
        ("identity", np.zeros(4), r"float64 of shape \(4,\); expected numbers of shape \(4, 3\)"),
        ("identity", np.full((4, 3), "a"), r"<U1 of shape \(4, 3\)"),
        ("identity", np.full((4, 3), np.inf), "a target is inf; expected finite numbers$"),
        ("exp", np.full((4, 3), np.nan), "a target is nan; expected finite numbers from 0 on"),
        ("exp", np.full((4, 3), -1), "a target is -1; expected finite numbers from 0 on"),
    ],
)
def test_targets_that_are_no_numbers_are_refused(output, targets, problem):
    gradient = np.zeros((4, 3))
    with pytest.raises(ValueError, match=problem):
        NUMBERS[output][0](np.zeros((4, 3)), targets, gradient)
    assert not gradient.any()


@pytest.mark.parametrize("output", NUMBERS)
def test_numbers_have_no_classes_to_be_smoothed_over(output):
    with pytest.raises(ValueError, match=r"label_smoothing is 0\.1; it is for classes"):
        NUMBERS[output][0](np.zeros((4, 3)), np.zeros((4, 3)), np.zeros((4, 3)), 0.1)
