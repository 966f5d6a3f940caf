"""Run: the folder in which one training leaves all it made.

===================== ============================================================================
recipe.toml           all that decided the run; ``inknet train --recipe`` takes it again
model.safetensors     the trained network
history.csv           what each epoch measured
metrics.json          the figures on the test data, sizes, times and versions
loss.png              loss and accuracy over the epochs
confusion_matrix.png  which class was taken for which, on the test data
weights.png           every neuron of the first layer as an image
mistakes.png          the test images the network was most sure about and wrong
report.html           all of it on one page
===================== ============================================================================
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

import inknet
from inknet.data import Dataset, Splits, load, split
from inknet.errors import InputError
from inknet.files import write_text_whole
from inknet.mlp import MLP
from inknet.model_file import ModelFacts
from inknet.nn.network import Network
from inknet.recipe import Recipe, load_recipe
from inknet.seeds import Streams

if TYPE_CHECKING:
    from inknet.evaluation import Evaluation
    from inknet.nn.arrays import Floats
    from inknet.training.callbacks import Callback
    from inknet.training.history import History

PICTURES = ("loss.png", "confusion_matrix.png", "weights.png", "mistakes.png")
FILES = (
    "recipe.toml",
    "model.safetensors",
    "history.csv",
    "metrics.json",
    *PICTURES,
    "report.html",
)
N_MISTAKES = 24
"""How many mistakes are drawn."""


@dataclass(frozen=True)
class Run:
    """A finished run, as its folder tells it."""

    folder: Path

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Return the run in a folder; raise `InputError` if there is none."""
        if not folder.is_dir():
            raise InputError(f"{folder}: no such run folder")
        for name in ("recipe.toml", "model.safetensors"):
            if not (folder / name).is_file():
                raise InputError(f"{folder}: not a finished run, it has no {name}")
        return cls(folder)

    @property
    def recipe(self) -> Recipe:
        """The recipe the run was made with."""
        return load_recipe(str(self.folder / "recipe.toml"))

    @property
    def metrics(self) -> dict[str, Any]:
        """The content of ``metrics.json``."""
        path = self.folder / "metrics.json"
        try:
            metrics = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read: {error}") from None
        if not isinstance(metrics, dict):
            raise InputError(f"{path}: expected a JSON object")
        return metrics

    def model(self) -> MLP:
        """Return the trained model."""
        return MLP.load(self.folder)

    def test_data(self) -> Dataset:
        """Return the test data of the run, divided again as it was then."""
        return _load_splits(self.recipe, Streams.from_seed(self.recipe.seed)).test


def list_runs(folder: Path) -> list[Run]:
    """Return the finished runs in the folders directly below ``folder``, oldest first."""
    found = [path.parent for path in folder.glob("*/metrics.json")]
    return [Run(path) for path in sorted(found, key=lambda path: path.name)]


def default_folder(recipe: Recipe) -> Path:
    """Return a folder below ``runs`` named by the present time and the recipe."""
    return Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}-{recipe.name}"


def train_run(
    recipe: Recipe,
    folder: Path,
    *,
    force: bool = False,
    callbacks: Sequence[Callback] = (),
    on_start: Callable[[MLP, Splits], None] = lambda model, parts: None,
) -> Run:
    """Train as a recipe says, judge the result, and leave everything in a run folder.

    Parameters
    ----------
    recipe
        All that decides the run.
    folder
        Where it goes; made only once the data is read and known to be sound.
    force
        Replace the run that is in the folder already.
    callbacks
        What looks on while it trains.
    on_start
        Called with the model and the parts of the data, just before the training.

    Raises
    ------
    InputError
        If data or recipe are not sound, or the folder exists and ``force`` is not given.
    """
    _check_folder(folder, force)
    streams = Streams.from_seed(recipe.seed)
    parts = _load_splits(recipe, streams)
    model = _build(recipe, parts.train, streams)
    _make_folder(folder)
    write_text_whole(folder / "recipe.toml", recipe.to_toml())

    on_start(model, parts)
    started = perf_counter()
    try:
        model.train_on(parts.train, parts.validation, recipe.training, callbacks)
    except InputError:  # it diverged: there is nothing to keep
        (folder / "recipe.toml").unlink()
        if not any(folder.iterdir()):
            folder.rmdir()
        raise
    seconds = perf_counter() - started

    _write_results(folder, recipe, model, parts, seconds)
    return Run(folder)


def evaluation_part(dataset: Dataset) -> Dataset:
    """Return the part of a source to judge a model on: its own test set if it has one, or all."""
    if not dataset.n_official_test:
        return dataset
    return dataset.subset(np.arange(len(dataset) - dataset.n_official_test, len(dataset)))


def matched(dataset: Dataset, model: MLP) -> Dataset:
    """Return a dataset in the terms of a model: its class numbers, its ink on its ground.

    Raises
    ------
    InputError
        If the features are of another size, or a class is not among the model's.
    """
    facts, n_features = model.facts, model.network.architecture.layer_dims[0]
    if dataset.n_features != n_features:
        raise InputError(
            f"{dataset.name}: has {dataset.n_features} features a sample; "
            f"the model was trained on {n_features}"
        )
    unknown = [name for name in dataset.class_names if name not in facts.class_names]
    if unknown:
        raise InputError(
            f"{dataset.name}: class {unknown[0]!r} is not among the model's classes "
            f"({', '.join(facts.class_names)})"
        )
    numbers = np.array([facts.class_names.index(name) for name in dataset.class_names])
    features = dataset.features
    if dataset.light_background != facts.light_background:
        features = 255 - features
    return replace(
        dataset,
        features=features,
        labels=numbers[dataset.labels],
        class_names=facts.class_names,
        light_background=facts.light_background,
    )


