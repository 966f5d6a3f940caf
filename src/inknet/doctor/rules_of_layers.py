"""Rules about the network: its start, and what its layers do."""

from __future__ import annotations

from math import log

import numpy as np

from inknet.doctor.case import Case, stays_behind
from inknet.doctor.rule import Seen, rule

DEAD = 0.5
FLAT = 0.5
VANISHED = 1e-3
SHRUNK, GROWN = 0.02, 20.0
HIGH_LOSS = 4.0
SLOWED = ("rate-too-low", "too-few-epochs", "not-learning", "worse-than-simple", "underfitting",
          "batch-too-large")  # fmt: skip


@rule(
    "symmetric-start",
    "neurons start with the same weights",
    "they get the same gradients and stay the same: the layer is as good as one neuron",
    explains=(*SLOWED, "dead-neurons", "zero-biases", "wrong-initializer", "vanishing-gradients"),
)
def symmetric_start(case: Case) -> Seen | None:
    """Before the first step, more than half of the neurons of a layer have the same weights as
    another one. An error.
    """
    for number, twins in enumerate(case.start.twins, 1):
        width = case.architecture.layer_dims[number]
        if width > 1 and twins > width / 2:
            return Seen(
                "error",
                f"in layer {number}, {twins} of {width} neurons have the same weights as another",
                "draw the initial weights at random",
                ('network.initializer="he"',),
            )
    return None


@rule(
    "wrong-initializer",
    "the initial weights do not suit the activation",
    "signals shrink or grow from layer to layer, and gradients on their way back with them",
    explains=(*SLOWED, "vanishing-gradients", "start-loss", "dead-neurons", "rate-too-high",
              "saturated-neurons"),
)  # fmt: skip
def wrong_initializer(case: Case) -> Seen | None:
    """In the first step, with ReLU or leaky ReLU and without batch normalization, the signal
    before the last activation is less than a fiftieth or more than twenty times that before the
    first one (root mean squares). With He's rule it stays the same (He and others 2015).
    """
    if not case.start.is_fresh or not case.signs or case.architecture.batch_norm != "none":
        return None
    signals = case.signs[0].signals
    linear = all("relu" in name for name in case.architecture.activations[:-1])
    if len(signals) < 2 or not linear or not signals[0]:
        return None
    ratio = signals[-1] / signals[0]
    if SHRUNK < ratio < GROWN:
        return None
    return Seen(
        "warning",
        f"the signal before the activation is {signals[0]:.2g} in the first hidden layer and "
        f"{signals[-1]:.2g} in the last; the initializer is {case.architecture.initializer}",
        "draw the weights by He's rule",
        ('network.initializer="he"',),
    )


@rule(
    "start-loss",
    "the loss at the start is far too high",
    "before it has learned anything, a network should give each class its chance; a sure and wrong "
    "one must unlearn first",
)
def start_loss(case: Case) -> Seen | None:
    """The loss of the first batch is more than four times log(number of classes) and more than 6
    above it. After He's start on scaled features it is close to the logarithm.
    """
    if not case.start.is_fresh or not case.signs or case.signs[0].step > 0:
        return None
    expected = log(max(case.n_classes, 2))
    loss = case.signs[0].loss
    if not loss > max(HIGH_LOSS * expected, expected + 6):
        return None
    return Seen(
        "warning",
        f"{loss:.3g} in the first batch; expected about log({case.n_classes}) = {expected:.2f}",
        "scale the features, and start with smaller weights",
    )


@rule(
    "squashed-logits",
    "the outputs are squashed before the softmax",
    "logits within 0 to 1, or -1 to 1, cannot give a class more than a part of the probability: "
    "the loss stays high, and its gradients small",
    explains=(*SLOWED, "vanishing-gradients", "overfitting"),
)
def squashed_logits(case: Case) -> Seen | None:
    """The network does not end in a dense layer, and in all steps that were looked at its logits
    lie within 0 to 1, or within -1 to 1. An error.
    """
    if case.ends_in_dense or not case.signs:
        return None
    low, high = min(s.logits[0] for s in case.signs), max(s.logits[1] for s in case.signs)
    if low < -1 or high > 1:
        return None
    sums = max(abs(signs.logits[2] - 1) for signs in case.signs)
    what = "tanh" if low < 0 else "softmax" if sums < 1e-3 else "sigmoid"
    return Seen(
        "error",
        f"logits are between {low:.2f} and {high:.2f} in every step, as after a {what}",
        "let the network end in a dense layer: the softmax is part of the loss",
    )


