"""A case: all that the doctor knows of a training; the rules read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING

import numpy as np

from inknet.doctor.facts import Facts, Rows
from inknet.doctor.parts import Repeats
from inknet.doctor.second_opinion import SecondOpinion
from inknet.doctor.signs import Signs
from inknet.nn.architecture import Architecture
from inknet.training.history import History

if TYPE_CHECKING:
    from inknet.recipes import AugmentRecipe, TrainingRecipe


@dataclass
class Start:
    """What a network was before its first step.

    Attributes
    ----------
    is_fresh : bool
        Whether it starts from initial weights, and the doctor saw it from the first step.
    twins : list of int
        For each dense layer, how many of its neurons have the same weights as another.
    zero_biases : list of int
        The hidden layers of the ReLU family, counted from 1, whose biases all are 0.
    spread : list of float
        For each dense layer, the standard deviation of its weights over that of He's rule.
    """

    is_fresh: bool = False
    twins: list[int] = field(default_factory=list)
    zero_biases: list[int] = field(default_factory=list)
    spread: list[float] = field(default_factory=list)


@dataclass
class Case:
    """A training as far as it is known, and its samples.

    Attributes
    ----------
    settings, architecture, history
        Of the training.
    n_parameters : int
    train, validation : Facts or None
        None if the samples are not known.
    train_rows, validation_rows : Rows or None
        Some of the samples.
    columns : list of pairs
        Columns that repeat another.
    repeated : Repeats or None
    start : Start
    signs : list of Signs
        Of the steps that were looked at, in their order.
    losses : list of (mean, deviation, largest)
        Of the batches of each epoch.
    moved : list of float
        For each dense layer, how far its weights are from their initial ones, over the norm of
        these; empty if that is not known.
    steps_per_epoch : int
    opinion : SecondOpinion or None
    exclusive : float
        Where each output is a label of its own: the share of samples with exactly one label.
    ends_in_dense : bool
        Whether the logits are what a dense layer gives.
    is_over, has_diverged : bool
    augment : AugmentRecipe or None
    """

    settings: TrainingRecipe
    architecture: Architecture
    history: History
    n_parameters: int
    train: Facts | None = None
    validation: Facts | None = None
    train_rows: Rows | None = None
    validation_rows: Rows | None = None
    columns: list[tuple[int, int]] = field(default_factory=list)
    repeated: Repeats | None = None
    start: Start = field(default_factory=Start)
    signs: list[Signs] = field(default_factory=list)
    losses: list[tuple[float, float, float]] = field(default_factory=list)
    moved: list[float] = field(default_factory=list)
    steps_per_epoch: int = 1
    opinion: SecondOpinion | None = None
    exclusive: float = 0.0
    ends_in_dense: bool = True
    is_over: bool = False
    has_diverged: bool = False
    augment: AugmentRecipe | None = None

    @property
    def epoch(self) -> int:
        """How many epochs are complete."""
        return len(self.history)

    @property
    def n_classes(self) -> int:
        """How many outputs the network has."""
        return self.architecture.layer_dims[-1]

    @property
    def chance_loss(self) -> float:
        """The cross-entropy of a network that knows the shares of the classes, and no more."""
        if self.decides_each_label:
            return self.n_classes * log(2)
        if self.train is None:
            return log(max(self.n_classes, 2))
        shares = self.train.shares[self.train.shares > 0]
        return float(-(shares * np.log(shares)).sum())

    @property
    def decides_each_label(self) -> bool:
        """Whether a sample may have any number of labels; then accuracy says little."""
        return self.architecture.activations[-1] == "sigmoid" and self.n_classes > 1

    @property
    def majority(self) -> float:
        """The share of the most frequent class."""
        return 1 / self.n_classes if self.train is None else float(self.train.shares.max())

    @property
    def reached(self) -> float | None:
        """The validation accuracy of the network as it is used; that on training data without it.

        None before the first epoch.
        """
        if not self.epoch or self.decides_each_label:
            return None
        best = self.history.best_epoch
        record = self.history[-1 if best is None else best - 1]
        return record.train_accuracy if record.val_accuracy is None else record.val_accuracy

    @property
    def learned(self) -> float | None:
        """The accuracy on training data, as the network is used; None before the first epoch."""
        if not self.epoch or self.decides_each_label:
            return None
        best = self.history.best_epoch
        return self.history[-1 if best is None else best - 1].train_accuracy

    @property
    def was_ended(self) -> bool:
        """Whether a callback or a signal ended it before its last epoch: more were wanted."""
        ending = self.history.ending
        return ending.own_words or ending.by_signal

    @property
    def falls_short(self) -> bool:
        """Whether a simple model is better by more than chance explains."""
        if self.opinion is None or self.reached is None:
            return False
        gap, n = self.opinion.best - self.reached, self.opinion.n
        pooled = (self.opinion.best + self.reached) / 2
        spread = (2 * max(pooled * (1 - pooled), 0.01) / n) ** 0.5
        return bool(gap > max(0.03, 2.5 * spread))


SURE = 0.97
"""A network that reaches this is not compared with simple models."""


def stays_behind(case: Case, share: float = 0.9) -> bool:
    """Whether less than a share of the training samples are learned, and a simple model is better.

    If it is better by more than chance explains, the share does not matter. Where simple models are
    not known, the share alone decides.
    """
    learned, reached, opinion = case.learned, case.reached, case.opinion
    if learned is None or reached is None or not case.is_over:
        return False
    if case.falls_short:
        return True
    if learned >= share or reached >= SURE:
        return False
    return opinion is None or opinion.best > reached + 0.005
