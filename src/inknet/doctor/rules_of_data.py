"""Rules about the samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inknet.doctor.case import Case
from inknet.doctor.rule import Seen, rule

LARGE = 30.0
"""A root mean square of all features; 1 where each is standardized."""
UNEVEN = 30.0
"""The largest deviation of a column over the median one; 1 where each is standardized."""
MANY_CLASSES = 20
FEW_EACH = 15.0
SORTED = 0.2
LEAKED = 0.02
DISTANT = 0.25
RARE = 0.1
FAR = 4.0
CONTRADICTED = 0.05


@rule(
    "features-not-scaled",
    "the features are not scaled",
    "columns with large values decide the sums of the first layer alone, and gradients of their "
    "weights are larger by the square; one learning rate cannot suit all weights",
    explains=(
        "start-loss", "exploding-gradients", "dead-neurons", "saturated-neurons",
        "worse-than-simple", "rate-too-high", "underfitting", "rate-too-low", "not-learning",
        "overfitting", "batch-too-large", "too-few-epochs",
    ),
)  # fmt: skip
def features_not_scaled(case: Case) -> Seen | None:
    """Columns of a table differ in their standard deviation by more than 30 times (the largest
    over the median), or the root mean square of all values is above 30. Columns that were
    standardized have 1 for both. A warning: LeCun and others 1998, "Efficient backprop", section
    4.3, derive why inputs are best centred and of one variance.
    """
    facts = case.train
    if facts is None:
        return None
    advice = "standardize each column with the training samples"
    remedy = ("training.standardize=true",)
    size = float(np.sqrt(np.mean(facts.centre**2 + facts.spread**2)))
    if facts.are_images:
        if size <= LARGE:
            return None
        evidence = f"their root mean square is {size:,.0f}; expected values from 0 to 1"
        return Seen("warning", evidence, advice, remedy)
    varied = facts.spread[facts.spread > 0]
    if not len(varied):
        return None
    ratio = float(varied.max() / np.median(varied))
    if ratio > UNEVEN:
        column = int(facts.spread.argmax())
        evidence = (
            f"{facts.column(column)} has a standard deviation of {facts.spread[column]:.3g}, the "
            f"median column one of {float(np.median(varied)):.3g}"
        )
        return Seen("warning", evidence, advice, remedy)
    if size > LARGE:
        evidence = f"their root mean square is {size:,.0f}; expected about 1"
        return Seen("warning", evidence, advice, remedy)
    return None


@rule(
    "constant-columns",
    "columns without information",
    "a column that is the same in every sample costs weights and teaches nothing; often it is a "
    "mistake of the export",
)
def constant_columns(case: Case) -> Seen | None:
    """Columns of a table have a standard deviation of 0. Images are not looked at: pixels at the
    edge are often blank.
    """
    if case.train is None or case.train.are_images:
        return None
    constant = np.flatnonzero(case.train.spread == 0)
    if not len(constant):
        return None
    if len(constant) == 1:
        evidence = f"{case.train.column(int(constant[0]))} is the same in all samples"
    else:
        evidence = f"columns {_listed(constant)} are the same in all samples"
    return Seen("note", evidence, "leave them out")


@rule(
    "duplicated-columns",
    "columns that repeat another",
    "the feature counts twice, and its weight is divided between both in no particular way",
)
def duplicated(case: Case) -> Seen | None:
    """Two columns are equal, or one is the other times a factor plus a constant: their
    correlation is above 0.99999.
    """
    if not case.columns:
        return None
    one, other = case.columns[0]
    more = f", and {len(case.columns) - 1} more pairs" if len(case.columns) > 1 else ""
    return Seen("note", f"columns {one} and {other}{more}", "keep one of each pair")


@rule(
    "class-missing",
    "a class has no training samples",
    "the network has an output that it is only ever told to keep at 0; labels that begin at 1 "
    "instead of 0 look like this, and so does a part that was cut off in order",
    explains=("class-imbalance",),
)
def class_missing(case: Case) -> Seen | None:
    """A class has no sample among those to learn from. An error if validation has some of it, as
    these cannot be right; otherwise a warning.
    """
    if case.train is None or case.n_classes < 2:
        return None
    missing = np.flatnonzero(case.train.counts == 0)
    if not len(missing):
        return None
    first = bool(missing[0] == 0 and len(missing) == 1)
    evidence = f"no sample has the label {_listed(missing)}"
    advice = "check the labels, and how the parts are made"
    if first:
        advice = "let the labels begin at 0: y - y.min()"
    in_validation = case.validation is not None and bool(case.validation.counts[missing].any())
    if in_validation:
        return Seen("error", evidence, advice, ("data.stratified=true",))
    return Seen("warning", evidence, advice)


@rule(
    "regression-target",
    "the labels look like numbers, not like classes",
    "for a classifier, 41 is as different from 42 as from 3; what it could learn of neighbours is "
    "lost, and each class has too few samples",
    explains=("worse-than-simple", "labels-unrelated", "overfitting", "underfitting", "bottleneck",
              "labels-probably-wrong", "class-imbalance", "class-missing", "parts-differ"),
)  # fmt: skip
def regression_target(case: Case) -> Seen | None:
    """There are 20 classes or more, with fewer than 15 training samples each in the median."""
    facts = case.train
    if facts is None or case.n_classes < MANY_CLASSES:
        return None
    present = facts.counts[facts.counts > 0]
    each = float(np.median(present))
    if each >= FEW_EACH:
        return None
    evidence = f"{len(present)} classes with {each:g} samples each in the median"
    return Seen("warning", evidence, "use inknet.MLPRegressor for numbers, or fewer, wider classes")


@rule(
    "class-imbalance",
    "a class is so rare that it is ignored",
    "always answering the frequent class costs little loss, so the network does; its accuracy says "
    "nothing of the rare class",
    explains=("labels-unrelated", "worse-than-simple"),
)
def class_imbalance(case: Case) -> Seen | None:
    """The rarest class has less than a tenth of its equal share of the training samples. A
    warning, as accuracy then hardly depends on it.
    """
    facts = case.train
    if facts is None or case.n_classes < 2:
        return None
    shares = facts.shares * case.n_classes
    rare = int(np.where(facts.counts > 0, shares, np.inf).argmin())
    if shares[rare] >= RARE:
        return None
    evidence = (
        f"class {rare} has {facts.counts[rare]:,} of {facts.n:,} training samples; an accuracy of "
        f"{facts.shares.max():.1%} needs no learning"
    )
    return Seen(
        "warning",
        evidence,
        "judge by recall and F1 of each class; collect more samples of it, repeat those there are, "
        "or use MLPClassifier(class_weight='balanced')",
    )


@rule(
    "rows-in-label-order",
    "the rows are in the order of their labels, and are not shuffled",
    "each batch holds one class or two, so every step unlearns the others",
    explains=("rate-too-high", "rate-too-low", "worse-than-simple", "underfitting", "dead-neurons",
              "too-few-epochs", "not-learning", "overfitting"),
)  # fmt: skip
def rows_in_label_order(case: Case) -> Seen | None:
    """Without shuffling, neighbours have different labels less than a fifth as often as in a
    random order. An error.
    """
    facts = case.train
    if facts is None or case.settings.shuffle or facts.order >= SORTED or facts.counts.min() < 0:
        return None
    if case.settings.batch_size == "all":
        return None
    evidence = (
        f"neighbours have different labels {facts.order:.1%} as often as in a random order, and "
        "shuffle is false"
    )
    return Seen("error", evidence, "draw a new order in every epoch", ("training.shuffle=true",))


@rule(
    "leak",
    "validation samples are among the training samples",
    "the network has seen them, so what it reaches there says nothing of new samples",
    explains=("validation-better",),
)
def leak(case: Case) -> Seen | None:
    """More than 2 % of the validation rows, and more than five times the share of repeated rows
    within the training samples, equal a training row in every number.
    """
    found = case.repeated
    if found is None or not found.compared:
        return None
    share = found.across / found.compared
    if share <= max(LEAKED, 5 * found.within) or found.across < 3:
        return None
    evidence = f"{found.across:,} of {found.compared:,} that were compared, {share:.1%}"
    return Seen("warning", evidence, "remove repeated rows, or hold back groups: data.groups")


@rule(
    "parts-differ",
    "training and validation samples have different classes",
    "parts that were cut from sorted rows are not alike; what is learned of one says little of "
    "the other",
    explains=("overfitting", "worse-than-simple", "validation-better", "labels-unrelated"),
)
def parts_differ(case: Case) -> Seen | None:
    """The shares of the classes differ by more than a quarter of all samples (half the sum of
    the differences), which is also more than three times what chance gives parts of that size.
    """
    train, validation = case.train, case.validation
    if train is None or validation is None:
        return None
    distance = float(np.abs(train.shares - validation.shares).sum()) / 2
    by_chance = 0.4 * float(np.sqrt(train.shares * (1 - train.shares) / validation.n).sum())
    if distance <= max(DISTANT, 3 * by_chance):
        return None
    evidence = f"{distance:.0%} of the samples would need another class to be alike"
    advice = "shuffle the rows before the parts are made, or give each part its share"
    return Seen("error", evidence, advice, ("data.stratified=true",))


@rule(
    "validation-differs",
    "validation features are of another kind than training features",
    "they were scaled or prepared in another way, so the network gets what it never learned from",
    explains=("overfitting", "worse-than-simple", "labels-unrelated"),
)
def validation_differs(case: Case) -> Seen | None:
    """The means of the columns differ by more than four standard deviations of the training
    samples in the median column, or the deviations by more than four times; for images, the mean
    of all pixels differs by more than two deviations between images.
    """
    train, validation = case.train, case.validation
    if train is None or validation is None:
        return None
    if train.are_images or len(train.spread) >= 64:
        distance = abs(float(validation.centre.mean() - train.centre.mean()))
        scale = float(train.spread.mean())
        if distance <= 1.0 * scale or scale == 0:
            return None
        evidence = (
            f"the mean of all values is {validation.centre.mean():.3g}, in training "
            f"{train.centre.mean():.3g}"
        )
        return Seen("error", evidence, "prepare both in the same way")
    varied = train.spread > 0
    if not varied.any():
        return None
    shift = np.abs(validation.centre - train.centre)[varied] / train.spread[varied]
    growth = np.maximum(validation.spread[varied], 1e-30) / train.spread[varied]
    wide = float(np.median(growth))
    if float(np.median(shift)) <= 1.0 and 1 / FAR <= wide <= FAR:
        return None
    evidence = (
        f"in the median column the mean is {float(np.median(shift)):.1f} deviations away, and the "
        f"deviation {wide:.2g} times that of training"
    )
    return Seen("error", evidence, "prepare both with what was computed on the training samples")


@rule(
    "small-part",
    "few samples to validate on",
    "a difference smaller than the interval may be chance; a choice made by it, too",
)
def small_part(case: Case) -> Seen | None:
    """The 95 % interval of the validation accuracy is wider than 1 point on either side (Wilson
    1927). A note: small data are no fault, but a claim of a point needs more.
    """
    reached, facts = case.reached, case.validation
    if reached is None or facts is None or not case.is_over:
        return None
    low, high = wilson(reached, facts.n)
    if high - low <= 0.02:
        return None
    evidence = (
        f"accuracy {reached:.1%} of {facts.n:,} samples is {low:.1%} to {high:.1%} in 95 of 100 "
        "such samples"
    )
    return Seen("note", evidence, "claim no more than that; hold more back, or average over splits")


@rule(
    "labels-unrelated",
    "the labels have nothing to do with the features",
    "nothing can be learned that holds for new samples; rows and labels were probably put "
    "together in the wrong order",
    explains=(
        "overfitting", "underfitting", "rate-too-high", "rate-too-low", "too-few-epochs",
        "not-learning", "worse-than-simple", "labels-probably-wrong", "batch-too-large",
        "dropout-too-strong", "bottleneck",
    ),
)  # fmt: skip
def labels_unrelated(case: Case) -> Seen | None:
    """In the end the network, ridge regression and nearest neighbours all are right no more often
    than the most frequent class is, within 2.5 standard errors.
    """
    opinion, reached, facts = case.opinion, case.reached, case.train
    if opinion is None or reached is None or facts is None or facts.shares.max() > 0.9:
        return None
    chance = max(opinion.majority, 1 / case.n_classes)
    error = float(np.sqrt(chance * (1 - chance) / opinion.n))
    most = max(reached, opinion.best)
    if most > chance + max(2.5 * error, 0.02) or opinion.n < 30:
        return None
    evidence = (
        f"on validation the network is right in {reached:.1%}, a linear model in "
        f"{opinion.linear:.1%}, nearest neighbours in {opinion.nearest:.1%}; always the most "
        f"frequent class: {chance:.1%}"
    )
    return Seen("error", evidence, "check that features and labels are in the same order")


@rule(
    "labels-probably-wrong",
    "some labels are probably wrong",
    "the network is told to unlearn what is right, and is judged by what is wrong",
    explains=("overfitting", "worse-than-simple", "underfitting"),
)
def labels_probably_wrong(case: Case) -> Seen | None:
    """There are three classes or more, and for more than 5 % of the validation samples at least
    nine of the fifteen nearest training samples are of one other class, and at most one of their
    own. These contradictions are spread over many pairs of classes, as slips are, and not over a
    few that look alike.
    """
    opinion = case.opinion
    if opinion is None or case.n_classes < 3:
        return None
    k = len(opinion.contradicted)
    share = k / opinion.n
    pairs = case.n_classes * (case.n_classes - 1)
    spread = opinion.n_pairs / max(1.0, pairs * (1 - (1 - 1 / pairs) ** k))
    if share < CONTRADICTED or spread < 0.6 or k < 8:
        return None
    rows = tuple(int(row) for row in opinion.contradicted[:20])
    evidence = (
        f"the nearest samples of {k} of {opinion.n} validation samples have one other label, "
        f"such as those of rows {', '.join(map(str, rows[:5]))}"
    )
    advice = "look at these samples, and correct or remove those that are wrong"
    return Seen("warning", evidence, advice, rows=rows)


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return the interval of a share of n samples (Wilson 1927)."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return float(middle - half), float(middle + half)


def _listed(numbers: NDArray[np.intp]) -> str:
    some = ", ".join(map(str, numbers[:5]))
    return f"{some} and {len(numbers) - 5} more" if len(numbers) > 5 else some


RULES = (
    class_missing,
    parts_differ,
    validation_differs,
    rows_in_label_order,
    regression_target,
    labels_unrelated,
    features_not_scaled,
    leak,
    class_imbalance,
    labels_probably_wrong,
    small_part,
    constant_columns,
    duplicated,
)
