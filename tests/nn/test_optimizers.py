from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from inknet.nn.ops import NUMPY
from inknet.nn.ops.numba import NumbaOps
from inknet.nn.optimizers import (
    OPTIMIZERS,
    Adam,
    AdamW,
    GradientDescent,
    Momentum,
    Nesterov,
    clip_by_norm,
    clip_by_value,
    limit_norms,
)

N_STEPS = 25


def gradients_of_many_sizes(n=12, seed=0):
    """Gradients of a run: some parameters see large ones, some tiny ones, one none at all."""
    sizes = np.logspace(-6, 3, n)
    sizes[3] = 0
    return np.random.default_rng(seed).normal(size=(N_STEPS, n)) * sizes


def run(optimizer, gradients, learning_rates):
    parameters = np.linspace(-1, 1, gradients.shape[1])
    one = optimizer(parameters)
    for gradient, rate in zip(gradients, learning_rates, strict=True):
        one.step(parameters, gradient, rate)
    assert one.steps_taken == len(gradients)
    return parameters


def adam_by_the_book(gradients, rates, beta1=0.9, beta2=0.999, epsilon=1e-8, decay=0.0):
    """Kingma and Ba 2015, algorithm 1, for one parameter after the other.

    With ``decay``, Loshchilov and Hutter 2019, algorithm 2, their alpha being 1, their lambda
    the rate times the decay.
    """
    result = np.linspace(-1, 1, gradients.shape[1])
    for i, theta in enumerate(result.copy()):
        m = v = 0.0
        for t, (g, alpha) in enumerate(zip(gradients[:, i], rates, strict=True), 1):
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g * g
            m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
            theta -= alpha * m_hat / (sqrt(v_hat) + epsilon) + alpha * decay * theta
        result[i] = theta
    return result


@pytest.mark.parametrize("epsilon", [1e-8, 1e-3])
def test_adam_follows_the_paper(epsilon):
    gradients, rates = gradients_of_many_sizes(), np.linspace(0.1, 0.01, N_STEPS)
    mine = run(lambda p: Adam(p, epsilon=epsilon), gradients, rates)
    assert_allclose(mine, adam_by_the_book(gradients, rates, epsilon=epsilon), rtol=1e-10)


@pytest.mark.parametrize("decay", [0.0, 0.01, 0.5])
def test_adamw_follows_the_paper(decay):
    gradients, rates = gradients_of_many_sizes(), np.linspace(0.1, 0.01, N_STEPS)
    mine = run(lambda p: AdamW(p, weight_decay=decay), gradients, rates)
    assert_allclose(mine, adam_by_the_book(gradients, rates, decay=decay), rtol=1e-10)


def test_adamw_shrinks_the_weights_alone_and_those_without_a_gradient_too():
    gradients, rates = np.zeros((N_STEPS, 5)), [0.1] * N_STEPS
    mine = run(lambda p: AdamW(p, weight_decay=0.2, n_weights=3), gradients, rates)
    start = np.linspace(-1, 1, 5)
    assert_allclose(mine, [*start[:3] * 0.98**N_STEPS, *start[3:]], rtol=1e-12)


def test_an_optimizer_says_what_it_is():
    assert repr(AdamW(np.ones(3))) == "AdamW(weight_decay=0.01, beta1=0.9, beta2=0.999)"


@pytest.mark.parametrize(("beta1", "beta2"), [(0.9, 0.999), (0.0, 0.9), (0.5, 0.99)])
def test_adam_steps_like_scikit_learn_when_epsilon_is_next_to_nothing(beta1, beta2):
    # scikit-learn adds epsilon to sqrt(v), not to sqrt(v̂): they differ by the size of epsilon alone
    gradients = gradients_of_many_sizes() + 1e-9
    peer_parameters = [np.linspace(-1, 1, gradients.shape[1])]
    peer = AdamOptimizer(peer_parameters, 0.01, beta1, beta2, epsilon=1e-30)
    for gradient in gradients:
        peer.update_params(peer_parameters, [gradient])
    mine = run(
        lambda p: Adam(p, beta1=beta1, beta2=beta2, epsilon=1e-30), gradients, [0.01] * N_STEPS
    )
    assert_allclose(mine, peer_parameters[0], rtol=1e-9)


