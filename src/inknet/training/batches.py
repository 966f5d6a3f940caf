"""Batches: rows of the dataset, fetched, scaled and converted the moment they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.data.dataset import Dataset
from inknet.nn import ops
from inknet.nn.arrays import Floats, Labels


class BatchMaker:
    """Turns positions of a dataset into a batch, in buffers made once.

    Parameters
    ----------
    dataset
        Where the samples come from.
    batch_size
        The most samples in a batch.
    dtype
        The network's type.
    """

    def __init__(
        self, dataset: Dataset, batch_size: int, dtype: np.dtype[np.floating[Any]]
    ) -> None:
        self.dataset = dataset
        self.batch_size = min(batch_size, len(dataset))
        shape = (self.batch_size, dataset.n_features)
        self._stored = np.empty(shape, dataset.features.dtype)
        self._features = np.empty(shape, dtype)
        self._targets = dataset.targets

    def __len__(self) -> int:
        """Return the number of batches in the dataset; the last may be short."""
        return -(-len(self.dataset) // self.batch_size)

    def batches(self, order: NDArray[np.intp]) -> Iterator[tuple[Floats, Labels]]:
        """Go through the positions in ``order``; yield features ``(n, d)`` and labels ``(n,)``.

        The features are a buffer, good until the next batch.
        """
        for start in range(0, len(order), self.batch_size):
            positions = order[start : start + self.batch_size]
            rows = positions if self.dataset.rows is None else self.dataset.rows[positions]
            features = self._features[: len(positions)]
            ops.gather_scaled(self.dataset.features, rows, self._stored[: len(positions)], features)
            yield features, self._targets[positions]
