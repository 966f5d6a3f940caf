"""How the learning rate changes during training: a factor on the recipe's rate, from 0 to 1.

Each schedule is a function of progress, the fraction of all steps already taken, in ``[0, 1)``.
"""

from collections.abc import Callable
from math import cos, pi


def constant(progress: float) -> float:
    """Return 1 for any ``progress``: keep the rate as it is."""
    return 1.0


def step(progress: float) -> float:
    """Return 1, after half of the steps 0.1, and after three quarters 0.01.

    ``progress`` is the fraction of the steps that were taken, from 0 to 1.

    He, Zhang, Ren and Sun 2016, "Deep residual learning", section 4.2.
    """
    if progress < 0.5:
        return 1.0
    return 0.1 if progress < 0.75 else 0.01


def cosine(progress: float) -> float:
    """Return ``(1 + cos(pi · progress)) / 2``: half a cosine wave from 1 down to 0.

    Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", equation 5.
    """
    return (1 + cos(pi * progress)) / 2


ONE_CYCLE_START, ONE_CYCLE_END, ONE_CYCLE_PEAK = 1 / 25, 1 / 250_000, 0.3


def one_cycle(progress: float) -> float:
    """Return a factor that rises from 1/25 to 1 up to a ``progress`` of 0.3, then falls.

    At the end it is almost nothing. Rise and fall each follow half a cosine wave. Smith and Topin
    2018, "Super-convergence: very fast training of neural networks using large learning rates"; the
    constants are those of PyTorch.
    """
    if progress < ONE_CYCLE_PEAK:
        return 1 - (1 - ONE_CYCLE_START) * cosine(progress / ONE_CYCLE_PEAK)
    fall = cosine((progress - ONE_CYCLE_PEAK) / (1 - ONE_CYCLE_PEAK))
    return ONE_CYCLE_END + (1 - ONE_CYCLE_END) * fall


SCHEDULES: dict[str, Callable[[float], float]] = {
    schedule.__name__: schedule for schedule in (constant, step, cosine, one_cycle)
}
"""The schedules by the names that recipes use."""
