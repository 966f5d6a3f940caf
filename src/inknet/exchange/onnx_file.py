"""A model as an ONNX file, the pre-processing of its inputs inside.

Uint8 images ``(N, height, width)`` go in as they come from a file, or float32 features ``(N, d)``
if that is what the model learned from; probabilities ``(N, n_classes)`` come out. N is free. The
file computes in float32. https://onnx.ai/onnx/operators
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import inknet
from inknet.errors import InputError
from inknet.exchange.inputs import Travelling, travelling
from inknet.files import write_whole
from inknet.mlp import MLP

if TYPE_CHECKING:
    import onnx

OPSET = 17
"""The version of ONNX's operators that the file asks for: ONNX Runtime has it since 1.12."""

IR_VERSION = 8
"""The version of the file format that came with that."""

LARGEST_FILE = (1 << 31) - 1
"""Bytes that protobuf can hold."""


def export_onnx(model: MLP, path: str | Path) -> None:
    """Write a model to an ONNX file, whole or not at all.

    The graph has one input, ``"images"`` (uint8) or ``"features"`` (float32), and one output,
    ``"probabilities"``; the names of the classes are in its metadata, as JSON under ``classes``.

    Raises
    ------
    InputError
        If the package onnx is not installed, the model is too large for the format, or the file
        cannot be written.
    """
    path = Path(path)
    try:
        import onnx
    except ImportError:
        raise InputError(
            "an ONNX file needs the package onnx; install it with: pip install 'inknet[onnx]'"
        ) from None
    if model.network.n_parameters * 4 > LARGEST_FILE - (1 << 20):
        raise InputError(
            f"{path}: {model.network.n_parameters:,} parameters do not fit in one ONNX file"
        )
    graph = _graph(travelling(model))
    built = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="inknet",
        producer_version=inknet.__version__,
    )
    entry = built.metadata_props.add()
    entry.key, entry.value = "classes", json.dumps(model.facts.class_names, ensure_ascii=False)
    onnx.checker.check_model(built, full_check=True)
    write_whole(path, lambda beside: beside.write_bytes(built.SerializeToString()))


def _graph(model: Travelling) -> onnx.GraphProto:
    """Return the nodes from the input to the probabilities."""
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    constants: list[Any] = []
    signal = "images" if model.pixels else "features"
    kind = TensorProto.UINT8 if model.pixels else TensorProto.FLOAT
    given = helper.make_tensor_value_info(signal, kind, ["N", *model.input_shape])

    def then(operator: str, *inputs: Any, **attributes: Any) -> None:
        """Add a node that takes the signal; arrays become constants."""
        nonlocal signal
        names = [signal]
        for array in inputs:
            names.append(f"constant_{len(constants)}")
            constants.append(numpy_helper.from_array(np.asarray(array, np.float32), names[-1]))
        signal = f"{operator.lower()}_{len(nodes)}"
        nodes.append(helper.make_node(operator, names, [signal], **attributes))

    if model.pixels:
        then("Cast", to=TensorProto.FLOAT)
        then("Mul", 1 / 255)
    if len(model.input_shape) > 1:
        then("Flatten", axis=1)
    for weight, bias, function in model.layers:
        then("Gemm", weight, bias)
        if function is not None:
            then(function.onnx, *function.arrays.values(), **function.attributes)
    then("Softmax", axis=1)
    nodes[-1].output[0] = "probabilities"
    answer = helper.make_tensor_value_info(
        "probabilities", TensorProto.FLOAT, ["N", len(model.class_names)]
    )
    return helper.make_graph(nodes, "inknet", [given], [answer], constants)