def test_the_first_step_of_adam_has_the_length_of_the_learning_rate():
    gradients = np.array([[3.0, -1e-3, 1e3]])
    moved = run(Adam, gradients, [0.05]) - np.linspace(-1, 1, 3)
    assert_allclose(moved, [-0.05, 0.05, -0.05], rtol=1e-4)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
def test_momentum_steps_like_scikit_learn(beta):
    # scikit-learn's velocity is -rate · g summed, ours a mean of g: its rate is ours · (1 - beta)
    gradients = gradients_of_many_sizes()
    peer_parameters = [np.linspace(-1, 1, gradients.shape[1])]
    peer = SGDOptimizer(peer_parameters, 0.1 * (1 - beta), momentum=beta, nesterov=False)
    for gradient in gradients:
        peer.update_params(peer_parameters, [gradient])
    mine = run(lambda p: Momentum(p, beta=beta), gradients, [0.1] * N_STEPS)
    assert_allclose(mine, peer_parameters[0], rtol=1e-10)


def test_momentum_keeps_a_mean_of_gradients_whatever_the_rates_were():
    gradients, rates = gradients_of_many_sizes(), np.linspace(0.5, 0.0, N_STEPS)
    expected = np.linspace(-1, 1, gradients.shape[1])
    for i in range(len(expected)):
        velocity = 0.0
        for gradient, rate in zip(gradients[:, i], rates, strict=True):
            velocity = 0.9 * velocity + 0.1 * gradient
            expected[i] -= rate * velocity
    assert_allclose(run(Momentum, gradients, rates), expected, rtol=1e-10)


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("ops", [NUMPY, NumbaOps()], ids=lambda ops: ops.name)
def test_nesterov_steps_like_scikit_learn_whatever_the_rates_are(ops, beta, ahead):
    gradients, rates = gradients_of_many_sizes(), np.linspace(0.1, 0.01, N_STEPS)
    peer_parameters = [np.linspace(-1, 1, gradients.shape[1])]
    peer = SGDOptimizer(peer_parameters, 0.1, momentum=beta, nesterov=ahead)
    for gradient, peer.learning_rate in zip(gradients, rates, strict=True):
        peer.update_params(peer_parameters, [gradient])
    mine = run(lambda p: Nesterov(p, ops, beta=beta, ahead=ahead), gradients, rates)
    assert_allclose(mine, peer_parameters[0], rtol=1e-12)


def test_nesterov_remembers_its_velocity_in_an_array_that_can_be_taken_back():
    gradients = gradients_of_many_sizes()
    whole, first, second = (np.zeros(gradients.shape[1]) for _ in range(3))
    optimizer, stopped, gone_on = Nesterov(whole), Nesterov(first), Nesterov(second)
    for number, gradient in enumerate(gradients[:6]):
        optimizer.step(whole, gradient, 0.1)
        if number == 3:
            gone_on.velocity[:], second[:] = stopped.arrays()["velocity"], first
        (stopped if number < 3 else gone_on).step(first if number < 3 else second, gradient, 0.1)
    assert_array_equal(second, whole)
    assert repr(Nesterov(first, ahead=False)) == "Nesterov(beta=0.9, ahead=False)"


