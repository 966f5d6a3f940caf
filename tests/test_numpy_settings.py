"""Results are the same where NumPy is set to raise an error at every rounding to 0."""

import runpy

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from inknet import MLP, InputError, MLPClassifier
from inknet.data import load
from inknet.exchange import export_numpy
from inknet.recipes import augment_recipe

DIGITS = load("sample").subset(np.arange(0, 5000, 10))
X, y = DIGITS.stored(), DIGITS.targets
TABLE = X.astype(np.float64) / 255


def with_mlp(tmp_path):
    """All that a trained model is used for."""
    model = MLP([784, 20, 10])
    options = {"optimizer": "adam", "average_decay": 0.9, "augment": {"rotation": 10.0}}
    model.train(X, y, X, y, num_epochs=4, learning_rate=0.05, patience=3, **options)
    model.network.parameters[:] *= 40  # so sure that probabilities are 0
    predictor = model.predictor()
    export_numpy(model, tmp_path / "exported.py")
    exported = runpy.run_path(str(tmp_path / "exported.py"))
    evaluation = model.evaluate(X, y)
    copies = model.evaluate_copies_on(DIGITS, augment_recipe({"rotation": 10.0}), 2)
    return [
        model.predict_proba(X),
        [predictor(row) for row in X],
        exported["predict_proba"](X),
        [evaluation.loss, evaluation.accuracy, copies.loss],
        [record.train_loss for record in model.history],
    ]


def with_the_estimator(solver):
    model = MLPClassifier(solver=solver, max_iter=60, random_state=0, activation="logistic")
    model.fit(TABLE, y)
    sure = TABLE * 1e4
    return [model.predict_proba(sure), model.predict_log_proba(sure), model.predict(TABLE)]


def with_two_classes():
    model = MLPClassifier(max_iter=20, random_state=0).fit(TABLE, y % 2)
    return [model.predict_proba(TABLE * 1e4), model.predict(TABLE * 1e4)]


def with_pictures(tmp_path):
    for label in "ab":
        (tmp_path / "pictures" / label).mkdir(parents=True, exist_ok=True)
        for number in range(3):
            picture = Image.fromarray(X[number].reshape(28, 28)).resize((90, 70 + number))
            picture.save(tmp_path / f"pictures/{label}/{number}.png")
    return [load(tmp_path / "pictures").features]


@pytest.mark.filterwarnings("ignore:.*(convergence|converge|iteration)")
@pytest.mark.parametrize("ops", ["numpy", ""])
@pytest.mark.parametrize(
    "work",
    [
        with_mlp,
        with_pictures,
        with_two_classes,
        *(pytest.param(lambda solver=s: with_the_estimator(solver), id=s) for s in ("adam", "sgd", "lbfgs")),
    ],
)  # fmt: skip
def test_results_are_the_same_where_numpy_is_set_to_raise(work, ops, tmp_path, monkeypatch):
    monkeypatch.setenv("INKNET_OPS", ops)
    arguments = [tmp_path] if work in (with_mlp, with_pictures) else []
    expected = work(*arguments)
    with np.errstate(all="raise"):
        found = work(*arguments)
        assert np.geterr()["under"] == "raise"
    for one, other in zip(expected, found, strict=True):
        assert_array_equal(one, other)


def test_a_training_that_diverges_says_so_in_its_own_words():
    with np.errstate(all="raise"), pytest.raises(InputError, match="diverged"):
        MLP([784, 20, 10]).train(X, y, learning_rate=1e30, optimizer="gradient_descent")
