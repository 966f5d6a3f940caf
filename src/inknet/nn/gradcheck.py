"""How to prove that `backward` is right: compare it with finite differences.

Moving a number a little in both directions shows how the objective changes:
``dJ/dp ≈ (J(p + step) - J(p - step)) / (2 step)``, whose error shrinks with the square of the step.
It costs two forward passes per number, so it is meant for small float64 networks. (Where a ReLU's
input lies within a step of 0, the two sides have different slopes, and the estimate is wrong.)

Each array is compared by itself: in one vector of all parameters, a wrong gradient of a small array
would disappear next to the large ones.

>>> from inknet.nn.layers import BatchNorm
>>> x = np.random.default_rng(0).normal(size=(6, 3))
>>> both = both_gradients_of_layer(BatchNorm(3), x)
>>> relative_error(*both) < 1e-7
True
>>> both[0]["0 BatchNorm(3) beta"] *= 1.1
>>> error, name = worst_array(*both)
>>> print(f"{name}: {error:.3f}")
0 BatchNorm(3) beta: 0.048
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from inknet.nn.arrays import Floats, Labels
from inknet.nn.layers import Layer
from inknet.nn.network import Network

STEP = 1e-5
"""Half of the distance between the two sides, if nothing else is asked for."""

Arrays: TypeAlias = dict[str, Floats]
"""Arrays by the number of their layer, from 0, the layer, and their name in it."""


def differences(objective: Callable[[], float], values: Floats, step: float = STEP) -> Floats:
    """Differentiate ``objective()`` with respect to each of the ``values`` that it reads.

    Each is moved and restored.

    ``step`` is half of the distance between the two sides.

    Returns
    -------
    numerical : float64
        Of the same shape as ``values``.
    """
    numerical = np.empty(values.shape)
    for i in np.ndindex(values.shape):
        value = values[i]
        values[i] = value + step
        above = objective()
        values[i] = value - step
        below = objective()
        values[i] = value
        numerical[i] = (above - below) / (2 * step)
    return numerical


def both_gradients(
    network: Network, x: Floats, labels: Labels | Floats, seed: int = 0, **options: Any
) -> tuple[Arrays, Arrays, float]:
    """Differentiate the objective of a batch twice: by back-propagation, and by differences.

    Parameters
    ----------
    network : Network
        Of float64.
    x : (n, n_features)
        The batch.
    labels : (n,); or (n, n_outputs) if the outputs are sigmoids
        Its classes.
    seed : int
        Every pass draws its dropout masks from a new generator with this seed: the same masks.
    **options
        Those of the loss, ``label_smoothing`` and ``sample_weight``; and those of the penalty,
        ``l2_lambda`` and ``l2_on_biases``.

    Returns
    -------
    analytic, numerical : dict
        Both by the name of the array, such as ``"2 Dense(6 → 5) weight"``. The network is
        unchanged, except for its `gradients`.
    rounding : float
        The error that rounding may leave in each number of ``numerical``.

    Raises
    ------
    ValueError
        If the network is not float64: in float32, rounding errors hide the differences. If the
        labels are not those that the loss takes.
    """
    l2_lambda, on_biases = options.pop("l2_lambda", 0.0), options.pop("l2_on_biases", False)
    l2 = network.l2(l2_lambda, on_biases=on_biases)
    statistics = network.statistics.copy()  # each pass updates those of batch normalization

    def objective() -> float:
        logits = network.forward(x, np.random.default_rng(seed))
        return network.loss(logits, labels, np.empty_like(logits), **options) + l2.value(len(x))

    network.loss_and_gradients(x, labels, np.random.default_rng(seed), **options)
    l2.add_gradient(len(x))
    both = _both(objective, _arrays(network.layers), _arrays(network.layers, "_gradient"))
    network.statistics[:] = statistics
    return both


def both_gradients_of_layer(layer: Layer, x: Floats, seed: int = 0) -> tuple[Arrays, Arrays, float]:
    """Do the same for a single layer; the objective is a random weighted sum of its outputs.

    Parameters
    ----------
    layer : Layer
        Not part of a network, or part of a float64 network. Its running statistics change.
    x : (n, d) float64
        Its input.
    seed : int
        Decides what the layer draws; it draws the same in every pass.

    Returns
    -------
    analytic, numerical, rounding
        As of `both_gradients`; ``"input"`` is the gradient with respect to x.
    """
    y = layer.forward(x, np.random.default_rng(seed))
    upstream = np.random.default_rng(seed + 1).normal(size=y.shape)
    gradients = {"input": layer.backward(upstream.copy())} | _arrays([layer], "_gradient")

    def objective() -> float:
        return float((layer.forward(x, np.random.default_rng(seed)) * upstream).sum())

    return _both(objective, {"input": x} | _arrays([layer]), gradients)


@np.errstate(invalid="ignore")
def worst_array(analytic: Arrays, numerical: Arrays, rounding: float) -> tuple[float, str]:
    """Return the largest relative error of an array, and the name of this array.

    ``analytic`` and ``numerical``, arrays of any shape, and ``rounding`` are those of
    `both_gradients`.

    The error is ``|a - b| / (|a| + |b|)``, without the part of ``|a - b|`` that rounding explains.
    It is below 1e-6 if all is right, and 0.05 if a gradient is 10 % too large. It is infinite if a
    gradient is not finite. A gradient smaller than ``rounding`` cannot be judged.
    """

    def error(a: Floats, b: Floats) -> float:
        distance = np.linalg.norm(a - b) - rounding * np.sqrt(a.size)
        size = np.linalg.norm(a) + np.linalg.norm(b)
        return 0.0 if distance <= 0 else float(np.nan_to_num(distance / size, nan=np.inf))

    return max((error(a, numerical[name]), name) for name, a in analytic.items())


def relative_error(analytic: Arrays, numerical: Arrays, rounding: float) -> float:
    """Return the relative error of the `worst_array`: in float64 below 1e-6.

    ``analytic`` and ``numerical``, arrays of any shape, and ``rounding`` are those of
    `both_gradients`.
    """
    return worst_array(analytic, numerical, rounding)[0]


def _arrays(layers: Sequence[Layer], suffix: str = "") -> Arrays:
    """Return all parameters of the layers, or with the suffix their gradients."""
    return {
        f"{number} {layer!r} {array.name}": getattr(layer, array.name + suffix)
        for number, layer in enumerate(layers)
        for array in layer.learned
        if array.kind != "statistic"
    }


def _both(
    objective: Callable[[], float], values: Arrays, gradients: Arrays
) -> tuple[Arrays, Arrays, float]:
    """Copy the gradients, and estimate them from the objective of the values."""
    if any(one.dtype != np.float64 for one in values.values()):
        raise ValueError("a gradient check needs float64, of the parameters and of a layer's input")
    analytic = {name: gradient.copy() for name, gradient in gradients.items()}
    numerical = {name: differences(objective, one) for name, one in values.items()}
    # the objective is right to a few units of its last digit
    return analytic, numerical, 4 * 2.0**-52 * max(1.0, abs(objective())) / STEP
