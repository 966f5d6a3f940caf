"""`transform` gives what the last hidden layer learned, as scikit-learn's transformers do."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from inknet import MLPClassifier, MLPRegressor

X, y = load_iris(return_X_y=True)
QUICK = {"hidden_layer_sizes": (9, 7), "max_iter": 30, "random_state": 0}
SETTINGS = {
    "plain": {},
    "normalized before": {"batch_norm": "before", "dropout": 0.2},
    "normalized after": {"batch_norm": "after", "activation": ["relu", "tanh"]},
}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_the_last_layer_makes_the_predictions_of_it(settings):
    model = MLPClassifier(**QUICK | settings).fit(X, y)
    hidden = model.transform(X)
    assert hidden.shape == (150, 7)
    outputs = hidden @ model.coefs_[-1] + model.intercepts_[-1]
    assert_allclose(softmax(outputs, axis=1), model.predict_proba(X), rtol=1e-12)
    numbers = MLPRegressor(**QUICK | settings).fit(X, X[:, 0])
    outputs = numbers.transform(X) @ numbers.coefs_[-1] + numbers.intercepts_[-1]
    assert_allclose(outputs.ravel(), numbers.predict(X), rtol=1e-12)


def test_they_are_what_the_formulas_give():
    model = MLPClassifier(**QUICK, activation=["logistic", "relu"]).fit(X, y)
    (first, second, _), (b1, b2, _) = model.coefs_, model.intercepts_
    expected = np.maximum(expit(X @ first + b1) @ second + b2, 0)
    assert_allclose(model.transform(X), expected, rtol=1e-12)
    many = np.tile(X, (21, 1))  # more than are computed at once
    assert_allclose(model.transform(many), np.tile(expected, (21, 1)), rtol=1e-12)
    assert_allclose(model.transform(sparse.csr_array(many)), model.transform(many), rtol=1e-12)


def test_it_is_a_step_of_a_pipeline():
    network = MLPClassifier(**QUICK)
    pipeline = make_pipeline(network, KNeighborsClassifier()).fit(X, y)
    expected = KNeighborsClassifier().fit(network.transform(X), y)
    assert_array_equal(pipeline.predict(X), expected.predict(network.transform(X)))
    assert make_pipeline(MLPRegressor(**QUICK), LogisticRegression()).fit(X, y).score(X, y) > 0.8


def test_frames_have_the_names_that_scikit_learn_gives():
    model = MLPClassifier(**QUICK).set_output(transform="pandas")
    frame = model.fit(X, y).transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == [f"mlpclassifier{k}" for k in range(7)]
    assert_array_equal(model.get_feature_names_out(), frame.columns)


def test_a_network_without_hidden_layers_has_nothing_to_give():
    model = MLPClassifier((), max_iter=3).fit(X, y)
    with pytest.raises(ValueError, match="this MLPClassifier has no hidden layer, so no features"):
        model.transform(X)
