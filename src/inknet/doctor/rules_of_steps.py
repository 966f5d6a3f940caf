"""Rules about the steps: their length, their number, and what holds them back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inknet.doctor.case import Case, stays_behind
from inknet.doctor.rule import Seen, rounded, rule
from inknet.doctor.rules_of_layers import are_dead, is_stuck_at_start
from inknet.doctor.signs import FIRST_LOOKS, Signs

USUAL = {"adam": 0.003, "adamw": 0.003, "momentum": 0.05, "gradient_descent": 0.1}
"""Learning rates that usually work for networks like these, with each optimizer."""
LONG = 0.3
STILL = 2e-4
FEW_STEPS = 300
LITTLE = 0.15
BEHIND = ("worse-than-simple", "underfitting", "not-learning")


@rule(
    "diverged",
    "the training diverged",
    "weights grew until the loss was no number any more; nothing after that is of use",
    explains=("rate-too-high", "exploding-gradients", "start-loss", *BEHIND),
)
def diverged(case: Case) -> Seen | None:
    """It ended with a loss that is not finite, or went back to an earlier epoch because of one.
    An error.
    """
    back = case.history.rollbacks
    if not case.has_diverged and not back:
        return None
    rate = case.settings.learning_rate
    evidence = (
        f"in epoch {case.epoch + 1}, with a learning rate of {rate:g}"
        if case.has_diverged
        else f"it went back {back} time{'' if back == 1 else 's'}, and halved the rate of {rate:g}"
    )
    remedy = _lower(case)
    return Seen(
        "error", evidence, "lower the rate, and clip gradients", (*remedy, "training.clip_norm=1.0")
    )


@rule(
    "rate-too-high",
    "the learning rate is too high",
    "steps jump across the valley that they should descend into, and what was learned is lost",
    explains=("dead-neurons", "saturated-neurons", "vanishing-gradients", "start-loss",
              "overfitting", "exploding-gradients", "penalty-too-strong", *BEHIND),
)  # fmt: skip
def rate_too_high(case: Case) -> Seen | None:
    """In the first epochs a step moves the weights of a layer by more than 0.3 of their norm, or
    they end more than 30 times as long as they began; or batches of the newest epoch have a higher
    mean loss than guessing has; and the network does not learn the training samples (below 97 %).
    Healthy steps are near a thousandth of the weights.
    """
    learned = case.learned
    if learned is None or is_stuck_at_start(case):
        return None
    if learned > 0.97 and not case.falls_short:
        return None
    later = [signs for signs in case.signs if signs.step >= min(20, case.steps_per_epoch)]
    later = later or case.signs
    if not later:
        return None
    first, next_ = case.signs[: len(FIRST_LOOKS)], later[: max(3, len(later) // 2)]
    ratio = max(_median_ratio(first), _median_ratio(next_))
    grown = later[-1].weights[0] / max(case.signs[0].weights[0], 1e-30)
    losses = [mean for mean, _, _ in case.losses]
    chance = case.chance_loss
    is_lost = len(losses) > 0 and losses[-1] > 1.5 * chance + 0.5 and case.settings.l2_lambda < 1
    is_lost = is_lost and case.losses[-1][0] >= 0.5 * min(losses)
    if not (ratio > LONG or grown > 30 or is_lost):
        return None
    evidence = (
        f"a step moves weights by {ratio:.2g} of their norm"
        if ratio > LONG
        else f"the weights of the first layer are {grown:,.0f} times as long as at the start"
        if grown > 30
        else f"the last batches have a loss of {losses[-1]:.3g}, guessing one of {chance:.2f}"
    )
    rate = case.settings.learning_rate
    evidence += f"; {learned:.1%} of the training samples are learned, the rate is {rate:g}"
    return Seen("warning", evidence, "lower it", _lower(case))


@rule(
    "rate-too-low",
    "the learning rate is too low",
    "most of the epochs are spent on a way that a few larger steps would have gone",
    explains=("too-few-epochs", "batch-too-large", *BEHIND),
)
def rate_too_low(case: Case) -> Seen | None:
    """In the end a step moves no layer's weights by more than 0.0002 of their norm in the median
    of all steps looked at, or all steps together moved none by more than 0.15, in 300 steps or
    more; and the training samples are not learned (below 90 %, or a simple model is better).
    """
    if not stays_behind(case) or _is_held_back(case) or not case.signs:
        return None
    ratio = float(np.median([max(signs.ratios) for signs in case.signs]))
    moved = max(case.moved, default=1.0)
    steps = case.epoch * case.steps_per_epoch
    if not (ratio < STILL or (moved < LITTLE and steps >= FEW_STEPS)):
        return None
    rate = case.settings.learning_rate
    factor = 100.0 if ratio < 1e-5 else 30.0 if ratio < 1e-4 else 10.0
    evidence = (
        f"a step moves weights by {ratio:.1e} of their norm, all {steps:,} steps by {moved:.2g}; "
        f"the loss went from {_first_loss(case):.3g} to {case.history[-1].train_loss:.3g}"
    )
    higher = f"training.learning_rate={rounded(_usual(case, rate * factor))}"
    return Seen("warning", evidence, "raise it", (higher, *_no_warmup(case)))


@rule(
    "too-few-epochs",
    "too few epochs",
    "the loss was still falling when the training ended",
    explains=BEHIND,
)
def too_few_epochs(case: Case) -> Seen | None:
    """Fewer than 300 steps were taken, with batches that are no larger than a tenth of the
    training samples; and these are not learned (below 90 %, or a simple model is better), while
    the loss falls in the last epoch.
    """
    if case.was_ended or not stays_behind(case) or _is_held_back(case) or case.train is None:
        return None
    steps = case.epoch * case.steps_per_epoch
    if steps >= FEW_STEPS and not (case.epoch <= 3 and steps < 4 * FEW_STEPS):
        return None
    if case.steps_per_epoch <= 3 and case.epoch > 3:
        return None
    if case.epoch > 1 and case.history[-1].train_loss > 0.999 * case.history[-2].train_loss:
        return None
    wanted = max(5, int(np.ceil(1_000 / case.steps_per_epoch)), 4 * case.epoch)
    evidence = (
        f"{case.epoch} epoch{'' if case.epoch == 1 else 's'} of {case.steps_per_epoch} steps; "
        f"{case.learned:.1%} of the training samples are learned"
    )
    return Seen("warning", evidence, "train longer", (f"training.epochs={wanted}",))


@rule(
    "batch-too-large",
    "too few steps: the batches are too large",
    "each epoch takes one step for each batch, however many samples are in it",
    explains=("rate-too-low", *BEHIND),
)
def batch_too_large(case: Case) -> Seen | None:
    """An epoch has three steps or fewer, there were fewer than 300 in all, and the training
    samples are not learned (below 90 %, or a simple model is better).
    """
    if case.was_ended or not stays_behind(case) or case.train is None:
        return None
    steps = case.epoch * case.steps_per_epoch
    if case.steps_per_epoch > 3 or steps >= FEW_STEPS:
        return None
    size = case.settings.batch_size
    words = "all samples" if size == "all" else f"{size} samples"
    smaller = int(2 ** max(3, min(7, round(np.log2(case.train.n / 30)))))
    evidence = (
        f"{steps} steps in {case.epoch} epochs, each on {words}; {case.learned:.1%} of the "
        "training samples are learned"
    )
    return Seen("warning", evidence, "take smaller batches", (f"training.batch_size={smaller}",))


@rule(
    "full-batch-in-order",
    "every step uses all samples",
    "one exact step an epoch is slower than many rough ones, and their noise finds minima that "
    "hold for new samples better",
)
def full_batch(case: Case) -> Seen | None:
    """``batch_size = "all"``, with more than 256 samples. A note: the result may be good."""
    if case.settings.batch_size != "all" or case.train is None or case.train.n <= 256:
        return None
    evidence = f"{case.train.n:,} samples in each step"
    return Seen("note", evidence, "use mini-batches in random order", ("training.batch_size=128",))


@rule(
    "batch-too-small",
    "batches are too small for batch normalization",
    "mean and variance of a few samples are mostly noise, and are not those of the network in use",
    explains=("overfitting", "rate-too-high", "labels-probably-wrong", *BEHIND),
)
def batch_too_small(case: Case) -> Seen | None:
    """With batch normalization, batches have fewer than 8 samples. Ioffe 2017, "Batch
    renormalization", shows the loss of accuracy below that.
    """
    size = case.settings.batch_size
    if case.architecture.batch_norm == "none" or size == "all" or size >= 8:
        return None
    steps = case.settings.epochs * case.steps_per_epoch
    epochs = max(
        case.settings.epochs, min(steps, 1_000) * 32 // max(1, size * case.steps_per_epoch)
    )
    return Seen(
        "warning",
        f"{size} samples in a batch",
        "take larger batches, and epochs enough for as many steps",
        ("training.batch_size=32", f"training.epochs={epochs}"),
    )


def _median_ratio(looks: Sequence[Signs]) -> float:
    """Return how far a step moves the layer that it moves farthest, in the median."""
    return float(np.median([max(signs.ratios) for signs in looks]))


def _is_held_back(case: Case) -> bool:
    """Whether steps are short, or lead nowhere, for another reason than the rate."""
    if not case.signs:
        return False
    if is_stuck_at_start(case) or are_dead(case):
        return True
    clipped = float(np.median([signs.clipped for signs in case.signs]))
    return clipped > 100 and case.settings.optimizer not in ("adam", "adamw")


def _lower(case: Case) -> tuple[str, ...]:
    """Return the rate that usually works with an optimizer, or a tenth if that is lower."""
    usual = USUAL[case.settings.optimizer]
    return (f"training.learning_rate={rounded(min(usual, case.settings.learning_rate / 10))}",)


def _usual(case: Case, rate: float) -> float:
    """Return a rate, or the one that usually works if it is on the other side of it."""
    usual = USUAL[case.settings.optimizer]
    return usual if rate > usual or rate < usual / 3 else rate


def _no_warmup(case: Case) -> tuple[str, ...]:
    return ("training.warmup=0.1",) if case.settings.warmup > 0.3 else ()


def _first_loss(case: Case) -> float:
    return case.signs[0].loss if case.signs else case.history[0].train_loss


FIRST = (diverged,)
RULES = (
    batch_too_small,
    rate_too_high,
    batch_too_large,
    rate_too_low,
    too_few_epochs,
    full_batch,
)
