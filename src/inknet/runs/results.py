"""Results: the evaluation of a finished training, and the files of its run folder."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import inknet
from inknet.data import Dataset, Splits
from inknet.data.digest import digest_of
from inknet.errors import InputError, quoted
from inknet.files import write_text_whole
from inknet.mlp import MLP
from inknet.recipes import Recipe
from inknet.runs.folder import PICTURES
from inknet.runs.metrics import METRICS_FORMAT
from inknet.runs.prepare import Prepared
from inknet.training.temperature import to_probabilities

if TYPE_CHECKING:
    from inknet.nn.arrays import Floats
    from inknet.report.evaluation import Evaluation
    from inknet.training.history import History

N_MISTAKES = 24
"""How many mistakes are drawn."""

MOST_CLASSES_DRAWN = 1_000
"""Of a larger confusion matrix, no picture is drawn: a cell is less than two of its pixels."""

LeaveOut: TypeAlias = Callable[[Path, str], None]
"""Called with a file that cannot be made, and why."""


def write_results(
    folder: Path,
    trained: Prepared,
    history: History,
    warn: Callable[[str], object] = lambda line: None,
    on_evaluated: Callable[[dict[str, Any]], object] = lambda metrics: None,
) -> bool:
    """Evaluate the trained model on the test data and write all files of the run.

    The model and the figures come first. A picture or a report that cannot be made is left out, and
    ``warn`` is called with one line that says why. ``on_evaluated`` is called with the figures
    before anything is drawn. Returns whether nothing was left out.
    """
    from inknet.report.evaluation import evaluate, json_text

    recipe, model = trained.recipe, trained.model
    shape = model.facts.image_shape  # seen in the values, where the source does not say it
    test = replace(model.scaled(trained.parts.test, deslant=False), image_shape=shape)
    parts = trained.parts._replace(test=test)
    logits = model.logits_on(parts.test)
    names, temperature = model.facts.class_names, model.facts.temperature
    evaluation = evaluate(logits, parts.test.targets, names, temperature)
    metrics = _metrics(trained, history, evaluation)
    write_text_whole(folder / "recipe.toml", recipe.to_toml())
    model.save(folder / "model.safetensors")
    history.save_csv(folder / "history.csv")
    write_text_whole(folder / "metrics.json", json_text(metrics) + "\n")
    on_evaluated(metrics)  # whoever waits for them need not wait for the pictures too
    left_out: list[Path] = []

    def leave_out(path: Path, reason: str) -> None:
        left_out.append(path)
        warn(f"{path.name}: {reason}; the run is complete without it")

    pictures = _draw(folder, model, parts.test, logits, history, evaluation, leave_out)
    report = folder / "report.html"
    make = partial(_write_report, report, recipe, metrics, history, evaluation, pictures)
    _attempt(report, make, leave_out)
    return not left_out


def _attempt(path: Path, make: Callable[[], object], leave_out: LeaveOut) -> bool:
    """Make a file that a run can do without; return whether it is there."""
    try:
        make()
    except Exception as error:  # of whatever kind: the training must not be lost for a picture
        reason = str(error).removeprefix(f"{path}: ")
        if not isinstance(error, InputError):
            reason = f"cannot be made: {type(error).__name__}: {reason}"
        leave_out(path, quoted(reason))
        return False
    return True


def _metrics(trained: Prepared, history: History, evaluation: Evaluation) -> dict[str, Any]:
    recipe, model, parts = trained.recipe, trained.model, trained.parts
    validation, calibration = model.evaluate_on(parts.validation), evaluation.calibration
    return {
        "format": METRICS_FORMAT,
        "recipe": recipe.name,
        "seed": recipe.seed,
        "test": evaluation.to_dict(),
        "calibration": None if calibration is None else calibration.to_dict(),
        "validation": {"accuracy": validation.accuracy, "loss": validation.loss},
        "train": {"accuracy": history.train_accuracy, "loss": history.train_loss},
        "training": {
            "seconds": round(history.seconds, 3),
            "epochs": len(history),
            "best_epoch": history.best_epoch,
            "stopped": history.stopped,
            "rollbacks": history.rollbacks,
            "ops": history.ops,
            "parameters": model.network.n_parameters,
        },
        "findings": [finding.to_dict() for finding in history.findings],
        "changes": list(trained.changes),
        "data": {
            "source": recipe.data.source,
            "train": len(parts.train),
            "validation": len(parts.validation),
            "test": len(parts.test),
            "digest": trained.digest,
            "test_digest": digest_of(parts.test),
            "holdout": holdout_facts(recipe.data.holdout, recipe.data.fold, parts),
        },
        "versions": {
            "inknet": inknet.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def holdout_facts(holdout: str | None, fold: str | None, parts: Splits) -> dict[str, Any]:
    """Return how the parts were made: by samples or by groups, and how many groups each has.

    Groups in two parts are counted too; there are none if whole groups were held back.
    """
    by_groups = parts.train.groups is not None and holdout != "samples"
    facts: dict[str, Any] = {"by": "groups" if by_groups else "samples", "fold": fold}
    if parts.train.groups is None:
        return facts
    of_part = {}
    for name, part in parts._asdict().items():
        groups = part.own_groups
        of_part[name] = set() if groups is None else set(np.unique(groups[groups >= 0]).tolist())
    return facts | {
        "name": parts.train.group_name,
        "groups": {name: len(found) for name, found in of_part.items()},
        "shared": {
            "train and validation": len(of_part["train"] & of_part["validation"]),
            "train and test": len(of_part["train"] & of_part["test"]),
            "validation and test": len(of_part["validation"] & of_part["test"]),
        },
    }


def _held_back(facts: dict[str, Any]) -> dict[str, str]:
    """Return how the parts were made, for the head of the report, if there are groups."""
    if "groups" not in facts:
        return {}
    counts, shared = facts["groups"], facts["shared"]["train and validation"]
    said = (
        f"{facts['name']}: {counts['train']:,} to train, {counts['validation']:,} to validate, "
        f"{counts['test']:,} to test"
    )
    both = f"; {shared:,} both to train and to validate" if shared else ""
    return {f"Held back by {facts['by']}": said + both}


def _draw(
    folder: Path,
    model: MLP,
    test: Dataset,
    logits: Floats,
    history: History,
    evaluation: Evaluation,
    leave_out: LeaveOut,
) -> list[Path]:
    """Draw the pictures of the run and return their paths; not all of them suit all data."""

    def draw_loss(path: Path) -> None:
        from inknet.report.plots import plot_history

        plot_history(history, path)

    def draw_confusion(path: Path) -> None:
        from inknet.report.plots import plot_confusion

        plot_confusion(evaluation, path)

    def draw_weights(path: Path) -> None:
        from inknet.report.images import plot_weights

        assert model.facts.image_shape is not None
        plot_weights(model.network.dense_layers[0].weight, model.facts.image_shape, path)

    def draw_mistakes(path: Path) -> None:
        _draw_mistakes(path, model, test, logits)

    def draw_reliability(path: Path) -> None:
        from inknet.report.plots import plot_reliability

        assert evaluation.calibration is not None
        plot_reliability(evaluation.calibration, path)

    drawings = [draw_loss, draw_confusion, draw_weights, draw_mistakes, draw_reliability]
    has_cells = len(evaluation.class_names) <= MOST_CLASSES_DRAWN
    has_images = model.facts.image_shape is not None and test.is_grey
    suits = [True, has_cells, has_images, has_images, evaluation.calibration is not None]
    paths = [folder / name for name in PICTURES]
    return [
        path
        for path, draw, is_drawn in zip(paths, drawings, suits, strict=True)
        if is_drawn and _attempt(path, partial(draw, path), leave_out)
    ]


def _draw_mistakes(path: Path, model: MLP, test: Dataset, logits: Floats) -> None:
    from inknet.report.images import plot_mistakes

    probabilities = logits.copy()
    to_probabilities(probabilities, model.facts.temperature)
    predicted, names = logits.argmax(axis=1), model.facts.class_names
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != test.targets)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:N_MISTAKES]
    plot_mistakes(
        test.images(wrong),
        [names[label] for label in test.targets[wrong]],
        [names[label] for label in predicted[wrong]],
        confidence[wrong],
        path,
    )


def _write_report(
    path: Path,
    recipe: Recipe,
    metrics: dict[str, Any],
    history: History,
    evaluation: Evaluation,
    pictures: list[Path],
) -> None:
    from inknet.report.page import write_report

    training, data = metrics["training"], metrics["data"]
    write_report(
        path,
        title=f"{recipe.name} on {Path(data['source']).name}, seed {recipe.seed}",
        recipe_toml=recipe.to_toml(),
        history=history,
        evaluation=evaluation,
        pictures=pictures,
        changes=metrics["changes"],
        summary={
            **_learned(metrics["train"]["accuracy"]),
            "Validation accuracy": f"{metrics['validation']['accuracy']:.2%}",
            **_trust(metrics["calibration"]),
            "Training time": f"{training['seconds']:.1f} s",
            "Parameters": f"{training['parameters']:,}",
            "Samples": f"{data['train']:,} to train, {data['validation']:,} to validate, "
            f"{data['test']:,} to test",
            **_held_back(data["holdout"]),
        },
    )


def _learned(accuracy: float | None) -> dict[str, str]:
    """Return how many of all training samples the model gets right, for the head of the report."""
    return {} if accuracy is None else {"Training accuracy": f"{accuracy:.2%}"}


def _trust(calibration: dict[str, float] | None) -> dict[str, str]:
    """Return how far confidence can be trusted, for the head of the report."""
    if calibration is None:
        return {}
    return {
        "Expected calibration error": f"{calibration['ece']:.2%}",
        "Temperature": f"{calibration['temperature']:.3f}",
    }
