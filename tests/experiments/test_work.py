"""One run of a study: what it leaves, also of a training that diverges."""

import numpy as np
import pytest

from inknet.data import load
from inknet.experiments.catalogue import grid_study
from inknet.experiments.plan import plan_study
from inknet.experiments.results import Result
from inknet.experiments.summary import figure_of
from inknet.experiments.work import execute
from inknet.recipes import load_recipe
from inknet.runs.prepare import prepare

SMALL = ["data.source=sample", "data.limit=600", "network.hidden=[8]", "training.epochs=2"]


def run(*changes, monkeypatch):
    monkeypatch.setenv("INKNET_OPS", "numpy")
    (job,) = plan_study(grid_study("digits", ["seed=0"], [0]), [*SMALL, *changes]).jobs
    return Result.model_validate(execute(job))


def test_a_training_that_diverges_is_a_result(monkeypatch):
    exploding = ["training.optimizer=gradient_descent", "training.learning_rate=1e30"]
    result = run(*exploding, "network.batch_norm=none", monkeypatch=monkeypatch)
    assert result.outcome == "diverged"
    assert "training diverged" in result.error
    assert figure_of(result, "finished") == 0
    assert 0 <= figure_of(result, "test") <= 1  # of the weights from before


def test_the_figures_of_a_run_are_those_of_its_best_epoch(monkeypatch):
    changes = ["training.epochs=6", "training.patience=6"]
    result = run(*changes, monkeypatch=monkeypatch)
    best = result.best_epoch - 1
    assert result.validation_accuracy == result.curve("val_accuracy")[best]
    assert result.validation_accuracy == max(result.curve("val_accuracy"))
    assert figure_of(result, "gap") == pytest.approx(
        result.curve("train_accuracy")[best] - result.test.accuracy
    )
    assert figure_of(result, "active") == np.mean(result.history["active_fractions"][0])
    assert figure_of(result, "finished") == 1


def test_a_run_trains_on_distorted_images_if_its_recipe_says_so(monkeypatch):
    plain = run(monkeypatch=monkeypatch)
    distorted = run("augment.shift=3.0", monkeypatch=monkeypatch)
    assert distorted.weights != plain.weights
    recipe = load_recipe("digits", [*SMALL, "augment.shift=3.0"], seed=0)
    prepared = prepare(recipe)
    parts = prepared.parts
    history = prepared.model.train_on(
        parts.train, parts.validation, recipe.training, augment=recipe.augment
    )
    assert distorted.curve("train_loss") == [record.train_loss for record in history]


def test_data_sorted_by_class_are_the_same_samples_in_that_order():
    whole, ordered = (
        prepare(load_recipe("digits", changes, source="sample")).parts
        for changes in ([], ["data.sorted_by_class=true"])
    )
    assert (np.diff(ordered.train.targets) >= 0).all()
    assert sorted(ordered.train.rows) == sorted(whole.train.rows)
    assert ordered.test.rows.tolist() == whole.test.rows.tolist()
    assert ordered.validation.rows.tolist() == whole.validation.rows.tolist()
    assert len(load("sample")) == sum(map(len, ordered))
