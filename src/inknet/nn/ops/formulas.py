"""The formulas of `contract` in NumPy, and why they hold.

New arrays come from `Ops.xp`. All other functions are NumPy's, which pass the work to the library
that an array belongs to (NumPy's NEP 13 and 18). So one class turns a library with NumPy's
interface into a backend::

    class CupyOps(NumpyOps):
        name, xp = "cupy", cupy
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.nn.activations import ActivationFunction, sigmoid, softmax
from inknet.nn.arrays import Floats, Labels
from inknet.nn.ops.batch import Loading
from inknet.nn.ops.contract import FoldedLayer
from inknet.nn.ops.parallel import in_parts

CHUNK = 65536
"""Parameters that an optimizer updates at a time: few enough to stay in the cache between passes,
many enough that the calls cost next to nothing."""


ROWS_AT_ONCE = 256
"""Rows that go through all layers together: what is between two layers stays in the cache."""


class NumpyOps(Loading):
    """The definitions; another backend overrides what it does faster.

    Parameters
    ----------
    parallel : bool
        Whether to split large work among threads; meant for a BLAS library limited to one thread.
    """

    name = "numpy"

    def __init__(self, *, parallel: bool = False) -> None:
        self.parallel = parallel

    def prepare(self, dtype: np.dtype[np.floating[Any]]) -> None:
        """Do what would delay the first use of these operations, such as compiling."""

    def in_parts(self, part: Callable[[int, int], None], n: int, n_multiplications: int) -> None:
        """Call ``part(first, last)`` until 0 to ``n`` is done; see `inknet.nn.ops.parallel`."""
        if self.parallel:
            in_parts(part, n, n_multiplications)
        else:
            part(0, n)

    def matmul(self, a: Floats, b: Floats, out: Floats) -> None:
        """Split the rows of ``a`` among threads, if there is enough to do."""

        def part(first: int, last: int) -> None:
            np.matmul(a[first:last], b, out=out[first:last])

        self.in_parts(part, len(a), a.size * b.shape[1])

    def activate(self, function: ActivationFunction, z: Floats, out: Floats, slope: Floats) -> None:
        """Compute the derivative from the value: every activation allows it."""
        function.value(z, out)
        function.derivative(out, slope)

    def drop(
        self,
        generator: np.random.Generator,
        keep_prob: float,
        x: Floats,
        mask: Floats,
        out: Floats,
    ) -> None:
        """Draw the bits, compare them with the limit, and multiply."""
        bits = self.xp.asarray(random_bits(generator, x.shape))
        limit = round(keep_prob * 2**16)
        if limit < 2**16:
            np.less(bits, limit, out=mask)
        else:  # with a limit that is too large for 16 bits, NumPy 2.0 and 2.1 crash
            mask[:] = 1
        mask *= 1 / keep_prob
        np.multiply(x, mask, out=out)

    def activate_and_drop(
        self,
        function: ActivationFunction,
        generator: np.random.Generator,
        keep_prob: float,
        z: Floats,
        out: Floats,
        slope: Floats,
    ) -> None:
        """Do one after the other; the slope takes the mask too."""
        self.activate(function, z, out, slope)
        mask = self.xp.empty_like(z)
        self.drop(generator, keep_prob, out, mask, out)
        slope *= mask

    def column_sums(self, x: Floats, out: Floats) -> None:
        """Multiply with a row of ones: BLAS adds faster than `numpy.sum` does down the columns."""
        np.matmul(self.xp.ones(len(x), x.dtype), x, out=out)

    def add_scaled(self, x: Floats, factor: float, out: Floats) -> None:
        """Add, a chunk of the vectors at a time."""
        for x_part, out_part in chunks(x, out):
            out_part += factor * x_part

    def softmax_cross_entropy(
        self,
        logits: Floats,
        labels: Labels,
        smoothing: float,
        gradient: Floats,
        sample_weight: Floats | None = None,
    ) -> float:
        """Take the loss and its gradient together; `inknet.nn.losses` derives them."""
        n, n_classes = logits.shape
        samples, labels = self.xp.arange(n), self.xp.asarray(labels)
        # `gradient` holds, one after the other: the logits minus their largest, so that no exp
        # overflows; the exponentials; the probabilities; and finally the gradient.
        np.subtract(logits, logits.max(axis=1, keepdims=True), out=gradient)
        # sum_k t_k z_k of each sample
        expected = (1 - smoothing) * gradient[samples, labels]
        if smoothing:
            expected += smoothing / n_classes * gradient.sum(axis=1)
        np.exp(gradient, out=gradient)
        total = gradient.sum(axis=1)
        losses = np.log(total) - expected

        gradient /= total[:, None]
        gradient -= smoothing / n_classes
        gradient[samples, labels] -= 1 - smoothing
        return self.weighted_mean(losses, gradient, sample_weight)

    def sigmoid_cross_entropy(
        self,
        logits: Floats,
        targets: Floats,
        smoothing: float,
        gradient: Floats,
        sample_weight: Floats | None = None,
    ) -> float:
        """Take the loss and its gradient together; `inknet.nn.losses` derives them."""
        targets = (1 - smoothing) * self.xp.asarray(targets) + smoothing / 2
        losses = (np.logaddexp(logits.dtype.type(0), logits) - targets * logits).sum(axis=1)
        sigmoid(logits, gradient)
        gradient -= targets
        return self.weighted_mean(losses, gradient, sample_weight)

    def weighted_mean(
        self, losses: Floats, gradient: Floats, sample_weight: Floats | None
    ) -> float:
        """Return the mean of the losses ``(n,)``; weight the rows of ``gradient`` too."""
        if sample_weight is None:
            gradient /= len(losses)
            return float(losses.sum()) / len(losses)
        sample_weight = self.xp.asarray(sample_weight)
        total = float(sample_weight.sum())
        gradient *= (sample_weight / total)[:, None]
        return float(sample_weight @ losses) / total

    def batch_norm_forward(
        self,
        x: Floats,
        gamma: Floats,
        beta: Floats,
        running_mean: Floats,
        running_var: Floats,
        momentum: float,
        epsilon: float,
        normalized: Floats,
        deviation: Floats,
        out: Floats,
    ) -> None:
        """Normalize each feature over the batch; update the running statistics."""
        n = len(x)
        mean = x.mean(axis=0)
        np.subtract(x, mean, out=normalized)
        variance = np.einsum("ij,ij->j", normalized, normalized) / n
        np.sqrt(variance + epsilon, out=deviation)
        normalized /= deviation
        np.multiply(normalized, gamma, out=out)
        out += beta

        if n > 1:  # one sample says nothing about the variance, and little about the mean
            running_mean += momentum * (mean - running_mean)
            running_var += momentum * (variance * (n / (n - 1)) - running_var)

    def batch_norm_backward(
        self,
        gradient: Floats,
        normalized: Floats,
        deviation: Floats,
        gamma: Floats,
        gamma_gradient: Floats,
        beta_gradient: Floats,
    ) -> None:
        """Take the sums first, then ``dJ/dx``.

        If mean and deviation were constants, dJ/dx would be ``gamma / deviation · G``. But changing
        one ``x`` changes the mean by 1/n and so moves all outputs: this gives ``mean(G)``. It also
        changes the deviation by ``normalized / n`` and so scales all outputs: this gives the last
        term.
        """
        n = len(gradient)
        gamma_gradient[:] = np.einsum("ij,ij->j", gradient, normalized)
        np.sum(gradient, axis=0, out=beta_gradient)
        normalized *= gamma_gradient / n
        gradient -= normalized
        gradient -= beta_gradient / n
        gradient *= gamma / deviation

    def descent_step(self, parameters: Floats, gradients: Floats, learning_rate: float) -> None:
        """Go straight downhill."""
        self.add_scaled(gradients, -learning_rate, parameters)

    def momentum_step(
        self,
        parameters: Floats,
        gradients: Floats,
        velocity: Floats,
        learning_rate: float,
        beta: float,
    ) -> None:
        """Follow the mean gradient.

        Because of the ``1 - beta``, ``v`` is as long as a gradient. The form without it (Polyak
        1964; the one of PyTorch) takes steps ``1 / (1 - beta)`` times as long at the same rate.
        """
        for p, g, v in chunks(parameters, gradients, velocity):
            v *= beta
            v += (1 - beta) * g
            p -= learning_rate * v

    def velocity_step(
        self,
        parameters: Floats,
        gradients: Floats,
        velocity: Floats,
        learning_rate: float,
        beta: float,
        ahead: bool,
    ) -> None:
        """Step by ``v``, or look ahead: by what the next ``v`` would be if ``g`` stayed the same.

        Looking ahead is Nesterov's momentum, in the form of Bengio, Boulanger-Lewandowski and
        Pascanu 2013, "Advances in optimizing recurrent networks", section 3.5.
        """
        for p, g, v in chunks(parameters, gradients, velocity):
            step = learning_rate * g
            v *= beta
            v -= step
            if ahead:
                p += beta * v
                p -= step
            else:
                p += v

    def adam_step(
        self,
        parameters: Floats,
        gradients: Floats,
        mean: Floats,
        square: Floats,
        learning_rate: float,
        beta1: float,
        beta2: float,
        epsilon: float,
        step: int,
        decay: float = 0.0,
    ) -> None:
        """Divide each step by the typical size of its gradient.

        ``m`` and ``v`` start at 0 and are biased towards it; dividing by ``1 - beta^step`` corrects
        that. Kingma and Ba 2015, "Adam: a method for stochastic optimization", algorithm 1. The
        ``decay`` is that of Loshchilov and Hutter 2019, "Decoupled weight decay regularization",
        algorithm 2.
        """
        # sqrt(v̂) + epsilon = (sqrt(v) + epsilon · c) / c
        c = sqrt(1 - beta2**step)
        rate = learning_rate * c / (1 - beta1**step)
        scratch = self.xp.empty(min(CHUNK, len(parameters)), parameters.dtype)
        for p, g, m, v in chunks(parameters, gradients, mean, square):
            t = scratch[: len(p)]
            # m + (1 - beta1) (g - m) is the same as beta1 m + (1 - beta1) g, with one pass less
            np.subtract(g, m, out=t)
            t *= 1 - beta1
            m += t

            np.multiply(g, g, out=t)
            t *= 1 - beta2
            v *= beta2
            v += t

            np.sqrt(v, out=t)
            t += epsilon * c
            np.divide(m, t, out=t)
            t *= rate
            if decay:
                p *= 1 - decay
            p -= t

    def average_step(self, average: Floats, values: Floats, rate: float) -> None:
        """Move, a chunk of the vectors at a time."""
        for a, x in chunks(average, values):
            a += rate * (x - a)

    def answers(
        self, layers: list[FoldedLayer], low: float = -np.inf, high: float = np.inf
    ) -> Callable[[NDArray[Any]], Floats]:
        """Go through the layers one by one, some rows at a time."""
        dtype = layers[0].weight.dtype
        is_limited = low > -np.inf or high < np.inf

        def of_some(x: NDArray[Any]) -> Floats:
            signal: Floats = x * dtype.type(1 / 255) if x.dtype == np.uint8 else x
            outside = None
            if is_limited:
                outside = ~((signal.min(axis=1) >= low) & (signal.max(axis=1) <= high))
            for weight, bias, function in layers:
                z = signal @ weight
                z += bias
                signal = z
                if function is not None:
                    signal = self.xp.empty_like(z)
                    function.value(z, signal)
            softmax(signal, signal)
            if outside is not None and outside.any():
                signal[outside] = np.nan
            return signal

        @np.errstate(over="ignore", under="ignore", invalid="ignore")
        def answer(X: NDArray[Any]) -> Floats:
            X = self.xp.asarray(X)
            if len(X) <= ROWS_AT_ONCE:
                return of_some(X)
            found: Floats = self.xp.empty((len(X), len(layers[-1].bias)), dtype)
            for start in range(0, len(X), ROWS_AT_ONCE):
                rows = slice(start, start + ROWS_AT_ONCE)
                found[rows] = of_some(X[rows])
            return found

        return answer


def random_bits(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.uint16]:
    """Return 16 random bits for each element, four times 16 from each draw of the generator."""
    size = prod(shape)
    bits: NDArray[np.uint16] = generator.bit_generator.random_raw(-(-size // 4)).view(np.uint16)
    return bits[:size].reshape(shape)


def chunks(*vectors: Floats) -> Iterator[tuple[Floats, ...]]:
    """Go through vectors of one length together, `CHUNK` elements at a time, as views."""
    for start in range(0, len(vectors[0]), CHUNK):
        yield tuple(vector[start : start + CHUNK] for vector in vectors)
