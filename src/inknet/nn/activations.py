"""Activation functions: without them, a stack of layers would be one matrix.

Each is given by its value ``a = f(z)`` and its derivative ``f'(z)``. The derivative is written as
a function of ``a``: all of these allow it, and so a layer need not remember ``z``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from inknet.nn.arrays import Floats

LEAKY_SLOPE = 0.01
"""Slope of the leaky ReLU for negative inputs (Maas, Hannun and Ng 2013)."""


@dataclass(frozen=True)
class ActivationFunction:
    """A function applied to every element, and its derivative.

    Attributes
    ----------
    name : str
        The name used in recipes.
    value : (z, out) -> None
        Write ``f(z)`` to ``out``; both ``(n, d)``, and not the same array.
    derivative : (a, out) -> None
        Write ``f'(z)`` to ``out``, given ``a = f(z)``; ``out`` is not ``a``.
    rectifies : bool
        Whether it belongs to the ReLU family, whose neurons can die; these start with a small
        positive bias.
    """

    name: str
    value: Callable[[Floats, Floats], None]
    derivative: Callable[[Floats, Floats], None]
    rectifies: bool = False


def relu(z: Floats, out: Floats) -> None:
    """Write ``max(0, z)``."""
    np.maximum(z, 0, out=out)


def relu_derivative(a: Floats, out: Floats) -> None:
    """Write 1 where the output is positive, else 0."""
    np.greater(a, 0, out=out)


def leaky_relu(z: Floats, out: Floats) -> None:
    """Write ``z`` where it is positive, else a hundredth of it: no neuron is ever quite dead."""
    np.multiply(z, LEAKY_SLOPE, out=out)
    np.maximum(z, out, out=out)


def leaky_relu_derivative(a: Floats, out: Floats) -> None:
    """Write 1 where the output is positive, else the slope."""
    np.greater(a, 0, out=out)
    np.maximum(out, LEAKY_SLOPE, out=out)


def sigmoid(z: Floats, out: Floats) -> None:
    """Write ``1 / (1 + exp(-z))``, as ``(1 + tanh(z / 2)) / 2``, which cannot overflow."""
    np.multiply(z, 0.5, out=out)
    np.tanh(out, out=out)
    out += 1
    out *= 0.5


def sigmoid_derivative(a: Floats, out: Floats) -> None:
    """Write ``a (1 - a)``."""
    np.subtract(1, a, out=out)
    out *= a


def tanh(z: Floats, out: Floats) -> None:
    """Write the hyperbolic tangent of ``z``."""
    np.tanh(z, out=out)


def tanh_derivative(a: Floats, out: Floats) -> None:
    """Write ``1 - a²``."""
    np.multiply(a, a, out=out)
    np.subtract(1, out, out=out)


def identity(z: Floats, out: Floats) -> None:
    """Write ``z`` itself: with this alone, a stack of layers is one matrix after all."""
    np.copyto(out, z)


def identity_derivative(a: Floats, out: Floats) -> None:
    """Write 1."""
    out[:] = 1


def softmax(logits: Floats, out: Floats) -> None:
    """Write ``exp(z_k) / sum_j exp(z_j)`` along each row; ``out`` may be ``logits`` itself.

    The largest logit of the row is subtracted first: the quotient stays the same, and no
    exponential can overflow. Its derivative is taken together with the loss, in
    `inknet.nn.ops.NumpyOps.softmax_cross_entropy`.
    """
    np.subtract(logits, logits.max(axis=1, keepdims=True), out=out)
    np.exp(out, out=out)
    out /= out.sum(axis=1, keepdims=True)


ACTIVATIONS: dict[str, ActivationFunction] = {
    function.name: function
    for function in (
        ActivationFunction("relu", relu, relu_derivative, rectifies=True),
        ActivationFunction("leaky_relu", leaky_relu, leaky_relu_derivative, rectifies=True),
        ActivationFunction("sigmoid", sigmoid, sigmoid_derivative),
        ActivationFunction("tanh", tanh, tanh_derivative),
        ActivationFunction("identity", identity, identity_derivative),
    )
}
"""What a hidden layer may use; softmax belongs to the output layer alone."""
