"""What each hot loop computes, in NumPy.

All arrays are C-contiguous and of one floating type unless said otherwise; results are written
into arrays that the caller made.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from math import prod, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inknet.nn.activations import ActivationFunction, Elementwise, sigmoid, softmax
from inknet.nn.arrays import Floats, Labels
from inknet.nn.ops.parallel import in_parts

CHUNK = 65536
"""Parameters an optimizer takes at a time: few enough that its passes over them stay in the cache,
many enough that the calls cost nothing."""


class FoldedLayer(NamedTuple):
    """A dense layer in use: ``f(x @ weight + bias)``, without f in the last."""

    weight: Floats
    bias: Floats
    function: Elementwise | None


class Batch:
    """Rows of features on their way into the first layer, `n` of them.

    Attributes
    ----------
    features : (n, d)
        Scaled, and of the network's type.

    Parameters
    ----------
    ops
        Whose matrix product to use.
    dtype
        The network's type.
    """

    def __init__(self, ops: NumpyOps, dtype: np.dtype[np.floating[Any]]) -> None:
        self.ops, self.dtype = ops, dtype
        self.features: Floats = np.empty((0, 0), dtype)
        self._buffer = self.features

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.features)

    def load(self, features: NDArray[Any], *, training: bool = True) -> None:
        """Take in rows ``(n, d)``: uint8 pixels scaled to 0–1, other numbers as they are.

        The batch may refer to ``features`` until the next call. Without ``training`` it need not
        be ready for `transposed_times`.
        """
        if features.dtype == self.dtype:
            self.features = features
            return
        if self._buffer.shape[1:] != features.shape[1:] or len(self._buffer) < len(features):
            self._buffer = np.empty(features.shape, self.dtype)
        self.features = self._buffer[: len(features)]
        if features.dtype == np.uint8:
            np.multiply(features, self.dtype.type(1 / 255), out=self.features)
        else:
            np.copyto(self.features, features, casting="same_kind")

    def times(self, weight: Floats, bias: Floats, out: Floats) -> None:
        """Write ``features @ weight + bias``: ``(n, d) @ (d, k) + (k,)``."""
        self.ops.matmul(self.features, weight, out)
        out += bias

    def transposed_times(self, gradient: Floats, out: Floats) -> None:
        """Write ``features.T @ gradient``: ``(d, n) @ (n, k)``."""
        self.ops.matmul(self.features.T, gradient, out)


class BatchGroup:
    """Batches that are loaded together.

    Parameters
    ----------
    ops, dtype
        As for a `Batch`.
    n_batches, batch_size, n_features : int
        How many, and of what size, they are at most.
    sample : (k, n_features), optional
        Some of the rows that are to come; they tell whether the data are mostly zeros.
    """

    def __init__(
        self,
        ops: NumpyOps,
        n_batches: int,
        batch_size: int,
        n_features: int,
        dtype: np.dtype[np.floating[Any]],
        sample: NDArray[Any] | None = None,
    ) -> None:
        self.n_batches, self.batch_size, self.n_features = n_batches, batch_size, n_features
        self._batches = [ops.new_batch(dtype) for _ in range(n_batches)]
        self._stored = np.empty((0, n_features), dtype)

    def load(
        self, features: NDArray[Any], rows: NDArray[np.intp], *, training: bool = True
    ) -> list[Batch]:
        """Fetch rows ``(m,)`` of the features ``(n, d)``; return them cut into batches.

        The batches are buffers, good until the next call.
        """
        if self._stored.dtype != features.dtype or len(self._stored) < len(rows):
            shape = (self.n_batches * self.batch_size, self.n_features)
            self._stored = np.empty(shape, features.dtype)
        stored = self._stored[: len(rows)]
        # mode="clip" lets take() write straight into `stored`; "raise" would go through a copy
        np.take(features, rows, axis=0, out=stored, mode="clip")
        starts = range(0, len(rows), self.batch_size)
        batches = self._batches[: len(starts)]
        for batch, start in zip(batches, starts, strict=True):
            batch.load(stored[start : start + self.batch_size], training=training)
        return batches


class ListedRows(ABC):
    """Rows that list what is not 0 in them, from which batches are taken."""

    @abstractmethod
    def load(
        self, rows: NDArray[np.intp], batch_size: int, slot: int, *, training: bool = True
    ) -> list[Batch]:
        """Return these rows ``(m,)``, cut into batches.

        The batches are good until the next call with the same ``slot``, 0 or 1.
        """


class NumpyOps:
    """The definitions; another implementation overrides what it does faster.

    Parameters
    ----------
    parallel : bool
        Whether to split large work among threads; for where the BLAS library has one thread.
    """

    name = "numpy"
    xp = np
    """The library that makes the arrays: NumPy, or one with its interface."""

    def __init__(self, *, parallel: bool = False) -> None:
        self.parallel = parallel

    def prepare(self, dtype: np.dtype[np.floating[Any]]) -> None:
        """Do once whatever the first use of these operations would have to wait for."""

    def new_batch(self, dtype: np.dtype[np.floating[Any]]) -> Batch:
        """Return an empty batch."""
        return Batch(self, dtype)

    def new_group(
        self,
        n_batches: int,
        batch_size: int,
        n_features: int,
        dtype: np.dtype[np.floating[Any]],
        sample: NDArray[Any] | None = None,
    ) -> BatchGroup:
        """Return empty batches that are loaded together."""
        return BatchGroup(self, n_batches, batch_size, n_features, dtype, sample)

    def list_rows(self, features: NDArray[Any]) -> ListedRows | None:
        """Return the rows ``(n, d)``, of the network's type, as lists of what is not 0.

        None if these operations have no shorter way through lists, or the rows are not so sparse
        that it would be shorter.
        """
        return None

    def listed_rows(
        self,
        values: Floats,
        columns: NDArray[np.integer[Any]],
        starts: NDArray[np.integer[Any]],
        n_features: int,
    ) -> ListedRows | None:
        """Return rows that somebody else listed: the arrays of a CSR matrix; or None, as above."""
        return None

    def read_rows(
        self, descriptor: int, start: int, rows: NDArray[np.intp], out: NDArray[Any]
    ) -> None:
        """Read rows ``(n,)`` of a file into ``out``, ``(n, d)``.

        Row 0 begins ``start`` bytes into the file, and each has as many bytes as a row of ``out``.

        Raises
        ------
        ValueError
            If the file ends before a row does.
        """
        size = out[0].nbytes
        for i, row in enumerate(rows):
            if os.preadv(descriptor, [out[i]], start + int(row) * size) != size:
                raise ValueError(f"the file ends before row {row}; it has become shorter")

    def warp(
        self,
        pixels: NDArray[np.uint8],
        rows: NDArray[np.intp],
        matrices: NDArray[np.float32],
        fields: NDArray[np.float32],
        ground: int,
        out: NDArray[np.uint8],
    ) -> None:
        """Write images that take each pixel from another place of an old image.

        Pixel (y, x) of image i is what row ``rows[i]`` of the old ones has at ::

            v = (m01 · x + (m00 · y + m02)) + field[0, y, x]
            u = (m11 · x + (m10 · y + m12)) + field[1, y, x]

        rounded down to whole 1/256 of a pixel, and mixed from the four pixels around it, in
        proportion to how near they are (bilinear interpolation). Outside of the old image is
        ``ground``. The places are computed in float32, in this order, all else in whole numbers:
        every implementation gives the same bits.

        Parameters
        ----------
        pixels : (n_stored, height · width)
        rows : (n,)
        matrices : (n, 2, 3)
        fields : (n, 2, height, width)
            Where the places are, see above.
        ground
            From 0 to 255.
        out : (n, height · width)
        """
        height, width = fields.shape[2:]
        n, columns = len(rows), np.arange(width, dtype=np.float32)
        # so wide an edge that no place, kept within one pixel of the image, has a neighbour beyond
        padded = np.full((n, height + 3, width + 3), ground, np.int32)
        padded[:, 1:-2, 1:-2] = pixels[rows].reshape(n, height, width)
        lines = np.arange(height, dtype=np.float32)[:, None]
        places = []
        for axis, last in enumerate((height, width)):
            m = matrices[:, axis, :, None, None]
            place = (m[:, 1] * columns + (m[:, 0] * lines + m[:, 2])) + fields[:, axis]
            np.clip(place + np.float32(1), 0, last + 1, out=place)
            places.append((place * np.float32(256)).astype(np.int32))
        (v, down), (u, right) = ((place >> 8, place & 255) for place in places)
        i = np.arange(n)[:, None, None]
        upper = padded[i, v, u] * (256 - right) + padded[i, v, u + 1] * right
        lower = padded[i, v + 1, u] * (256 - right) + padded[i, v + 1, u + 1] * right
        mixed = (upper * (256 - down) + lower * down + 32768) >> 16
        out[:] = mixed.reshape(n, height * width)

    def in_parts(self, part: Callable[[int, int], None], n: int, n_multiplications: int) -> None:
        """Call ``part(first, last)`` until 0 to ``n`` is done; see `inknet.nn.ops.parallel`."""
        if self.parallel:
            in_parts(part, n, n_multiplications)
        else:
            part(0, n)

    def matmul(self, a: Floats, b: Floats, out: Floats) -> None:
        """Write ``a @ b``: ``(n, d) @ (d, k)``, either of which may be a transposed view."""

        def part(first: int, last: int) -> None:
            np.matmul(a[first:last], b, out=out[first:last])

        self.in_parts(part, len(a), a.size * b.shape[1])

    def activate(self, function: ActivationFunction, z: Floats, out: Floats, slope: Floats) -> None:
        """Write ``a = f(z)`` to ``out`` and ``f'(z)`` to ``slope``; all three ``(n, d)``."""
        function.value(z, out)
        function.derivative(out, slope)

    def drop(
        self,
        generator: np.random.Generator,
        keep_prob: float,
        x: Floats,
        mask: Floats,
        out: Floats,
    ) -> None:
        """Write the mask of dropout, 0 or ``1 / keep_prob``, and ``x · mask`` to ``out``.

        Parameters
        ----------
        generator
            Draws 16 bits for each element, which is kept if they are below ``keep_prob · 2^16``.
        x, mask, out : (n, d)
        """
        np.less(random_bits(generator, x.shape), round(keep_prob * 2**16), out=mask)
        mask *= 1 / keep_prob
        np.multiply(x, mask, out=out)

    def activate_and_drop(
        self,
        function: ActivationFunction,
        generator: np.random.Generator,
        keep_prob: float,
        z: Floats,
        out: Floats,
        slope: Floats,
    ) -> None:
        """Write ``f(z) · mask`` and its derivative ``f'(z) · mask``; see `activate` and `drop`."""
        self.activate(function, z, out, slope)
        mask = np.empty_like(z)
        self.drop(generator, keep_prob, out, mask, out)
        slope *= mask

    def column_sums(self, x: Floats, out: Floats) -> None:
        """Write the sum over the rows of ``x``, ``(n, d)``, to ``out``, ``(d,)``."""
        np.matmul(np.ones(len(x), x.dtype), x, out=out)

    def add_scaled(self, x: Floats, factor: float, out: Floats) -> None:
        """Add ``factor · x`` to ``out``; both ``(n,)``."""
        for x_part, out_part in chunks(x, out):
            out_part += factor * x_part

    def softmax_cross_entropy(
        self,
        logits: Floats,
        labels: Labels,
        smoothing: float,
        gradient: Floats,
        sample_weight: Floats | None = None,
    ) -> float:
        """Loss of a batch, and its gradient with respect to the logits.

        The target of a sample puts ``1 - smoothing`` on its class and spreads ``smoothing`` evenly
        over all K classes: ``t_k = (1 - smoothing) [k = label] + smoothing / K``. With
        ``p = softmax(logits)``::

            loss = mean over samples of  - sum_k t_k log p_k
            d loss / d logits = (p - t) / n

        Why the second line: ``log p_k = z_k - log(sum_j exp z_j)`` and the targets sum to 1, so a
        sample's loss is ``log(sum_j exp z_j) - sum_k t_k z_k``. The derivative of the first term
        with respect to ``z_k`` is ``exp z_k / sum_j exp z_j``, or ``p_k``; of the second, ``t_k``.
        With weights, the mean is ``sum_i w_i loss_i / sum_i w_i``, and ``w_i / sum_i w_i`` takes
        the place of ``1 / n``.

        Parameters
        ----------
        logits, gradient : (n, K)
        labels : (n,)
        smoothing : float
            0 for plain cross-entropy (Szegedy et al. 2016, section 7, for the smoothed one).
        sample_weight : (n,), optional
            0 or more, and not all of them 0.

        Returns
        -------
        float
            The mean loss.
        """
        n, n_classes = logits.shape
        samples = np.arange(n)
        # `gradient` holds, one after the other: the logits with their largest taken out, so that
        # no exp overflows; the exponentials; the probabilities; and at last the gradient.
        np.subtract(logits, logits.max(axis=1, keepdims=True), out=gradient)
        # sum_k t_k z_k of each sample
        expected = (1 - smoothing) * gradient[samples, labels]
        if smoothing:
            expected += smoothing / n_classes * gradient.sum(axis=1)
        np.exp(gradient, out=gradient)
        total = gradient.sum(axis=1)
        losses = np.log(total) - expected

        gradient /= total[:, None]
        gradient -= smoothing / n_classes
        gradient[samples, labels] -= 1 - smoothing
        return _weighted_mean(losses, gradient, sample_weight)

    def sigmoid_cross_entropy(
        self,
        logits: Floats,
        targets: Floats,
        smoothing: float,
        gradient: Floats,
        sample_weight: Floats | None = None,
    ) -> float:
        """Loss of a batch whose every output is a yes or no, and its gradient by the logits.

        With ``p = sigmoid(logits)`` and targets moved towards the middle, ``t = (1 - smoothing)
        target + smoothing / 2``::

            loss = mean over samples of  - sum_k (t_k log p_k + (1 - t_k) log(1 - p_k))
            d loss / d logits = (p - t) / n

        Why the second line: ``log p_k = z_k - log(1 + exp z_k)`` and ``log(1 - p_k) =
        - log(1 + exp z_k)``, so an output's loss is ``log(1 + exp z_k) - t_k z_k``. Its derivative
        is ``exp z_k / (1 + exp z_k) - t_k``, the first of which is ``p_k``.

        Parameters
        ----------
        logits, gradient : (n, K)
        targets : (n, K)
            0 or 1.
        smoothing, sample_weight
            As in `softmax_cross_entropy`.

        Returns
        -------
        float
            The mean loss.
        """
        targets = (1 - smoothing) * targets + smoothing / 2
        losses = (np.logaddexp(logits.dtype.type(0), logits) - targets * logits).sum(axis=1)
        sigmoid(logits, gradient)
        gradient -= targets
        return _weighted_mean(losses, gradient, sample_weight)

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
        """Normalize each feature over the batch, scale and shift it; update the running statistics.

        Parameters
        ----------
        x, normalized, out : (n, d)
        gamma, beta, running_mean, running_var, deviation : (d,)
            ``deviation`` receives ``sqrt(variance + epsilon)``.
        momentum, epsilon : float
        """
        n = len(x)
        mean = x.mean(axis=0)
        np.subtract(x, mean, out=normalized)
        variance = np.einsum("ij,ij->j", normalized, normalized) / n
        np.sqrt(variance + epsilon, out=deviation)
        normalized /= deviation
        np.multiply(normalized, gamma, out=out)
        out += beta

        if n > 1:  # a last batch of one sample says nothing of the variance, and little of the mean
            running_mean += momentum * (mean - running_mean)
            running_var += momentum * (variance * (n / (n - 1)) - running_var)

    def batch_norm_backward(
        self,
        gradient: Floats,
        normalized: Floats,
        deviation: Floats,
        gamma: Floats,
        gamma_gradient: Floats,
        beta_gradient: Floats,
    ) -> None:
        """Turn ``dJ/dy`` of batch normalization into ``dJ/dx``, in place.

        With ``G = dJ/dy`` and sums and means over the batch::

            dJ/dgamma = sum(G · normalized)        dJ/dbeta = sum(G)
            dJ/dx = gamma / deviation · (G - mean(G) - normalized · mean(G · normalized))

        Were mean and deviation constants, dJ/dx would be ``gamma / deviation · G``. But moving one
        ``x`` moves the mean by 1/n, and with it all outputs, which gives ``mean(G)``; and it moves
        the deviation by ``normalized / n``, which scales all outputs, and gives the last term.

        Parameters
        ----------
        gradient, normalized : (n, d)
            ``normalized`` is used up.
        deviation, gamma, gamma_gradient, beta_gradient : (d,)
        """
        n = len(gradient)
        np.einsum("ij,ij->j", gradient, normalized, out=gamma_gradient)
        np.sum(gradient, axis=0, out=beta_gradient)
        normalized *= gamma_gradient / n
        gradient -= normalized
        gradient -= beta_gradient / n
        gradient *= gamma / deviation

    def descent_step(self, parameters: Floats, gradients: Floats, learning_rate: float) -> None:
        """Go straight downhill: ``p = p - learning_rate · g``, both ``(n_parameters,)``."""
        self.add_scaled(gradients, -learning_rate, parameters)

    def momentum_step(
        self,
        parameters: Floats,
        gradients: Floats,
        velocity: Floats,
        learning_rate: float,
        beta: float,
    ) -> None:
        """Follow the mean gradient: ``v = beta v + (1 - beta) g``, ``p = p - learning_rate · v``.

        Because of the ``1 - beta``, ``v`` is as long as a gradient. The form without it (Polyak
        1964; the one of PyTorch) takes steps ``1 / (1 - beta)`` times as long at the same rate.
        All arrays are ``(n_parameters,)``.
        """
        for p, g, v in chunks(parameters, gradients, velocity):
            v *= beta
            v += (1 - beta) * g
            p -= learning_rate * v

    def velocity_step(
        self,
        parameters: Floats,
        gradients: Floats,
        velocity: Floats,
        learning_rate: float,
        beta: float,
        ahead: bool,
    ) -> None:
        """Roll on: ``v = beta v - learning_rate · g``, ``p = p + v``; or look ahead.

        Looking ahead, ``p = p + beta v - learning_rate · g``: the step that ``v`` would take next,
        were the gradient to stay. Nesterov's momentum, in the form of Bengio, Boulanger-Lewandowski
        and Pascanu 2013, "Advances in optimizing recurrent networks", section 3.5. All arrays are
        ``(n_parameters,)``.
        """
        for p, g, v in chunks(parameters, gradients, velocity):
            step = learning_rate * g
            v *= beta
            v -= step
            if ahead:
                p += beta * v
                p -= step
            else:
                p += v

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
        """One step of Adam, all arrays ``(n_parameters,)``, ``step`` counted from 1.

        ``m = beta1 m + (1 - beta1) g`` and ``v = beta2 v + (1 - beta2) g²`` start at 0 and so lean
        towards it; dividing by ``1 - beta^step`` corrects that. Then
        ``p = p - learning_rate · m̂ / (sqrt(v̂) + epsilon)``.
        Kingma and Ba 2015, "Adam: a method for stochastic optimization", algorithm 1.

        Before that, the parameters lose their part ``decay``: ``p = (1 - decay) · p``. Loshchilov
        and Hutter 2019, "Decoupled weight decay regularization", algorithm 2.
        """
        # sqrt(v̂) + epsilon = (sqrt(v) + epsilon · c) / c
        c = sqrt(1 - beta2**step)
        rate = learning_rate * c / (1 - beta1**step)
        scratch = np.empty(min(CHUNK, len(parameters)), parameters.dtype)
        for p, g, m, v in chunks(parameters, gradients, mean, square):
            t = scratch[: len(p)]
            # m + (1 - beta1) (g - m) is the same as beta1 m + (1 - beta1) g, in one pass less
            np.subtract(g, m, out=t)
            t *= 1 - beta1
            m += t

            np.multiply(g, g, out=t)
            t *= 1 - beta2
            v *= beta2
            v += t

            np.sqrt(v, out=t)
            t += epsilon * c
            np.divide(m, t, out=t)
            t *= rate
            if decay:
                p *= 1 - decay
            p -= t

    def average_step(self, average: Floats, values: Floats, rate: float) -> None:
        """Move a running average towards new values: ``a = a + rate · (x - a)``, both ``(n,)``."""
        for a, x in chunks(average, values):
            a += rate * (x - a)

    def one_sample(self, layers: list[FoldedLayer]) -> Callable[[NDArray[Any]], Floats]:
        """Return a function from one sample, ``(d,)``, to its probabilities, ``(K,)``.

        uint8 pixels are scaled to 0–1.
        """
        dtype = layers[0].weight.dtype

        def predict(x: NDArray[Any]) -> Floats:
            signal: Floats = x * dtype.type(1 / 255) if x.dtype == np.uint8 else x
            for weight, bias, function in layers:
                z = signal @ weight
                z += bias
                signal = z
                if function is not None:
                    signal = np.empty_like(z)
                    function.value(z, signal)
            softmax(signal[None], signal[None])
            return signal

        return predict


def random_bits(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.uint16]:
    """Return 16 random bits for each element, four times 16 from each draw of the generator."""
    size = prod(shape)
    bits: NDArray[np.uint16] = generator.bit_generator.random_raw(-(-size // 4)).view(np.uint16)
    return bits[:size].reshape(shape)


def _weighted_mean(losses: Floats, gradient: Floats, sample_weight: Floats | None) -> float:
    """Return the mean of the losses ``(n,)``; weigh the rows of ``gradient`` in the same way."""
    if sample_weight is None:
        gradient /= len(losses)
        return float(losses.sum()) / len(losses)
    total = float(sample_weight.sum())
    gradient *= (sample_weight / total)[:, None]
    return float(sample_weight @ losses) / total


def chunks(*vectors: Floats) -> Iterator[tuple[Floats, ...]]:
    """Go through vectors of one length together, `CHUNK` elements at a time, as views."""
    for start in range(0, len(vectors[0]), CHUNK):
        yield tuple(vector[start : start + CHUNK] for vector in vectors)
