"""What the scalers of a pipeline do to features, as a part of a network's first layer.

Each scaler multiplies and adds: ``x · factor + shift``. So do all of them together, and that can be
part of the first layer: ``(x · factor + shift) @ W + b = x @ (factor · W) + (shift @ W + b)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.errors import InputError

Affine = tuple[NDArray[np.float64], NDArray[np.float64]]
"""The factor and the shift of each feature, ``(n_features,)``."""


def last_step(pipeline: Any) -> tuple[Any, Affine | None]:
    """Return the last step of a fitted pipeline, and what all before it do to features.

    Anything else than a pipeline is returned as it is, with None.

    Raises
    ------
    InputError
        If a step before the last is not a fitted scaler.
    """
    if not hasattr(pipeline, "steps"):
        return pipeline, None
    *before, (_, last) = pipeline.steps
    together: Affine | None = None
    for name, step in before:
        if step is None or step == "passthrough":
            continue
        factor, shift = _affine(name, step)
        if together is not None:
            factor, shift = together[0] * factor, together[1] * factor + shift
        together = factor, shift
    nested, inner = last_step(last)
    if inner is not None and together is not None:
        inner = together[0] * inner[0], together[1] * inner[0] + inner[1]
    return nested, together if inner is None else inner


def folded(
    weight: NDArray[Any], bias: NDArray[Any], scaling: Affine
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weight and bias of a first layer that takes features before they are scaled."""
    factor, shift = scaling
    wide = np.asarray(weight, np.float64)
    return factor[:, None] * wide, bias + shift @ wide


def _affine(name: str, step: Any) -> Affine:
    kind = type(step).__name__
    if kind not in SCALERS:
        raise InputError(
            f"step {name!r} of the pipeline is {kind}; expected {', '.join(SCALERS)}, and then a "
            "classifier"
        )
    if not hasattr(step, "n_features_in_"):
        raise InputError(f"step {name!r} of the pipeline, {kind}, is not fitted")
    n = step.n_features_in_
    factor, shift = SCALERS[kind](step)
    return np.broadcast_to(factor, n).astype(float), np.broadcast_to(shift, n).astype(float)


def _centred_and_divided(mean: Any, scale: Any) -> tuple[Any, Any]:
    """Return ``(x - mean) / scale`` as factor and shift; None is no mean, or no scale."""
    factor = 1.0 if scale is None else 1 / np.asarray(scale, float)
    return factor, 0.0 if mean is None else -np.asarray(mean, float) * factor


def _standard(step: Any) -> tuple[Any, Any]:
    return _centred_and_divided(
        step.mean_ if step.with_mean else None, step.scale_ if step.with_std else None
    )


def _robust(step: Any) -> tuple[Any, Any]:
    return _centred_and_divided(
        step.center_ if step.with_centering else None, step.scale_ if step.with_scaling else None
    )


def _min_max(step: Any) -> tuple[Any, Any]:
    if step.clip:
        raise InputError("a MinMaxScaler with clip=True is no product and sum; expected clip=False")
    return step.scale_, step.min_


def _max_abs(step: Any) -> tuple[Any, Any]:
    if getattr(step, "clip", False):
        raise InputError("a MaxAbsScaler with clip=True is no product; expected clip=False")
    return _centred_and_divided(None, step.scale_)


SCALERS: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "RobustScaler": _robust,
}
"""What is taken in, by the name of its class: scikit-learn need not be installed."""
