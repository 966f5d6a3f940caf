"""How weights start: small random numbers whose spread keeps signals from growing or fading.

A neuron sums ``fan_in`` products, so the variance of its input is ``fan_in`` times the variance of
a weight times the mean square of a signal. Each rule below picks the weight's variance with that in
mind.
"""

from collections.abc import Callable
from math import sqrt
from typing import TypeAlias

Spread: TypeAlias = Callable[[int, int], float]
"""The standard deviation of normally distributed weights, from fan_in and fan_out."""


def he(fan_in: int, fan_out: int) -> float:
    """Return ``sqrt(2 / fan_in)``: ReLU halves the mean square, so it is doubled first.

    He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers", equation 10.
    """
    return sqrt(2 / fan_in)


def glorot(fan_in: int, fan_out: int) -> float:
    """Return ``sqrt(2 / (fan_in + fan_out))``: a compromise of both directions.

    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", equation 12. Made for tanh and sigmoid.
    """
    return sqrt(2 / (fan_in + fan_out))


def normal(fan_in: int, fan_out: int) -> float:
    """Return 0.01, whatever the width: what was done before the rules above."""
    return 0.01


INITIALIZERS: dict[str, Spread] = {"he": he, "glorot": glorot, "normal": normal}
"""The rules by the names that recipes use."""
