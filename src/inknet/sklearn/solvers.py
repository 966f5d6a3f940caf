"""How the estimator's network is trained: inknet's steps, by scikit-learn's rules.

The rules are those of ``sklearn.neural_network``: how the learning rate changes, the penalty
on large weights, what the loss of an epoch is. With the same weights, order of the samples and
type of numbers, the result is the same network up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from math import sqrt
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize
from sklearn.base import BaseEstimator

from inknet.nn.arrays import Floats
from inknet.nn.network import Network
from inknet.nn.ops import NUMPY, Batch, NumpyOps
from inknet.nn.optimizers import Adam, AdamW, Nesterov
from inknet.output import print_if_possible
from inknet.sklearn.measuring import measure, outputs_of_loss
from inknet.sklearn.rows import Rows
from inknet.sklearn.samples import Samples
from inknet.training import fastest
from inknet.training.callbacks import Callback, checked_callbacks
from inknet.training.ending import FINISHED, INTERRUPTED, Ending
from inknet.training.interrupt import InterruptFlag
from inknet.training.layer_monitor import LayerMonitor
from inknet.training.step import Measured, Training
from inknet.training.threads import one_blas_thread

if TYPE_CHECKING:
    from inknet.recipes import TrainingRecipe

LEAST_WORK_TO_LIMIT = 1_000_000_000
"""Multiplications of a training, about 0.3 s, from which other operations than NumPy's are asked
for, which have their own threads."""

SMALLEST_RATE = 1e-6


class Stepper:
    """An optimizer, and scikit-learn's rules for its learning rate.

    Attributes
    ----------
    learning_rate : float
        The rate of SGD's steps; for Adam, the rate it starts from.
    identity : str
        That of the training it was made for, which `MLPClassifier.partial_fit` continues.
    made_for : tuple
        The size of the network, and the estimator's parameters of the optimizer.

    Parameters
    ----------
    optimizer
        What changes the parameters.
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
        self.identity = uuid4().hex
        self.made_for: tuple[Any, ...] = ()

    def iteration_ends(self, n_seen: int) -> None:
        """Lower the rate with the number of samples seen, if the rule says so."""
        if self.rule == "invscaling":
            self.learning_rate = self.learning_rate_init / (n_seen + 1) ** self.power_t

    def trigger_stopping(self, message: str, verbose: bool) -> bool:
        """Return whether to stop because nothing improves; if not, the rate was lowered."""
        stops = self.rule != "adaptive" or self.learning_rate <= SMALLEST_RATE
        if self.rule == "adaptive" and stops:
            message += " Learning rate too small."
        if stops:
            message += " Stopping."
        else:
            self.learning_rate /= 5
            message += f" Setting learning rate to {self.learning_rate:f}"
        if verbose:
            print_if_possible(message)
        return stops


class EpsilonHatAdam(Adam):
    """Adam as scikit-learn has it: ``epsilon`` is added before the mean square is corrected.

    Kingma and Ba 2015, at the end of section 2, call it epsilon-hat.
    """

    def __init__(self, parameters: Floats, *, epsilon: float, **options: Any) -> None:
        super().__init__(parameters, **options)
        self.epsilon_hat = epsilon

    def step(self, parameters: Floats, gradients: Floats, learning_rate: float) -> None:
        """Take a step; see `Adam`."""
        self.epsilon = self.epsilon_hat / sqrt(1 - self.beta2 ** (self.steps_taken + 1))
        super().step(parameters, gradients, learning_rate)


class EpsilonHatAdamW(EpsilonHatAdam, AdamW):
    """The same with weight decay; see `AdamW`."""


class Validated(NamedTuple):
    """Loss and accuracy (or R²) on validation data, and the score by which training ends."""

    loss: float
    accuracy: float
    score: float


