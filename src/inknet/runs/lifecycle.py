"""Lifecycle: a training from its recipe to a finished run, uninterrupted or resumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inknet.data import Splits
from inknet.errors import DivergedError, InputError, TrainingStopped, quoted
from inknet.files import as_path
from inknet.mlp import MLP
from inknet.recipes import Recipe
from inknet.runs.folder import Run, check_folder, put_in_place, refuse_folders_in_place
from inknet.runs.guard import train_guard, why_no_guard
from inknet.runs.prepare import Prepared, prepare, with_absolute_source
from inknet.runs.results import write_results
from inknet.runs.unfinished import BEST_SO_FAR, Unfinished
from inknet.training.callbacks import checked_callbacks
from inknet.training.checkpoint import Checkpoint
from inknet.training.ending import INTERRUPTED
from inknet.training.interrupt import InterruptFlag

if TYPE_CHECKING:
    from inknet.training.callbacks import Callback

CHECKPOINT_SECONDS = 60.0
"""The longest time a training runs without a checkpoint."""


def train_run(
    recipe: Recipe,
    folder: str | Path,
    *,
    force: bool = False,
    callbacks: Sequence[Callback] | None = None,
    on_start: Callable[[Recipe, MLP, Splits], None] = lambda recipe, model, parts: None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    warn: Callable[[str], object] = lambda line: None,
    on_guard: Callable[[], Sequence[Callback]] = tuple,
    start_from: Callable[[Recipe], Prepared] = prepare,
    changes: Sequence[str] = (),
    on_evaluated: Callable[[dict[str, Any]], object] = lambda metrics: None,
) -> Run:
    """Train as a recipe says, evaluate the result, and leave everything in a run folder.

    Until the run is complete, it is in a subfolder, see `inknet.runs.unfinished`, with checkpoints
    from which `resume_run` continues. Earlier files in the folder stay until then.

    Parameters
    ----------
    recipe
        All settings of the run.
    folder
        Where it goes.
    force
        Replace the run that is in the folder already, finished or not; foreign files are kept.
    callbacks
        Called while it trains.
    on_start
        Called with recipe, model and parts of the data, just before the training.
    checkpoint_seconds
        Save a checkpoint this often, and after every epoch.
    warn
        Called with one line when a checkpoint, a picture or the report cannot be written; the
        training continues, and the run is complete without them.
    on_guard
        Called before the guard is trained, if the recipe has one; returns its callbacks.
    start_from
        Returns the network and the data to start from. Such a training cannot be resumed if they
        are not those of the recipe.
    changes
        What the doctor changed in the recipe, a line each; the run tells it.
    on_evaluated
        Called with what will be in ``metrics.json``, before the pictures are drawn.

    Raises
    ------
    InputError
        If data or recipe are not valid, the folder exists and ``force`` is not given, or another
        process is training into it.
    DivergedError
        If the loss is no longer a finite number.
    TrainingStopped
        After Ctrl-C, SIGTERM or SIGHUP; `resume_run` continues, unless the run is complete.
    """
    folder = as_path(folder).absolute()
    unfinished = Unfinished(folder)
    check_folder(folder, force)
    recipe = with_absolute_source(recipe)
    callbacks = checked_callbacks(callbacks)
    prepared = replace(start_from(recipe), changes=tuple(changes))
    with InterruptFlag(deliver=False) as interrupt, unfinished.at_work():
        check_folder(folder, force)  # another run may have been put there in the meantime
        unfinished.begin(recipe)
        on_start(recipe, prepared.model, prepared.parts)
        checkpointer = prepared.checkpointer(unfinished, checkpoint_seconds, warn)
        all_callbacks = [*callbacks, checkpointer]
        told = warn, on_guard, on_evaluated
        _train_and_write(prepared, unfinished, all_callbacks, None, interrupt, *told)
    return _completed(folder, interrupt)


def resume_run(
    folder: str | Path,
    *,
    previous: bool = False,
    callbacks: Callable[[Recipe], Sequence[Callback] | None] = lambda recipe: None,
    on_start: Callable[[Recipe, MLP, Splits], None] = lambda recipe, model, parts: None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    warn: Callable[[str], object] = lambda line: None,
    on_guard: Callable[[], Sequence[Callback]] = tuple,
    on_evaluated: Callable[[dict[str, Any]], object] = lambda metrics: None,
) -> Run:
    """Resume a training that was ended; the result has the same bits as without the interruption.

    Parameters
    ----------
    folder
        The run folder that `train_run` was given.
    previous
        Resume from the checkpoint before the newest.
    callbacks
        Returns the callbacks, as many and of the same kinds as before.
    on_start, checkpoint_seconds, warn, on_guard, on_evaluated
        As for `train_run`.

    Raises
    ------
    InputError
        If there is nothing to resume; or the checkpoint is damaged, or of another recipe or
        other data.
    DivergedError, TrainingStopped
        As for `train_run`.
    """
    folder = as_path(folder).absolute()
    unfinished = Unfinished(folder)
    recipe = unfinished.recipe()
    refuse_folders_in_place(folder)
    with InterruptFlag(deliver=False) as interrupt, unfinished.at_work():
        prepared = prepare(recipe)
        checkpoint = unfinished.checkpoint(prepared.origin(), previous=previous)
        began_on = checkpoint.ops
        if began_on != (now := prepared.ops_name(began_on)):
            warn(f"began on {began_on} ops, continues on {now}: the last bits may differ")
        on_start(recipe, prepared.model, prepared.parts)
        checkpointer = prepared.checkpointer(unfinished, checkpoint_seconds, warn)
        all_callbacks = [*checked_callbacks(callbacks(recipe)), checkpointer]
        told = warn, on_guard, on_evaluated
        _train_and_write(prepared, unfinished, all_callbacks, checkpoint, interrupt, *told)
    return _completed(folder, interrupt)


def _completed(folder: Path, interrupt: InterruptFlag) -> Run:
    """Return the complete run; a signal that came while it was written must not be lost either."""
    if interrupt.reason is not None:
        raise TrainingStopped(interrupt.reason.text, folder, resumable=False, complete=True)
    return Run(folder)


def _train_and_write(
    prepared: Prepared,
    unfinished: Unfinished,
    callbacks: Sequence[Callback],
    checkpoint: Checkpoint | None,
    interrupt: InterruptFlag,
    warn: Callable[[str], object],
    on_guard: Callable[[], Sequence[Callback]],
    on_evaluated: Callable[[dict[str, Any]], object],
) -> None:
    """Train from the beginning or from a checkpoint; write the results and put them in place."""
    model = prepared.model
    if interrupt.reason is not None:
        reason = interrupt.reason.text
        raise TrainingStopped(reason, unfinished.run_folder, unfinished.has_checkpoint)
    try:
        history = prepared.train(callbacks, checkpoint)
    except DivergedError as error:
        raise DivergedError(f"{error}{_keep_best(model, unfinished)}") from None
    if history.ending.by_signal:
        raise TrainingStopped(history.stopped, unfinished.run_folder, unfinished.has_checkpoint)
    try:
        model.calibrate_on(prepared.parts.validation)
        has_guard = _has_guard(prepared, unfinished, interrupt, warn, on_guard)
        unfinished.make_results()
        has_all = write_results(unfinished.results, prepared, history, warn, on_evaluated)
        has_all = has_all and has_guard
        put_in_place(unfinished.results, unfinished.run_folder)
    except InputError as error:
        raise InputError(f"{error}{_keep_model(model, unfinished)}") from None
    except KeyboardInterrupt:  # the second Ctrl-C; the first one lets the results be written
        _keep_model(model, unfinished)
        folder, resumable = unfinished.run_folder, unfinished.has_checkpoint
        raise TrainingStopped(INTERRUPTED.text, folder, resumable) from None
    if has_all or not unfinished.has_checkpoint:
        unfinished.remove()
    else:
        warn(f"the checkpoint is kept: --resume {unfinished.run_folder} makes what is missing")


def _has_guard(
    prepared: Prepared,
    unfinished: Unfinished,
    interrupt: InterruptFlag,
    warn: Callable[[str], object],
    on_guard: Callable[[], Sequence[Callback]],
) -> bool:
    """Train the guard that a recipe asks for; return whether all is there that can be."""
    recipe, model, parts = prepared.recipe, prepared.model, prepared.parts
    if not recipe.guard.epochs:
        return True
    if (reason := why_no_guard(model.facts, parts.train)) is not None:
        warn(f"there is no guard: {reason}")
        return True
    try:
        guard, ending = train_guard(recipe, model, parts.train, parts.validation, on_guard())
    except (InputError, OSError, ImportError, MemoryError) as error:
        warn(f"there is no guard: {quoted(error)}")
        return isinstance(error, DivergedError)  # it would again
    stopped = str(ending) if ending.by_signal else interrupt.reason and interrupt.reason.text
    if stopped:
        raise TrainingStopped(stopped, unfinished.run_folder, unfinished.has_checkpoint)
    model.facts = replace(model.facts, guard=guard)
    return True


def _keep_model(model: MLP, unfinished: Unfinished) -> str:
    """Save a trained model whose results cannot be written, unless a checkpoint has it; say where.

    On a disk that is full it is there already, and needs no more room.
    """
    if unfinished.has_checkpoint:
        return ""
    path, written = unfinished.folder / BEST_SO_FAR, unfinished.results / "model.safetensors"
    try:
        if written.exists():
            written.replace(path)
        else:
            model.save(path)
    except (InputError, OSError):
        return ""
    return f"; the trained model is in {path}"


def _keep_best(model: MLP, unfinished: Unfinished) -> str:
    """Save the weights that a diverged training has restored; say where."""
    history = model.history
    if history is None or len(history) == 0:
        return ""
    path = unfinished.folder / BEST_SO_FAR
    model.save(path)
    return f"; the weights of epoch {history.best_epoch or len(history)} are in {path}"
