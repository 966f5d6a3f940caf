"""Prepare: the data and the network that a training starts from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from inknet.data import Dataset, Splits, load, split
from inknet.data.digest import source_digest
from inknet.data.sources import source_names
from inknet.errors import InputError
from inknet.files import as_path
from inknet.mlp import MLP
from inknet.model_file import ModelFacts, check_class_names
from inknet.nn.network import Network
from inknet.recipes import DataRecipe, Recipe, check_readable
from inknet.runs.unfinished import Unfinished, origin_of
from inknet.seeds import Streams
from inknet.training.checkpoint import Checkpoint, Checkpointer

if TYPE_CHECKING:
    from inknet.training.callbacks import Callback
    from inknet.training.history import History


@dataclass(frozen=True)
class Prepared:
    """What a training starts from: the network, and the parts of the data.

    Attributes
    ----------
    recipe : Recipe
    model : MLP
    parts : Splits
    source : Dataset or None
        What the parts are of, if samples were added to them.
    changes : tuple of str
        What the doctor changed in the recipe.
    """

    recipe: Recipe
    model: MLP
    parts: Splits
    source: Dataset | None = None
    changes: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """The digest of all samples of the source, see `inknet.data.digest`."""
        return source_digest(self.parts.train if self.source is None else self.source)

    def origin(self) -> dict[str, str]:
        """Return the digests by which a checkpoint identifies its recipe and data."""
        return origin_of(self.recipe, self.parts.train, self.parts.validation, self.digest)

    def checkpointer(
        self, unfinished: Unfinished, seconds: float, warn: Callable[[str], object]
    ) -> Checkpointer:
        """Return what writes the checkpoints of this training."""
        return Checkpointer(unfinished.folder, self.origin(), seconds, warn)

    def ops_name(self, began_on: str = "") -> str:
        """Return which operations it runs on, if it began on these."""
        from inknet.training.loop import ops_for_training

        settings, n = self.recipe.training, len(self.parts.train)
        return ops_for_training(settings, self.model.network, n, began_on).name

    def train(
        self, callbacks: Sequence[Callback] | None = None, checkpoint: Checkpoint | None = None
    ) -> History:
        """Train as the recipe says, from the beginning or from a checkpoint; see `MLP.train_on`."""
        parts, recipe = self.parts, self.recipe
        return self.model.train_on(
            parts.train, parts.validation, recipe.training, callbacks, checkpoint, recipe.augment
        )


def prepare(recipe: Recipe) -> Prepared:
    """Load the data, split them, and build the network; `InputError` if one is not valid."""
    check_readable(recipe)
    streams = Streams.from_seed(recipe.seed)
    parts = load_splits(recipe, streams)
    return Prepared(recipe, _build(recipe, parts.train, streams), parts)


def with_absolute_source(recipe: Recipe) -> Recipe:
    """Return a recipe that finds its data from any folder.

    In a folder whose name is not UTF-8, which a recipe cannot hold, the path stays relative.
    """
    source = recipe.data.source
    if source in source_names() or not source:
        return recipe
    path = str(as_path(source).absolute())
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return recipe
    data = recipe.data.model_copy(update={"source": path})
    return recipe.model_copy(update={"data": data})


def load_source(data: DataRecipe) -> Dataset:
    """Load the source of a recipe, read as the recipe says."""
    return load(
        data.source,
        label=data.label,
        transpose=data.transpose,
        class_names=data.class_names,
        groups=data.named_groups,
    )


def load_splits(recipe: Recipe, streams: Streams) -> Splits:
    """Load the source of a recipe and split it; `InputError` if it is not valid."""
    data = recipe.data
    dataset = load_source(data)
    parts = split(
        dataset,
        streams.split,
        validation=data.validation,
        test=data.test,
        official_test=data.official_test,
        stratified=data.stratified,
        limit=data.limit,
        holdout="groups" if data.holdout == "writers" else data.holdout,
        fold=data.fold,
    )
    if data.sorted_by_class:
        by_class = np.argsort(parts.train.targets, kind="stable")
        parts = parts._replace(train=parts.train.subset(by_class))
    return parts


def _build(recipe: Recipe, data: Dataset, streams: Streams) -> MLP:
    try:
        architecture = recipe.network.architecture(data.n_features, data.n_classes)
        network = Network(architecture, streams.initialization, recipe.network.dtype)
    except ValueError as error:
        raise InputError(f"{data.name}: {error}") from None
    check_class_names(data.class_names, data.name)
    return MLP.from_parts(network, ModelFacts(data.class_names), streams)
