"""Virtual adversarial training: smooth answers in the direction in which they change most.

For a sample x the network answers p(x). Among all changes r of the inputs of length ε, one alters
the answer most, measured by the Kullback-Leibler divergence ``KL(p(x) || p(x + r))``. The mean of
that divergence over a batch is added to its loss. No label is used: what is asked of the network is
that it answers alike for inputs that are alike. ::

    objective = loss + mean over samples of  KL(p(x) || p(x + r)),   p(x) held fixed
    r = ε d,   d = g / |g|,   g = gradient of  KL(p(x) || p(x + ξ d0))  by  d0

Why this finds r: the divergence is 0 at r = 0, which is its minimum, so its gradient there is 0 too
and it is ``½ rᵀ H r`` up to higher orders. The r of a given length that makes this largest is the
dominant eigenvector of H. The power iteration finds it: multiply any vector d0 by H, normalize, and
repeat. ``H d0`` needs no second derivatives: the gradient at ``ξ d0`` is ``ξ H d0``. One iteration
from a random d0 is enough in the paper, and here.

Miyato, Maeda, Koyama, Nakae and Ishii 2016, "Distributional smoothing with virtual adversarial
training", equations 3 to 9; Miyato, Maeda, Koyama and Ishii 2018, "Virtual adversarial training: a
regularization method for supervised and semi-supervised learning", algorithm 1.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any, TypeAlias

import numpy as np

from inknet.nn.arrays import Floats, Labels
from inknet.nn.layers import Dense
from inknet.nn.network import Network
from inknet.nn.ops import Batch, NumpyOps

XI = 0.01
"""ξ as a part of ε. With a smaller one, float32 would round the change of the answers away; with
this one, the curvature within ξ is a hundredth of that within ε."""

Divergence: TypeAlias = Callable[[Floats, Floats, Floats], Floats]
"""Returns the divergence of each sample ``(n,)``, given the outputs of the last layer at x and at
x + r, ``(n, K)``; writes its gradient by the latter, ``(n, K)``, into the third array."""


class Adversarial:
    """A network's loss with the term above; it takes the network's place in a step.

    All passes of a step have the same dropout masks and, with batch normalization, the statistics
    of their own batch; the running statistics come from the plain pass alone.

    Parameters
    ----------
    network
        What is trained.
    epsilon : float
        The length of r in units of the inputs, as the network gets them.
    n_iterations : int
        Of the power iteration.

    Attributes
    ----------
    perturbation : (n, n_features)
        r of the last step.
    """

    def __init__(self, network: Network, epsilon: float, n_iterations: int = 1) -> None:
        self.network, self.epsilon, self.n_iterations = network, epsilon, n_iterations
        self.perturbation: Floats = network.ops.xp.empty((0, 0), network.dtype)
        self._divergence = DIVERGENCES[network.architecture.activations[-1]]
        self._plain_gradients: Floats = network.ops.xp.empty_like(network.gradients)

    def loss_and_gradients(
        self,
        x: Batch,
        labels: Labels | Floats,
        generator: np.random.Generator,
        *,
        sample_weight: Floats | None = None,
        **options: Any,
    ) -> float:
        """Fill the network's gradients; return the mean loss of the batch with the added term.

        Parameters
        ----------
        x : batch of n rows
        labels, sample_weight, **options
            As for `Network.loss_and_gradients`. A sample counts in the term as it does in the loss.
        generator
            Draws the dropout masks, and then d0.
        """
        network, ops = self.network, self.network.ops
        before_masks = generator.bit_generator.state
        loss = network.loss_and_gradients(
            x, labels, generator, sample_weight=sample_weight, **options
        )
        if not isfinite(loss):  # the layers keep the pass that shows where it broke
            return loss
        self._plain_gradients[:] = network.gradients
        statistics = network.statistics.copy()
        first, last = network.layers[0], network.layers[-1]
        assert isinstance(first, Dense) and isinstance(last, Dense)
        n = len(x)
        at_rest = last.buffer("_output", n, last.fan_out).copy()
        moved = MovedBatch(x, first.buffer("_output", n, first.fan_out).copy(), ops)
        gradient = last.buffer("_output_gradient", n, last.fan_out)
        # in float32 for either type, so that both go in the same direction
        drawn = generator.standard_normal((n, first.fan_in), dtype=np.float32)
        direction = _normalized(ops.xp.asarray(drawn, dtype=network.dtype))
        after_draws = generator.bit_generator.state

        def divergence(r: Floats) -> float:
            """Go forward with x + r; write the gradient by the outputs."""
            # The same masks as in the plain pass: with others, the answers would differ at r = 0
            # too. That difference is of first order, so g would follow the masks, not d0, and the
            # term would ask different subnetworks to agree.
            generator.bit_generator.state = before_masks
            moved.by = r
            outputs = network.forward(moved, generator)
            divergences = self._divergence(at_rest, outputs, gradient)
            return ops.weighted_mean(divergences, gradient, sample_weight)

        for _ in range(self.n_iterations):
            divergence(XI * self.epsilon * direction)
            direction = _normalized(_input_gradient(network, gradient))
        self.perturbation = self.epsilon * direction
        term = divergence(self.perturbation)
        network.backward(gradient)
        ops.add_scaled(self._plain_gradients, 1.0, network.gradients)
        network.statistics[:] = statistics
        generator.bit_generator.state = after_draws
        return loss + term


class MovedBatch(Batch):
    """The rows x + r of a batch x, which may be lists of its nonzero values: they stay lists.

    The first layer needs only its products, and those are ``(x + r) W + b = (x W + b) + r W`` and
    ``(x + r)ᵀ G = xᵀ G + rᵀ G``.

    Attributes
    ----------
    by : (n, n_features)
        r.

    Parameters
    ----------
    x
        The batch.
    product : (n, k)
        ``x W + b`` of the first layer, as long as W and b stay the same.
    ops
        The network's operations.
    """

    def __init__(self, x: Batch, product: Floats, ops: NumpyOps) -> None:
        super().__init__(ops, product.dtype)
        self._x, self._product = x, product
        self.by: Floats = self.features

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._x)

    def times(self, weight: Floats, bias: Floats, out: Floats) -> None:
        """Write ``(x + r) @ weight + bias``; see `Batch.times`."""
        self.ops.matmul(self.by, weight, out)
        out += self._product

    def transposed_times(self, gradient: Floats, out: Floats) -> None:
        """Write ``(x + r).T @ gradient``; see `Batch.transposed_times`."""
        of_r = self.ops.xp.empty_like(out)
        self.ops.matmul(self.by.T, gradient, of_r)
        self._x.transposed_times(gradient, out)
        out += of_r


def _input_gradient(network: Network, gradient: Floats) -> Floats:
    """Return ``dJ/dx`` of the last pass ``(n, n_features)``, given ``dJ/dy`` of its outputs.

    `Dense.backward` would compute the gradients of the weights too, which nothing needs here.
    """
    for layer in reversed(network.layers):
        if isinstance(layer, Dense):
            by_input = layer.buffer("_input_gradient", len(gradient), layer.fan_in)
            network.ops.matmul(gradient, layer.weight.T, by_input)
            gradient = by_input
        else:
            gradient = layer.backward(gradient)
    return gradient


def _normalized(rows: Floats) -> Floats:
    """Divide each row by its Euclidean norm, in place; a row of zeros stays as it is."""
    _divide(rows, np.abs(rows).max(axis=1))  # so that no square is rounded to 0 or infinite
    _divide(rows, np.sqrt(np.einsum("ij,ij->i", rows, rows)))
    return rows


def _divide(rows: Floats, lengths: Floats) -> None:
    rows /= np.where(lengths > 0, lengths, 1)[:, None]


# -- how much answers differ -----------------------------------------------------------------------


def of_softmax(at_rest: Floats, moved: Floats, gradient: Floats) -> Floats:
    """Return ``KL(p || q) = sum_k p_k (log p_k - log q_k)``; its gradient is ``q - p``.

    With ``p = softmax(at_rest)`` and ``q = softmax(moved)``. Where the answers are nearly the same,
    ``q - p`` would be lost in rounding; so it is computed from their logarithms, as
    ``q (1 - p / q)`` if q is larger, or ``-p (1 - q / p)``.
    """
    log_p, log_q = _log_softmax(at_rest), _log_softmax(moved)
    more = log_q - log_p
    np.multiply(np.exp(np.maximum(log_p, log_q)), np.expm1(-np.abs(more)), out=gradient)
    np.copysign(gradient, more, out=gradient)
    divergences: Floats = -(np.exp(log_p) * more).sum(axis=-1)
    return divergences


def _log_softmax(logits: Floats) -> Floats:
    """Return ``log p_k = z_k - log(sum_j exp z_j)``, exact also where p_k is nearly 1.

    If the largest logit is 0, the sum is 1 for it and what the others add, which `numpy.log1p`
    takes by itself.
    """
    shifted: Floats = logits - logits.max(axis=-1, keepdims=True)
    is_largest = shifted == 0
    others = np.where(is_largest, 0, np.exp(shifted)).sum(axis=-1, keepdims=True)
    ties = is_largest.sum(axis=-1, keepdims=True) - 1
    logs: Floats = shifted - np.log1p(others + ties.astype(others.dtype))
    return logs


def of_sigmoids(at_rest: Floats, moved: Floats, gradient: Floats) -> Floats:
    """Return the sum of the divergences of all outputs, each a yes or no.

    A sigmoid of z is the softmax of (z, 0).
    """
    both = [np.stack([z, np.zeros_like(z)], axis=-1) for z in (at_rest, moved)]
    gradients = np.empty_like(both[0])
    divergences: Floats = of_softmax(both[0], both[1], gradients).sum(axis=1)
    gradient[:] = gradients[..., 0]
    return divergences


DIVERGENCES: dict[str, Divergence] = {"softmax": of_softmax, "sigmoid": of_sigmoids}
"""The divergence for each activation of the output layer; numbers have none."""
