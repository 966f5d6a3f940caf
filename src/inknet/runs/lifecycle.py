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
unfinished/           only until the run is whole, see `inknet.runs.unfinished`
===================== ============================================================================
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import inknet
from inknet.data import Dataset, Splits, load, split
from inknet.data.sources import NAMED
from inknet.errors import DivergedError, InputError, TrainingStopped
from inknet.files import refuse_link_out_of, write_text_whole
from inknet.runs.metrics import METRICS_FORMAT, read_metrics
from inknet.mlp import MLP
from inknet.model_file import ModelFacts
from inknet.nn.activations import softmax
from inknet.nn.network import Network
from inknet.nn.ops import fastest
from inknet.recipes import Recipe, load_recipe
from inknet.seeds import Streams
from inknet.training.checkpoint import Checkpoint, Checkpointer
from inknet.training.interrupt import InterruptFlag
from inknet.runs.unfinished import BEST_SO_FAR, NAME, Unfinished, origin_of

if TYPE_CHECKING:
    from inknet.report.evaluation import Evaluation
    from inknet.nn.arrays import Floats
    from inknet.training.callbacks import Callback
    from inknet.training.history import History

PICTURES = ("loss.png", "confusion_matrix.png", "weights.png", "mistakes.png")
FILES = (
    "recipe.toml",
    "model.safetensors",
    "history.csv",
    *PICTURES,
    "report.html",
    "metrics.json",
)
CHECKPOINT_SECONDS = 60.0
"""How long a training goes on without a checkpoint."""
N_MISTAKES = 24
"""How many mistakes are drawn."""


