"""Batches of rows from a NumPy or SciPy matrix; a sparse matrix stays sparse."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from inknet.nn.arrays import Floats
from inknet.nn.ops import Batch, NumpyOps
from inknet.training.prefetch import ROWS_AHEAD, prefetch

Matrix: TypeAlias = Any
"""Features ``(n, d)``: a NumPy array, or one of SciPy's sparse matrices and arrays."""

BYTES_AHEAD = 1 << 20
"""Of dense rows that are copied together: more of them leave the cache before they are used."""


class CsrBatch(Batch):
    """A batch of sparse rows whose products are SciPy's."""

    def __init__(self, ops: NumpyOps, rows: Any) -> None:
        super().__init__(ops, rows.dtype)
        self._rows = rows

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self._rows.shape[0])

    def times(self, weight: Floats, bias: Floats, out: Floats) -> None:
        """Write ``features @ weight + bias``; see `Batch.times`."""
        np.add(self._rows @ weight, bias, out=out)

    def transposed_times(self, gradient: Floats, out: Floats) -> None:
        """Write ``features.T @ gradient``; see `Batch.transposed_times`."""
        out[:] = self._rows.T @ gradient


class Rows:
    """The rows of a matrix, from which batches are taken.

    Parameters
    ----------
    features : (n, d)
        Features of the network's type.
    ops
        The operations of the network.
    """

    def __init__(self, features: Matrix, ops: NumpyOps) -> None:
        self._ops = ops
        self._is_sparse = sparse.issparse(features)
        if self._is_sparse:
            features = features.tocsr()
            lists = features.data, features.indices, features.indptr
            self._listed = ops.listed_rows(*lists, features.shape[1])
        else:
            self._listed = ops.list_rows(features)
        self._features = features
        self._taken: list[NDArray[Any]] = [np.empty((0, features.shape[1]), features.dtype)] * 2

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self._features.shape[0])

    def batches(
        self, order: NDArray[np.intp], batch_size: int, *, training: bool = True
    ) -> Generator[Batch]:
        """Go through the rows in this order; each batch is valid until the next is asked for.

        If there are many, a separate thread prepares the next ones.
        """
        n_ahead = ROWS_AHEAD
        if self._listed is None and not self._is_sparse:
            n_ahead = min(n_ahead, BYTES_AHEAD // max(1, self._features[:1].nbytes))
        n_rows = max(1, n_ahead // batch_size) * batch_size
        parts = [order[i : i + n_rows] for i in range(0, len(order), n_rows)]

        def load(slot: int, part: NDArray[np.intp]) -> list[Batch]:
            return self._load(part, batch_size, slot, training)

        with closing(prefetch(load, parts)) as groups:
            for batches in groups:
                yield from batches

    def all(self, *, training: bool) -> Batch:
        """Return all rows as one batch."""
        (batch,) = self._load(np.arange(len(self)), len(self), 0, training)
        return batch

    def _load(
        self, rows: NDArray[np.intp], batch_size: int, slot: int, training: bool
    ) -> list[Batch]:
        if self._listed is not None:
            return self._listed.load(rows, batch_size, slot, training=training)
        starts = range(0, len(rows), batch_size)
        if self._is_sparse:
            taken = self._features[rows]
            return [CsrBatch(self._ops, taken[i : i + batch_size]) for i in starts]
        if len(self._taken[slot]) < len(rows):
            self._taken[slot] = np.empty((len(rows), self._features.shape[1]), self._features.dtype)
        stored = self._taken[slot][: len(rows)]
        np.take(self._features, rows, axis=0, out=stored, mode="clip")
        batches = [Batch(self._ops, stored.dtype) for _ in starts]
        for batch, i in zip(batches, starts, strict=True):
            batch.load(stored[i : i + batch_size])
        return batches
