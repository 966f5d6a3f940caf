"""A walk has the numbers of the network, and its gradients are those of the loss."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax

from inknet import InputError, Run
from inknet.explain.learning import learned
from inknet.explain.subject import subject_of
from inknet.explain.walk import walked
from inknet.nn.layers import BatchNorm, Dense
from inknet.recipes import load_recipe
from inknet.runs import train_run

SETTINGS = {
    "plain": [],
    "normalized": ["network.batch_norm=before", "training.optimizer=momentum"],
    "normalized after": ["network.batch_norm=after", "network.keep_probs=0.8"],
    "all": [
        "network.keep_probs=0.7",
        "training.l2_lambda=0.2",
        "training.label_smoothing=0.1",
        "training.clip_norm=0.3",
        "training.clip_value=0.05",
        "training.optimizer=gradient_descent",
        "training.learning_rate=0.3",
    ],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a small run for each of the settings."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inknet.runs.results._draw", lambda *_: [])
        for name, changes in SETTINGS.items():
            small = ["network.hidden=[12, 8]", "training.epochs=2", "data.limit=400"]
            first = ["network.batch_norm=none", *changes]
            recipe = load_recipe("digits", [*small, *first], source="sample")
            train_run(recipe, folder / name)
    return folder


@pytest.fixture(params=list(SETTINGS))
def walk(request, runs):
    return walked(subject_of(runs / request.param, runs, row=3))


def test_the_way_there_is_that_of_the_network(walk):
    if any(isinstance(layer, BatchNorm) for layer in walk.step.network.layers):
        return
    logits = walk.subject.model.network.infer(walk.subject.x.astype(np.float32))
    np.testing.assert_allclose(walk.step.values[-1], logits, rtol=1e-4, atol=1e-5)
    expected = -log_softmax(logits.astype(float))[0, walk.subject.label]
    assert walk.loss.value == pytest.approx(expected, rel=1e-4)


def test_every_gradient_agrees_with_differences_and_with_its_sum(walk):
    layers = walk.step.network.layers
    n_learned = sum(a.kind != "statistic" for layer in layers for a in layer.learned)
    assert len(walk.gradients) == n_learned + len(layers) + 1
    for one in walk.gradients:
        assert one.check.is_right
        assert one.check.analytic[0] == pytest.approx(one.sum.value, rel=1e-9, abs=1e-15)


def test_the_number_that_is_followed_is_the_term_that_counts_most(walk):
    assert walk.units[-1] == walk.subject.label
    for station in walk.stations:
        unit = walk.units[station.number + 1]
        assert station.forward.value == walk.step.values[station.number + 1][0, unit]
        if isinstance(station.layer, Dense):
            node, _, _ = max(station.forward.terms, key=lambda term: abs(term[2]))
            assert node["unit"] == walk.units[station.number]


def test_a_step_goes_down_along_the_differences(runs):
    subject = subject_of(runs / "all", runs)
    taken = learned(walked(subject))
    for change in taken.changes:
        assert change.check.is_right
        assert change.clipped is not None
        clipped = np.clip(change.check.numerical[0], -0.05, 0.05)
        all_clipped = np.clip(taken.step.parameter_gradients, -0.05, 0.05)
        clipped *= min(1, 0.3 / np.linalg.norm(all_clipped))
        assert change.after == pytest.approx(change.before - 0.3 * clipped, abs=1e-8)
    assert taken.loss_after < taken.step.loss


@pytest.mark.parametrize("name", SETTINGS)
def test_each_step_of_training_has_right_gradients(runs, name):
    walk = walked(subject_of(runs / name, runs))
    taken = learned(walk)
    assert all(change.check.is_right for change in taken.changes)
    assert {(change.name, change.index) for change in taken.changes} == {
        (one.name, one.index) for one in walk.gradients if one.name != "x"
    }
    assert taken.loss.value == pytest.approx(taken.step.loss)


def test_without_a_run_the_newest_is_taken_and_without_any_the_model_of_the_package(runs, tmp_path):
    assert subject_of(None, runs).name == str(runs / "all")
    assert subject_of(None, tmp_path).name == "the model in the package"
    assert subject_of(Path("pretrained"), runs).name == "the model in the package"


def test_the_row_is_that_of_the_test_data(runs):
    subject = subject_of(runs / "plain", runs, row=5)
    test = Run.open(runs / "plain").test_data()
    np.testing.assert_array_equal(subject.x, test.stored()[5:6] / 255)
    assert subject.label == test.targets[5]
    assert subject.is_known
    other = subject_of(runs / "plain", runs, row=5, true="4")
    assert other.label == 4
    with pytest.raises(InputError, match=r"--row 4000: .* rows, counted from 0"):
        subject_of(runs / "plain", runs, row=4000)


def test_a_network_that_is_too_large_to_copy_is_refused(runs, monkeypatch):
    monkeypatch.setattr("inknet.explain.subject.MOST_PARAMETERS", 1000)
    with pytest.raises(InputError, match=r"plain: has .* weights; networks of at most 1,000 can"):
        subject_of(runs / "plain", runs)
