"""Rows of data on their way into the first layer.

Rows come from files and tables as NumPy arrays; a batch converts them to the backend's arrays.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inknet.nn.arrays import Floats
from inknet.nn.ops.contract import Ops


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

    def __init__(self, ops: Ops, dtype: np.dtype[np.floating[Any]]) -> None:
        self.ops, self.dtype = ops, dtype
        self.features: Floats = ops.xp.empty((0, 0), dtype)
        self._buffer = self.features

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.features)

    def load(self, features: NDArray[Any], *, training: bool = True) -> None:
        """Load rows ``(n, d)``: uint8 pixels scaled to 0–1, other numbers unchanged.

        The batch may refer to ``features`` until the next call. Without ``training`` it need not
        be ready for `transposed_times`.
        """
        rows = self.ops.xp.asarray(features)
        if rows.dtype == self.dtype:
            self.features = rows
            return
        if self._buffer.shape[1:] != rows.shape[1:] or len(self._buffer) < len(rows):
            self._buffer = self.ops.xp.empty(rows.shape, self.dtype)
        self.features = self._buffer[: len(rows)]
        if rows.dtype == np.uint8:
            np.multiply(rows, self.dtype.type(1 / 255), out=self.features)
        else:
            np.copyto(self.features, rows, casting="same_kind")

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
        The most batches, the most rows of each, and the features of a row.
    sample : (k, n_features), optional
        Some of the rows to be loaded; they show whether the data are mostly zeros.
    """

    def __init__(
        self,
        ops: Loading,
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

        The batches are buffers, valid until the next call.
        """
        stored = self._taken(features, rows)
        starts = range(0, len(rows), self.batch_size)
        batches = self._batches[: len(starts)]
        for batch, start in zip(batches, starts, strict=True):
            batch.load(stored[start : start + self.batch_size], training=training)
        return batches

    def _taken(self, features: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[Any]:
        """Return these rows, in a buffer that is valid until the next call."""
        if self._stored.dtype != features.dtype or len(self._stored) < len(rows):
            shape = (self.n_batches * self.batch_size, self.n_features)
            self._stored = np.empty(shape, features.dtype)
        stored = self._stored[: len(rows)]
        # mode="clip" lets take() write straight into `stored`; "raise" would go through a copy
        np.take(features, rows, axis=0, out=stored, mode="clip")
        return stored


class ListedRows(ABC):
    """Rows stored as lists of their nonzero values, from which batches are taken."""

    @abstractmethod
    def load(
        self, rows: NDArray[np.intp], batch_size: int, slot: int, *, training: bool = True
    ) -> list[Batch]:
        """Return these rows ``(m,)``, cut into batches.

        The batches are valid until the next call with the same ``slot``, 0 or 1.
        """


class Loading(Ops):
    """How a backend loads rows. These are no formulas; most backends inherit them unchanged."""

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

    def keep_rows(
        self,
        features: NDArray[Any],
        rows: NDArray[np.intp] | None,
        dtype: np.dtype[np.floating[Any]],
    ) -> ListedRows | None:
        """Return rows of the features ``(n, d)`` prepared for all epochs; all without ``rows``.

        They are then known by their place among them. Batches of them have the same bits as those
        of a `BatchGroup`. None if nothing is won by that, or if they take too much memory.
        """
        return None

    def list_rows(self, features: NDArray[Any]) -> ListedRows | None:
        """Return the rows ``(n, d)``, of the network's type, as lists of their nonzero values.

        None if these operations have no product for lists, or if the rows are not sparse enough
        for it to be faster.
        """
        return None

    def listed_rows(
        self,
        values: Floats,
        columns: NDArray[np.integer[Any]],
        starts: NDArray[np.integer[Any]],
        n_features: int,
    ) -> ListedRows | None:
        """Return rows that are given as the arrays of a CSR matrix; or None, as above."""
        return None


Rows: TypeAlias = NDArray[Any] | Batch
"""Samples: uint8 pixels or numbers ``(n, n_features)``, or a batch that was loaded with them."""
