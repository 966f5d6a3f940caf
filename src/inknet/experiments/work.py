"""One run of a study: a training judged and put into plain values, the same wherever it is done."""

from __future__ import annotations

import hashlib
import os
import platform
import tomllib
import traceback
from math import isfinite
from statistics import mean
from typing import Any

import numpy as np

import inknet
from inknet.errors import DivergedError, InputError, StudyStopped, quoted
from inknet.experiments.plan import Job, operations
from inknet.mlp import MLP
from inknet.nn.ops.parallel import at_most
from inknet.recipes import Recipe
from inknet.runs.prepare import Prepared, prepare
from inknet.training.history import EpochRecord, History
from inknet.training.threads import one_blas_thread

RESULT_FORMAT = 1
COLUMNS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate")
"""What is kept of each epoch, besides the gradient norms and active fractions of each layer."""


def execute(job: Job) -> dict[str, Any]:
    """Do a run on one thread, and return what `inknet.experiments.results.Result` describes.

    One thread, so that the bits are the same however many runs go on beside it. What goes wrong is
    a result too: its ``outcome`` is ``"finished"``, ``"diverged"``, ``"failed"``, or
    ``"interrupted"`` or ``"terminated"`` after a signal.
    """
    result = _heading(job) | {"process": os.getpid()}
    try:
        _check_same_kind(job)
        recipe = Recipe.model_validate(tomllib.loads(job.recipe))
        with at_most(1), one_blas_thread():
            return result | _train(prepare(recipe))
    except StudyStopped:  # a signal, in the process that leads the study
        raise
    except InputError as error:
        return failed(job, str(error))
    except Exception as error:  # a fault of one run must not cost the others
        trace = "".join(traceback.format_exception(error))
        return failed(job, f"{type(error).__name__}: {error}") | {"trace": trace}


def failed(job: Job, reason: str) -> dict[str, Any]:
    """Return the result of a run that could not be done."""
    return _heading(job) | {"outcome": "failed", "error": quoted(reason)}


def _heading(job: Job) -> dict[str, Any]:
    """Return what is known of a run before it is done."""
    return {
        "format": RESULT_FORMAT,
        "study": job.study,
        "name": job.name,
        "row": job.row,
        "seed": job.seed,
        "recipe": job.recipe,
        "versions": {
            "inknet": inknet.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def _check_same_kind(job: Job) -> None:
    """Refuse to mix results of other operations or another inknet with those of the study."""
    if (ops := operations()) != job.ops:
        raise InputError(f"this process has {ops} ops; the study is run on {job.ops}")
    if inknet.__version__ != job.version:
        raise InputError(
            f"this process has inknet {inknet.__version__}; the study is run with {job.version}"
        )


def _train(made: Prepared) -> dict[str, Any]:
    model = made.model
    outcome: dict[str, Any] = {"outcome": "finished"}
    try:
        history = made.train()
    except DivergedError as error:  # the model has the weights from before
        assert model.history is not None
        history = model.history
        outcome = {"outcome": "diverged", "error": quoted(error)}
    if history.ending.by_signal:
        return {"outcome": history.stopped}
    with np.errstate(over="ignore", invalid="ignore"):
        judged = model.evaluate_on(made.parts.test)
    return {
        **outcome,
        "test": {
            "accuracy": judged.accuracy,
            "errors": judged.n_errors,
            "samples": judged.n_samples,
            "loss": judged.loss if isfinite(judged.loss) else None,
        },
        **_at_the_end(history),
        "epochs": len(history),
        "best_epoch": history.best_epoch,
        "stopped": history.stopped,
        "seconds": history.seconds,
        "ops": history.ops,
        "parameters": model.network.n_parameters,
        "weights": _digest(model),
        "history": _columns(history),
    }


def _at_the_end(history: History) -> dict[str, Any]:
    """Return the figures of the epoch whose weights were kept, and of the first one."""
    if not len(history):
        return {}
    kept: EpochRecord = history[(history.best_epoch or len(history)) - 1]
    active = history[0].active_fractions
    return {
        "train_accuracy": kept.train_accuracy,
        "validation_accuracy": kept.val_accuracy,
        "active": mean(active) if active else None,
    }


def _columns(history: History) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        name: [getattr(record, name) for record in history] for name in COLUMNS
    }
    columns["gradient_norms"] = [list(record.gradient_norms) for record in history]
    columns["active_fractions"] = [list(record.active_fractions) for record in history]
    return columns


def _digest(model: MLP) -> str:
    """Return the SHA-256 of all that was learned: two runs with the same one are the same run."""
    digest = hashlib.sha256(model.network.parameters.tobytes())
    digest.update(model.network.statistics.tobytes())
    return digest.hexdigest()
