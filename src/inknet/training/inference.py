"""What a network says about whole datasets, a large batch at a time."""

from typing import Any

import numpy as np

from inknet.data.dataset import Dataset
from inknet.nn.arrays import Floats
from inknet.nn.network import Network
from inknet.training.batches import BatchMaker

BATCH_SIZE = 1024
"""Large enough that the matrix products dominate, small enough to stay in the cache."""


def measure(network: Network, dataset: Dataset) -> tuple[float, float]:
    """Return the mean cross-entropy and the accuracy over a dataset, in inference mode.

    Plain cross-entropy, without label smoothing and L2: what is comparable between trainings.
    """
    maker = _batch_maker(network, dataset)
    scratch = np.empty((maker.batch_size, dataset.n_classes), network.dtype)
    loss, right = 0.0, 0
    for x, labels in maker.batches(np.arange(len(dataset))):
        logits = network.infer(x)
        right += int(np.count_nonzero(logits.argmax(axis=1) == labels))
        loss += len(x) * network.ops.softmax_cross_entropy(logits, labels, 0.0, scratch[: len(x)])
    return loss / len(dataset), right / len(dataset)


def predict_logits(network: Network, dataset: Dataset) -> Floats:
    """Return the logits of each class for every sample, ``(n, n_classes)``."""
    maker = _batch_maker(network, dataset)
    n_classes = network.architecture.layer_dims[-1]
    logits: np.ndarray[Any, Any] = np.empty((len(dataset), n_classes), network.dtype)
    start = 0
    for x, _ in maker.batches(np.arange(len(dataset))):
        logits[start : start + len(x)] = network.infer(x)
        start += len(x)
    return logits


def _batch_maker(network: Network, dataset: Dataset) -> BatchMaker:
    return BatchMaker(dataset, BATCH_SIZE, network.dtype, network.ops, training=False)