def test_gradient_descent_goes_straight_downhill():
    gradients, rates = gradients_of_many_sizes(), np.linspace(0.5, 0.0, N_STEPS)
    expected = np.linspace(-1, 1, gradients.shape[1]) - rates @ gradients
    assert_allclose(run(GradientDescent, gradients, rates), expected, rtol=1e-10)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_optimizer_finds_the_bottom_of_a_bowl(name, dtype):
    parameters = np.array([3.0, -2.0], dtype)
    bottom, scale = np.array([1.0, 0.5], dtype), np.array([1.0, 4.0], dtype)
    optimizer = OPTIMIZERS[name](parameters)
    for number in range(400):
        optimizer.step(parameters, scale * (parameters - bottom), 0.2 * 0.985**number)
    assert parameters.dtype == dtype
    assert_allclose(parameters, bottom, atol=1e-2)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_a_step_leaves_the_gradients_as_they_were(name):
    parameters, gradients = np.ones(5), np.arange(5.0)
    OPTIMIZERS[name](parameters).step(parameters, gradients, 0.1)
    assert_array_equal(gradients, np.arange(5.0))


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_float32_steps_stay_near_those_in_float64(name):
    gradients = gradients_of_many_sizes()
    wide = run(OPTIMIZERS[name], gradients, [0.01] * N_STEPS)
    parameters = np.linspace(-1, 1, gradients.shape[1]).astype("float32")
    optimizer = OPTIMIZERS[name](parameters)
    for gradient in gradients.astype("float32"):
        optimizer.step(parameters, gradient, 0.01)
    assert_allclose(parameters, wide, rtol=2e-5, atol=1e-6)


# -- clipping -----------------------------------------------------------------------------------

vectors = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20).map(np.array)


@given(vectors, st.floats(1e-3, 1e4))
@settings(max_examples=100, deadline=None)
def test_clipping_by_value_forces_each_component_into_the_limits(gradients, limit):
    expected = [max(-limit, min(limit, component)) for component in gradients]
    clip_by_value(gradients, limit)
    assert_array_equal(gradients, expected)


@given(vectors, st.floats(1e-3, 1e4))
@settings(max_examples=100, deadline=None)
def test_clipping_by_norm_shortens_but_never_turns_the_gradient(gradients, limit):
    before = gradients.copy()
    length = np.linalg.norm(before)
    clip_by_norm(gradients, limit)
    if length <= limit * (1 - 1e-12):
        assert_array_equal(gradients, before)
    elif length > limit * (1 + 1e-12):
        assert np.linalg.norm(gradients) == pytest.approx(limit, rel=1e-12)
        assert_allclose(gradients, before * (limit / length), rtol=1e-12)


def test_clipping_the_zero_gradient_leaves_it_zero():
    gradients = np.zeros(4)
    clip_by_norm(gradients, 1.0)
    assert_array_equal(gradients, 0)


def test_a_gradient_whose_squares_overflow_is_shortened_in_its_direction():
    gradients = np.array([3e25, -4e25, 0], np.float32)
    clip_by_norm(gradients, 5.0)
    np.testing.assert_allclose(gradients, [3, -4, 0], rtol=1e-6)


# -- max-norm -----------------------------------------------------------------------------------


@given(
    fan_in=st.integers(1, 8),
    fan_out=st.integers(1, 8),
    limit=st.floats(1e-3, 10),
    seed=st.integers(0, 2**32),
    dtype=st.sampled_from(["float32", "float64"]),
)
@settings(max_examples=100, deadline=None)
def test_the_weights_into_each_neuron_are_shortened_to_the_limit(
    fan_in, fan_out, limit, seed, dtype
):
    weight = np.random.default_rng(seed).normal(size=(fan_in, fan_out)).astype(dtype)
    weight[:, 0] = 0
    before, lengths = weight.copy(), np.linalg.norm(weight, axis=0)
    limit_norms(weight, limit)
    assert weight.dtype == dtype
    short = lengths < limit * (1 - 1e-6)
    assert_array_equal(weight[:, short], before[:, short])
    assert_allclose(np.linalg.norm(weight, axis=0)[~short], limit, rtol=1e-5)
    assert_allclose(weight * lengths, before * np.minimum(lengths, limit), rtol=1e-4, atol=1e-12)