@rule(
    "exclusive-labels",
    "each sample has exactly one label, and the outputs are sigmoids",
    "sigmoids decide each label alone, so a sample may get none or several; a softmax uses that "
    "one excludes the others",
)
def exclusive_labels(case: Case) -> Seen | None:
    """The outputs are sigmoids for several labels, and every training sample has exactly one."""
    if case.exclusive < 1 or case.n_classes < 2:
        return None
    return Seen(
        "warning",
        f"all training samples have one of {case.n_classes} labels",
        "pass the class of each sample: y.argmax(axis=1)",
    )


@rule(
    "dead-neurons",
    "neurons are dead",
    "a ReLU that is 0 for every sample has no gradient, and never comes back",
    explains=(*SLOWED, "vanishing-gradients", "zero-biases", "wrong-initializer"),
)
def dead_neurons(case: Case) -> Seen | None:
    """In the newest three steps that were looked at, more than half of the neurons of a layer of
    ReLU were 0 for the whole batch in each. AutoTrainer (Zhang and others 2021) uses the same
    half.
    """
    recent = [signs.silent for signs in case.signs[-3:] if signs.silent]
    if len(recent) < min(3, len(case.signs)) or not recent:
        return None
    for number in range(len(recent[0])):
        silent = np.logical_and.reduce([one[number] for one in recent])
        if silent.mean() > DEAD:
            return Seen(
                "warning",
                f"{int(silent.sum())} of {len(silent)} neurons of hidden layer {number + 1} are 0 "
                "for every sample of the newest batches",
                "use leaky ReLU, small positive biases and a lower learning rate",
                ('network.activations="leaky_relu"', "network.bias_start=0.01"),
            )
    return None


@rule(
    "saturated-neurons",
    "neurons are saturated",
    "where a sigmoid or tanh is flat, its slope is almost 0, and so is every gradient through it",
    explains=(*SLOWED, "vanishing-gradients", "start-loss", "overfitting"),
)
def saturated_neurons(case: Case) -> Seen | None:
    """In the newest three steps that were looked at, more than half of the inputs of a layer are
    where its slope is below 0.08 of the largest: beyond 4 for a sigmoid, 2 for tanh. They were so
    before the first step, or the training samples are not learned in the end.
    """
    recent = [signs.saturated for signs in case.signs[-3:] if signs.saturated]
    if not recent:
        return None
    if not is_stuck_at_start(case) and not stays_behind(case):
        return None
    shares = np.min(recent, axis=0)
    number = int(shares.argmax())
    if shares[number] <= FLAT:
        return None
    return Seen(
        "warning",
        f"{shares[number]:.0%} of the inputs of hidden layer {number + 1} are where it is flat",
        "normalize them, or start with smaller weights",
        ('network.batch_norm="before"', 'network.initializer="glorot"'),
    )


@rule(
    "vanishing-gradients",
    "gradients vanish on the way back",
    "the first layers hardly learn, and what comes after them works on random features",
    explains=SLOWED,
)
def vanishing_gradients(case: Case) -> Seen | None:
    """In the median of the steps that were looked at, the gradient of the first layer's weights
    is less than a thousandth of that of the last layer's (norms over the number of weights), and
    the network does not learn the training samples (below 90 %).
    """
    if len(case.signs) < 3 or len(case.signs[0].gradients) < 3:
        return None
    ratios = _gradient_ratios(case)
    ratio = float(np.median(ratios))
    learned = case.learned
    if not ratio < VANISHED or (learned is not None and learned > 0.9):
        return None
    return Seen(
        "warning",
        f"the gradient of the first layer is {ratio:.1e} of that of the last, weight by weight",
        "use leaky ReLU with He's start, batch normalization and Adam, or fewer layers",
        (
            'network.activations="leaky_relu"',
            'network.initializer="he"',
            'network.batch_norm="before"',
            'training.optimizer="adam"',
        ),
    )


