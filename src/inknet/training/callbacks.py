"""What looks on while a network trains: everything that is not the loop itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf, sqrt
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from inknet.errors import InputError

if TYPE_CHECKING:
    from inknet.nn.arrays import Floats
    from inknet.training.loop import Trainer


class Callback:
    """Called by the trainer at each event; override what you need.

    A callback may read everything in the trainer, and may set ``trainer.stop_reason``.
    """

    def on_train_begin(self, trainer: Trainer) -> None:
        """Before the first step."""

    def on_gradients(self, trainer: Trainer) -> None:
        """In each step, when the gradients are known, before clipping and the step itself."""

    def on_step_end(self, trainer: Trainer) -> None:
        """After each step."""

    def on_epoch_end(self, trainer: Trainer) -> None:
        """After each epoch; ``trainer.history[-1]`` holds its measurements."""

    def on_rollback(self, trainer: Trainer, problem: str) -> None:
        """When a training that diverged has gone back; ``problem`` says why, on one line."""

    def on_train_end(self, trainer: Trainer) -> None:
        """After the last epoch, however it ended; called in the reverse order."""

    def state(self) -> tuple[dict[str, Floats], dict[str, Any]]:
        """Return what it must find again when a training goes on: arrays, and what JSON can hold.

        Between two steps; the arrays may be its own, they are copied.
        """
        return {}, {}

    def restore(self, arrays: dict[str, Floats], facts: dict[str, Any]) -> None:
        """Take back what `state` returned; the arrays are copies, and now its own."""


class LayerMonitor(Callback):
    """Samples gradient norms and active neurons of each layer, every tenth step.

    A tenth of the steps tells the mean as well as all of them would, at a tenth of the cost. The
    first step of an epoch is always among them, so that every epoch has a mean.
    """

    INTERVAL = 10

    def __init__(self) -> None:
        self._norms: list[list[float]] = []
        self._active: list[list[float]] = []

    def on_gradients(self, trainer: Trainer) -> None:
        """Take a sample."""
        if trainer.step % self.INTERVAL == 0 or not self._norms:
            layers = trainer.network.dense_layers
            self._norms.append([_norm(d.weight_gradient, d.bias_gradient) for d in layers])
            self._active.append(
                [layer.active_fraction() for layer in trainer.network.activation_layers]
            )

    def state(self) -> tuple[dict[str, Floats], dict[str, Any]]:
        """Return the samples of the epoch so far."""
        return {}, {"norms": self._norms, "active": self._active}

    def restore(self, arrays: dict[str, Floats], facts: dict[str, Any]) -> None:
        """Go on with these samples."""
        self._norms, self._active = list(facts["norms"]), list(facts["active"])

    def means(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the means of the epoch's samples, and begin anew."""
        norms = tuple(np.mean(self._norms, axis=0).tolist())
        active = tuple(np.mean(self._active, axis=0).tolist())
        self._norms, self._active = [], []
        return norms, active


