"""`MLPRegressor` learns what scikit-learn's learns, number for number, and more."""

import inspect
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_linnerud,
    load_wine,
)
from sklearn.exceptions import SkipTestWarning
from sklearn.metrics import mean_poisson_deviance, r2_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPRegressor as Peer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.estimator_checks import check_estimator

from inknet import Callback, MLPRegressor
from inknet.sklearn import solvers
from inknet.training.callbacks import EarlyStopping

X, y = load_diabetes(return_X_y=True)
X, y = scale(X), scale(y)
DRAW = np.random.default_rng(0)
TARGETS = {
    "one number": y,
    "a column": y[:, None],
    "several": np.stack([y, X[:, 0] * X[:, 1], np.abs(X[:, 2])], axis=1),
}
COUNTS = {
    "counts": DRAW.poisson(np.exp(0.5 * y)).astype(float),
    "several counts": DRAW.poisson(np.exp(np.stack([y, -y], axis=1))).astype(float),
}
SOLVERS = {
    "adam": {"alpha": 0.5, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3},
    "Nesterov": {"solver": "sgd", "learning_rate_init": 0.01},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.2},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 1},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.3},
}
SMALL = {"hidden_layer_sizes": (20, 10), "max_iter": 8, "random_state": 3}

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore::sklearn.exceptions.DataConversionWarning",
    "ignore::sklearn.exceptions.SkipTestWarning",
)


def both(**settings):
    return Peer(**SMALL | settings), MLPRegressor(**SMALL | settings)


def assert_same_model(mine, theirs, rtol=1e-9, atol=1e-12):
    for name in ("coefs_", "intercepts_"):
        for one, other in zip(getattr(mine, name), getattr(theirs, name), strict=True):
            assert one.dtype == other.dtype
            assert_allclose(one, other, rtol=rtol, atol=atol)
    names = ["loss_", "n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_"]
    if theirs.solver != "lbfgs":
        names += ["loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"]
    for name in names:
        one, other = getattr(mine, name), getattr(theirs, name)
        is_number = other is not None and not isinstance(other, str)
        assert one == (pytest.approx(other, rel=1e-9) if is_number else other), name


# -- the same ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("loss", "target"),
    [("squared_error", name) for name in TARGETS] + [("poisson", name) for name in COUNTS],
)
def test_the_weights_are_those_of_scikit_learn(loss, target, solver):
    numbers = (TARGETS | COUNTS)[target]
    theirs, mine = both(loss=loss, **SOLVERS[solver])
    assert_same_model(mine.fit(X, numbers), theirs.fit(X, numbers))
    expected = theirs.predict(X)
    assert mine.predict(X).shape == expected.shape
    assert_allclose(mine.predict(X), expected, rtol=1e-9, atol=1e-12)
    assert mine.score(X, numbers) == pytest.approx(theirs.score(X, numbers), rel=1e-9)


