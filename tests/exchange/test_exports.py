"""Exported models predict what they predicted in inknet."""

import ast
import copy
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from safetensors.numpy import load_file

from inknet import MLP, InputError
from inknet.exchange import export_numpy, export_onnx
from inknet.nn.activations import ACTIVATIONS

MODELS = {
    "images": {"layer_dims": [784, 30, 20, 10]},
    "batch norm before": {"layer_dims": [784, 30, 20, 10], "batch_norm": "before"},
    "batch norm after": {"layer_dims": [784, 30, 20, 10], "batch_norm": "after"},
    "no hidden layer": {"layer_dims": [784, 10]},
    "float64": {"layer_dims": [784, 20, 10], "dtype": "float64"},
} | {name: {"layer_dims": [784, 20, 10], "activations": [name, "softmax"]} for name in ACTIVATIONS}
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def samples():
    generator = np.random.default_rng(0)
    images = (generator.random((60, 28, 28)) ** 4 * 255).astype(np.uint8)
    return images, generator.integers(0, 10, 60)


@pytest.fixture(scope="module", params=MODELS)
def model(request, samples):
    """A model after a short training, with dropout."""
    settings = MODELS[request.param]
    n_hidden = len(settings["layer_dims"]) - 2
    trained = MLP(**settings, keep_probs=[0.9] * n_hidden + [1.0], random_seed=1)
    trained.train(*samples, num_epochs=2, batch_size=20)
    trained.facts = replace(trained.facts, temperature=0.7)  # every export must divide by it
    return trained


@pytest.fixture
def tabular():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(50, 7)).astype(np.float32)
    trained = MLP([7, 9, 3], class_names=["ä", "b\\", "'c\""])
    trained.train(X, generator.integers(0, 3, 50), num_epochs=2)
    return trained, X


