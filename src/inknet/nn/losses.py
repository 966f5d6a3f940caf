"""What training minimizes: the loss on a batch, and a penalty on large weights.

The objective of a batch of n samples is ``J = loss + l2_lambda / (2 n) · sum of squared weights``.
Each loss also gives its gradient with respect to the logits: the first ``dJ/dy`` of the backward
pass.
"""

from collections.abc import Callable
from typing import TypeAlias

from inknet.nn.arrays import Floats, Labels
from inknet.nn.ops import NUMPY, NumpyOps, checked_labels, checked_targets


def softmax_cross_entropy(
    logits: Floats,
    labels: Labels,
    gradient: Floats,
    label_smoothing: float = 0.0,
    sample_weight: Floats | None = None,
    ops: NumpyOps = NUMPY,
) -> float:
    """Return the loss of a batch of samples with one class each; write its gradient.

    The target of a sample puts ``1 - label_smoothing`` on its class and spreads ``label_smoothing``
    evenly over all K classes: ``t_k = (1 - label_smoothing) [k = label] + label_smoothing / K``.
    With ``p = softmax(logits)``::

        loss = mean over samples of  - sum_k t_k log p_k
        d loss / d logits = (p - t) / n

    Why the second line: ``log p_k = z_k - log(sum_j exp z_j)`` and the targets sum to 1, so a
    sample's loss is ``log(sum_j exp z_j) - sum_k t_k z_k``. The derivative of the first term with
    respect to ``z_k`` is ``exp z_k / sum_j exp z_j``, or ``p_k``; of the second, ``t_k``. With
    sample weights, the mean is ``sum_i w_i loss_i / sum_i w_i``, and ``w_i / sum_i w_i`` takes the
    place of ``1 / n``.

    Parameters
    ----------
    logits : (n, K)
        The outputs of the network.
    labels : (n,) integer
        From 0 to K - 1.
    gradient : (n, K)
        Where the gradient is written.
    label_smoothing : float
        0 for plain cross-entropy (Szegedy et al. 2016, section 7, for the smoothed one).
    sample_weight : (n,), optional
        0 or more, and not all of them 0.
    ops : NumpyOps
        What it computes with.

    Returns
    -------
    float
        The mean loss.

    Raises
    ------
    ValueError
        If the labels are not as described.
    """
    labels = checked_labels(labels, logits)
    return ops.softmax_cross_entropy(logits, labels, label_smoothing, gradient, sample_weight)


def sigmoid_cross_entropy(
    logits: Floats,
    targets: Floats,
    gradient: Floats,
    label_smoothing: float = 0.0,
    sample_weight: Floats | None = None,
    ops: NumpyOps = NUMPY,
) -> float:
    """Return the loss of a batch in which every output is a yes or no; write its gradient.

    With ``p = sigmoid(logits)`` and targets moved towards the middle, ``t = (1 - label_smoothing)
    target + label_smoothing / 2``::

        loss = mean over samples of  - sum_k (t_k log p_k + (1 - t_k) log(1 - p_k))
        d loss / d logits = (p - t) / n

    Why the second line: ``log p_k = z_k - log(1 + exp z_k)`` and ``log(1 - p_k) =
    - log(1 + exp z_k)``, so an output's loss is ``log(1 + exp z_k) - t_k z_k``. Its derivative is
    ``exp z_k / (1 + exp z_k) - t_k``, the first of which is ``p_k``.

    Parameters
    ----------
    logits : (n, K)
        The outputs of the network.
    targets : (n, K)
        0 or 1.
    gradient : (n, K)
        Where the gradient is written.
    label_smoothing, sample_weight, ops
        As in `softmax_cross_entropy`.

    Returns
    -------
    float
        The mean loss.

    Raises
    ------
    ValueError
        If the targets are not as described.
    """
    targets = checked_targets(targets, logits)
    return ops.sigmoid_cross_entropy(logits, targets, label_smoothing, gradient, sample_weight)


Loss: TypeAlias = Callable[..., float]

LOSSES: dict[str, Loss] = {"softmax": softmax_cross_entropy, "sigmoid": sigmoid_cross_entropy}
"""The loss for each activation of the output layer."""


class L2:
    """The penalty on large weights: ``l2_lambda / (2 n) · sum(w²)`` for a batch of n samples.

    Parameters
    ----------
    decayed, gradients : (n_decayed,)
        The parameters that it applies to, and their part of the gradient vector; both are views.
    l2_lambda : float
        Its strength; at 0 nothing is computed. The penalty of a batch is divided by the batch size,
        and the loss is a mean. So for the same strength at another batch size, multiply the value
        by the ratio of the sizes. With Adam, which divides each gradient by its typical size, this
        is not the weight decay of AdamW.
    ops : NumpyOps
        What it computes with.
    """

    def __init__(
        self, decayed: Floats, gradients: Floats, l2_lambda: float, ops: NumpyOps = NUMPY
    ) -> None:
        self.decayed, self.gradients, self.l2_lambda = decayed, gradients, l2_lambda
        self.ops = ops

    def __repr__(self) -> str:
        return f"L2({self.l2_lambda:g})"

    def value(self, n: float) -> float:
        """Return the penalty in a batch of ``n`` samples, or of a total weight of ``n``."""
        return self.l2_lambda / (2 * n) * float(self.decayed @ self.decayed)

    def add_gradient(self, n: float) -> None:
        """Add ``l2_lambda / n · w``, the derivative of `value`, to the gradients."""
        if self.l2_lambda:
            self.ops.add_scaled(self.decayed, self.l2_lambda / n, self.gradients)