@pytest.mark.parametrize(("loss", "numbers"), [("squared_error", y), ("poisson", COUNTS["counts"])])
def test_so_they_are_with_lbfgs(loss, numbers):
    theirs, mine = both(loss=loss, solver="lbfgs", max_iter=30)
    assert_same_model(mine.fit(X, numbers), theirs.fit(X, numbers), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_so_they_are_with_weights_and_by_parts(loss):
    numbers, weights = COUNTS["counts"], DRAW.uniform(0.1, 3, len(y))
    for settings in ({}, {"early_stopping": True}):
        theirs, mine = both(loss=loss, **settings)
        for estimator in (theirs, mine):
            estimator.fit(X, numbers, sample_weight=weights)
        assert_same_model(mine, theirs)
    theirs, mine = both(loss=loss)
    for _ in range(3):
        for estimator in (theirs, mine):
            estimator.partial_fit(X, numbers, sample_weight=weights)
    assert_same_model(mine, theirs)


def test_sparse_rows_and_float32_are_learned_from_as_well():
    few = np.where(X > 1, X, 0)
    theirs, mine = both()
    expected = theirs.fit(few, y).predict(few)
    assert_allclose(mine.fit(sparse.csr_matrix(few), y).predict(few), expected, rtol=1e-9)
    single = mine.fit(few.astype(np.float32), y)
    assert single.predict(few.astype(np.float32)).dtype == np.float32
    assert_allclose(single.predict(few.astype(np.float32)), expected, atol=1e-3)


def test_compiled_loops_give_the_same_up_to_rounding(monkeypatch):
    theirs, mine = both(hidden_layer_sizes=(50,))
    monkeypatch.setenv("INKNET_OPS", "numba")
    monkeypatch.setattr(solvers, "LEAST_WORK_TO_LIMIT", 0)
    assert_allclose(mine.fit(X, y).predict(X), theirs.fit(X, y).predict(X), rtol=1e-6, atol=1e-9)


def tables():
    """Real tables: each with one of its columns, or its own target, as what is to be predicted."""
    iris, wine, cancer = (
        load(return_X_y=True)[0] for load in (load_iris, load_wine, load_breast_cancer)
    )
    digits = load_digits().data
    exercise, body = load_linnerud(return_X_y=True)
    yield "diabetes", *load_diabetes(return_X_y=True)
    yield "body from exercise", exercise, body
    yield "exercise from body", body, exercise
    for name, table, columns in (
        ("iris", iris, (0, 3)),
        ("wine", wine, (0, 12)),
        ("breast cancer", cancer, (3, 23)),
        ("digits", digits[:400], (20, 36)),
    ):
        for column in columns:
            yield f"{name} {column}", np.delete(table, column, axis=1), table[:, column]


TABLES = {name: parts for name, *parts in tables()}


@pytest.mark.parametrize("name", TABLES)
def test_predictions_of_real_tables_do_not_differ(name):
    features, numbers = TABLES[name]
    parts = train_test_split(scale(features), scale(numbers), test_size=0.3, random_state=0)
    train, test, targets, _ = parts
    expected, found = (
        estimator(random_state=1, max_iter=100).fit(train, targets).predict(test)
        for estimator in (Peer, MLPRegressor)
    )
    assert_allclose(found, expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())


# -- scikit-learn's conventions ---------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"activation": "leaky_relu", "clip": 1.0}], ids=str)
def test_it_passes_every_check_of_scikit_learn(settings):
    with pytest.warns(SkipTestWarning):
        results = check_estimator(MLPRegressor(**settings), on_fail=None)
    assert len(results) > 50
    not_passed = {r["check_name"]: str(r["exception"]) for r in results if r["status"] != "passed"}
    assert not_passed.keys() <= {"check_array_api_input"}


def test_it_has_every_parameter_of_scikit_learns_with_its_default():
    mine, theirs = MLPRegressor().get_params(), Peer().get_params()
    assert theirs.items() <= mine.items()
    new = {"dropout", "batch_norm", "clip", "scoring", "weight_decay", "schedule", "callbacks"}
    assert mine.keys() - theirs.keys() == new
    # and in scikit-learn's order
    theirs, mine = (list(kind.__init__.__code__.co_varnames) for kind in (Peer, MLPRegressor))
    assert mine[: len(theirs)] == theirs


def test_its_docstring_describes_every_parameter():
    for name in MLPRegressor().get_params():
        text = inspect.getdoc(MLPRegressor)
        assert f"\n{name}" in text or f", {name} :" in text
    assert "COMMON" not in MLPRegressor.__doc__


def test_it_works_in_pipelines_and_searches():
    pipeline = make_pipeline(StandardScaler(), MLPRegressor(max_iter=20, random_state=0))
    search = GridSearchCV(pipeline, {"mlpregressor__alpha": [1e-4, 1.0]}, cv=2)
    assert search.fit(X, y).best_score_ > -1
    copy = pickle.loads(pickle.dumps(search.best_estimator_))
    assert_array_equal(copy.predict(X), search.predict(X))


# -- refused ----------------------------------------------------------------------------------------


def test_negative_numbers_are_no_counts():
    with pytest.raises(ValueError, match="negative value, -1; the loss 'poisson' is for numbers"):
        MLPRegressor(loss="poisson").fit([[0.0], [1.0]], [1, -1])
    fitted = MLPRegressor(loss="poisson", max_iter=2).fit([[0.0], [1.0]], [1, 0])
    with pytest.raises(ValueError, match="negative value"):
        fitted.fit([[0.0], [1.0]], [1, 0], X_val=[[1.0]], y_val=[-2])


def test_another_number_of_outputs_is_not_continued_with():
    mine = MLPRegressor(warm_start=True, max_iter=2).fit(X, y)
    before = [weight.copy() for weight in mine.coefs_]
    with pytest.raises(ValueError, match="`y` has 3 columns; expected 1, as in the first fit"):
        mine.fit(X, TARGETS["several"])
    assert_array_equal(mine.coefs_[0], before[0])


def test_what_is_for_classes_is_no_parameter():
    for name in ("class_weight", "label_smoothing", "adversarial"):
        with pytest.raises(TypeError, match=name):
            MLPRegressor(**{name: 0.1})


# -- what scikit-learn's lacks ----------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_dropout_normalization_clipping_and_schedules_train(solver):
    mine = MLPRegressor(
        hidden_layer_sizes=(40, 20),
        solver=solver,
        learning_rate_init=0.01,
        batch_norm="before",
        dropout=0.05,
        clip=1.0,
        schedule="cosine",
        max_iter=60,
        random_state=0,
    )
    assert mine.fit(X, y).score(X, y) > 0.5
    assert_array_equal(clone(mine).fit(X, y).predict(X), mine.predict(X))
    assert_allclose(pickle.loads(pickle.dumps(mine)).predict(X), mine.predict(X))


def test_validation_data_are_scored_and_stop():
    train, test, targets, kept = train_test_split(X, y, random_state=0)
    mine = MLPRegressor(
        hidden_layer_sizes=(50,), early_stopping=True, learning_rate_init=0.01, random_state=0
    )
    mine.fit(train, targets, X_val=test, y_val=kept)
    assert len(mine.validation_scores_) == mine.n_iter_ < 200
    assert mine.score(test, kept) == pytest.approx(mine.best_validation_score_)
    assert r2_score(kept, mine.predict(test)) == pytest.approx(max(mine.validation_scores_))


def test_callbacks_see_the_score_and_may_end_it():
    seen = []

    class Look(Callback):
        def on_epoch_end(self, trainer):
            seen.append((trainer.history[-1].val_loss, trainer.history[-1].val_accuracy))

    stop = EarlyStopping(patience=3, monitor="val_loss")
    mine = MLPRegressor(
        hidden_layer_sizes=(50,), callbacks=[Look(), stop], learning_rate_init=0.05, random_state=0
    )
    mine.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    assert len(seen) == mine.n_iter_ < 200
    losses, scores = zip(*seen, strict=True)
    # half of the squared error, and R²
    residual, total = y[300:] - mine.predict(X[300:]), y[300:] - y[300:].mean()
    assert min(losses) == pytest.approx(np.mean(residual**2) / 2)
    assert max(scores) >= 1 - np.sum(residual**2) / np.sum(total**2) - 1e-12


def test_counts_are_fitted_better_by_their_own_loss():
    rate = np.exp(X[:, :3] @ [0.6, -0.5, 0.4])
    counts = np.random.default_rng(1).poisson(rate).astype(float)
    deviances = []
    for loss in ("poisson", "squared_error"):
        mine = MLPRegressor(loss, (20,), alpha=0.1, learning_rate_init=0.01, random_state=0)
        mine.fit(X[:300], counts[:300])
        predicted = mine.predict(X[300:])
        assert loss != "poisson" or (predicted > 0).all()
        deviances.append(mean_poisson_deviance(counts[300:], predicted.clip(1e-2)))
    assert deviances[0] < deviances[1]