@dataclass(frozen=True)
class Run:
    """A finished run, as its folder tells it."""

    folder: Path

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Return the run in a folder; raise `InputError` if there is none, or not a whole one."""
        if not folder.is_dir():
            raise InputError(f"{folder}: no such run folder")
        run = cls(folder)
        for name in ("recipe.toml", "model.safetensors", "metrics.json"):
            if not run._file(name).is_file():
                raise InputError(f"{folder}: not a finished run, it has no {name}")
        return run

    def _file(self, name: str) -> Path:
        """Return the path of a file of the run, which may have come from anywhere: no link out."""
        path = self.folder / name
        refuse_link_out_of(self.folder, path)
        return path

    @property
    def recipe(self) -> Recipe:
        """The recipe the run was made with."""
        return load_recipe(str(self._file("recipe.toml")))

    @property
    def metrics(self) -> dict[str, Any]:
        """The content of ``metrics.json``; raise `InputError` if it is not what a run writes."""
        return read_metrics(self._file("metrics.json"))

    def model(self) -> MLP:
        """Return the trained model."""
        return MLP.load(self.folder)

    def test_data(self) -> Dataset:
        """Return the test data of the run, divided again as it was then."""
        return _load_splits(self.recipe, Streams.from_seed(self.recipe.seed)).test


def list_runs(folder: Path) -> list[Run]:
    """Return the finished runs in the folders directly below ``folder``, by name."""
    runs = []
    for path in sorted(folder.glob("*/metrics.json")):
        try:
            run = Run.open(path.parent)
            run.metrics  # noqa: B018, what cannot be read is no run
        except InputError:
            continue
        runs.append(run)
    return runs


def list_unfinished(folder: Path) -> list[Path]:
    """Return the folders directly below ``folder`` that hold a training to go on with."""
    return [
        path.parent
        for path in sorted(folder.glob(f"*/{NAME}"))
        if Unfinished(path.parent).has_checkpoint
    ]


def default_folder(recipe: Recipe) -> Path:
    """Return a folder below ``runs`` named by the present time and the recipe."""
    name = re.sub(r"[^\w.-]+", "-", recipe.name)[:80]
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{name}"
    endings = chain([""], (f"-{number}" for number in count(2)))
    folders = (Path("runs") / f"{stem}{ending}" for ending in endings)
    return next(folder for folder in folders if not folder.exists())


def train_run(
    recipe: Recipe,
    folder: Path,
    *,
    force: bool = False,
    callbacks: Sequence[Callback] = (),
    on_start: Callable[[Recipe, MLP, Splits], None] = lambda recipe, model, parts: None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    warn: Callable[[str], object] = lambda line: None,
) -> Run:
    """Train as a recipe says, judge the result, and leave everything in a run folder.

    Until the run is whole, it is in the folder's part `inknet.runs.unfinished`, with checkpoints from
    which `resume_run` goes on. What was in the folder before stays until then.

    Parameters
    ----------
    recipe
        All that decides the run.
    folder
        Where it goes.
    force
        Replace the run that is in the folder already, finished or not; files that are not of a run
        are kept.
    callbacks
        What looks on while it trains.
    on_start
        Called with recipe, model and parts of the data, just before the training.
    checkpoint_seconds
        There is a checkpoint at least this often, and after every epoch.
    warn
        Called with one line when a checkpoint cannot be written; the training goes on.

    Raises
    ------
    InputError
        If data or recipe are not sound, the folder exists and ``force`` is not given, or another
        process is training into it.
    DivergedError
        If the loss is no longer a finite number.
    TrainingStopped
        After Ctrl-C or SIGTERM; `resume_run` goes on.
    """
    folder = folder.absolute()
    unfinished = Unfinished(folder)
    _check_folder(folder, force)
    recipe = with_absolute_source(recipe)
    made = prepare(recipe)
    with InterruptFlag() as interrupt, unfinished.at_work():
        _check_folder(folder, force)  # another run may have gone there meanwhile
        unfinished.begin(recipe)
        on_start(recipe, made.model, made.parts)
        checkpointer = made.checkpointer(unfinished, checkpoint_seconds, warn)
        _train_and_write(made, unfinished, [*callbacks, checkpointer], None, interrupt)
    return Run(folder)


def resume_run(
    folder: Path,
    *,
    previous: bool = False,
    callbacks: Callable[[Recipe], Sequence[Callback]] = lambda recipe: (),
    on_start: Callable[[Recipe, MLP, Splits], None] = lambda recipe, model, parts: None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    warn: Callable[[str], object] = lambda line: None,
) -> Run:
    """Go on with a training that was ended, to the same bits as if it had not been.

    Parameters
    ----------
    folder
        The run folder that `train_run` was given.
    previous
        Go on from the checkpoint before the newest.
    callbacks
        Returns what looks on, as many and of the same kinds as before.
    on_start, checkpoint_seconds, warn
        As for `train_run`.

    Raises
    ------
    InputError
        If there is nothing to go on with; or the checkpoint is damaged, or of another recipe or
        other data.
    DivergedError, TrainingStopped
        As for `train_run`.
    """
    folder = folder.absolute()
    unfinished = Unfinished(folder)
    recipe = unfinished.recipe()
    with InterruptFlag() as interrupt, unfinished.at_work():
        made = prepare(recipe)
        checkpoint = unfinished.checkpoint(made.origin(), previous=previous)
        began_on = checkpoint.ops
        if began_on != (goes_on := fastest().name):
            warn(f"began on {began_on} ops, goes on with {goes_on}: the last bits may differ")
        on_start(recipe, made.model, made.parts)
        checkpointer = made.checkpointer(unfinished, checkpoint_seconds, warn)
        looking_on = [*callbacks(recipe), checkpointer]
        _train_and_write(made, unfinished, looking_on, checkpoint, interrupt)
    return Run(folder)


@dataclass(frozen=True)
class Prepared:
    """What a recipe is made into: the network as it starts, and the parts of the data."""

    recipe: Recipe
    model: MLP
    parts: Splits

    def origin(self) -> dict[str, str]:
        """Return the digests by which a checkpoint knows its recipe and data."""
        return origin_of(self.recipe, self.parts.train, self.parts.validation)

    def checkpointer(
        self, unfinished: Unfinished, seconds: float, warn: Callable[[str], object]
    ) -> Checkpointer:
        """Return what writes the checkpoints of this training."""
        return Checkpointer(unfinished.folder, self.origin(), seconds, warn)

    def train(
        self, callbacks: Sequence[Callback] = (), checkpoint: Checkpoint | None = None
    ) -> History:
        """Train as the recipe says, from the beginning or from a checkpoint; see `MLP.train_on`."""
        parts, recipe = self.parts, self.recipe
        return self.model.train_on(
            parts.train, parts.validation, recipe.training, callbacks, checkpoint, recipe.augment
        )


def prepare(recipe: Recipe) -> Prepared:
    """Load the data, divide them, and build the network; `InputError` if one is not sound."""
    streams = Streams.from_seed(recipe.seed)
    parts = _load_splits(recipe, streams)
    return Prepared(recipe, _build(recipe, parts.train, streams), parts)


def _train_and_write(
    made: Prepared,
    unfinished: Unfinished,
    callbacks: Sequence[Callback],
    checkpoint: Checkpoint | None,
    interrupt: InterruptFlag,
) -> None:
    """Train from the beginning or from a checkpoint; write the results and put them in place."""
    model = made.model
    if interrupt.reason is not None:
        reason = interrupt.reason.text
        raise TrainingStopped(reason, unfinished.run_folder, unfinished.has_checkpoint)
    try:
        history = made.train(callbacks, checkpoint)
    except DivergedError as error:
        raise DivergedError(f"{error}{_keep_best(model, unfinished)}") from None
    if history.ending.by_signal:
        raise TrainingStopped(history.stopped, unfinished.run_folder, unfinished.has_checkpoint)
    unfinished.make_results()
    _write_results(unfinished.results, made.recipe, model, made.parts, history)
    _put_in_place(unfinished.results, unfinished.run_folder)
    unfinished.remove()


def _keep_best(model: MLP, unfinished: Unfinished) -> str:
    """Save the weights that a diverged training has given back; say where."""
    history = model.history
    if history is None or len(history) == 0:
        return ""
    path = unfinished.folder / BEST_SO_FAR
    model.save(path)
    return f"; the weights of epoch {history.best_epoch or len(history)} are in {path}"


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
    if {dataset.light_background, facts.light_background} == {False, True}:
        features = 255 - features
    return replace(
        dataset,
        features=features,
        labels=numbers[dataset.labels],
        class_names=facts.class_names,
    )


def _check_folder(folder: Path, force: bool) -> None:
    """Raise `InputError` unless the folder is free for a run, or holds one that may be replaced."""
    try:
        if not folder.exists():
            return
        names = {path.name for path in folder.iterdir()}
    except NotADirectoryError:
        raise InputError(f"{folder}: exists and is not a folder") from None
    except OSError as error:
        raise InputError(f"{folder}: cannot be used: {error.strerror}") from None
    if Unfinished(folder).has_checkpoint and not force:
        raise InputError(
            f"{folder}: holds an unfinished training; go on with --resume {folder}, choose another "
            "folder, or begin anew with --force"
        )
    names.discard(NAME)
    if names and "recipe.toml" not in names:
        raise InputError(f"{folder}: exists and is not a run; choose another folder with --out")
    if names and not force:
        raise InputError(
            f"{folder}: holds a run already; choose another folder, or replace it with --force"
        )


def _put_in_place(work: Path, folder: Path) -> None:
    """Move the files of a run to its folder, and remove what an earlier run has besides.

    ``metrics.json`` goes first and comes last: a folder that has it holds a whole run.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILES[-1]).unlink(missing_ok=True)
        for name in FILES:
            if (work / name).exists():
                (work / name).replace(folder / name)
            else:
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from None


