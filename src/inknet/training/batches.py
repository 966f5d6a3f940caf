"""Batches: rows of the dataset, fetched, scaled and converted just before they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from inknet.data.dataset import Dataset
from inknet.data.mapped import file_rows
from inknet.errors import InputError
from inknet.nn.arrays import Labels
from inknet.nn.ops import Batch, NumpyOps
from inknet.nn.ops.batch import ListedRows
from inknet.nn.ops.reading import reader_for
from inknet.training.augmentation import Augmentation, Draw
from inknet.training.prefetch import ROWS_AHEAD, prefetch

Part = tuple[NDArray[np.intp], Draw]
"""Positions of several batches, and how the images of the first of them are distorted."""

CONVERTED_BYTES = 256 * 2**20
"""The largest features, in the network's type, that are converted to it once for all epochs."""
SAMPLE = 256
"""Rows of the data that are examined to see whether they are mostly zeros."""


class BatchMaker:
    """Turns positions of a dataset into batches, in buffers that are allocated once.

    A separate thread prepares the next batches while the network learns from the current ones. The
    batches depend only on the positions, so the thread changes the timing, not the result.

    Parameters
    ----------
    dataset
        Where the samples come from.
    batch_size
        The most samples in a batch.
    dtype
        The network's type.
    ops
        The network's operations.
    training
        Whether gradients will be needed.
    augmentation
        What distorts the images; without it, they stay unchanged.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        dtype: np.dtype[np.floating],
        ops: NumpyOps,
        *,
        training: bool = True,
        augmentation: Augmentation | None = None,
    ) -> None:
        self.dataset = dataset
        self.batch_size = min(batch_size, len(dataset))
        self.training = training
        self._targets = dataset.targets
        self._ops, self._augmentation = ops, augmentation
        self._loaded: NDArray[np.intp] | None = None
        self._file = file_rows(dataset.features)
        sample = np.asarray(dataset.features[:SAMPLE])
        batches_ahead = max(1, ROWS_AHEAD // self.batch_size)
        # one group in use and one being loaded; if all batches fit into one, only that one
        n_groups = 1 if batches_ahead >= len(self) else 2
        batches_ahead = min(batches_ahead, len(self))
        self._rows_ahead = batches_ahead * self.batch_size
        self._features, self._rows = dataset.features, dataset.rows
        self._kept: ListedRows | None = None
        if training and augmentation is None and self._file is None:  # the same in each epoch
            self._keep(dtype)
        self._groups = [
            ops.new_group(batches_ahead, self.batch_size, dataset.n_features, dtype, sample)
            for _ in range(n_groups)
            if self._kept is None
        ]
        shape = (self._rows_ahead, dataset.n_features)
        if self._file is not None:
            self._read = np.empty(shape, dataset.features.dtype)
        if augmentation is not None:
            self._distorted = np.empty(shape, np.uint8)

    def _keep(self, dtype: np.dtype[np.floating]) -> None:
        """Prepare what does not change between epochs."""
        features = self._features
        self._kept = self._ops.keep_rows(features, self._rows, dtype)
        is_other = features.dtype.kind == "f" and features.dtype != dtype
        n_bytes = len(self.dataset) * self.dataset.n_features * dtype.itemsize
        if self._kept is None and is_other and n_bytes <= CONVERTED_BYTES:
            taken = features if self._rows is None else features[self._rows]
            self._features, self._rows = taken.astype(dtype), None

    def __len__(self) -> int:
        """Return the number of batches in the dataset; the last may be short."""
        return -(-len(self.dataset) // self.batch_size)

    def batches(
        self, order: NDArray[np.intp], *, key: int = 0, first: int = 0, strength: float = 1.0
    ) -> Iterator[tuple[Batch, Labels]]:
        """Go through the positions in ``order``; yield batches of n rows and labels ``(n,)``.

        The batches are buffers, each valid until the next one is asked for. ``key`` and
        ``strength`` decide how images are distorted, together with the number of their batch,
        counted from ``first``; see `Draw`.
        """
        n_rows = self._rows_ahead
        parts = [
            (order[i : i + n_rows], Draw(key, first + i // self.batch_size, strength))
            for i in range(0, len(order), n_rows)
        ]
        if len(parts) < 2:
            yield from self._load_alone(*parts[0]) if parts else ()
            return
        with closing(prefetch(self._load, parts)) as groups:
            for batches in groups:
                yield from batches

    def whole(self) -> tuple[Batch, Labels]:
        """Return the whole dataset in its own order as one batch; only if it has just one."""
        ((batch, labels),) = self._load_alone(np.arange(len(self.dataset)), Draw(0))
        return batch, labels

    def _load_alone(self, positions: NDArray[np.intp], draw: Draw) -> list[tuple[Batch, Labels]]:
        """Fill the only group with the whole dataset, unless it holds that already."""
        if self._augmentation is not None:
            return self._load(0, (positions, draw))
        if self._loaded is None or not np.array_equal(positions, self._loaded):
            self._loaded = None  # until the new ones are there
            self._whole = self._load(0, (positions, draw))
            self._loaded = positions
        return self._whole

    def _load(self, group: int, part: Part) -> list[tuple[Batch, Labels]]:
        """Fill one of the two groups."""
        positions, draw = part
        labels, size = self._targets[positions], self.batch_size
        if self._kept is not None:
            kept = self._kept.load(positions, size, group, training=self.training)
            return [(batch, labels[i * size : (i + 1) * size]) for i, batch in enumerate(kept)]
        rows = positions if self._rows is None else self._rows[positions]
        features = self._features
        if self._file is not None:
            features = self._read[: len(rows)]
            try:
                reader_for(self._ops)(self._file.descriptor, self._file.start, rows, features)
            except ValueError as error:
                raise InputError(f"{self.dataset.name}: {error}") from None
            rows = np.arange(len(rows))
        if self._augmentation is not None:
            for i, start in enumerate(range(0, len(rows), size)):
                rows_of_batch = slice(start, start + size)
                self._augmentation.distort(
                    features,
                    rows[rows_of_batch],
                    draw._replace(number=draw.number + i),
                    self._distorted[: len(rows)][rows_of_batch],
                    labels[rows_of_batch] if self.training else None,
                )
            features, rows = self._distorted, np.arange(len(rows))
        batches = self._groups[group].load(features, rows, training=self.training)
        return [(batch, labels[i * size : (i + 1) * size]) for i, batch in enumerate(batches)]
