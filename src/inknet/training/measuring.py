"""Measuring: loss and accuracy of a network that trains, on the same samples after each epoch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inknet.data.dataset import Dataset
from inknet.nn.arrays import Labels
from inknet.nn.network import Network
from inknet.nn.ops import Batch
from inknet.nn.ops.parallel import at_most
from inknet.training.batches import BatchMaker
from inknet.training.inference import BATCH_SIZE

LEAST_MEASURED = 1_000
"""The fewest training samples that are measured after an epoch, if there are as many."""
MOST_MEASURED = 10_000
"""The most of them without validation data."""
KEPT_BYTES = 64 * 2**20
"""The largest samples, as numbers of the network's type, that stay loaded between two epochs."""


def measured_part(train: Dataset, validation: Dataset | None, wanted: int | str | None) -> Dataset:
    """Return the training samples that are measured after each epoch.

    They are drawn at random, by a generator of their own: the same part in each epoch, in a
    training that resumes, and in trainings with other seeds.

    Parameters
    ----------
    train, validation
        The samples to learn from, and those to validate on, if any.
    wanted
        How many, ``"all"``; or None for as many as there are to validate on, or a tenth of the
        training samples if there are none, up to `MOST_MEASURED`. It is at least `LEAST_MEASURED`.
    """
    n = len(train)
    if wanted == "all":
        return train
    if wanted is None:
        wanted = len(validation) if validation else min(n // 10, MOST_MEASURED)
        wanted = max(wanted, LEAST_MEASURED)
    if int(wanted) >= n:
        return train
    return train.subset(np.sort(np.random.default_rng(0).choice(n, int(wanted), replace=False)))


class Measuring:
    """Measures a network on one dataset, as often as it is called.

    Samples that take little memory are prepared for the first layer once, and stay so.

    Parameters
    ----------
    network
        What is measured, with the operations it has now.
    dataset
        The samples, on the scale of the network.
    loaded
        The whole dataset as one batch, if it is loaded already: full-batch training would spend
        more time on fetching its samples again than on the step itself.
    """

    def __init__(
        self, network: Network, dataset: Dataset, loaded: tuple[Batch, Labels] | None = None
    ) -> None:
        self._network, self._dataset = network, dataset
        self._kept = [] if loaded is None else [loaded]
        self._maker: BatchMaker | None = None

    @np.errstate(under="ignore")
    def __call__(self) -> tuple[float, float]:
        """Return the mean cross-entropy and the accuracy, in inference mode.

        Plain cross-entropy, without label smoothing and L2, so that trainings can be compared.
        """
        network, n = self._network, len(self._dataset)
        if not self._kept and n * self._dataset.n_features * network.dtype.itemsize <= KEPT_BYTES:
            self._kept = self._loaded()
        if not self._kept:
            return self._in_turn()
        losses, hits = np.empty(len(self._kept)), np.empty(len(self._kept), np.intp)

        def part(first: int, last: int) -> None:
            with at_most(1):  # the threads have a part each already
                for i in range(first, last):
                    losses[i], hits[i] = measured(network, *self._kept[i])

        if len(self._kept) == 1:
            losses[0], hits[0] = measured(network, *self._kept[0])
        else:  # of the first layer, most multiplications are by 0 if it is large
            network.ops.in_parts(part, len(self._kept), n * network.n_weights // 4)
        return sum(losses.tolist()) / n, sum(hits.tolist()) / n

    def _loaded(self) -> list[tuple[Batch, Labels]]:
        """Load all samples, each batch with memory of its own."""
        network, targets, kept = self._network, self._dataset.targets, []
        for start in range(0, len(self._dataset), BATCH_SIZE):
            positions = np.arange(start, min(start + BATCH_SIZE, len(self._dataset)))
            batch = network.ops.new_batch(network.dtype)
            batch.load(self._dataset.subset(positions).stored(), training=False)
            kept.append((batch, targets[positions]))
        return kept

    def _in_turn(self) -> tuple[float, float]:
        """Measure samples that are too many to keep, one batch after the other."""
        network, n = self._network, len(self._dataset)
        if self._maker is None:
            self._maker = BatchMaker(
                self._dataset, BATCH_SIZE, network.dtype, network.ops, training=False
            )
        order: NDArray[np.intp] = np.arange(n)
        results = [measured(network, x, labels) for x, labels in self._maker.batches(order)]
        loss, hits = (sum(column) for column in zip(*results, strict=True))
        return loss / n, hits / n


def measure(network: Network, dataset: Dataset) -> tuple[float, float]:
    """Return the mean cross-entropy and the accuracy over a dataset, in inference mode."""
    return Measuring(network, dataset)()


def measured(network: Network, x: Batch, labels: Labels) -> tuple[float, int]:
    """Return the sum of the cross-entropies over a batch, and how many answers are right."""
    logits = network.infer(x)
    hits = int(np.count_nonzero(logits.argmax(axis=1) == labels))
    scratch = network.ops.xp.empty_like(logits)
    return len(x) * network.ops.softmax_cross_entropy(logits, labels, 0.0, scratch), hits
