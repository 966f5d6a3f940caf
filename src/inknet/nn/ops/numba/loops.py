"""The operations between the products, and the optimizer steps, in one pass each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inknet.nn.arrays import Floats, Labels
from inknet.nn.ops.numba.kernel import Real, kernel


@kernel
def rectify(z: Floats, slope_below: Real, out: Floats, slope: Floats) -> None:
    """ReLU (``slope_below`` 0) and leaky ReLU, and their slopes."""
    zero, one = z.dtype.type(0), z.dtype.type(1)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            value = z[i, j]
            slope[i, j] = one if value > 0 else slope_below
            below = value * slope_below if slope_below != 0 else zero  # 0 · -inf would be NaN
            out[i, j] = below if value <= 0 else value


@kernel
def drop(
    bits: NDArray[np.uint16], limit: int, scale: Real, x: Floats, mask: Floats, out: Floats
) -> None:
    """Make the mask and use it."""
    zero = x.dtype.type(0)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            m = scale if bits[i, j] < limit else zero
            mask[i, j] = m
            out[i, j] = x[i, j] * m


@kernel
def rectify_and_drop(
    z: Floats,
    slope_below: Real,
    bits: NDArray[np.uint16],
    limit: int,
    scale: Real,
    out: Floats,
    slope: Floats,
) -> None:
    """Do both; ``slope`` includes the mask."""
    zero = z.dtype.type(0)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            value = z[i, j]
            s = scale if value > 0 else slope_below * scale
            s = s if bits[i, j] < limit else zero
            slope[i, j] = s
            out[i, j] = zero if value <= 0 and slope_below == 0 else value * s  # as rectify


@kernel
def column_sums(x: Floats, out: Floats) -> None:
    """Add row after row."""
    out[:] = 0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[j] += x[i, j]


@kernel
def add_scaled(x: Floats, factor: Real, out: Floats) -> None:
    """Add in one pass."""
    for i in range(len(x)):
        out[i] += factor * x[i]


@kernel
def softmax_cross_entropy(
    logits: Floats, labels: Labels, smoothing: float, gradient: Floats
) -> float:
    """Finish one row after the other, so that each is read from memory once."""
    n, n_classes = logits.shape
    spread = smoothing / n_classes
    loss = 0.0
    for i in range(n):
        largest = logits[i, 0]
        for k in range(1, n_classes):
            largest = max(largest, logits[i, k])
        total = expected = 0.0
        for k in range(n_classes):
            z = logits[i, k] - largest
            gradient[i, k] = np.exp(z)
            total += gradient[i, k]
            if smoothing:  # 0 · -inf would be NaN
                expected += spread * z
        expected += (1 - smoothing) * (logits[i, labels[i]] - largest)
        loss += np.log(total) - expected
        for k in range(n_classes):
            gradient[i, k] = (gradient[i, k] / total - spread) / n
        gradient[i, labels[i]] -= (1 - smoothing) / n
    return float(loss / n)


@kernel
def batch_norm_forward(
    x: Floats,
    gamma: Floats,
    beta: Floats,
    running_mean: Floats,
    running_var: Floats,
    momentum: Real,
    epsilon: Real,
    mean: Floats,
    variance: Floats,
    normalized: Floats,
    deviation: Floats,
    out: Floats,
) -> None:
    """Take the mean, the variance, then the rest: three passes."""
    n, d = x.shape
    of_n = x.dtype.type(1) / x.dtype.type(n)
    mean[:] = 0
    for i in range(n):
        for j in range(d):
            mean[j] += x[i, j]
    for j in range(d):
        mean[j] *= of_n
    variance[:] = 0
    for i in range(n):
        for j in range(d):
            difference = x[i, j] - mean[j]
            variance[j] += difference * difference
    for j in range(d):
        variance[j] *= of_n
        deviation[j] = np.sqrt(variance[j] + epsilon)
    for i in range(n):
        for j in range(d):
            normalized[i, j] = (x[i, j] - mean[j]) / deviation[j]
            out[i, j] = gamma[j] * normalized[i, j] + beta[j]
    if n > 1:
        unbiased = x.dtype.type(n) / x.dtype.type(n - 1)
        for j in range(d):
            running_mean[j] += momentum * (mean[j] - running_mean[j])
            running_var[j] += momentum * (variance[j] * unbiased - running_var[j])


@kernel
def batch_norm_backward(
    gradient: Floats,
    normalized: Floats,
    deviation: Floats,
    gamma: Floats,
    gamma_gradient: Floats,
    beta_gradient: Floats,
) -> None:
    """Take the sums, then the rest: two passes."""
    n, d = gradient.shape
    of_n = gradient.dtype.type(1) / gradient.dtype.type(n)
    gamma_gradient[:] = 0
    beta_gradient[:] = 0
    for i in range(n):
        for j in range(d):
            gamma_gradient[j] += gradient[i, j] * normalized[i, j]
            beta_gradient[j] += gradient[i, j]
    for i in range(n):
        for j in range(d):
            gradient[i, j] = (gamma[j] / deviation[j]) * (
                gradient[i, j] - of_n * (beta_gradient[j] + normalized[i, j] * gamma_gradient[j])
            )


# -- optimizers -----------------------------------------------------------------------------------


@kernel
def momentum_step(
    p: Floats, g: Floats, v: Floats, learning_rate: Real, beta: Real, rest: Real
) -> None:
    """One step, ``rest`` being ``1 - beta``."""
    for i in range(len(p)):
        v[i] = beta * v[i] + rest * g[i]
        p[i] -= learning_rate * v[i]


@kernel
def velocity_step(
    p: Floats, g: Floats, v: Floats, learning_rate: Real, beta: Real, ahead: bool
) -> None:
    """One step, with or without looking ahead."""
    for i in range(len(p)):
        step = learning_rate * g[i]
        v[i] = beta * v[i] - step
        p[i] += beta * v[i] - step if ahead else v[i]


@kernel
def adam_step(
    p: Floats,
    g: Floats,
    m: Floats,
    v: Floats,
    rate: Real,
    rest1: Real,
    beta2: Real,
    rest2: Real,
    epsilon: Real,
    kept: Real,
) -> None:
    """One step, ``rest`` being ``1 - beta`` and ``kept`` ``1 - decay``."""
    for i in range(len(p)):
        m[i] += rest1 * (g[i] - m[i])
        v[i] = beta2 * v[i] + rest2 * (g[i] * g[i])
        p[i] = kept * p[i] - rate * m[i] / (np.sqrt(v[i]) + epsilon)


@kernel
def average_step(average: Floats, values: Floats, rate: Real) -> None:
    """One step towards the new values."""
    for i in range(len(average)):
        average[i] += rate * (values[i] - average[i])