class EarlyStopping(Callback):
    """Stops when the monitored metric has not improved for `patience` epochs.

    The network ends with the weights of its best epoch, not with the last ones.
    """

    def __init__(self, patience: int, monitor: Literal["val_loss", "val_accuracy"]) -> None:
        self.patience, self.monitor = patience, monitor
        self.best = -inf
        self._parameters: Floats | None = None
        self._statistics: Floats | None = None

    def on_train_begin(self, trainer: Trainer) -> None:
        """Refuse best weights, of a training that goes on, which are not of this network."""
        parameters, statistics = self._parameters, self._statistics
        if parameters is None or statistics is None:
            return
        self._parameters = self._statistics = None  # not to be given back, if they are refused
        refuse_other_kind("the best parameters", parameters, trainer.network.parameters)
        refuse_other_kind("the best statistics", statistics, trainer.network.statistics)
        self._parameters, self._statistics = parameters, statistics

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Remember the weights if they are the best so far; lose patience if not."""
        history = trainer.history
        record = history[-1]
        value = record.val_loss if self.monitor == "val_loss" else record.val_accuracy
        if value is None:
            raise InputError("early stopping watches validation data, and there is none")
        score = -value if self.monitor == "val_loss" else value
        if score > self.best:
            self.best = score
            history.best_epoch = record.epoch
            self._parameters, self._statistics = trainer.weights_in_use()
        elif history.best_epoch is not None and record.epoch - history.best_epoch >= self.patience:
            trainer.stop_reason = "early stopping"

    def state(self) -> tuple[dict[str, Floats], dict[str, Any]]:
        """Return the best weights so far, and how good they are."""
        if self._parameters is None or self._statistics is None:
            return {}, {"best": None}
        best = {"parameters": self._parameters, "statistics": self._statistics}
        return best, {"best": self.best}

    def restore(self, arrays: dict[str, Floats], facts: dict[str, Any]) -> None:
        """Go on with these as the best."""
        self.best = -inf if facts["best"] is None else facts["best"]
        self._parameters, self._statistics = arrays.get("parameters"), arrays.get("statistics")

    def on_train_end(self, trainer: Trainer) -> None:
        """Give the best weights back."""
        if self._parameters is not None and self._statistics is not None:
            trainer.network.parameters[:] = self._parameters
            trainer.network.statistics[:] = self._statistics


class EpochLines(Callback):
    """Prints the measurements of the first epoch, of every `interval`-th, and of the last."""

    def __init__(self, interval: int, print_line: Callable[[str], object] | None = None) -> None:
        self.interval = interval
        self.print_line = print_line or partial(print, flush=True)
        self._printed = 0

    def on_train_begin(self, trainer: Trainer) -> None:
        """Say where it goes on, if it did not just begin."""
        if trainer.step:
            self.print_line(f"going on after step {trainer.step:,} of {trainer.total_steps:,}")

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Print a line if it is time."""
        epoch = len(trainer.history)
        if epoch == 1 or epoch % self.interval == 0:
            self._print(trainer)

    def on_train_end(self, trainer: Trainer) -> None:
        """Print the last line, unless it is there already, and why the training ended early."""
        history = trainer.history
        if len(history) > self._printed:
            self._print(trainer)
        if history.stopped not in ("finished", "failed", "interrupted", "terminated"):
            best = f"; took back the weights of epoch {history.best_epoch}"
            self.print_line(
                f"{history.stopped} in epoch {trainer.epoch}{best if history.best_epoch else ''}"
            )

    def on_rollback(self, trainer: Trainer, problem: str) -> None:
        """Print what happened, and with which learning rate it goes on."""
        rate = trainer.settings.learning_rate * trainer.rate_factor
        self.print_line(f"{problem}; back to step {trainer.step}, with learning_rate {rate:g}")

    def state(self) -> tuple[dict[str, Floats], dict[str, Any]]:
        """Return how far the lines got."""
        return {}, {"printed": self._printed}

    def restore(self, arrays: dict[str, Floats], facts: dict[str, Any]) -> None:
        """Go on from there."""
        self._printed = facts["printed"]

    def _print(self, trainer: Trainer) -> None:
        self._printed = len(trainer.history)
        self.print_line(epoch_line(trainer))


def epoch_line(trainer: Trainer) -> str:
    """Return the newest measurements in one line that fits 80 columns."""
    record, epochs = trainer.history[-1], trainer.settings.epochs
    loss, accuracy = f"loss {record.train_loss:.4f}", f"accuracy {record.train_accuracy:7.2%}"
    if record.val_loss is not None:
        loss += f" (val {record.val_loss:.4f})"
        accuracy += f" (val {record.val_accuracy:7.2%})"
    number = f"{record.epoch:{len(str(epochs))}d}/{epochs}"
    return f"epoch {number}  {loss}  {accuracy}  {record.seconds:.2f} s"


def refuse_other_kind(name: str, found: Floats, expected: Floats) -> None:
    """Raise `InputError` unless an array has the shape and type of another."""
    if (found.shape, found.dtype) != (expected.shape, expected.dtype):
        raise InputError(
            f"the checkpoint does not fit this training: {name} are {found.dtype} {found.shape}; "
            f"expected {expected.dtype} {expected.shape}"
        )


def _norm(*arrays: Floats) -> float:
    """Return the Euclidean norm of all the arrays' elements together."""
    return sqrt(sum(float(np.dot(flat, flat)) for flat in (array.ravel() for array in arrays)))