@rule(
    "exploding-gradients",
    "gradients explode on the way back",
    "one step can undo all that was learned",
    explains=("start-loss", "rate-too-high", "dead-neurons", "worse-than-simple", "not-learning",
              "underfitting", "overfitting"),
)  # fmt: skip
def exploding_gradients(case: Case) -> Seen | None:
    """Before the first step, the norm of the whole gradient is above 1,000, where a network that
    starts well has one near 1.
    """
    first = [s for s in case.signs if s.step == 0]
    if not case.start.is_fresh or not first:
        return None
    largest = max(float(np.linalg.norm(signs.gradients)) for signs in first)
    if np.isfinite(largest) and largest < 1_000:
        return None
    return Seen(
        "warning",
        f"its norm is {largest:.3g} before the first step",
        "start with smaller weights, and clip the gradient",
        ('network.initializer="he"', "training.clip_norm=1.0"),
    )


@rule(
    "bottleneck",
    "a hidden layer is too narrow",
    "all that later layers learn must pass it; a few numbers cannot tell many classes apart",
    explains=("underfitting", "worse-than-simple", "rate-too-low", "too-few-epochs", "dead-neurons",
              "overfitting", "not-learning", "rate-too-high"),
)  # fmt: skip
def bottleneck(case: Case) -> Seen | None:
    """A hidden layer has less than a third as many neurons as there are classes, or one, and the
    network learns fewer than 95 % of its training samples.
    """
    widths = case.architecture.layer_dims[1:-1]
    learned = case.learned
    if not widths or learned is None or learned >= 0.95 or not case.is_over:
        return None
    narrow = min(widths)
    if narrow >= max(2.0, case.n_classes / 3):
        return None
    layer = list(widths).index(narrow) + 1
    wide = [max(width, 4 * case.n_classes) for width in widths]
    return Seen(
        "warning",
        f"hidden layer {layer} has {narrow} neuron{'' if narrow == 1 else 's'} for "
        f"{case.n_classes} classes; {learned:.1%} of the training samples are learned",
        "make it wider",
        (f"network.hidden={wide}",),
    )


@rule(
    "zero-biases",
    "the biases of a ReLU layer start at 0",
    "about half of the neurons start at 0 for a sample, and some for all of them; a small positive "
    "start lets each pass a gradient at first",
)
def zero_biases(case: Case) -> Seen | None:
    """All biases of a layer of ReLU are 0 before the first step. A note: with He's start it seldom
    costs accuracy.
    """
    if not case.start.zero_biases or case.architecture.batch_norm == "before":
        return None
    layers = ", ".join(map(str, case.start.zero_biases))
    evidence = f"hidden layer {layers}"
    return Seen("note", evidence, "start them above 0", ("network.bias_start=0.01",))


def is_stuck_at_start(case: Case) -> bool:
    """Whether most neurons of a layer are dead or saturated before the first step."""
    if not case.start.is_fresh or not case.signs or case.signs[0].step > 0:
        return False
    first = case.signs[0]
    dead = any(float(one.mean()) > DEAD for one in first.silent)
    return dead or max(first.saturated, default=0.0) > FLAT


def are_dead(case: Case) -> bool:
    """Whether most neurons of a layer were 0 for every sample in the newest looks."""
    recent = [signs.silent for signs in case.signs[-3:] if signs.silent]
    return bool(recent) and any(
        float(np.logical_and.reduce(layer).mean()) > DEAD for layer in zip(*recent, strict=True)
    )


def _gradient_ratios(case: Case) -> list[float]:
    """Return for each look how large the first layer's gradient is beside the last one's."""
    dims = case.architecture.layer_dims
    first, last = (dims[0] * dims[1]) ** 0.5, (dims[-2] * dims[-1]) ** 0.5
    found = []
    for signs in case.signs:
        ahead, behind = signs.gradients[0] / first, signs.gradients[-1] / last
        found.append(ahead / behind if behind > 0 else 1.0)
    return found


AT_THE_START = (
    symmetric_start,
    squashed_logits,
    wrong_initializer,
    exploding_gradients,
    exclusive_labels,
    bottleneck,
)
LATER = (
    saturated_neurons,
    dead_neurons,
    vanishing_gradients,
    start_loss,
    zero_biases,
)
