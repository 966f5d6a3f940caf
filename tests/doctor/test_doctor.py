"""The doctor during a training: what it names, what it leaves as it is, and that it costs nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_wine

from benchmarks.doctor_cases import Trial, broken_trials, sound
from inknet import MLP, Callback, InputError
from inknet.doctor import Doctor
from inknet.doctor import doctor as module
from inknet.training.findings import Finding, Severity, ranked
from inknet.training.history import History
from inknet.training.session import Session


def wine() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    X, y = load_wine(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    X, y = (X[order] - X.mean(axis=0)) / X.std(axis=0), y[order]
    return X[:120], y[:120], X[120:], y[120:]


def alarms(history: History) -> list[str]:
    return [finding.identifier for finding in history.findings if finding.is_alarm]


def named(history: History) -> list[str]:
    return [finding.identifier for finding in history.findings]


# -- it reads, and changes nothing -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "training"),
    [
        ({}, {}),
        ({"batch_norm": "before", "keep_probs": [0.8, 1.0]}, {"average_decay": 0.9}),
        ({"l2_lambda": 0.1}, {"optimizer": "momentum", "clip_norm": 1.0, "patience": 2}),
        ({"dtype": "float64"}, {"clip_value": 0.1, "max_norm": 2.0, "schedule": "one_cycle"}),
    ],
)
def test_a_training_has_the_same_bits_with_and_without_it(
    model: dict[str, Any], training: dict[str, Any]
) -> None:
    both = []
    for doctor in (True, False):
        mlp = MLP([13, 8, 3], **model)
        history = mlp.train(*wine(), num_epochs=6, batch_size=16, doctor=doctor, **training)
        both.append((mlp.network.parameters.tobytes(), mlp.network.statistics.tobytes()))
        assert bool(history.findings) == doctor
    assert both[0] == both[1]


def test_images_that_are_distorted_are_the_same_with_and_without_it() -> None:
    trial = sound("sample", num_epochs=2, augment={"rotation": 10.0})
    parameters = [trial.train(doctor=doctor)[0].network.parameters for doctor in (True, False)]
    np.testing.assert_array_equal(*parameters)


def test_a_doctor_that_fails_costs_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(module, "facts_of", fail)
    doctor = Doctor()
    history = MLP([13, 8, 3]).train(*wine(), num_epochs=2, callbacks=[doctor])
    assert len(history) == 2
    assert doctor.failure == "RuntimeError: no such luck"


def test_a_finding_is_told_once_however_often_it_is_seen() -> None:
    told: list[Finding] = []
    X, y, *others = wine()
    order = np.argsort(y)
    history = MLP([13, 8, 3]).train(
        X[order], y[order], *others, num_epochs=9, shuffle=False, batch_size=16,
        callbacks=[Doctor(told.append)],
    )  # fmt: skip
    identifiers = [finding.identifier for finding in told]
    assert "rows-in-label-order" in identifiers
    assert len(set(identifiers)) == len(identifiers)
    assert history.findings[0].identifier == "rows-in-label-order"


def test_findings_are_printed_where_lines_are(capsys: pytest.CaptureFixture[str]) -> None:
    X, y, *others = wine()
    MLP([13, 8, 3]).train(X * 1000, y, *others, num_epochs=2, print_interval=1)
    said = capsys.readouterr().out
    assert "warning [features-not-scaled]" in said
    assert "what helps: standardize each column" in said
    assert "train(…, standardize=True)" in said
    MLP([13, 8, 3]).train(X * 1000, y, *others, num_epochs=2)
    assert capsys.readouterr().out == ""


def test_an_own_doctor_takes_the_place_of_the_usual_one() -> None:
    doctor = Doctor()
    MLP([13, 8, 3]).train(*wine(), num_epochs=2, callbacks=[doctor])
    with pytest.raises(InputError, match="Doctor twice"):
        MLP([13, 8, 3]).train(*wine(), num_epochs=2, callbacks=[doctor, Doctor()])


def test_it_can_be_used_for_one_training_after_another() -> None:
    doctor, X, y = Doctor(), *wine()[:2]
    first = MLP([13, 8, 3]).train(X * 1000, y, num_epochs=2, callbacks=[doctor])
    second = MLP([13, 8, 3]).train(X, y, num_epochs=40, batch_size=16, callbacks=[doctor])
    assert "features-not-scaled" in named(first)
    assert "features-not-scaled" not in named(second)


# -- what it names ---------------------------------------------------------------------------------

QUICK = {"wine", "blobs", "mixed"}
TRIALS = {trial.name: trial for trial in broken_trials() if trial.name.split()[-1] in QUICK}
KINDS_TRIED = [
    "columns as they come wine",
    "one column thousands of times another mixed",
    "labels of other rows blobs",
    "labels that begin at 1 wine",
    "numbers as classes blobs",
    "sorted and not shuffled blobs",
    "training samples in the validation data blobs",
    "a fifth of the labels wrong blobs",
    "validation prepared otherwise blobs",
    "parts taken in order wine",
    "biases far below 0 blobs",
    "large weights before tanh mixed",
    "all weights equal wine",
    "softmax twice wine",
    "Adam with a rate of 0.000001 wine",
    "all samples in a step wine",
    "L2 of 30 blobs",
    "weights limited to 0.02 mixed",
    "a layer of one neuron blobs",
]


@pytest.mark.filterwarnings("ignore::inknet.errors.InputWarning")
@pytest.mark.parametrize("name", KINDS_TRIED)
def test_the_cause_of_a_broken_training_is_the_first_or_second_finding(name: str) -> None:
    trial = TRIALS[name]
    _, history = trial.train()
    first = [finding.identifier for finding in history.findings[:2] if finding.is_alarm]
    assert set(first) & set(trial.causes), named(history)


@pytest.mark.parametrize("name", ["wine", "iris", "cancer", "blobs", "moons"])
def test_a_sound_training_gets_no_warning(name: str) -> None:
    assert alarms(sound(name).train()[1]) == []


MISTAKES: dict[str, tuple[str, Callable[[], Trial]]] = {
    "rows in order as the test set": ("parts-differ", lambda: TRIALS["parts taken in order blobs"]),
    "full batch without shuffling": (
        "full-batch-in-order",
        lambda: sound("blobs", batch_size="all", shuffle=False),
    ),
    "too large a network": ("large-network", lambda: sound("wine", hidden=[256, 128])),
    "no regularization": ("no-regularization", lambda: sound("mixed")),
    "zero biases": ("zero-biases", lambda: sound("blobs", activation="relu", bias_start=0.0)),
    "exploding gradients": (
        "exploding-gradients",
        lambda: TRIALS["weights ten times too large mixed"],
    ),
    "a test set of 1,000": ("small-part", lambda: sound("mixed", num_epochs=5)),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_of_the_original_study_is_named(mistake: str) -> None:
    identifier, trial = MISTAKES[mistake]
    assert identifier in named(trial().train()[1])


def test_one_that_overfits_is_told_since_when() -> None:
    _, history = TRIALS["a large network on few noisy rows mixed"].train()
    finding = next(one for one in history.findings if one.identifier == "overfitting")
    best = int(np.argmin(history.column("val_loss"))) + 1
    assert f"lowest after epoch {best}," in finding.evidence


def test_a_training_that_diverges_is_told_with_a_rate_that_works() -> None:
    X, y, *others = wine()
    mlp = MLP([13, 16, 3])
    with pytest.raises(InputError, match="diverged"):
        mlp.train(X, y, *others, 1e30, 5, optimizer="gradient_descent")
    assert mlp.history is not None
    assert mlp.history.findings[0].severity == "error"
    assert "diverged" in named(mlp.history)


class Enough(Callback):
    def on_epoch_end(self, trainer: Session) -> None:
        trainer.stop_reason = "enough"


def test_a_training_that_a_callback_ended_is_not_told_to_last_longer() -> None:
    history = MLP([13, 8, 3]).train(*wine(), 1e-4, 100, 32, callbacks=[Enough()])
    assert len(history) == 1
    assert not {"too-few-epochs", "batch-too-large", "still-falling"} & set(named(history))


def test_a_column_is_called_by_its_name() -> None:
    X, y, *_ = wine()
    frame = pd.DataFrame(X, columns=[f"measure {i}" for i in range(13)])
    frame["measure 4"] *= 5000
    history = MLP([13, 8, 3]).train(frame, y, num_epochs=2)
    (finding,) = (one for one in history.findings if one.identifier == "features-not-scaled")
    assert finding.evidence.startswith("column 'measure 4' has a standard deviation of ")


def test_dead_neurons_are_counted_as_they_are() -> None:
    mlp = MLP([13, 10, 3], ["relu", "softmax"])
    mlp.network.dense_layers[0].bias[:7] = -1e6
    X, y, *others = wine()
    history = mlp.train(X, y, *others, 1e-4, 5, 16)
    finding = next(one for one in history.findings if one.identifier == "dead-neurons")
    assert finding.evidence.startswith("7 of 10 neurons of hidden layer 1 ")


# -- a finding -------------------------------------------------------------------------------------

FINDING = Finding(
    "rate-too-high", "warning", "the rate is too high", "it moved by 3", "it is lost", "lower it",
    ("training.learning_rate=0.003", 'network.activations="relu"'), epoch=2, rows=(1, 2),
)  # fmt: skip


def test_a_finding_says_what_why_and_what_helps_in_three_lines() -> None:
    assert str(FINDING).split("\n") == [
        "warning [rate-too-high] the rate is too high: it moved by 3",
        "why it matters: it is lost",
        "what helps: lower it: --set training.learning_rate=0.003 "
        "--set 'network.activations=\"relu\"'",
    ]


def test_a_finding_survives_json() -> None:
    assert Finding.from_dict(json.loads(json.dumps(FINDING.to_dict()))) == FINDING


@pytest.mark.parametrize(
    "change",
    [{"severity": "bad"}, {"settings": "a"}, {"rows": [1.5]}, {"title": 3}, {"more": 1}],
)
def test_what_is_no_finding_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a finding"):
        Finding.from_dict({**FINDING.to_dict(), **change})


def test_the_worst_finding_comes_first() -> None:
    severities: list[Severity] = ["note", "error", "warning"]
    found = [Finding(severity, severity, "", "", "", "") for severity in severities]
    assert [one.severity for one in ranked(found)] == ["error", "warning", "note"]
