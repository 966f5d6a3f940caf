"""One run of a study: train, evaluate and return plain values."""

from __future__ import annotations

import hashlib
import os
import platform
import tomllib
import traceback
from collections.abc import Callable
from math import isfinite
from statistics import mean
from typing import Any

import numpy as np

import inknet
from inknet.errors import DivergedError, InputError, StudyStopped, quoted
from inknet.experiments.plan import Job
from inknet.mlp import MLP
from inknet.nn.ops.parallel import at_most
from inknet.recipes import Recipe
from inknet.runs.prepare import Prepared, prepare
from inknet.training.fastest import fastest_ops
from inknet.training.history import EpochRecord, History
from inknet.training.interrupt import InterruptFlag
from inknet.training.threads import one_blas_thread

RESULT_FORMAT = 1
COLUMNS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate")
"""What is kept of each epoch, besides the gradient norms and active fractions of each layer."""


def execute(
    job: Job,
    n_threads: int = 1,
    also: Callable[[Prepared], dict[str, Any]] = lambda trained: {},
) -> dict[str, Any]:
    """Do a run, and return what `inknet.experiments.results.Result` describes.

    By default on one thread: the bits are then the same however many runs there are at a time. What
    goes wrong is a result too: its ``outcome`` is ``"finished"``, ``"diverged"``, ``"failed"``, or
    ``"interrupted"``, ``"terminated"`` or ``"hung up"`` after a signal. ``also`` returns further
    figures of what was trained.
    """
    result = _heading(job) | {"process": os.getpid()}
    try:
        _check_same_kind(job)
        recipe = Recipe.model_validate(tomllib.loads(job.recipe))
        with at_most(n_threads), one_blas_thread():
            prepared = prepare(recipe)
            trained = _train(prepared)
            return result | trained | (also(prepared) if "test" in trained else {})
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
    if (ops := fastest_ops().name) != job.ops:
        raise InputError(f"this process has {ops} ops; the study is run on {job.ops}")
    if inknet.__version__ != job.version:
        raise InputError(
            f"this process has inknet {inknet.__version__}; the study is run with {job.version}"
        )


def _train(prepared: Prepared) -> dict[str, Any]:
    model = prepared.model
    outcome: dict[str, Any] = {"outcome": "finished"}
    with InterruptFlag(deliver=False) as interrupt:
        try:
            history = prepared.train()
        except DivergedError as error:  # the model has the weights from before
            assert model.history is not None
            history = model.history
            outcome = {"outcome": "diverged", "error": quoted(error)}
    if interrupt.reason is not None:
        return {"outcome": interrupt.reason.text}
    with np.errstate(all="ignore"):
        evaluation = model.evaluate_on(prepared.parts.test)
    return {
        **outcome,
        "test": {
            "accuracy": evaluation.accuracy,
            "errors": evaluation.n_errors,
            "samples": evaluation.n_samples,
            "loss": evaluation.loss if isfinite(evaluation.loss) else None,
        },
        **_at_the_end(history),
        "epochs": len(history),
        "best_epoch": history.best_epoch,
        "stopped": history.stopped,
        "seconds": history.seconds,
        "ops": history.ops,
        "parameters": model.network.n_parameters,
        "data": prepared.digest,
        "weights": _digest(model),
        "history": _columns(history),
    }


def _at_the_end(history: History) -> dict[str, Any]:
    """Return the figures of the weights that were kept, and of the first epoch."""
    if not len(history):
        return {}
    kept: EpochRecord = history[(history.best_epoch or len(history)) - 1]
    active = history[0].active_fractions
    # a training that diverged has only what its epochs measured
    of_all = history.train_accuracy
    return {
        "train_accuracy": kept.train_accuracy if of_all is None else of_all,
        "validation_accuracy": kept.val_accuracy,
        "active": mean(active) if active else None,
    }


def _columns(history: History) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        name: [getattr(record, name) for record in history] for name in COLUMNS
    }
    # the norm of very large gradients is infinite, which JSON cannot hold
    columns["gradient_norms"] = [
        [norm if isfinite(norm) else None for norm in record.gradient_norms] for record in history
    ]
    columns["active_fractions"] = [list(record.active_fractions) for record in history]
    return columns


def _digest(model: MLP) -> str:
    """Return the SHA-256 of all that was learned: two runs with the same one are the same run."""
    digest = hashlib.sha256(model.network.parameters.tobytes())
    digest.update(model.network.statistics.tobytes())
    return digest.hexdigest()
