"""Other data: a model evaluated on a source that it was not trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inknet.data import Dataset
from inknet.data.layout import image_facts
from inknet.errors import InputError, quoted
from inknet.mlp import MLP


def evaluation_part(dataset: Dataset) -> Dataset:
    """Return what to evaluate on: the official test set of a source if it has one, or all of it."""
    if not dataset.n_official_test:
        return dataset
    return dataset.subset(np.arange(len(dataset) - dataset.n_official_test, len(dataset)))


def matched(dataset: Dataset, model: MLP) -> Dataset:
    """Return a dataset in the form of a model's own: same class numbers, same ink and background.

    Raises
    ------
    InputError
        If the features are of another size, or a class is not among the model's.
    """
    known, n_features = model.facts, model.network.architecture.layer_dims[0]
    if dataset.n_features != n_features:
        raise InputError(
            f"{dataset.name}: has {dataset.n_features} features a sample; "
            f"the model was trained on {n_features}"
        )
    if dataset.image_shape and known.image_shape and dataset.image_shape != known.image_shape:
        theirs, ours = (f"{h}×{w}" for h, w in (dataset.image_shape, known.image_shape))
        raise InputError(f"{dataset.name}: has images of {theirs}; the model was trained on {ours}")
    number_of = {name: number for number, name in enumerate(known.class_names)}
    unknown = [name for name in dataset.class_names if name not in number_of]
    if unknown:
        raise InputError(
            f"{dataset.name}: class {unknown[0]!r} is not among the model's classes "
            f"({quoted(', '.join(known.class_names))})"
        )
    dataset = model.scaled(dataset)
    numbers = np.array([number_of[name] for name in dataset.class_names])
    features = dataset.features
    # only pictures have a background: None for tables, and where neither light nor dark is clear
    if {image_facts(dataset)["light_background"], known.light_background} == {False, True}:
        features = (255 if features.dtype == np.uint8 else 1) - features
    return replace(
        dataset,
        features=features,
        labels=numbers[dataset.labels],
        class_names=known.class_names,
    )
