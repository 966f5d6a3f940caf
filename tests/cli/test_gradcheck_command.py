"""``inknet gradcheck`` finds a gradient that is wrong, and none where all are right."""

import re

import pytest

from inknet.nn.layers import Activation, BatchNorm, Dense

SMALL = ["--data", "sample", "--set", "network.hidden=[6, 5]", "--set", "data.limit=200"]


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
def test_every_array_of_a_recipe_is_right(called, activation, batch_norm):
    terms = ("network.keep_probs=0.8", "training.label_smoothing=0.1", "training.l2_lambda=0.3")
    changes = (f"network.activations={activation}", f"network.batch_norm={batch_norm}", *terms)
    code, printed, complaints = called(
        "gradcheck", *SMALL, *(word for change in changes for word in ("--set", change))
    )
    assert (code, complaints) == (0, [])
    n_arrays = 6 if batch_norm == "none" else 10
    assert printed.count("right  ") == n_arrays
    assert f"all {n_arrays} arrays are right" in printed
    assert re.search(r"0 Dense\(784 → 6\) weight +784 × 6 +40 ", printed)
    assert max(map(len, printed.splitlines())) <= 80


@pytest.mark.parametrize(
    ("kind", "name", "array"),
    [
        (Dense, "weight", "6 Dense(5 → 10) weight"),
        (Dense, "bias", "6 Dense(5 → 10) bias"),
        (BatchNorm, "gamma", "4 BatchNorm(5) gamma"),
        (BatchNorm, "beta", "1 BatchNorm(6) beta"),
    ],
)
def test_an_array_whose_gradient_is_a_tenth_too_large_is_named(
    called, monkeypatch, kind, name, array
):
    right = kind.backward

    def wrong(layer, gradient):
        returned = right(layer, gradient)
        getattr(layer, f"{name}_gradient")[:] *= 1.1
        return returned

    monkeypatch.setattr(kind, "backward", wrong)
    code, printed, _ = called("gradcheck", "digits", *SMALL)
    assert code == 1
    (line,) = [line for line in printed.splitlines() if line.strip().startswith(array)]
    assert line.split()[-2:] == ["5e-02", "WRONG"]
    assert "arrays are wrong" in printed.splitlines()[-1]


def test_a_slope_that_is_forgotten_spoils_all_before_it_and_nothing_after(called, monkeypatch):
    monkeypatch.setattr(Activation, "backward", lambda layer, gradient: gradient)
    code, printed, _ = called("gradcheck", "digits", *SMALL, "--set", "network.activations=sigmoid")
    assert code == 1
    rows = [line.split() for line in printed.splitlines() if "→" in line]
    verdicts = {(row[0], row[4]): row[-1] for row in rows}
    assert {verdicts["6", name] for name in ("weight", "bias")} == {"right"}
    assert {verdicts["0", "weight"], verdicts["3", "weight"]} == {"WRONG"}


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["nonsense"], "no recipe is called 'nonsense'"),
        (["--set", "seed=1", "--seed", "2"], "seed is what --seed gives"),
        (["--data", "missing.csv"], "missing.csv: no such file or folder"),
        (["--samples", "0"], "'--samples'"),
        (["--set", "training.epoch=3"], "did you mean training.epochs?"),
    ],
)
def test_what_is_not_valid_is_refused_in_one_line(called, words, what):
    code, printed, complaints = called("gradcheck", *words)
    assert (code, printed) == (2, "")
    (line,) = complaints
    assert what in line


def test_more_samples_than_there_are_take_all(called):
    code, printed, _ = called("gradcheck", *SMALL, "--samples", "1000")
    assert code == 0
    assert ", 160 samples of sample" in printed  # 20 each are to validate and to test
