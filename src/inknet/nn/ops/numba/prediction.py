"""One sample through all layers in one call."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.nn.arrays import Floats
from inknet.nn.ops.numba.kernel import Real, kernel


@kernel
def predict(
    x: NDArray[Any],
    scale: Real,
    low: Real,
    high: Real,
    parameters: Floats,
    widths: NDArray[np.intp],
    curves: NDArray[np.intp],
    slopes_below: Floats,
) -> Floats:
    """Go through all layers; ``parameters`` has each one's weight and bias, row after row.

    ``curves`` gives the activation of each layer: 0 for a straight line with another slope below 0
    (a slope of 1 for no activation), 1 for tanh, 2 for the sigmoid. If a scaled feature is not in
    ``[low, high]``, the answer is NaN.
    """
    one, half = parameters.dtype.type(1), parameters.dtype.type(0.5)
    signal = np.empty(len(x), parameters.dtype)
    is_within = True
    for i in range(len(x)):
        signal[i] = x[i] * scale
        is_within &= low <= signal[i] <= high
    if not is_within:
        return np.full(widths[-1], np.nan, parameters.dtype)
    place = 0
    for layer in range(len(curves)):
        fan_in, fan_out = widths[layer], widths[layer + 1]
        end = place + fan_in * fan_out
        out = parameters[end : end + fan_out].copy()
        for i in range(fan_in):
            if signal[i] != 0:
                row = parameters[place + i * fan_out : place + (i + 1) * fan_out]
                for j in range(fan_out):
                    out[j] += signal[i] * row[j]
        if curves[layer] == 0:
            for j in range(fan_out):
                out[j] *= one if out[j] > 0 else slopes_below[layer]
        elif curves[layer] == 1:
            for j in range(fan_out):
                out[j] = np.tanh(out[j])
        else:
            for j in range(fan_out):
                out[j] = half + half * np.tanh(half * out[j])
        signal, place = out, end + fan_out
    largest = signal.max()
    total = parameters.dtype.type(0)
    for k in range(len(signal)):
        signal[k] = np.exp(signal[k] - largest)
        total += signal[k]
    for k in range(len(signal)):
        signal[k] /= total
    return signal
