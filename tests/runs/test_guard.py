"""The guard of a run: trained after the network, kept in the model file, and never in the way."""

import json

import numpy as np
import pytest

from inknet import MLP
from inknet.data import load
from inknet.errors import InputWarning, TrainingStopped
from inknet.recipes import load_recipe
from inknet.runs import resume_run, train_run
from inknet.training.callbacks import Callback

SMALL = ["training.epochs=1", "network.hidden=[16]", "guard.samples=400", "guard.hidden=[16]"]
DISTORTED = ["augment.rotation=9.0", "augment.habits=0.5", "augment.forms=0.5"]


def recipe(*changes):
    return load_recipe("digits", [*SMALL, *DISTORTED, *changes], source="sample", seed=3)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return {
        name: train_run(recipe(f"guard.epochs={epochs}"), folder / name)
        for name, epochs in (("without", 0), ("with", 3), ("again", 3))
    }


def test_a_guard_changes_no_bit_of_the_network_and_is_the_same_for_the_same_seed(runs):
    without, guarded, again = (runs[name].model() for name in ("without", "with", "again"))
    assert without.facts.guard is None
    np.testing.assert_array_equal(without.network.parameters, guarded.network.parameters)
    np.testing.assert_array_equal(guarded.facts.guard.parameters, again.facts.guard.parameters)
    assert guarded.facts.guard.architecture.layer_dims == (784, 16, 11)


def test_a_guard_says_how_familiar_an_image_is(runs):
    model = MLP.load(runs["with"].folder)
    digits = runs["with"].test_data().images(np.arange(100)).reshape(-1, 28, 28)
    upside_down = np.ascontiguousarray(digits[:, ::-1, ::-1])
    noise = np.random.default_rng(0).integers(0, 255, (100, 28, 28), dtype=np.uint8)
    _, familiar, agreement = model._recognize(digits)
    assert (agreement <= familiar + 1e-9).all() and (familiar <= 1).all()
    assert familiar.mean() > model._recognize(upside_down)[1].mean()
    assert familiar.mean() > model._recognize(noise)[1].mean() + 0.2


def test_a_copy_keeps_the_guard(runs, tmp_path):
    import pickle

    model = MLP.load(runs["with"].folder)
    for copy in (pickle.loads(pickle.dumps(model)), saved(model, tmp_path / "m.safetensors")):
        np.testing.assert_array_equal(copy.facts.guard.parameters, model.facts.guard.parameters)


def saved(model, path):
    model.save(path)
    return MLP.load(path)


class Interrupts(Callback):
    """As the system does before it ends; Ctrl-C is ignored in the background of a script."""

    def on_step_end(self, trainer):
        import signal

        signal.raise_signal(signal.SIGTERM)


def test_a_guard_that_is_interrupted_is_trained_when_the_run_is_resumed(runs, tmp_path):
    with pytest.raises(TrainingStopped) as stop:
        train_run(recipe("guard.epochs=3"), tmp_path / "run", on_guard=lambda: [Interrupts()])
    assert stop.value.resumable and not (tmp_path / "run" / "metrics.json").exists()
    run = resume_run(tmp_path / "run")
    whole, resumed = runs["with"].model(), run.model()
    np.testing.assert_array_equal(whole.facts.guard.parameters, resumed.facts.guard.parameters)
    assert json.loads((run.folder / "metrics.json").read_text())["training"]["epochs"] == 1


def test_where_there_can_be_no_guard_it_is_said_and_the_run_is_complete(tmp_path):
    features = np.random.default_rng(0).normal(size=(200, 5))
    np.savez(tmp_path / "table.npz", X=features, y=(features[:, 0] > 0).astype(int))
    table = load_recipe(
        "digits", [*SMALL, "guard.epochs=1"], source=str(tmp_path / "table.npz"), seed=0
    )
    lines = []
    run = train_run(table, tmp_path / "run", warn=lines.append)
    assert run.model().facts.guard is None
    assert len(lines) == 1 and "there is no guard" in lines[0]


def test_a_guard_that_cannot_be_made_costs_no_training(tmp_path, monkeypatch):
    def without_fonts(*_):
        raise OSError("cannot open resource")

    monkeypatch.setattr("inknet.runs.guard.other_images", without_fonts)
    lines = []
    run = train_run(recipe("guard.epochs=1"), tmp_path / "run", warn=lines.append)
    assert run.model().facts.guard is None
    assert "there is no guard: cannot open resource" in lines[0]


def test_a_guard_that_knows_other_images_is_forgotten(runs):
    model = MLP.load(runs["with"].folder)
    digits = runs["with"].test_data()
    images, labels = digits.images(np.arange(200)).reshape(-1, 28, 28), digits.targets[:200]
    model.train(images, labels, num_epochs=1)
    assert model.facts.guard is not None
    with pytest.warns(InputWarning, match="the model has none now"):
        model.train(255 - images, labels, num_epochs=1)
    assert model.facts.guard is None


def test_images_of_0_and_1_have_no_guard(tmp_path):
    digits = load("sample")
    X = (digits.stored()[:600] > 128).astype(np.uint8).reshape(-1, 28, 28)
    np.savez(tmp_path / "binary.npz", X=X, y=digits.targets[:600])
    lines = []
    source = str(tmp_path / "binary.npz")
    binary = load_recipe("digits", [*SMALL, "guard.epochs=1"], source=source, seed=0)
    run = train_run(binary, tmp_path / "run", warn=lines.append)
    assert run.model().facts.guard is None
    assert any("other numbers than pixels" in line for line in lines)
