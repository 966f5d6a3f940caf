"""How gradients change parameters, in order of increasing complexity.

Each optimizer steps the whole network at once: parameters and gradients are one vector each.
"""

from abc import ABC, abstractmethod
from math import inf, sqrt

import numpy as np

from inknet.nn.arrays import Arena, Floats
from inknet.nn.ops import NUMPY, NumpyOps


class Optimizer(ABC):
    """A rule for a step downhill, with what it remembers between steps."""

    steps_taken: int = 0

    @abstractmethod
    def step(self, parameters: Floats, gradients: Floats, learning_rate: float) -> None:
        """Change ``parameters`` in place, given ``gradients``; both ``(n_parameters,)``."""

    def arrays(self) -> dict[str, Floats]:
        """Return what it remembers besides `steps_taken`; what is written to them, it remembers."""
        return {}


class GradientDescent(Optimizer):
    """``p = p - learning_rate · g``: straight downhill."""

    def __init__(self, parameters: Floats, ops: NumpyOps = NUMPY) -> None:
        self.ops = ops

    def __repr__(self) -> str:
        return "GradientDescent()"

    def step(self, parameters: Floats, gradients: Floats, learning_rate: float) -> None:
        self.steps_taken += 1
        self.ops.descent_step(parameters, gradients, learning_rate)


class Momentum(Optimizer):
    """Follow a running mean of the gradients: ``v = beta · v + (1 - beta) · g``."""

    def __init__(self, parameters: Floats, ops: NumpyOps = NUMPY, *, beta: float = 0.9) -> None:
        self.ops, self.beta = ops, beta
        self.velocity = Arena(parameters.dtype).zeros(len(parameters))

    def __repr__(self) -> str:
        return f"Momentum(beta={self.beta:g})"

    def arrays(self) -> dict[str, Floats]:
        return {"velocity": self.velocity}

    def step(self, parameters: Floats, gradients: Floats, learning_rate: float) -> None:
        self.steps_taken += 1
        self.ops.momentum_step(parameters, gradients, self.velocity, learning_rate, self.beta)


class Adam(Optimizer):
    """Momentum, with each parameter's step divided by the typical size of its gradient."""

    def __init__(
        self,
        parameters: Floats,
        ops: NumpyOps = NUMPY,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        self.ops = ops
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        arena = Arena(parameters.dtype)
        self.mean, self.square = arena.zeros(len(parameters)), arena.zeros(len(parameters))

    def __repr__(self) -> str:
        return f"Adam(beta1={self.beta1:g}, beta2={self.beta2:g})"

    def arrays(self) -> dict[str, Floats]:
        return {"mean": self.mean, "square": self.square}

    def step(self, parameters: Floats, gradients: Floats, learning_rate: float) -> None:
        self.steps_taken += 1
        self.ops.adam_step(
            parameters,
            gradients,
            self.mean,
            self.square,
            learning_rate,
            self.beta1,
            self.beta2,
            self.epsilon,
            self.steps_taken,
        )


OPTIMIZERS: dict[str, type[GradientDescent | Momentum | Adam]] = {
    "gradient_descent": GradientDescent,
    "momentum": Momentum,
    "adam": Adam,
}
"""The optimizers by the names that recipes use."""


def clip_by_value(gradients: Floats, limit: float) -> None:
    """Force every component into ``[-limit, limit]``, in place."""
    np.clip(gradients, -limit, limit, out=gradients)


def clip_by_norm(gradients: Floats, limit: float) -> None:
    """Shorten the whole gradient to Euclidean length ``limit`` if it is longer; keep its direction.

    Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks",
    algorithm 1.
    """
    with np.errstate(over="ignore"):
        norm = sqrt(float(np.dot(gradients, gradients)))
    if norm == inf:  # the squares were too large for the type, not the gradient: scale it first
        gradients /= np.abs(gradients).max()
        norm = sqrt(float(np.dot(gradients, gradients)))
        gradients *= limit / norm
    elif norm > limit:
        gradients *= limit / norm
