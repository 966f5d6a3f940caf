"""The training loop: batches go forward, gradients come back, an optimizer steps."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.data.dataset import Dataset
from inknet.errors import DivergedError, InputError
from inknet.nn.network import Network
from inknet.nn.ops import NumpyOps
from inknet.nn.optimizers import OPTIMIZERS, Optimizer
from inknet.recipes import AugmentRecipe, TrainingRecipe
from inknet.seeds import Streams
from inknet.training.augmentation import Augmentation
from inknet.training.averaging import WeightAverage
from inknet.training.batches import BatchMaker
from inknet.training.callbacks import Callback, EarlyStopping, checked_callbacks
from inknet.training.divergence import ReturnPoint, diverged
from inknet.training.ending import FAILED, FINISHED, Ending
from inknet.training.fastest import ops_for
from inknet.training.history import History
from inknet.training.interrupt import InterruptFlag
from inknet.training.layer_monitor import LayerMonitor
from inknet.training.measuring import Measuring, measured_part
from inknet.training.state import Arrays, Moment
from inknet.training.step import Measured, Training
from inknet.training.threads import one_blas_thread


class Trainer(Training):
    """Trains one network on one dataset, as a recipe says.

    Parameters
    ----------
    network
        What to train.
    train, validation
        Samples to learn from, and samples to validate on (or None).
    settings
        How to train.
    streams
        The random generators for shuffling, dropout and distortions.
    callbacks
        Called in addition to those that the settings ask for.
    augment
        How the training images are distorted.
    began_on
        The operations that a training began on which is resumed; see `ops_for_training`.

    Raises
    ------
    InputError
        If the settings ask for patience without validation data, for batches of one sample with
        batch normalization, or for distortions of samples that are not images.
    """

    def __init__(
        self,
        network: Network,
        train: Dataset,
        validation: Dataset | None,
        settings: TrainingRecipe,
        streams: Streams,
        callbacks: Sequence[Callback] | None = None,
        augment: AugmentRecipe | None = None,
        began_on: str = "",
    ) -> None:
        callbacks = checked_callbacks(callbacks)
        uses_batch_norm = network.architecture.batch_norm != "none"
        if uses_batch_norm and (settings.batch_size == 1 or len(train) == 1):
            raise InputError("batch_norm needs batches of 2 samples or more, not of 1")
        if settings.patience is not None and validation is None:
            raise InputError("patience needs validation data: give X_val and y_val too")
        self.train, self.validation, self.streams = train, validation, streams
        network.use(ops_for_training(settings, network, len(train), began_on))
        batch_size = len(train) if settings.batch_size == "all" else settings.batch_size
        self.augmentation = (
            Augmentation(augment, train, network.ops) if augment and augment.is_on else None
        )
        self.batch_maker = BatchMaker(
            train, batch_size, network.dtype, network.ops, augmentation=self.augmentation
        )
        super().__init__(
            network,
            optimizer_for(settings, network),
            settings,
            streams.dropout,
            len(self.batch_maker),
            [*callbacks_for(settings), *callbacks],
        )
        self.measured = measured_part(train, validation, settings.measured_samples)
        self._on_validation = Measuring(network, validation) if validation else None
        self._on_train: Measuring | None = None  # made when it is known how batches are loaded
        self.epoch_seconds = 0.0
        self.safe: tuple[Arrays, Moment] | None = None
        self._return_point = ReturnPoint()
        self._remember_streams()

    def run(self) -> History:
        """Train until the last epoch, or until something sets `stop_reason`; return the history.

        Ctrl-C, SIGTERM or SIGHUP ends it after the current step, and the network keeps what was
        learned so far; then the signal is delivered, see `InterruptFlag`. A trainer runs once.

        Raises
        ------
        DivergedError
            If a loss is no longer a finite number, and the settings say to stop then, or going
            back did not help. The network has the best weights so far if there is early stopping,
            otherwise those from the beginning of the epoch.
        KeyboardInterrupt
            After Ctrl-C, unless the caller holds an `InterruptFlag` of its own.
        """
        try:
            self.begin()
        except BaseException:
            self.end()
            raise
        with InterruptFlag() as interrupt:
            try:
                self._run_epochs(interrupt)
            finally:  # after an error too: the progress bar ends, the best weights are restored
                self.end()
        return self.history

    def _run_epochs(self, interrupt: InterruptFlag) -> None:
        """Train, and say in the history how it ended."""
        # an overflow shows in the loss, which each step checks: no need for warnings or errors too
        with one_blas_thread(), np.errstate(all="ignore"):
            while len(self.history) < self.settings.epochs and self.stop_reason is None:
                try:
                    self._epoch(interrupt)
                except DivergedError as error:
                    self._return_point.go_back(self, error)
                    self._return_point.remember(self)
                    self.tell("on_rollback", str(error))
        reason = self.stop_reason
        self.history.ending = FINISHED if reason is None else Ending.of(reason)

    def _epoch(self, interrupt: InterruptFlag) -> None:
        """Use every sample once, then measure; or end early, without a record."""
        began = perf_counter() - self.epoch_seconds
        if self.safe is None or self.steps_in_epoch == 0:
            self._return_point.remember(self)
        self._remember_streams()
        first = self.steps_in_epoch
        order = self._order()[first * self.batch_maker.batch_size :]
        key, strength = self._distortions()
        for x, labels in self.batch_maker.batches(order, key=key, first=first, strength=strength):
            self.learn(x, labels)
            self.epoch_seconds = perf_counter() - began
            self.stop_reason = self.stop_reason or interrupt.reason
            self.tell("on_safe_point")
            if self.stop_reason is not None:
                return
        self.record(self._measure, began)
        self.epoch_seconds = 0.0
        self.stop_reason = self.stop_reason or interrupt.reason
        self.tell("on_safe_point")

    @property
    def base_rate(self) -> float:
        """The rate that the schedule multiplies: halved each time the training went back."""
        return self.settings.learning_rate * 0.5**self.history.rollbacks

    @property
    def steps_in_epoch(self) -> int:
        """Steps taken in the epoch that is not yet in the history."""
        return self.step - len(self.history) * self.steps_per_epoch

    def _remember_streams(self) -> None:
        """Keep the state of the streams that are drawn from once per epoch."""
        self.streams_before = {
            name: getattr(self.streams, name).bit_generator.state
            for name in ("shuffling", "augmentation")
        }

    def _order(self) -> NDArray[np.intp]:
        """Return the order of the samples in the next epoch."""
        if self.settings.shuffle:
            return self.streams.shuffling.permutation(len(self.train))
        return np.arange(len(self.train))

    def _distortions(self) -> tuple[int, float]:
        """Return what decides how images are distorted in the next epoch: key and strength."""
        if self.augmentation is None:
            return 0, 1.0
        epochs = self.settings.epochs
        strength = self.augmentation.strength(epochs - 1 - len(self.history), epochs)
        return int(self.streams.augmentation.integers(2**63)), strength

    def _measure(self) -> Measured:
        """Return loss and accuracy on a part of the training data, and on validation data.

        Refuse what is not finite.
        """
        self._on_train = self._on_train or self._measuring(self.measured)
        on_train = self._on_train()
        self._check_finite(on_train[0], "the training loss")
        on_validation = None
        if self._on_validation:
            on_validation = self._on_validation()
            self._check_finite(on_validation[0], "the validation loss")
        # an infinite weight before a sigmoid or tanh does not show in any loss
        for values in (self.network.parameters, self.network.statistics):
            if not np.isfinite(values).all():
                self._check_finite(float(np.abs(values).max()), "the largest number learned")
        return on_train, on_validation or (None, None)

    def _measuring(self, part: Dataset) -> Measuring:
        """Return what measures a part of the training data, or all of it."""
        # if every step has the same samples in the same order, they are loaded already
        is_loaded = (
            len(self.batch_maker) == 1
            and not self.settings.shuffle
            and self.augmentation is None
            and part is self.train
        )
        return Measuring(self.network, part, self.batch_maker.whole() if is_loaded else None)

    def conclude(self) -> None:
        """Measure the network that the training leaves on all training samples."""
        history = self.history
        if history.ending is FAILED or history.ending.by_signal:
            return
        with one_blas_thread(), np.errstate(all="ignore"):
            loss, accuracy = self._measuring(self.train)()
        if isfinite(loss):
            history.train_loss, history.train_accuracy = loss, accuracy

    def check_loss(self, loss: float) -> None:
        """Raise `DivergedError` unless the loss of the current step is finite."""
        if not isfinite(loss):
            raise diverged(self, loss, f"the loss of step {self.step + 1:,}")

    def _check_finite(self, loss: float, what: str) -> None:
        if not isfinite(loss):
            self.loss = loss
            raise diverged(self, loss, what)


def ops_for_training(
    settings: TrainingRecipe, network: Network, n_samples: int, began_on: str = ""
) -> NumpyOps:
    """Return the operations that such a training runs on, see `inknet.training.fastest`."""
    size = n_samples if settings.batch_size == "all" else settings.batch_size
    n_steps = -(-n_samples // size)
    epochs = settings.epochs
    return ops_for(network.n_weights, n_samples * epochs, n_steps * epochs, began_on)


def callbacks_for(settings: TrainingRecipe) -> list[Callback]:
    """Return the callbacks that the settings ask for."""
    callbacks: list[Callback] = [LayerMonitor()]
    if settings.patience is not None:
        callbacks.append(EarlyStopping(settings.patience, settings.monitor))
    if settings.average_decay:
        callbacks.append(WeightAverage(settings.average_decay))
    return callbacks


def optimizer_for(settings: TrainingRecipe, network: Network) -> Optimizer:
    """Return the optimizer that the settings ask for."""
    options: dict[str, Any] = {}
    if settings.optimizer == "adamw":
        options = {"weight_decay": settings.weight_decay, "n_weights": network.n_weights}
    return OPTIMIZERS[settings.optimizer](network.parameters, network.ops, **options)
