"""A digit on its way through a network, and one step of training, with every number kept.

Everything is computed by the layers, the loss and the optimizer of `inknet.nn`, in float64: nothing
here knows a formula of theirs. `answers` and `steps` say which sum each number is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.mlp import MLP
from inknet.nn.activations import softmax
from inknet.nn.layers import Activation, BatchNorm, Layer
from inknet.nn.network import Network
from inknet.nn.optimizers import Optimizer, clip_by_norm, clip_by_value, limit_norms
from inknet.recipes import TrainingRecipe
from inknet.training.loop import optimizer_for

Values = NDArray[np.floating[Any]]
SEED = 0
"""Of the dropout masks: the same for the same digit."""
MOST_PARAMETERS = 5_000_000
"""Larger networks are not followed: there are ten copies of all their weights."""
ROUNDING = 1e-12
"""A target that is closer to 0 is 0: it is found as a difference."""


def double(network: Network) -> Network:
    """Return a copy of a network in float64."""
    copy = Network(network.architecture, None, "float64")
    copy.parameters[:], copy.statistics[:] = network.parameters, network.statistics
    return copy


@dataclass
class Answer:
    """A digit as the network answers it.

    Attributes
    ----------
    network : Network
        In float64.
    values : list of (1, width)
        The pixels, then what comes out of each layer; the last are the logits.
    probabilities : (1, n_classes)
    temperature : float
        What logits are divided by before they become probabilities.
    """

    network: Network
    values: list[Values]
    probabilities: Values
    temperature: float


def answered(model: MLP, x: Values) -> Answer:
    """Follow one sample ``(1, n_features)``, on the scale of the network, in inference mode."""
    network, temperature = double(model.network), model.facts.temperature
    values = [x]
    for layer in network.layers:
        values.append(np.array(layer.infer(values[-1])))
    probabilities = values[-1] / temperature
    softmax(probabilities, probabilities)
    return Answer(network, values, probabilities, temperature)


@dataclass
class Step:
    """One step of training on a small batch; the followed sample is its first.

    Attributes
    ----------
    network : Network
        Before the step, in float64.
    settings : TrainingRecipe
    labels : (n,)
    values : list of (n, width)
        The pixels, then what comes out of each layer in training mode.
    gradients : list of (n, width)
        The gradient of the objective with respect to each of ``values``.
    losses : (n,)
        Of each sample.
    probabilities : (n, n_classes)
    targets : (n, n_classes)
        What they should be, with label smoothing.
    penalty : float
        The L2 penalty of the batch.
    kept : dict
        By the number of a layer: the mask of dropout, the values without it and the slopes with it;
        or what batch normalization divides by, its mean, and the normalized values.
    parameter_gradients : (n_parameters,)
        With the penalty, before clipping.
    cut : (n_parameters,)
        After clipping each of them.
    clipped : (n_parameters,)
        After clipping their norm, too: what the optimizer is given.
    moved : (n_parameters,)
        The parameters after the optimizer.
    after : Network
        After the step: the weights into a neuron are not longer than ``max_norm``.
    optimizer : Optimizer
        At its first step.
    places : Network
        Whose parameters are their places in the vectors, from 0.
    """

    network: Network
    settings: TrainingRecipe
    labels: NDArray[np.intp]
    values: list[Values]
    gradients: list[Values]
    losses: Values
    probabilities: Values
    targets: Values
    penalty: float
    parameter_gradients: Values
    cut: Values
    clipped: Values
    moved: Values
    after: Network
    optimizer: Optimizer
    places: Network
    kept: dict[int, dict[str, Values]] = field(default_factory=dict)

    @property
    def loss(self) -> float:
        """The objective of the batch: the mean loss, and the penalty."""
        return float(self.losses.mean()) + self.penalty


def one_step(model: MLP, x: Values, labels: NDArray[np.intp], settings: TrainingRecipe) -> Step:
    """Take a step of training on a batch ``(n, n_features)``, with a new optimizer.

    Parameters
    ----------
    model
        Whose network takes the step; it is not changed.
    x, labels
        The batch, on the scale of the network.
    settings
        How it is trained.
    """
    network, generator = double(model.network), np.random.default_rng(SEED)
    values: list[Values] = [x]
    kept: dict[int, dict[str, Values]] = {}
    for number, layer in enumerate(network.layers):
        state = generator.bit_generator.state
        values.append(np.array(layer.forward(values[-1].copy(), generator)))
        kept[number] = _kept(layer, values[-2], state)
    logits, n = values[-1], len(x)
    gradient = np.empty_like(logits)
    losses = np.empty(n)
    for i in range(n):  # one by one: the loss itself only gives their mean
        one = np.empty((1, logits.shape[1]))
        losses[i] = network.loss(
            logits[i : i + 1], labels[i : i + 1], one, label_smoothing=settings.label_smoothing
        )
    network.loss(logits, labels, gradient, label_smoothing=settings.label_smoothing)
    probabilities = np.empty_like(logits)
    softmax(logits, probabilities)
    targets = probabilities - n * gradient
    targets[np.abs(targets) < ROUNDING] = 0
    gradients = [gradient.copy()]
    for layer in reversed(network.layers):
        gradient = np.array(layer.backward(gradient.copy()))
        gradients.insert(0, gradient)
    l2 = network.l2(settings.l2_lambda, on_biases=settings.l2_on_biases)
    penalty = l2.value(n) if settings.l2_lambda else 0.0
    l2.add_gradient(n)
    raw = network.gradients.copy()
    if settings.clip_value is not None:
        clip_by_value(network.gradients, settings.clip_value)
    cut = network.gradients.copy()
    if settings.clip_norm is not None:
        clip_by_norm(network.gradients, settings.clip_norm)
    clipped = network.gradients.copy()
    after = double(network)
    optimizer = optimizer_for(settings, after)
    optimizer.step(after.parameters, clipped.copy(), settings.learning_rate)
    moved = after.parameters.copy()
    if settings.max_norm is not None:
        for dense in after.dense_layers[:-1]:
            limit_norms(dense.weight, settings.max_norm)
    return Step(
        network,
        settings,
        labels,
        values,
        gradients,
        losses,
        probabilities,
        targets,
        penalty,
        raw,
        cut,
        clipped,
        moved,
        after,
        optimizer,
        _places(network),
        kept,
    )


def _places(network: Network) -> Network:
    """Return a network whose parameters are their own places in the vector."""
    places = double(network)  # float64 holds every whole number that is needed
    places.parameters[:] = np.arange(places.n_parameters)
    return places


def _kept(layer: Layer, x: Values, state: Any) -> dict[str, Values]:
    """Return what a layer remembers of its forward pass, besides its input and output.

    ``state`` is that of the generator before the pass. A mask is drawn again from there: where a
    neuron gives 0 by itself, neither its output nor its slope says whether dropout kept it.
    """
    if isinstance(layer, BatchNorm):
        normalized = np.array(layer.buffer("_normalized", *x.shape))
        return {"mean": x.mean(axis=0), "deviation": layer._deviation.copy(), "normal": normalized}
    if isinstance(layer, Activation):
        plain, mask, again = np.empty_like(x), np.ones_like(x), np.random.default_rng(SEED)
        layer.function.value(x, plain)
        if layer.keep_prob < 1:
            again.bit_generator.state = state
            layer.ops.drop(again, layer.keep_prob, plain, mask, np.empty_like(x))
        return {"slope": np.array(layer.buffer("_slope", *x.shape)), "plain": plain, "mask": mask}
    return {}
