"""Rules about what holds weights back: dropout, penalties, limits, averages and distortions."""

from __future__ import annotations

import numpy as np

from inknet.doctor.case import Case, stays_behind
from inknet.doctor.rule import Seen, rounded, rule

SHRUNK = 0.2
BEHIND = ("worse-than-simple", "underfitting", "not-learning")


@rule(
    "dropout-too-strong",
    "dropout is too strong",
    "so few neurons are left in each step that they cannot carry what is to be learned",
    explains=("rate-too-low", "too-few-epochs", "dead-neurons", "rate-too-high", "overfitting",
              "bottleneck", "vanishing-gradients", *BEHIND),
)  # fmt: skip
def dropout_too_strong(case: Case) -> Seen | None:
    """A hidden layer keeps fewer than eight neurons on average and less than 75 %, or less than
    35 %; and the
    training samples are not learned (below 95 %, or a simple model is better).
    """
    kept = [
        (keep * width, keep, number)
        for number, (width, keep) in enumerate(
            zip(case.architecture.layer_dims[1:-1], case.architecture.keep_probs, strict=False), 1
        )
        if keep < 1
    ]
    if not kept or not case.is_over or not stays_behind(case, 0.95):
        return None
    least, keep, number = min(kept)
    if (least >= 8 or keep >= 0.75) and keep >= 0.35:
        return None
    return Seen(
        "warning",
        f"hidden layer {number} keeps {least:.1f} neurons in a step, {keep:.0%}; "
        f"{case.learned:.1%} of the training samples are learned",
        "keep more",
        ("network.keep_probs=0.9",),
    )


