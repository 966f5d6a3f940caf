"""On the real tables that scikit-learn has, predictions are scikit-learn's: each label, each number."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_linnerud,
    load_wine,
)
from sklearn.neural_network import MLPClassifier as Peer
from sklearn.neural_network import MLPRegressor as PeerRegressor
from sklearn.preprocessing import scale

from inknet import MLPClassifier, MLPRegressor

LOADERS = {
    "iris": load_iris,
    "wine": load_wine,
    "breast cancer": load_breast_cancer,
    "digits": load_digits,
}
CLASSES = {name: load(return_X_y=True) for name, load in LOADERS.items()}
DIABETES, LINNERUD = load_diabetes(return_X_y=True), load_linnerud(return_X_y=True)


def column(name, number):
    """One column of a table, to be predicted from the others."""
    features = CLASSES[name][0]
    return np.delete(features, number, axis=1), features[:, number]


NUMBERS = {
    "diabetes": DIABETES,
    "linnerud": LINNERUD,
    "the width of petals": column("iris", 3),
    "proline in wine": column("wine", 12),
    "the area of cells": column("breast cancer", 3),
}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("table", CLASSES)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_labels_are_those_of_scikit_learn(table, solver):
    X, y = CLASSES[table]
    settings = {"solver": solver, "max_iter": 40, "random_state": 0}
    mine, theirs = (kind(**settings).fit(scale(X), y) for kind in (MLPClassifier, Peer))
    assert_array_equal(mine.predict(scale(X)), theirs.predict(scale(X)))
    assert_allclose(mine.predict_proba(scale(X)), theirs.predict_proba(scale(X)), atol=1e-6)


@pytest.mark.parametrize("table", NUMBERS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_numbers_are_those_of_scikit_learn(table, solver):
    X, y = NUMBERS[table]
    settings = {"solver": solver, "max_iter": 40, "random_state": 0}
    kinds = (MLPRegressor, PeerRegressor)
    mine, theirs = (kind(**settings).fit(scale(X), scale(y)).predict(scale(X)) for kind in kinds)
    assert np.abs(mine - theirs).max() <= 1e-6 * np.abs(theirs).max()
