"""What a model that travels says about its inputs."""

from __future__ import annotations

from dataclasses import dataclass

from inknet.errors import InputError
from inknet.mlp import MLP
from inknet.nn.ops.numpy_ops import FoldedLayer
from inknet.predictor import fold


@dataclass(frozen=True)
class Travelling:
    """A model in use, with nothing of training left in it.

    Attributes
    ----------
    layers : list of FoldedLayer
        Weight, bias and activation of each, batch normalization folded in.
    class_names : tuple of str
    input_shape : tuple of int
        Of one sample: ``(height, width)`` of an image, or ``(n_features,)``.
    pixels : bool
        Whether the inputs are uint8 pixels, to be scaled to 0–1.
    """

    layers: list[FoldedLayer]
    class_names: tuple[str, ...]
    input_shape: tuple[int, ...]
    pixels: bool


def travelling(model: MLP) -> Travelling:
    """Return what a model needs in order to be used elsewhere."""
    n_features = model.network.architecture.layer_dims[0]
    try:
        layers = fold(model.network)
    except ValueError as error:
        raise InputError(str(error)) from None
    return Travelling(
        layers=layers,
        class_names=model.facts.class_names,
        input_shape=model.facts.image_shape or (n_features,),
        pixels=bool(model.facts.pixels),
    )
