"""The lines of `inknet.nn` that compute something, read from the source that runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import inknet
from inknet.nn import activations, layers
from inknet.nn.losses import L2
from inknet.nn.ops.formulas import NumpyOps
from inknet.nn.optimizers import OPTIMIZERS, clip_by_norm, clip_by_value, limit_norms

FORMULAS = NumpyOps
ADAM = ("rate = ", "m += t", "v += t", "np.divide(m", "t *= rate", "p -= t")
PLACES: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "dense": (layers.Dense._times, ("ops.matmul(x, self.weight, output)", "output += self.bias")),
    "dense backward": (
        layers.Dense.backward,
        ("self.ops.matmul(gradient, self.weight.T, input_gradient)",),
    ),
    "dense weight": (
        layers.Dense.backward,
        ("self.ops.matmul(x.T, gradient, self.weight_gradient)",),
    ),
    "dense bias": (
        layers.Dense.backward,
        ("self.ops.column_sums(gradient, self.bias_gradient)",),
    ),
    "dropout": (FORMULAS.drop, ("np.less(", "mask *= ", "np.multiply(x, mask")),
    "dropout in use": (layers.Dropout.in_use, ("return []",)),
    "dropout backward": (FORMULAS.activate_and_drop, ("slope *= mask",)),
    "activation backward": (
        layers.Activation.backward,
        ("gradient *= self.buffer",),
    ),
    "batch norm": (
        FORMULAS.batch_norm_forward,
        ("np.subtract(x, mean", "normalized /= deviation", "np.multiply(normalized", "out += beta"),
    ),
    "batch mean": (FORMULAS.batch_norm_forward, ("mean = x.mean",)),
    "batch variance": (FORMULAS.batch_norm_forward, ("variance = ", "np.sqrt(variance")),
    "running mean": (FORMULAS.batch_norm_forward, ("running_mean += ",)),
    "running variance": (FORMULAS.batch_norm_forward, ("running_var += ",)),
    "batch norm in use": (layers.BatchNorm.in_use, ("scale = ", "return [Scaling")),
    "batch norm backward": (
        FORMULAS.batch_norm_backward,
        ("gradient -= normalized", "gradient -= beta_gradient", "gradient *= gamma"),
    ),
    "gamma": (FORMULAS.batch_norm_backward, ("gamma_gradient[:] =",)),
    "beta": (FORMULAS.batch_norm_backward, ("np.sum(gradient",)),
    "softmax": (activations.softmax, ("np.exp(", "out /= ")),
    "loss": (
        FORMULAS.softmax_cross_entropy,
        ("expected = ", "expected += ", "total = ", "losses = "),
    ),
    "mean loss": (FORMULAS.weighted_mean, ("return float(losses.sum())",)),
    "mean loss backward": (FORMULAS.weighted_mean, ("gradient /= len(losses)",)),
    "penalty": (L2.value, ("return ",)),
    "penalty backward": (L2.add_gradient, ("self.ops.add_scaled(",)),
    "loss backward": (
        FORMULAS.softmax_cross_entropy,
        ("gradient /= total", "gradient -= smoothing", "gradient[samples, labels] -="),
    ),
    "clip_norm": (clip_by_norm, ("gradients *= limit / norm",)),
    "clip_value": (clip_by_value, ("gradients.clip",)),
    "max_norm": (limit_norms, ("weight[:, too_long] *= ",)),
    "gradient_descent": (FORMULAS.descent_step, ("self.add_scaled",)),
    "momentum": (FORMULAS.momentum_step, ("v *= beta", "v += ", "p -= ")),
    "adam": (FORMULAS.adam_step, ADAM),
    "adamw": (FORMULAS.adam_step, (*ADAM, "p *= 1 - decay")),
}
"""What is computed: by which function, and in which of its lines, by how they begin or what is in
them."""
for _name, _function in activations.ACTIVATIONS.items():
    PLACES[_name] = (_function.value, ())
    PLACES[f"{_name} slope"] = (_function.derivative, ())
assert set(OPTIMIZERS) <= set(PLACES), "every optimizer has its lines"


@cache
def source_of(place: str) -> dict[str, Any]:
    """Return where something is computed.

    Returns
    -------
    dict
        ``file``, relative to the package; ``first_line``, counted from 1; ``lines`` of the whole
        function; and ``highlight``, which of these count, from 0.
    """
    function, marked = PLACES[place]
    function = inspect.unwrap(function)
    lines, first = inspect.getsourcelines(function)
    path = inspect.getsourcefile(function)
    assert path is not None, "nn is written in Python"
    root = Path(inknet.__file__).parent.parent
    text = [line.rstrip("\n") for line in lines]
    body = _body(text)
    highlight = [i for i in body if any(mark in text[i] for mark in marked)] if marked else body
    return {
        "file": Path(path).resolve().relative_to(root.resolve()).as_posix(),
        "first_line": first,
        "lines": text,
        "highlight": highlight,
    }


def _body(lines: list[str]) -> list[int]:
    """Return which lines of a function come after its signature and docstring."""
    start = next(i for i, line in enumerate(lines) if line.rstrip().endswith(":")) + 1
    quotes = '"""'
    if start < len(lines) and lines[start].lstrip().startswith(quotes):
        one_line = lines[start].count(quotes) == 2
        while not one_line and not lines[start + 1].rstrip().endswith(quotes):
            start += 1
        start += 1 if one_line else 2
    return [i for i in range(start, len(lines)) if lines[i].strip()]
