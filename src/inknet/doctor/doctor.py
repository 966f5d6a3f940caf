"""The callback: collects the case of a training, and says what it finds while it trains."""

from __future__ import annotations

from collections.abc import Callable
from math import hypot
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inknet.doctor.case import SURE, Case, Start
from inknet.doctor.diagnosis import diagnose
from inknet.doctor.facts import duplicated_columns, facts_of
from inknet.doctor.parts import part_of, repeats
from inknet.doctor.second_opinion import second_opinion
from inknet.doctor.signs import FIRST_LOOKS, Signs, norm, norm_of, signs_of_layers, some
from inknet.nn.initializers import he
from inknet.nn.layers import Dense
from inknet.nn.network import Network
from inknet.training.callbacks import Callback
from inknet.training.ending import FAILED
from inknet.training.findings import Finding

if TYPE_CHECKING:
    from inknet.recipes import AugmentRecipe
    from inknet.training.session import Session

MOST_LOOKS = 24
"""So many steps of a training are looked at, evenly spread, and the first few besides."""
MOST_CLASSES = 200
"""For more classes, no simple models are fitted."""
MOST_COMPARED = 1_000_000
"""Rows of more columns are not searched for columns that repeat another."""


class Doctor(Callback):
    """Says what is wrong with a training; its findings are in ``history.findings``.

    It reads, and changes nothing: the training has the same bits without it. If it fails itself,
    the training continues.

    Parameters
    ----------
    on_finding : callable, optional
        Called with each finding once, when it is found: what prints or logs it.
    augment : AugmentRecipe, optional
        How the training images are distorted.

    Attributes
    ----------
    failure : str
        Why the doctor gave up, or empty.
    """

    name = "doctor"
    only_one = True

    def __init__(
        self,
        on_finding: Callable[[Finding], object] | None = None,
        augment: AugmentRecipe | None = None,
    ) -> None:
        self.on_finding, self.augment = on_finding, augment
        self.failure = ""
        self._case: Case | None = None
        self._looked: Signs | None = None
        self._weights: list[NDArray[Any]] = []
        self._initial: list[NDArray[Any]] = []
        self._losses: list[float] = []
        self._next_look = 0
        self._next_report = 1

    def on_train_begin(self, trainer: Session) -> None:
        """Look at the samples and at the network before its first step."""
        self._attempt(self._begin, trainer)

    def on_gradients(self, trainer: Session) -> None:
        """Look at the layers and their gradients, in some of the steps."""
        if trainer.step >= self._next_look and self._case is not None:
            self._attempt(self._look, trainer)

    def on_step_end(self, trainer: Session) -> None:
        """Look at how far the weights moved, if the step is looked at."""
        self._losses.append(trainer.loss)
        if self._looked is not None:
            self._attempt(self._look_again, trainer)

    def on_epoch_end(self, trainer: Session) -> None:
        """Say what is found, after epochs 1, 2, 4 and so on."""
        if self._case is None:
            return
        self._attempt(self._end_epoch, trainer)

    def on_train_end(self, trainer: Session) -> None:
        """Say what is found in the end."""
        if self._case is not None:
            self._attempt(self._end, trainer)
        self._case, self._looked = None, None
        self._weights, self._initial, self._losses = [], [], []

    # -- what it does at each event ---------------------------------------------------------------

    def _attempt(self, look: Callable[[Session], None], trainer: Session) -> None:
        """Look, and give up for good if that fails: a doctor may not cost a training."""
        try:
            with np.errstate(all="ignore"):
                look(trainer)
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
            self._case, self._looked, self._next_look = None, None, 2**63

    def _begin(self, trainer: Session) -> None:
        network = trainer.network
        self._case = case = Case(
            settings=trainer.settings,
            architecture=network.architecture,
            history=trainer.history,
            n_parameters=network.n_parameters,
            augment=self.augment,
        )
        samples, others = getattr(trainer, "train", None), getattr(trainer, "validation", None)
        add_samples(case, samples, others)
        case.steps_per_epoch = max(1, trainer.total_steps // max(1, trainer.settings.epochs))
        case.ends_in_dense = isinstance(network.layers[-1], Dense)
        case.start = start_of(network, is_fresh=trainer.step == 0)
        self._initial = [some(dense.weight).copy() for dense in network.dense_layers]
        self._interval = max(1, trainer.total_steps // MOST_LOOKS)
        self._say(trainer)

    def _look(self, trainer: Session) -> None:
        network, settings = trainer.network, trainer.settings
        signs = Signs(trainer.step, trainer.loss, trainer.learning_rate)
        signs_of_layers(network, signs)
        dense = network.dense_layers
        signs.gradients = [norm(layer.weight_gradient) for layer in dense]
        self._weights = [some(layer.weight).copy() for layer in dense]
        signs.weights = [norm(layer.weight) for layer in dense]
        whole = hypot(*signs.gradients)
        if settings.l2_lambda:
            n_rows = len(dense[-1].__dict__["_input"])
            penalty = settings.l2_lambda / n_rows * hypot(*signs.weights)
            signs.penalty = penalty / max(whole, 1e-30)
        limit = settings.clip_norm
        if (most := settings.clip_value) is not None:
            limit = hypot(
                *(norm(np.clip(some(layer.weight_gradient), -most, most)) for layer in dense)
            )
        if limit is not None and whole > limit:
            signs.clipped = whole / max(limit, 1e-30)
        self._looked = signs

    def _look_again(self, trainer: Session) -> None:
        assert self._case is not None
        assert self._looked is not None
        signs, self._looked = self._looked, None
        dense = trainer.network.dense_layers
        pairs = zip(dense, self._weights, strict=True)
        signs.updates = [_distance(layer.weight, before) for layer, before in pairs]
        self._case.signs.append(signs)
        later = [step for step in FIRST_LOOKS if step >= trainer.step]
        ahead = trainer.step + self._interval
        self._next_look = min(later[0], ahead) if later else ahead

    def _end_epoch(self, trainer: Session) -> None:
        assert self._case is not None
        losses, self._losses = np.array(self._losses), []
        if len(losses):
            spread = float(losses.mean()), float(losses.std()), float(losses.max())
            self._case.losses.append(spread)
        if len(trainer.history) >= self._next_report:
            self._next_report = 2 * len(trainer.history)
            self._say(trainer)

    def _end(self, trainer: Session) -> None:
        case = self._case
        assert case is not None
        case.is_over = True
        case.has_diverged = trainer.history.ending == FAILED and not np.isfinite(trainer.loss)
        if case.start.is_fresh:
            pairs = zip(trainer.network.dense_layers, self._initial, strict=True)
            case.moved = [
                _distance(dense.weight, first) / max(norm_of(first, dense.weight.size), 1e-30)
                for dense, first in pairs
            ]
        add_opinion(case)
        self._say(trainer)

    def _say(self, trainer: Session) -> None:
        """Put what is found into the history, and tell what is new."""
        assert self._case is not None
        before = trainer.history.findings
        known = {finding.identifier for finding in before}
        found = diagnose(self._case, before)
        trainer.history.findings[:] = found
        for finding in found:
            if self.on_finding is not None and finding.identifier not in known:
                self.on_finding(finding)


def _distance(weight: NDArray[Any], some_before: NDArray[Any]) -> float:
    """Return how far weights are from what some of them were before."""
    return norm_of(some(weight) - some_before, weight.size)


def add_samples(case: Case, samples: Any, others: Any) -> None:
    """Add the facts about training and validation samples to a case."""
    train, exclusive = part_of(samples)
    validation, _ = part_of(others)
    case.exclusive = exclusive
    if train is None:
        return
    n_classes = max(case.n_classes, 2)
    case.train_rows = rows = train.some()
    case.train = facts_of(
        rows, train.targets, n_classes, are_images=train.are_images, names=train.names
    )
    if not train.are_images and rows.features.size <= MOST_COMPARED:
        case.columns = duplicated_columns(rows.features)
    if validation is None:
        return
    case.validation_rows = rows = validation.some()
    case.validation = facts_of(
        rows, validation.targets, n_classes, are_images=validation.are_images
    )
    case.repeated = repeats(train, validation, case.train.spread)


def add_opinion(case: Case) -> None:
    """Add what simple models reach, if the network does not reach what needs no comparison."""
    rows, others, facts = case.train_rows, case.validation_rows, case.train
    if rows is None or others is None or facts is None:
        return
    if (case.reached or 0.0) < SURE and len(facts.counts) <= MOST_CLASSES:
        case.opinion = second_opinion(rows, others, len(facts.counts))


def start_of(network: Network, *, is_fresh: bool) -> Start:
    """Return what a network is before its first step."""
    start = Start(is_fresh=is_fresh)
    if not is_fresh:
        return start
    start.twins = [_n_twins(dense.weight) for dense in network.dense_layers]
    dense, activations = network.dense_layers, network.architecture.activations
    for number, (layer, name) in enumerate(zip(dense[:-1], activations, strict=False), 1):
        if name == "relu" and not layer.bias.any():
            start.zero_biases.append(number)
    for layer in dense:
        fan_in, fan_out = layer.weight.shape
        start.spread.append(float(layer.weight.std()) / he(fan_in, fan_out))
    return start


def _n_twins(weight: NDArray[Any]) -> int:
    """Return how many columns are equal to another one."""
    sums = weight.sum(axis=0) if len(weight) else weight
    _, counts = np.unique(sums, return_counts=True)
    return int(counts[counts > 1].sum())
