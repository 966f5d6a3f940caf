"""What is explained: a model, and one sample of its test data, of another source, or a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.data import Dataset
from inknet.data.mnist import has_mnist
from inknet.errors import InputError, quoted
from inknet.explain.checking import inputs_of
from inknet.explain.tracing import MOST_PARAMETERS, Values
from inknet.mlp import MLP
from inknet.photo.reading import are_like_mnist
from inknet.recipes import Recipe, TrainingRecipe, load_recipe
from inknet.runs import Run
from inknet.runs.folder import newest_run
from inknet.runs.other_data import evaluation_part, load_as_trained, matched
from inknet.runs.prepare import load_splits
from inknet.seeds import Streams

PRETRAINED = "pretrained"
"""The name of the model in the package."""


@dataclass(frozen=True)
class Subject:
    """A model and one sample.

    Attributes
    ----------
    model : MLP
    name : str
        Of the run.
    recipe : Recipe
        How the model was trained; that of the package's on the data that are here.
    sample : str
        What the sample is, in words.
    x : (1, n_features) float64
        On the scale of the network.
    label : int
    is_known : bool
        Whether the label is known, or else what the model answers.
    """

    model: MLP
    name: str
    recipe: Recipe
    sample: str
    x: Values
    label: int
    is_known: bool

    @property
    def settings(self) -> TrainingRecipe:
        """How the model was trained."""
        return self.recipe.training

    def with_others(self, n: int) -> tuple[Values, NDArray[np.intp]]:
        """Return the sample, and so many training samples of the run: inputs and labels."""
        train = load_splits(self.recipe, Streams.from_seed(self.recipe.seed)).train
        part = self.model.scaled(train.subset(np.arange(min(n, len(train)))))
        return (
            np.concatenate([self.x, inputs_of(part)]),
            np.concatenate([[self.label], part.targets]).astype(np.intp),
        )


def subject_of(
    run: Path | None,
    folder: Path,
    *,
    image: Path | None = None,
    data: str | None = None,
    row: int = 0,
    true: str | None = None,
) -> Subject:
    """Return what is to be explained.

    Parameters
    ----------
    run
        A run folder, or ``pretrained``; without it, the newest run in ``folder``, and if there is
        none, the model in the package.
    folder
        Where run folders are.
    image
        A picture of one character.
    data
        Another source than the test data of the run.
    row
        Which sample, from 0.
    true
        The name of the right class.

    Raises
    ------
    InputError
        If there is no such run or sample.
    """
    model, name, recipe, test = _model_of(run, folder)
    if model.network.n_parameters > MOST_PARAMETERS:
        raise InputError(
            f"{name}: has {model.network.n_parameters:,} weights; networks of at most "
            f"{MOST_PARAMETERS:,} can be explained"
        )
    names = model.facts.class_names
    if true is not None and true not in names:
        raise InputError(f"--true {true}: no class of the model ({quoted(', '.join(names))})")
    given = None if true is None else names.index(true)
    if image is not None:
        if data is not None or row:
            raise InputError("--image is a sample; --data and --row cannot be combined with it")
        x, label = _of_picture(model, image)
        label = label if given is None else given
        return Subject(model, name, recipe, str(image), x, label, given is not None)
    if data is not None:
        samples = matched(evaluation_part(load_as_trained(data, model, recipe)), model)
        what = samples.name
    else:
        samples = test()
        what = f"the test data of {samples.name}"
    samples = model.scaled(samples)
    if row >= len(samples):
        raise InputError(f"--row {row}: {what} has {len(samples):,} rows, counted from 0")
    one = samples.subset(np.array([row]))
    label = int(one.targets[0]) if given is None else given
    return Subject(model, name, recipe, f"row {row} of {what}", inputs_of(one), label, True)


def _model_of(run: Path | None, folder: Path) -> tuple[MLP, str, Recipe, Callable[[], Dataset]]:
    """Return a model, its name, its recipe, and what loads its test data."""
    found = newest_run(folder) if run is None else None
    if found is None and run is not None and (str(run) != PRETRAINED or run.exists()):
        found = Run.open(run)
    if found is not None:
        return found.model(), str(found.folder), found.recipe, found.test_data
    source = "mnist" if has_mnist() else "sample"
    data: Any = load_recipe("digits", source=source).data
    recipe = load_recipe("handwriting").model_copy(update={"data": data})

    def test_data() -> Dataset:
        return load_splits(recipe, Streams.from_seed(recipe.seed)).test

    return MLP.pretrained(), "the model in the package", recipe, test_data


def _of_picture(model: MLP, path: Path) -> tuple[Values, int]:
    """Return a picture as the network gets it, and the class that the model answers."""
    reading = model.read(path)
    if len(reading.characters) != 1:
        n = len(reading.characters)
        found = "is blank" if n == 0 else f"has {n} characters"
        raise InputError(f"{path}: {found}; expected a picture of one")
    (one,) = reading.characters
    image, fitting = one.image, model.facts.fitting
    if are_like_mnist(fitting) and fitting is not None and fitting["light_background"]:
        image = 255 - image
    row = image.reshape(1, -1)
    if model.facts.upright is not None:
        row = model.facts.upright.apply(row)
    return row / np.float64(255), int(one.probabilities.argmax())
