"""Other data: a model evaluated on a source that it was not trained on."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from inknet.data import Dataset, load
from inknet.data.classes import renamed
from inknet.data.feature_names import in_order
from inknet.data.layout import image_facts
from inknet.data.sources import is_table
from inknet.errors import InputError, InputWarning, quoted
from inknet.groups.dividing import NoGroupsError
from inknet.mlp import MLP
from inknet.recipes import Recipe
from inknet.runs.folder import Run


def recipe_of(run: Path) -> Recipe | None:
    """Return the recipe of a run folder; None for a model file."""
    return Run.open(run).recipe if (run / "metrics.json").is_file() else None


def load_as_trained(
    source: str,
    model: MLP,
    recipe: Recipe | None,
    *,
    label: str | None = None,
    transpose: bool | None = None,
) -> Dataset:
    """Load a source as that of a training was loaded, as far as nothing else is given.

    Parameters
    ----------
    source
    model
        Decides how pictures are read.
    recipe
        That of its training, if it is known.
    label, transpose
        As for `inknet.data.load`.
    """
    reader = None if model.facts.fitting is None else model.picture_reader()
    data = None if recipe is None else recipe.data
    if data is not None:
        label = data.label if label is None and is_table(source) else label
        transpose = data.transpose if transpose is None else transpose
    groups = data.named_groups if data is not None and is_table(source) else None
    try:  # their column is no feature, in whatever table it is
        samples = load(source, reader, label=label, transpose=transpose, groups=groups)
    except NoGroupsError:
        samples = load(source, reader, label=label, transpose=transpose)
    known = set(model.facts.class_names)
    if data is not None and data.class_names and not known.issuperset(samples.class_names):
        samples = renamed(samples, data.class_names)
    return samples


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
    dataset = in_order(dataset, known.feature_names)
    if dataset.n_features != n_features:
        raise InputError(
            f"{dataset.name}: has {dataset.n_features} features a sample; "
            f"the model was trained on {n_features}"
        )
    if dataset.image_shape and known.image_shape and dataset.image_shape != known.image_shape:
        theirs, ours = (f"{h}×{w}" for h, w in (dataset.image_shape, known.image_shape))
        raise InputError(f"{dataset.name}: has images of {theirs}; the model was trained on {ours}")
    numbers = np.array(_numbers_of(dataset, known.class_names))
    dataset = model.scaled(dataset, deslant=False)  # ink has to be ink first
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


def _numbers_of(dataset: Dataset, known: tuple[str, ...]) -> list[int]:
    """Return which of a model's classes each class of a dataset is: by name, or by number.

    Files of a public set have numbers for labels, and a model of that set may know names for them.
    A number then is the position of a class, unless names of the model are other numbers.
    """
    number_of = {name: number for number, name in enumerate(known)}
    unknown = [name for name in dataset.class_names if name not in number_of]
    if not unknown:
        return [number_of[name] for name in dataset.class_names]
    are_positions = all(
        _is_number(name) and int(name) < len(known) for name in dataset.class_names
    ) and all(int(name) == number for name, number in number_of.items() if _is_number(name))
    if not are_positions:
        raise InputError(
            f"{dataset.name}: class {unknown[0]!r} is not among the model's classes "
            f"({quoted(', '.join(known))})"
        )
    numbers = [int(name) for name in dataset.class_names]
    warnings.warn(
        f"{dataset.name}: its labels are numbers without names; taken for the model's classes in "
        f"their order, {numbers[0]} for {quoted(known[numbers[0]])!r}",
        InputWarning,
        stacklevel=3,
    )
    return numbers


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) < 19
