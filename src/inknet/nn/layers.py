"""The layers: each knows how to go forward, and how to send a gradient back.

Every layer is a function ``y = f(x)`` of a batch. `forward` computes ``y`` and remembers what the
way back needs. `backward` is handed ``dJ/dy``, the gradient of the objective with respect to its
output; it stores the gradients of its own parameters and returns ``dJ/dx``, which is ``dJ/dy`` for
the layer before. That is the chain rule, and it is all there is to back-propagation.

`forward` and `backward` write into buffers made once by `prepare`, so the training loop allocates
next to nothing. A buffer's content is good until the next call; `backward` may overwrite the
gradient it was given. `infer` is the forward pass without the memory: it leaves the layer and its
input untouched, so many threads may call it at once.

What goes over many numbers is left to `ops`: the definitions in NumPy, or something that computes
the same faster.
"""

from abc import ABC, abstractmethod

import numpy as np

from inknet.nn.activations import ActivationFunction
from inknet.nn.arrays import Arena, Floats
from inknet.nn.ops import NUMPY, Batch, NumpyOps

BATCH_NORM_EPSILON = 1e-5
"""Added to the variance, so that a constant feature does not divide by zero."""

BATCH_NORM_MOMENTUM = 0.1
"""Weight of the newest batch in the running statistics."""


class Layer(ABC):
    """One step of the network.

    Attributes
    ----------
    ops : NumpyOps
        What it computes with.
    """

    ops: NumpyOps = NUMPY

    @abstractmethod
    def prepare(self, batch_size: int, arena: Arena) -> None:
        """Take buffers for batches of up to ``batch_size`` samples from ``arena``."""

    def release(self) -> None:
        """Give the buffers back: whatever has a name of its own alone."""
        for name in [name for name in vars(self) if name.startswith("_")]:
            delattr(self, name)

    @abstractmethod
    def forward(self, x: Floats, generator: np.random.Generator) -> Floats:
        """Return ``y`` for the batch ``x``, both ``(n, d)``, as in training."""

    @abstractmethod
    def backward(self, gradient: Floats) -> Floats:
        """Return ``dJ/dx``, given ``dJ/dy``; store the gradients of the parameters."""

    @abstractmethod
    def infer(self, x: Floats) -> Floats:
        """Return ``y`` for the batch ``x`` as in use: nothing random, nothing remembered."""


class Dense(Layer):
    """Every output is a weighted sum of all inputs plus a bias: ``y = x @ weight + bias``.

    With ``G = dJ/dy``::

        dJ/dweight = x.T @ G      (each weight: its input times its output's gradient, summed)
        dJ/dbias   = G.sum(axis=0)
        dJ/dx      = G @ weight.T

    Parameters
    ----------
    weight, bias : (fan_in, fan_out), (fan_out,)
        Views into the network's parameter vector.
    weight_gradient, bias_gradient
        Views of the same shapes into its gradient vector.
    """

    def __init__(
        self, weight: Floats, bias: Floats, weight_gradient: Floats, bias_gradient: Floats
    ) -> None:
        self.weight, self.bias = weight, bias
        self.weight_gradient, self.bias_gradient = weight_gradient, bias_gradient

    def __repr__(self) -> str:
        return f"Dense({self.weight.shape[0]} → {self.weight.shape[1]})"

    def prepare(self, batch_size: int, arena: Arena) -> None:
        fan_in, fan_out = self.weight.shape
        self._output = arena.zeros(batch_size, fan_out)
        self._input_gradient = arena.zeros(batch_size, fan_in)

    def forward(self, x: Floats, generator: np.random.Generator) -> Floats:
        self._input = x
        output = self._output[: len(x)]
        self.ops.matmul(x, self.weight, output)
        output += self.bias
        return output

    def backward(self, gradient: Floats) -> Floats:
        self.ops.matmul(self._input.T, gradient, self.weight_gradient)
        self.ops.column_sums(gradient, self.bias_gradient)
        input_gradient = self._input_gradient[: len(gradient)]
        self.ops.matmul(gradient, self.weight.T, input_gradient)
        return input_gradient

    def outputs_are_finite(self) -> bool:
        """Whether all outputs since `prepare` are finite numbers."""
        return bool(np.isfinite(self._output).all())

    def infer(self, x: Floats) -> Floats:
        output = np.empty((len(x), len(self.bias)), self.bias.dtype)
        self.ops.matmul(x, self.weight, output)
        output += self.bias
        return output


class FirstDense(Dense):
    """The dense layer that the data come to: as a `Batch`, and with nobody before it.

    So ``dJ/dx`` is left out, and the products are the batch's, which may know of a shorter way
    through data that are mostly zeros.
    """

    def prepare(self, batch_size: int, arena: Arena) -> None:
        self._output = arena.zeros(batch_size, self.weight.shape[1])

    def enter(self, batch: Batch) -> Floats:
        """Return ``y`` for a batch, as in training."""
        self._batch = batch
        output = self._output[: len(batch)]
        batch.times(self.weight, self.bias, output)
        return output

    def leave(self, gradient: Floats) -> None:
        """Store the gradients of the parameters, given ``dJ/dy``."""
        self._batch.transposed_times(gradient, self.weight_gradient)
        self.ops.column_sums(gradient, self.bias_gradient)


