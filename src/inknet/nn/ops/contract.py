"""What a backend must provide: the formulas of a training step, and of predicting one sample.

`formulas` has all of them in NumPy; another backend derives from it and overrides what it does
differently. All arrays are C-contiguous and of one floating type unless said otherwise. Results are
written into arrays that the caller allocated. n is the number of samples in a batch, d and k are
widths, K is the number of classes, and p and g are parameters and gradients, ``(n_parameters,)``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inknet.nn.activations import ActivationFunction, Elementwise
from inknet.nn.arrays import Floats, Labels


class FoldedLayer(NamedTuple):
    """A dense layer at inference: ``f(x @ weight + bias)``.

    Attributes
    ----------
    weight, bias : (fan_in, fan_out), (fan_out,)
        With batch normalization folded in.
    function : Elementwise or None
        f; the last layer has none.
    """

    weight: Floats
    bias: Floats
    function: Elementwise | None


class Ops(ABC):
    """The formulas.

    Attributes
    ----------
    name : str
        Written into the history of a training.
    xp : module
        The library that makes the arrays: NumPy, or one with its interface. Data, labels and random
        bits come as NumPy's arrays, and are passed through its ``asarray``.

    Arrays of the optimizers, such as parameters and gradients, are ``(n_parameters,)``.
    """

    name: ClassVar[str]
    xp: ClassVar[Any] = np

    # -- layers -----------------------------------------------------------------------------------

    @abstractmethod
    def matmul(self, a: Floats, b: Floats, out: Floats) -> None:
        """Write ``a @ b``, ``(n, d) @ (d, k)``, to ``out``; either may be a transposed view."""

    @abstractmethod
    def column_sums(self, x: Floats, out: Floats) -> None:
        """Write ``sum_i x_i``, the sum of the rows of ``x``, ``(n, d)``, to ``out``, ``(d,)``."""

    @abstractmethod
    def activate(self, function: ActivationFunction, z: Floats, out: Floats, slope: Floats) -> None:
        """Write ``a = f(z)`` to ``out`` and ``f'(z)`` to ``slope``; all three ``(n, d)``.

        ``function`` is f, one of `inknet.nn.activations.ACTIVATIONS`.
        """

    @abstractmethod
    def drop(
        self,
        generator: np.random.Generator,
        keep_prob: float,
        x: Floats,
        mask: Floats,
        out: Floats,
    ) -> None:
        """Write ``x · mask``, where the mask of dropout is 0 or ``1 / keep_prob``.

        Each element takes 16 bits of the ``generator``, four elements from each of its raw draws,
        and is kept if they are below ``keep_prob · 2^16``. ``x``, ``mask`` and ``out`` are
        ``(n, d)``.
        """

    @abstractmethod
    def activate_and_drop(
        self,
        function: ActivationFunction,
        generator: np.random.Generator,
        keep_prob: float,
        z: Floats,
        out: Floats,
        slope: Floats,
    ) -> None:
        """Write ``f(z) · mask`` to ``out`` and ``f'(z) · mask`` to ``slope``; all ``(n, d)``.

        ``function`` is f; the mask takes ``generator`` and ``keep_prob`` as in `drop`.
        """

    @abstractmethod
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
        """Normalize each feature over the batch, scale and shift it.

        With the mean and the variance of each feature over the batch::

            deviation = sqrt(variance + epsilon)
            normalized = (x - mean) / deviation
            out = gamma · normalized + beta
            running_mean += momentum · (mean - running_mean)
            running_var += momentum · (variance · n / (n - 1) - running_var)

        The last two lines only for n > 1. ``x``, ``normalized`` and ``out`` are ``(n, d)``, the
        other arrays ``(d,)``.
        """

    @abstractmethod
    def batch_norm_backward(
        self,
        gradient: Floats,
        normalized: Floats,
        deviation: Floats,
        gamma: Floats,
        gamma_gradient: Floats,
        beta_gradient: Floats,
    ) -> None:
        """Turn ``G = dJ/dy`` of batch normalization into ``dJ/dx``, in place.

        With sums and means over the batch::

            gamma_gradient = dJ/dgamma = sum(G · normalized)
            beta_gradient = dJ/dbeta = sum(G)
            dJ/dx = gamma / deviation · (G - mean(G) - normalized · mean(G · normalized))

        ``gradient`` and ``normalized``, which may be overwritten, are ``(n, d)``, the other arrays
        ``(d,)``.
        """

    # -- losses -----------------------------------------------------------------------------------

    @abstractmethod
    def softmax_cross_entropy(
        self,
        logits: Floats,
        labels: Labels,
        smoothing: float,
        gradient: Floats,
        sample_weight: Floats | None = None,
    ) -> float:
        """Return the mean loss of a batch; write its gradient with respect to the logits.

        The target of a sample puts ``1 - smoothing`` on its class and spreads ``smoothing`` evenly
        over all K classes: ``t_k = (1 - smoothing) [k = label] + smoothing / K``. With
        ``p = softmax(logits)``::

            loss = mean over samples of  - sum_k t_k log p_k
            d loss / d logits = (p - t) / n

        With sample weights ``w``, ``w_i / sum_i w_i`` takes the place of ``1 / n`` in both.

        Parameters
        ----------
        logits : (n, K)
            The inputs of softmax.
        labels : (n,)
            From 0 to K - 1.
        smoothing : float
            0 for plain cross-entropy (Szegedy et al. 2016, section 7, for the smoothed one).
        gradient : (n, K)
            Where the gradient is written.
        sample_weight : (n,), optional
            0 or more, and not all of them 0.
        """

    @abstractmethod
    def sigmoid_cross_entropy(
        self,
        logits: Floats,
        targets: Floats,
        smoothing: float,
        gradient: Floats,
        sample_weight: Floats | None = None,
    ) -> float:
        """Return the mean loss of a batch whose outputs are each a yes or no; write its gradient.

        With ``p = sigmoid(logits)`` and ``t = (1 - smoothing) target + smoothing / 2``::

            loss = mean over samples of  - sum_k (t_k log p_k + (1 - t_k) log(1 - p_k))
            d loss / d logits = (p - t) / n

        ``targets`` are 0 or 1, ``(n, K)``; ``smoothing``, ``gradient`` and ``sample_weight`` are as
        in `softmax_cross_entropy`.
        """

    @abstractmethod
    def weighted_mean(
        self, losses: Floats, gradient: Floats, sample_weight: Floats | None
    ) -> float:
        """Return the mean of the ``losses``, ``(n,)``, of a batch; make ``gradient`` that of it.

        With ``w = sample_weight``, or all 1::

            mean = sum_i w_i losses_i / sum_i w_i
            gradient_i = w_i / sum_i w_i · gradient_i

        ``gradient`` is ``(n, K)``, a row the gradient of the loss of a sample.
        """

    # -- optimizers -------------------------------------------------------------------------------

    @abstractmethod
    def add_scaled(self, x: Floats, factor: float, out: Floats) -> None:
        """Add ``factor · x`` to ``out``; both ``(n_parameters,)``."""

    @abstractmethod
    def descent_step(self, parameters: Floats, gradients: Floats, learning_rate: float) -> None:
        """Write ``p = p - learning_rate · g``, for ``parameters`` p and ``gradients`` g."""

    @abstractmethod
    def momentum_step(
        self,
        parameters: Floats,
        gradients: Floats,
        velocity: Floats,
        learning_rate: float,
        beta: float,
    ) -> None:
        """Write ``v = beta v + (1 - beta) g``, then ``p = p - learning_rate · v``.

        ``velocity`` v is as long as ``parameters`` p and ``gradients`` g.
        """

    @abstractmethod
    def velocity_step(
        self,
        parameters: Floats,
        gradients: Floats,
        velocity: Floats,
        learning_rate: float,
        beta: float,
        ahead: bool,
    ) -> None:
        """Write ``v = beta v - learning_rate · g``, then ``p = p + v``.

        If it looks ``ahead``, then ``p = p + beta v - learning_rate · g`` instead. ``velocity`` v
        is as long as ``parameters`` p and ``gradients`` g.
        """

    @abstractmethod
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
        """Take a step of Adam, the ``step``-th, counted from 1.

        ::

            m = beta1 m + (1 - beta1) g        m̂ = m / (1 - beta1^step)
            v = beta2 v + (1 - beta2) g²       v̂ = v / (1 - beta2^step)
            p = (1 - decay) p - learning_rate · m̂ / (sqrt(v̂) + epsilon)

        ``mean`` m and ``square`` v are as long as ``parameters`` p and ``gradients`` g.
        """

    @abstractmethod
    def average_step(self, average: Floats, values: Floats, rate: float) -> None:
        """Move ``average`` a towards new ``values`` x: ``a = a + rate · (x - a)``."""

    # -- inference --------------------------------------------------------------------------------

    @abstractmethod
    def answers(
        self, layers: list[FoldedLayer], low: float = -np.inf, high: float = np.inf
    ) -> Callable[[NDArray[Any]], Floats]:
        """Return a function from samples, ``(n, d)``, to their probabilities, ``(n, K)``.

        ``signal = f(signal @ weight + bias)`` for each of the ``layers``, and softmax at the end.
        uint8 pixels are scaled to 0–1. If a feature is then not in ``[low, high]``, the answer to
        its sample is NaN.
        """
