"""What one step of training does to the numbers that a walk has followed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inknet.explain.checking import Check, checked
from inknet.explain.explaining import Node, Sum, learned_node
from inknet.explain.tracing import SEED, Answer, Step, answered, double, one_step
from inknet.explain.walk import N_OTHERS, Walk, explainer_of
from inknet.mlp import MLP
from inknet.nn.network import Network
from inknet.recipes import TrainingRecipe
from inknet.seeds import Streams


@dataclass(frozen=True)
class Change:
    """What a step does to one learned number.

    Attributes
    ----------
    number : int
        Of the layer, from 0.
    name : str
        Of the array.
    index : tuple of int
    check : Check
        Of its gradient, with penalty and smoothing.
    gradient, update : Sum
    clipped : Sum or None
        What clipping makes of the gradient; None without clipping.
    before, after : float
    """

    number: int
    name: str
    index: tuple[int, ...]
    check: Check
    gradient: Sum
    update: Sum
    clipped: Sum | None
    before: float
    after: float


@dataclass(frozen=True)
class Learned:
    """A step of training on the sample and others.

    Attributes
    ----------
    step : Step
    loss : Sum
        The objective before the step.
    loss_after : float
        Of the same batch, with the same masks of dropout.
    changes : list of Change
    answer : Answer
        Of the network after the step, in use.
    """

    step: Step
    loss: Sum
    loss_after: float
    changes: list[Change]
    answer: Answer


def learned(walk: Walk) -> Learned:
    """Take one step of training, as the recipe of the model says, without distortions."""
    subject, settings = walk.subject, walk.subject.settings
    x, labels = subject.with_others(N_OTHERS)
    step = one_step(subject.model, x, labels, settings)
    explainer = explainer_of(subject, step)
    changes = []
    # dropout is a layer of its own after batch normalization, so numbers differ from the walk's
    stations = [one for one in walk.stations if one.layer.learned]
    numbers = [number for number, layer in enumerate(step.network.layers) if layer.learned]
    for number, station in zip(numbers, stations, strict=True):
        for followed in station.gradients:
            if followed.name == "x":
                continue
            *inputs, unit = followed.index
            node: Node = learned_node(number, followed.name, unit, *inputs)
            clips = settings.clip_value is not None or settings.clip_norm is not None
            update = explainer.explain({**node, "kind": "update"})
            changes.append(
                Change(
                    number,
                    followed.name,
                    followed.index,
                    _check(step, number, followed.name, followed.index),
                    explainer.explain({**node, "kind": "parameter gradient"}),
                    update,
                    explainer.explain({**node, "kind": "clipped gradient"}) if clips else None,
                    float(getattr(step.network.layers[number], followed.name)[followed.index]),
                    update.value,
                )
            )
    after = MLP.from_parts(step.after, subject.model.facts, Streams.from_seed(0))
    return Learned(
        step,
        explainer.explain({"kind": "loss"}),
        _objective(step, double(step.after), settings),
        changes,
        answered(after, subject.x),
    )


def _check(step: Step, number: int, name: str, index: tuple[int, ...]) -> Check:
    """Compare one number of the gradient, before clipping, with a difference."""
    layer, places = step.network.layers[number], getattr(step.places.layers[number], name)
    place = np.ravel_multi_index(index, places.shape)
    gradient = step.parameter_gradients[places.astype(np.intp)]

    def objective() -> float:
        return _objective(step, step.network, step.settings)

    return checked(name, objective, getattr(layer, name), gradient, np.array([place]))


def _objective(step: Step, network: Network, settings: TrainingRecipe) -> float:
    """Return the objective of the batch of a step, with its masks of dropout."""
    logits = network.forward(step.values[0], np.random.default_rng(SEED))
    options = {"label_smoothing": settings.label_smoothing}
    loss = network.loss(logits, step.labels, np.empty_like(logits), **options)
    l2 = network.l2(settings.l2_lambda, on_biases=settings.l2_on_biases)
    return loss + (l2.value(len(logits)) if settings.l2_lambda else 0.0)
