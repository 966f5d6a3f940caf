"""Initial weights: small random numbers whose spread keeps signals from growing or vanishing.

A neuron sums ``fan_in`` products, so the variance of its input is ``fan_in`` times the variance of
a weight times the mean square of a signal. Each rule below chooses the variance of the weights
accordingly.
"""

from collections.abc import Callable
from math import sqrt
from typing import TypeAlias

Spread: TypeAlias = Callable[[int, int], float]
"""The standard deviation of normally distributed weights, from fan_in and fan_out."""


def he(fan_in: int, fan_out: int) -> float:
    """Return ``sqrt(2 / fan_in)``, whatever ``fan_out`` is.

    ReLU halves the mean square of a signal, so the variance is doubled.
    He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers", equation 10.
    """
    return sqrt(2 / fan_in)


def glorot(fan_in: int, fan_out: int) -> float:
    """Return ``sqrt(2 / (fan_in + fan_out))``: a compromise of forward and backward pass.

    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", equation 12. Meant for tanh and sigmoid.
    """
    return sqrt(2 / (fan_in + fan_out))


def normal(fan_in: int, fan_out: int) -> float:
    """Return 0.01 for any ``fan_in`` and ``fan_out``: common before the rules above."""
    return 0.01


INITIALIZERS: dict[str, Spread] = {"he": he, "glorot": glorot, "normal": normal}
"""The rules by the names that recipes use."""
