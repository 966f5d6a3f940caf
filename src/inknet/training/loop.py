"""The training loop: batches go forward, gradients come back, an optimizer steps."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from inknet.data.dataset import Dataset
from inknet.errors import DivergedError, InputError
from inknet.nn import optimizers
from inknet.nn.arrays import Labels
from inknet.nn.network import Network
from inknet.nn.ops import NUMPY, Batch, NumpyOps, fastest
from inknet.nn.schedules import SCHEDULES
from inknet.recipe import TrainingRecipe
from inknet.seeds import Streams
from inknet.training.batches import BatchMaker
from inknet.training.callbacks import Callback, EarlyStopping, LayerMonitor
from inknet.training.history import EpochRecord, History
from inknet.training.inference import measure
from inknet.training.interrupt import InterruptFlag
from inknet.training.threads import one_blas_thread


class Trainer:
    """Trains one network on one dataset.

    Attributes
    ----------
    network : Network
        Changed in place.
    train, validation : Dataset, Dataset or None
    settings : TrainingRecipe
    optimizer : Optimizer
    learning_rate : float
        The rate of the newest step.
    callbacks : list of Callback
        In the order in which they are called; the trainer's own come first.
    history : History
        Grows by one record an epoch.
    step : int
        Steps taken so far; `total_steps` is where the schedule ends.
    stop_reason : str or None
        Set it, from a callback, to end the training after the current step.

    Parameters
    ----------
    network
        What to train.
    train, validation
        Samples to learn from, and samples to watch (or None).
    settings
        How to train.
    streams
        The random generators for shuffling and dropout.
    callbacks
        What looks on, in the order in which it is called.

    Raises
    ------
    InputError
        If the settings ask for patience and there is no validation data to watch, or for batches
        of one sample and the network has batch normalization.
    """

    def __init__(
        self,
        network: Network,
        train: Dataset,
        validation: Dataset | None,
        settings: TrainingRecipe,
        streams: Streams,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        uses_batch_norm = network.architecture.batch_norm != "none"
        if uses_batch_norm and (settings.batch_size == 1 or len(train) == 1):
            raise InputError("batch_norm needs batches of 2 samples or more, not of 1")
        if settings.patience is not None and validation is None:
            raise InputError("patience watches validation data: give X_val and y_val too")
        self.network, self.settings, self.streams = network, settings, streams
        self.train, self.validation = train, validation
        batch_size = len(train) if settings.batch_size == "all" else settings.batch_size
        network.use(_fastest_ops())
        self.batch_maker = BatchMaker(train, batch_size, network.dtype, network.ops)
        optimizer = optimizers.OPTIMIZERS[settings.optimizer]
        self.optimizer = optimizer(network.parameters, network.ops)
        self.schedule = SCHEDULES[settings.schedule]
        self.l2 = network.l2(settings.l2_lambda, on_biases=settings.l2_on_biases)
        self.layer_monitor = LayerMonitor()
        self.callbacks: list[Callback] = [self.layer_monitor]
        if settings.patience is not None:
            self.callbacks.append(EarlyStopping(settings.patience, settings.monitor))
        self.callbacks += callbacks  # last, so that they see which epoch is the best
        self.history = History(ops=network.ops.name)
        self.step = 0
        self.total_steps = settings.epochs * len(self.batch_maker)
        self.learning_rate = 0.0
        self.stop_reason: str | None = None

    def run(self) -> History:
        """Train until the last epoch, or until something sets `stop_reason`; return the history.

        Ctrl-C ends it after the current step, with all that was learned so far. A trainer runs
        once.

        Raises
        ------
        DivergedError
            If a loss is no longer a finite number.
        """
        self.history.stopped = "failed"  # until it is known to have ended otherwise
        try:
            self.network.ops.prepare(self.network.dtype)
            for callback in self.callbacks:
                callback.on_train_begin(self)
            with (
                InterruptFlag() as interrupt,
                one_blas_thread(),
                # an overflow shows in the loss, which each step checks; NumPy need not warn as well
                np.errstate(over="ignore", invalid="ignore"),
            ):
                while len(self.history) < self.settings.epochs and self.stop_reason is None:
                    self._epoch(interrupt)
            self.history.stopped = self.stop_reason or "finished"
        finally:  # an error is no reason to keep the terminal, or the best weights
            for callback in self.callbacks:
                callback.on_train_end(self)
            # in use, a model gives the same bits whatever it was trained with
            self.network.use(NUMPY)
        return self.history

    @property
    def epoch(self) -> int:
        """The epoch of the newest step, counted from 1."""
        return 1 + max(self.step - 1, 0) // len(self.batch_maker)

    def _epoch(self, interrupt: InterruptFlag) -> None:
        """Use every sample once, then measure; or end early, without a record."""
        started = perf_counter()
        for x, labels in self.batch_maker.batches(self._order()):
            self._step(x, labels)
            if interrupt.is_set:
                self.stop_reason = "interrupted"
            if self.stop_reason is not None:
                return
        self.history.records.append(self._measure(started, perf_counter()))
        for callback in self.callbacks:
            callback.on_epoch_end(self)

    def _order(self) -> NDArray[np.intp]:
        """Return the order of the samples in the next epoch."""
        if self.settings.shuffle:
            return self.streams.shuffling.permutation(len(self.train))
        return np.arange(len(self.train))

    def _step(self, x: Batch, labels: Labels) -> None:
        """Learn from one batch."""
        network, settings = self.network, self.settings
        self.learning_rate = settings.learning_rate * self.schedule(self.step / self.total_steps)
        loss = network.loss_and_gradients(
            x, labels, self.streams.dropout, label_smoothing=settings.label_smoothing
        )
        self._check_finite(loss, f"the loss of step {self.step + 1}")
        self.l2.add_gradient(len(x))
        for callback in self.callbacks:
            callback.on_gradients(self)
        if settings.clip_value is not None:
            optimizers.clip_by_value(network.gradients, settings.clip_value)
        if settings.clip_norm is not None:
            optimizers.clip_by_norm(network.gradients, settings.clip_norm)
        self.optimizer.step(network.parameters, network.gradients, self.learning_rate)
        self.step += 1
        for callback in self.callbacks:
            callback.on_step_end(self)

    def _measure(self, started: float, trained: float) -> EpochRecord:
        """Look at the network as it is after the epoch."""
        train_loss, train_accuracy = measure(self.network, self.train)
        self._check_finite(train_loss, "the training loss")
        val_loss, val_accuracy = (
            measure(self.network, self.validation) if self.validation else (None, None)
        )
        if val_loss is not None:
            self._check_finite(val_loss, "the validation loss")
        gradient_norms, active_fractions = self.layer_monitor.means()
        return EpochRecord(
            epoch=len(self.history) + 1,
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            learning_rate=self.learning_rate,
            seconds=perf_counter() - started,
            training_seconds=trained - started,
            gradient_norms=gradient_norms,
            active_fractions=active_fractions,
        )

    def _check_finite(self, loss: float, what: str) -> None:
        if not isfinite(loss):
            raise DivergedError(
                f"training diverged: {what} in epoch {len(self.history) + 1} is {loss}; "
                f"try a lower learning_rate than {self.settings.learning_rate:g}, or clip_norm"
            )


def _fastest_ops() -> NumpyOps:
    try:
        return fastest()
    except ValueError as error:
        raise InputError(str(error)) from None
