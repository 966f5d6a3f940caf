"""Samples through all layers in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.nn.activations import ACTIVATIONS, LEAKY_SLOPE
from inknet.nn.arrays import Floats
from inknet.nn.ops.contract import FoldedLayer
from inknet.nn.ops.numba.kernel import Real, kernel

SLOPES_BELOW = {"relu": 0.0, "leaky_relu": LEAKY_SLOPE}


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
    parameters = np.concatenate([part.ravel() for layer in layers for part in layer[:2]])
    widths = np.array([len(layer.bias) for layer in layers], np.intp)
    names = ["" if layer.function is None else layer.function.name for layer in layers]
    curves = np.array([{"tanh": 1, "sigmoid": 2}.get(name, 0) for name in names], np.intp)
    slopes_below = np.array([SLOPES_BELOW.get(name, 1.0) for name in names], dtype)
    limits = real(low), real(high)

    def answer(X: NDArray[Any], out: Floats) -> None:
        X = np.ascontiguousarray(X)
        scale = real(1 / 255) if X.dtype == np.uint8 else real(1)
        predict(X, scale, *limits, parameters, widths, curves, slopes_below, out)

    return answer


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
    """Go through all layers; ``parameters`` has each one's weight and bias, row after row.

    Zeros are skipped: with ReLU, often half of each layer. Four rows of a weight are taken at a
    time, so that the sums are loaded and stored a quarter as often.

    ``widths`` and ``curves`` give the outputs and the activation of each layer: 0 for a straight
    line with another slope below 0 (a slope of 1 for no activation), 1 for tanh, 2 for the sigmoid.
    If a scaled feature of a sample is not in ``[low, high]``, its answer is NaN.
    """
    one, half = parameters.dtype.type(1), parameters.dtype.type(0.5)
    widest = X.shape[1]
    for width in widths:
        widest = max(widest, width)
    signal, out = np.empty(widest, parameters.dtype), np.empty(widest, parameters.dtype)
    values, places = np.empty(widest + 1, parameters.dtype), np.empty(widest + 1, np.intp)
    for row in range(len(X)):
        is_within = True
        for i in range(X.shape[1]):
            signal[i] = X[row, i] * scale
            is_within &= low <= signal[i] <= high
        place, fan_in = 0, X.shape[1]
        for layer in range(len(curves)):
            fan_out = widths[layer]
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
                for j in range(fan_out):
                    signal[j] = out[j] * (one if out[j] > 0 else slopes_below[layer])
            elif curves[layer] == 1:
                for j in range(fan_out):
                    signal[j] = np.tanh(out[j])
            else:
                for j in range(fan_out):
                    signal[j] = half + half * np.tanh(half * out[j])
            place, fan_in = place + fan_out, fan_out
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
