"""How the estimator's network is trained: inknet's steps, by scikit-learn's rules.

The rules are those of ``sklearn.neural_network``: how the learning rate changes, what a batch pays
for large weights, what the loss of an epoch is. Same weights, same order of the samples and same
type of numbers: the same network, but for rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass
from math import sqrt
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize

from inknet.nn.arrays import Floats, Labels
from inknet.nn.network import Network
from inknet.nn.ops import NUMPY, Batch, NumpyOps, fastest
from inknet.nn.optimizers import Adam, Nesterov, clip_by_norm
from inknet.nn.schedules import SCHEDULES
from inknet.sklearn.rows import Matrix, Rows
from inknet.training.callbacks import Callback, LayerMonitor
from inknet.training.history import EpochRecord, History
from inknet.training.threads import one_blas_thread

if TYPE_CHECKING:
    from inknet.recipes import TrainingRecipe

LEAST_WORK_TO_COMPILE = 1_000_000_000
"""Multiplications of a training, some 0.3 s of them, for which compiled loops are worth loading."""

SMALLEST_RATE = 1e-6
MEASURED_AT_ONCE = 1024


@dataclass
class Samples:
    """What is learned from, or watched.

    Attributes
    ----------
    features : (n, d)
    targets : (n,) of classes; or (n, n_outputs) of 0 and 1
    weights : (n,) or None
        How much each sample counts.
    """

    features: Matrix
    targets: Labels | Floats
    weights: Floats | None = None

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.targets)

    @property
    def total_weight(self) -> float:
        """What all samples weigh together."""
        return len(self) if self.weights is None else float(self.weights.sum())


class Stepper:
    """An optimizer, and scikit-learn's rules for its learning rate.

    Attributes
    ----------
    learning_rate : float
        Of the steps of SGD; what Adam starts from.

    Parameters
    ----------
    optimizer
        What takes the steps.
    learning_rate_init : float
    rule : {"constant", "invscaling", "adaptive"}
    power_t : float
        The exponent of ``"invscaling"``.
    """

    def __init__(
        self,
        optimizer: EpsilonHatAdam | Nesterov,
        learning_rate_init: float,
        rule: str,
        power_t: float,
    ) -> None:
        self.optimizer = optimizer
        self.learning_rate_init = self.learning_rate = float(learning_rate_init)
        self.rule, self.power_t = rule, power_t

    @property
    def n_parameters(self) -> int:
        """How many parameters it remembers something of."""
        return next(len(array) for array in self.optimizer.arrays().values())

    def iteration_ends(self, n_seen: int) -> None:
        """Lower the rate with the number of samples seen, if that is the rule."""
        if self.rule == "invscaling":
            self.learning_rate = self.learning_rate_init / (n_seen + 1) ** self.power_t

    def trigger_stopping(self, message: str, verbose: bool) -> bool:
        """Say whether to stop now that nothing improves; if not, the rate was lowered."""
        stops = self.rule != "adaptive" or self.learning_rate <= SMALLEST_RATE
        if self.rule == "adaptive" and stops:
            message += " Learning rate too small."
        if stops:
            message += " Stopping."
        else:
            self.learning_rate /= 5
            message += f" Setting learning rate to {self.learning_rate:f}"
        if verbose:
            print(message)
        return stops


class EpsilonHatAdam(Adam):
    """Adam as scikit-learn has it: ``epsilon`` is added before the mean square is corrected.

    Kingma and Ba 2015, at the end of section 2, call it epsilon-hat.
    """

    def __init__(self, parameters: Floats, *, beta1: float, beta2: float, epsilon: float) -> None:
        super().__init__(parameters, beta1=beta1, beta2=beta2)
        self.epsilon_hat = epsilon

    def step(self, parameters: Floats, gradients: Floats, learning_rate: float) -> None:
        """Take a step; see `Adam`."""
        self.epsilon = self.epsilon_hat / sqrt(1 - self.beta2 ** (self.steps_taken + 1))
        super().step(parameters, gradients, learning_rate)


@dataclass(frozen=True)
class Settings:
    """How a network is trained, besides its optimizer.

    Attributes
    ----------
    alpha : float
        The price on large weights.
    batch_size : int
    shuffle : bool
    label_smoothing : float
    clip : float or None
        The longest gradient.
    schedule : str or None
        The name of a schedule, over all epochs.
    epochs : int
        As many as there may be.
    """

    alpha: float
    batch_size: int
    shuffle: bool
    label_smoothing: float
    clip: float | None
    schedule: str | None
    epochs: int


class StochasticTraining:
    """Trains by steps on batches, an epoch at a time; a context in which the training happens.

    It has what callbacks look at in a trainer: `network`, `optimizer`, `learning_rate`, `step`,
    `total_steps`, `epoch`, `history`, `settings` and `stop_reason`, and the estimator besides.
    """

    def __init__(
        self,
        estimator: Any,
        network: Network,
        stepper: Stepper,
        train: Samples,
        validation: Samples | None,
        settings: Settings,
        random_state: np.random.RandomState,
        generator: np.random.Generator,
        callbacks: Sequence[Callback],
        ops: NumpyOps,
    ) -> None:
        self.estimator, self.network, self.stepper = estimator, network, stepper
        self.train, self.validation, self.how = train, validation, settings
        self.optimizer = stepper.optimizer
        self.learning_rate = stepper.learning_rate
        self.history = History(ops=ops.name)
        self.step = 0
        self.stop_reason: str | None = None
        self._layer_monitor = LayerMonitor()
        self.callbacks: list[Callback] = [self._layer_monitor, *callbacks] if callbacks else []
        self._random_state, self._generator = random_state, generator
        self._ops = ops
        self._order = np.arange(len(train))
        self._starts = range(0, len(train), settings.batch_size)
        self.total_steps = settings.epochs * len(self._starts)
        self._context = ExitStack()
        self._validated: tuple[int, tuple[float, float]] | None = None

    @property
    def epoch(self) -> int:
        """The epoch of the newest step, counted from 1."""
        return 1 + max(self.step - 1, 0) // len(self._starts)

    def weights_in_use(self) -> tuple[Floats, Floats]:
        """Return copies of the parameters and statistics that the network would end with now."""
        return self.network.parameters.copy(), self.network.statistics.copy()

    @property
    def settings(self) -> TrainingRecipe:
        """As much of the settings as a recipe has words for."""
        from inknet.recipes import training_recipe

        adam = isinstance(self.optimizer, Adam)
        return training_recipe(
            epochs=self.how.epochs,
            batch_size=self.how.batch_size,
            shuffle=self.how.shuffle,
            optimizer="adam" if adam else "momentum",
            learning_rate=self.stepper.learning_rate_init,
            schedule=self.how.schedule or "constant",
            label_smoothing=self.how.label_smoothing,
            l2_lambda=float(self.how.alpha),
            clip_norm=self.how.clip,
        )

    def __enter__(self) -> StochasticTraining:
        """Make ready."""
        self._ops.prepare(self.network.dtype)
        self.network.use(self._ops)
        self.optimizer.ops = self._ops
        self._l2 = self.network.l2(self.how.alpha)
        self._rows = Rows(self.train.features, self._ops)
        if self.validation is not None:
            self._validation_rows = Rows(self.validation.features, self._ops)
        self._started = perf_counter()
        with self._context as context:
            context.callback(self._leave)
            # whether it overflowed is seen by the weights at the end
            context.enter_context(np.errstate(over="ignore", invalid="ignore"))
            context.enter_context(threads_for(self._ops))
            for callback in self.callbacks:
                callback.on_train_begin(self)  # type: ignore[arg-type]
            self._context = context.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give back what is not needed any more."""
        self._context.__exit__(kind, error, trace)

    def _leave(self) -> None:
        self.history.seconds = perf_counter() - self._started
        self.history.stopped = self.stop_reason or "finished"
        for callback in reversed(self.callbacks):
            callback.on_train_end(self)  # type: ignore[arg-type]
        self.network.use(NUMPY)
        self.optimizer.ops = NUMPY

    def run_epoch(self) -> float:
        """Use every sample once; return the mean loss, of each batch at its time."""
        from sklearn.utils import shuffle

        started = perf_counter()
        if self.how.shuffle:
            self._order = shuffle(self._order, random_state=self._random_state)
        loss = 0.0
        # closed before the rows are read again, where a callback ends the epoch early
        with closing(self._rows.batches(self._order, self.how.batch_size)) as batches:
            for start, batch in zip(self._starts, batches, strict=True):
                rows = self._order[start : start + self.how.batch_size]
                loss += len(rows) * self._step(batch, rows)
                if self.stop_reason is not None:
                    break
        if self.callbacks:
            self._record(started)
        return loss / len(self.train)

    def _step(self, batch: Batch, rows: NDArray[np.intp]) -> float:
        """Learn from one batch, which holds these rows; return its objective."""
        train, how, network = self.train, self.how, self.network
        weights = None if train.weights is None else train.weights[rows]
        n = len(rows) if weights is None else float(weights.sum())
        self.learning_rate = self.stepper.learning_rate
        if how.schedule is not None:
            self.learning_rate *= SCHEDULES[how.schedule](self.step / self.total_steps)
        self.step += 1
        if n <= 0:  # nothing to learn from samples that do not count
            return 0.0
        loss = network.loss_and_gradients(
            batch,
            train.targets[rows],
            self._generator,
            label_smoothing=how.label_smoothing,
            sample_weight=weights,
        )
        if how.alpha:
            loss += self._l2.value(n)
            self._l2.add_gradient(n)
        for callback in self.callbacks:
            callback.on_gradients(self)  # type: ignore[arg-type]
        if how.clip is not None:
            clip_by_norm(network.gradients, how.clip)
        self.optimizer.step(network.parameters, network.gradients, self.learning_rate)
        for callback in self.callbacks:
            callback.on_step_end(self)  # type: ignore[arg-type]
        return loss

    def validated(self) -> tuple[float, float]:
        """Return loss and accuracy on the validation data, which are measured once for a step."""
        assert self.validation is not None
        if self._validated is None or self._validated[0] != self.step:
            found = measure(self.network, self.validation, self._validation_rows)
            self._validated = self.step, found
        return self._validated[1]

    def _record(self, started: float) -> None:
        """Measure the epoch for those who look on."""
        trained = perf_counter()
        train_loss, train_accuracy = measure(self.network, self.train, self._rows)
        val_loss, val_accuracy = self.validated() if self.validation else (None, None)
        gradient_norms, active_fractions = self._layer_monitor.means()
        self.history.records.append(
            EpochRecord(
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
        )
        for callback in self.callbacks:
            callback.on_epoch_end(self)  # type: ignore[arg-type]


def minimize_lbfgs(
    network: Network,
    train: Samples,
    alpha: float,
    label_smoothing: float,
    options: dict[str, Any],
    ops: NumpyOps,
    on_iteration: Callable[[float], object],
) -> OptimizeResult:
    """Train with SciPy's L-BFGS on all samples at once; return what SciPy says of it.

    Byrd, Lu, Nocedal and Zhu 1995, "A limited memory algorithm for bound constrained optimization".

    Parameters
    ----------
    network
        Its parameters are the start, and the result.
    options
        Those of SciPy's method ``"L-BFGS-B"``.
    on_iteration
        Called after each iteration, with the objective.
    """
    ops.prepare(network.dtype)
    network.use(ops)
    l2, n = network.l2(alpha), train.total_weight
    generator = np.random.default_rng(0)  # draws nothing: there is no dropout
    batch = Rows(train.features, ops).all(training=True)

    def objective(parameters: Floats) -> tuple[float, Floats]:
        network.parameters[:] = parameters
        loss = network.loss_and_gradients(
            batch,
            train.targets,
            generator,
            label_smoothing=label_smoothing,
            sample_weight=train.weights,
        )
        l2.add_gradient(n)
        return loss + l2.value(n), network.gradients.astype(np.float64)

    def after_iteration(intermediate_result: OptimizeResult) -> None:
        network.parameters[:] = intermediate_result.x
        on_iteration(float(intermediate_result.fun))

    try:
        with threads_for(ops), np.errstate(over="ignore", invalid="ignore"):
            result = minimize(
                objective,
                network.parameters.astype(np.float64),
                method="L-BFGS-B",
                jac=True,
                options=options,
                callback=after_iteration,
            )
    finally:
        network.use(NUMPY)
    network.parameters[:] = result.x
    return result


def measure(network: Network, samples: Samples, rows: Rows) -> tuple[float, float]:
    """Return mean cross-entropy and accuracy in inference mode, samples weighed.

    With many labels, a sample is right if all of its labels are.
    """
    loss = right = 0.0
    starts = range(0, len(samples), MEASURED_AT_ONCE)
    batches = rows.batches(np.arange(len(samples)), MEASURED_AT_ONCE, training=False)
    for start, batch in zip(starts, batches, strict=True):
        part = slice(start, start + MEASURED_AT_ONCE)
        targets = samples.targets[part]
        weights = None if samples.weights is None else samples.weights[part]
        n = len(targets) if weights is None else float(weights.sum())
        if n <= 0:
            continue
        logits = network.infer(batch)
        if targets.ndim == 1:
            hits = logits.argmax(axis=1) == targets
        else:
            hits = ((logits > 0) == (targets > 0)).all(axis=1)
        hits &= np.isfinite(logits).all(axis=1)
        right += float(hits.sum() if weights is None else weights @ hits)
        loss += n * network.loss(logits, targets, np.empty_like(logits), sample_weight=weights)
    return loss / samples.total_weight, right / samples.total_weight


def ops_for(work: float) -> NumpyOps:
    """Return the fastest operations for a training of so many multiplications."""
    return fastest() if work >= LEAST_WORK_TO_COMPILE else NUMPY


def threads_for(ops: NumpyOps) -> AbstractContextManager[None]:
    """Keep the BLAS library to one thread for operations that have threads of their own.

    A small training does without either: it takes less time than to look for the library.
    """
    return one_blas_thread() if ops.parallel else nullcontext()
