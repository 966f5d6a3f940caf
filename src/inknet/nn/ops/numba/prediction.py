"""Samples through all layers in one call."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.nn.activations import ACTIVATIONS, LEAKY_SLOPE
from inknet.nn.arrays import Floats
from inknet.nn.ops.arena import Arena
from inknet.nn.ops.contract import FoldedLayer
from inknet.nn.ops.numba.kernel import Real, kernel
from inknet.nn.ops.numba.product import plain, product_for

SLOPES_BELOW = {"relu": 0.0, "leaky_relu": LEAKY_SLOPE}
LINE = 64
"""Bytes of a line of the cache, and of the largest vector."""
FEWEST_PAIRED = 4
"""So many samples are predicted two at a time."""


def knows(layers: list[FoldedLayer]) -> bool:
    """Say whether `predict` has all functions between these layers."""
    functions = [layer.function for layer in layers if layer.function is not None]
    return all(ACTIVATIONS.get(function.name) is function for function in functions)


def predictor(
    layers: list[FoldedLayer], low: float, high: float
) -> Callable[[NDArray[Any], Floats], None]:
    """Return a function that writes the probabilities of samples, see `Ops.answers`."""
    dtype = layers[0].weight.dtype
    real = dtype.type
    parameters = _aligned(layers)
    widths = np.array([len(layer.bias) for layer in layers], np.intp)
    names = ["" if layer.function is None else layer.function.name for layer in layers]
    curves = np.array([{"tanh": 1, "sigmoid": 2}.get(name, 0) for name in names], np.intp)
    slopes_below = np.array([SLOPES_BELOW.get(name, 1.0) for name in names], dtype)
    limits = real(low), real(high)
    # the list of a pair has no zeros, so a limit that 0 is beyond would not be seen there
    can_pair = low <= 0 <= high

    def answer(X: NDArray[Any], out: Floats) -> None:
        X = np.ascontiguousarray(X)
        scale = real(1 / 255) if X.dtype == np.uint8 else real(1)
        in_pairs = pairs_for(dtype) if can_pair and len(X) >= FEWEST_PAIRED else None
        through = predict if in_pairs is None else in_pairs
        through(X, scale, *limits, parameters, widths, curves, slopes_below, out)

    return answer


def _aligned(layers: list[FoldedLayer]) -> Floats:
    """Return each layer's weight and bias, row after row, each row at the start of a cache line.

    A vector that lies across two lines takes twice as long to load. Rows are filled up with zeros.
    """
    dtype = layers[0].weight.dtype
    lanes = LINE // dtype.itemsize
    rows = [np.vstack([layer.weight, layer.bias]) for layer in layers]
    filled = [np.pad(part, ((0, 0), (0, -part.shape[1] % lanes))).ravel() for part in rows]
    parameters = Arena(dtype).zeros(sum(part.size for part in filled))
    np.concatenate(filled, out=parameters)
    return parameters


@cache
def pairs_for(dtype: np.dtype[np.floating[Any]]) -> Callable[..., None] | None:
    """Return the form of `predict` for many samples, if this machine has what it is written in."""
    if product_for(dtype) is plain:
        return None
    in_pairs: Callable[..., None] = import_module("inknet.nn.ops.numba.paired").predict
    return in_pairs


@kernel
def predict(
    X: NDArray[Any],
    scale: Real,
    low: Real,
    high: Real,
    parameters: Floats,
    widths: NDArray[np.intp],
    curves: NDArray[np.intp],
    slopes_below: Floats,
    probabilities: Floats,
) -> None:
    """Go through all layers; ``parameters`` has each one's weight and bias, see `_aligned`.

    Zeros are skipped: with ReLU, often half of each layer. Four rows of a weight are taken at a
    time, so that the sums are loaded and stored a quarter as often.

    ``widths`` and ``curves`` give the outputs and the activation of each layer: 0 for a straight
    line with another slope below 0 (a slope of 1 for no activation), 1 for tanh, 2 for the sigmoid.
    If a scaled feature of a sample is not in ``[low, high]``, its answer is NaN.
    """
    one, half = parameters.dtype.type(1), parameters.dtype.type(0.5)
    lanes = LINE // parameters.itemsize
    widest = X.shape[1]
    for width in widths:
        widest = max(widest, width + lanes)
    signal, out = np.empty(widest, parameters.dtype), np.empty(widest, parameters.dtype)
    values, places = np.empty(widest + 1, parameters.dtype), np.empty(widest + 1, np.intp)
    for row in range(len(X)):
        is_within = True
        for i in range(X.shape[1]):
            signal[i] = X[row, i] * scale
            is_within &= low <= signal[i] <= high
        place, fan_in = 0, X.shape[1]
        for layer in range(len(curves)):
            width = widths[layer]
            fan_out = (width + lanes - 1) // lanes * lanes
            m = 0
            for i in range(fan_in):
                # always written, kept if nonzero: faster than a branch that is hard to predict
                values[m], places[m] = signal[i], place + i * fan_out
                m += signal[i] != 0
            place += fan_in * fan_out
            for j in range(fan_out):
                out[j] = parameters[place + j]
            k = 0
            while m - k >= 4:
                a = parameters[places[k] : places[k] + fan_out]
                b = parameters[places[k + 1] : places[k + 1] + fan_out]
                c = parameters[places[k + 2] : places[k + 2] + fan_out]
                e = parameters[places[k + 3] : places[k + 3] + fan_out]
                of_a, of_b, of_c, of_e = values[k], values[k + 1], values[k + 2], values[k + 3]
                for j in range(fan_out):
                    out[j] += of_a * a[j] + of_b * b[j] + of_c * c[j] + of_e * e[j]
                k += 4
            while k < m:
                a = parameters[places[k] : places[k] + fan_out]
                for j in range(fan_out):
                    out[j] += values[k] * a[j]
                k += 1
            if curves[layer] == 0:
                for j in range(width):
                    signal[j] = out[j] * (one if out[j] > 0 else slopes_below[layer])
            elif curves[layer] == 1:
                for j in range(width):
                    signal[j] = np.tanh(out[j])
            else:
                for j in range(width):
                    signal[j] = half + half * np.tanh(half * out[j])
            place, fan_in = place + fan_out, width
        if not is_within:
            probabilities[row] = np.nan
            continue
        largest = signal[0]
        for k in range(1, fan_in):
            largest = max(largest, signal[k])
        total = parameters.dtype.type(0)
        for k in range(fan_in):
            probabilities[row, k] = np.exp(signal[k] - largest)
            total += probabilities[row, k]
        for k in range(fan_in):
            probabilities[row, k] /= total
