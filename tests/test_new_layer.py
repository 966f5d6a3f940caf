"""A layer with parameters of its own is one class and one entry of a table; all else follows."""

import numpy as np
import onnxruntime
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from inknet import MLP, InputError
from inknet.exchange import export_numpy, export_onnx
from inknet.nn import Architecture, Network, layers
from inknet.nn.activations import Elementwise
from inknet.nn.gradcheck import both_gradients, both_gradients_of_layer, relative_error
from inknet.nn.layers import Layer, Learned
from inknet.nn.ops import NUMPY
from inknet.nn.ops.arena import LazyArray
from inknet.nn.ops.numba import NumbaOps
from inknet.predictor import Predictor


class PReLU(Layer):
    """``y = x`` where x is positive, else ``slope · x``, with a slope for each neuron to learn.

    He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers", section 2.1.
    """

    rectifies = True
    slope, slope_gradient = LazyArray(), LazyArray()

    def __init__(self, width):
        self.learned = (Learned("slope", (width,), "other", "weight", start=0.25),)

    def __repr__(self):
        return "PReLU()"

    def forward(self, x, generator=None):
        self._input = x
        output = self.buffer("_output", *x.shape)
        output[:] = self.infer(x)
        return output

    def backward(self, gradient):
        self.ops.column_sums(gradient * np.minimum(self._input, 0), self.slope_gradient)
        gradient *= np.where(self._input > 0, 1, self.slope)
        return gradient

    def in_use(self):
        slope = self.slope.copy()

        def value(z, out):
            np.multiply(z, np.where(z > 0, 1, slope).astype(z.dtype), out=out)

        numpy = "np.where(z > 0, z, slope * z)"
        return [Elementwise("prelu", value, numpy, "PRelu", arrays={"slope": slope})]


@pytest.fixture(autouse=True)
def prelu(monkeypatch):
    monkeypatch.setitem(layers.HIDDEN, "prelu", PReLU)


def network(batch_norm="none", keep_prob=1.0, outputs="softmax"):
    architecture = Architecture(
        [6, 8, 7, 4], ["prelu", "prelu", outputs], [keep_prob] * 2 + [1.0], batch_norm
    )
    generator = np.random.default_rng(0)
    built = Network(architecture, generator, "float64")
    built.parameters += generator.normal(0, 0.3, built.n_parameters)
    built.statistics += generator.uniform(0, 0.5, len(built.statistics))
    return built


def test_its_gradient_is_right_alone():
    x = np.random.default_rng(0).normal(size=(6, 5))
    layer = PReLU(5)
    layer.slope[:] = np.linspace(-0.5, 1.5, 5)
    assert relative_error(*both_gradients_of_layer(layer, x)) < 1e-8


@pytest.mark.parametrize("ops", [NUMPY, NumbaOps()], ids=lambda ops: ops.name)
@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
@pytest.mark.parametrize(
    ("keep_prob", "outputs"), [(1.0, "softmax"), (0.7, "softmax"), (1.0, "sigmoid")]
)
def test_its_gradient_is_right_in_a_network(ops, batch_norm, keep_prob, outputs):
    built = network(batch_norm, keep_prob, outputs)
    built.use(ops)
    generator = np.random.default_rng(1)
    x, labels = generator.normal(size=(9, 6)), generator.integers(0, 4, 9)
    targets = np.eye(4)[labels] if outputs == "sigmoid" else labels
    assert relative_error(*both_gradients(built, x, targets, l2_lambda=0.1)) < 1e-6
    assert built.architecture.n_parameters == built.n_parameters
    assert all(layer.slope_gradient.any() for layer in built.activation_layers)


@pytest.mark.parametrize("ops", [NUMPY, NumbaOps()], ids=lambda ops: ops.name)
@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
def test_one_sample_is_predicted_as_in_a_batch_by_a_copy(ops, batch_norm):
    built = network(batch_norm)
    x = np.random.default_rng(1).normal(size=(5, 6))
    e = np.exp(built.infer(x))
    predict = Predictor(built, ops)
    built.parameters[:] = 0
    assert_allclose([predict(row) for row in x], e / e.sum(axis=1, keepdims=True), rtol=1e-10)


@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
def test_it_is_trained_saved_loaded_and_exported(batch_norm, tmp_path):
    generator = np.random.default_rng(0)
    X = generator.normal(size=(60, 6)).astype("float32")
    model = MLP([6, 9, 8, 3], ["prelu", "prelu", "softmax"], [0.9, 1, 1], batch_norm=batch_norm)
    model.train(X, generator.integers(0, 3, 60), num_epochs=3, batch_size=20)
    slopes = [layer.slope for layer in model.network.activation_layers]
    assert all((slope != 0.25).all() for slope in slopes), "they learn"
    expected = model.predict_proba(X)

    model.save(tmp_path / "m.safetensors")
    assert_array_equal(MLP.load(tmp_path / "m.safetensors").predict_proba(X), expected)
    export_onnx(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    assert_allclose(session.run(None, {"features": X})[0], expected, atol=1e-5)
    export_numpy(model, tmp_path / "m.py")
    names = {"__name__": "model"}
    exec(compile((tmp_path / "m.py").read_text("utf-8"), "m.py", "exec"), names)
    assert_allclose(names["predict_proba"](X), expected, atol=1e-5)


class Doubling(PReLU):
    def in_use(self):
        return [*super().in_use(), *super().in_use()]


def test_what_cannot_be_folded_is_refused_and_not_skipped(monkeypatch, tmp_path):
    monkeypatch.setitem(layers.HIDDEN, "prelu", Doubling)
    with pytest.raises(ValueError, match=r"PReLU\(\) cannot be predicted or exported where it is"):
        Predictor(network(), NUMPY)
    model = MLP([6, 5, 3], ["prelu", "softmax"])
    for export in (export_numpy, export_onnx):
        with pytest.raises(
            InputError, match=r"PReLU\(\) cannot be predicted or exported where it is"
        ):
            export(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="the output layer is 'softmax'"):
        Predictor(network(outputs="sigmoid"), NUMPY)


def test_a_layer_that_does_not_say_what_it_computes_in_use_cannot_be_built():
    class Silent(Layer):
        forward = backward = None

    with pytest.raises(TypeError, match="in_use"):
        Silent()