class StochasticTraining(Training):
    """Trains by steps on batches, one epoch at a time; a context manager around the training.

    Parameters
    ----------
    estimator
        The estimator that is fitted; callbacks can read it.
    network
        Changed in place.
    stepper
        The optimizer, and the rule for its learning rate.
    train, validation
        Samples to learn from, and samples to validate on (or None).
    settings
        How to train.
    random_state, generator
        Draw the order of the samples, and the dropout masks.
    callbacks
        Called at each event.
    score
        Returns the score of validation samples, given these and what `measure` says of them.
    ops
        The operations to compute with.
    """

    def __init__(
        self,
        estimator: BaseEstimator,
        network: Network,
        stepper: Stepper,
        train: Samples,
        validation: Samples | None,
        settings: TrainingRecipe,
        random_state: np.random.RandomState,
        generator: np.random.Generator,
        callbacks: Sequence[Callback],
        score: Callable[[Samples, float, float], float],
        ops: NumpyOps,
    ) -> None:
        assert settings.batch_size != "all"
        self.batch_size: int = settings.batch_size
        network.use(ops)
        super().__init__(
            network,
            stepper.optimizer,
            settings,
            generator,
            -(-len(train) // self.batch_size),
            [LayerMonitor(), *checked_callbacks(callbacks)] if callbacks else [],
            stepper.identity,
        )
        self.estimator, self.stepper = estimator, stepper
        self.train, self.validation = train, validation
        self.learning_rate = stepper.learning_rate
        self._random_state = random_state
        self._order = np.arange(len(train))
        self._rows = Rows(train.features, ops)
        self._validation_rows = None if validation is None else Rows(validation.features, ops)
        self._context = ExitStack()
        self._interrupt = InterruptFlag()
        self._score = score
        self._validated: tuple[int, Validated] | None = None
        self._measured_weights: tuple[Floats, Floats] | None = None

    @property
    def base_rate(self) -> float:
        """The rate that the schedule multiplies, by scikit-learn's rule."""
        return self.stepper.learning_rate

    def __enter__(self) -> StochasticTraining:
        """Prepare the training."""
        self.stepper.optimizer.ops = self.network.ops
        try:
            self.begin()
        except BaseException:
            self._leave()
            raise
        with self._context as context:
            # delivers Ctrl-C in the end, so that it ends a search of which this is one training
            self._interrupt = context.enter_context(InterruptFlag())
            context.callback(self._leave)
            context.enter_context(quiet_arithmetic())
            context.enter_context(threads_for(self.network.ops))
            self._context = context.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release what is no longer needed."""
        if kind is KeyboardInterrupt:
            self.history.ending = INTERRUPTED
        elif kind is None:
            reason = self.stop_reason
            self.history.ending = FINISHED if reason is None else Ending.of(reason)
        self._context.__exit__(kind, error, trace)

    def _leave(self) -> None:
        self.end()
        self.stepper.optimizer.ops = NUMPY

    def run_epoch(self) -> float:
        """Use every sample once; return the mean objective of its batches, each before its step."""
        from sklearn.utils import shuffle

        began = perf_counter()
        if self.settings.shuffle:
            self._order = shuffle(self._order, random_state=self._random_state)
        total, size = 0.0, self.batch_size
        # closed before the rows are read again, in case a callback ends the epoch early
        with closing(self._rows.batches(self._order, size)) as batches:
            for start, batch in zip(range(0, len(self.train), size), batches, strict=True):
                rows = self._order[start : start + size]
                total += len(rows) * self._learn(batch, rows)
                self.stop_reason = self.stop_reason or self._interrupt.reason
                self.tell("on_safe_point")
                if self.stop_reason is not None:
                    break
        if self.callbacks:
            self.record(self._measure, began)
            self.tell("on_safe_point")
        return total / len(self.train)

    def _learn(self, batch: Batch, rows: NDArray[np.intp]) -> float:
        """Learn from the batch of these rows; return its objective."""
        sample_weight = None
        n: float = len(rows)
        if self.train.sample_weight is not None:
            sample_weight = self.train.sample_weight[rows]
            n = float(sample_weight.sum())
        if n <= 0:  # samples with no weight teach nothing
            self.step += 1
            return 0.0
        penalty = self.l2.value(n) if self.l2.l2_lambda else 0.0
        loss = self.learn(batch, self.train.targets[rows], sample_weight)
        return loss / outputs_of_loss(self.network) + penalty

    def validated(self) -> Validated:
        """Return what validation data say, measured at most once per step."""
        assert self.validation is not None
        assert self._validation_rows is not None
        if self._validated is None or self._validated[0] != self.step:
            found = measure(self.network, self.validation, self._validation_rows)
            score = self._score(self.validation, *found)
            self._validated = self.step, Validated(*found, score)
            self._measured_weights = None
            self._measured_weights = self.measured_weights() if self.callbacks else None
        return self._validated[1]

    def measured_weights(self) -> tuple[Floats, Floats]:
        """Return copies of the parameters and running statistics that `validated` measured.

        Callbacks may have put others into the network to be measured.
        """
        network, measured = self.network, self._measured_weights
        return measured or (network.parameters.copy(), network.statistics.copy())

    def _measure(self) -> Measured:
        """Return loss and accuracy on training and validation data."""
        on_train = measure(self.network, self.train, self._rows)
        return on_train, self.validated()[:2] if self.validation else (None, None)


def minimize_lbfgs(
    network: Network,
    train: Samples,
    alpha: float,
    loss_options: dict[str, Any],
    options: dict[str, Any],
    ops: NumpyOps,
    on_iteration: Callable[[float], object],
) -> OptimizeResult:
    """Train with SciPy's L-BFGS on all samples at once; return SciPy's result.

    Byrd, Lu, Nocedal and Zhu 1995, "A limited memory algorithm for bound constrained optimization".

    Parameters
    ----------
    network
        Its parameters are the starting point, and receive the result.
    loss_options
        Those of the loss.
    options
        Those of SciPy's method ``"L-BFGS-B"``.
    on_iteration
        Called after each iteration, with the objective.
    """
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
            sample_weight=train.sample_weight,
            **loss_options,
        )
        l2.add_gradient(n)
        return loss + l2.value(n), network.gradients.astype(np.float64)

    def after_iteration(intermediate_result: OptimizeResult) -> None:
        network.parameters[:] = intermediate_result.x
        on_iteration(float(intermediate_result.fun))

    try:
        with threads_for(ops), quiet_arithmetic():
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


def quiet_arithmetic() -> np.errstate:
    """Return the context of a training: an overflow shows in its weights, an underflow is a 0."""
    return np.errstate(all="ignore")


def ops_for(work: float, of_all: float | None = None) -> NumpyOps:
    """Return the operations for a training of so many multiplications, forward.

    It may be a part of a longer one, which has ``of_all``.
    """
    if work < LEAST_WORK_TO_LIMIT:
        return NUMPY
    return fastest.ops_for(n_weights=int(of_all or work), n_samples=1, n_steps=0)


def threads_for(ops: NumpyOps) -> AbstractContextManager[None]:
    """Limit the BLAS library to one thread, for operations that have their own threads.

    A small training needs neither: it takes less time than finding the library.
    """
    return one_blas_thread() if ops.parallel else nullcontext()
