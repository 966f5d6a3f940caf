"""Rows in the form that all lists are made of, see `masks`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inknet.nn.arrays import Floats
from inknet.nn.ops.numba import masks


class Masked(NamedTuple):
    """Rows as masks and values, see `masks`.

    Attributes
    ----------
    values : (n_values + SPARE,)
        On the scale of the network; the last ones mean nothing.
    masks : (n, words)
    starts : (n + 1,)
        Where the values of each row begin.
    n_features : int
    """

    values: Floats
    masks: NDArray[np.uint64]
    starts: NDArray[np.int64]
    n_features: int

    @classmethod
    def none(cls, d: int, dtype: np.dtype[np.floating[Any]]) -> Masked:
        """Return no rows of ``d`` features."""
        words = -(-d // masks.BITS)
        return cls(
            np.zeros(masks.SPARE, dtype), np.empty((0, words), np.uint64), np.zeros(1, np.int64), d
        )

    @classmethod
    def of(cls, features: NDArray[Any], dtype: np.dtype[np.floating[Any]]) -> Masked:
        """Return rows ``(n, d)`` of bytes or numbers in this form."""
        masked = cls.of_few(features, dtype, features.size)
        assert masked is not None
        return masked

    @classmethod
    def of_few(
        cls, features: NDArray[Any], dtype: np.dtype[np.floating[Any]], at_most: int
    ) -> Masked | None:
        """Do the same; return None if there are more nonzero values than ``at_most``."""
        kind = np.dtype(np.uint8) if features.dtype == np.uint8 else dtype
        features = np.ascontiguousarray(features, kind).view()
        features.flags.writeable = False  # as mapped files are: another type to the compiler
        n, d = features.shape
        marks, starts = np.empty((n, -(-d // masks.BITS)), np.uint64), np.empty(n + 1, np.int64)
        masks.mark(features, _eights(features), marks, starts)
        if starts[-1] > at_most:
            return None
        values = np.zeros(int(starts[-1]) + masks.SPARE, dtype)
        scale = dtype.type(1 / 255 if kind == np.uint8 else 1)
        masks.gather(features, marks, scale, values)
        return cls(values, marks, starts, d)

    @classmethod
    def joined(cls, parts: Sequence[Masked]) -> Masked:
        """Return the rows of all parts, one after the other."""
        spare = parts[-1].values[-masks.SPARE :]
        lengths = np.concatenate([np.diff(part.starts) for part in parts])
        return cls(
            np.concatenate([*(part.values[: -masks.SPARE] for part in parts), spare]),
            np.concatenate([part.masks for part in parts]),
            np.concatenate([[0], lengths.cumsum()]),
            parts[0].n_features,
        )

    def dense(self, rows: NDArray[np.intp]) -> Floats:
        """Return rows with their zeros, ``(k, n_features)``."""
        bits = np.unpackbits(
            self.masks[rows].astype("<u8").view(np.uint8),
            axis=1,
            count=self.n_features,
            bitorder="little",
        )
        full = np.zeros(bits.shape, self.values.dtype)
        spans = zip(self.starts[rows].tolist(), self.starts[rows + 1].tolist(), strict=True)
        full[bits != 0] = np.concatenate([self.values[a:b] for a, b in spans])
        return full


def _eights(features: NDArray[Any]) -> NDArray[np.uint64]:
    """Return the same memory as numbers of 64 bits; none if rows cannot be cut into eights."""
    if features.shape[1] % 8 == 0 and sys.byteorder == "little":
        eights = features.view(np.uint64)
        if eights.flags.aligned:
            return eights
    eights = np.empty((len(features), 0), np.uint64)
    eights.flags.writeable = False
    return eights
