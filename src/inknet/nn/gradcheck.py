"""Proof that `backward` is right: finite differences against back-propagation."""

from typing import Any

import numpy as np

from inknet.nn import ops
from inknet.nn.arrays import Floats, Labels
from inknet.nn.network import Network


def numerical_gradient(
    network: Network,
    x: Floats,
    labels: Labels,
    *,
    label_smoothing: float = 0.0,
    l2_lambda: float = 0.0,
    l2_on_biases: bool = False,
    seed: int = 0,
    step: float = 1e-5,
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Move each parameter a little both ways and see what the objective does.

    ``dJ/dp ≈ (J(p + step) - J(p - step)) / (2 step)``, whose error shrinks with the square of
    the step. Meant for small float64 networks: it costs two forward passes a parameter.

    Parameters
    ----------
    x : (n, n_features)
    labels : (n,)
    seed
        Every pass draws its dropout masks from a new generator with this seed: the same masks.

    Returns
    -------
    (n_parameters,) float64
    """
    l2 = network.l2(l2_lambda, on_biases=l2_on_biases)
    statistics = network.statistics.copy()  # each pass moves those of batch normalization

    def objective() -> float:
        logits = network.forward(x, np.random.default_rng(seed))
        loss = ops.softmax_cross_entropy(logits, labels, label_smoothing, np.empty_like(logits))
        return loss + l2.value(len(x))

    gradient = np.empty(network.n_parameters)
    for i, value in enumerate(network.parameters.copy()):
        network.parameters[i] = value + step
        above = objective()
        network.parameters[i] = value - step
        below = objective()
        network.parameters[i] = value
        gradient[i] = (above - below) / (2 * step)
    network.statistics[:] = statistics
    return gradient


def relative_error(
    network: Network,
    x: Floats,
    labels: Labels,
    *,
    label_smoothing: float = 0.0,
    l2_lambda: float = 0.0,
    l2_on_biases: bool = False,
    seed: int = 0,
) -> float:
    """Return ``|a - b| / (|a| + |b|)`` of back-propagation's gradient a and the numerical one b.

    In float64, about 1e-9 is to be expected, and 1e-4 means a mistake. The parameters are as
    described for `numerical_gradient`.
    """
    statistics = network.statistics.copy()
    network.loss_and_gradients(
        x, labels, np.random.default_rng(seed), label_smoothing=label_smoothing
    )
    network.statistics[:] = statistics
    network.l2(l2_lambda, on_biases=l2_on_biases).add_gradient(len(x))
    analytic = network.gradients.astype(np.float64)
    numerical = numerical_gradient(
        network,
        x,
        labels,
        label_smoothing=label_smoothing,
        l2_lambda=l2_lambda,
        l2_on_biases=l2_on_biases,
        seed=seed,
    )
    distance = float(np.linalg.norm(analytic - numerical))
    return distance / float(np.linalg.norm(analytic) + np.linalg.norm(numerical))