class Activation(Layer):
    """``y = f(x)`` for each element, so ``dJ/dx = dJ/dy · f'(x)``; if asked to, with dropout.

    Dropout follows most activations, and then both are done in one go: ``y = f(x) · mask``, and
    ``dJ/dx = dJ/dy · f'(x) · mask``. See `Dropout`.
    """

    def __init__(self, function: ActivationFunction, width: int, keep_prob: float = 1.0) -> None:
        self.function, self.width, self.keep_prob = function, width, keep_prob

    def __repr__(self) -> str:
        dropout = f", {Dropout(self.keep_prob, self.width)}" if self.keep_prob < 1 else ""
        return f"Activation({self.function.name}){dropout}"

    def prepare(self, batch_size: int, arena: Arena) -> None:
        self._output = arena.zeros(batch_size, self.width)
        self._slope = arena.zeros(batch_size, self.width)

    def forward(self, x: Floats, generator: np.random.Generator) -> Floats:
        self._input = x
        output, slope = self._output[: len(x)], self._slope[: len(x)]
        if self.keep_prob == 1:
            self.ops.activate(self.function, x, output, slope)
        else:
            self.ops.activate_and_drop(self.function, generator, self.keep_prob, x, output, slope)
        return output

    def backward(self, gradient: Floats) -> Floats:
        gradient *= self._slope[: len(gradient)]
        return gradient

    def infer(self, x: Floats) -> Floats:
        output = np.empty_like(x)
        self.function.value(x, output)
        return output

    def active_fraction(self) -> float:
        """Fraction of the inputs of the last `forward` that were positive."""
        return float(np.count_nonzero(self._input > 0) / self._input.size)


class BatchNorm(Layer):
    """Give every feature mean 0 and variance 1 over the batch, then a scale and shift it learns.

    ``normalized = (x - mean) / sqrt(variance + epsilon)``, ``y = gamma · normalized + beta``.
    In use there is no batch to speak of, so `infer` takes the running mean and variance that
    training collected. Ioffe and Szegedy 2015, "Batch normalization", algorithms 1 and 2.

    Parameters
    ----------
    gamma, beta : (d,)
        Views into the parameter vector.
    gamma_gradient, beta_gradient : (d,)
        Views into the gradient vector.
    running_mean, running_var : (d,)
        Views into the network's vector of statistics. The variance is the unbiased estimate.
    """

    def __init__(
        self,
        gamma: Floats,
        beta: Floats,
        gamma_gradient: Floats,
        beta_gradient: Floats,
        running_mean: Floats,
        running_var: Floats,
    ) -> None:
        self.gamma, self.beta = gamma, beta
        self.gamma_gradient, self.beta_gradient = gamma_gradient, beta_gradient
        self.running_mean, self.running_var = running_mean, running_var

    def __repr__(self) -> str:
        return f"BatchNorm({len(self.gamma)})"

    def prepare(self, batch_size: int, arena: Arena) -> None:
        self._deviation = np.empty_like(self.gamma)
        self._normalized = arena.zeros(batch_size, len(self.gamma))
        self._output = arena.zeros(batch_size, len(self.gamma))

    def forward(self, x: Floats, generator: np.random.Generator) -> Floats:
        normalized, output = self._normalized[: len(x)], self._output[: len(x)]
        self.ops.batch_norm_forward(
            x,
            self.gamma,
            self.beta,
            self.running_mean,
            self.running_var,
            BATCH_NORM_MOMENTUM,
            BATCH_NORM_EPSILON,
            normalized,
            self._deviation,
            output,
        )
        return output

    def backward(self, gradient: Floats) -> Floats:
        normalized = self._normalized[: len(gradient)]
        self.ops.batch_norm_backward(
            gradient,
            normalized,
            self._deviation,
            self.gamma,
            self.gamma_gradient,
            self.beta_gradient,
        )
        return gradient

    def infer(self, x: Floats) -> Floats:
        scale = self.gamma / np.sqrt(self.running_var + BATCH_NORM_EPSILON)
        output: Floats = x * scale
        output += self.beta - self.running_mean * scale
        return output


class Dropout(Layer):
    """Silence each input with probability ``1 - keep_prob``, so that no neuron is indispensable.

    ``y = x · mask`` where the mask is 0 or ``1 / keep_prob``: the division keeps the expected
    value, so nothing needs scaling in use ("inverted" dropout). The gradient takes the same mask.
    Probabilities are exact to 2^-17, as 16 random bits decide on each element.
    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from
    overfitting".
    """

    def __init__(self, keep_prob: float, width: int) -> None:
        self.keep_prob, self.width = keep_prob, width

    def __repr__(self) -> str:
        return f"Dropout(keep {self.keep_prob:g})"

    def prepare(self, batch_size: int, arena: Arena) -> None:
        self._mask = arena.zeros(batch_size, self.width)
        self._output = arena.zeros(batch_size, self.width)

    def forward(self, x: Floats, generator: np.random.Generator) -> Floats:
        mask, output = self._mask[: len(x)], self._output[: len(x)]
        self.ops.drop(generator, self.keep_prob, x, mask, output)
        return output

    def backward(self, gradient: Floats) -> Floats:
        gradient *= self._mask[: len(gradient)]
        return gradient

    def infer(self, x: Floats) -> Floats:
        return x
