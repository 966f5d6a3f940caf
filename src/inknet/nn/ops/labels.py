"""Labels and targets of a batch, checked before a loss uses them.

A loss takes the logit at the position of each label. NumPy takes -1 for the last position, and
broadcasts arrays of other shapes, and compiled loops check nothing: a wrong label would give a
wrong gradient without an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from inknet.nn.arrays import Floats


def checked_labels(labels: Any, logits: Floats) -> Any:
    """Return labels as an array ``(n,)`` of whole numbers, each a class of the logits ``(n, K)``.

    Raises
    ------
    ValueError
        If they have another shape or type, or one is negative or K or more.
    """
    labels, (n, n_classes) = np.asarray(labels), logits.shape
    if labels.shape != (n,) or labels.dtype.kind not in "iu":
        given = f"the labels are {labels.dtype} of shape {labels.shape}"
        raise ValueError(f"{given}; expected whole numbers of shape ({n},), a class for each row")
    if n and not (labels.min() >= 0 and labels.max() < n_classes):
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise ValueError(f"label {wrong} is outside the {n_classes} classes 0 to {n_classes - 1}")
    return labels


def checked_targets(targets: Any, logits: Floats) -> Any:
    """Return targets as an array ``(n, K)`` from 0 to 1, one for each of the logits ``(n, K)``.

    Raises
    ------
    ValueError
        If they have another shape or type, or one is outside of 0 to 1, or NaN.
    """
    targets = np.asarray(targets)
    if targets.shape != logits.shape or targets.dtype.kind not in "biuf":
        given = f"the targets are {targets.dtype} of shape {targets.shape}"
        raise ValueError(f"{given}; expected 0 or 1 for each output, of shape {logits.shape}")
    if targets.size and not (targets.min() >= 0 and targets.max() <= 1):
        low, high = targets.min(), targets.max()
        raise ValueError(f"the targets are from {low:g} to {high:g}; expected 0 or 1")
    return targets
