"""The layers: each knows how to go forward, and how to send a gradient back.

Every layer is a function ``y = f(x)`` of a batch. `forward` computes ``y`` and remembers what the
way back needs. `backward` is handed ``dJ/dy``, the gradient of the objective with respect to its
output; it stores the gradients of its own parameters and returns ``dJ/dx``, which is ``dJ/dy`` for
the layer before. That is the chain rule, and it is all there is to back-propagation.

`forward` and `backward` write into buffers made once by `prepare`, so the training loop allocates
next to nothing. A buffer's content is good until the next call; `backward` may overwrite the
gradient it was given. `infer` is the forward pass without the memory: it leaves the layer and its
input untouched, so many threads may call it at once.
"""

from abc import ABC, abstractmethod

import numpy as np

from inknet.nn import ops
from inknet.nn.activations import ActivationFunction
from inknet.nn.arrays import Floats

BATCH_NORM_EPSILON = 1e-5
"""Added to the variance, so that a constant feature does not divide by zero."""

BATCH_NORM_MOMENTUM = 0.1
"""Weight of the newest batch in the running statistics."""


class Layer(ABC):
    """One step of the network."""

    @abstractmethod
    def prepare(self, batch_size: int) -> None:
        """Make the buffers for batches of up to ``batch_size`` samples."""

    @abstractmethod
    def forward(self, x: Floats, generator: np.random.Generator) -> Floats:
        """Return ``y`` for the batch ``x``, both ``(n, d)``, as in training."""

    @abstractmethod
    def backward(self, gradient: Floats) -> Floats:
        """Return ``dJ/dx``, given ``dJ/dy``; store the gradients of the parameters.

        The first layer has nobody to pass a gradient to, and returns an empty one.
        """

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
    is_first : bool
        Nothing comes before the first layer, so it leaves ``dJ/dx`` out.
    """

    def __init__(
        self,
        weight: Floats,
        bias: Floats,
        weight_gradient: Floats,
        bias_gradient: Floats,
        *,
        is_first: bool = False,
    ) -> None:
        self.weight, self.bias = weight, bias
        self.weight_gradient, self.bias_gradient = weight_gradient, bias_gradient
        self.is_first = is_first

    def __repr__(self) -> str:
        return f"Dense({self.weight.shape[0]} → {self.weight.shape[1]})"

    def prepare(self, batch_size: int) -> None:
        fan_in, fan_out = self.weight.shape
        self._output = np.empty((batch_size, fan_out), self.weight.dtype)
        self._input_gradient = np.empty(
            (0 if self.is_first else batch_size, fan_in), self._output.dtype
        )

    def forward(self, x: Floats, generator: np.random.Generator) -> Floats:
        self._input = x
        output = self._output[: len(x)]
        np.matmul(x, self.weight, out=output)
        output += self.bias
        return output

    def backward(self, gradient: Floats) -> Floats:
        np.matmul(self._input.T, gradient, out=self.weight_gradient)
        np.sum(gradient, axis=0, out=self.bias_gradient)
        input_gradient = self._input_gradient[: len(gradient)]
        if not self.is_first:
            np.matmul(gradient, self.weight.T, out=input_gradient)
        return input_gradient

    def infer(self, x: Floats) -> Floats:
        output: Floats = x @ self.weight
        output += self.bias
        return output


class Activation(Layer):
    """``y = f(x)`` for each element, so ``dJ/dx = dJ/dy · f'(x)``."""

    def __init__(
        self, function: ActivationFunction, width: int, dtype: np.dtype[np.floating]
    ) -> None:
        self.function = function
        self.width, self.dtype = width, dtype

    def __repr__(self) -> str:
        return f"Activation({self.function.name})"

    def prepare(self, batch_size: int) -> None:
        self._buffer = np.empty((batch_size, self.width), self.dtype)
        self._derivative = np.empty_like(self._buffer)

    def forward(self, x: Floats, generator: np.random.Generator) -> Floats:
        self._output = self._buffer[: len(x)]
        self.function.value(x, self._output)
        return self._output

    def backward(self, gradient: Floats) -> Floats:
        derivative = self._derivative[: len(gradient)]
        self.function.derivative(self._output, derivative)
        gradient *= derivative
        return gradient

    def infer(self, x: Floats) -> Floats:
        output = np.empty_like(x)
        self.function.value(x, output)
        return output

    def active_fraction(self) -> float:
        """Fraction of the outputs of the last `forward` whose input was positive."""
        return float(np.count_nonzero(self._output > self.function.threshold) / self._output.size)


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

    def prepare(self, batch_size: int) -> None:
        self._deviation = np.empty_like(self.gamma)
        self._normalized = np.empty((batch_size, len(self.gamma)), self.gamma.dtype)
        self._output = np.empty_like(self._normalized)

    def forward(self, x: Floats, generator: np.random.Generator) -> Floats:
        normalized, output = self._normalized[: len(x)], self._output[: len(x)]
        ops.batch_norm_forward(
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
        ops.batch_norm_backward(
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
    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from
    overfitting".
    """

    def __init__(self, keep_prob: float, width: int, dtype: np.dtype[np.floating]) -> None:
        self.keep_prob = keep_prob
        self.width, self.dtype = width, dtype

    def __repr__(self) -> str:
        return f"Dropout(keep {self.keep_prob:g})"

    def prepare(self, batch_size: int) -> None:
        self._mask = np.empty((batch_size, self.width), self.dtype)
        self._output = np.empty_like(self._mask)

    def forward(self, x: Floats, generator: np.random.Generator) -> Floats:
        mask, output = self._mask[: len(x)], self._output[: len(x)]
        ops.dropout_mask(generator, self.keep_prob, mask)
        np.multiply(x, mask, out=output)
        return output

    def backward(self, gradient: Floats) -> Floats:
        gradient *= self._mask[: len(gradient)]
        return gradient

    def infer(self, x: Floats) -> Floats:
        return x
