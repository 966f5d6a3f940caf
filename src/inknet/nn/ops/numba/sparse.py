"""The first layer's products, for data that are mostly zeros: the pixels of a drawing.

A batch lists its nonzero values and multiplies only those. (If a weight is infinite or NaN, 0 times
it would be NaN; that is skipped too. Such a network has diverged, which shows in other places.)

The products spend most of their time on fetching rows of the weights or of the gradient. So the
lists go by pairs, and each row that is fetched serves two sums: in the forward pass those of two
samples, in the backward pass those of two neighbouring pixels, which mostly have ink together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inknet.nn.arrays import Floats
from inknet.nn.ops.batch import Batch, BatchGroup, ListedRows
from inknet.nn.ops.formulas import NumpyOps
from inknet.nn.ops.numba import listing, masks
from inknet.nn.ops.numba.masked import Masked
from inknet.nn.ops.numba.product import product_for

SPARSE = 0.5
"""Up to this fraction of places, listing is faster. A place is a feature of a pair of samples in
which at least one of the two is nonzero."""
SAMPLE = 256
"""Rows that are examined to see whether all are mostly zeros."""
MOST_KEPT = 2**27
"""Features, zeros too, of the rows that are prepared for all epochs: of images of 28×28, 171,000.
They take about as much memory as their pixels."""
ROWS_AT_ONCE = 2048
"""Rows that are prepared in one call."""

_Lists: TypeAlias = tuple[Floats, NDArray[np.uint32], NDArray[np.uint32]]
"""By pairs of samples (or pixels): both values ``(k, 2)``, their pixel (or sample) ``(k,)``, and
where each pair begins."""


class SparseBatch(Batch):
    """A batch that lists its nonzero values, if they are few enough."""

    ops: NumpyOps

    def __init__(self, ops: NumpyOps, dtype: np.dtype[np.floating[Any]]) -> None:
        super().__init__(ops, dtype)
        self._n = 0
        self._by_samples: _Lists | None = None
        self._by_pixels: _Lists | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._n

    def load(self, features: NDArray[Any], *, training: bool = True) -> None:
        """Take in rows; see `Batch.load`."""
        if features.dtype != np.uint8 and features.dtype != self.dtype:
            features = features.astype(self.dtype)
        n, d = features.shape
        # a pair has as many places as its two samples together, or down to half as many
        at_most = 2 * int(SPARSE * (-(-n // 2) * d)) + 1
        masked = Masked.of_few(features, self.dtype, at_most)
        if masked is not None:
            lists = _ListBuffers(1, n, d, self.dtype, len(masked.values))
            lists.list(masked, np.arange(n), n, training=training)
            if lists.give(0, n, self, training=training):
                return
        self.load_dense(features)

    def load_dense(self, features: NDArray[Any]) -> None:
        """Take in rows that are not sparse, or too few to list."""
        self._n, self._by_samples, self._by_pixels = len(features), None, None
        super().load(features)

    def hold(self, n: int, by_samples: _Lists, by_pixels: _Lists | None) -> None:
        """Hold the ``n`` rows of these lists."""
        self._n, self._by_samples, self._by_pixels = n, by_samples, by_pixels

    def times(self, weight: Floats, bias: Floats, out: Floats) -> None:
        """Write ``features @ weight + bias``; see `Batch.times`."""
        if self._by_samples is None:
            super().times(weight, bias, out)
        else:
            self._times(self._by_samples, weight, bias, out)

    def transposed_times(self, gradient: Floats, out: Floats) -> None:
        """Write ``features.T @ gradient``; see `Batch.transposed_times`."""
        if self._by_pixels is None:
            super().transposed_times(gradient, out)
        else:
            zeros = np.zeros(gradient.shape[1], self.dtype)
            self._times(self._by_pixels, gradient, zeros, out)

    def _times(self, lists: _Lists, matrix: Floats, start: Floats, out: Floats) -> None:
        product = product_for(self.dtype)

        def part(first: int, last: int) -> None:
            product(*lists, matrix, start, first, last, out)

        n_pairs = len(lists[2]) - 1
        self.ops.in_parts(part, n_pairs, 2 * int(lists[2][-1]) * matrix.shape[1])


class SparseGroup(BatchGroup):
    """Batches of pixels that are fetched and listed in one call.

    One call, because each call takes Python's lock back when it ends, and waits while another
    thread holds it: many small calls in two threads spend more time waiting than working.
    """

    def __init__(
        self,
        ops: NumpyOps,
        n_batches: int,
        batch_size: int,
        n_features: int,
        dtype: np.dtype[np.floating[Any]],
        sample: NDArray[Any] | None,
    ) -> None:
        super().__init__(ops, n_batches, batch_size, n_features, dtype, sample)
        self._dtype = dtype
        self._looks_sparse = sample is None or _looks_sparse(sample)
        if self._looks_sparse:
            self._buffers = _ListBuffers(n_batches, batch_size, n_features, dtype)

    def load(
        self, features: NDArray[Any], rows: NDArray[np.intp], *, training: bool = True
    ) -> list[Batch]:
        """Fetch rows and return them cut into batches; see `BatchGroup.load`."""
        if not self._looks_sparse:
            return super().load(features, rows, training=training)
        masked = Masked.of(self._taken(features, rows), self._dtype)
        every = np.arange(len(rows))
        return self._buffers.load(masked, every, self.batch_size, self._batches, training=training)


class KeptRows(ListedRows):
    """Rows in the form that lists are made of, prepared once for all epochs.

    Parameters
    ----------
    ops, dtype
        As for a `Batch`.
    masked
        The rows.
    """

    def __init__(self, ops: NumpyOps, dtype: np.dtype[np.floating[Any]], masked: Masked) -> None:
        self._ops, self._dtype, self._masked = ops, dtype, masked
        self._slots: list[tuple[_ListBuffers, list[SparseBatch]] | None] = [None, None]

    @classmethod
    def of(
        cls,
        ops: NumpyOps,
        dtype: np.dtype[np.floating[Any]],
        features: NDArray[Any],
        rows: NDArray[np.intp] | None,
    ) -> KeptRows | None:
        """Prepare rows of the features, if they are few and sparse enough."""
        n, d = len(features) if rows is None else len(rows), features.shape[1]
        if n * d > MOST_KEPT or not _looks_sparse(np.asarray(features[:SAMPLE])):
            return None
        starts = range(0, n, ROWS_AT_ONCE)
        parts: list[Masked] = [Masked.none(d, dtype)] * len(starts)

        def part(first: int, last: int) -> None:
            for i in range(first, last):
                stop = min(starts[i] + ROWS_AT_ONCE, n)
                which = slice(starts[i], stop) if rows is None else rows[starts[i] : stop]
                parts[i] = Masked.of(np.asarray(features[which]), dtype)

        ops.in_parts(part, len(parts), n * d)
        return cls(ops, dtype, Masked.joined(parts))

    def load(
        self, rows: NDArray[np.intp], batch_size: int, slot: int, *, training: bool = True
    ) -> list[Batch]:
        """Take rows; see `ListedRows.load`."""
        n_batches, found = -(-len(rows) // batch_size), self._slots[slot]
        if found is None or len(found[1]) < n_batches or found[0].batch_size < batch_size:
            buffers = _ListBuffers(n_batches, batch_size, self._masked.n_features, self._dtype)
            batches = [SparseBatch(self._ops, self._dtype) for _ in range(n_batches)]
            self._slots[slot] = found = buffers, batches
        return found[0].load(self._masked, rows, batch_size, found[1], training=training)


class SparseRows(ListedRows):
    """Rows stored as lists, from which batches are taken in every epoch.

    Parameters
    ----------
    ops
        As for a `Batch`.
    values, columns, starts
        The arrays of a CSR matrix: numbers of the network's type, uint32 and int64.
    n_features : int
    """

    def __init__(
        self,
        ops: NumpyOps,
        values: Floats,
        columns: NDArray[np.uint32],
        starts: NDArray[np.int64],
        n_features: int,
    ) -> None:
        self._ops, self._lists, self._n_features = ops, (values, columns, starts), n_features
        self._places = np.empty(n_features, np.int64)
        self._buffers: list[tuple[NDArray[Any], ...]] = [(), ()]

    @classmethod
    def of(cls, ops: NumpyOps, features: NDArray[Any]) -> SparseRows | None:
        """List rows ``(n, d)``, if few enough of their values are nonzero."""
        n, d = features.shape
        n_nonzero = int(np.count_nonzero(features))
        if not _is_sparse(n_nonzero, n, d):
            return None
        values, columns = (
            np.empty(n_nonzero + 1, features.dtype),
            np.empty(n_nonzero + 1, np.uint32),
        )
        starts = np.empty(n + 1, np.int64)
        listing.list_rows(np.ascontiguousarray(features), values, columns, starts)
        return cls(ops, values, columns, starts, d)

    def load(
        self, rows: NDArray[np.intp], batch_size: int, slot: int, *, training: bool = True
    ) -> list[Batch]:
        """Take rows; see `ListedRows.load`."""
        all_starts = self._lists[2]
        lengths = all_starts[rows + 1] - all_starts[rows]
        n_batches = -(-len(rows) // batch_size)
        buffers = self._buffers_for(slot, int(lengths.sum()), n_batches, batch_size)
        values, columns, starts, pixel_values, samples, pixel_starts = buffers
        listing.pair_listed(
            *self._lists,
            rows,
            batch_size,
            self._places,
            *buffers[:5],
            pixel_starts[: n_batches * training],
        )
        batches: list[Batch] = []
        begin = 0
        for b in range(n_batches):
            of_batch = lengths[b * batch_size : (b + 1) * batch_size]
            batch = SparseBatch(self._ops, values.dtype)
            by_samples = values[begin:], columns[begin:], starts[b, : -(-len(of_batch) // 2) + 1]
            by_pixels = None
            if training:
                by_pixels = pixel_values[begin:], samples[begin:], pixel_starts[b, :-1]
            batch.hold(len(of_batch), by_samples, by_pixels)
            batches.append(batch)
            begin += int(of_batch.sum())
        return batches

    def _buffers_for(
        self, slot: int, n_values: int, n_batches: int, batch_size: int
    ) -> tuple[NDArray[Any], ...]:
        """Return arrays for the lists of so many batches; the last ones, if they fit."""
        buffers = self._buffers[slot]
        starts = n_batches, -(-batch_size // 2) + 1
        if not buffers or len(buffers[0]) < n_values or buffers[2].shape != starts:
            dtype, size = self._lists[0].dtype, n_values + n_values // 8
            buffers = (
                np.empty((size, 2), dtype),
                np.empty(size, np.uint32),
                np.empty(starts, np.uint32),
                np.empty((size, 2), dtype),
                np.empty(size, np.uint32),
                np.empty((n_batches, -(-self._n_features // 2) + 2), np.uint32),
            )
            self._buffers[slot] = buffers
        return buffers


class _ListBuffers:
    """Buffers for the lists of some batches. Parts that are never written to take no memory."""

    def __init__(
        self,
        n_batches: int,
        batch_size: int,
        n_features: int,
        dtype: np.dtype[np.floating[Any]],
        n_places: int | None = None,
    ) -> None:
        self._n_features, self.batch_size = n_features, batch_size
        n_rows, n_columns = -(-batch_size // 2), -(-n_features // 2)
        n_by_samples = n_places or n_rows * n_features
        n_by_pixels = n_places or n_columns * batch_size
        self._by_samples = (
            np.empty((n_batches, n_by_samples, 2), dtype),
            np.empty((n_batches, n_by_samples), np.uint32),
            np.empty((n_batches, n_rows + 1), np.uint32),
        )
        self._by_pixels = (
            np.empty((n_batches, n_by_pixels, 2), dtype),
            np.empty((n_batches, n_by_pixels), np.uint32),
            np.empty((n_batches, n_columns + 2), np.uint32),
        )

    def load(
        self,
        masked: Masked,
        rows: NDArray[np.intp],
        batch_size: int,
        batches: Sequence[Batch],
        *,
        training: bool,
    ) -> list[Batch]:
        """List these rows, cut into batches; those that are not sparse hold them as they are."""
        self.list(masked, rows, batch_size, training=training)
        loaded: list[Batch] = []
        for b, start in enumerate(range(0, len(rows), batch_size)):
            batch, of_batch = batches[b], rows[start : start + batch_size]
            assert isinstance(batch, SparseBatch)
            # decided for each batch by itself, so it does not matter which ones are loaded together
            if not self.give(b, len(of_batch), batch, training=training):
                batch.load_dense(masked.dense(of_batch))
            loaded.append(batch)
        return loaded

    def list(
        self, masked: Masked, rows: NDArray[np.intp], batch_size: int, *, training: bool
    ) -> None:
        """List these rows, cut into batches."""
        values, samples, starts = self._by_pixels
        masks.pair_group(
            *masked[:3],
            rows,
            batch_size,
            *self._by_samples,
            values,
            samples,
            starts if training else starts[:0],
        )

    def give(self, b: int, n: int, batch: SparseBatch, *, training: bool) -> bool:
        """Give a batch the lists of its ``n`` rows, if they are short enough to be faster."""
        values, columns, starts = (part[b] for part in self._by_samples)
        starts = starts[: -(-n // 2) + 1]
        if not _is_sparse(int(starts[-1]), n, self._n_features):
            return False
        by_pixels = None
        if training:
            pixel_values, samples, pixel_starts = (part[b] for part in self._by_pixels)
            by_pixels = pixel_values, samples, pixel_starts[:-1]
        batch.hold(n, (values, columns, starts), by_pixels)
        return True


def _is_sparse(n_places: int, n: int, d: int) -> bool:
    """Say whether to list so many places for the pairs among ``n`` samples of ``d`` features."""
    return n_places <= SPARSE * (-(-n // 2) * d) and n * d < 2**32


def _looks_sparse(sample: NDArray[Any]) -> bool:
    n, d = sample.shape
    something = sample != 0
    either = something[: n - n % 2].reshape(n // 2, 2, d).any(axis=1)
    return _is_sparse(int(either.sum()), n, d)