def with_absolute_source(recipe: Recipe) -> Recipe:
    """Return a recipe that finds its data from any folder."""
    source = recipe.data.source
    if source in NAMED or not source:
        return recipe
    data = recipe.data.model_copy(update={"source": str(Path(source).absolute())})
    return recipe.model_copy(update={"data": data})


def _load_splits(recipe: Recipe, streams: Streams) -> Splits:
    data = recipe.data
    dataset = load(data.source)
    absent = np.flatnonzero(np.bincount(dataset.targets, minlength=dataset.n_classes) == 0)
    if len(absent):
        raise InputError(
            f"{dataset.name}: no sample of class {dataset.class_names[absent[0]]}, though labels "
            f"go up to {int(dataset.targets.max())}; expected classes numbered from 0 without gaps"
        )
    parts = split(
        dataset,
        streams.split,
        validation=data.validation,
        test=data.test,
        official_test=data.official_test,
        stratified=data.stratified,
        limit=data.limit,
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
    return MLP.from_parts(network, ModelFacts(data.class_names), streams)


def _write_results(
    folder: Path, recipe: Recipe, model: MLP, parts: Splits, history: History
) -> None:
    """Judge the trained model on the test data and write all files of the run."""
    from inknet.report.evaluation import evaluate

    logits = model.logits_on(parts.test)
    evaluation = evaluate(logits, parts.test.targets, model.facts.class_names)
    metrics = _metrics(recipe, model, parts, history, evaluation)
    write_text_whole(folder / "recipe.toml", recipe.to_toml())
    model.save(folder / "model.safetensors")
    history.save_csv(folder / "history.csv")
    pictures = _draw(folder, model, parts.test, logits, history, evaluation)
    _write_report(folder, recipe, metrics, history, evaluation, pictures)
    write_text_whole(folder / "metrics.json", json.dumps(metrics, indent=2, allow_nan=False) + "\n")


def _metrics(
    recipe: Recipe,
    model: MLP,
    parts: Splits,
    history: History,
    evaluation: Evaluation,
) -> dict[str, Any]:
    validation = model.evaluate_on(parts.validation)
    return {
        "format": METRICS_FORMAT,
        "recipe": recipe.name,
        "seed": recipe.seed,
        "test": evaluation.to_dict(),
        "validation": {"accuracy": validation.accuracy, "loss": validation.loss},
        "training": {
            "seconds": round(history.seconds, 3),
            "epochs": len(history),
            "best_epoch": history.best_epoch,
            "stopped": history.stopped,
            "rollbacks": history.rollbacks,
            "ops": history.ops,
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
    folder: Path,
    model: MLP,
    test: Dataset,
    logits: Floats,
    history: History,
    evaluation: Evaluation,
) -> list[Path]:
    """Draw the pictures of the run and return their paths; only images give the last two."""
    from inknet.report import plots

    loss, confusion, weights, mistakes = (folder / name for name in PICTURES)
    plots.plot_history(history, loss)
    plots.plot_confusion(evaluation, confusion)
    if model.facts.image_shape is None or test.features.dtype != np.uint8:
        return [loss, confusion]
    plots.plot_weights(model.network.dense_layers[0].weight, model.facts.image_shape, weights)

    probabilities = np.empty_like(logits)
    softmax(logits, probabilities)
    predicted, names = logits.argmax(axis=1), model.facts.class_names
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
    from inknet.report.page import write_report

    training, data = metrics["training"], metrics["data"]
    write_report(
        folder / "report.html",
        title=f"{recipe.name} on {Path(data['source']).name}, seed {recipe.seed}",
        recipe_toml=recipe.to_toml(),
        history=history,
        evaluation=evaluation,
        pictures=pictures,
        facts={
            "Validation accuracy": f"{metrics['validation']['accuracy']:.2%}",
            "Training time": f"{training['seconds']:.1f} s",
            "Parameters": f"{training['parameters']:,}",
            "Samples": f"{data['train']:,} to train, {data['validation']:,} to validate, "
            f"{data['test']:,} to test",
        },
    )
