"""Results: the evaluation of a finished training, and the files of its run folder."""

from __future__ import annotations

import json
import platform
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import inknet
from inknet.data import Dataset
from inknet.data.digest import digest_of
from inknet.files import write_text_whole
from inknet.mlp import MLP
from inknet.nn.activations import softmax
from inknet.recipes import Recipe
from inknet.runs.folder import PICTURES
from inknet.runs.metrics import METRICS_FORMAT
from inknet.runs.prepare import Prepared

if TYPE_CHECKING:
    from inknet.nn.arrays import Floats
    from inknet.report.evaluation import Evaluation
    from inknet.training.history import History

N_MISTAKES = 24
"""How many mistakes are drawn."""


def write_results(folder: Path, trained: Prepared, history: History) -> None:
    """Evaluate the trained model on the test data and write all files of the run."""
    from inknet.report.evaluation import evaluate

    recipe, model = trained.recipe, trained.model
    shape = model.facts.image_shape  # seen in the values, where the source does not say it
    test = replace(model.scaled(trained.parts.test), image_shape=shape)
    parts = trained.parts._replace(test=test)
    logits = model.logits_on(parts.test)
    evaluation = evaluate(logits, parts.test.targets, model.facts.class_names)
    metrics = _metrics(trained, history, evaluation)
    write_text_whole(folder / "recipe.toml", recipe.to_toml())
    model.save(folder / "model.safetensors")
    history.save_csv(folder / "history.csv")
    pictures = _draw(folder, model, parts.test, logits, history, evaluation)
    _write_report(folder, recipe, metrics, history, evaluation, pictures)
    write_text_whole(folder / "metrics.json", json.dumps(metrics, indent=2, allow_nan=False) + "\n")


def _metrics(trained: Prepared, history: History, evaluation: Evaluation) -> dict[str, Any]:
    recipe, model, parts = trained.recipe, trained.model, trained.parts
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
            "digest": trained.digest,
            "test_digest": digest_of(parts.test),
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
    """Draw the pictures of the run and return their paths; the last two only for images."""
    from inknet.report import images, plots

    loss, confusion, weights, mistakes = (folder / name for name in PICTURES)
    plots.plot_history(history, loss)
    plots.plot_confusion(evaluation, confusion)
    if model.facts.image_shape is None or test.features.dtype != np.uint8:
        return [loss, confusion]
    images.plot_weights(model.network.dense_layers[0].weight, model.facts.image_shape, weights)

    probabilities = np.empty_like(logits)
    softmax(logits, probabilities)
    predicted, names = logits.argmax(axis=1), model.facts.class_names
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != test.targets)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:N_MISTAKES]
    images.plot_mistakes(
        test.images(wrong),
        [names[label] for label in test.targets[wrong]],
        [names[label] for label in predicted[wrong]],
        confidence[wrong],
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
        summary={
            "Validation accuracy": f"{metrics['validation']['accuracy']:.2%}",
            "Training time": f"{training['seconds']:.1f} s",
            "Parameters": f"{training['parameters']:,}",
            "Samples": f"{data['train']:,} to train, {data['validation']:,} to validate, "
            f"{data['test']:,} to test",
        },
    )
