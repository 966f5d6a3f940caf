"""Temperature scaling: one number that makes a network's confidence as large as its accuracy.

Probabilities are ``softmax(logits / T)``. The order of the classes stays the same for every T, so
the network answers as before; only how sure it says it is changes. Networks that learned with label
smoothing are less sure than they should be (T below 1), most others more (T above 1).

Guo, Pleiss, Sun & Weinberger, "On calibration of modern neural networks", ICML 2017.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inknet.model_file import HIGHEST_TEMPERATURE, LOWEST_TEMPERATURE
from inknet.nn.activations import softmax
from inknet.nn.arrays import Floats, Labels

BLOCK = 1 << 20
"""How many logits are looked at together."""

MOST_STEPS = 100
"""Of Newton's method or bisection; some ten are usual, and forty halvings find any number here."""


@np.errstate(under="ignore")  # a probability may be 0
def to_probabilities(logits: Floats, temperature: float) -> None:
    """Write ``softmax(logits / temperature)`` of each row in place."""
    if temperature != 1:
        logits -= logits.max(axis=1, keepdims=True)  # the quotients cannot overflow then
        logits /= logits.dtype.type(temperature)
    softmax(logits, logits)


def fitted_temperature(logits: Floats, labels: Labels) -> float:
    """Return the T for which the mean cross-entropy of ``softmax(logits / T)`` is least.

    With ``b = 1 / T``, ``z`` the logits of a sample and ``y`` its class, the loss is the mean of
    ``log sum_k exp(b z_k) - b z_y``. It is convex in b: its first derivative is the mean of
    ``E[z] - z_y`` and its second that of ``Var[z]``, with the probabilities as weights. Newton's
    method finds where the first is 0, and bisection steps in where it would leave the bracket.

    Where every sample is read right, the loss falls for ever with T and says nothing about how
    often the network errs: T is 1 then. Other values are from `LOWEST_TEMPERATURE` to
    `HIGHEST_TEMPERATURE`.

    Parameters
    ----------
    logits : (n, n_classes)
        Of samples that the network did not learn from.
    labels : (n,) integer
        Their classes.
    """
    largest = logits.max(axis=1)
    if not np.isfinite(logits).all() or (logits[np.arange(len(labels)), labels] == largest).all():
        return 1.0
    low, high = 1 / HIGHEST_TEMPERATURE, 1 / LOWEST_TEMPERATURE
    if _derivatives(logits, labels, low)[0] >= 0:
        return HIGHEST_TEMPERATURE
    if _derivatives(logits, labels, high)[0] <= 0:
        return LOWEST_TEMPERATURE
    b = 1.0
    for _ in range(MOST_STEPS):
        slope, curvature = _derivatives(logits, labels, b)
        low, high = (b, high) if slope < 0 else (low, b)
        following = b - slope / curvature if curvature > 0 else np.inf
        if not low < following < high:
            following = (low + high) / 2
        step, b = abs(following - b), following
        if step <= 1e-12 * b:
            break
    return float(1 / b)


@np.errstate(under="ignore")
def _derivatives(logits: Floats, labels: Labels, b: float) -> tuple[float, float]:
    """Return the first and second derivative of the loss by b."""
    n, n_classes = logits.shape
    n_rows = max(1, BLOCK // n_classes)
    first = second = 0.0
    for start in range(0, n, n_rows):
        z = logits[start : start + n_rows].astype(np.float64)
        z -= z.max(axis=1, keepdims=True)
        p: NDArray[np.float64] = b * z
        softmax(p, p)
        mean = (p * z).sum(axis=1)
        first += float((mean - z[np.arange(len(z)), labels[start : start + n_rows]]).sum())
        second += float((p * (z - mean[:, None]) ** 2).sum())
    return first / n, second / n
