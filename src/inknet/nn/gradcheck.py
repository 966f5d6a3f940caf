"""Proof that `backward` is right: finite differences against back-propagation."""

from typing import Any, TypeAlias

import numpy as np

from inknet.nn.arrays import Floats, Labels
from inknet.nn.network import Network

Gradient: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]


def both_gradients(
    network: Network,
    x: Floats,
    labels: Labels,
    *,
    label_smoothing: float = 0.0,
    l2_lambda: float = 0.0,
    l2_on_biases: bool = False,
    seed: int = 0,
    step: float = 1e-5,
) -> tuple[Gradient, Gradient]:
    """Differentiate the objective of a batch twice: by back-propagation, and by trying.

    Trying moves each parameter a little both ways and sees what the objective does:
    ``dJ/dp ≈ (J(p + step) - J(p - step)) / (2 step)``, whose error shrinks with the square of the
    step. Meant for small float64 networks: it costs two forward passes a parameter. (Where a ReLU's
    input lies within a step of 0, the two sides have different slopes, and the trial is off.)

    Parameters
    ----------
    x : (n, n_features)
    labels : (n,)
    seed
        Every pass draws its dropout masks from a new generator with this seed: the same masks.
    step
        How far each parameter is moved.

    Returns
    -------
    analytic, numerical : (n_parameters,) float64
        The network itself is as before, but for its `gradients`.

    Raises
    ------
    ValueError
        If the network is not float64: in float32, rounding hides what is looked for.
    """
    if network.dtype != np.float64:
        raise ValueError(f"the network is {network.dtype}; a gradient check needs float64")
    l2 = network.l2(l2_lambda, on_biases=l2_on_biases)
    statistics = network.statistics.copy()  # each pass moves those of batch normalization

    def objective() -> float:
        logits = network.forward(x, np.random.default_rng(seed))
        loss = network.ops.softmax_cross_entropy(
            logits, labels, label_smoothing, np.empty_like(logits)
        )
        return loss + l2.value(len(x))

    generator = np.random.default_rng(seed)
    network.loss_and_gradients(x, labels, generator, label_smoothing=label_smoothing)
    l2.add_gradient(len(x))
    analytic = network.gradients.astype(np.float64)

    numerical = np.empty_like(analytic)
    for i, value in enumerate(network.parameters.copy()):
        network.parameters[i] = value + step
        above = objective()
        network.parameters[i] = value - step
        below = objective()
        network.parameters[i] = value
        numerical[i] = (above - below) / (2 * step)
    network.statistics[:] = statistics
    return analytic, numerical


def relative_error(analytic: Gradient, numerical: Gradient) -> float:
    """Return ``|a - b| / (|a| + |b|)``: in float64 about 1e-9; at 1e-4 something is wrong."""
    size = float(np.linalg.norm(analytic) + np.linalg.norm(numerical))
    return float(np.linalg.norm(analytic - numerical)) / size if size else 0.0
