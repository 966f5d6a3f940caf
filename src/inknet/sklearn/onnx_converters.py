"""The estimators as ONNX, by skl2onnx: alone, or as a step of a pipeline that it converts.

A converter adds the nodes of one step to a graph. Operators: https://onnx.ai/onnx/operators
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.errors import InputError
from inknet.nn.activations import Elementwise
from inknet.nn.layers import Affine
from inknet.sklearn.classifier import MLPClassifier
from inknet.sklearn.fitted import FittedNetwork
from inknet.sklearn.regressor import MLPRegressor

OUTPUTS = {"logistic": "Sigmoid", "exp": "Exp", "identity": "Identity"}
"""Operators for the activation of the outputs; softmax needs an axis."""


def register_onnx_converters() -> None:
    """Let skl2onnx convert `MLPClassifier` and `MLPRegressor`; call it once, before ``to_onnx``.

    A classifier then has the options ``zipmap``, ``output_class_labels`` and ``nocl``, as
    scikit-learn's has. The graph computes in float32, or in float64 if its input is of that type.

    Raises
    ------
    InputError
        If skl2onnx is not installed.
    """
    try:
        from skl2onnx import update_registered_converter
        from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
    except ImportError:
        raise InputError(
            "converting estimators needs skl2onnx; install it with: pip install skl2onnx"
        ) from None
    update_registered_converter(
        MLPClassifier,
        "InknetMLPClassifier",
        calculate_linear_classifier_output_shapes,
        _convert_classifier,
        options={
            "zipmap": [True, False, "columns"],
            "output_class_labels": [False, True],
            "nocl": [True, False],
        },
    )
    update_registered_converter(
        MLPRegressor, "InknetMLPRegressor", _shapes_of_regressor, _convert_regressor
    )


class _Graph:
    """The nodes of one step, each of which takes what the one before gives."""

    def __init__(self, scope: Any, operator: Any, container: Any) -> None:
        from onnx import TensorProto
        from skl2onnx.common.data_types import guess_proto_type

        self._scope, self._container = scope, container
        (given,) = operator.inputs
        proto = guess_proto_type(given.type)
        self.proto = proto if proto == TensorProto.DOUBLE else TensorProto.FLOAT
        self.tensor = self.node("Cast", given.full_name, to=self.proto)

    def constant(self, values: NDArray[Any], proto: int | None = None) -> str:
        """Add a constant, by default of the type that is computed in; return its name."""
        name = self._scope.get_unique_variable_name("constant")
        array = np.asarray(values)
        self._container.add_initializer(
            name, proto or self.proto, list(array.shape), array.ravel().tolist()
        )
        return str(name)

    def node(self, kind: str, *inputs: str, to_output: str | None = None, **attributes: Any) -> str:
        """Add a node; return the name of what it gives."""
        name = to_output or self._scope.get_unique_variable_name(kind.lower())
        versions = {"op_version": _since(kind, self._container.target_opset)}
        self._container.add_node(
            kind,
            list(inputs),
            name,
            name=self._scope.get_unique_operator_name(kind),
            **versions,
            **attributes,
        )
        return str(name)

    def add(self, kind: str, *constants: NDArray[Any], **attributes: Any) -> None:
        """Add a node that takes the last tensor, and constants."""
        self.tensor = self.node(kind, self.tensor, *map(self.constant, constants), **attributes)

    def add_network(self, estimator: FittedNetwork) -> None:
        """Add what the layers of a fitted estimator compute, up to the logits."""
        for layer in estimator._current_network().layers:
            for operation in layer.in_use():
                if isinstance(operation, Affine):
                    self.add("MatMul", operation.weight)
                    self.add("Add", operation.bias)
                elif isinstance(operation, Elementwise):
                    self.add(operation.onnx, *operation.arrays.values(), **operation.attributes)
                else:
                    self.add("Mul", operation.scale)
                    self.add("Add", operation.shift)


def _since(kind: str, opset: int) -> int:
    """Return the version of an operator that an operator set has."""
    from onnx.defs import get_schema

    return int(get_schema(kind, opset, "").since_version)


def _convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes from features to labels and probabilities."""
    from onnx import TensorProto
    from skl2onnx.common.utils_classifier import get_label_classes

    estimator: MLPClassifier = operator.raw_operator
    label, probabilities = (output.full_name for output in operator.outputs)
    graph = _Graph(scope, operator, container)
    graph.add_network(estimator)
    if estimator.n_outputs_ == 1:
        opposite = graph.node("Neg", graph.tensor)
        graph.tensor = graph.node("Concat", opposite, graph.tensor, axis=1)
    if estimator.out_activation_ == "softmax":
        graph.node("Softmax", graph.tensor, to_output=probabilities, axis=1)
    else:
        graph.node("Sigmoid", graph.tensor, to_output=probabilities)
    if estimator._label_binarizer.y_type_.startswith("multilabel"):
        half = graph.constant(np.array(0.5))
        chosen = graph.node("Greater", probabilities, half)
        graph.node("Cast", chosen, to_output=label, to=TensorProto.INT64)
        return
    classes = np.asarray(get_label_classes(scope, estimator))
    if classes.dtype.kind in "biuf":
        whole = classes.astype(np.int64)
        if (whole != classes).any():
            raise InputError(f"the classes are {classes}; ONNX has whole numbers and text alone")
        names = graph.constant(whole, TensorProto.INT64)
    else:
        text = np.array([str(name).encode() for name in classes], object)
        names = graph.constant(text, TensorProto.STRING)
    chosen = graph.node("ArgMax", probabilities, axis=1, keepdims=0)
    graph.node("Gather", names, chosen, to_output=label, axis=0)


def _convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes from features to numbers."""
    estimator: MLPRegressor = operator.raw_operator
    graph = _Graph(scope, operator, container)
    graph.add_network(estimator)
    kind = OUTPUTS[estimator.out_activation_]
    graph.node(kind, graph.tensor, to_output=operator.outputs[0].full_name)


def _shapes_of_regressor(operator: Any) -> None:
    """Say that there is one column for each number."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    (given,) = operator.inputs
    is_double = isinstance(given.type, DoubleTensorType)
    kind: Callable[..., Any] = DoubleTensorType if is_double else FloatTensorType
    shape = [given.get_first_dimension(), operator.raw_operator.n_outputs_]
    operator.outputs[0].set_type(kind(shape))
