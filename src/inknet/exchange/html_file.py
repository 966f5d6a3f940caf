"""Write a model as one HTML file that draws and reads in any browser, without a network."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import inknet
from inknet.errors import InputError
from inknet.exchange.inputs import InferenceModel, inference_model
from inknet.files import refuse_other_format, write_text_whole
from inknet.mlp import MLP
from inknet.nn.activations import ACTIVATIONS
from inknet.page import joined
from inknet.photo.reading import are_like_mnist


def export_html(model: MLP, path: str | Path) -> None:
    """Write a model to an HTML file: a page to draw on, which shows how the network reads it.

    The file holds the weights and all code, and loads nothing. A picture of one character is
    prepared as `MLP.read_images` does; several are found, but a sheet is not straightened. The page
    gives one of the classes for whatever is drawn: to straighten sheets, and to tell what is no
    character, is left to `MLP.read` and ``inknet predict``.

    The weights are those of inference, with batch normalization folded in, as float32, or as
    float16 where that changes none of them.

    Parameters
    ----------
    model : MLP
        What is written; it stays as it is.
    path : str or Path
        The file, ``.html``; an existing one is replaced.

    Raises
    ------
    InputError
        If the model cannot read pictures, has a layer that the page does not know, or the file
        cannot be written.
    """
    path = Path(path)
    refuse_other_format(path, ".html")
    if model.facts.fitting is None:
        raise InputError(f"{path}: a page is for models of images, and this one learned from none")
    write_text_whole(path, joined(page_model(model)))


def page_model(model: MLP) -> dict[str, Any]:
    """Return what a page needs of a model, as plain values for JSON.

    Raises
    ------
    InputError
        If the model cannot read pictures, or has a layer that the page does not know.
    """
    fitting = model.facts.fitting
    if fitting is None:
        raise InputError("a page is for models of images, and this one learned from none")
    described = inference_model(model)
    light = fitting["light_background"]
    return {
        "version": inknet.__version__,
        "classes": described.class_names,
        "height": fitting["shape"][0],
        "width": fitting["shape"][1],
        "lightBackground": None if light is None else bool(light),
        "crop": bool(fitting["crop"]),
        "isPrepared": are_like_mnist(fitting),
        "deslant": described.deslanting is not None,
        "isFolded": model.network.architecture.batch_norm != "none",
        "nParameters": model.network.architecture.n_parameters,
        "layers": _layers(described),
    }


def _layers(described: InferenceModel) -> list[dict[str, Any]]:
    layers = []
    for weight, bias, function in described.layers:
        if function is not None and function is not ACTIVATIONS.get(function.name):
            raise InputError(f"the page cannot compute the activation {function.name}")
        dtype = np.float16 if _is_half(weight) and _is_half(bias) else np.float32
        layers.append(
            {
                "from": weight.shape[0],
                "to": weight.shape[1],
                "type": np.dtype(dtype).name,
                "weight": _text(weight, dtype),
                "bias": _text(bias, dtype),
                "activation": None if function is None else function.name,
            }
        )
    return layers


def _is_half(values: NDArray[Any]) -> bool:
    """Return whether float16 holds all values exactly."""
    with np.errstate(over="ignore"):
        return bool((values.astype(np.float16) == values).all())


def _text(values: NDArray[Any], dtype: type[np.floating[Any]]) -> str:
    """Return values as base64 of little-endian bytes."""
    return b64encode(values.astype(np.dtype(dtype).newbyteorder("<")).tobytes()).decode("ascii")
