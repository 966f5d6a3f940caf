"""The hot loops in one pass each, compiled by numba.

Every kernel computes what `numpy_ops` defines; a comment says what it does differently. NumPy goes
over an array once for each operation; a kernel goes once for all, while the numbers are in
registers. And it can look at the numbers: most pixels of a drawing are 0, so the first layer
multiplies the others only; that is in `sparse`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial
from math import sqrt
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from inknet.nn.activations import ACTIVATIONS, LEAKY_SLOPE, ActivationFunction
from inknet.nn.arrays import Floats, Labels
from inknet.nn.ops.kernel import Real, kernel
from inknet.nn.ops.numpy_ops import (
    Batch,
    BatchGroup,
    FoldedLayer,
    ListedRows,
    NumpyOps,
    random_bits,
)
from inknet.nn.ops.sparse import SparseBatch, SparseGroup, SparseRows

# -- rows of a file -------------------------------------------------------------------------------

_pread: Any = numba.types.ExternalFunction(
    "pread",
    numba.types.intp(numba.types.int32, numba.types.voidptr, numba.types.uintp, numba.types.int64),
)


@kernel
def _read_rows(
    descriptor: int, start: int, size: int, rows: NDArray[np.intp], out: NDArray[np.uint8]
) -> int:
    """Read rows of a file; return how many were read whole."""
    for i in range(len(rows)):
        if _pread(descriptor, out[i].ctypes, size, start + rows[i] * size) != size:
            return i
    return len(rows)


# -- distortions ----------------------------------------------------------------------------------


@partial(kernel, exact=True)
def _warp(
    pixels: NDArray[np.uint8],
    rows: NDArray[np.intp],
    matrices: NDArray[np.float32],
    fields: NDArray[np.float32],
    ground: int,
    out: NDArray[np.uint8],
) -> None:
    """One image after the other: all places first, eight or more at once, then the pixels."""
    real, whole = np.float32, np.int32
    height, width = fields.shape[2:]
    stride = width + 3
    padded = np.full((height + 3) * stride, ground, np.uint8)
    places = np.empty((3, height * width), whole)
    corner, down, right = places[0], places[1], places[2]
    zero, one, unit = real(0), real(1), real(256)
    for i in range(len(rows)):
        row = pixels[rows[i]]
        for y in range(height):
            for x in range(width):
                padded[(y + 1) * stride + x + 1] = row[y * width + x]
        (m00, m01, m02), (m10, m11, m12) = matrices[i, 0], matrices[i, 1]
        for y in range(height):
            start_v, start_u = m00 * real(y) + m02, m10 * real(y) + m12
            for x in range(width):
                v = ((m01 * real(x) + start_v) + fields[i, 0, y, x]) + one
                u = ((m11 * real(x) + start_u) + fields[i, 1, y, x]) + one
                line = whole(min(max(v, zero), real(height + 1)) * unit)
                column = whole(min(max(u, zero), real(width + 1)) * unit)
                k = y * width + x
                corner[k] = (line >> 8) * stride + (column >> 8)
                down[k], right[k] = line & 255, column & 255
        for k in range(height * width):
            c, d, r = corner[k], down[k], right[k]
            upper = padded[c] * (256 - r) + padded[c + 1] * r
            lower = padded[c + stride] * (256 - r) + padded[c + stride + 1] * r
            out[i, k] = (upper * (256 - d) + lower * d + 32768) >> 16


# -- between the products -------------------------------------------------------------------------


@kernel
def _rectify(z: Floats, slope_below: Real, out: Floats, slope: Floats) -> None:
    """ReLU (``slope_below`` 0) and leaky ReLU, and their slopes."""
    zero, one = z.dtype.type(0), z.dtype.type(1)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            value = z[i, j]
            slope[i, j] = one if value > 0 else slope_below
            below = value * slope_below if slope_below != 0 else zero  # 0 · -inf would be NaN
            out[i, j] = below if value <= 0 else value


@kernel
def _drop(
    words: NDArray[np.uint16], limit: int, scale: Real, x: Floats, mask: Floats, out: Floats
) -> None:
    zero = x.dtype.type(0)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            m = scale if words[i, j] < limit else zero
            mask[i, j] = m
            out[i, j] = x[i, j] * m


@kernel
def _rectify_and_drop(
    z: Floats,
    slope_below: Real,
    words: NDArray[np.uint16],
    limit: int,
    scale: Real,
    out: Floats,
    slope: Floats,
) -> None:
    zero = z.dtype.type(0)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            value = z[i, j]
            s = scale if value > 0 else slope_below * scale
            s = s if words[i, j] < limit else zero
            slope[i, j] = s
            out[i, j] = zero if value <= 0 and slope_below == 0 else value * s  # as _rectify


@kernel
def _column_sums(x: Floats, out: Floats) -> None:
    out[:] = 0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[j] += x[i, j]


@kernel
def _add_scaled(x: Floats, factor: Real, out: Floats) -> None:
    for i in range(len(x)):
        out[i] += factor * x[i]


@kernel
def _softmax_cross_entropy(
    logits: Floats, labels: Labels, smoothing: float, gradient: Floats
) -> float:
    """Finish one row after the other, so that each is fetched once."""
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
def _batch_norm_forward(
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
def _batch_norm_backward(
    gradient: Floats,
    normalized: Floats,
    deviation: Floats,
    gamma: Floats,
    gamma_gradient: Floats,
    beta_gradient: Floats,
) -> None:
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
def _momentum_step(
    p: Floats, g: Floats, v: Floats, learning_rate: Real, beta: Real, rest: Real
) -> None:
    for i in range(len(p)):
        v[i] = beta * v[i] + rest * g[i]
        p[i] -= learning_rate * v[i]


@kernel
def _velocity_step(
    p: Floats, g: Floats, v: Floats, learning_rate: Real, beta: Real, ahead: bool
) -> None:
    for i in range(len(p)):
        step = learning_rate * g[i]
        v[i] = beta * v[i] - step
        p[i] += beta * v[i] - step if ahead else v[i]


@kernel
def _adam_step(
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
    for i in range(len(p)):
        m[i] += rest1 * (g[i] - m[i])
        v[i] = beta2 * v[i] + rest2 * (g[i] * g[i])
        p[i] = kept * p[i] - rate * m[i] / (np.sqrt(v[i]) + epsilon)


@kernel
def _average_step(average: Floats, values: Floats, rate: Real) -> None:
    for i in range(len(average)):
        average[i] += rate * (values[i] - average[i])


# -- one sample -----------------------------------------------------------------------------------


@kernel
def _predict(
    x: NDArray[Any],
    scale: Real,
    parameters: Floats,
    widths: NDArray[np.intp],
    curves: NDArray[np.intp],
    slopes_below: Floats,
) -> Floats:
    """Go through all layers; ``parameters`` has each one's weight and bias, row after row.

    ``curves`` tells how each layer ends: 0 for a straight line with another slope below 0 (which
    is 1 where there is no activation), 1 for tanh, 2 for the sigmoid.
    """
    one, half = parameters.dtype.type(1), parameters.dtype.type(0.5)
    signal = np.empty(len(x), parameters.dtype)
    for i in range(len(x)):
        signal[i] = x[i] * scale
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


class NumbaOps(NumpyOps):
    """The same operations, each in one compiled pass."""

    name = "numba"

    def prepare(self, dtype: np.dtype[np.floating[Any]]) -> None:
        """Compile every kernel for this type, or fetch it from disk; say so if it takes long."""
        _compile(self, np.dtype(dtype))

    def new_batch(self, dtype: np.dtype[np.floating[Any]]) -> Batch:
        """Return an empty batch that skips zeros."""
        return SparseBatch(self, dtype)

    def new_group(
        self,
        n_batches: int,
        batch_size: int,
        n_features: int,
        dtype: np.dtype[np.floating[Any]],
        sample: NDArray[Any] | None = None,
    ) -> BatchGroup:
        """Return empty batches that are loaded in one call."""
        return SparseGroup(self, n_batches, batch_size, n_features, dtype, sample)

    def list_rows(self, features: NDArray[Any]) -> ListedRows | None:
        """List what is not 0, if that is little enough; see `NumpyOps.list_rows`."""
        return SparseRows.of(self, features)

    def listed_rows(
        self,
        values: Floats,
        columns: NDArray[np.integer[Any]],
        starts: NDArray[np.integer[Any]],
        n_features: int,
    ) -> ListedRows | None:
        """Take lists; see `NumpyOps.listed_rows`."""
        return SparseRows(
            self,
            np.ascontiguousarray(values),
            columns.astype(np.uint32, copy=False),
            starts.astype(np.int64, copy=False),
            n_features,
        )

    def read_rows(
        self, descriptor: int, start: int, rows: NDArray[np.intp], out: NDArray[Any]
    ) -> None:
        """Read without Python's lock; see `NumpyOps.read_rows`."""
        n_read = _read_rows(descriptor, start, out[0].nbytes, rows, out.view(np.uint8))
        if n_read < len(rows):
            super().read_rows(descriptor, start, rows[n_read:], out[n_read:])

    def warp(
        self,
        pixels: NDArray[np.uint8],
        rows: NDArray[np.intp],
        matrices: NDArray[np.float32],
        fields: NDArray[np.float32],
        ground: int,
        out: NDArray[np.uint8],
    ) -> None:
        """One image after the other; see `NumpyOps.warp`."""
        if not pixels.flags.c_contiguous:
            super().warp(pixels, rows, matrices, fields, ground, out)
            return
        pixels = np.asarray(pixels).view()
        pixels.flags.writeable = False  # as mapped files are: another type to the compiler
        _warp(pixels, rows, matrices, fields, ground, out)

    def activate(self, function: ActivationFunction, z: Floats, out: Floats, slope: Floats) -> None:
        """Take the ReLU family in one pass; NumPy's tanh is as fast as one can be."""
        if function.name in _SLOPES_BELOW:
            _rectify(z, z.dtype.type(_SLOPES_BELOW[function.name]), out, slope)
        else:
            super().activate(function, z, out, slope)

    def drop(
        self,
        generator: np.random.Generator,
        keep_prob: float,
        x: Floats,
        mask: Floats,
        out: Floats,
    ) -> None:
        """Make the mask and use it in one pass."""
        bits = random_bits(generator, x.shape)
        _drop(bits, round(keep_prob * 2**16), x.dtype.type(1 / keep_prob), x, mask, out)

    def activate_and_drop(
        self,
        function: ActivationFunction,
        generator: np.random.Generator,
        keep_prob: float,
        z: Floats,
        out: Floats,
        slope: Floats,
    ) -> None:
        """Do both in one pass for the ReLU family."""
        if function.name in _SLOPES_BELOW:
            real = z.dtype.type
            below, scale = real(_SLOPES_BELOW[function.name]), real(1 / keep_prob)
            limit = round(keep_prob * 2**16)
            bits = random_bits(generator, z.shape)
            _rectify_and_drop(z, below, bits, limit, scale, out, slope)
        else:
            super().activate_and_drop(function, generator, keep_prob, z, out, slope)

    def column_sums(self, x: Floats, out: Floats) -> None:
        """Add row after row."""
        _column_sums(x, out)

    def add_scaled(self, x: Floats, factor: float, out: Floats) -> None:
        """Add in one pass."""
        scale = x.dtype.type(factor)
        self.in_parts(lambda a, b: _add_scaled(x[a:b], scale, out[a:b]), len(x), len(x))

    def softmax_cross_entropy(
        self,
        logits: Floats,
        labels: Labels,
        smoothing: float,
        gradient: Floats,
        sample_weight: Floats | None = None,
    ) -> float:
        """Go through the rows once; see `NumpyOps.softmax_cross_entropy`."""
        if sample_weight is not None:
            return super().softmax_cross_entropy(logits, labels, smoothing, gradient, sample_weight)
        loss: float = _softmax_cross_entropy(logits, labels, smoothing, gradient)
        return loss

    def batch_norm_forward(
        self,
        x: Floats,
        gamma: Floats,
        beta: Floats,
        running_mean: Floats,
        running_var: Floats,
        momentum: float,
        epsilon: float,
        normalized: Floats,
        deviation: Floats,
        out: Floats,
    ) -> None:
        """Three passes: mean, variance, and the rest; see `NumpyOps.batch_norm_forward`."""
        mean, variance = np.empty((2, x.shape[1]), x.dtype)
        real = x.dtype.type
        _batch_norm_forward(
            x,
            gamma,
            beta,
            running_mean,
            running_var,
            real(momentum),
            real(epsilon),
            mean,
            variance,
            normalized,
            deviation,
            out,
        )

    def batch_norm_backward(
        self,
        gradient: Floats,
        normalized: Floats,
        deviation: Floats,
        gamma: Floats,
        gamma_gradient: Floats,
        beta_gradient: Floats,
    ) -> None:
        """Two passes: the sums, and the rest; see `NumpyOps.batch_norm_backward`."""
        _batch_norm_backward(gradient, normalized, deviation, gamma, gamma_gradient, beta_gradient)

    def momentum_step(
        self,
        parameters: Floats,
        gradients: Floats,
        velocity: Floats,
        learning_rate: float,
        beta: float,
    ) -> None:
        """One pass; see `NumpyOps.momentum_step`."""
        real = parameters.dtype.type
        factors = real(learning_rate), real(beta), real(1 - beta)

        def part(a: int, b: int) -> None:
            _momentum_step(parameters[a:b], gradients[a:b], velocity[a:b], *factors)

        self.in_parts(part, len(parameters), 10 * len(parameters))

    def velocity_step(
        self,
        parameters: Floats,
        gradients: Floats,
        velocity: Floats,
        learning_rate: float,
        beta: float,
        ahead: bool,
    ) -> None:
        """One pass; see `NumpyOps.velocity_step`."""
        real = parameters.dtype.type
        factors = real(learning_rate), real(beta), ahead

        def part(a: int, b: int) -> None:
            _velocity_step(parameters[a:b], gradients[a:b], velocity[a:b], *factors)

        self.in_parts(part, len(parameters), 10 * len(parameters))

    def adam_step(
        self,
        parameters: Floats,
        gradients: Floats,
        mean: Floats,
        square: Floats,
        learning_rate: float,
        beta1: float,
        beta2: float,
        epsilon: float,
        step: int,
        decay: float = 0.0,
    ) -> None:
        """One pass; see `NumpyOps.adam_step`."""
        real, c = parameters.dtype.type, sqrt(1 - beta2**step)
        factors = (
            real(learning_rate * c / (1 - beta1**step)),
            real(1 - beta1),
            real(beta2),
            real(1 - beta2),
            real(epsilon * c),
            real(1 - decay),
        )

        def part(a: int, b: int) -> None:
            _adam_step(parameters[a:b], gradients[a:b], mean[a:b], square[a:b], *factors)

        # a root and a division take as long as forty multiplications of a dense product
        self.in_parts(part, len(parameters), 40 * len(parameters))

    def average_step(self, average: Floats, values: Floats, rate: float) -> None:
        """One pass; see `NumpyOps.average_step`."""
        factor = average.dtype.type(rate)

        def part(a: int, b: int) -> None:
            _average_step(average[a:b], values[a:b], factor)

        self.in_parts(part, len(average), 10 * len(average))

    def one_sample(self, layers: list[FoldedLayer]) -> Callable[[NDArray[Any]], Floats]:
        """Do it all in one call, and skip what is 0: with ReLU, often half of each layer."""
        dtype = layers[0].weight.dtype
        real = dtype.type
        parameters = np.concatenate([part.ravel() for layer in layers for part in layer[:2]])
        widths = np.array([len(layers[0].weight), *(len(layer.bias) for layer in layers)])
        functions = [layer.function or ACTIVATIONS["identity"] for layer in layers]
        if any(ACTIVATIONS.get(function.name) is not function for function in functions):
            return super().one_sample(layers)  # the loop below knows no others
        names = [function.name for function in functions]
        curves = np.array([{"tanh": 1, "sigmoid": 2}.get(name, 0) for name in names])
        slopes_below = np.array([_SLOPES_BELOW.get(name, 1.0) for name in names], dtype)

        def predict(x: NDArray[Any]) -> Floats:
            scale = real(1 / 255) if x.dtype == np.uint8 else real(1)
            probabilities: Floats = _predict(x, scale, parameters, widths, curves, slopes_below)
            return probabilities

        return predict


