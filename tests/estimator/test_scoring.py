"""Validation data are scored as `scoring` says: what ends a training, and which weights it keeps."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import f1_score, get_scorer, log_loss, mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.utils._param_validation import InvalidParameterError

from inknet import MLPClassifier, MLPRegressor
from inknet.training.averaging import WeightAverage

QUICK = {
    "hidden_layer_sizes": (8,),
    "max_iter": 40,
    "learning_rate_init": 0.05,
    "n_iter_no_change": 5,
    "early_stopping": True,
    "random_state": 0,
}
SPECIES = np.array(["setosa", "versicolor", "virginica"])


def parts_of(X, y):
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    return train_test_split(X, y, test_size=0.4, random_state=0)


X, X_VAL, Y, Y_VAL = parts_of(*load_iris(return_X_y=True))
NUMBERS = parts_of(*load_diabetes(return_X_y=True))

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classifier(scoring, **settings):
    return MLPClassifier(**QUICK | settings, scoring=scoring).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)


def regressor(scoring):
    features, others, y, y_val = NUMBERS
    return MLPRegressor(**QUICK, scoring=scoring).fit(features, y, X_val=others, y_val=y_val)


@pytest.mark.parametrize(
    ("fit", "name"), [(classifier, "accuracy"), (regressor, "r2"), (regressor, get_scorer("r2"))]
)
def test_the_default_is_the_estimators_own_score(fit, name):
    own, named = fit(None), fit(name)
    assert_allclose(named.validation_scores_, own.validation_scores_, rtol=1e-12)
    for found, expected in zip(named.coefs_, own.coefs_, strict=True):
        assert_array_equal(found, expected)


def test_the_weights_with_the_lowest_loss_are_kept():
    model = classifier("loss")
    assert_allclose(model.validation_scores_, np.negative(model.validation_loss_curve_))
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert log_loss(Y_VAL, model.predict_proba(X_VAL)) == pytest.approx(
        min(model.validation_loss_curve_)
    )
    # not those with the highest accuracy, which comes earlier
    assert classifier(None).n_iter_ < model.n_iter_
    assert_allclose(classifier("neg_log_loss").validation_scores_, model.validation_scores_)


def test_the_loss_of_numbers_is_half_of_their_squared_error():
    model = regressor("loss")
    others, y_val = NUMBERS[1], NUMBERS[3]
    found = mean_squared_error(y_val, model.predict(others)) / 2
    assert found == pytest.approx(-model.best_validation_score_)


@pytest.mark.parametrize("y", [SPECIES[Y], SPECIES[1 * (Y == 1)], Y == 2], ids=["3", "2", "bool"])
@pytest.mark.parametrize("hold_back", [True, False])
def test_a_scorer_gets_labels_as_they_were_given_and_frames_lose_no_word_about_names(y, hold_back):
    seen = []

    def scorer(estimator, features, labels):
        assert features.shape == (len(labels), 4)
        assert set(labels) <= set(y)
        assert labels.dtype == y.dtype
        seen.append(f1_score(labels, estimator.predict(features), average="macro"))
        return seen[-1]

    frame = pd.DataFrame(X, columns=["length", "width", "l", "w"])
    held = {} if hold_back else {"X_val": frame, "y_val": y}
    model = MLPClassifier(**QUICK, scoring=scorer).fit(frame, y, **held)
    assert model.validation_scores_ == seen
    assert len(seen) == model.n_iter_
    assert model.best_validation_score_ == max(seen)
    if not hold_back:
        found = f1_score(y, model.predict(frame), average="macro")
        assert found == model.best_validation_score_


def test_several_labels_and_several_numbers_are_scored_too():
    labels = np.stack([Y == 0, Y > 1], axis=1).astype(int)
    scorer = get_scorer("f1_micro")
    model = MLPClassifier(**QUICK, scoring=scorer).fit(X, labels, X_val=X, y_val=labels)
    assert scorer(model, X, labels) == model.best_validation_score_
    scorer = get_scorer("neg_mean_absolute_error")
    model = MLPRegressor(**QUICK, scoring=scorer).fit(X, X[:, :2], X_val=X, y_val=X[:, :2])
    assert scorer(model, X, X[:, :2]) == pytest.approx(model.best_validation_score_)


def test_weights_of_samples_reach_the_scorer():
    weights = np.random.default_rng(0).uniform(0.1, 5, len(Y_VAL))
    model = MLPClassifier(**QUICK, scoring="balanced_accuracy")
    model.fit(X, Y, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=weights)
    scorer = get_scorer("balanced_accuracy")
    assert scorer(model, X_VAL, Y_VAL, sample_weight=weights) == model.best_validation_score_


@pytest.mark.parametrize("scoring", [None, "loss", "neg_log_loss"])
def test_what_is_scored_is_the_network_that_callbacks_put_in(scoring):
    model = classifier(scoring, callbacks=[WeightAverage(0.9)], batch_size=30)
    expected = get_scorer("neg_log_loss" if scoring else "accuracy")(model, X_VAL, Y_VAL)
    assert model.best_validation_score_ == pytest.approx(expected)


def test_lbfgs_records_the_scores_of_its_iterations():
    model = classifier("neg_log_loss", solver="lbfgs", early_stopping=False)
    assert model.validation_scores_[-1] == pytest.approx(
        -log_loss(Y_VAL, model.predict_proba(X_VAL))
    )


def test_a_training_whose_outputs_are_no_numbers_ends_as_it_does_without_a_scorer():
    models = [
        MLPRegressor(**QUICK | {"learning_rate_init": 1e200}, scoring=scoring)
        for scoring in (None, "neg_mean_squared_error")
    ]
    for model in models:
        model.fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    assert np.isnan(models[1].validation_scores_).all()
    assert_array_equal(models[1].predict(X), models[0].predict(X))


@pytest.mark.parametrize("wrong", ["lose", ["accuracy", "f1"], 3])
def test_what_is_no_scorer_is_a_parameter_error(wrong):
    with pytest.raises(
        InvalidParameterError, match="The 'scoring' parameter of MLPClassifier must"
    ):
        classifier(wrong)


def test_a_clone_has_the_scorer():
    scorer = get_scorer("f1_macro")
    assert clone(MLPClassifier(scoring=scorer)).scoring._score_func is f1_score
