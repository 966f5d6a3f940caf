"""Losses of numbers, for the regressor; each stands for an activation of the output layer.

They have the form of those in `inknet.nn.losses`, and are added to its table.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from inknet.nn.arrays import Floats
from inknet.nn.losses import LOSSES
from inknet.nn.ops import NUMPY, NumpyOps


def squared_error(
    outputs: Floats,
    targets: Floats,
    gradient: Floats,
    label_smoothing: float = 0.0,
    sample_weight: Floats | None = None,
    ops: NumpyOps = NUMPY,
) -> float:
    """Return the loss of a batch with numbers as targets; write its gradient.

    With outputs ``z`` and targets ``t``::

        loss = mean over samples of  sum_k (z_k - t_k)^2 / 2
        d loss / d z = (z - t) / n

    The half is there for the second line, which then is that of all other losses. Up to a constant,
    it is the negative logarithm of a normal distribution around z (Bishop 2006, section 5.2). With
    sample weights, ``w_i / sum_i w_i`` takes the place of ``1 / n``.

    Parameters
    ----------
    outputs, gradient : (n, K)
        The gradient is written to ``gradient``.
    targets : (n, K)
        Finite numbers.
    label_smoothing
        Only 0: numbers have no classes to be spread over.
    sample_weight : (n,), optional
        0 or more, and not all of them 0.

    Returns
    -------
    float
        The mean loss.

    Raises
    ------
    ValueError
        If the targets or ``label_smoothing`` are not as described.
    """
    _check(targets, outputs, label_smoothing)
    np.subtract(outputs, ops.xp.asarray(targets), out=gradient)
    return ops.weighted_mean((gradient**2).sum(axis=1) / 2, gradient, sample_weight)


def poisson_deviance(
    logits: Floats,
    targets: Floats,
    gradient: Floats,
    label_smoothing: float = 0.0,
    sample_weight: Floats | None = None,
    ops: NumpyOps = NUMPY,
) -> float:
    """Return the loss of a batch with counts as targets; write its gradient.

    An output is the logarithm of the mean that is expected, ``mu = exp(logits)``, so the mean is
    never negative. The loss is half of the Poisson deviance, 0 where ``mu = t``::

        loss = mean over samples of  sum_k (t_k log(t_k / mu_k) - t_k + mu_k)
        d loss / d logits = (mu - t) / n

    Why the second line: ``log mu_k`` is the logit ``z_k``, so what depends on it is
    ``exp z_k - t_k z_k``. McCullagh and Nelder 1989, Generalized linear models, section 2.3.

    Parameters
    ----------
    logits, gradient : (n, K)
        The gradient is written to ``gradient``.
    targets : (n, K)
        0 or more.
    label_smoothing, sample_weight
        As in `squared_error`.

    Returns
    -------
    float
        The mean loss.

    Raises
    ------
    ValueError
        If the targets or ``label_smoothing`` are not as described.
    """
    _check(targets, logits, label_smoothing, low=0.0)
    targets = ops.xp.asarray(targets)
    at_best = targets * np.log(ops.xp.where(targets > 0, targets, 1)) - targets  # 0 log 0 is 0
    np.exp(logits, out=gradient)
    losses = (gradient - targets * logits + at_best).sum(axis=1)
    gradient -= targets
    return ops.weighted_mean(losses, gradient, sample_weight)


def _check(targets: Any, outputs: Floats, label_smoothing: float, low: float = -np.inf) -> None:
    targets = np.asarray(targets)
    if targets.shape != outputs.shape or targets.dtype.kind not in "biuf":
        given = f"the targets are {targets.dtype} of shape {targets.shape}"
        raise ValueError(f"{given}; expected numbers of shape {outputs.shape}")
    is_right = np.isfinite(targets) & (targets >= low)
    if not is_right.all():
        expected = "finite numbers" if low == -np.inf else f"finite numbers from {low:g} on"
        raise ValueError(f"a target is {targets[~is_right].flat[0]:g}; expected {expected}")
    if label_smoothing:
        raise ValueError(f"label_smoothing is {label_smoothing:g}; it is for classes, not numbers")


LOSSES["identity"] = squared_error
LOSSES["exp"] = poisson_deviance