_SLOPES_BELOW = {"relu": 0.0, "leaky_relu": LEAKY_SLOPE}


@cache
def _compile(ops: NumbaOps, dtype: np.dtype[np.floating[Any]]) -> None:
    """Call every kernel once with arguments of the types that training has."""
    vector, matrix = np.zeros(8, dtype), np.zeros((8, 8), dtype)
    n_kept = _add_scaled.stats.cache_hits.total()
    ops.add_scaled(vector, 0.0, vector)
    if _add_scaled.stats.cache_hits.total() == n_kept:  # not found on disk, so the others are not
        print(f"inknet: compiling the fast loops for {dtype} …", file=sys.stderr, flush=True)
    ops.momentum_step(vector, vector, vector, 0.0, 0.9)
    ops.velocity_step(vector, vector, vector, 0.0, 0.9, True)
    ops.adam_step(vector, vector, vector, vector, 0.0, 0.9, 0.999, 1e-8, 1)
    ops.activate(ACTIVATIONS["relu"], matrix, matrix.copy(), matrix.copy())
    generator = np.random.default_rng(0)
    ops.drop(generator, 0.5, matrix, matrix.copy(), matrix.copy())
    ops.activate_and_drop(ACTIVATIONS["relu"], generator, 0.5, matrix, matrix.copy(), matrix.copy())
    ops.column_sums(matrix, vector)
    ops.softmax_cross_entropy(matrix, np.zeros(8, np.intp), 0.1, matrix.copy())
    ops.batch_norm_forward(
        matrix, vector, vector, vector, vector, 0.1, 1e-5, matrix.copy(), vector + 1, matrix.copy()
    )
    ops.batch_norm_backward(matrix.copy(), matrix, vector + 1, vector, vector, vector)
    ops.average_step(vector, vector, 0.0)
    pixels = np.zeros((8, 8), np.uint8)
    matrices, fields = np.zeros((8, 2, 3), np.float32), np.zeros((8, 2, 2, 4), np.float32)
    ops.warp(pixels, np.arange(8), matrices, fields, 0, np.empty((8, 8), np.uint8))
    (batch,) = ops.new_group(1, 8, 8, dtype).load(pixels, np.arange(8))
    batch.times(matrix, vector, matrix.copy())
    batch.transposed_times(matrix, matrix.copy())
    for features in (pixels, matrix):
        ops.new_batch(dtype).load(features)
    listed = ops.list_rows(matrix)
    if listed is not None:
        listed.load(np.arange(8), 8, 0)
