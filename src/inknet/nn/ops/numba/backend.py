"""The operations as loops that numba compiles, most of them in one pass.

Every kernel computes what `formulas` defines; a comment says what it does differently. NumPy passes
over an array once for each operation; a kernel does all operations in one pass, while the numbers
are in registers. A kernel can also look at the numbers: most pixels of a drawing are 0, so the
first layer multiplies only the nonzero ones, see `sparse`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.nn.activations import ACTIVATIONS, ActivationFunction
from inknet.nn.arrays import Floats, Labels
from inknet.nn.ops.batch import Batch, BatchGroup, ListedRows
from inknet.nn.ops.contract import FoldedLayer
from inknet.nn.ops.formulas import NumpyOps, random_bits
from inknet.nn.ops.numba import images, loops, prediction
from inknet.nn.ops.numba.sparse import KeptRows, SparseBatch, SparseGroup, SparseRows

FEW = 32
"""So many samples are predicted one by one, also if few of their features are 0."""
CACHE_BYTES = 2**20
"""The largest weights for which that may be faster than products of matrices."""


class NumbaOps(NumpyOps):
    """The same operations, each in one compiled pass."""

    name = "numba"

    def prepare(self, dtype: np.dtype[np.floating[Any]]) -> None:
        """Compile every kernel for this type, or load it from disk.

        Otherwise each is compiled when it is used for the first time.
        """
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

    def keep_rows(
        self,
        features: NDArray[Any],
        rows: NDArray[np.intp] | None,
        dtype: np.dtype[np.floating[Any]],
    ) -> ListedRows | None:
        """Keep the nonzero values, if they are few enough; see `NumpyOps.keep_rows`."""
        return KeptRows.of(self, dtype, features, rows)

    def list_rows(self, features: NDArray[Any]) -> ListedRows | None:
        """List the nonzero values, if they are few enough; see `NumpyOps.list_rows`."""
        return SparseRows.of(self, features)

    def listed_rows(
        self,
        values: Floats,
        columns: NDArray[np.integer[Any]],
        starts: NDArray[np.integer[Any]],
        n_features: int,
    ) -> ListedRows | None:
        """Take the arrays of a CSR matrix; see `NumpyOps.listed_rows`."""
        return SparseRows(
            self,
            np.ascontiguousarray(values),
            columns.astype(np.uint32, copy=False),
            starts.astype(np.int64, copy=False),
            n_features,
        )

    def activate(self, function: ActivationFunction, z: Floats, out: Floats, slope: Floats) -> None:
        """Use one pass for the ReLU family; NumPy's tanh is as fast as a loop could be."""
        if function.name in prediction.SLOPES_BELOW:
            loops.rectify(z, z.dtype.type(prediction.SLOPES_BELOW[function.name]), out, slope)
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
        loops.drop(bits, round(keep_prob * 2**16), x.dtype.type(1 / keep_prob), x, mask, out)

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
        if function.name in prediction.SLOPES_BELOW:
            real = z.dtype.type
            below, scale = real(prediction.SLOPES_BELOW[function.name]), real(1 / keep_prob)
            limit = round(keep_prob * 2**16)
            bits = random_bits(generator, z.shape)
            loops.rectify_and_drop(z, below, bits, limit, scale, out, slope)
        else:
            super().activate_and_drop(function, generator, keep_prob, z, out, slope)

    def column_sums(self, x: Floats, out: Floats) -> None:
        """Add row after row."""
        loops.column_sums(x, out)

    def add_scaled(self, x: Floats, factor: float, out: Floats) -> None:
        """Add in one pass."""
        scale = x.dtype.type(factor)
        self.in_parts(lambda a, b: loops.add_scaled(x[a:b], scale, out[a:b]), len(x), len(x))

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
        loss: float = loops.softmax_cross_entropy(logits, labels, smoothing, gradient)
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
        loops.batch_norm_forward(
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
        loops.batch_norm_backward(
            gradient, normalized, deviation, gamma, gamma_gradient, beta_gradient
        )

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
            loops.momentum_step(parameters[a:b], gradients[a:b], velocity[a:b], *factors)

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
            loops.velocity_step(parameters[a:b], gradients[a:b], velocity[a:b], *factors)

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
            loops.adam_step(parameters[a:b], gradients[a:b], mean[a:b], square[a:b], *factors)

        # a root and a division take as long as forty multiplications of a dense product
        self.in_parts(part, len(parameters), 40 * len(parameters))

    def average_step(self, average: Floats, values: Floats, rate: float) -> None:
        """One pass; see `NumpyOps.average_step`."""
        factor = average.dtype.type(rate)

        def part(a: int, b: int) -> None:
            loops.average_step(average[a:b], values[a:b], factor)

        self.in_parts(part, len(average), 10 * len(average))

    def answers(
        self, layers: list[FoldedLayer], low: float = -np.inf, high: float = np.inf
    ) -> Callable[[NDArray[Any]], Floats]:
        """Compute all layers in one call, unless products of matrices are faster."""
        plain = super().answers(layers, low, high)
        if not prediction.knows(layers):
            return plain
        answer = prediction.predictor(layers, low, high)
        n_weights, dtype = sum(layer.weight.size for layer in layers), layers[0].weight.dtype
        few = FEW if n_weights * dtype.itemsize <= CACHE_BYTES else 1
        n_classes = len(layers[-1].bias)

        def predict(X: NDArray[Any]) -> Floats:
            some = X[:few]
            if len(X) > few and (few == 1 or np.count_nonzero(some) > some.size // 2):
                return plain(X)
            found: Floats = np.empty((len(X), n_classes), dtype)
            self.in_parts(lambda a, b: answer(X[a:b], found[a:b]), len(X), len(X) * n_weights)
            return found

        return predict


@cache
def _compile(ops: NumbaOps, dtype: np.dtype[np.floating[Any]]) -> None:
    """Call every kernel once with arguments of the types that training has."""
    vector, matrix = np.zeros(8, dtype), np.zeros((8, 8), dtype)
    ops.add_scaled(vector, 0.0, vector)
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
    images.warp(pixels, np.arange(8), matrices, fields, 0, np.empty((8, 8), np.uint8))
    (batch,) = ops.new_group(1, 8, 8, dtype).load(pixels, np.arange(8))
    batch.times(matrix, vector, matrix.copy())
    batch.transposed_times(matrix, matrix.copy())
    for features in (pixels, matrix):
        ops.new_batch(dtype).load(features)
        layers = [FoldedLayer(matrix, vector, ACTIVATIONS["relu"])]
        ops.answers(layers)(features[:1])
        ops.answers(layers)(features)
    listed = ops.list_rows(matrix)
    if listed is not None:
        listed.load(np.arange(8), 8, 0)
