"""A model as one Python file that needs NumPy alone."""

from __future__ import annotations

from base64 import b64encode
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import inknet
from inknet.exchange.inputs import Travelling, travelling
from inknet.files import write_text_whole
from inknet.mlp import MLP

WIDTH = 96  # characters of weights in a line


def export_numpy(model: MLP, path: str | Path) -> None:
    """Write a model to a Python file with ``predict_proba`` and ``predict``, that is a script too.

    The weights are in it as text: base64 of their little-endian bytes.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    template = (resources.files("inknet.exchange") / "model.py.txt").read_text("utf-8")
    program, weights = template.split("# -- weights --\n")
    facts = travelling(model)
    dtype = model.network.dtype.newbyteorder("<")
    constants = {
        "VERSION": inknet.__version__,
        "CLASSES": ascii(list(facts.class_names)),
        "INPUT_SHAPE": repr(facts.input_shape),
        "SCALE": repr(1 / 255 if facts.pixels else 1.0),
        "DTYPE": repr(dtype.str),
        "LAYERS": _layers(facts),
        "WEIGHTS": "\n".join(_text(facts, dtype)),
    }
    for name, value in constants.items():
        program = program.replace(f"<{name}>", value)
        weights = weights.replace(f"<{name}>", value)
    write_text_whole(Path(path), program + weights)


def _layers(facts: Travelling) -> str:
    rows = [
        f"    ({weight.shape[0]}, {weight.shape[1]}, {function.name if function else 'softmax'!r}),"
        for weight, _, function in facts.layers
    ]
    return "[\n" + "\n".join(rows) + "\n]"


def _text(facts: Travelling, dtype: np.dtype[np.floating]) -> list[str]:
    """Return all weights and biases, row after row and layer after layer, as lines of base64."""
    parts: list[NDArray[np.floating]] = [
        part.astype(dtype).ravel() for layer in facts.layers for part in layer[:2]
    ]
    text = b64encode(np.concatenate(parts).tobytes()).decode("ascii")
    return [text[i : i + WIDTH] for i in range(0, len(text), WIDTH)]
