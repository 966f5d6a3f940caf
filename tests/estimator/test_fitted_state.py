"""A fitted estimator predicts with what it was fitted with, whatever becomes of its parameters."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier as Peer

from inknet import MLPClassifier
from inknet.errors import InputError
from inknet.exchange import export_numpy, from_sklearn
from inknet.training.callbacks import EpochLines

X, y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
QUICK = {"hidden_layer_sizes": (8, 6), "max_iter": 9, "learning_rate_init": 0.02, "random_state": 0}
LABELS = {
    "three classes": y,
    "two classes": (y == 1).astype(int),
    "labels": np.stack([y == 0, y > 1], axis=1).astype(int),
}
MODELS = {
    "plain": {},
    "normalized before": {"batch_norm": "before", "dropout": [0.1, 0.3], "activation": "tanh"},
    "normalized after": {"batch_norm": "after", "activation": "logistic", "solver": "sgd"},
    "lbfgs": {"solver": "lbfgs", "activation": "identity"},
    "without hidden layers": {"hidden_layer_sizes": ()},
}
CHANGES = [
    {"activation": "tanh"},
    {"activation": "leaky_relu"},
    {"activation": "nonsense"},
    {"batch_norm": "none"},
    {"batch_norm": "before"},
    {"batch_norm": "after"},
    {"dropout": 0.5},
    {"dropout": [0.1, 0.2, 0.3, 0.4]},
    {"dropout": 7},
    {"hidden_layer_sizes": (3,)},
    {"hidden_layer_sizes": -1},
    {"solver": "lbfgs"},
    {"solver": "adam", "alpha": 10.0, "learning_rate_init": -1},
    {"class_weight": {0: 100.0}},
    {"label_smoothing": 0.5, "early_stopping": True, "warm_start": True},
    {"random_state": 5, "callbacks": [None], "schedule": "weekly"},
]

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:the first class of this:inknet.errors.InputWarning"),
]


def answers(model, target):
    """Return all that a model says of its samples."""
    said = [model.predict_proba(X), model.predict_log_proba(X), model.predict(X)]
    said.append(model.score(X, target))
    if target.ndim == 1:
        converted = from_sklearn(model)
        said += [converted.predict_proba(X.astype(model.coefs_[0].dtype)), repr(converted)]
    return said


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("settings", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("target", LABELS.values(), ids=LABELS)
def test_parameters_that_are_changed_after_the_fit_change_no_answer(settings, target):
    model = MLPClassifier(**QUICK | settings).fit(X, target)
    parameters, expected = model.get_params(), answers(model, target)
    for change in CHANGES:
        model.set_params(**parameters).set_params(**change)
        assert_same(answers(model, target), expected)
        for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert_same(answers(twin, target), expected)
            assert not hasattr(clone(twin), "coefs_")


def test_what_is_exported_does_not_change_either(tmp_path):
    model = MLPClassifier(**QUICK, activation="tanh", batch_norm="before").fit(X, y)
    export_numpy(from_sklearn(model), tmp_path / "before.py")
    model.set_params(activation="relu", batch_norm="none", dropout=[0.1] * 9)
    export_numpy(from_sklearn(model), tmp_path / "after.py")
    assert (tmp_path / "after.py").read_bytes() == (tmp_path / "before.py").read_bytes()


def test_from_sklearn_gives_the_answers_of_scikit_learns_own():
    theirs = Peer(**QUICK).fit(X, y).set_params(activation="tanh")
    assert_allclose(from_sklearn(theirs).predict_proba(X), theirs.predict_proba(X), atol=1e-9)


def test_normalization_set_by_hand_is_what_it_predicts_with():
    model, other = (
        MLPClassifier(**QUICK | {"random_state": seed}, batch_norm="before").fit(X, y)
        for seed in (0, 1)
    )
    model.coefs_, model.intercepts_, model.norms_ = other.coefs_, other.intercepts_, other.norms_
    assert_array_equal(model.predict_proba(X), other.predict_proba(X))
    model.norms_ = [{name: part * 1.5 for name, part in norm.items()} for norm in other.norms_]
    assert np.abs(model.predict_proba(X) - other.predict_proba(X)).max() > 0.01


# -- fitted further ---------------------------------------------------------------------------------


def test_the_next_fit_uses_the_changed_parameters_as_scikit_learn_does():
    theirs, mine = Peer(**QUICK), MLPClassifier(**QUICK)
    for model in (theirs, mine):
        model.partial_fit(X, y, classes=range(3))
        model.set_params(activation="tanh", alpha=0.3, batch_size=20)
        model.partial_fit(X, y)
    assert_allclose(mine.predict_proba(X), theirs.predict_proba(X), atol=1e-9)
    for model in (theirs, mine):
        model.set_params(warm_start=True, activation="logistic").fit(X, y)
    assert_allclose(mine.predict_proba(X), theirs.predict_proba(X), atol=1e-9)
    assert mine.activation_ == "logistic"


@pytest.mark.parametrize(
    "change",
    [{"learning_rate_init": 1e-300}, {"solver": "sgd", "learning_rate_init": 1e-300}],
    ids=str,
)
def test_a_new_learning_rate_holds_from_the_next_part_on(change):
    model = MLPClassifier(**QUICK).partial_fit(X, y, classes=range(3))
    before = [weight.copy() for weight in model.coefs_]
    model.set_params(**change).partial_fit(X, y)
    for found, expected in zip(model.coefs_, before, strict=True):
        assert_array_equal(found, expected)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_training_by_steps_may_follow_lbfgs(solver):
    model = MLPClassifier(**QUICK, solver="lbfgs", warm_start=True).fit(X, y)
    model.set_params(solver=solver).fit(X, y)
    assert len(model.loss_curve_) == model.n_iter_
    model.partial_fit(X, y)
    model.set_params(solver="lbfgs").fit(X, y)
    # what L-BFGS does not measure is not left from another fit
    assert not hasattr(model, "loss_curve_") and not hasattr(model, "best_loss_")


def test_other_widths_cannot_be_continued_with():
    model = MLPClassifier(**QUICK).fit(X, y)
    expected = model.predict_proba(X)
    model.set_params(hidden_layer_sizes=(8, 7))
    with pytest.raises(ValueError, match=r"hidden_layer_sizes is \[8, 7\], and the network to con"):
        model.partial_fit(X, y)
    with pytest.raises(ValueError, match=r"hidden_layer_sizes is \[8, 7\]"):
        model.set_params(warm_start=True).fit(X, y)
    assert_array_equal(model.predict_proba(X), expected)


# -- refused ----------------------------------------------------------------------------------------

FEWER = X[:, :2]
REFUSED = {
    "dropout": ({"dropout": [0.1] * 3}, (X, y)),
    "too few in a batch": ({"batch_size": 1, "batch_norm": "before"}, (X, y)),
    "too few to hold back": ({"early_stopping": True, "validation_fraction": 0.001}, (X, y)),
    "class weights": ({"class_weight": {7: 1.0}}, (FEWER, y + 3)),
    "weights": ({}, (FEWER, y + 3, np.zeros(len(y)))),
    "callbacks": ({"callbacks": [EpochLines]}, (FEWER, y + 3)),
    "labels": ({}, (FEWER, y + 0.5)),
    "labels to continue with": ({"warm_start": True}, (X, y + 3)),
}


@pytest.mark.parametrize(("change", "given"), REFUSED.values(), ids=REFUSED)
def test_a_fit_that_is_refused_leaves_a_fitted_estimator_as_it_was(change, given):
    model = MLPClassifier(**QUICK, activation="tanh").fit(X, y)
    expected = answers(model, y)
    model.set_params(**change)
    with pytest.raises((ValueError, InputError)):
        model.fit(*given)
    assert_same(answers(model, y), expected)
    assert model.n_features_in_ == 4
    model.set_params(dropout=0.0, class_weight=None, callbacks=None, batch_norm="none")
    model.set_params(early_stopping=False).partial_fit(X, y)
