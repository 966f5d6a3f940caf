"""What `MLP` and its `train` are given, checked: network, settings, callbacks and data."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from inknet.data.feature_names import in_order, kept_names
from inknet.data.inputs import on_scale, scale_of
from inknet.data.layout import image_facts, warn_of_other_background
from inknet.data.upright import upright
from inknet.errors import InputError, InputWarning
from inknet.model_file import ModelFacts, check_class_names
from inknet.nn.architecture import Architecture
from inknet.nn.network import Network
from inknet.seeds import Streams

if TYPE_CHECKING:
    from inknet.data.dataset import Dataset
    from inknet.recipes import AugmentRecipe, TrainingRecipe
    from inknet.training.callbacks import Callback


def new_network(
    layer_dims: Sequence[int],
    activations: Sequence[str] | None,
    keep_probs: Sequence[float] | None,
    l2_lambda: float,
    random_seed: int,
    batch_norm: str,
    initializer: str,
    bias_start: float,
    dtype: str,
    class_names: Sequence[str] | None,
) -> tuple[Network, tuple[str, ...], Streams]:
    """Return a new network, the names of its classes and its random streams.

    Raises
    ------
    InputError
        In one line that names the argument of `MLP`, its value and what is allowed.
    """
    try:
        n_layers = len(layer_dims) - 1
    except TypeError:
        raise InputError(f"layer_dims is {layer_dims!r}; expected a list") from None
    if activations is None:
        activations = ["leaky_relu"] * (n_layers - 1) + ["softmax"]
    if keep_probs is None:
        keep_probs = [1.0] * n_layers
    if not isinstance(random_seed, (int, np.integer)) or random_seed < 0:
        raise InputError(f"random_seed is {random_seed!r}; expected a whole number from 0")
    if not isinstance(l2_lambda, (int, float, np.number)) or not 0 <= l2_lambda < np.inf:
        raise InputError(f"l2_lambda is {l2_lambda!r}; expected a finite number from 0")
    streams = Streams.from_seed(int(random_seed))
    try:
        architecture = Architecture(
            layer_dims, activations, keep_probs, batch_norm, initializer, bias_start
        )
        architecture.require_softmax()
        network = Network(architecture, streams.initialization, dtype)
    except ValueError as error:
        raise InputError(str(error)) from None
    n_classes = architecture.layer_dims[-1]
    names = tuple(map(str, range(n_classes) if class_names is None else class_names))
    if len(set(names)) != len(names) or len(names) != n_classes:
        raise InputError(f"class_names is {list(names)}; expected {n_classes} different names")
    check_class_names(names, "class_names")
    return network, names, streams


Schedule: TypeAlias = Callable[[float], float]


def checked_settings(
    options: Mapping[str, Any], **arguments: Any
) -> tuple[TrainingRecipe, Schedule | None]:
    """Return the settings of a training from the arguments of `MLP.train` and its options.

    The schedule is returned besides if it is a function, which no recipe can hold.

    Raises
    ------
    InputError
        If one is not valid, or an option is one of the arguments by another name.
    """
    from inknet.recipes import training_recipe

    for name, place in (("epochs", "num_epochs"), ("l2_lambda", "MLP(..., l2_lambda=...)")):
        if name in options:
            raise InputError(f"train: {name} is not an option here; use {place}")
    schedule = options.get("schedule")
    if not callable(schedule):
        return training_recipe(**arguments, **options), None
    others = {**options, "schedule": "constant"}
    return training_recipe(**arguments, **others), _checked_schedule(schedule)


def _checked_schedule(schedule: Schedule) -> Schedule:
    """Return a schedule whose factors are checked when they are used: they are 0 or more."""

    def checked(progress: float) -> float:
        factor = schedule(progress)
        if not isinstance(factor, (int, float, np.number)) or not 0 <= factor < np.inf:
            raise InputError(
                f"train: schedule({progress:g}) is {factor!r}; expected a number of 0 or more"
            )
        return float(factor)

    return checked


def with_lines(
    callbacks: Sequence[Callback] | None, print_interval: int | None
) -> Sequence[Callback] | None:
    """Return the callbacks, before them one that prints a line every ``print_interval`` epochs.

    With 0 or None, nothing is printed; with None, a notebook shows a bar.
    """
    from inknet.training.callbacks import EpochLines, checked_callbacks
    from inknet.training.notebook import NotebookBar, in_notebook

    if print_interval is None:
        return [NotebookBar(), *checked_callbacks(callbacks)] if in_notebook() else callbacks
    if not isinstance(print_interval, (int, np.integer)) or print_interval < 0:
        raise InputError(f"print_interval is {print_interval!r}; expected a whole number from 0")
    if print_interval == 0:
        return callbacks
    return [EpochLines(print_interval), *checked_callbacks(callbacks)]


def refuse_distortions(augment: AugmentRecipe | None) -> None:
    """Raise `InputError` if features shall be distorted that are standardized."""
    if augment is not None and augment.is_on:
        raise InputError(
            "standardize and distortions exclude each other: distortions are of grey levels"
        )


def on_one_scale(
    train: Dataset,
    validation: Dataset | None,
    facts: ModelFacts,
    dtype: np.dtype[Any],
    deslant: bool = False,
) -> tuple[Dataset, Dataset | None, ModelFacts]:
    """Return the data as the network takes them, and what the model will know of them.

    That is the scale that it has learned from, else the one that the training data decide. Columns
    that have names are brought into the order that it knows, or that of the training data. A
    temperature that was fitted to other weights is forgotten, and so is a guard that knows other
    images. A model that learned from deslanted images goes on to do so.

    Raises
    ------
    InputError
        If the data are not as the model needs them, or what shall be deslanted are no images.
    """
    train = in_order(train, facts.feature_names)
    names = facts.feature_names or kept_names(train.feature_names)
    validation = validation and in_order(validation, names or train.feature_names)
    known = facts.scale
    scale = known or scale_of(train, dtype)
    train = on_scale(train, scale, dtype)
    validation = validation and on_scale(validation, scale, dtype)
    learned = known.joined(train.features) if known else scale
    images = {name: fact for name, fact in image_facts(train).items() if fact is not None}
    before = facts
    facts = replace(facts, scale=learned, temperature=1.0, feature_names=names, **images)
    kept = ("image_shape", "light_background", "crop", "pixels")
    if facts.guard and any(getattr(before, name) != getattr(facts, name) for name in kept):
        warnings.warn(
            f"{train.name}: has other images than those that the guard of this model knows, so the "
            "model has none now",
            InputWarning,
            stacklevel=4,
        )
        facts = replace(facts, guard=None)
    if validation:
        warn_of_other_background(validation, facts.image_shape, facts.light_background)
    facts = replace(facts, deslant=deslant or facts.deslant)
    if facts.deslant and facts.fitting is None:
        why = "deslant is for" if deslant else "the model deslants its"
        raise InputError(
            f"{train.name}: {why} images of pixels, and these are features of another kind; images "
            "may be given as (n, height, width)"
        )
    how = facts.upright
    return upright(train, how), validation and upright(validation, how), facts
