"""What looks on while a network trains: everything that is not the loop itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf, sqrt
from typing import TYPE_CHECKING, Literal

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

    def on_train_end(self, trainer: Trainer) -> None:
        """After the last epoch, however it ended."""


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

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Remember the weights if they are the best so far; lose patience if not."""
        history, network = trainer.history, trainer.network
        record = history[-1]
        value = record.val_loss if self.monitor == "val_loss" else record.val_accuracy
        if value is None:
            raise InputError("early stopping watches validation data, and there is none")
        score = -value if self.monitor == "val_loss" else value
        if score > self.best:
            self.best = score
            history.best_epoch = record.epoch
            self._parameters = network.parameters.copy()
            self._statistics = network.statistics.copy()
        elif history.best_epoch is not None and record.epoch - history.best_epoch >= self.patience:
            trainer.stop_reason = "early stopping"

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
        if history.stopped not in ("finished", "failed"):
            best = f"; took back the weights of epoch {history.best_epoch}"
            self.print_line(
                f"{history.stopped} in epoch {trainer.epoch}{best if history.best_epoch else ''}"
            )

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


def _norm(*arrays: Floats) -> float:
    """Return the Euclidean norm of all the arrays' elements together."""
    return sqrt(sum(float(np.dot(flat, flat)) for flat in (array.ravel() for array in arrays)))
