"""skl2onnx converts the estimators, alone and in pipelines; ONNX Runtime then says the same."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler

from inknet import MLPClassifier, MLPRegressor
from inknet.errors import InputError
from inknet.sklearn import register_onnx_converters

X, y = load_iris(return_X_y=True)
NUMBERS_X, NUMBERS_Y = load_diabetes(return_X_y=True)
NAMES = np.array(["setosa", "é", "virginica"])
LABELS = {
    "numbers": y + 3,
    "text": NAMES[y],
    "two names": NAMES[1 * (y == 1)],
    "bool": y == 2,
    "whole floats": y * 2.0,
    "several labels": np.stack([y == 0, y > 1], axis=1).astype(int),
}
SETTINGS = {
    "plain": {},
    "each its own": {"activation": ["tanh", "logistic"], "solver": "lbfgs"},
    "normalized before": {"batch_norm": "before", "activation": "leaky_relu", "dropout": 0.1},
    "normalized after": {"batch_norm": "after", "activation": "identity"},
    "no hidden layers": {"hidden_layer_sizes": ()},
}
QUICK = {"hidden_layer_sizes": (8, 6), "max_iter": 30, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_without_skl2onnx_one_line_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(InputError, match="needs skl2onnx; install it with: pip install skl2onnx"):
        register_onnx_converters()


@pytest.fixture(scope="module")
def to_onnx():
    """skl2onnx's function, once our converters are registered."""
    skl2onnx = pytest.importorskip("skl2onnx")
    register_onnx_converters()
    return skl2onnx.to_onnx


def run(onnx_model, features):
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(onnx_model.SerializeToString())
    (given,) = session.get_inputs()
    return session.run(None, {given.name: features})


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_pipeline_of_a_classifier_says_the_same(to_onnx, labels, settings):
    model = make_pipeline(StandardScaler(), MLPClassifier(**QUICK | settings)).fit(X, labels)
    features = X.astype(np.float32)
    found = run(to_onnx(model, features[:1], options={"zipmap": False}), features)
    assert_allclose(found[1], model.predict_proba(features), atol=2e-6)
    assert_array_equal(found[0], model.predict(features))


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_pipeline_of_a_regressor_says_the_same(to_onnx, settings, loss, n_outputs):
    targets = np.stack([NUMBERS_Y / 100, NUMBERS_Y / 50, 3 - NUMBERS_Y / 200], axis=1)
    model = make_pipeline(MinMaxScaler(), MLPRegressor(loss, **QUICK | settings))
    model.fit(NUMBERS_X, targets[:, 0] if n_outputs == 1 else targets)
    features = NUMBERS_X.astype(np.float32)
    (found,) = run(to_onnx(model, features[:1]), features)
    expected = model.predict(features).reshape(len(features), n_outputs)
    assert found.shape == expected.shape
    assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_features_of_64_bits_are_computed_in_64_bits(to_onnx):
    model = make_pipeline(RobustScaler(), MLPClassifier(**QUICK, batch_norm="before")).fit(X, y)
    found = run(to_onnx(model, X[:1], options={"zipmap": False}), X)
    assert_allclose(found[1], model.predict_proba(X), atol=1e-13)


def test_columns_of_text_may_be_steps_before(to_onnx):
    skl2onnx = pytest.importorskip("skl2onnx")
    columns = np.array([["red", "small"], ["blue", "large"], ["red", "large"]] * 9, dtype=object)
    target = np.arange(27) % 3
    steps = ColumnTransformer([("one-hot", OneHotEncoder(), [0, 1])])
    model = make_pipeline(steps, MLPClassifier(**QUICK | {"max_iter": 99})).fit(columns, target)
    text = skl2onnx.common.data_types.StringTensorType([None, 2])
    onnx_model = to_onnx(model, initial_types=[("x", text)], options={"zipmap": False})
    found = run(onnx_model, columns)
    assert_array_equal(found[0], model.predict(columns))
    assert_allclose(found[1], model.predict_proba(columns), atol=2e-6)


def test_its_options_are_those_of_scikit_learns_classifier(to_onnx):
    model = MLPClassifier(**QUICK).fit(X, NAMES[y])
    features = X.astype(np.float32)
    _, dictionaries = run(to_onnx(model, features[:1]), features)
    probabilities = model.predict_proba(features)
    assert dictionaries[0] == pytest.approx(
        dict(zip(model.classes_, probabilities[0], strict=True))
    )
    numbers = run(to_onnx(model, features[:1], options={"nocl": True, "zipmap": False}), features)
    assert_array_equal(numbers[0], probabilities.argmax(axis=1))
    options = {"output_class_labels": True, "zipmap": False}
    assert list(run(to_onnx(model, features[:1], options=options), features)[2]) == list(
        model.classes_
    )


def test_classes_that_onnx_does_not_have_are_refused(to_onnx):
    model = MLPClassifier(**QUICK).fit(X, y)
    model.classes_ = np.array([0.5, 1.5, 2.0])
    with pytest.raises(InputError, match=r"the classes are .*; ONNX has whole numbers and text"):
        to_onnx(model, X[:1], options={"zipmap": False})