@rule(
    "penalty-too-strong",
    "the penalty on weights is too strong",
    "weights are driven to 0 faster than the samples can raise them",
    explains=("rate-too-low", "too-few-epochs", "vanishing-gradients", "dead-neurons",
              "rate-too-high", "clipping-too-strong", "labels-unrelated", *BEHIND),
)  # fmt: skip
def penalty_too_strong(case: Case) -> Seen | None:
    """In the median of the later half of the steps, the gradient of the L2 penalty is more than
    half of the whole gradient, or the weights of the first layer shrink to a fifth with a penalty,
    or weight decay takes more than a tenth of the weights in 10 steps;
    and the training samples are not learned (below 90 %, or a simple model is better).
    """
    later = case.signs[len(case.signs) // 2 :]
    if not later or not case.is_over or not stays_behind(case, 0.93):
        return None
    settings = case.settings
    ratio = float(np.median([signs.penalty for signs in later]))
    rate = max(signs.learning_rate for signs in case.signs)
    decay = settings.weight_decay * rate
    left = later[-1].weights[0] / max(case.signs[0].weights[0], 1e-30)
    if settings.l2_lambda and (ratio > 0.5 or left < SHRUNK):
        evidence = (
            f"its gradient is {ratio:.0%} of the whole, and the weights of the first layer are "
            f"{left:.2g} times as long as at the start; l2_lambda is {settings.l2_lambda:g}"
        )
        remedy = f"training.l2_lambda={rounded(settings.l2_lambda / 300)}"
    elif decay > 0.01:
        evidence = f"a step takes {decay:.1%} of every weight"
        remedy = f"training.weight_decay={rounded(settings.weight_decay / 100)}"
    else:
        return None
    evidence += f"; {case.learned:.1%} of the training samples are learned"
    remedies = (remedy,) if rate <= 0.05 else (remedy, "training.learning_rate=0.01")
    return Seen("warning", evidence, "weaken it", remedies)


@rule(
    "clipping-too-strong",
    "gradients are clipped to almost nothing",
    "every step is as short as the limit allows, whatever the slope",
    explains=("rate-too-low", "too-few-epochs", "vanishing-gradients", *BEHIND),
)
def clipping_too_strong(case: Case) -> Seen | None:
    """In most steps the gradient is clipped to less than a hundredth, with plain descent or
    momentum, and the training samples are not learned (below 90 %, or a simple model is better).
    Adam's steps do not depend on the length of gradients.
    """
    if not case.signs or not case.is_over or not stays_behind(case):
        return None
    ratio = float(np.median([signs.clipped for signs in case.signs]))
    if ratio < 100 or case.settings.optimizer in ("adam", "adamw"):
        return None
    remedy: tuple[str, ...] = ()
    if case.settings.clip_value is not None:
        remedy = ("training.clip_value=none",)
    remedy += ("training.clip_norm=5.0",) if case.settings.clip_norm is not None else ()
    return Seen(
        "warning",
        f"the gradient is {ratio:,.0f} times as long as the limit in the median step",
        "raise the limit",
        remedy,
    )


@rule(
    "max-norm-too-small",
    "weights are limited to almost nothing",
    "neurons cannot grow apart, so the network stays close to a constant",
    explains=("rate-too-low", "too-few-epochs", "vanishing-gradients", "dead-neurons",
              "rate-too-high", "overfitting", *BEHIND),
)  # fmt: skip
def max_norm_too_small(case: Case) -> Seen | None:
    """``max_norm`` is below 0.5, a quarter of the norm that He's start gives a neuron's weights,
    and the training samples are not learned (below 95 %, or a simple model is better).
    """
    limit = case.settings.max_norm
    if limit is None or limit >= 0.5 or not stays_behind(case, 0.95):
        return None
    return Seen(
        "warning", f"max_norm is {limit:g}; weights start with a norm of about 1.4",
        "raise the limit", ("training.max_norm=3.0",),
    )  # fmt: skip


@rule(
    "average-too-slow",
    "the running average of the weights is too slow",
    "the network is used with weights that are mostly those of the start",
    explains=("rate-too-low", "too-few-epochs", "overfitting", "dead-neurons", *BEHIND),
)
def average_too_slow(case: Case) -> Seen | None:
    """The average reaches back over more steps, 1 / (1 - decay), than half of the training has;
    and the training samples are not learned (below 97 %, or a simple model is better).
    """
    decay = case.settings.average_decay
    if not decay or not case.is_over or not stays_behind(case, 0.97):
        return None
    steps, reach = case.epoch * case.steps_per_epoch, 1 / (1 - decay)
    if reach <= steps / 2:
        return None
    better = max(0.5, 1 - 20 / max(steps, 40))
    return Seen(
        "warning",
        f"it reaches back over {reach:,.0f} steps, and there were {steps:,}",
        "average over fewer steps",
        (f"training.average_decay={better:.3f}",),
    )


@rule(
    "distortions-too-strong",
    "training images are distorted too much",
    "what is learned of them does not hold for images as they are",
    explains=("labels-unrelated", "rate-too-high", "rate-too-low", "too-few-epochs", *BEHIND),
)
def distortions_too_strong(case: Case) -> Seen | None:
    """Images are turned by more than 45 degrees, shifted by more than a quarter of their side, or
    scaled by more than half; and the network stays below 90 % on training images, or behind a
    simple model.
    """
    augment = case.augment
    if augment is None or not case.is_over or not stays_behind(case):
        return None
    side = case.architecture.layer_dims[0] ** 0.5
    if augment.rotation <= 45 and augment.shift <= side / 4 and augment.scale <= 0.5:
        return None
    evidence = (
        f"turned by up to {augment.rotation:g} degrees, shifted by {augment.shift:g} of {side:.0f} "
        f"pixels, scaled by {augment.scale:.0%}"
    )
    mild = ("augment.rotation=10.0", "augment.shift=1.0", "augment.scale=0.1")
    return Seen("warning", evidence, "distort less", mild)


RULES = (
    average_too_slow,
    max_norm_too_small,
    distortions_too_strong,
    clipping_too_strong,
    penalty_too_strong,
    dropout_too_strong,
)
