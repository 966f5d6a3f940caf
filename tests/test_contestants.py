"""Each peer that the benchmarks time trains the network that inknet trains.

Where a peer cannot be installed, it is left out, here and there.
"""

import os
import shutil
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import conductor, task
from benchmarks.conductor import Entry
from benchmarks.contestants.inknet_mlp import build_mlp
from benchmarks.studies import training
from benchmarks.task import EPOCH, Images, Task, scaled

N_IMAGES = 40
TASK = Task((12, 9, 7, 3), batch_size=N_IMAGES, n_images=N_IMAGES, label_smoothing=0.1)
"""The batch is all images: their order changes nothing, and an epoch is a step."""

Weights = list[tuple[NDArray[Any], NDArray[Any]]]


def of_linear(layers: Any) -> Weights:
    """Return the weights ``(fan_in, fan_out)`` and biases of what stores weights transposed."""
    dense = [layer for layer in layers if hasattr(layer, "weight")]
    return [(as_array(layer.weight).T, as_array(layer.bias)) for layer in dense]


def as_array(values: Any) -> NDArray[Any]:
    for method in ("detach", "numpy"):  # of PyTorch; of PyTorch and tinygrad
        values = getattr(values, method, lambda values=values: values)()
    return np.array(values)


WEIGHTS: dict[str, Callable[[Any], Weights]] = {
    "jax": lambda it: [(np.array(weight), np.array(bias)) for weight, bias in it.state[0]],
    "torch": lambda it: of_linear(it.network),
    "tinygrad": lambda it: of_linear(it.layers),
    "mlx": lambda it: of_linear(it.network.layers),
}
FUSED = {"mode": "fused", "threads": 1}
CONTESTANTS = {
    "JAX": ("jax", "JaxTraining", {"random_bits": "threefry2x32"}),
    "PyTorch": ("torch", "TorchTraining", FUSED),
    "PyTorch, bfloat16": ("torch", "TorchTraining", {**FUSED, "bfloat16": True}),
    "tinygrad": ("tinygrad", "TinygradTraining", {}),
    "tinygrad, uint8": ("tinygrad", "TinygradTraining", {"pixels": True}),
    "MLX": ("mlx", "MlxTraining", {}),
    "MLX, uint8": ("mlx", "MlxTraining", {"pixels": True}),
}


@pytest.fixture
def images() -> Images:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (N_IMAGES, 12), np.uint8)
    labels = generator.integers(0, 3, N_IMAGES).astype(np.uint8)
    return Images(pixels, labels, pixels, labels)


@pytest.fixture(params=CONTESTANTS.items(), ids=lambda item: item[0])
def build(
    request: pytest.FixtureRequest, images: Images, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Task], Any]:
    """Return what builds one of the contestants, for the images above."""
    monkeypatch.setenv("DEV", "CPU")  # of tinygrad
    _, (package, kind, options) = request.param
    pytest.importorskip(package)
    if package == "tinygrad" and not shutil.which(os.environ.get("CC", "clang")):
        pytest.skip("tinygrad needs Clang")
    module = import_module(f"benchmarks.contestants.{package}_mlp")
    for place in (task, module):  # PyTorch's calls them itself
        monkeypatch.setattr(place, "load_images", lambda n: images, raising=False)
        monkeypatch.setattr(
            place, "held_back", lambda task: (images.X_test, images.y_test), raising=False
        )
    make = getattr(module, kind)

    def build(task: Task) -> Any:
        contestant = make(task, **options)
        contestant.weights = lambda: WEIGHTS[package](contestant)
        contestant.tolerance = 0.1 if options.get("bfloat16") else 1e-3
        return contestant

    return build


def test_a_contestant_takes_the_steps_that_inknet_takes(
    build: Callable[[Task], Any], images: Images
) -> None:
    contestant = build(TASK)
    before = contestant.weights()
    mlp = build_mlp(TASK)
    for layer, (weight, bias) in zip(mlp.network.dense_layers, before, strict=True):
        layer.weight[:], layer.bias[:] = weight, bias
    n_steps = 4  # tinygrad replays from the third on
    mlp.train(
        scaled(images.X_train),
        images.y_train,
        learning_rate=TASK.learning_rate,
        num_epochs=n_steps,
        batch_size=N_IMAGES,
        schedule="constant",
        label_smoothing=TASK.label_smoothing,
        print_interval=0,
    )
    seconds = [contestant.epoch(), *(contestant.measured_epoch() for _ in range(n_steps - 1))]
    assert all(isinstance(value, float) for value in seconds)
    tolerance = contestant.tolerance * n_steps * TASK.learning_rate
    for layer, after, old in zip(
        mlp.network.dense_layers, contestant.weights(), before, strict=True
    ):
        for ours, theirs, was in zip((layer.weight, layer.bias), after, old, strict=True):
            moved, expected = theirs - was, ours - was
            assert np.abs(expected).max() > TASK.learning_rate
            assert np.median(np.abs(moved - expected)) < tolerance
    expected = mlp.evaluate(scaled(images.X_test), images.y_test).accuracy
    assert contestant.accuracy() == pytest.approx(expected, abs=0.03)


def test_dropout_changes_the_steps_of_a_contestant(build: Callable[[Task], Any]) -> None:
    after = []
    for keep_prob in (1, 0.5):
        task = Task(**{**TASK.to_json(), "keep_prob": keep_prob})
        contestant = build(task)
        for _ in range(3):
            contestant.epoch()
        after.append(contestant.weights()[0][0])
    assert not np.allclose(*after, rtol=0, atol=TASK.learning_rate / 2)


FAKES = """
import os

class Able:
    def __init__(self, task):
        pass
    def epoch(self):
        return 1
    def accuracy(self):
        return 0.97

class Unable(Able):
    def __init__(self, task, call):
        if call == "build":
            raise FileNotFoundError("no file\\n'a compiler'")
        setattr(self, call, self.fail)
    def fail(self):
        raise ValueError("no more")

class Ended(Able):
    def epoch(self):
        os._exit(7)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the benchmarks need a Unix")
def test_a_study_is_measured_without_the_peers_that_cannot_take_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fake.py").write_text(FAKES)
    fake = {"PYTHONPATH": str(tmp_path)}
    monkeypatch.setattr(conductor, "PAUSE", 0.01)
    entries = [
        Entry("JAX, rbg", "JAX", "fake:Able", {}, fake),
        Entry("uninstalled", "a", "absent:Absent", {}, fake),
        Entry("without a compiler", "b", "fake:Unable", {"call": "build"}, fake),
        Entry("without a test", "c", "fake:Unable", {"call": "accuracy"}, fake),
        Entry("ended", "d", "fake:Ended", {}, fake),
    ]
    measured = training.measure(EPOCH, entries, 2)
    assert measured["seconds"] == {"JAX, rbg": [1, 1]}
    assert measured["families"] == {"JAX, rbg": "JAX"}
    assert measured["accuracy"] == {"JAX, rbg": 0.97}
    expected = {
        "uninstalled": "ModuleNotFoundError: No module named 'absent'",
        "without a compiler": "FileNotFoundError: no file 'a compiler'",
        "without a test": "ValueError: no more",
        "ended": "its process ended with code 7",
    }
    assert measured["missing"] == expected
    said = capsys.readouterr().err.splitlines()
    for name, reason in expected.items():
        assert f"  {name}: left out, {reason}" in said
