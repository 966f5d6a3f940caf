"""Inference on whole datasets, a large batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inknet.data.dataset import Dataset
from inknet.data.mapped import file_rows
from inknet.errors import InputError
from inknet.nn.arrays import Floats
from inknet.nn.network import Network
from inknet.nn.ops import Batch
from inknet.training.augmentation import Augmentation
from inknet.training.batches import BatchMaker
from inknet.training.temperature import to_probabilities

if TYPE_CHECKING:
    from inknet.recipes import AugmentRecipe

# Numbers that underflow are 0, which is no error: the functions below say so to NumPy, in case that
# it is set to raise.

SUREST = 1 - 1e-9
"""A guard is never surer than this."""
BATCH_SIZE = 1024
"""Large enough that the matrix products dominate, small enough to stay in the cache."""


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def predict_logits(network: Network, dataset: Dataset) -> Floats:
    """Return the logits of each class for every sample, ``(n, n_classes)``.

    Raises
    ------
    InputError
        If the largest logit of a sample is infinite or not a number: features or weights are too
        large for the network's type.
    """
    n_classes = network.architecture.layer_dims[-1]
    logits: np.ndarray[Any, Any] = np.empty((len(dataset), n_classes), network.dtype)
    start = 0
    for x in _batches(network, dataset):
        logits[start : start + len(x)] = network.infer(x)
        start += len(x)
    has_answer = np.isfinite(logits.max(axis=1))  # a class with -inf is only impossible
    if not has_answer.all():
        raise InputError(
            f"{dataset.name}: the outputs of the network for row {has_answer.argmin()} are not "
            f"finite; its features or the weights are too large for {network.dtype}"
        )
    return logits


@np.errstate(under="ignore")
def guarded(
    guard: Network | None, dataset: Dataset, classes: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how familiar images are, ``(n,)``, and how surely they are of some classes, ``(n,)``.

    Both are probabilities that the guard gives: that an image is a character at all, and that it is
    of the class that the network says. They are 1 without a guard, and only then.
    """
    if guard is None:
        return np.ones(len(classes)), np.ones(len(classes))
    probabilities = _probabilities(predict_logits(guard, dataset), 1.0)
    chosen = probabilities[np.arange(len(classes)), classes]
    return np.minimum(1 - probabilities[:, -1], SUREST), np.minimum(chosen, SUREST)


@np.errstate(under="ignore")
def predict_over_copies(
    network: Network,
    dataset: Dataset,
    augment: AugmentRecipe,
    n_copies: int,
    seed: int,
    temperature: float = 1.0,
) -> NDArray[np.float64]:
    """Return mean probabilities ``(n, n_classes)`` over each image and distorted copies of it.

    Simard 2003 and Cireşan 2010 did not do this, so the results cannot be compared with theirs.

    Parameters
    ----------
    network
        The network to predict with.
    dataset
        Images, on the scale that it learned from.
    augment
        How copies are distorted.
    n_copies
        How many copies of each image, besides itself.
    seed
        Decides how they are distorted.
    temperature
        What the logits are divided by.

    Raises
    ------
    InputError
        If the settings distort nothing, or the samples are not images.
    """
    if not augment.is_on:
        raise InputError(
            "the recipe of this run distorts nothing, so there are no copies to evaluate"
        )
    copier = Augmentation(augment, dataset, network.ops)
    maker = BatchMaker(
        dataset, BATCH_SIZE, network.dtype, network.ops, training=False, augmentation=copier
    )
    logits = predict_logits(network, dataset)
    total = _probabilities(logits, temperature)
    keys = np.random.default_rng(seed).integers(2**63, size=n_copies)
    for key in keys:
        batches = maker.batches(np.arange(len(dataset)), key=int(key))
        logits = np.concatenate([network.infer(x) for x, _ in batches])
        total += _probabilities(logits, temperature)
    total /= 1 + n_copies
    return total


def _probabilities(logits: Floats, temperature: float) -> NDArray[np.float64]:
    probabilities = logits.astype(np.float64)
    to_probabilities(probabilities, temperature)
    return probabilities


def _batches(network: Network, dataset: Dataset) -> Iterator[Batch]:
    """Go through all samples; each batch is valid until the next one is asked for."""
    features = dataset.features
    if dataset.rows is None and file_rows(features) is None:  # they lie there in order
        batch = network.ops.new_batch(network.dtype)
        for start in range(0, len(features), BATCH_SIZE):
            batch.load(np.asarray(features[start : start + BATCH_SIZE]), training=False)
            yield batch
        return
    maker = BatchMaker(dataset, BATCH_SIZE, network.dtype, network.ops, training=False)
    for batch, _ in maker.batches(np.arange(len(dataset))):
        yield batch
