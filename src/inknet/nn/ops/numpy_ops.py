"""What each hot loop computes, in NumPy.

All arrays are C-contiguous and of one floating type unless said otherwise; results are written
into arrays that the caller made.
"""

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.nn.arrays import Floats, Labels


def gather_scaled(
    features: NDArray[Any], rows: NDArray[np.intp], stored: NDArray[Any], out: Floats
) -> None:
    """Make a batch: fetch ``rows`` of ``features``, scaled to 0–1 if they are uint8 pixels.

    Parameters
    ----------
    features : (n_stored, d) uint8 or floating
    rows : (n,)
        Which to take; all within range.
    stored : (n, d) of the type of ``features``
        Scratch.
    out : (n, d)
        The batch.
    """
    # mode="clip" lets take() write straight into `stored`; "raise" would go through a copy
    np.take(features, rows, axis=0, out=stored, mode="clip")
    if features.dtype == np.uint8:
        np.multiply(stored, out.dtype.type(1 / 255), out=out)
    else:
        np.copyto(out, stored, casting="same_kind")


def dropout_mask(generator: np.random.Generator, keep_prob: float, mask: Floats) -> None:
    """Fill ``mask`` with ``1 / keep_prob`` (probability ``keep_prob``) and 0."""
    generator.random(out=mask, dtype=mask.dtype.type)
    np.less(mask, keep_prob, out=mask)
    mask *= 1 / keep_prob


def softmax_cross_entropy(
    logits: Floats, labels: Labels, smoothing: float, gradient: Floats
) -> float:
    """Loss of a batch, and its gradient with respect to the logits.

    The target of a sample puts ``1 - smoothing`` on its class and spreads ``smoothing`` evenly
    over all K classes: ``t_k = (1 - smoothing) [k = label] + smoothing / K``. With
    ``p = softmax(logits)``::

        loss = mean over samples of  - sum_k t_k log p_k
        d loss / d logits = (p - t) / n

    Why the second line: ``log p_k = z_k - log(sum_j exp z_j)`` and the targets sum to 1, so a
    sample's loss is ``log(sum_j exp z_j) - sum_k t_k z_k``. The first term's derivative with
    respect to ``z_k`` is ``exp z_k / sum_j exp z_j``, which is ``p_k``; the second's is ``t_k``.

    Parameters
    ----------
    logits, gradient : (n, K)
    labels : (n,)
    smoothing : float
        0 for plain cross-entropy (Szegedy et al. 2016, section 7, for the smoothed one).

    Returns
    -------
    float
        The mean loss.
    """
    n, n_classes = logits.shape
    samples = np.arange(n)
    # `gradient` holds, one after the other: the logits with their largest taken out, so that no
    # exp overflows; the exponentials; the probabilities; and at last the gradient.
    np.subtract(logits, logits.max(axis=1, keepdims=True), out=gradient)
    # sum_k t_k z_k over all samples
    expected = (1 - smoothing) * float(gradient[samples, labels].sum())
    if smoothing:
        expected += smoothing / n_classes * float(gradient.sum())
    np.exp(gradient, out=gradient)
    total = gradient.sum(axis=1, keepdims=True)
    loss: float = (float(np.log(total).sum()) - expected) / n

    gradient /= total
    gradient -= smoothing / n_classes
    gradient[samples, labels] -= 1 - smoothing
    gradient /= n
    return loss


def batch_norm_forward(
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
    """Normalize each feature over the batch, scale and shift it; update the running statistics.

    Parameters
    ----------
    x, normalized, out : (n, d)
    gamma, beta, running_mean, running_var, deviation : (d,)
        ``deviation`` receives ``sqrt(variance + epsilon)``.
    momentum, epsilon : float
    """
    n = len(x)
    mean = x.mean(axis=0)
    np.subtract(x, mean, out=normalized)
    variance = np.einsum("ij,ij->j", normalized, normalized) / n
    np.sqrt(variance + epsilon, out=deviation)
    normalized /= deviation
    np.multiply(normalized, gamma, out=out)
    out += beta

    if n > 1:  # a last batch of one sample says nothing of the variance, and little of the mean
        running_mean += momentum * (mean - running_mean)
        running_var += momentum * (variance * (n / (n - 1)) - running_var)


def batch_norm_backward(
    gradient: Floats,
    normalized: Floats,
    deviation: Floats,
    gamma: Floats,
    gamma_gradient: Floats,
    beta_gradient: Floats,
) -> None:
    """Turn ``dJ/dy`` of batch normalization into ``dJ/dx``, in place.

    With ``G = dJ/dy`` and sums and means over the batch::

        dJ/dgamma = sum(G · normalized)        dJ/dbeta = sum(G)
        dJ/dx = gamma / deviation · (G - mean(G) - normalized · mean(G · normalized))

    Were mean and deviation constants, dJ/dx would be ``gamma / deviation · G``. But moving one
    ``x`` moves the mean by 1/n, and with it all outputs, which gives ``mean(G)``; and it moves the
    deviation by ``normalized / n``, which scales all outputs, and gives the last term.

    Parameters
    ----------
    gradient, normalized : (n, d)
        ``normalized`` is used up.
    deviation, gamma, gamma_gradient, beta_gradient : (d,)
    """
    n = len(gradient)
    np.einsum("ij,ij->j", gradient, normalized, out=gamma_gradient)
    np.sum(gradient, axis=0, out=beta_gradient)
    normalized *= gamma_gradient / n
    gradient -= normalized
    gradient -= beta_gradient / n
    gradient *= gamma / deviation


def momentum_step(
    parameters: Floats,
    gradients: Floats,
    velocity: Floats,
    scratch: Floats,
    learning_rate: float,
    beta: float,
) -> None:
    """Follow the mean gradient: ``v = beta · v + (1 - beta) · g``, ``p = p - learning_rate · v``.

    Because of the ``1 - beta``, ``v`` is as long as a gradient. The form without it (Polyak 1964;
    the one of PyTorch) takes steps ``1 / (1 - beta)`` times as long at the same rate.
    All arrays are ``(n_parameters,)``.
    """
    np.multiply(gradients, 1 - beta, out=scratch)
    velocity *= beta
    velocity += scratch
    np.multiply(velocity, learning_rate, out=scratch)
    parameters -= scratch


def adam_step(
    parameters: Floats,
    gradients: Floats,
    mean: Floats,
    square: Floats,
    scratch: Floats,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    step: int,
) -> None:
    """One step of Adam, all arrays ``(n_parameters,)``, ``step`` counted from 1.

    ``m = beta1 m + (1 - beta1) g`` and ``v = beta2 v + (1 - beta2) g²`` start at 0 and so lean
    towards it; dividing by ``1 - beta^step`` corrects that. Then
    ``p = p - learning_rate · m̂ / (sqrt(v̂) + epsilon)``.
    Kingma and Ba 2015, "Adam: a method for stochastic optimization", algorithm 1.
    """
    # m + (1 - beta1) (g - m) is the same as beta1 m + (1 - beta1) g, in one pass less
    np.subtract(gradients, mean, out=scratch)
    scratch *= 1 - beta1
    mean += scratch

    np.multiply(gradients, gradients, out=scratch)
    scratch *= 1 - beta2
    square *= beta2
    square += scratch

    np.sqrt(square, out=scratch)
    scratch *= 1 / sqrt(1 - beta2**step)
    scratch += epsilon
    np.divide(mean, scratch, out=scratch)
    scratch *= learning_rate / (1 - beta1**step)
    parameters -= scratch