def _check_folder(folder: Path, force: bool) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder}: exists and is not a folder")
    if any(folder.iterdir()):
        if not (folder / "recipe.toml").is_file():
            raise InputError(f"{folder}: exists and is not a run; choose another folder with --out")
        if not force:
            raise InputError(
                f"{folder}: holds a run already; choose another folder, or replace it with --force"
            )


def _make_folder(folder: Path) -> None:
    """Make the folder, and clear it of the files of an earlier run (and of nothing else)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from None


def _load_splits(recipe: Recipe, streams: Streams) -> Splits:
    data = recipe.data
    return split(
        load(data.source),
        streams.split,
        validation=data.validation,
        test=data.test,
        official_test=data.official_test,
        stratified=data.stratified,
        limit=data.limit,
    )


def _build(recipe: Recipe, data: Dataset, streams: Streams) -> MLP:
    architecture = recipe.network.architecture(data.n_features, data.n_classes)
    network = Network(architecture, streams.initialization, recipe.network.dtype)
    facts = ModelFacts(data.class_names, data.image_shape, data.light_background)
    return MLP.from_parts(network, facts, streams)


def _write_results(folder: Path, recipe: Recipe, model: MLP, parts: Splits, seconds: float) -> None:
    """Judge the trained model on the test data and write all files of the run."""
    from inknet.evaluation import evaluate

    assert model.history is not None
    model.save(folder / "model.safetensors")
    model.history.save_csv(folder / "history.csv")
    probabilities = model.predict_on(parts.test)
    evaluation = evaluate(probabilities, parts.test.targets, model.facts.class_names)
    metrics = _metrics(recipe, model, parts, evaluation, seconds)
    pictures = _draw(folder, model, parts.test, probabilities, evaluation)
    _write_report(folder, recipe, metrics, model.history, evaluation, pictures)
    # last, since a folder with metrics.json is taken as a finished run
    write_text_whole(folder / "metrics.json", json.dumps(metrics, indent=2) + "\n")


def _metrics(
    recipe: Recipe, model: MLP, parts: Splits, evaluation: Evaluation, seconds: float
) -> dict[str, Any]:
    history = model.history
    assert history is not None
    validation = model.evaluate_on(parts.validation)
    return {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "test": evaluation.to_dict(),
        "validation": {"accuracy": validation.accuracy, "loss": validation.loss},
        "training": {
            "seconds": round(seconds, 3),
            "epochs": len(history),
            "best_epoch": history.best_epoch,
            "stopped": history.stopped,
            "parameters": model.network.n_parameters,
        },
        "data": {
            "source": recipe.data.source,
            "train": len(parts.train),
            "validation": len(parts.validation),
            "test": len(parts.test),
        },
        "versions": {
            "inknet": inknet.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def _draw(
    folder: Path, model: MLP, test: Dataset, probabilities: Floats, evaluation: Evaluation
) -> list[Path]:
    """Draw the pictures of the run and return their paths; only images give the last two."""
    from inknet import plots

    assert model.history is not None
    loss, confusion, weights, mistakes = (folder / name for name in PICTURES)
    plots.plot_history(model.history, loss)
    plots.plot_confusion(evaluation, confusion)
    if model.facts.image_shape is None or test.features.dtype != np.uint8:
        return [loss, confusion]
    plots.plot_weights(model.network.dense_layers[0].weight, model.facts.image_shape, weights)

    predicted, names = probabilities.argmax(axis=1), model.facts.class_names
    sureness = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != test.targets)
    wrong = wrong[np.argsort(-sureness[wrong], kind="stable")][:N_MISTAKES]
    plots.plot_mistakes(
        test.images(wrong),
        [names[label] for label in test.targets[wrong]],
        [names[label] for label in predicted[wrong]],
        sureness[wrong],
        mistakes,
    )
    return [loss, confusion, weights, mistakes]


def _write_report(
    folder: Path,
    recipe: Recipe,
    metrics: dict[str, Any],
    history: History,
    evaluation: Evaluation,
    pictures: list[Path],
) -> None:
    from inknet.report import write_report

    training, data = metrics["training"], metrics["data"]
    write_report(
        folder / "report.html",
        title=f"{recipe.name} on {data['source']}, seed {recipe.seed}",
        recipe_toml=recipe.to_toml(),
        history=history,
        evaluation=evaluation,
        pictures=pictures,
        facts={
            "validation accuracy": f"{metrics['validation']['accuracy']:.2%}",
            "training time": f"{training['seconds']:.1f} s",
            "parameters": f"{training['parameters']:,}",
            "samples": f"{data['train']:,} to train, {data['validation']:,} to validate, "
            f"{data['test']:,} to test",
        },
    )
