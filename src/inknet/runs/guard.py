"""Train a guard: the network that tells characters from all else, see `inknet.photo.others`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from inknet.data import Dataset
from inknet.mlp import MLP
from inknet.model_file import ModelFacts
from inknet.nn.network import Network
from inknet.photo.fitting import SIDE
from inknet.photo.others import other_images
from inknet.photo.reading import are_like_mnist
from inknet.recipes import AugmentRecipe, NetworkRecipe, Recipe, TrainingRecipe
from inknet.seeds import Streams
from inknet.training.inference import predict_logits
from inknet.training.temperature import fitted_temperature

if TYPE_CHECKING:
    from inknet.training.callbacks import Callback
    from inknet.training.ending import Ending

NOTHING = "none of them"
"""The name of the class of other images."""
SEED_OFFSET = 1_000_003
"""The guard's stream of random numbers begins elsewhere than that of the model."""
MILDER = 0.75
"""Images are distorted by this share of what the recipe says."""


def why_no_guard(facts: ModelFacts, train: Dataset) -> str | None:
    """Return why a model can have no guard, or None if it can."""
    if not are_like_mnist(facts.fitting):
        return f"{train.name} has no images of characters like MNIST's, {SIDE}×{SIDE}"
    if train.features.dtype != np.uint8 or not facts.pixels:
        return f"{train.name} has images of other numbers than pixels of 0 to 255"
    return None


def train_guard(
    recipe: Recipe,
    model: MLP,
    train: Dataset,
    validation: Dataset,
    callbacks: Sequence[Callback] | None = None,
) -> tuple[Network, Ending]:
    """Train a guard for a model, on some of its training images and as many others.

    Returns it, and how its training ended.

    Parameters
    ----------
    recipe
        That of the model: its guard, and how images are distorted.
    model
        As it was trained.
    train, validation
        What it was trained on, and what it was not: the guard's temperature is fitted to these.
    """
    seed = recipe.seed + SEED_OFFSET
    draw = np.random.default_rng(seed)
    chosen = draw.permutation(len(train))[: recipe.guard.samples]
    samples = _with_others(train.subset(np.sort(chosen)), model.facts, draw)
    network = NetworkRecipe(
        hidden=recipe.guard.hidden, activations="relu", batch_norm="before"
    ).architecture(SIDE * SIDE, samples.n_classes)
    streams = Streams.from_seed(seed)
    guard = MLP.from_parts(
        Network(network, streams.initialization, model.network.dtype),
        ModelFacts(samples.class_names),
        streams,
    )
    settings = TrainingRecipe(
        epochs=recipe.guard.epochs,
        batch_size=256,
        optimizer="adamw",
        weight_decay=0.02,
        learning_rate=0.003,
        schedule="one_cycle",
        measured_samples=1000,
    )
    history = guard.train_on(samples, None, settings, callbacks, augment=_milder(recipe.augment))
    calibrate(guard.network, _with_others(validation, model.facts, draw))
    return guard.network, history.ending


def calibrate(guard: Network, samples: Dataset) -> None:
    """Divide what comes out of a guard by the temperature that suits samples best."""
    labels = np.asarray(samples.targets, np.intp)
    temperature = fitted_temperature(
        predict_logits(guard, replace(samples, is_scaled=True)), labels
    )
    last = guard.dense_layers[-1]
    for array in (last.weight, last.bias):
        array /= array.dtype.type(temperature)


def _with_others(data: Dataset, facts: ModelFacts, draw: np.random.Generator) -> Dataset:
    """Return characters and as many images of something else, which are one class more."""
    characters = np.ascontiguousarray(data.stored(), np.uint8).reshape(-1, SIDE, SIDE)
    light, names = bool(facts.light_background), facts.class_names
    ink = 255 - characters if light else characters
    others = other_images(ink, names, len(ink), draw)
    images = np.concatenate([characters, 255 - others if light else others])
    return Dataset(
        features=images.reshape(-1, SIDE * SIDE),
        labels=np.concatenate([data.targets, np.full(len(others), len(names))]),
        class_names=(*names, _unlike(NOTHING, names)),
        image_shape=(SIDE, SIDE),
        name=f"{data.name} and what is none of it",
    )


def _milder(augment: AugmentRecipe) -> AugmentRecipe:
    """Return weaker distortions: a letter that is distorted as far as a digit may become one."""
    keys = ("rotation", "shear", "scale", "shift", "elastic_alpha")
    return augment.model_copy(update={key: MILDER * getattr(augment, key) for key in keys})


def _unlike(name: str, others: Sequence[str]) -> str:
    """Return a name that is not among others."""
    while name in others:
        name += "_"
    return name
