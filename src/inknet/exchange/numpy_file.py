"""Write a model as one Python file that needs only NumPy."""

from __future__ import annotations

from base64 import b64encode
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import inknet
from inknet.exchange.inputs import inference_model
from inknet.files import write_text_whole
from inknet.mlp import MLP
from inknet.nn.ops.contract import FoldedLayer

WIDTH = 96  # characters of weights in a line


def export_numpy(model: MLP, path: str | Path) -> None:
    """Write a model to a Python file with ``predict_proba`` and ``predict``.

    The file can also be run as a script. It holds the weights as text: the base64 encoding of their
    little-endian bytes.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    template = (resources.files("inknet.exchange") / "model.py.txt").read_text("utf-8")
    program, weights = template.split("# -- weights --\n")
    parts = inference_model(model)
    dtype = model.network.dtype.newbyteorder("<")
    constants = {
        "VERSION": inknet.__version__,
        "CLASSES": ascii(list(parts.class_names)),
        "INPUT_SHAPE": repr(parts.input_shape),
        "SCALE": repr(1 / 255 if parts.pixels else 1.0),
        "DTYPE": repr(dtype.str),
        "LAYERS": _layers(parts.layers),
        "WEIGHTS": "\n".join(_text(parts.layers, dtype)),
    }
    for name, value in constants.items():
        program = program.replace(f"<{name}>", value)
        weights = weights.replace(f"<{name}>", value)
    write_text_whole(Path(path), program + weights)


def _layers(layers: list[FoldedLayer]) -> str:
    rows = [
        f"    ({weight.shape[0]}, {weight.shape[1]}, {function.name if function else 'softmax'!r}),"
        for weight, _, function in layers
    ]
    return "[\n" + "\n".join(rows) + "\n]"


def _text(layers: list[FoldedLayer], dtype: np.dtype[np.floating]) -> list[str]:
    """Return weights and biases, layer by layer and row by row, as lines of base64."""
    arrays: list[NDArray[np.floating]] = [
        array.astype(dtype).ravel() for layer in layers for array in layer[:2]
    ]
    text = b64encode(np.concatenate(arrays).tobytes()).decode("ascii")
    return [text[i : i + WIDTH] for i in range(0, len(text), WIDTH)]
