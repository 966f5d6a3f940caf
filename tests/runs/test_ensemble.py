"""An ensemble is several runs of one recipe, judged by the mean of their probabilities."""

import json
import shutil

import numpy as np
import pytest

from commands import inknet, refusal
from inknet import MLP
from inknet.data import load
from inknet.recipes import AugmentRecipe
from inknet.training.inference import predict_over_copies

QUICK = ["--set", "training.epochs=2", "--set", "network.hidden=[16]"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with data that have a test set of their own, and an ensemble of three on them."""
    path = tmp_path_factory.mktemp("ensemble")
    sample = load("sample")
    order = np.random.default_rng(0).permutation(5000)
    train, test = order[:900], order[900:1300]
    np.savez(
        path / "digits.npz",
        x_train=sample.features[train].reshape(-1, 28, 28),
        y_train=sample.labels[train],
        x_test=sample.features[test].reshape(-1, 28, 28),
        y_test=sample.labels[test],
    )
    inknet(*command(3), folder=path)
    return path


def command(n, *more):
    return [
        *("train", "--data", "digits.npz", *QUICK, "--seed", "5"),
        *("--ensemble", str(n), "--out", "three", *more),
    ]


def test_it_answers_with_the_mean_of_its_members_probabilities(folder):
    figures = json.loads((folder / "three/ensemble.json").read_text())
    assert figures["seeds"] == [5, 6, 7]
    data = np.load(folder / "digits.npz")
    x, y = data["x_test"], data["y_test"]
    members = [MLP.load(folder / f"three/seed-{seed}") for seed in (5, 6, 7)]
    each = [int((member.predict(x) != y).sum()) for member in members]
    together = np.mean([member.predict_proba(x) for member in members], axis=0).argmax(axis=1)
    assert figures["errors_of_each"] == each
    assert figures["errors_together"] == int((together != y).sum())
    assert figures["samples"] == 400
    assert len({member.network.parameters.tobytes() for member in members}) == 3


def test_what_is_finished_is_kept_and_what_one_and_all_reach_is_told_apart(folder):
    before = {path: path.stat().st_mtime_ns for path in folder.glob("three/*/*")}
    printed = inknet(*command(3), folder=folder).stdout
    assert {path: path.stat().st_mtime_ns for path in folder.glob("three/*/*")} == before
    figures = json.loads((folder / "three/ensemble.json").read_text())
    mean = sum(figures["errors_of_each"]) / 3
    assert f"one network: {mean:.1f} errors in 400 on average" in printed
    assert f"3 together: {figures['errors_together']}" in printed


def test_a_member_that_is_not_there_is_trained(folder):
    model = (folder / "three/seed-6/model.safetensors").read_bytes()
    shutil.rmtree(folder / "three/seed-6")
    inknet(*command(3), folder=folder)
    assert (folder / "three/seed-6/model.safetensors").read_bytes() == model


def test_what_cannot_be_an_ensemble_is_refused(folder):
    for arguments, says in (
        (["--ensemble", "2", "--data", "sample"], "sample: has no official test set"),
        (["--ensemble", "1"], "--ensemble"),
        (["--ensemble", str(10**9)], "--ensemble"),
        (["--resume", "three/seed-5", "--ensemble", "2"], "--ensemble cannot be combined with it"),
        (command(3, "--force")[1:], "--force cannot be combined with it"),
        (command(3, "--set", "training.epochs=3")[1:], "seed-5: holds a run of another recipe"),
    ):
        assert says in refusal("train", *arguments, folder=folder)
    (folder / "other").mkdir()
    (folder / "other/thesis.tex").write_text("mine")
    line = refusal("train", *command(2)[1:], "--out", "other", folder=folder)
    assert "other: holds thesis.tex, which does not belong to an ensemble" in line
    (folder / "fourth/ensemble.json").mkdir(parents=True)
    line = refusal("train", *command(2)[1:], "--out", "fourth", folder=folder)
    assert "fourth/ensemble.json: a folder, where a file of the ensemble" in line


def test_copies_are_averaged_with_the_image_itself():
    sample = load("sample")
    some = sample.subset(np.arange(0, 5000, 40))
    model = MLP([784, 8, 10], random_seed=0)
    model.train(sample.features[::10], sample.labels[::10], num_epochs=3)
    alone = model.predict_proba(some.stored())
    shift = AugmentRecipe(shift=2.0)
    one, two = (predict_over_copies(model.network, some, shift, n, seed=4) for n in (1, 2))
    np.testing.assert_allclose(one.sum(axis=1), 1)
    first, second = 2 * one - alone, 3 * two - 2 * one
    for copy in (first, second):  # each is an answer by itself, and another one
        np.testing.assert_allclose(copy.sum(axis=1), 1, rtol=1e-6)
        assert copy.min() > -1e-6
        assert np.abs(copy - alone).max() > 0.01
    assert np.abs(first - second).max() > 0.01
    none = predict_over_copies(model.network, some, shift, 0, seed=4)
    np.testing.assert_allclose(none, alone, rtol=1e-5)


def test_a_run_is_judged_with_copies_if_asked_and_says_so(folder):
    changes = ["--set", "augment.shift=1", "--out", "shifted"]
    inknet("train", "--data", "digits.npz", *QUICK, *changes, folder=folder)
    plain = inknet("evaluate", "shifted", folder=folder).stdout
    copies = inknet("evaluate", "shifted", "--copies", "3", folder=folder).stdout
    assert "copies" not in plain
    assert "with 3 distorted copies of each image: accuracy" in copies
    line = refusal("evaluate", "three/seed-5", "--copies", "3", folder=folder)
    assert "the recipe of this run distorts nothing" in line
    line = refusal("evaluate", "shifted", "--copies", str(10**9), folder=folder)
    assert "'--copies': Input should be less than or equal to 10000" in line


def test_data_show_draws_digits_and_versions_of_one(tmp_path):
    from PIL import Image

    for arguments in (
        ["--number", "7"],
        ["--augment", "--number", "3600"],
        ["--augment", "--recipe", "invariant", "--number", "7"],
    ):
        out = tmp_path / f"{len(arguments)}.png"
        printed = inknet("data", "show", *arguments, "--out", out, folder=tmp_path).stdout
        assert printed == f"written: {out}\n"
        with Image.open(out) as picture:
            assert picture.width > 600
            assert len(np.unique(np.asarray(picture.convert("L")))) > 50
        out.unlink()
    inknet("data", "show", "--augment", "--seed", "1", "--out", "a.png", folder=tmp_path)
    inknet("data", "show", "--seed", "1", "--out", "b.png", folder=tmp_path)
    inknet("data", "show", "--augment", "--seed", "1", "--out", "c.png", folder=tmp_path)
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == c != b
    for arguments, says in (
        (["--number", "5000"], "--number 5000: sample has 5,000 images"),
        (["--out", "digits.txt"], "--out digits.txt: expected the name of a .png file"),
        (["--augment", "--recipe", "final"], "the recipe final distorts nothing"),
    ):
        assert says in refusal("data", "show", *arguments, folder=tmp_path)
