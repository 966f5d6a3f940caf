"""Callbacks: everything in a training that is not the loop itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from inknet.errors import InputError
from inknet.output import print_if_possible
from inknet.training.ending import EARLY_STOPPING
from inknet.training.weights import learned_arrays, refuse_other_kind, unfit

if TYPE_CHECKING:
    from inknet.nn.arrays import Floats
    from inknet.training.session import Session


Setting = str | bytes | int | float | np.generic | None
"""Types of attributes that a callback keeps if no training has changed them."""


@dataclass
class Past:
    """What a callback remembers of its making and of its last training.

    Attributes
    ----------
    args, kwargs
        What it was made with.
    training : str
        The identity of its last training; empty before the first.
    at_begin, at_end : dict of settings
        Its settings when that training began and when it ended; ``at_end`` is None in between.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    training: str = ""
    at_begin: dict[str, Setting] = field(default_factory=dict)
    at_end: dict[str, Setting] | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Past:
        """Copy the arguments too, unless they are such as cannot be copied, an open file."""
        try:
            made_with = deepcopy((self.args, self.kwargs), memo)
        except TypeError:
            made_with = self.args, self.kwargs
        at_end = None if self.at_end is None else dict(self.at_end)
        return Past(*made_with, self.training, dict(self.at_begin), at_end)


