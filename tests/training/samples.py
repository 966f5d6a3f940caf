"""Small datasets, and a training run on them, for the tests of training/."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from inknet.data import Dataset
from inknet.nn import Architecture, Network
from inknet.nn.ops import Batch
from inknet.recipes import TrainingRecipe, augment_recipe
from inknet.seeds import Streams
from inknet.training.callbacks import Callback
from inknet.training.loop import Trainer

CENTERS = np.array([[2.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]])


def clouds(n: int, spread: float = 0.3, seed: int = 0) -> Dataset:
    """Return three clouds of points in four dimensions, the classes in turn."""
    labels = np.arange(n) % 3
    features = CENTERS[labels] + np.random.default_rng(seed).normal(0, spread, (n, 4))
    return Dataset(features, labels, ("a", "b", "c"), None, "clouds")


def pictures(n: int, seed: int = 0, ground: int = 0) -> Dataset:
    """Return small pictures of three classes, strokes in places of their own, and noise."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    images = generator.integers(0, 30, (n, 6, 7)) * (generator.random((n, 6, 7)) < 0.2)
    for label, stroke in enumerate((np.s_[:, 1:3, 1:6], np.s_[:, 1:5, 4:6], np.s_[:, 4:5, 1:3])):
        images[np.flatnonzero(labels == label)[:, None, None], *np.ogrid[stroke[1:]]] += 200
    images = np.abs(ground - images).astype(np.uint8)
    return Dataset(images.reshape(n, 42), labels, ("a", "b", "c"), (6, 7), "pictures")


def make_trainer(
    train: Dataset,
    validation: Dataset | None = None,
    callbacks: Sequence[Callback] = (),
    *,
    hidden: Sequence[int] = (6, 5),
    activation: str = "tanh",
    keep_prob: float = 1.0,
    batch_norm: str = "none",
    dtype: str = "float64",
    seed: int = 0,
    augment: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Trainer:
    """Return a trainer for a small network on the datasets."""
    streams = Streams.from_seed(seed)
    architecture = Architecture(
        [train.n_features, *hidden, train.n_classes],
        [activation] * len(hidden) + ["softmax"],
        [keep_prob] * len(hidden) + [1.0],
        batch_norm,
    )
    network = Network(architecture, streams.initialization, dtype)
    defaults = {"epochs": 3, "batch_size": 8, "learning_rate": 0.05, "schedule": "constant"}
    recipe = TrainingRecipe(**(defaults | settings))
    distortions = None if augment is None else augment_recipe(augment)
    return Trainer(network, train, validation, recipe, streams, callbacks, distortions)


def rows_of(batch: Batch, n_features: int) -> np.ndarray:
    """Return the rows that a batch holds, whatever it keeps them in: its product with 1."""
    rows = np.empty((len(batch), n_features), batch.dtype)
    batch.times(np.eye(n_features, dtype=batch.dtype), np.zeros(n_features, batch.dtype), rows)
    return rows


def logits_in_use(network: Network, x: np.ndarray) -> np.ndarray:
    """Return the logits in inference mode, from the network's tensors alone."""
    architecture, tensors = network.architecture, network.tensors()
    values = {
        "relu": lambda z: np.where(z > 0, z, 0),
        "leaky_relu": lambda z: np.where(z > 0, z, z / 100),
        "sigmoid": expit,
        "tanh": np.tanh,
    }
    place = 0

    def normalized(x: np.ndarray) -> np.ndarray:
        nonlocal place
        name = f"layers.{place}"
        place += 1
        centered = x - tensors[f"{name}.running_mean"]
        return (
            centered / np.sqrt(tensors[f"{name}.running_var"] + 1e-5) * tensors[f"{name}.weight"]
            + tensors[f"{name}.bias"]
        )

    for activation, keep_prob in zip(
        architecture.activations, architecture.keep_probs, strict=True
    ):
        x = x @ tensors[f"layers.{place}.weight"].T + tensors[f"layers.{place}.bias"]
        place += 1
        if activation == "softmax":
            break
        if architecture.batch_norm == "before":
            x = normalized(x)
        x = values[activation](x)
        place += 1
        if architecture.batch_norm == "after":
            x = normalized(x)
        place += keep_prob < 1  # dropout, which does nothing in use
    return x
