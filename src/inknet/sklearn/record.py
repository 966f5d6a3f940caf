"""What the epochs of a fit measured, and whether it is to end, by scikit-learn's rules."""

from __future__ import annotations

import numpy as np

from inknet.nn.arrays import Floats
from inknet.output import print_if_possible
from inknet.sklearn.fitted import FittedNetwork
from inknet.sklearn.parameters import STOCHASTIC_SOLVERS
from inknet.sklearn.solvers import Stepper, StochasticTraining
from inknet.training.findings import Finding

RECORD = (
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
    "validation_loss_curve_",
    "_best_mean_loss",
    "_best",
)
"""The attributes in which a fit keeps what its epochs measured."""


class Record(FittedNetwork):
    """The attributes in which a fit keeps what it measured, which the estimators describe."""

    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    validation_loss_curve_: list[float] | None
    _no_improvement_count: int
    _best_mean_loss: float = np.inf
    _best: tuple[Floats, Floats]
    _optimizer: Stepper
    findings_: list[Finding]

    def _begin_record(self) -> None:
        """Start with an empty record of what the epochs measured; L-BFGS keeps none."""
        for name in RECORD:
            self.__dict__.pop(name, None)
        if self.solver in STOCHASTIC_SOLVERS:
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.best_loss_ = None if self.early_stopping else np.inf
            self.validation_scores_ = self.best_validation_score_ = None
            self.validation_loss_curve_ = None

    def _after_epoch(self, loss: float, training: StochasticTraining) -> None:
        """Record the results of the epoch, and whether they improved."""
        self.n_iter_ += 1
        self.t_ += len(training.train)
        self.loss_ = loss
        self.loss_curve_.append(loss)
        if self.verbose:
            print_if_possible(f"Iteration {self.n_iter_}, loss = {loss:.8f}")
        improved = False
        if training.validation is not None:
            best = self.best_validation_score_
            validated = training.validated()
            improved = self._score_improved(validated.loss, validated.score)
            if self.early_stopping and self.best_validation_score_ != best:
                self._best = training.measured_weights()
        if not self.early_stopping:
            improved = self._loss_improved(loss)
        self._no_improvement_count = 0 if improved else self._no_improvement_count + 1
        self._optimizer.iteration_ends(self.t_)

    def _loss_improved(self, loss: float) -> bool:
        """Return whether the training loss is lower by `tol`.

        With dropout or batch normalization, the loss of an epoch depends on masks and batches that
        are drawn. Then the mean over twice the epochs that are waited for counts.
        """
        best = np.inf if self.best_loss_ is None else self.best_loss_
        if loss < best:
            self.best_loss_ = loss
        if np.any(self.dropout) or self.batch_norm != "none":
            n_recent = int(min(2 * self.n_iter_no_change, len(self.loss_curve_)))
            loss, best = float(np.mean(self.loss_curve_[-n_recent:])), self._best_mean_loss
            if loss < best:
                self._best_mean_loss = loss
        return bool(loss <= best - self.tol)

    def _score_improved(self, loss: float, score: float) -> bool:
        """Record the validation results; return whether the score is better by `tol`."""
        if self.validation_scores_ is not None and self.validation_loss_curve_ is not None:
            self.validation_scores_.append(score)
            self.validation_loss_curve_.append(loss)
        if self.verbose:
            print_if_possible(f"Validation score: {score:f}")
        best = -np.inf if self.best_validation_score_ is None else self.best_validation_score_
        if score > best:
            self.best_validation_score_ = score
        return bool(score >= best + self.tol)

    def _is_to_stop(self) -> bool:
        """Return whether a training that does not improve is over, or continues at a lower rate."""
        what = "Validation score" if self.early_stopping else "Training loss"
        message = (
            f"{what} did not improve more than tol={self.tol:f} for {self.n_iter_no_change} "
            "consecutive epochs."
        )
        if self._optimizer.trigger_stopping(message, bool(self.verbose)):
            return True
        self._no_improvement_count = 0
        return False
