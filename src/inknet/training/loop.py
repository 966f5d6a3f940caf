"""The training loop: batches go forward, gradients come back, an optimizer steps."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import asdict
from math import isfinite
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.data.dataset import Dataset
from inknet.errors import DivergedError, InputError
from inknet.nn import optimizers
from inknet.nn.arrays import Floats, Labels
from inknet.nn.network import Network
from inknet.nn.ops import NUMPY, Batch, NumpyOps, fastest
from inknet.nn.schedules import SCHEDULES
from inknet.recipes import AugmentRecipe, TrainingRecipe
from inknet.seeds import Streams
from inknet.training.augmentation import Augmentation
from inknet.training.averaging import WeightAverage
from inknet.training.batches import BatchMaker
from inknet.training.callbacks import Callback, EarlyStopping, LayerMonitor, refuse_other_kind
from inknet.training.history import EpochRecord, History, require
from inknet.training.inference import measure
from inknet.training.interrupt import SIGNALS, InterruptFlag
from inknet.training.threads import one_blas_thread

MOST_ROLLBACKS = 10
"""How often a training that diverges goes back before it gives up: at a thousandth of the rate."""


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
    augment
        How the images are distorted that it learns from.

    Raises
    ------
    InputError
        If the settings ask for patience and there is no validation data to watch, or for batches
        of one sample and the network has batch normalization; or to distort what are no images.
    """

    def __init__(
        self,
        network: Network,
        train: Dataset,
        validation: Dataset | None,
        settings: TrainingRecipe,
        streams: Streams,
        callbacks: Sequence[Callback] = (),
        augment: AugmentRecipe | None = None,
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
        self.augmentation = (
            Augmentation(augment, train, network.ops) if augment and augment.is_on else None
        )
        self.batch_maker = BatchMaker(
            train, batch_size, network.dtype, network.ops, augmentation=self.augmentation
        )
        self.optimizer = _optimizer(network, settings)
        self.schedule = SCHEDULES[settings.schedule]
        self.l2 = network.l2(settings.l2_lambda, on_biases=settings.l2_on_biases)
        self.layer_monitor = LayerMonitor()
        self.callbacks: list[Callback] = [self.layer_monitor]
        if settings.patience is not None:
            self.callbacks.append(EarlyStopping(settings.patience, settings.monitor))
        self.average: WeightAverage | None = None
        if settings.average_decay:
            # after early stopping, so that in the end, the other way round, the best ones are kept
            self.average = WeightAverage(settings.average_decay)
            self.callbacks.append(self.average)
        self.callbacks += callbacks  # last, so that they see which epoch is the best
        self.history = History(ops=network.ops.name)
        self._measured = train
        if settings.measured_samples is not None:
            self._measured = train.subset(np.arange(len(train))[: settings.measured_samples])
        self.step = 0
        self.total_steps = settings.epochs * len(self.batch_maker)
        self.learning_rate = 0.0
        self.stop_reason: str | None = None
        self._remember_streams()
        self._started = perf_counter()
        self._epoch_seconds = 0.0
        self._safe_state: tuple[dict[str, Floats], dict[str, Any]] | None = None

    def run(self) -> History:
        """Train until the last epoch, or until something sets `stop_reason`; return the history.

        Ctrl-C or SIGTERM ends it after the current step, with all that was learned so far. A
        trainer runs once.

        Raises
        ------
        DivergedError
            If a loss is no longer a finite number, and the settings say to stop then, or going
            back did not help. The network has the best weights so far, if early stopping knows
            them, or those from the beginning of the epoch.
        """
        self.history.stopped = "failed"  # until it is known to have ended otherwise
        self._started = perf_counter() - self.history.seconds
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
                    try:
                        self._epoch(interrupt)
                    except DivergedError as error:
                        self._go_back(error)
            self.history.stopped = self.stop_reason or "finished"
        finally:  # an error is no reason to keep the terminal, or the best weights
            self.history.seconds = perf_counter() - self._started
            for callback in reversed(self.callbacks):
                callback.on_train_end(self)
            # in use, a model gives the same bits whatever it was trained with
            self.network.use(NUMPY)
        return self.history

    @property
    def epoch(self) -> int:
        """The epoch of the newest step, counted from 1."""
        return 1 + max(self.step - 1, 0) // len(self.batch_maker)

    @property
    def rate_factor(self) -> float:
        """What the learning rate is multiplied by: halved with each time it went back."""
        return 0.5**self.history.rollbacks

    # -- state ------------------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, Floats], dict[str, Any]]:
        """Return all that the training is made of between two steps: arrays, and the rest.

        The arrays are the trainer's own, to be copied; the rest is what JSON can hold. A new
        trainer with the same settings and data that takes them back by `restore` goes on to the
        same bits.
        """
        self.history.seconds = perf_counter() - self._started
        arrays = {"parameters": self.network.parameters, "statistics": self.network.statistics}
        for name, array in self.optimizer.arrays().items():
            arrays[f"optimizer.{name}"] = array
        facts: list[dict[str, Any]] = []
        for number, callback in enumerate(self.callbacks):
            own_arrays, own_facts = callback.state()
            facts.append(own_facts)
            for name, array in own_arrays.items():
                arrays[f"callback.{number}.{name}"] = array
        streams = {
            name: generator.bit_generator.state for name, generator in vars(self.streams).items()
        }
        if self._steps_in_epoch:  # what is drawn for the epoch is drawn again, and must be the same
            streams |= self._streams_before
        whole = {
            "step": self.step,
            "steps_taken": self.optimizer.steps_taken,
            "learning_rate": self.learning_rate,
            "stop_reason": self.stop_reason,
            "streams": streams,
            "callbacks": facts,
            "history": asdict(self.history),
            "epoch_seconds": self._epoch_seconds,
        }
        if self._steps_in_epoch and self._safe_state is not None:
            safe_arrays, whole["safe"] = self._safe_state
            arrays |= {f"safe.{name}": array for name, array in safe_arrays.items()}
        return arrays, whole

    def restore(self, arrays: dict[str, Floats], facts: dict[str, Any]) -> None:
        """Take back what `state` returned, of a trainer with the same settings and data.

        What `state` did not return raises `InputError`, `ValueError`, `TypeError` or `KeyError`.
        """
        for name in ("step", "steps_taken"):
            require(facts, name, int)
        for name in ("learning_rate", "epoch_seconds"):
            require(facts, name, float)
        own = {"parameters": self.network.parameters, "statistics": self.network.statistics}
        for name, array in self.optimizer.arrays().items():
            own[f"optimizer.{name}"] = array
        for name, array in own.items():
            refuse_other_kind(name, arrays[name], array)
            array[:] = arrays[name]
        for number, (callback, own_facts) in enumerate(
            zip(self.callbacks, facts["callbacks"], strict=True)
        ):
            prefix = f"callback.{number}."
            own_arrays = {
                name.removeprefix(prefix): array.copy()
                for name, array in arrays.items()
                if name.startswith(prefix)
            }
            callback.restore(own_arrays, own_facts)
        for name, generator in vars(self.streams).items():
            generator.bit_generator.state = facts["streams"][name]
        self.step = facts["step"]
        self.optimizer.steps_taken = facts["steps_taken"]
        self.learning_rate = facts["learning_rate"]
        self._remember_streams()
        # a signal ended that process, not this one
        self.stop_reason = (
            None if facts["stop_reason"] in SIGNALS.values() else facts["stop_reason"]
        )
        self.history.restore(facts["history"])
        self._epoch_seconds = facts["epoch_seconds"]
        if not 0 <= self._steps_in_epoch <= len(self.batch_maker):
            raise ValueError(f"step {self.step:,} is not in epoch {len(self.history) + 1}")
        if "safe" in facts:
            prefix = "safe."
            self._safe_state = (
                {
                    name.removeprefix(prefix): array.copy()
                    for name, array in arrays.items()
                    if name.startswith(prefix)
                },
                facts["safe"],
            )

    @property
    def _steps_in_epoch(self) -> int:
        """Steps taken in the epoch that is not yet in the history."""
        return self.step - len(self.history) * len(self.batch_maker)

    # -- an epoch ---------------------------------------------------------------------------------

    def _epoch(self, interrupt: InterruptFlag) -> None:
        """Use every sample once, then measure; or end early, without a record."""
        started = perf_counter() - self._epoch_seconds
        if self._safe_state is None or self._steps_in_epoch == 0:
            self._remember()
        self._remember_streams()
        first = self._steps_in_epoch
        order = self._order()[first * self.batch_maker.batch_size :]
        key, strength = self._distortions()
        for x, labels in self.batch_maker.batches(order, key=key, first=first, strength=strength):
            self._step(x, labels)
            self._epoch_seconds = perf_counter() - started
            self.stop_reason = self.stop_reason or interrupt.reason
            if self.stop_reason is not None:
                return
        self.history.records.append(self._measure(started, perf_counter()))
        self._epoch_seconds = 0.0
        for callback in self.callbacks:
            callback.on_epoch_end(self)
        self.stop_reason = self.stop_reason or interrupt.reason

    def _remember_streams(self) -> None:
        """Keep the state of the streams from which something is drawn for a whole epoch."""
        self._streams_before = {
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

    def _step(self, x: Batch, labels: Labels) -> None:
        """Learn from one batch."""
        network, settings = self.network, self.settings
        self.learning_rate = settings.learning_rate * self.rate_factor * self._schedule_factor()
        loss = network.loss_and_gradients(
            x, labels, self.streams.dropout, label_smoothing=settings.label_smoothing
        )
        self._check_finite(loss, f"the loss of step {self.step + 1:,}")
        self.l2.add_gradient(len(x))
        for callback in self.callbacks:
            callback.on_gradients(self)
        if settings.clip_value is not None:
            optimizers.clip_by_value(network.gradients, settings.clip_value)
        if settings.clip_norm is not None:
            optimizers.clip_by_norm(network.gradients, settings.clip_norm)
        self.optimizer.step(network.parameters, network.gradients, self.learning_rate)
        if settings.max_norm is not None:
            for layer in network.dense_layers[:-1]:
                optimizers.limit_norms(layer.weight, settings.max_norm)
        self.step += 1
        for callback in self.callbacks:
            callback.on_step_end(self)

    def _schedule_factor(self) -> float:
        """Return the part of the highest rate that the next step has."""
        factor = self.schedule(self.step / self.total_steps)
        warm_steps = self.settings.warmup * self.total_steps
        return factor * min(1.0, (self.step + 1) / warm_steps) if warm_steps else factor

    # -- divergence -------------------------------------------------------------------------------

    def _remember(self) -> None:
        """Keep what a training that diverges in this epoch goes back to, or leaves behind."""
        if self.settings.on_divergence == "stop":
            self._safe_weights = [array.copy() for array in self._weights()]
            return
        arrays, facts = self.state()
        copies = {name: array.copy() for name, array in arrays.items()}
        self._safe_state = copies, deepcopy(facts)

    def _go_back(self, error: DivergedError) -> None:
        """Go back to the beginning of the epoch; and on from there at half the rate, or not."""
        if self._safe_state is None:
            for array, safe in zip(self._weights(), self._safe_weights, strict=True):
                array[:] = safe
            raise error
        tried = self.history.rollbacks
        self.restore(*deepcopy(self._safe_state))
        if tried == MOST_ROLLBACKS:
            raise DivergedError(
                f"{error}; it went back {tried} times, with ever lower rates, and that did not help"
            )
        self.history.rollbacks = tried + 1
        self._remember()
        for callback in self.callbacks:
            callback.on_rollback(self, str(error))

    def _weights(self) -> list[Floats]:
        """Return all that was learned: the network's own arrays, and their averages."""
        averages = self.average.arrays.values() if self.average else ()
        return [self.network.parameters, self.network.statistics, *averages]

    def weights_in_use(self) -> tuple[Floats, Floats]:
        """Return copies of the parameters and statistics that the network would end with now."""
        with self.average.in_place(self.network) if self.average else nullcontext():
            return self.network.parameters.copy(), self.network.statistics.copy()

    def _measure(self, started: float, trained: float) -> EpochRecord:
        """Look at the network as it would be used after the epoch."""
        with self.average.in_place(self.network) if self.average else nullcontext():
            return self._measure_network(started, trained)

    def _measure_network(self, started: float, trained: float) -> EpochRecord:
        # where every step has the same samples in the same order, they are there already
        is_there = (
            len(self.batch_maker) == 1
            and not self.settings.shuffle
            and self.augmentation is None
            and self._measured is self.train
        )
        loaded = self.batch_maker.whole() if is_there else None
        train_loss, train_accuracy = measure(self.network, self._measured, loaded)
        self._check_finite(train_loss, "the training loss")
        val_loss, val_accuracy = (
            measure(self.network, self.validation) if self.validation else (None, None)
        )
        if val_loss is not None:
            self._check_finite(val_loss, "the validation loss")
        # behind a sigmoid or tanh an infinite weight does not show in any loss
        for values in (self.network.parameters, self.network.statistics):
            if not np.isfinite(values).all():
                self._check_finite(float(np.abs(values).max()), "the largest number learned")
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
        if isfinite(loss):
            return
        broken = self.network.first_broken_layer()
        if broken is not None:
            where = f"layer {broken[0]} was the first, its {broken[1]} are not finite"
        elif not np.isfinite(self.network.statistics).all():
            where = "the running statistics of batch normalization are not finite"
        else:
            where = "every layer's weights and outputs are finite, the loss alone is not"
        rate = self.settings.learning_rate * self.rate_factor
        goes_back = self.settings.on_divergence == "go_back"
        going_back = "" if goes_back else ', or on_divergence = "go_back"'
        raise DivergedError(
            f"training diverged: {what} in epoch {len(self.history) + 1} is {loss}; {where}; "
            f"try a lower learning_rate than {rate:g}, or clip_norm{going_back}"
        )


def _optimizer(network: Network, settings: TrainingRecipe) -> optimizers.Optimizer:
    options: dict[str, Any] = {}
    if settings.optimizer == "adamw":
        options = {"weight_decay": settings.weight_decay, "n_weights": network.n_weights}
    return optimizers.OPTIMIZERS[settings.optimizer](network.parameters, network.ops, **options)


def _fastest_ops() -> NumpyOps:
    try:
        return fastest()
    except ValueError as error:
        raise InputError(str(error)) from None
