"""Why a training ended: what a callback says of its own is its own, whatever the words."""

import json
from pathlib import Path

import numpy as np
import pytest
from samples import clouds, make_trainer

from inknet import MLPClassifier
from inknet.recipes import load_recipe
from inknet.runs.ensemble import train_ensemble
from inknet.runs.lifecycle import Run, resume_run, train_run
from inknet.training.callbacks import Callback, EpochLines
from inknet.training.ending import INTERRUPTED, Ending

WORDS = ["good enough", "interrupted", "terminated", "failed", "finished", "pruned", "<b>\n{last}"]


class Stop(Callback):
    """Ends the training with words of its own."""

    def __init__(self, reason, epoch=1, step=None):
        self.reason, self.epoch, self.step = reason, epoch, step

    def on_step_end(self, trainer):
        if trainer.step == self.step:
            trainer.stop_reason = self.reason

    def on_epoch_end(self, trainer):
        if len(trainer.history) == self.epoch:
            trainer.stop_reason = self.reason


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "data.npz"
    generator = np.random.default_rng(0)
    labels = np.arange(90) % 3
    images = generator.integers(0, 99, (90, 36), dtype=np.uint8) + labels[:, None].astype("u1")
    images = images.reshape(90, 6, 6)
    np.savez(path, x_train=images, y_train=labels, x_test=images[:30], y_test=labels[:30])
    changes = ["training.epochs=4", "training.batch_size=16", "network.hidden=[5]"]
    return load_recipe("quick", changes, source=str(path))


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("reason", WORDS)
def test_a_run_that_a_callback_ended_is_written_with_its_reason(reason, recipe, tmp_path):
    run = train_run(recipe, tmp_path / "run", callbacks=[Stop(reason)])
    assert run.metrics["training"]["stopped"] == reason
    assert run.metrics["training"]["epochs"] == 1
    assert "Training was stopped after epoch 1: " in (tmp_path / "run/report.html").read_text()
    assert not (tmp_path / "run/unfinished").exists()


def test_so_is_one_that_it_ended_within_the_first_epoch(recipe, tmp_path):
    run = train_run(recipe, tmp_path / "run", callbacks=[Stop("enough", step=2)])
    assert run.metrics["training"]["stopped"] == "enough"
    assert run.metrics["training"]["epochs"] == 0
    assert "No epoch was completed" in (tmp_path / "run/report.html").read_text()


def test_a_reason_of_ones_own_is_no_signal_and_no_signal_is_a_reason_of_ones_own():
    assert INTERRUPTED.by_signal
    assert not Ending.of("interrupted").by_signal
    assert Ending.of("interrupted") != INTERRUPTED
    assert str(Ending.of("interrupted")) == str(INTERRUPTED) == "interrupted"


@pytest.mark.parametrize("reason", WORDS)
def test_the_history_and_the_lines_say_it_too(reason):
    lines = []
    trainer = make_trainer(clouds(24), callbacks=[Stop(reason), EpochLines(1, lines.append)])
    history = trainer.run()
    assert history.stopped == reason
    assert history.ending == Ending(reason, own_words=True)
    assert lines[-1] == f"{reason} in epoch 1"


@pytest.mark.parametrize("reason", WORDS)
def test_the_estimator_takes_any_reason(reason):
    look = Stop(reason)
    kept = []
    look.on_train_end = lambda trainer: kept.append(trainer.history)
    data = clouds(24)
    MLPClassifier((4,), max_iter=9, callbacks=[look]).fit(data.features, data.labels)
    assert kept[0].stopped == reason
    assert len(kept[0]) == 1


@pytest.mark.usefixtures("no_pictures")
def test_a_member_of_an_ensemble_may_end_by_a_callback(recipe, tmp_path):
    figures = train_ensemble(
        recipe,
        tmp_path,
        2,
        lambda member, folder: train_run(member, folder, callbacks=[Stop("interrupted")]),
        resume_run,
    )
    assert figures["samples"] == 30
    for seed in (0, 1):
        metrics = json.loads(Path(tmp_path / f"seed-{seed}/metrics.json").read_text())
        assert metrics["training"]["stopped"] == "interrupted"
        Run.open(tmp_path / f"seed-{seed}")
