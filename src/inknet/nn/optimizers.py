"""How gradients change parameters, in order of increasing complexity.

Each optimizer steps the whole network at once: parameters and gradients are one vector each. At the
end: limits on gradients before a step (clipping), and on weights after it.
"""

from abc import ABC, abstractmethod
from math import inf, sqrt

import numpy as np

from inknet.nn.arrays import Floats
from inknet.nn.ops import NUMPY, NumpyOps
from inknet.nn.ops.arena import Arena


class Optimizer(ABC):
    """A rule for one step downhill, with its state between steps.

    Attributes
    ----------
    remembers : tuple of str
        The names of the arrays of its state, ``(n_parameters,)``, which start at 0.
    steps_taken : int

    Parameters
    ----------
    parameters : (n_parameters,)
        What it will change; only their length and type matter here.
    ops : NumpyOps
        What it computes with.
    **constants
        Other values for the constants at the top of each class.

    Raises
    ------
    TypeError
        If the class has no constant of that name.
    """

    remembers: tuple[str, ...] = ()
    steps_taken: int = 0

    def __init__(self, parameters: Floats, ops: NumpyOps = NUMPY, **constants: float) -> None:
        self.ops, arena = ops, Arena(parameters.dtype, ops.xp)
        for name, value in constants.items():
            if not isinstance(getattr(type(self), name, None), (int, float)):
                raise TypeError(f"{type(self).__name__} has no constant {name!r}")
            setattr(self, name, value)
        for name in self.remembers:
            setattr(self, name, arena.zeros(len(parameters)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def arrays(self) -> dict[str, Floats]:
        """Return its state besides `steps_taken`: the arrays themselves, not copies."""
        return {name: getattr(self, name) for name in self.remembers}

    def step(self, parameters: Floats, gradients: Floats, learning_rate: float) -> None:
        """Change ``parameters`` in place, given ``gradients``, both ``(n_parameters,)``.

        ``learning_rate`` is the rate of this step.
        """
        self.steps_taken += 1
        self._step(parameters, gradients, learning_rate)

    @abstractmethod
    def _step(self, parameters: Floats, gradients: Floats, rate: float) -> None:
        """Take the step, see `step`."""


class GradientDescent(Optimizer):
    """``p = p - learning_rate · g``: straight downhill."""

    def _step(self, parameters: Floats, gradients: Floats, rate: float) -> None:
        self.ops.descent_step(parameters, gradients, rate)


class Momentum(Optimizer):
    """Follow a running mean of the gradients: ``v = beta · v + (1 - beta) · g``."""

    beta = 0.9
    remembers = ("velocity",)
    velocity: Floats

    def __repr__(self) -> str:
        return f"Momentum(beta={self.beta:g})"

    def _step(self, parameters: Floats, gradients: Floats, rate: float) -> None:
        self.ops.momentum_step(parameters, gradients, self.velocity, rate, self.beta)


class Nesterov(Momentum):
    """Momentum that looks ahead: ``v = beta · v - learning_rate · g``, and steps by the next ``v``.

    Here the learning rate is in the velocity, and there is no ``1 - beta``: at the same rate its
    steps are ``1 / (1 - beta)`` times as long as those of `Momentum`.

    Attributes
    ----------
    ahead : bool
        Without it, ``p = p + v``: the classical momentum of Polyak 1964.
    """

    ahead = True

    def __repr__(self) -> str:
        return f"Nesterov(beta={self.beta:g}{'' if self.ahead else ', ahead=False'})"

    def _step(self, parameters: Floats, gradients: Floats, rate: float) -> None:
        self.ops.velocity_step(parameters, gradients, self.velocity, rate, self.beta, self.ahead)


class Adam(Optimizer):
    """Momentum, with each parameter's step divided by the typical size of its gradient."""

    beta1, beta2, epsilon = 0.9, 0.999, 1e-8
    remembers = ("mean", "square")
    mean: Floats
    square: Floats

    def __repr__(self) -> str:
        return f"Adam(beta1={self.beta1:g}, beta2={self.beta2:g})"

    def _step(self, parameters: Floats, gradients: Floats, rate: float) -> None:
        self._move(parameters, gradients, self.mean, self.square, rate, 0.0)

    def _move(self, p: Floats, g: Floats, m: Floats, v: Floats, rate: float, decay: float) -> None:
        beta1, beta2 = self.beta1, self.beta2
        self.ops.adam_step(p, g, m, v, rate, beta1, beta2, self.epsilon, self.steps_taken, decay)


class AdamW(Adam):
    """Adam that also shrinks the weights: in each step by ``learning_rate · weight_decay`` of them.

    An L2 penalty in the loss would shrink weights with large gradients less, because Adam divides
    by the size of the gradients. Loshchilov and Hutter 2019, "Decoupled weight decay
    regularization".

    Attributes
    ----------
    weight_decay : float
        From 0 to 1.
    n_weights : int
        How many parameters shrink, counted from the first; all, if there are fewer.
    """

    weight_decay = 0.01
    n_weights: float = inf

    def __repr__(self) -> str:
        return f"AdamW(weight_decay={self.weight_decay:g}, {super().__repr__()[5:]}"

    def _step(self, parameters: Floats, gradients: Floats, rate: float) -> None:
        n = int(min(self.n_weights, len(parameters)))
        for part, decay in ((slice(n), rate * self.weight_decay), (slice(n, None), 0.0)):
            p, g, m, v = parameters[part], gradients[part], self.mean[part], self.square[part]
            self._move(p, g, m, v, rate, decay)


OPTIMIZERS: dict[str, type[GradientDescent | Momentum | Adam]] = {
    "gradient_descent": GradientDescent,
    "momentum": Momentum,
    "adam": Adam,
    "adamw": AdamW,
}
"""The optimizers by the names that recipes use."""


def clip_by_value(gradients: Floats, limit: float) -> None:
    """Force all ``gradients``, ``(n_parameters,)``, into ``[-limit, limit]``, in place."""
    gradients.clip(-limit, limit, out=gradients)


def clip_by_norm(gradients: Floats, limit: float) -> None:
    """Shorten ``gradients``, ``(n_parameters,)``, in place, to Euclidean length ``limit``.

    If they are longer; they keep their direction.
    Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks",
    algorithm 1.
    """
    with np.errstate(over="ignore"):
        norm = sqrt(float(gradients @ gradients))
    if norm == inf:  # the squares were too large for the type, not the gradient: scale it first
        gradients /= abs(gradients).max()
        norm = sqrt(float(gradients @ gradients))
        gradients *= limit / norm
    elif norm > limit:
        gradients *= limit / norm


def limit_norms(weight: Floats, limit: float, ops: NumpyOps = NUMPY) -> None:
    """Shorten the weights into each neuron in place, to Euclidean length ``limit``.

    ``weight`` is ``(fan_in, fan_out)``; its columns that are shorter stay as they are. ``ops`` is
    what it computes with. Srivastava, Hinton, Krizhevsky, Sutskever and
    Salakhutdinov 2014, "Dropout: a simple way to prevent neural networks from overfitting",
    section 5.1.
    """
    norms = ops.xp.sqrt(ops.xp.einsum("ij,ij->j", weight, weight))
    too_long = ops.xp.flatnonzero(norms > limit)
    weight[:, too_long] *= limit / norms[too_long]
