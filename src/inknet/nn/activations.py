"""Activation functions: without them, a stack of layers would be one matrix.

Each is given by its value ``a = f(z)`` and its derivative ``f'(z)``. The derivative is written as a
function of ``a``: all of these functions allow it, so a layer need not remember ``z``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from inknet.nn.arrays import Floats

LEAKY_SLOPE = 0.01
"""Slope of the leaky ReLU for negative inputs (Maas, Hannun and Ng 2013)."""


@dataclass(frozen=True)
class Elementwise:
    """A function applied to every element, and its form in exported files.

    Attributes
    ----------
    name : str
        The name used in recipes.
    value : (z, out) -> None
        Write ``f(z)`` to ``out``; both ``(n, d)`` or ``(d,)``, and not the same array.
    numpy : str
        ``f(z)`` as a NumPy expression.
    onnx : str
        The ONNX operator.
    attributes : dict
        The attributes of that operator.
    arrays : dict
        Arrays ``(d,)`` that the expression uses, by name; further inputs of the operator.
    """

    name: str
    value: Callable[[Floats, Floats], None]
    numpy: str
    onnx: str
    attributes: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    arrays: Mapping[str, Floats] = field(default_factory=dict, kw_only=True)

    def __call__(self, z: Floats) -> Floats:
        """Return ``f(z)``."""
        out = np.empty_like(z)
        self.value(z, out)
        return out


@dataclass(frozen=True)
class ActivationFunction(Elementwise):
    """A function applied to every element, and its derivative.

    Attributes
    ----------
    derivative : (a, out) -> None
        Write ``f'(z)`` to ``out``, given ``a = f(z)``; ``out`` is not ``a``.
    rectifies : bool
        Whether it belongs to the ReLU family, whose neurons can die; these start with a small
        positive bias.
    """

    derivative: Callable[[Floats, Floats], None]
    rectifies: bool = False


def relu(z: Floats, out: Floats) -> None:
    """Write ``max(0, z)`` to ``out``, of the same shape."""
    np.maximum(z, 0, out=out)


def relu_slope(a: Floats, out: Floats) -> None:
    """Write 1 to ``out`` where the output ``a``, of the same shape, is positive, else 0."""
    np.greater(a, 0, out=out)


def leaky_relu(z: Floats, out: Floats) -> None:
    """Write ``z`` to ``out``, of the same shape, or a hundredth of it where it is negative.

    So no neuron dies completely: a small gradient is left.
    """
    np.multiply(z, LEAKY_SLOPE, out=out)
    np.maximum(z, out, out=out)


def leaky_relu_slope(a: Floats, out: Floats) -> None:
    """Write 1 to ``out`` where the output ``a``, of the same shape, is positive, else the slope."""
    np.greater(a, 0, out=out)
    np.maximum(out, LEAKY_SLOPE, out=out)


def sigmoid(z: Floats, out: Floats) -> None:
    """Write ``1 / (1 + exp(-z))`` to ``out``, of the same shape.

    It is computed as ``(1 + tanh(z / 2)) / 2``, which cannot overflow.
    """
    np.multiply(z, 0.5, out=out)
    np.tanh(out, out=out)
    out += 1
    out *= 0.5


def sigmoid_slope(a: Floats, out: Floats) -> None:
    """Write ``a (1 - a)`` to ``out``, of the same shape as the output ``a``."""
    np.subtract(1, a, out=out)
    out *= a


def tanh(z: Floats, out: Floats) -> None:
    """Write the hyperbolic tangent of ``z`` to ``out``, of the same shape."""
    np.tanh(z, out=out)


def tanh_slope(a: Floats, out: Floats) -> None:
    """Write ``1 - a²`` to ``out``, of the same shape as the output ``a``."""
    np.multiply(a, a, out=out)
    np.subtract(1, out, out=out)


def identity(z: Floats, out: Floats) -> None:
    """Write ``z`` itself to ``out``, of the same shape.

    With no other activation, a stack of layers is still one matrix.
    """
    np.copyto(out, z)


def identity_slope(a: Floats, out: Floats) -> None:
    """Write 1 to ``out``, of the same shape as the output ``a``."""
    out[:] = 1


@np.errstate(under="ignore")  # a probability may be 0, even where NumPy is set to raise
def softmax(logits: Floats, out: Floats) -> None:
    """Write ``exp(z_k) / sum_j exp(z_j)`` along each row of ``logits`` z, ``(n, K)``, to ``out``.

    ``out``, of the same shape, may be ``logits`` itself.
    The largest logit of the row is subtracted first: the quotient stays the same, and no
    exponential can overflow. Its derivative is combined with that of the loss, in
    `inknet.nn.ops.NumpyOps.softmax_cross_entropy`.
    """
    np.exp(np.subtract(logits, logits.max(axis=1, keepdims=True), out=out), out=out)
    out /= out.sum(axis=1, keepdims=True)


_LEAKY = ("leaky_relu", leaky_relu, f"np.maximum(z, {LEAKY_SLOPE} * z)", "LeakyRelu")
_TABLE = (
    ActivationFunction("relu", relu, "np.maximum(z, 0)", "Relu", relu_slope, True),
    ActivationFunction(*_LEAKY, leaky_relu_slope, True, attributes={"alpha": LEAKY_SLOPE}),
    ActivationFunction("sigmoid", sigmoid, "(1 + np.tanh(z / 2)) / 2", "Sigmoid", sigmoid_slope),
    ActivationFunction("tanh", tanh, "np.tanh(z)", "Tanh", tanh_slope),
    ActivationFunction("identity", identity, "z", "Identity", identity_slope),
)
ACTIVATIONS = {function.name: function for function in _TABLE}
"""What a hidden layer may use; softmax is for the output layer only."""
