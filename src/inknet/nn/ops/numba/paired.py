"""Many samples through all layers, two at a time.

As in `sparse`, each row of a weight that is fetched serves two sums; what both samples have 0 at is
skipped. All layers of a pair come one after the other, so what is between them stays in the fastest
cache. The answer to a sample does not depend on its partner: it is added to in the same order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.nn.arrays import Floats
from inknet.nn.ops.numba.kernel import Real, kernel
from inknet.nn.ops.numba.prediction import LINE
from inknet.nn.ops.numba.vectors import one_pair


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
    """Do what `prediction.predict` does, for many samples."""
    one, half = parameters.dtype.type(1), parameters.dtype.type(0.5)
    lanes, last = LINE // parameters.itemsize, len(curves) - 1
    is_limited = low > -np.inf or high < np.inf
    n, d = X.shape
    widest = d
    for width in widths:
        widest = max(widest, width + lanes)
    values = np.empty((widest + 1, 2), parameters.dtype)
    places, is_listed = np.empty(widest + 1, np.uint32), np.empty(d, np.uint8)
    every = np.arange(widest).astype(np.uint32)
    sums = np.empty((2, widest), parameters.dtype)
    even_sum, odd_sum = sums[0], sums[1]
    for row in range(0, n, 2):
        even, odd = X[row], X[min(row + 1, n - 1)]
        # in three loops, of which the first is one over vectors
        for i in range(d):
            is_listed[i] = (even[i] != 0) | (odd[i] != 0)
        m = 0
        for i in range(d):
            # always written, kept if nonzero: faster than a branch that is hard to predict
            places[m] = i
            m += is_listed[i]
        for k in range(m):
            values[k, 0], values[k, 1] = even[places[k]] * scale, odd[places[k]] * scale
        even_outside = odd_outside = 0
        if is_limited:
            for k in range(m):
                even_outside += not (low <= values[k, 0] <= high)
                odd_outside += not (low <= values[k, 1] <= high)
        indices, place, fan_in = places, 0, d
        for layer in range(len(curves)):
            width = widths[layer]
            fan_out = (width + lanes - 1) // lanes * lanes
            bias_at = place + fan_in * fan_out
            weight = parameters[place:bias_at].reshape(fan_in, fan_out)
            bias = parameters[bias_at : bias_at + fan_out]
            one_pair(values, indices, 0, m, weight, bias, 0, fan_out, even_sum, odd_sum)
            if layer == last:
                break
            if curves[layer] == 0:
                below = slopes_below[layer]
                for j in range(width):
                    values[j, 0] = even_sum[j] * (one if even_sum[j] > 0 else below)
                    values[j, 1] = odd_sum[j] * (one if odd_sum[j] > 0 else below)
            elif curves[layer] == 1:
                for j in range(width):
                    values[j, 0], values[j, 1] = np.tanh(even_sum[j]), np.tanh(odd_sum[j])
            else:
                for j in range(width):
                    values[j, 0] = half + half * np.tanh(half * even_sum[j])
                    values[j, 1] = half + half * np.tanh(half * odd_sum[j])
            indices, place, m, fan_in = every, bias_at + fan_out, width, width
        for which in range(min(2, n - row)):
            logits, answer = sums[which], probabilities[row + which]
            if (even_outside if which == 0 else odd_outside) > 0:
                answer[:] = np.nan
                continue
            n_classes = widths[last]
            largest = logits[0]
            for k in range(1, n_classes):
                largest = max(largest, logits[k])
            total = parameters.dtype.type(0)
            for k in range(n_classes):
                answer[k] = np.exp(logits[k] - largest)
                total += answer[k]
            for k in range(n_classes):
                answer[k] /= total
