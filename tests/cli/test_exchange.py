"""``inknet export`` and ``inknet import``, as a user types them."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from safetensors.numpy import load_file, save_file

from commands import finish
from inknet import MLP


def inknet(*arguments, folder, expect=0):
    result = finish(*arguments, folder=folder, INKNET_OPS="")
    assert result.returncode == expect, result.stdout + result.stderr
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a model of images in it, and a state dict of the same."""
    made = tmp_path_factory.mktemp("exchange")
    model = MLP([784, 12, 10], random_seed=3)
    images = np.random.default_rng(0).integers(0, 256, (30, 28, 28), np.uint8)
    model.train(images, np.arange(30) % 10, num_epochs=2)
    model.save(made / "model.safetensors")
    np.save(made / "images.npy", images)
    save_file(load_file(made / "model.safetensors"), made / "state.safetensors")
    (made / "model.pt").write_bytes(b"PK\3\4" + bytes(50))
    return made


def test_export_writes_all_files_and_import_reads_what_came_from_elsewhere(folder):
    out = inknet(
        *("export", "model.safetensors", "--onnx", "m.onnx", "--numpy", "m.py"),
        *("--html", "m.html"),
        folder=folder,
    )
    sizes = {name: (folder / name).stat().st_size for name in ("m.onnx", "m.py", "m.html")}
    assert out.stdout.splitlines() == [f"{name}: {size:,} bytes" for name, size in sizes.items()]
    script = subprocess.check_output([sys.executable, "m.py", "images.npy"], cwd=folder, text=True)
    model, images = MLP.load(folder / "model.safetensors"), np.load(folder / "images.npy")
    assert script.split() == [str(k) for k in model.predict(images)]

    options = ["--activation", "leaky_relu", "--image", "28x28", "--classes", "a,b,c,d,e,f,g,h,i,j"]
    inknet("import", "state.safetensors", "--out", "read.safetensors", *options, folder=folder)
    read = MLP.load(folder / "read.safetensors")
    assert read.facts.class_names == tuple("abcdefghij")
    assert_allclose(read.predict_proba(images), model.predict_proba(images), atol=1e-7)


def test_the_order_of_layers_whose_names_do_not_say_it_is_given(folder):
    generator = np.random.default_rng(0)
    shapes = {"output": (3, 4), "input": (4, 4), "hidden": (4, 4)}
    state = {f"{name}.weight": generator.normal(size=shape) for name, shape in shapes.items()}
    state |= {f"{name}.bias": np.zeros(shape[0]) for name, shape in shapes.items()}
    save_file(state, folder / "words.safetensors")
    arguments = ["import", "words.safetensors", "--activation", "tanh", "--out", "words-read"]
    refused = inknet(*arguments, folder=folder, expect=2)
    assert refused.stderr.endswith("--order A,B,… (order= in Python): hidden, input, output\n")
    assert not (folder / "words-read").exists()
    inknet(*arguments, "--order", "input, hidden,output", folder=folder)
    x = generator.normal(size=(9, 4))
    hidden = np.tanh(np.tanh(x @ state["input.weight"].T) @ state["hidden.weight"].T)
    answers = MLP.load(folder / "words-read").predict(x)
    assert answers.tolist() == (hidden @ state["output.weight"].T).argmax(axis=1).tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "model.safetensors"], "export needs --onnx FILE, --numpy FILE or --html FILE"),
        (["export", "nothing", "--numpy", "x.py"], "nothing: no such model file"),
        (["export", "model.safetensors", "--numpy", "no/x.py"], "no/x.py: cannot be written"),
        (
            ["export", "model.safetensors", "--onnx", "x.onnx", "--numpy", "y.onnx"],
            "y.onnx: inknet.exchange.export_numpy writes .py files",
        ),
        (["import", "model.pt", "--out", "x.safetensors"], "model.pt: looks like a pickle"),
        (["import", "state.safetensors", "--out", "model.pt"], "model.pt: exists already"),
        (
            ["import", "state.safetensors", "--out", "x", "--image", "28"],
            "--image is '28'; expected",
        ),
        (["import", "state.safetensors", "--out", "x", "--activation", "gelu"], "expected one of"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(arguments, message, folder):
    before = set(folder.iterdir())
    result = inknet(*arguments, folder=folder, expect=2)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert message in line
    assert set(folder.iterdir()) == before
