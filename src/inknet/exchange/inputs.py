"""A model reduced to what prediction needs, as both exporters write it."""

from __future__ import annotations

from dataclasses import dataclass

from inknet.mlp import MLP
from inknet.nn.ops.contract import FoldedLayer
from inknet.nn.predictor import fold


@dataclass(frozen=True)
class InferenceModel:
    """A trained model with only the parts that prediction needs.

    Attributes
    ----------
    layers : list of FoldedLayer
        Weight, bias and activation of each layer, with batch normalization folded in.
    class_names : tuple of str
        The name of each class.
    input_shape : tuple of int
        The shape of one sample: ``(height, width)`` of an image, or ``(n_features,)``.
    pixels : bool
        Whether the inputs are uint8 pixels that must be scaled to 0–1.
    """

    layers: list[FoldedLayer]
    class_names: tuple[str, ...]
    input_shape: tuple[int, ...]
    pixels: bool


def inference_model(model: MLP) -> InferenceModel:
    """Return the parts of a model that prediction needs."""
    n_features = model.network.architecture.layer_dims[0]
    return InferenceModel(
        layers=fold(model.network),
        class_names=model.facts.class_names,
        input_shape=model.facts.image_shape or (n_features,),
        pixels=bool(model.facts.pixels),
    )