class Callback:
    """Called by the training at each event; override what you need.

    Each event is called with the training, ``trainer``. A callback may read everything in this
    `Session`, and may set ``trainer.stop_reason``. The order of callbacks has no meaning: what one
    must do before another has a separate event.

    A callback starts afresh with each training, see `start_afresh`. Only a training that resumes
    from a checkpoint, and a further `MLPClassifier.partial_fit`, continue with what it has.

    Attributes
    ----------
    name : str
        What its state is called in a checkpoint; without one, the name of its class.
    keeps_weights : bool
        Whether the arrays of its state are weights that it changes at every step and puts into the
        network: they go back to the beginning of an epoch in which the training diverges.
    only_one : bool
        Whether a training can have one callback of this name only: it decides which weights are
        used.
    """

    name: str = ""
    keeps_weights: bool = False
    only_one: bool = False
    _past: Past

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Remember the arguments, for `start_afresh`."""
        callback = super().__new__(cls)
        vars(callback)["_past"] = Past(args, kwargs)
        return callback

    def __init__(self) -> None:
        """Take no arguments; a subclass may."""

    def start_afresh(self) -> None:
        """Forget earlier trainings; called before `on_train_begin`, unless the training resumes.

        If there was one, all attributes are removed and ``__init__`` is called again with the same
        arguments. Only numbers and strings that were set outside of trainings keep their values:
        they are settings. Override it to keep more, or if ``__init__`` must not be called twice.
        """
        past = self._past
        if not past.training:
            return
        kept = {
            name: value
            for name, value in settings_of(self).items()
            if _has(past.at_begin, name, value)
            or (past.at_end is not None and not _has(past.at_end, name, value))
        }
        vars(self).clear()
        vars(self)["_past"] = past
        kind: Any = type(self)
        kind.__init__(self, *past.args, **past.kwargs)
        vars(self).update(kept)

    def on_train_begin(self, trainer: Session) -> None:
        """Before the first step."""

    def on_gradients(self, trainer: Session) -> None:
        """In each step, when the gradients are known, before clipping and the step itself."""

    def on_step_end(self, trainer: Session) -> None:
        """After each step."""

    def on_measure_begin(self, trainer: Session) -> None:
        """Before measuring, and at the end: put in the weights that the network is used with."""

    def measurements(self, trainer: Session) -> Mapping[str, Any]:
        """Give the epoch's `EpochRecord` what this callback measured.

        Returns
        -------
        mapping
            Values of the record's attributes, by name; empty if it measures nothing.
        """
        return {}

    def on_measured(self, trainer: Session) -> None:
        """When ``trainer.history[-1]`` is known; the network has the weights that were measured."""

    def on_measure_end(self, trainer: Session) -> None:
        """After measuring: restore the weights that the network trains with."""

    def on_epoch_end(self, trainer: Session) -> None:
        """After each epoch; ``trainer.history[-1]`` holds its measurements."""

    def on_rollback(self, trainer: Session, problem: str) -> None:
        """After a training that diverged has gone back; ``problem`` says why, in one line."""

    def on_safe_point(self, trainer: Session) -> None:
        """After each step, and each epoch, when all callbacks are done with it."""

    def on_choose_weights(self, trainer: Session) -> None:
        """When the training is over: put other weights into the network, if they are better."""

    def on_train_end(self, trainer: Session) -> None:
        """After the last epoch, however it ended; the network is as it will be used."""

    def state(self) -> tuple[dict[str, Floats], dict[str, Any]]:
        """Return what it needs to resume; called between two steps.

        Returns
        -------
        arrays : dict of ndarray
            Of any shapes. They need not be copies: they are copied. Arrays called ``parameters``
            and ``statistics`` are taken for weights of the network: a checkpoint in which the
            network could not use them is refused.
        values : dict
            What JSON can hold.
        """
        return {}, {}

    def restore(self, arrays: dict[str, Floats], values: dict[str, Any]) -> None:
        """Restore what `state` returned.

        Parameters
        ----------
        arrays : dict of ndarray
            Of any shapes: copies, which the callback may keep.
        values : dict
            As they were returned.
        """


def settings_of(callback: Callback) -> dict[str, Setting]:
    """Return the attributes that are numbers, strings or None."""
    return {name: value for name, value in vars(callback).items() if isinstance(value, Setting)}


EVENTS = tuple(name for name in vars(Callback) if name.startswith("on_"))


def listeners(callbacks: Sequence[Callback]) -> dict[str, list[Callable[..., None]]]:
    """Return for each event the methods of the callbacks that override it."""
    methods = {event: [getattr(callback, event) for callback in callbacks] for event in EVENTS}
    return {
        event: [one for one in found if getattr(one, "__func__", one) is not vars(Callback)[event]]
        for event, found in methods.items()
    }


def checked_callbacks(callbacks: Sequence[Callback] | None) -> list[Callback]:
    """Return callbacks as a list, None as an empty one; raise `InputError` for anything else."""
    if callbacks is None:
        return []
    if isinstance(callbacks, Callback) or not isinstance(callbacks, Iterable):
        raise InputError(f"callbacks is {_kind(callbacks)}; expected a list of inknet.Callback")
    found = list(callbacks)
    for number, callback in enumerate(found):
        if not isinstance(callback, Callback):
            raise InputError(
                f"callbacks[{number}] is {_kind(callback)}; expected an instance of inknet.Callback"
            )
        for other in found[:number]:
            if other is callback or (callback.only_one and callback.name == other.name):
                raise InputError(
                    f"callbacks has {type(callback).__name__} twice; expected it once, or in its "
                    "place the option patience (EarlyStopping) or average_decay (WeightAverage)"
                )
    return found


def _kind(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"of type {type(value).__name__}"


class EarlyStopping(Callback):
    """Stops when the monitored metric has not improved for `patience` epochs.

    The network ends with the weights of its best epoch, not with the last ones.
    """

    name = "early stopping"
    only_one = True

    def __init__(self, patience: int, monitor: Literal["val_loss", "val_accuracy"]) -> None:
        self.patience, self.monitor = patience, monitor
        self.best = -inf
        self._weights: dict[str, Floats] = {}

    def on_train_begin(self, trainer: Session) -> None:
        """If the training resumes, refuse best weights that do not fit this network."""
        if not self._weights:
            return
        found, self._weights = self._weights, {}  # not restored if they are refused
        for name, array in learned_arrays(trainer.network).items():
            refuse_other_kind(f"the best {name}", found[name], array)
        if trainer.history.best_epoch is None:
            raise unfit("it has best weights and no best epoch")
        self._weights = found

    def on_measured(self, trainer: Session) -> None:
        """Remember the weights if they are the best so far; if not, stop when patience ends."""
        history = trainer.history
        record = history[-1]
        value = record.val_loss if self.monitor == "val_loss" else record.val_accuracy
        if value is None:
            raise InputError("early stopping needs validation data, and there is none")
        score = -value if self.monitor == "val_loss" else value
        if score > self.best:
            self.best = score
            history.best_epoch = record.epoch
            learned = learned_arrays(trainer.network)
            self._weights = {name: array.copy() for name, array in learned.items()}
        elif history.best_epoch is not None and record.epoch - history.best_epoch >= self.patience:
            trainer.stop_reason = EARLY_STOPPING

    def state(self) -> tuple[dict[str, Floats], dict[str, Any]]:
        """Return the best weights so far, and how good they are."""
        return dict(self._weights), {"best": self.best if self._weights else None}

    def restore(self, arrays: dict[str, Floats], values: dict[str, Any]) -> None:
        """Continue with these as the best."""
        best = values["best"]
        expected = set() if best is None else {"parameters", "statistics"}
        if set(arrays) != expected or not (best is None or _is_number(best)):
            raise ValueError(f"the best result is {best!r}, with {len(arrays)} arrays")
        self.best = -inf if best is None else best
        self._weights = dict(arrays)

    def on_choose_weights(self, trainer: Session) -> None:
        """Restore the best weights."""
        own = learned_arrays(trainer.network)
        for name, best in self._weights.items():
            own[name][:] = best


class EpochLines(Callback):
    """Prints the measurements of the first epoch, of every `interval`-th, and of the last.

    A line that cannot be printed is dropped, and the training continues; an error of a
    ``print_line`` of the caller's own is the caller's.
    """

    name = "epoch lines"

    def __init__(self, interval: int, print_line: Callable[[str], object] | None = None) -> None:
        self.interval = interval
        self.print_line = print_line or print_if_possible
        self._printed = 0

    def on_train_begin(self, trainer: Session) -> None:
        """Say at which step it resumes, unless it has just begun."""
        if trainer.step:
            self.print_line(f"resuming after step {trainer.step:,} of {trainer.total_steps:,}")

    def on_epoch_end(self, trainer: Session) -> None:
        """Print a line if it is time."""
        epoch = len(trainer.history)
        if epoch == 1 or epoch % self.interval == 0:
            self._print(trainer)

    def on_train_end(self, trainer: Session) -> None:
        """Print the last line, unless it is printed already, and why the training ended early."""
        history = trainer.history
        if len(history) > self._printed:
            self._print(trainer)
        if history.ending == EARLY_STOPPING or history.ending.own_words:
            best = f"; restored the weights of epoch {history.best_epoch}"
            self.print_line(
                f"{history.stopped} in epoch {trainer.epoch}{best if history.best_epoch else ''}"
            )

    def on_rollback(self, trainer: Session, problem: str) -> None:
        """Print what happened, and with which learning rate it continues."""
        self.print_line(
            f"{problem}; back to step {trainer.step}, with learning_rate {trainer.base_rate:g}"
        )

    def state(self) -> tuple[dict[str, Floats], dict[str, Any]]:
        """Return the epoch of the last line."""
        return {}, {"printed": self._printed}

    def restore(self, arrays: dict[str, Floats], values: dict[str, Any]) -> None:
        """Continue from there."""
        printed = values["printed"]
        if type(printed) is not int or printed < 0:
            raise ValueError(f"the epoch that was printed last is {printed!r}")
        self._printed = printed

    def _print(self, trainer: Session) -> None:
        self._printed = len(trainer.history)
        self.print_line(epoch_line(trainer))


def epoch_line(trainer: Session) -> str:
    """Return the newest measurements in one line that fits 80 columns."""
    record, epochs = trainer.history[-1], trainer.settings.epochs
    loss, accuracy = f"loss {record.train_loss:.4f}", f"accuracy {record.train_accuracy:7.2%}"
    if record.val_loss is not None:
        loss += f" (val {record.val_loss:.4f})"
        accuracy += f" (val {record.val_accuracy:7.2%})"
    number = f"{record.epoch:{len(str(epochs))}d}/{epochs}"
    return f"epoch {number}  {loss}  {accuracy}  {record.seconds:.2f} s"


def _has(settings: dict[str, Setting], name: str, value: Setting) -> bool:
    return name in settings and bool(settings[name] == value)


def _is_number(value: object) -> bool:
    return type(value) is float and isfinite(value)
