"""Write a model as one Python file that needs only NumPy."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import astuple
from importlib import resources
from inspect import getsource
from pathlib import Path

import numpy as np

import inknet
from inknet.exchange.inputs import InferenceModel, inference_model
from inknet.files import refuse_other_format, write_text_whole
from inknet.mlp import MLP
from inknet.nn.activations import ACTIVATIONS
from inknet.nn.arrays import Floats
from inknet.scale.deslanting import deslanted
from inknet.scale.rescaling import doubt_of_numbers, doubt_of_pixels, is_whole, rescaled

WIDTH = 96  # characters of weights in a line
RULE = (is_whole, doubt_of_pixels, doubt_of_numbers, rescaled)
UPRIGHT = "    X = deslanted(X, INPUT_SHAPE, {})  # as those of the training\n"


def export_numpy(model: MLP, path: str | Path) -> None:
    """Write a model to a Python file with ``predict_proba``, ``predict`` and ``predict_names``.

    They answer as the methods of `MLP`, and take and refuse the same features. The file can also be
    run as a script. It holds the weights as text: the base64 encoding of their little-endian bytes.

    Parameters
    ----------
    model : MLP
        What is written; it stays as it is.
    path : str or Path
        The file, ``.py``; an existing one is replaced.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    refuse_other_format(Path(path), ".py")
    template = (resources.files("inknet.exchange") / "model.py.txt").read_text("utf-8")
    program, weights = template.split("# -- weights --\n")
    described = inference_model(model)
    rule, upright = [getsource(function) for function in RULE], ""
    if described.deslanting is not None:
        rule.append(getsource(deslanted))
        upright = UPRIGHT.format(described.deslanting.is_light)
    dtype = model.network.dtype.newbyteorder("<")
    functions, names, arrays = _functions(described)
    layers = [
        f"    ({weight.shape[0]}, {weight.shape[1]}, {name!r}),"
        for (weight, _, _), name in zip(described.layers, names, strict=True)
    ]
    constants = {
        "VERSION": inknet.__version__,
        "CLASSES": ascii(list(described.class_names)),
        "INPUT_SHAPE": repr(described.input_shape),
        "SCALE": repr(astuple(described.scale)),
        "RULE": "\n\n".join(rule).rstrip(),
        "UPRIGHT": upright,
        "DTYPE": repr(dtype.str),
        "LAYERS": "\n".join(["[", *layers, "]"]),
        "FUNCTIONS": "\n\n\n".join(functions),
        "WEIGHTS": "\n".join(_text(arrays, dtype)),
    }
    write_text_whole(path, _filled(program, constants) + _filled(weights, constants))


def _filled(template: str, constants: dict[str, str]) -> str:
    """Put in all constants at once: a class may be called <LAYERS>."""
    return re.sub("<([A-Z_]+)>", lambda place: constants[place[1]], template)


def _functions(model: InferenceModel) -> tuple[list[str], list[str], list[Floats]]:
    """Return the functions as text, the name of the one after each layer, and all arrays.

    The arrays are first all weights and biases, then those that functions use.
    """
    functions = {name: _function(name, function.numpy) for name, function in ACTIVATIONS.items()}
    names, arrays = [], [part for layer in model.layers for part in layer[:2]]
    end = sum(array.size for array in arrays)
    for number, (_, _, function) in enumerate(model.layers):
        if function is None:
            names.append("softmax")
            continue
        names.append(f"{function.name}_{number}" if function.arrays else function.name)
        lines = []
        for name, array in function.arrays.items():
            start, end = end, end + array.size
            lines.append(f"{name} = WEIGHTS[{start}:{end}]")
            arrays.append(array)
        functions[names[-1]] = _function(names[-1], function.numpy, lines)
    return list(functions.values()), names, arrays


def _function(name: str, expression: str, lines: Sequence[str] = ()) -> str:
    return "\n    ".join([f"def {name}(z):", *lines, f"return {expression}"])


def _text(arrays: list[Floats], dtype: np.dtype[np.floating]) -> list[str]:
    """Return all arrays, row after row and one after the other, as lines of base64."""
    numbers = np.concatenate([array.astype(dtype).ravel() for array in arrays])
    text = b64encode(numbers.tobytes()).decode("ascii")
    return [text[i : i + WIDTH] for i in range(0, len(text), WIDTH)]
