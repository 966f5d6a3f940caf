"""Write a model as an ONNX file, with the scaling of its inputs included.

The input is uint8 pixels ``(N, height, width)`` or ``(N, d)``, or float32 features if the model was
not trained on pixels; the output is probabilities ``(N, n_classes)``. N is a free dimension. The
graph computes in float32. It cannot tell one scale from another: a model of pixels takes uint8 and
no other type, and features must be on the scale of the training, of which the metadata has the
range. Operators: https://onnx.ai/onnx/operators
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import inknet
from inknet.errors import InputError
from inknet.exchange.inputs import InferenceModel, inference_model
from inknet.files import as_path, refuse_other_format, write_whole
from inknet.mlp import MLP
from inknet.scale import PIXELS, Deslanting

if TYPE_CHECKING:
    import onnx

OPSET = 17
"""The version of ONNX's operators that the file needs: in ONNX Runtime since 1.12."""

IR_VERSION = 8
"""The version of the file format that came with that operator set."""

LARGEST_FILE = (1 << 31) - 1
"""The most bytes that protobuf can hold."""


def export_onnx(model: MLP, path: str | Path) -> None:
    """Write a model to an ONNX file, whole or not at all.

    The graph has one input, ``"images"`` (uint8) or ``"features"`` (float32), and one output,
    ``"probabilities"``. Its metadata has, as JSON, the names of the classes under ``classes``, and
    under ``scale`` what the input is divided by and the range of the training data.

    Parameters
    ----------
    model : MLP
        What is written; it stays as it is.
    path : str or Path
        The file, ``.onnx``; an existing one is replaced.

    Raises
    ------
    InputError
        If the package onnx is not installed, the model is too large for the format, or the file
        cannot be written.
    """
    path = as_path(path)
    refuse_other_format(path, ".onnx")
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
    described = inference_model(model)
    graph = _graph(described)
    onnx_model = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="inknet",
        producer_version=inknet.__version__,
    )
    scale = asdict(described.scale)
    for key, value in (("classes", model.facts.class_names), ("scale", scale)):
        entry = onnx_model.metadata_props.add()
        entry.key, entry.value = key, json.dumps(value, ensure_ascii=False)
    onnx.checker.check_model(onnx_model, full_check=True)
    write_whole(path, lambda file: file.write_bytes(onnx_model.SerializeToString()))


def _graph(model: InferenceModel) -> onnx.GraphProto:
    """Return the nodes from the input to the probabilities."""
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    constants: list[Any] = []
    pixels = model.scale.full == PIXELS.full
    tensor = "images" if pixels else "features"
    dtype = TensorProto.UINT8 if pixels else TensorProto.FLOAT
    graph_input = helper.make_tensor_value_info(tensor, dtype, ["N", *model.input_shape])

    def add(operator: str, *inputs: Any, **attributes: Any) -> None:
        """Append a node that takes the last output; arrays become constants."""
        nonlocal tensor
        names = [tensor]
        for array in inputs:
            names.append(f"constant_{len(constants)}")
            constants.append(numpy_helper.from_array(np.asarray(array, np.float32), names[-1]))
        tensor = f"{operator.lower()}_{len(nodes)}"
        nodes.append(helper.make_node(operator, names, [tensor], **attributes))

    if not pixels and model.scale.full != 1:
        add("Mul", 1 / model.scale.full)
    if model.deslanting is not None:  # of bytes, or of what is from 0 to 1
        tensor = _add_deslanting(model.deslanting, nodes, constants, tensor, pixels)
    elif pixels:
        add("Cast", to=TensorProto.FLOAT)
    if pixels:
        add("Mul", 1 / model.scale.full)
    if len(model.input_shape) > 1:  # images
        add("Flatten", axis=1)
    for weight, bias, function in model.layers:
        add("Gemm", weight, bias)
        if function is not None:
            add(function.onnx, *function.arrays.values(), **function.attributes)
    add("Softmax", axis=1)
    nodes[-1].output[0] = "probabilities"
    graph_output = helper.make_tensor_value_info(
        "probabilities", TensorProto.FLOAT, ["N", len(model.class_names)]
    )
    return helper.make_graph(nodes, "inknet", [graph_input], [graph_output], constants)


def _add_deslanting(
    how: Deslanting, nodes: list[Any], constants: list[Any], images: str, pixels: bool
) -> str:
    """Append the nodes of `inknet.scale.deslanting.deslanted`; return the name of their output.

    They compute in float64, and the names are those of the function. The output is float32.
    """
    from onnx import TensorProto, helper, numpy_helper

    height, width = how.shape

    def constant(value: Any, dtype: type = np.float64) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, dtype), f"d{len(constants)}"))
        return str(constants[-1].name)

    def node(operator: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, inputs, [f"deslant_{len(nodes)}"], **attributes))
        return str(nodes[-1].output[0])

    def difference(first: str, second: str, third: str, fourth: str) -> str:
        return node("Sub", node("Mul", first, second), node("Mul", third, fourth))

    def or_one(value: str) -> str:
        return node("Where", node("Greater", value, zero), value, one)

    zero, one = constant(0.0), constant(1.0)
    white = constant(255.0) if how.is_light or not pixels else ""
    y, x = np.arange(height), np.arange(width)
    levels = node("Cast", images, to=TensorProto.DOUBLE)
    levels = node("Reshape", levels, constant([-1, height, width], np.int64))
    if not pixels:
        levels = node("Mul", levels, white)
    ink = node("Sub", white, levels) if how.is_light else levels
    mass_of = ink if pixels else node("Clip", ink, zero, white)
    by_row = node("MatMul", mass_of, constant(np.stack([x**0, x], axis=1)))
    moments = node("MatMul", constant(np.stack([y**0, y, y**2])), by_row)
    moments = node("Reshape", moments, constant([-1, 6], np.int64))
    mass, mass_x, mass_y, mass_xy, mass_yy = (
        node("Gather", moments, constant([i], np.int64), axis=1) for i in range(5)
    )
    lean = difference(mass, mass_xy, mass_y, mass_x)
    tall = difference(mass, mass_yy, mass_y, mass_y)
    slope = node("Clip", node("Div", lean, or_one(tall)), constant(-1.0), one)
    centre = node("Div", mass_y, or_one(mass))
    shift = node("Mul", slope, node("Sub", constant(y), centre))
    shift = node("Reshape", shift, constant([-1, height, 1], np.int64))
    whole = node("Floor", shift)
    part = node("Sub", shift, whole)
    padded = node("Pad", ink, constant([0, 0, 1, 0, 0, 1], np.int64))
    columns = node("Cast", node("Add", whole, constant(x)), to=TensorProto.INT64)

    def neighbour(offset: int) -> str:
        moved = node("Add", columns, constant(offset, np.int64))
        last = constant(width + 1, np.int64)
        inside = node("Clip", moved, constant(0, np.int64), last)
        return node("GatherElements", padded, inside, axis=2)

    left, right = node("Mul", node("Sub", one, part), neighbour(1)), node("Mul", part, neighbour(2))
    ink = node("Round", node("Add", left, right))
    levels = node("Sub", white, ink) if how.is_light else ink
    levels = levels if pixels else node("Div", levels, white)
    return node("Cast", levels, to=TensorProto.FLOAT)