def runtime(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


# -- ONNX -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 60])
def test_onnx_runtime_gives_the_same_probabilities_of_raw_images(model, samples, n, tmp_path):
    export_onnx(model, tmp_path / "model.onnx")
    images = samples[0][:n]
    (found,) = runtime(tmp_path / "model.onnx").run(None, {"images": images})
    assert found.shape == (n, 10)
    assert_allclose(found, model.predict_proba(images), atol=TOLERANCE)


def test_the_onnx_file_is_valid_and_describes_itself(model, tmp_path):
    export_onnx(model, tmp_path / "model.onnx")
    onnx.checker.check_model(tmp_path / "model.onnx", full_check=True)
    written = onnx.load(tmp_path / "model.onnx")
    assert [(one.domain, one.version) for one in written.opset_import] == [("", 17)]
    assert written.producer_name == "inknet"
    session = runtime(tmp_path / "model.onnx")
    (given,), (answer,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("images", "tensor(uint8)", ["N", 28, 28])
    assert (answer.name, answer.shape) == ("probabilities", ["N", 10])
    assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == list("0123456789")


def test_a_model_of_features_takes_them_unscaled(tabular, tmp_path):
    model, X = tabular
    export_onnx(model, tmp_path / "model.onnx")
    (found,) = runtime(tmp_path / "model.onnx").run(None, {"features": X})
    assert_allclose(found, model.predict_proba(X), atol=TOLERANCE)


def test_without_onnx_one_line_names_the_extra(tabular, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r"needs the package onnx; .* 'inknet\[onnx\]'"):
        export_onnx(tabular[0], tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


# -- one file of Python ------------------------------------------------------------------------------


def imported(path: Path) -> dict[str, object]:
    names: dict[str, object] = {"__name__": "model"}
    exec(compile(path.read_text("utf-8"), path, "exec"), names)
    return names


def test_the_python_file_gives_the_same_probabilities(model, samples, tmp_path):
    export_numpy(model, tmp_path / "model.py")
    names = imported(tmp_path / "model.py")
    for X in (samples[0], samples[0].reshape(60, 784)):
        assert_allclose(names["predict_proba"](X), model.predict_proba(X), atol=TOLERANCE)
    for answer in ("predict", "predict_names"):
        assert_array_equal(names[answer](samples[0]), getattr(model, answer)(samples[0]))
    with pytest.raises(ValueError, match=r"X is \(60, 27, 28\); expected \(n_samples, \*\(28, 28"):
        names["predict_proba"](samples[0][:, 1:])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda X: np.ma.masked_greater(X, 0),
        lambda X: X.astype(float) * 1e39,
        lambda X: X.astype(float) * -1e39,
        lambda X: X * np.nan,
    ],
    ids=["masked", "large", "far below 0", "not a number"],
)
def test_what_predict_refuses_is_refused_by_the_python_file_and_the_predictor(
    tabular, spoil, tmp_path
):
    model, X = tabular
    export_numpy(model, tmp_path / "model.py")
    predict = imported(tmp_path / "model.py")["predict"]
    for answer, features in (
        (model.predict, spoil(X)),
        (predict, spoil(X)),
        (model.predictor(), spoil(X)[0]),
    ):
        with pytest.raises(ValueError, match=r"masked array; fill in|finite numbers|out of range"):
            answer(features)


def test_an_answer_that_is_not_a_number_is_no_answer(tabular, tmp_path):
    model, X = copy.deepcopy(tabular[0]), tabular[1]
    model.network.parameters[:] = 1e38
    export_numpy(model, tmp_path / "model.py")
    predict = imported(tmp_path / "model.py")["predict"]
    for answer, features in (
        (model.predict, X),
        (lambda X: model.evaluate(X, np.zeros(len(X), int)), X),
        (predict, X),
        (model.predictor(), X[0]),
    ):
        with pytest.raises(ValueError, match=r"not finite|not numbers"):
            answer(features)


ODD_NAMES = ["<LAYERS>", "<WEIGHTS>", "<CLASSES>", '"""', "# -- weights --", "\\", "'", "{0}", "%s"]


def test_the_python_file_may_have_classes_of_any_name(tmp_path):
    model = MLP([4, len(ODD_NAMES)], class_names=ODD_NAMES)
    export_numpy(model, tmp_path / "model.py")
    names = imported(tmp_path / "model.py")
    assert names["CLASSES"] == ODD_NAMES
    x = np.eye(4, dtype=np.float32)
    assert_allclose(names["predict_proba"](x), model.predict_proba(x), atol=TOLERANCE)


def test_the_python_file_imports_only_numpy_and_has_fewer_than_170_lines_of_code(model, tmp_path):
    export_numpy(model, tmp_path / "model.py")
    text = (tmp_path / "model.py").read_text("utf-8")
    tree = ast.parse(text)
    modules = {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    modules |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    of_numpy = {"numpy", "numpy.lib.format", "numpy.typing"}
    assert modules == {"__future__", "base64", "sys", "typing", "warnings", *of_numpy}
    texts = {
        number
        for node in tree.body
        for value in [getattr(node, "value", None)]
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
        for number in range(node.lineno, node.end_lineno + 1)
    }
    lines = [line for number, line in enumerate(text.splitlines(), 1) if number not in texts]
    code = [line for line in lines if line.strip() and not line.strip().startswith("#")]
    assert 60 < len(code) < 170
    assert max(map(len, text.splitlines())) <= 110


def test_the_python_file_runs_as_a_script_without_inknet(tabular, tmp_path):
    model, X = tabular
    export_numpy(model, tmp_path / "model.py")
    np.save(tmp_path / "X.npy", X)
    command = [sys.executable, "-S", "-c"]
    found = Path(np.__file__).parents[1]
    program = (
        f"import sys; sys.modules['inknet'] = None; sys.path.append({str(found)!r}); "
        "sys.argv = ['model.py', 'X.npy']; import runpy; runpy.run_path('model.py', run_name='__main__')"
    )
    said = subprocess.run(
        [*command, program],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "utf-8"},
    )
    assert said.stdout.splitlines() == [model.facts.class_names[k] for k in model.predict(X)]


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_python_file_says_how_it_is_run(tabular, tmp_path, arguments):
    export_numpy(tabular[0], tmp_path / "model.py")
    command = [sys.executable, "model.py", *arguments]
    said = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert "python THIS_FILE X.npy prints the name of the most likely class" in said.stderr
    assert "Traceback" not in said.stderr


# -- safetensors, as PyTorch reads them --------------------------------------------------------------


def sequential(model: MLP, tensors: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Compute what `nn.Sequential` computes, by the rules of PyTorch's modules.

    nn.Linear: x @ weight.T + bias; nn.BatchNorm1d in eval(): (x - mean) / sqrt(var + 1e-5) · weight
    + bias; the places between the named modules are the activations and dropouts.
    """
    places = sorted({int(name.split(".")[1]) for name in tensors})
    functions = [name for name in model.network.architecture.activations if name != "softmax"]
    curves = {
        "relu": lambda z: np.maximum(z, 0),
        "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "tanh": np.tanh,
        "identity": lambda z: z,
    }
    before = 0
    for place in places:
        of_place = {
            name.split(".")[2]: array
            for name, array in tensors.items()
            if name.startswith(f"layers.{place}.")
        }
        # of the places that hold no arrays, the first after a linear layer is its activation
        if place > before and functions:
            x = curves[functions.pop(0)](x)
        if "running_mean" in of_place:
            x = (x - of_place["running_mean"]) / np.sqrt(of_place["running_var"] + 1e-5)
            x = x * of_place["weight"] + of_place["bias"]
            before = place + 1 if model.network.architecture.batch_norm == "before" else place + 9
        else:
            x = x @ of_place["weight"].T + of_place["bias"]
            before = place + 1
    x = x / model.facts.temperature  # which the file has in its description, not in its weights
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_the_model_file_is_a_state_dict_by_pytorchs_rules(model, samples, tmp_path):
    model.save(tmp_path / "model.safetensors")
    tensors = load_file(tmp_path / "model.safetensors")
    x = samples[0].reshape(60, 784) / 255
    assert_allclose(sequential(model, tensors, x), model.predict_proba(samples[0]), atol=TOLERANCE)


def test_pytorch_loads_the_model_file_into_a_sequential(model, samples, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is too large to be installed for this")
    from safetensors.torch import load_file as load_torch

    nn = torch.nn
    model.save(tmp_path / "model.safetensors")
    curves = {
        "relu": nn.ReLU,
        "leaky_relu": nn.LeakyReLU,
        "sigmoid": nn.Sigmoid,
        "tanh": nn.Tanh,
        "identity": nn.Identity,
    }
    architecture, modules = model.network.architecture, []
    dims = architecture.layer_dims
    for number, name in enumerate(architecture.activations):
        modules.append(nn.Linear(dims[number], dims[number + 1]))
        if name == "softmax":
            break
        norm = [nn.BatchNorm1d(dims[number + 1])]
        place = architecture.batch_norm
        modules += norm * (place == "before") + [curves[name]()] + norm * (place == "after")
        modules.append(nn.Dropout(1 - architecture.keep_probs[number]))
    network = nn.Sequential()
    network.add_module("layers", nn.Sequential(*modules))
    tensors = load_torch(tmp_path / "model.safetensors")
    network.to(next(iter(tensors.values())).dtype).load_state_dict(tensors)
    x = torch.from_numpy(samples[0].reshape(60, 784) / 255).to(next(iter(tensors.values())).dtype)
    logits = network.eval()(x) / model.facts.temperature
    found = logits.softmax(dim=1).detach().numpy()
    assert_allclose(found, model.predict_proba(samples[0]), atol=TOLERANCE)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory"),
        ("folder", "Is a directory"),
        (b"", "not a .npy file"),
        (b"a,b\n1,2\n", "not a .npy file"),
        ("npz", "not a .npy file"),
        (b"\x93NUMPY\x01\x00v\x00{", "header"),
        (np.zeros((3, 8)), "X is (3, 8); expected (n_samples, *(7,))"),
        (np.zeros((0, 7)), "X is (0, 7)"),
        (np.float32(1), "X is ()"),
        (np.full((2, 7), np.nan), "expected finite numbers"),
        (np.array([["a"] * 7]), "expected finite numbers"),
        (np.array([[object] * 7]), "allow_pickle=False"),
    ],
    ids=str,
)
def test_the_script_says_in_one_line_what_is_wrong_with_its_file(tabular, tmp_path, content, said):
    export_numpy(tabular[0], tmp_path / "model.py")
    path = tmp_path / "X.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, np.ndarray | np.generic):
        np.save(path, content)
    elif content == "folder":
        path.mkdir()
    elif content == "npz":
        np.savez(tmp_path / "X", x=tabular[1])
        (tmp_path / "X.npz").rename(path)
    command = [sys.executable, "model.py", "X.npy"]
    ended = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("X.npy: ") and said in line


def test_a_file_that_ends_early_is_refused_in_one_line(tabular, tmp_path):
    model, X = tabular
    export_numpy(model, tmp_path / "model.py")
    np.save(tmp_path / "X.npy", X)
    whole = (tmp_path / "X.npy").read_bytes()
    (tmp_path / "X.npy").write_bytes(whole[:-5])
    command = [sys.executable, "model.py", "X.npy"]
    ended = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
