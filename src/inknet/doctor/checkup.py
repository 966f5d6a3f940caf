"""A check-up before a training: samples, start, one batch to learn, and the gradients."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np

from inknet.data import Dataset
from inknet.doctor.case import Case
from inknet.doctor.diagnosis import diagnose
from inknet.doctor.doctor import add_samples, start_of
from inknet.doctor.parts import Part, part_of
from inknet.doctor.rule import rounded
from inknet.doctor.rules_of_steps import USUAL
from inknet.doctor.signs import Signs, norm, signs_of_layers
from inknet.nn.gradcheck import both_gradients, worst_array
from inknet.nn.network import Network
from inknet.nn.optimizers import Adam, clip_by_norm
from inknet.training.findings import Finding, ranked
from inknet.training.history import History

if TYPE_CHECKING:
    from inknet.recipes import AugmentRecipe, TrainingRecipe

ONE_BATCH = 64
STEPS, RATE = 300, 0.01
ENOUGH = 0.95
TRIAL_STEPS = 40
TOO_LONG, TOO_SHORT = 0.5, 1e-5
"""How far a step moves the weights of a layer, over their norm; healthy steps are near 1e-3."""
MOST_CHECKED = 3_000
"""Parameters of the small network whose gradients are compared with differences."""
LARGEST_ERROR = 1e-4


def checkup(
    network: Network,
    train: Dataset,
    validation: Dataset | None,
    settings: TrainingRecipe,
    augment: AugmentRecipe | None = None,
) -> tuple[list[Finding], list[str]]:
    """Look at all that is known before a training, and take a few steps on a copy.

    Returns
    -------
    findings : list of Finding
        The worst first.
    checks : list of str
        A line for each check that was made, with what it gave.
    """
    case = Case(settings, network.architecture, History(), network.n_parameters, augment=augment)
    add_samples(case, train, validation)
    case.start = start_of(network, is_fresh=True)
    part, _ = part_of(train)
    assert part is not None
    rows = np.random.default_rng(0).permutation(len(part))[:ONE_BATCH]
    x, labels = part.take(rows).astype(network.dtype), part.targets[rows]
    case.signs = [_first_signs(deepcopy(network), x, labels)]
    n_classes = network.architecture.layer_dims[-1]
    checks = [
        f"the loss of a batch at the start is {case.signs[0].loss:.3f}; "
        f"log({n_classes}) is {np.log(n_classes):.3f}"
    ]
    found = diagnose(case)
    learned, steps = _learn_one_batch(deepcopy(network), x, labels)
    checks.append(f"of one batch of {len(rows)} samples it learned {learned:.1%} in {steps} steps")
    if learned < ENOUGH:
        found.append(_cannot_learn(learned, len(rows), steps))
    ratio = _step_ratio(deepcopy(network), part, settings)
    checks.append(f"a step at the rate of {settings.learning_rate:g} moves weights by {ratio:.1e}")
    if not TOO_SHORT < ratio < TOO_LONG:
        found.append(_wrong_rate(ratio, settings))
    error, name = _gradient_error(network, part)
    how_far = f"by {error:.1e} at most, in {name}" if error else "by no more than rounding"
    checks.append(f"its gradients differ from finite differences {how_far}")
    if error > LARGEST_ERROR:
        found.append(_wrong_gradient(error, name))
    return ranked(found), checks


def _first_signs(network: Network, x: np.ndarray, labels: np.ndarray) -> Signs:
    """Return what the layers show of a batch before any step."""
    with np.errstate(all="ignore"):
        loss = network.loss_and_gradients(x, labels, np.random.default_rng(0))
        signs = Signs(0, loss)
        signs_of_layers(network, signs)
        signs.gradients = [norm(dense.weight_gradient) for dense in network.dense_layers]
        signs.weights = [norm(dense.weight) for dense in network.dense_layers]
        signs.updates = [0.0] * len(signs.weights)
    return signs


def _learn_one_batch(network: Network, x: np.ndarray, labels: np.ndarray) -> tuple[float, int]:
    """Train on one batch by Adam; return the share that is right, and the steps it took."""
    optimizer, generator = Adam(network.parameters), np.random.default_rng(0)
    right = 0.0
    with np.errstate(all="ignore"):
        for step in range(1, STEPS + 1):
            network.loss_and_gradients(x, labels, generator)
            optimizer.step(network.parameters, network.gradients, RATE)
            if step % 20 == 0:
                logits = network.forward(x, generator)
                right = float(np.mean(logits.argmax(axis=1) == labels))
                if right == 1:
                    return right, step
    return right, STEPS


def _step_ratio(network: Network, part: Part, settings: TrainingRecipe) -> float:
    """Return how far a step at the highest rate moves a layer, over its initial norm: the median.

    Of the layer that it moves farthest; the first steps, which are longer with Adam, do not count.
    """
    from inknet.training.loop import optimizer_for

    optimizer, generator = optimizer_for(settings, network), np.random.default_rng(0)
    batch = len(part) if settings.batch_size == "all" else min(settings.batch_size, len(part))
    ratios, first = [], [max(norm(dense.weight), 1e-30) for dense in network.dense_layers]
    with np.errstate(all="ignore"):
        for step in range(TRIAL_STEPS):
            rows = generator.integers(len(part), size=min(batch, 256))
            x = part.take(rows).astype(network.dtype)
            network.loss_and_gradients(x, part.targets[rows], generator)
            if settings.clip_norm is not None:
                clip_by_norm(network.gradients, settings.clip_norm)
            before = [dense.weight.copy() for dense in network.dense_layers]
            optimizer.step(network.parameters, network.gradients, settings.learning_rate)
            if step >= TRIAL_STEPS // 2:
                layers = zip(network.dense_layers, before, first, strict=True)
                ratios.append(max(norm(d.weight - weight) / size for d, weight, size in layers))
    ratio = float(np.median(ratios))
    return ratio if np.isfinite(ratio) else float("inf")


def _gradient_error(network: Network, part: Part) -> tuple[float, str]:
    """Compare the gradients of a narrow network of the same kinds of layers with differences."""
    from dataclasses import replace

    architecture = network.architecture
    d, n_classes = min(architecture.layer_dims[0], 8), min(architecture.layer_dims[-1], 5)
    hidden = [min(width, 6) for width in architecture.layer_dims[1:-1]]
    small = replace(architecture, layer_dims=[d, *hidden, n_classes])
    generator = np.random.default_rng(0)
    copy = Network(small, generator, np.float64)
    x = generator.normal(size=(8, d))
    both = both_gradients(copy, x, generator.integers(n_classes, size=8))
    return worst_array(*both)


def _cannot_learn(learned: float, n: int, steps: int) -> Finding:
    return Finding(
        "cannot-learn-one-batch",
        "error",
        "the network cannot learn a single batch",
        f"{learned:.1%} of {n} samples are right after {steps} steps of Adam on these alone",
        "what does not learn 64 samples by heart will not learn the others",
        "scale the features, make the network wider, and weaken dropout",
    )


def _wrong_rate(ratio: float, settings: TrainingRecipe) -> Finding:
    is_high = ratio >= TOO_LONG
    rate = f"training.learning_rate={rounded(USUAL[settings.optimizer])}"
    return Finding(
        "rate-too-high" if is_high else "rate-too-low",
        "warning",
        f"the learning rate is too {'high' if is_high else 'low'}",
        f"steps at the rate of {settings.learning_rate:g} move weights by {ratio:.1e} of their "
        "norm; healthy ones are near 1e-3",
        "steps that are too long undo what was learned"
        if is_high
        else "so small steps lead nowhere",
        "lower it" if is_high else "raise it",
        (rate,),
    )


def _wrong_gradient(error: float, name: str) -> Finding:
    return Finding(
        "wrong-gradient",
        "error",
        "a gradient is wrong",
        f"that of {name} differs from finite differences by {error:.1e}",
        "descent along a wrong gradient leads elsewhere, or nowhere",
        "check the backward pass of the layers that you wrote: inknet.nn.gradcheck",
    )
