"""One step of learning, and one record of an epoch: the part that all trainings share.

`inknet.training.loop` runs a training by a recipe, `inknet.sklearn.solvers` one by scikit-learn's
rules. Both take their steps here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from time import perf_counter
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from inknet.nn.arrays import Floats, Labels
from inknet.nn.network import Network
from inknet.nn.ops import NUMPY, Batch
from inknet.nn.optimizers import Optimizer, clip_by_norm, clip_by_value, limit_norms
from inknet.nn.schedules import SCHEDULES
from inknet.training.adversarial import Adversarial
from inknet.training.callbacks import Callback, checked_callbacks, listeners
from inknet.training.ending import FAILED, Ending
from inknet.training.history import EpochRecord, History
from inknet.training.ownership import Ownership

if TYPE_CHECKING:
    from inknet.recipes import TrainingRecipe

Measured = tuple[tuple[float, float], tuple[float, float] | tuple[None, None]]
"""Mean loss and accuracy on the training data; on the validation data, or None and None."""


class Training:
    """A training in progress: its parts, how far it is, and how it takes a step.

    It is the `Session` that callbacks see. A subclass calls `begin`, `learn` for each batch,
    `record` for each epoch, and `end`.

    Parameters
    ----------
    network
        The network to train, with the operations to train with. Changed in place.
    optimizer
        What changes the parameters.
    settings
        How to train.
    generator
        Draws the dropout masks, and the random vectors of `inknet.training.adversarial`.
    steps_per_epoch
        How many batches an epoch has.
    callbacks
        Called at each event; their order has no meaning.
    identity
        That of the training that this one continues; without it, the training is new, and its
        callbacks start afresh.
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        settings: TrainingRecipe,
        generator: np.random.Generator,
        steps_per_epoch: int,
        callbacks: Sequence[Callback] | None,
        identity: str | None = None,
    ) -> None:
        self.network, self.optimizer, self.settings = network, optimizer, settings
        self.generator, self.steps_per_epoch = generator, steps_per_epoch
        self.callbacks = checked_callbacks(callbacks)
        self.listeners = listeners(self.callbacks)
        self.identity = identity or uuid4().hex
        self._ownership: Ownership | None = None
        self.history = History(ops=network.ops.name)
        epsilon = settings.adversarial
        self.objective = Adversarial(network, epsilon) if epsilon else network
        self.l2 = network.l2(settings.l2_lambda, on_biases=settings.l2_on_biases)
        self.schedule: Callable[[float], float] = SCHEDULES[settings.schedule]
        self.step = 0
        self.total_steps = settings.epochs * steps_per_epoch
        self.learning_rate = 0.0
        self.loss = 0.0
        self.stop_reason: Ending | str | None = None
        self.started = perf_counter()

    @property
    def epoch(self) -> int:
        """The epoch of the newest step, counted from 1."""
        return 1 + max(self.step - 1, 0) // self.steps_per_epoch

    @property
    def seconds(self) -> float:
        """Wall time of the training so far."""
        return perf_counter() - self.started

    @property
    def base_rate(self) -> float:
        """The rate that the schedule multiplies."""
        return self.settings.learning_rate

    def begin(self) -> None:
        """Prepare the training, and tell the callbacks."""
        self.history.ending = FAILED  # until it is known to have ended otherwise
        self.started = perf_counter() - self.history.seconds
        self.listeners = listeners(())  # nobody is told of a training that is refused
        self._ownership = Ownership(self.callbacks, self.identity)
        self.listeners = listeners(self.callbacks)
        self.tell("on_train_begin")

    def tell(self, event: str, *details: object) -> None:
        """Call the callbacks that listen to an event."""
        for listen in self.listeners[event]:
            listen(self, *details)

    def schedule_factor(self) -> float:
        """Return the factor on the base rate for the next step."""
        settings = self.settings
        factor = self.schedule(self.step / self.total_steps)
        warm_steps = settings.warmup * self.total_steps
        return factor * min(1.0, (self.step + 1) / warm_steps) if warm_steps else factor

    def check_loss(self, loss: float) -> None:
        """Raise an error if a training with such a loss must not continue."""

    def learn(
        self, x: Batch, targets: Labels | Floats, sample_weight: Floats | None = None
    ) -> float:
        """Learn from one batch; return its mean loss, with the adversarial term if there is one.

        The penalty of L2 is not in it.

        Parameters
        ----------
        x : batch of n rows
        targets : (n,) of classes; or (n, n_outputs) of 0 and 1
        sample_weight : (n,), optional
            How much each sample counts. They must not sum to 0.
        """
        network, settings = self.network, self.settings
        self.learning_rate = self.base_rate * self.schedule_factor()
        loss = self.objective.loss_and_gradients(
            x,
            targets,
            self.generator,
            label_smoothing=settings.label_smoothing,
            sample_weight=sample_weight,
        )
        self.loss = loss
        self.check_loss(loss)
        self.l2.add_gradient(len(x) if sample_weight is None else float(sample_weight.sum()))
        self.tell("on_gradients")
        if settings.clip_value is not None:
            clip_by_value(network.gradients, settings.clip_value)
        if settings.clip_norm is not None:
            clip_by_norm(network.gradients, settings.clip_norm)
        self.optimizer.step(network.parameters, network.gradients, self.learning_rate)
        if settings.max_norm is not None:
            for layer in network.dense_layers[:-1]:
                limit_norms(layer.weight, settings.max_norm)
        self.step += 1
        self.tell("on_step_end")
        return loss

    def record(self, measure: Callable[[], Measured], began: float) -> None:
        """Measure the network as it would be used now, and add the epoch to the history.

        Parameters
        ----------
        measure
            Returns loss and accuracy on the training and on the validation data.
        began
            When the epoch began, by `time.perf_counter`.
        """
        trained = perf_counter()
        self.tell("on_measure_begin")
        (train_loss, train_accuracy), (val_loss, val_accuracy) = measure()
        columns: dict[str, Any] = {}
        for callback in self.callbacks:
            columns |= callback.measurements(self)
        self.history.records.append(
            EpochRecord(
                epoch=len(self.history) + 1,
                train_loss=train_loss,
                train_accuracy=train_accuracy,
                val_loss=val_loss,
                val_accuracy=val_accuracy,
                learning_rate=self.learning_rate,
                seconds=perf_counter() - began,
                training_seconds=trained - began,
                **columns,
            )
        )
        self.tell("on_measured")
        for listen in reversed(self.listeners["on_measure_end"]):
            listen(self)  # the last that put in weights takes its own out first
        self.tell("on_epoch_end")

    def end(self) -> None:
        """Leave the network as it will be used, and tell the callbacks; also after an error."""
        self.history.seconds = self.seconds
        with ExitStack() as stack:  # each is called, even if one before it raises an error
            if self._ownership is not None:
                stack.callback(self._ownership.release)
            # a trained model gives the same bits, whatever operations trained it
            stack.callback(self.network.use, NUMPY)
            for event in ("on_train_end", "on_choose_weights", "on_measure_begin"):
                for listen in reversed(self.listeners[event]):
                    stack.callback(listen, self)
                if event == "on_train_end":  # the stack is emptied from its end
                    stack.callback(self.conclude)

    def conclude(self) -> None:
        """Measure what is measured once, when the network has the weights to be used."""
