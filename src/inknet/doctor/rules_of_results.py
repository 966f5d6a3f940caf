"""Rules about the result: what was learned, and whether it holds for new samples."""

from __future__ import annotations

import numpy as np

from inknet.doctor.case import Case
from inknet.doctor.rule import Seen, rule
from inknet.training.ending import EARLY_STOPPING
from inknet.training.findings import Severity

RISEN = 1.5
GAP = 0.15
LARGE_GAP = 0.25


@rule(
    "not-learning",
    "the network does not learn",
    "its loss is that of guessing, and has been since the start",
    explains=("worse-than-simple", "underfitting"),
)
def not_learning(case: Case) -> Seen | None:
    """In the end the training loss is above 95 % of that of a network that only knows the shares
    of the classes, and the accuracy within 2 points of the most frequent class's share. An error:
    it names no cause, which another finding may.
    """
    learned = case.learned
    if learned is None or not case.is_over or case.majority > 0.9:
        return None
    loss, chance = case.history[-1].train_loss, case.chance_loss
    if loss < 0.95 * chance or learned > case.majority + 0.02:
        return None
    evidence = (
        f"the loss is {loss:.3g}, that of guessing {chance:.3g}; {learned:.1%} are right, the most "
        f"frequent class has {case.majority:.1%}"
    )
    return Seen("error", evidence, "try to learn 100 samples first: inknet doctor --data")


@rule(
    "worse-than-simple",
    "a simple model is better",
    "what it learned can be learned from the same samples; the fault is in the training",
    explains=("underfitting",),
)
def worse_than_simple(case: Case) -> Seen | None:
    """In the end ridge regression or nearest neighbours, both on 1,000 samples of which each
    column is standardized, are right more often on validation samples, by more than 3 points and
    more than 2.5 standard errors.
    """
    if not case.falls_short or not case.is_over:
        return None
    opinion = case.opinion
    assert opinion is not None
    evidence = (
        f"the network is right in {case.reached:.1%} of the validation samples, a linear model in "
        f"{opinion.linear:.1%}, nearest neighbours in {opinion.nearest:.1%}"
    )
    return Seen(
        "warning", evidence, "change the learning rate by factors of 3, and see the other findings"
    )


@rule(
    "underfitting",
    "the network cannot learn its training samples",
    "it is too small, or held back; more data will not help",
)
def underfitting(case: Case) -> Seen | None:
    """In the end fewer than 80 % of the training samples are learned, the network has fewer
    neurons in a hidden layer than twice the classes, and nearest neighbours are right more often.
    """
    learned, widths = case.learned, case.architecture.layer_dims[1:-1]
    if learned is None or not case.is_over or learned >= 0.8 or not widths:
        return None
    if min(widths) >= 2 * case.n_classes or case.opinion is None or case.opinion.best <= learned:
        return None
    wide = [max(width, 4 * case.n_classes) for width in widths]
    return Seen(
        "warning", f"{learned:.1%} are learned", "make it wider", (f"network.hidden={wide}",)
    )


@rule(
    "overfitting",
    "it learns its training samples by heart",
    "what holds for them alone is of no use for new ones; the validation loss shows since when",
)
def overfitting(case: Case) -> Seen | None:
    """With validation data, nearly all training samples are learned (95 %) and the share of
    validation samples is lower by 15 points or more. A warning if the validation loss has risen to
    more than 1.5 times its least besides, or the share is lower by 25 points; otherwise a note.
    """
    if not case.is_over or case.epoch < 2 or case.history[-1].val_loss is None:
        return None
    learned, reached = case.learned, case.reached
    assert learned is not None
    assert reached is not None
    losses = np.array(case.history.column("val_loss"))
    best = int(losses.argmin())
    used = case.history.best_epoch
    risen = losses[-1 if used is None else used - 1] / max(losses[best], 1e-12)
    gap = learned - reached
    if learned < 0.95 or gap < 0.02 or (risen < 1.1 and gap < GAP):
        return None
    is_strong = (gap >= GAP and risen >= RISEN) or gap >= LARGE_GAP
    is_strong = is_strong and (case.validation is None or case.validation.n >= 50)
    ratio = 0.0 if case.train is None else case.n_parameters / case.train.n
    samples = f", {ratio:,.0f} parameters for each training sample" if ratio else ""
    evidence = (
        f"{learned:.1%} of the training samples are right and {reached:.1%} of the validation "
        f"samples; the validation loss is lowest after epoch {best + 1}, then rises to "
        f"{risen:.1f} times that{samples}"
    )
    remedies = ["training.patience=5"] if case.settings.patience is None else []
    if max(case.architecture.keep_probs[:-1], default=1.0) >= 1:
        remedies.append("network.keep_probs=0.8")
    if not case.settings.l2_lambda:
        remedies.append("training.l2_lambda=0.1")
    return Seen(
        "warning" if is_strong else "note",
        evidence,
        "stop early, regularize, or collect more samples",
        tuple(remedies),
    )


