"""A callback that raises an error, at any event, costs neither the best weights nor other callbacks."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from inknet import MLP, Callback, MLPClassifier
from inknet.recipes import load_recipe
from inknet.runs import Run, resume_run, train_run
from inknet.training.callbacks import EVENTS

X = np.random.default_rng(0).normal(size=(80, 5)).astype("float32")
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 1)
# all but those that only a training that goes back has
AT_ALL = [event for event in EVENTS if event != "on_rollback"]
LATE = ["on_measure_begin", "on_choose_weights", "on_train_end"]


class OfTheCallbackError(Exception):
    """What the callbacks here raise."""


def raising(event, epochs=0):
    """A callback that raises an error at an event, after some epochs."""

    def fail(self, trainer, *details):
        if len(trainer.history) >= epochs:
            raise OfTheCallbackError(event)

    return type("Raising", (Callback,), {event: fail})()


class Witness(Callback):
    """Counts how often it is told of the end."""

    def __init__(self):
        self.ends = 0

    def on_train_end(self, trainer):
        self.ends += 1


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("event", AT_ALL)
def test_every_other_callback_is_told_of_the_end(event, first):
    witness, failing = Witness(), raising(event)
    callbacks = [failing, witness] if first else [witness, failing]
    model = MLP([5, 8, 3])
    with pytest.raises(OfTheCallbackError):
        model.train(X, Y, X, Y, num_epochs=3, patience=2, callbacks=callbacks)
    assert witness.ends == 1
    assert model.network.ops.name == "numpy"
    classifier = MLPClassifier((8,), max_iter=3, callbacks=callbacks)
    if event not in ("on_safe_point", "on_choose_weights", "on_measure_begin", "on_measured"):
        with pytest.raises(OfTheCallbackError), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            classifier.fit(X, Y)


@pytest.mark.parametrize("event", [*LATE, "on_epoch_end", "on_step_end"])
def test_a_model_has_the_best_weights_whatever_a_callback_raises(event):
    model = MLP([5, 8, 3], random_seed=3)
    options = {"num_epochs": 12, "patience": 11, "learning_rate": 0.3, "schedule": "constant"}
    others = np.roll(Y, 1)  # nothing to learn: the best epoch is any
    with pytest.raises(OfTheCallbackError):
        model.train(X, Y, X, others, callbacks=[raising(event, epochs=9)], **options)
    history = model.history
    best = history[history.best_epoch - 1].val_accuracy
    assert history.best_epoch < len(history)
    assert history[-1].val_accuracy < best == model.evaluate(X, others).accuracy


class Weights(Callback):
    """Keeps the weights after each epoch, and the validation accuracies that follow from them."""

    def __init__(self):
        self.seen = []

    def on_epoch_end(self, trainer):
        self.seen.append(trainer.network.parameters.copy())


def best_of(classifier, seen):
    scores = classifier.validation_scores_
    return seen[int(np.argmax(scores))]


@pytest.mark.parametrize("event", ["on_train_end", "on_epoch_end", "on_step_end"])
def test_an_estimator_has_the_best_weights_whatever_a_callback_raises(event):
    weights = Weights()
    classifier = MLPClassifier(
        (8,), early_stopping=True, max_iter=12, learning_rate_init=0.5, random_state=3,
        n_iter_no_change=12, callbacks=[weights, raising(event, epochs=9)],
    )  # fmt: skip
    with pytest.raises(OfTheCallbackError), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(X, Y)
    best = best_of(classifier, weights.seen)
    assert not np.array_equal(best, weights.seen[-1])
    assert_array_equal(
        np.concatenate([w.ravel() for w in classifier.coefs_]), best[: 8 * 5 + 8 * 3]
    )


def test_an_estimator_has_them_too_if_warnings_are_errors():
    weights = Weights()
    classifier = MLPClassifier(
        (8,), early_stopping=True, max_iter=9, learning_rate_init=0.5, random_state=3,
        callbacks=[weights],
    )  # fmt: skip
    with pytest.raises(ConvergenceWarning), warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.fit(X, Y)
    best = best_of(classifier, weights.seen)
    assert_array_equal(
        np.concatenate([w.ravel() for w in classifier.coefs_]), best[: 8 * 5 + 8 * 3]
    )


@pytest.mark.parametrize("event", ["on_train_begin", *LATE, "on_epoch_end"])
def test_a_run_whose_callback_fails_can_be_resumed_to_the_same_bits(
    event, tmp_path, monkeypatch, no_pictures
):
    monkeypatch.setenv("INKNET_OPS", "numpy")
    changes = ["data.source=sample", "data.limit=300", "network.hidden=[8]", "training.epochs=4"]
    recipe = load_recipe("quick", [*changes, "training.patience=3"])
    whole = train_run(recipe, tmp_path / "whole").model().network.parameters
    run = tmp_path / "run"
    with pytest.raises(OfTheCallbackError):
        train_run(
            recipe, run, callbacks=[raising(event, epochs=0 if event == "on_train_begin" else 2)]
        )
    if event == "on_train_begin":
        assert not run.exists()
        return
    assert_array_equal(resume_run(run).model().network.parameters, whole)
    assert Run.open(run).metrics["training"]["epochs"] == 4
