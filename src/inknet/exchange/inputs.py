"""A model as the exporters need it: folded layers, class names and inputs."""

from __future__ import annotations

from dataclasses import dataclass

from inknet.errors import InputError
from inknet.mlp import MLP
from inknet.nn.ops.contract import FoldedLayer
from inknet.predictor import fold
from inknet.scale import Deslanting, Scale


@dataclass(frozen=True)
class InferenceModel:
    """What the exporters need of a model: layers for inference, and its inputs and classes.

    Attributes
    ----------
    layers : list of FoldedLayer
        Weight, bias and activation of each, batch normalization and temperature folded in.
    class_names : tuple of str
    input_shape : tuple of int
        Of one sample: ``(height, width)`` of an image, or ``(n_features,)``.
    scale : Scale
        What the inputs stand for, see docs/inputs.md.
    deslanting : Deslanting or None
        How images are deslanted before the first layer, if they are.
    """

    layers: list[FoldedLayer]
    class_names: tuple[str, ...]
    input_shape: tuple[int, ...]
    scale: Scale
    deslanting: Deslanting | None


def inference_model(model: MLP) -> InferenceModel:
    """Return what a model needs in order to be used elsewhere."""
    n_features = model.network.architecture.layer_dims[0]
    try:
        layers = fold(model.network, model.facts.temperature)
    except ValueError as error:
        raise InputError(str(error)) from None
    return InferenceModel(
        layers=layers,
        class_names=model.facts.class_names,
        input_shape=model.facts.image_shape or (n_features,),
        scale=model.facts.scale or Scale(),
        deslanting=model.facts.upright,
    )