@rule(
    "no-regularization",
    "nothing keeps the network from learning by heart",
    "with more weights than samples, early stopping, dropout, a penalty or distortions make "
    "what is learned hold for new samples more often",
)
def no_regularization(case: Case) -> Seen | None:
    """There is no dropout, batch normalization, penalty, weight decay, smoothing, adversarial
    training, averaging, distortion or patience, and the training accuracy is above the validation
    accuracy by 1 point or more. A note.
    """
    settings, architecture = case.settings, case.architecture
    anything = (
        min(architecture.keep_probs, default=1.0) < 1
        or architecture.batch_norm != "none"
        or settings.l2_lambda
        or settings.weight_decay
        or settings.label_smoothing
        or settings.adversarial
        or settings.average_decay
        or settings.max_norm is not None
        or settings.patience is not None
        or (case.augment is not None and case.augment.is_on)
    )
    if anything or not case.is_over or case.learned is None or case.reached is None:
        return None
    if case.history[-1].val_accuracy is None or case.learned - case.reached < 0.01:
        return None
    evidence = f"training {case.learned:.1%}, validation {case.reached:.1%}"
    return Seen("note", evidence, "use one", ("training.l2_lambda=0.1", "training.patience=10"))


@rule(
    "large-network",
    "the network is large for its samples",
    "it has room to learn each sample by heart, and takes longer than a smaller one",
)
def large_network(case: Case) -> Seen | None:
    """It has more than 30 parameters for each training sample, learns more than 99 % of them, and
    the validation accuracy is lower by 1 point or more. A note.
    """
    if case.train is None or not case.is_over or case.learned is None or case.reached is None:
        return None
    ratio = case.n_parameters / case.train.n
    if ratio <= 30 or case.learned < 0.99 or case.learned - case.reached < 0.01:
        return None
    smaller = [max(16, width // 4) for width in case.architecture.layer_dims[1:-1]]
    evidence = f"{case.n_parameters:,} parameters for {case.train.n:,} training samples"
    return Seen("note", evidence, "try a smaller one", (f"network.hidden={smaller}",))


@rule(
    "stopped-before-rate-fell",
    "it stopped early while the learning rate was high",
    "the last part of a schedule, with small steps, often gains most; early stopping never let it "
    "come",
    explains=("worse-than-simple", "too-few-epochs", "underfitting", "rate-too-low",
              "batch-too-large"),
)  # fmt: skip
def stopped_before_rate_fell(case: Case) -> Seen | None:
    """Early stopping ended the training while the rate of a schedule that falls to 0 was above
    half of its highest. A warning if a simple model is better, otherwise a note.
    """
    settings = case.settings
    if case.history.ending != EARLY_STOPPING or settings.schedule == "constant":
        return None
    rate = case.history[-1].learning_rate
    share, epochs = rate / settings.learning_rate, settings.epochs
    rises = settings.schedule == "one_cycle" and case.epoch < 0.35 * epochs
    if share <= 0.5 and not rises:
        return None
    severity: Severity = "warning" if case.falls_short else "note"
    evidence = (
        f"after epoch {case.epoch} of {epochs}, with {share:.0%} of the highest rate; patience is "
        f"{settings.patience}"
    )
    patience = max(10, epochs // 3)
    return Seen(severity, evidence, "wait longer", (f"training.patience={patience}",))


@rule(
    "still-falling",
    "the loss is still falling",
    "more epochs would probably lower it further",
)
def still_falling(case: Case) -> Seen | None:
    """The validation loss (without validation data, the training loss) of the last epoch is the
    lowest, and below 97 % of the one three epochs before. A note.
    """
    if not case.is_over or case.epoch < 5 or case.was_ended:
        return None
    name = "val_loss" if case.history[-1].val_loss is not None else "train_loss"
    losses = case.history.column(name)
    if losses[-1] > min(losses) or losses[-1] > 0.97 * losses[-4]:
        return None
    evidence = f"from {losses[-4]:.4g} to {losses[-1]:.4g} in the last three epochs"
    return Seen("note", evidence, "train longer", (f"training.epochs={2 * case.settings.epochs}",))


@rule(
    "validation-better",
    "validation is better than training",
    "dropout, batch normalization and distortions make training harder, and the validation samples "
    "are few; this is no fault",
)
def validation_better(case: Case) -> Seen | None:
    """The validation accuracy is above that on training data by more than 1 point. A note."""
    if not case.is_over or case.learned is None or case.history[-1].val_accuracy is None:
        return None
    gap = case.reached - case.learned if case.reached is not None else 0.0
    if gap <= 0.01:
        return None
    return Seen("note", f"by {gap:.1%}", "nothing is to be done; compare on the same samples")


RULES = (
    stopped_before_rate_fell,
    overfitting,
    not_learning,
    worse_than_simple,
    underfitting,
    large_network,
    no_regularization,
    still_falling,
    validation_better,
)
