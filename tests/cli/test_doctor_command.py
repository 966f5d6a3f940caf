"""``inknet doctor``, and the doctor in ``inknet train``, as their users call them."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from commands import finish, running, wait_for
from inknet.runs import Run

CANCER = load_breast_cancer(return_X_y=True)


def table(path: Path, X: Any, y: Any) -> Path:
    """Write a table whose last column is the label."""
    names = [f"x{i}" for i in range(np.shape(X)[1])]
    rows = [
        ",".join([*map(repr, map(float, row)), f"c{label}"])
        for row, label in zip(X, y, strict=True)
    ]
    path.write_text("\n".join([",".join([*names, "label"]), *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with measured tumours as they come, and a run on it whose rate is far too high."""
    folder = tmp_path_factory.mktemp("doctor")
    X, y = CANCER
    order = np.random.default_rng(0).permutation(len(y))
    table(folder / "cancer.csv", X[order], y[order])
    table(folder / "one.csv", X[y == 0], y[y == 0])
    return folder


SMALL = ["--set", "network.hidden=[8]", "--set", "training.batch_size=16"]


@pytest.fixture(scope="module")
def trained(folder: Path) -> str:
    result = finish("train", "--data", "cancer.csv", "--out", "run", *SMALL, folder=folder)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_training_says_what_is_wrong_and_what_mends_it(trained: str) -> None:
    lines = trained.splitlines()
    place = next(i for i, line in enumerate(lines) if "[features-not-scaled]" in line)
    assert lines[place].startswith("warning [features-not-scaled] the features are not scaled: ")
    assert lines[place + 1].startswith("  why it matters: ")
    assert lines[place + 2].endswith(": --set training.standardize=true")


def test_what_it_said_is_in_metrics_and_report_and_can_be_asked_for(
    folder: Path, trained: str
) -> None:
    run = Run.open(folder / "run")
    assert run.findings[0].identifier == "features-not-scaled"
    report = (run.folder / "report.html").read_text("utf-8")
    assert "What the doctor says" in report
    assert "--set training.standardize=true" in report
    said = finish("doctor", "run", folder=folder).stdout
    assert said.splitlines()[0] == run.findings[0].lines()[0]
    listed = json.loads(finish("doctor", "run", "--json", folder=folder).stdout)["findings"]
    assert listed[0] == run.findings[0].to_dict()


def test_the_setting_as_printed_mends_the_training(folder: Path, trained: str) -> None:
    (words,) = {line.partition("training samples: ")[2] for line in trained.splitlines() if "--set training.standardize" in line}  # fmt: skip
    result = finish(
        "train", "--data", "cancer.csv", "--out", "mended", *SMALL, *words.split(), folder=folder
    )
    assert "[features-not-scaled]" not in result.stdout
    assert Run.open(folder / "mended").metrics["validation"]["accuracy"] > 0.9


def test_without_a_doctor_nothing_is_said(folder: Path) -> None:
    words = ["train", "--data", "cancer.csv", "--out", "quiet", *SMALL, "--doctor", "off"]
    assert "[features-not-scaled]" not in finish(*words, folder=folder).stdout
    assert Run.open(folder / "quiet").findings == []


def test_a_run_without_a_doctor_is_examined_when_it_is_asked_for(folder: Path) -> None:
    finish(
        "train", "--data", "cancer.csv", "--out", "old", *SMALL, "--doctor", "off", folder=folder
    )
    metrics = json.loads((folder / "old/metrics.json").read_text("utf-8"))
    del metrics["findings"], metrics["changes"]  # as inknet 0.2 wrote it
    (folder / "old/metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    assert "[features-not-scaled]" in finish("doctor", "old", folder=folder).stdout


def test_fix_mends_as_it_goes_and_tells_what_it_changed(folder: Path) -> None:
    words = [
        "--set",
        "training.learning_rate=300.0",
        "--set",
        "training.optimizer=gradient_descent",
    ]
    result = finish(
        "train", "--data", "cancer.csv", "--out", "fixed", *SMALL, *words, "--doctor", "fix",
        folder=folder,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "mending features-not-scaled: training.standardize=true" in result.stdout
    run = Run.open(folder / "fixed")
    assert any("training.standardize=true" in change for change in run.metrics["changes"])
    assert run.recipe.training.standardize
    assert run.recipe.training.learning_rate < 300
    assert run.metrics["validation"]["accuracy"] > 0.9
    said = finish("doctor", "fixed", folder=folder).stdout
    assert "changed by --doctor fix: training.standardize=true" in said
    assert "It changed the recipe" in (run.folder / "report.html").read_text("utf-8")


def test_data_and_recipe_are_examined_before_a_training(folder: Path) -> None:
    result = finish("doctor", "--data", "cancer.csv", *SMALL, folder=folder)
    assert "[features-not-scaled]" in result.stdout
    assert "checked: the loss of a batch at the start is " in result.stdout
    assert "checked: of one batch of 64 samples it learned " in result.stdout
    assert "checked: its gradients differ from finite differences by " in result.stdout
    result = finish("doctor", "--data", "sample", folder=folder)
    assert result.stdout.splitlines()[-1] == "nothing wrong was found"
    for rate, identifier in (("30.0", "rate-too-high"), ("1e-9", "rate-too-low")):
        words = ["--data", "sample", "--set", f"training.learning_rate={rate}"]
        assert f"warning [{identifier}]" in finish("doctor", *words, folder=folder).stdout


def test_two_runs_that_differ_by_chance_are_told_so(folder: Path, trained: str) -> None:
    result = finish("doctor", "run", "run", folder=folder)
    assert result.stdout.startswith("note [same-but-for-noise] these two are not different: ")
    assert "nothing wrong" not in result.stdout


def test_an_unfinished_training_can_be_asked_about(folder: Path) -> None:
    words = ["--data", "cancer.csv", *SMALL, "--set", "training.epochs=100000", "--out", "long"]
    with running("train", *words, "--checkpoint-seconds", "0", folder=folder) as process:
        wait_for(process, "epoch ")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    said = finish("doctor", "long", folder=folder)
    assert said.returncode == 0, said.stderr
    assert "[features-not-scaled]" in said.stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["doctor"], "expected a run folder, or --data SOURCE"),
        (["doctor", "nothing"], "no such run folder"),
        (["doctor", "run/model.safetensors"], "a model file alone does not say how it was trained"),
        (["doctor", "--data", "one.csv"], "expected 2 classes or more"),
        (["doctor", "run", "--data", "cancer.csv"], "a run has its own data and recipe"),
        (["doctor", "without"], "has no history.csv"),
        (["doctor", "odd"], "findings: not what the doctor writes"),
        (["train", "--resume", "run", "--doctor", "fix"], "--doctor fix begins a training again"),
    ],
)
def test_what_cannot_be_examined_is_refused_in_one_line(
    words: list[str], complaint: str, folder: Path, trained: str
) -> None:
    import shutil

    for name in ("without", "odd"):
        if not (folder / name).exists():
            shutil.copytree(folder / "run", folder / name)
    (folder / "without/history.csv").unlink(missing_ok=True)
    metrics = json.loads((folder / "odd/metrics.json").read_text("utf-8"))
    metrics["findings"] = [{"identifier": "x"}]
    (folder / "odd/metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    result = finish(*words, folder=folder)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert complaint in line
