"""How to prove that `backward` is right: compare it with finite differences.

Moving a number a little in both directions shows how the objective changes:
``dJ/dp ≈ (J(p + step) - J(p - step)) / (2 step)``, whose error shrinks with the square of the step.
It costs two forward passes per number, so it is meant for small float64 networks. (Where a ReLU's
input lies within a step of 0, the two sides have different slopes, and the estimate is wrong.)
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from inknet.nn.arrays import Floats, Labels
from inknet.nn.layers import Layer
from inknet.nn.network import Network


def differences(objective: Callable[[], float], values: Floats, step: float = 1e-5) -> Floats:
    """Differentiate ``objective()`` with respect to each value that it reads; restore them.

    Returns
    -------
    numerical : (values.size,) float64
    """
    flat = values.reshape(-1)
    numerical = np.empty(flat.size)
    for i, value in enumerate(flat.copy()):
        flat[i] = value + step
        above = objective()
        flat[i] = value - step
        below = objective()
        flat[i] = value
        numerical[i] = (above - below) / (2 * step)
    return numerical


def both_gradients(
    network: Network,
    x: Floats,
    labels: Labels | Floats,
    *,
    l2_lambda: float = 0.0,
    l2_on_biases: bool = False,
    seed: int = 0,
    **options: Any,
) -> tuple[Floats, Floats]:
    """Differentiate the objective of a batch twice: by back-propagation, and by differences.

    Parameters
    ----------
    x : (n, n_features)
    labels : (n,); or (n, n_outputs) if the outputs are sigmoids
    seed
        Every pass draws its dropout masks from a new generator with this seed: the same masks.
    **options
        Those of the loss: ``label_smoothing`` and ``sample_weight``.

    Returns
    -------
    analytic, numerical : (n_parameters,) float64
        The network is unchanged, except for its `gradients`.

    Raises
    ------
    ValueError
        If the network is not float64: in float32, rounding errors hide the differences.
    """
    if network.dtype != np.float64:
        raise ValueError(f"the network is {network.dtype}; a gradient check needs float64")
    l2 = network.l2(l2_lambda, on_biases=l2_on_biases)
    statistics = network.statistics.copy()  # each pass updates those of batch normalization

    def objective() -> float:
        logits = network.forward(x, np.random.default_rng(seed))
        return network.loss(logits, labels, np.empty_like(logits), **options) + l2.value(len(x))

    network.loss_and_gradients(x, labels, np.random.default_rng(seed), **options)
    l2.add_gradient(len(x))
    analytic = network.gradients.astype(np.float64)
    numerical = differences(objective, network.parameters)
    network.statistics[:] = statistics
    return analytic, numerical


def both_gradients_of_layer(layer: Layer, x: Floats, seed: int = 0) -> tuple[Floats, Floats]:
    """Do the same for a single layer; the objective is a random weighted sum of its outputs.

    Parameters
    ----------
    layer
        Not part of a network, or part of a float64 network. Its running statistics change.
    x : (n, d) float64
    seed
        Decides what the layer draws; it draws the same in every pass.

    Returns
    -------
    analytic, numerical : float64
        The derivatives with respect to each element of x, then to each of the layer's parameters.
    """
    y = layer.forward(x, np.random.default_rng(seed))
    upstream = np.random.default_rng(seed + 1).normal(size=y.shape)
    analytic = [layer.backward(upstream.copy()).copy()]
    analytic += [gradient.copy() for _, gradient in layer.parameters()]

    def objective() -> float:
        return float((layer.forward(x, np.random.default_rng(seed)) * upstream).sum())

    values = [x, *(value for value, _ in layer.parameters())]
    numerical = [differences(objective, one) for one in values]
    return np.concatenate([one.ravel() for one in analytic]), np.concatenate(numerical)


def relative_error(analytic: Floats, numerical: Floats) -> float:
    """Return ``|a - b| / (|a| + |b|)``: in float64 about 1e-9; at 1e-4 something is wrong."""
    size = float(np.linalg.norm(analytic) + np.linalg.norm(numerical))
    return float(np.linalg.norm(analytic - numerical)) / size if size else 0.0
