"""A walk: one sample through a network, to its loss and back, with every gradient checked.

The sample goes alone and without dropout, so that every number is its own. Only for batch
normalization, whose mean and variance are those of a batch, training samples go with it.

Of each layer one number is followed: from the logit of the right class back to the input, always
the one that counts most.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from inknet.explain.checking import Check, checked, some_places
from inknet.explain.explaining import Sum, learned_node, value_node
from inknet.explain.steps import Steps
from inknet.explain.subject import Subject
from inknet.explain.tracing import SEED, Answer, Step, Values, answered, one_step
from inknet.mlp import MLP
from inknet.nn.layers import BatchNorm, Dense, Layer
from inknet.nn.network import Network
from inknet.recipes import training_recipe
from inknet.seeds import Streams

MOST_CHECKED = 24
"""So many numbers of each array are compared with finite differences."""
N_OTHERS = 31
"""So many training samples are in a batch with the one that is followed."""


@dataclass(frozen=True)
class Gradient:
    """The gradient with respect to an array, and the number of it that is followed.

    Attributes
    ----------
    name : str
        Of the array: ``weight``, or ``x`` for the input of a layer.
    index : tuple of int
        Of the number that is followed.
    sum : Sum
        That number.
    check : Check
        The number and others of its array; it is the first.
    """

    name: str
    index: tuple[int, ...]
    sum: Sum
    check: Check


@dataclass(frozen=True)
class Station:
    """A layer on the way.

    Attributes
    ----------
    number : int
        From 0.
    layer : Layer
    forward : Sum
        The number that is followed, as it comes out.
    gradients : list of Gradient
        Of its learned arrays, and of its input.
    """

    number: int
    layer: Layer
    forward: Sum
    gradients: list[Gradient]


@dataclass(frozen=True)
class Walk:
    """A sample's way through a network and back.

    Attributes
    ----------
    subject : Subject
    answer : Answer
        In use.
    step : Step
        In training mode, without penalty, smoothing and dropout.
    units : list of int
        Which number is followed, of the input and of what comes out of each layer.
    loss : Sum
    stations : list of Station
    at_logits : Gradient
        Where the way back begins.
    """

    subject: Subject
    answer: Answer
    step: Step
    units: list[int]
    loss: Sum
    stations: list[Station]
    at_logits: Gradient

    @property
    def gradients(self) -> list[Gradient]:
        """All that were checked, in the order of the way back."""
        back = [one for station in reversed(self.stations) for one in station.gradients]
        return [self.at_logits, *back]


def walked(subject: Subject) -> Walk:
    """Take a sample through its network and back; see `Walk`."""
    network = _without_dropout(subject.model.network)
    model = MLP.from_parts(network, subject.model.facts, Streams.from_seed(0))
    x, labels = subject.x, np.array([subject.label])
    if any(isinstance(layer, BatchNorm) for layer in network.layers):
        x, labels = subject.with_others(N_OTHERS)
    step = one_step(model, x, labels, training_recipe(optimizer="gradient_descent"))
    explainer, units = explainer_of(subject, step), _followed(step, subject.label)
    stations = []
    for number, layer in enumerate(step.network.layers):
        unit = units[number + 1]
        gradients = [
            _of_learned(step, explainer, number, array.name, units)
            for array in layer.learned
            if array.kind != "statistic"
        ]
        gradients.append(_of_input(step, explainer, number, units[number]))
        forward = explainer.explain(value_node(number + 1, unit, 0))
        stations.append(Station(number, layer, forward, gradients))
    return Walk(
        subject,
        answered(subject.model, subject.x),
        step,
        units,
        explainer.explain({"kind": "sample loss", "sample": 0}),
        stations,
        _of_input(step, explainer, len(step.network.layers), units[-1]),
    )


def explainer_of(subject: Subject, step: Step) -> Steps:
    """Return what explains the numbers of a step of a subject's network."""
    facts = subject.model.facts
    width = None if facts.image_shape is None else facts.image_shape[1]
    return Steps(step, facts.class_names, width, facts.feature_names)


def _without_dropout(network: Network) -> Network:
    """Return a copy in float64 that keeps all neurons."""
    architecture = network.architecture
    keep_probs = [1.0] * len(architecture.keep_probs)
    copy = Network(replace(architecture, keep_probs=keep_probs), None, "float64")
    copy.parameters[:], copy.statistics[:] = network.parameters, network.statistics
    return copy


def _followed(step: Step, label: int) -> list[int]:
    """Return which number is followed: the label's logit, and back what counts most for each."""
    units = [label]
    for number in range(len(step.network.layers) - 1, -1, -1):
        layer, unit = step.network.layers[number], units[0]
        if isinstance(layer, Dense):
            unit = int(np.abs(step.values[number][0] * layer.weight[:, unit]).argmax())
        units.insert(0, unit)
    return units


def objective_from(step: Step, number: int, values: Values) -> float:
    """Return the loss of the batch if these values went into a layer."""
    network, generator = step.network, np.random.default_rng(SEED)
    for layer in network.layers[number:]:
        values = layer.forward(values, generator)
    return network.loss(values, step.labels, np.empty_like(values))


def _of_input(step: Step, explainer: Steps, number: int, unit: int) -> Gradient:
    """Return the gradient of what goes into a layer; after the last are the logits."""
    values, gradient = step.values[number].copy(), step.gradients[number]
    check = checked(
        "x",
        lambda: objective_from(step, number, values.copy()),
        values,
        gradient,
        _places(gradient[0], unit),  # of the sample that is followed, which is the first
    )
    node = {"kind": "gradient", "position": number, "unit": unit, "sample": 0}
    return Gradient("x", (0, unit), explainer.explain(node), check)


def _of_learned(step: Step, explainer: Steps, number: int, name: str, units: list[int]) -> Gradient:
    """Return the gradient of a learned array."""
    layer, unit = step.network.layers[number], units[number + 1]
    values, gradient = getattr(layer, name), getattr(layer, f"{name}_gradient").copy()
    index = (units[number], unit) if gradient.ndim == 2 else (unit,)
    check = checked(
        name,
        lambda: objective_from(step, number, step.values[number].copy()),
        values,
        gradient,
        _places(gradient, int(np.ravel_multi_index(index, gradient.shape))),
    )
    node = learned_node(number, name, unit, *index[:-1])
    return Gradient(name, index, explainer.explain({**node, "kind": "parameter gradient"}), check)


def _places(gradient: Values, first: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the places to check, the one that is followed before the others."""
    others = some_places(gradient, MOST_CHECKED, np.random.default_rng(SEED))
    return np.concatenate([[first], others[others != first]]).astype(np.intp)
