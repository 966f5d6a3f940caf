"""The same trained network in use: inknet, PyTorch, ONNX Runtime; and scikit-learn's own.

A predictor is built from a `Task` and the path of a model that inknet saved. All give the
probabilities of the ten classes. inknet and one of ONNX Runtime's take pixels as they come, uint8;
the others are handed float32, scaled and in their own kind of array in advance, at no cost to them.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.task import Task, load_images, scaled

N_CALLS = 1000
SECONDS_EACH = 0.2
"""How long a throughput is measured for."""


class Predictor:
    """What all have in common: how they are timed.

    Attributes
    ----------
    predict : callable
        From a batch, as `prepare` returns it, to probabilities ``(n, n_classes)``.
    """

    predict: Callable[[Any], Any]

    def __init__(self, task: Task) -> None:
        images = load_images(1)
        self.pixels, self.labels = images.X_test, images.y_test

    def prepare(self, pixels: np.ndarray[Any, Any]) -> Any:
        """Return a batch as this predictor likes it best."""
        return scaled(pixels)

    def predict_one(self, batch: Any) -> Any:
        """Return the probabilities of a batch of one image."""
        return self.predict(batch)

    def accuracy(self) -> float:
        """Return the accuracy on the test images."""
        classes = np.asarray(self.predict(self.prepare(self.pixels))).argmax(axis=1)
        return float((classes == self.labels).mean())

    def latency(self) -> float:
        """Return the median seconds of predicting one image, another one each time."""
        predict, times = self.predict_one, []
        batches = [self.prepare(self.pixels[i : i + 1]) for i in range(N_CALLS)]
        for batch in batches:
            started = perf_counter()
            predict(batch)
            times.append(perf_counter() - started)
        return median(times)

    def throughput(self, batch_size: int) -> float:
        """Return how many images a second are predicted in batches of a size."""
        batch, n_images = self.prepare(self.pixels[:batch_size]), 0
        self.predict(batch)
        started = ended = perf_counter()
        while ended - started < SECONDS_EACH:
            self.predict(batch)
            n_images += batch_size
            ended = perf_counter()
        return n_images / (ended - started)


class InknetPredictor(Predictor):
    """What `MLP.predictor` returns."""

    def __init__(self, task: Task, model: str, pixels: bool) -> None:
        super().__init__(task)
        from inknet import MLP

        self.takes_pixels = pixels
        self.predict = MLP.load(model).predictor()

    def predict_one(self, batch: Any) -> Any:
        """Return the probabilities of a batch of one image."""
        return self.predict(batch[0])

    def prepare(self, pixels: np.ndarray[Any, Any]) -> Any:
        """Return the pixels as they are, or as float32."""
        return pixels if self.takes_pixels else scaled(pixels)


class TorchPredictor(Predictor):
    """The network in evaluation mode, without a record for gradients."""

    def __init__(self, task: Task, model: str, threads: int) -> None:
        super().__init__(task)
        import torch
        from safetensors.torch import load_file

        from benchmarks.contestants.torch_mlp import build_network

        torch.set_num_threads(threads)
        self.from_numpy = torch.from_numpy
        network = build_network(task)
        network.load_state_dict(
            {name.removeprefix("layers."): array for name, array in load_file(model).items()}
        )
        network.eval()

        def predict(batch: Any) -> Any:
            with torch.inference_mode():
                return network(batch).softmax(dim=1)

        self.predict = predict

    def prepare(self, pixels: np.ndarray[Any, Any]) -> Any:
        """Return a tensor."""
        return self.from_numpy(scaled(pixels))


class OnnxPredictor(Predictor):
    """ONNX Runtime, all its optimizations on."""

    def __init__(self, task: Task, model: str, pixels: bool, threads: int) -> None:
        super().__init__(task)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        session = onnxruntime.InferenceSession(
            onnx_model(task, model, pixels), options, providers=["CPUExecutionProvider"]
        )
        self.takes_pixels = pixels
        self.predict = lambda batch: session.run(None, {"x": batch})[0]

    def prepare(self, pixels: np.ndarray[Any, Any]) -> Any:
        """Return the pixels as they are, or as float32."""
        return pixels if self.takes_pixels else scaled(pixels)


def onnx_model(task: Task, model: str, pixels: bool) -> bytes:
    """Return inknet's model as an ONNX graph, which scales the pixels itself if it takes them."""
    from onnx import TensorProto, helper, numpy_helper
    from safetensors.numpy import load_file

    arrays = load_file(model)
    numbers = sorted({int(name.split(".")[1]) for name in arrays})
    nodes, constants, x = [], [], "x"
    if pixels:
        constants.append(numpy_helper.from_array(np.float32(1 / 255), "scale"))
        nodes.append(helper.make_node("Cast", ["x"], ["x_float"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", ["x_float", "scale"], ["x_scaled"]))
        x = "x_scaled"
    for number in numbers:
        names = [f"layers.{number}.weight", f"layers.{number}.bias"]
        constants += [numpy_helper.from_array(arrays[name], name) for name in names]
        nodes.append(helper.make_node("Gemm", [x, *names], [f"z{number}"], transB=1))
        x = f"a{number}"
        if number == numbers[-1]:
            nodes.append(helper.make_node("Softmax", [f"z{number}"], [x], axis=1))
        else:
            nodes.append(
                helper.make_node("LeakyRelu", [f"z{number}"], [x], alpha=task.negative_slope)
            )
    kind = TensorProto.UINT8 if pixels else TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("x", kind, ["n", task.layer_dims[0]])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, ["n", task.layer_dims[-1]])],
        constants,
    )
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(whole.SerializeToString())


class SklearnPredictor(Predictor):
    """An MLPClassifier of the same widths, which it has to learn by itself."""

    def __init__(self, task: Task, model: str, threads: int) -> None:
        super().__init__(task)
        from benchmarks.contestants.sklearn_mlp import SklearnTraining

        training = SklearnTraining(task, threads)
        training.epoch()
        self.limits = training.limits
        self.predict = training.model.predict_proba
