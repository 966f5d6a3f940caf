"""`MLPClassifier` learns what scikit-learn's learns, number for number, and more."""

import io
import signal
import warnings
from contextlib import redirect_stdout

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from packaging.version import Version
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.datasets import load_digits, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier as Peer
from sklearn.utils import compute_sample_weight

from inknet import Callback, MLPClassifier
from inknet.errors import InputError
from inknet.sklearn import solvers
from inknet.training.callbacks import EarlyStopping, EpochLines

X, digits = load_digits(return_X_y=True)
X, digits = X[:600] / 16, digits[:600]
TARGETS = {
    "ten classes": digits,
    "two classes": digits % 2,
    "names": np.array([f"digit {digit}" for digit in digits], dtype=object),
    "many labels": np.stack([digits % 2, digits > 4, digits == 0], axis=1).astype(int),
}
SOLVERS = {
    "adam": {"alpha": 0.5, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3},
    "Nesterov": {"solver": "sgd", "learning_rate_init": 0.1},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5, "shuffle": False},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.2},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 1},
    "lbfgs": {"solver": "lbfgs"},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.3},
}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def ops(request, monkeypatch):
    """Train on these operations, however little there is to do."""
    monkeypatch.setenv("INKNET_OPS", request.param)
    monkeypatch.setattr(solvers, "LEAST_WORK_TO_LIMIT", 0)


on_both = pytest.mark.parametrize("ops", ["numpy", "numba"], indirect=True)
SMALL = {"hidden_layer_sizes": (20, 10), "max_iter": 8, "random_state": 3}


def both(**settings):
    return Peer(**SMALL | settings), MLPClassifier(**SMALL | settings)


def ours(**settings):
    return MLPClassifier(**SMALL | settings)


def assert_same_model(mine, theirs, rtol=1e-7, atol=1e-9):
    for name in ("coefs_", "intercepts_"):
        for one, other in zip(getattr(mine, name), getattr(theirs, name), strict=True):
            assert one.dtype == other.dtype
            assert_allclose(one, other, rtol=rtol, atol=atol)
    names = ["loss_", "n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_"]
    if theirs.solver != "lbfgs":
        names += ["loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"]
    for name in names:
        one, other = getattr(mine, name), getattr(theirs, name)
        assert one == (
            other if other is None or isinstance(other, str) else pytest.approx(other, rel=1e-6)
        )
    assert_array_equal(mine.classes_, theirs.classes_)


# -- the same ---------------------------------------------------------------------------------------


@on_both
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("target", TARGETS)
def test_every_solver_finds_the_weights_that_scikit_learn_finds(ops, solver, target):
    if (solver, target) == ("early stopping", "names") and Version(sklearn.__version__) < Version(
        "1.9"
    ):
        pytest.skip("scikit-learn before 1.9 fails where it stops early on classes with names")
    theirs, mine = both(**SOLVERS[solver])
    y = TARGETS[target]
    for each in (theirs, mine):
        each.fit(X[:500], y[:500])
    # L-BFGS follows rounding a little further with each step
    assert_same_model(mine, theirs, *((1e-4, 1e-5) if solver == "lbfgs" else ()))
    assert_allclose(mine.predict_proba(X), theirs.predict_proba(X), atol=1e-5)
    assert_allclose(mine.predict_log_proba(X), theirs.predict_log_proba(X), rtol=1e-3)
    assert_array_equal(mine.predict(X), theirs.predict(X))
    assert mine.predict(X).dtype == theirs.predict(X).dtype
    assert mine.score(X, y) == theirs.score(X, y)


@on_both
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("form", ["dense", "csr", "csc", "float32"])
def test_activations_weights_and_forms_of_features_change_nothing_of_that(
    ops, activation, weighted, form
):
    theirs, mine = both(activation=activation, batch_size=64)
    features = {
        "dense": X,
        "csr": sparse.csr_array(X),
        "csc": sparse.csc_matrix(X),
        "float32": X.astype(np.float32),
    }[form]
    weights = np.random.default_rng(0).uniform(0, 2, len(X)) if weighted else None
    for each in (theirs, mine):
        each.fit(features, digits, weights)
    assert_same_model(mine, theirs, *((1e-3, 1e-4) if form == "float32" else ()))
    assert_allclose(mine.predict_proba(features), theirs.predict_proba(features), atol=1e-4)


@on_both
def test_features_that_are_mostly_zeros_are_learned_in_lists_and_to_the_same_weights(ops):
    sparse_X = np.where(np.random.default_rng(0).random(X.shape) < 0.8, 0, X)
    theirs, mine = both(batch_size=50)
    for each in (theirs, mine):
        each.fit(sparse_X, digits)
    assert_same_model(mine, theirs)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_learning_in_parts_is_the_same_too(solver):
    theirs, mine = both(solver=solver)
    for part in (slice(0, 150), slice(150, 290), slice(0, 290)):
        for each in (theirs, mine):
            each.partial_fit(X[part], digits[part], classes=range(10))
    for each in (theirs, mine):
        each.partial_fit(X, digits, np.arange(len(X)) % 3 + 1)
    assert_same_model(mine, theirs)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_a_warm_start_goes_on_where_the_last_fit_ended(solver):
    theirs, mine = both(solver=solver, warm_start=True)
    for _ in range(2):
        for each in (theirs, mine):
            each.fit(X, digits)
    assert_same_model(mine, theirs, *((1e-3, 1e-4) if solver == "lbfgs" else ()))


def test_a_table_of_pandas_gives_the_names_of_its_columns():
    theirs, mine = both()
    table = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
    for each in (theirs, mine):
        each.fit(table, pd.Series(TARGETS["names"]))
    assert_same_model(mine, theirs)
    assert_array_equal(mine.feature_names_in_, theirs.feature_names_in_)
    with pytest.raises(ValueError, match="The feature names should match"):
        mine.predict(table[table.columns[::-1]])


def test_it_says_what_scikit_learn_says_when_asked_to():
    said = []
    for each in both(verbose=True, solver="sgd", learning_rate="adaptive", tol=10.0, max_iter=60):
        with redirect_stdout(io.StringIO()) as out:
            each.set_params(n_iter_no_change=2).fit(X, digits)
        said.append(out.getvalue())
    assert said[1] == said[0]
    assert "Learning rate too small. Stopping." in said[1]


def test_labels_it_does_not_know_are_refused():
    model = ours().fit(X, digits)
    with pytest.raises(ValueError, match=r"`y` has classes not in `self\.classes_`"):
        model.partial_fit(X[:2], [3, 10])
    with pytest.raises(ValueError, match=r"`y` has classes not in `self\.classes_`"):
        ours().fit(X, digits, X_val=X[:2], y_val=[3, 10])


def test_weights_that_leave_nothing_to_learn_from_are_refused():
    with pytest.raises(ValueError, match=r"Sample weights must contain|sum to 0"):
        ours().fit(X, digits, np.zeros(len(X)))


def test_a_batch_whose_samples_do_not_count_changes_nothing():
    model = ours(batch_size=100, shuffle=False)
    weights = np.ones(len(X))
    weights[200:] = 0
    model.fit(X, digits, weights)
    short = ours(batch_size=100, shuffle=False).fit(X[:200], digits[:200])
    for one, other in zip(model.coefs_, short.coefs_, strict=True):
        assert_allclose(one, other, rtol=1e-9)


# -- L-BFGS -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_lbfgs_finds_the_optimum_of_the_same_loss_written_a_second_time(weighted):
    # without hidden layers the loss is convex: there is one optimum, wherever one starts
    y, alpha, generator = digits[:200] % 3, 5.0, np.random.default_rng(5)
    x = X[:200, 20:44]
    weights = generator.uniform(0.2, 2, 200) if weighted else np.ones(200)

    def objective(flat):
        weight, bias = flat[:72].reshape(24, 3), flat[72:]
        log_p = log_softmax(x @ weight + bias, axis=1)[np.arange(200), y]
        return (alpha / 2 * (weight**2).sum() - weights @ log_p) / weights.sum()

    found = minimize(objective, generator.normal(size=75), method="BFGS", options={"gtol": 1e-6})
    model = MLPClassifier((), solver="lbfgs", alpha=alpha, tol=1e-8, max_iter=1000, random_state=0)
    model.fit(x, y, weights if weighted else None)
    assert model.loss_ == pytest.approx(found.fun, abs=1e-7)
    logits = x @ found.x[:72].reshape(24, 3) + found.x[72:]
    assert_allclose(model.predict_proba(x), np.exp(log_softmax(logits, axis=1)), atol=1e-4)
    assert_allclose(model.coefs_[0], found.x[:72].reshape(24, 3), atol=5e-4)


def test_lbfgs_with_a_hidden_layer_gets_where_scipy_gets_from_the_same_start():
    y, x, alpha = digits[:150] % 3, X[:150, 20:26], 0.3
    start = MLPClassifier(
        (3,), activation="tanh", solver="sgd", learning_rate_init=1e-300, max_iter=1, random_state=0
    )
    start.fit(x, y)
    shapes = [part.shape for part in (*start.coefs_, *start.intercepts_)]

    def unpacked(flat):
        ends = np.cumsum([np.prod(shape) for shape in shapes])
        return [
            part.reshape(shape)
            for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)
        ]

    def objective(flat):
        w1, w2, b1, b2 = unpacked(flat)
        log_p = log_softmax(np.tanh(x @ w1 + b1) @ w2 + b2, axis=1)[np.arange(150), y]
        return (alpha / 2 * ((w1**2).sum() + (w2**2).sum()) - log_p.sum()) / 150

    packed = np.concatenate([part.ravel() for part in (*start.coefs_, *start.intercepts_)])
    found = minimize(
        objective,
        packed,
        method="L-BFGS-B",
        options={"gtol": 1e-7, "ftol": 1e-15, "maxfun": 10**6, "maxiter": 5000},
    )
    model = MLPClassifier(
        (3,),
        activation="tanh",
        solver="lbfgs",
        alpha=alpha,
        tol=1e-7,
        max_iter=5000,
        random_state=0,
    )
    assert model.fit(x, y).loss_ == pytest.approx(found.fun, abs=1e-4)
    assert model.loss_ == pytest.approx(
        objective(np.concatenate([part.ravel() for part in (*model.coefs_, *model.intercepts_)])),
        rel=1e-9,
    )


def test_lbfgs_watches_validation_data_and_takes_float32():
    model = MLPClassifier(solver="lbfgs", random_state=0, max_iter=7, verbose=True)
    with redirect_stdout(io.StringIO()) as out:
        model.fit(X[:400].astype(np.float32), digits[:400], X_val=X[400:], y_val=digits[400:])
    assert {part.dtype for part in model.coefs_} == {np.dtype(np.float32)}
    assert len(model.validation_loss_curve_) == model.n_iter_ == 7
    assert model.validation_loss_curve_[-1] == pytest.approx(
        log_loss(digits[400:], model.predict_proba(X[400:])), rel=1e-4
    )
    assert out.getvalue().count("Iteration") == 7


# -- what is new ------------------------------------------------------------------------------------

TRAIN, VALIDATION = slice(0, 400), slice(400, 600)


@pytest.mark.parametrize("target", TARGETS)
def test_the_validation_curves_are_those_of_scikit_learns_metrics(target):
    y = TARGETS[target]
    model = ours(max_iter=5)
    scores, losses = [], []

    class Watch(Callback):
        def on_epoch_end(self, trainer):
            copied = trainer.estimator
            scores.append(copied.score(X[VALIDATION], y[VALIDATION]))
            p = copied.predict_proba(X[VALIDATION])
            if y.ndim == 2:
                yes = y[VALIDATION].astype(bool)
                losses.append(-np.log(np.where(yes, p, 1 - p)).sum(axis=1).mean())
            else:
                losses.append(log_loss(y[VALIDATION], p, labels=model.classes_))

    model.set_params(callbacks=[Watch()])
    model.fit(X[TRAIN], y[TRAIN], X_val=X[VALIDATION], y_val=y[VALIDATION])
    assert model.validation_scores_ == pytest.approx(scores)
    assert model.validation_loss_curve_ == pytest.approx(losses, rel=1e-6)
    assert model.best_validation_score_ == max(scores)


def test_without_validation_data_there_are_no_validation_curves():
    model = ours(max_iter=2).fit(X, digits)
    assert model.validation_loss_curve_ is None
    assert model.validation_scores_ is None


def test_early_stopping_watches_the_data_it_is_given_and_takes_back_the_best_weights():
    model = MLPClassifier(
        (30,),
        early_stopping=True,
        max_iter=200,
        random_state=0,
        learning_rate_init=0.02,
        batch_norm="after",
        n_iter_no_change=4,
    )
    model.fit(X[TRAIN], digits[TRAIN], X_val=X[VALIDATION], y_val=digits[VALIDATION])
    assert model.n_iter_ < 200
    assert model.t_ == 400 * model.n_iter_, "nothing of the training data is held back"
    assert model.score(X[VALIDATION], digits[VALIDATION]) == max(model.validation_scores_)
    assert model.validation_scores_[-1] < max(model.validation_scores_) + model.tol


def test_validation_samples_may_have_weights():
    weights = np.arange(200) % 3
    model = ours(max_iter=2)
    held_out = {"X_val": X[VALIDATION], "y_val": digits[VALIDATION]}
    model.fit(X[TRAIN], digits[TRAIN], **held_out, sample_weight_val=weights)
    expected = model.score(X[VALIDATION], digits[VALIDATION], weights)
    assert model.validation_scores_[-1] == pytest.approx(expected)


@pytest.mark.parametrize("weights", ["balanced", {0: 3.0, 1: 0.5}])
def test_class_weights_are_sample_weights(weights):
    y = (digits == 3).astype(int)
    by_class = ours(class_weight=weights)
    theirs, _ = both()
    by_class.fit(X, y)
    theirs.fit(X, y, compute_sample_weight(weights, y))
    assert_same_model(by_class, theirs)


def test_balance_is_refused_where_the_classes_are_not_all_there():
    with pytest.raises(
        ValueError, match="class_weight 'balanced' is not supported for partial_fit"
    ):
        MLPClassifier(class_weight="balanced").partial_fit(X, digits, classes=range(10))
    with pytest.raises(ValueError, match="partial_fit does not support a schedule"):
        MLPClassifier(schedule="cosine").partial_fit(X, digits, classes=range(10))


@on_both
def test_dropout_draws_other_masks_in_every_call_of_partial_fit_and_the_same_for_one_seed(ops):
    losses = []
    for _ in range(2):
        model = MLPClassifier(
            (40,), dropout=0.5, random_state=0, solver="sgd", learning_rate_init=1e-12
        )
        for _ in range(3):
            model.partial_fit(X, digits, classes=range(10))
        losses.append(model.loss_curve_)
    assert losses[0] == losses[1]
    assert len(set(losses[0])) == 3


def test_dropout_may_be_given_for_each_layer_and_regularizes():
    x_train, x_test, y_train, y_test = train_test_split(X, digits, train_size=120, random_state=0)
    settings = {"max_iter": 150, "random_state": 0, "learning_rate_init": 0.01}
    settings["n_iter_no_change"] = np.inf  # both as long as the other
    plain = MLPClassifier((60, 60), **settings).fit(x_train, y_train)
    dropped = MLPClassifier((60, 60), **settings, dropout=[0.3, 0.3]).fit(x_train, y_train)
    assert dropped.loss_ > plain.loss_
    assert log_loss(y_test, dropped.predict_proba(x_test)) < log_loss(
        y_test, plain.predict_proba(x_test)
    )


@pytest.mark.parametrize("place", ["before", "after"])
def test_batch_normalization_is_used_with_its_running_statistics(place):
    model = ours(batch_norm=place, max_iter=60, learning_rate_init=0.02).fit(X, digits)
    assert model.score(X, digits) > 0.97
    signal = X
    for weight, bias, norm in zip(model.coefs_, model.intercepts_, model.norms_, strict=False):
        scale = norm["gamma"] / np.sqrt(norm["running_var"] + 1e-5)
        signal = signal @ weight + bias
        if place == "before":
            signal = np.maximum(0, (signal - norm["running_mean"]) * scale + norm["beta"])
        else:
            signal = (np.maximum(0, signal) - norm["running_mean"]) * scale + norm["beta"]
    logits = signal @ model.coefs_[-1] + model.intercepts_[-1]
    assert_allclose(model.predict_proba(X), np.exp(log_softmax(logits, axis=1)), atol=1e-9)


def test_batch_normalization_may_come_in_between_two_calls_of_partial_fit():
    model = ours().partial_fit(X, digits, classes=range(10))
    model.set_params(batch_norm="before").partial_fit(X, digits)
    assert [len(norm["gamma"]) for norm in model.norms_] == [20, 10]
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("target", ["ten classes", "two classes"])
def test_smoothed_labels_keep_probabilities_from_the_extremes(target):
    y = TARGETS[target]
    settings = {"max_iter": 120, "learning_rate_init": 0.02}
    plain, smooth = (ours(**settings).set_params(label_smoothing=s).fit(X, y) for s in (0, 0.2))
    assert (
        smooth.predict_proba(X).max(axis=1).mean()
        < plain.predict_proba(X).max(axis=1).mean() - 0.05
    )


def test_clipping_bounds_the_length_of_a_step():
    model = MLPClassifier(
        (10,),
        solver="sgd",
        momentum=0.0,
        clip=1e-3,
        max_iter=1,
        random_state=0,
        learning_rate_init=1.0,
        batch_size=600,
    )
    start = MLPClassifier(
        (10,), solver="sgd", max_iter=1, random_state=0, learning_rate_init=1e-300
    )
    for each in (model, start):
        each.fit(X, digits)
    moved = sum(
        ((one - other) ** 2).sum()
        for name in ("coefs_", "intercepts_")
        for one, other in zip(getattr(model, name), getattr(start, name), strict=True)
    )
    assert np.sqrt(moved) == pytest.approx(1e-3, rel=1e-6)


def test_a_schedule_is_a_factor_on_the_rate_over_all_steps():
    rates = []

    class Watch(Callback):
        def on_step_end(self, trainer):
            rates.append(trainer.learning_rate)

    ours(schedule="cosine", max_iter=4, batch_size=100, callbacks=[Watch()]).fit(X, digits)
    assert_allclose(rates, 0.001 * (1 + np.cos(np.pi * np.arange(24) / 24)) / 2)


@on_both
def test_callbacks_of_inknet_look_on_and_may_end_it(ops):
    lines = []
    callbacks = [EpochLines(1, lines.append), EarlyStopping(2, "val_accuracy")]
    model = MLPClassifier((20,), random_state=0, learning_rate_init=0.05, callbacks=callbacks)
    model.fit(X[TRAIN], digits[TRAIN], X_val=X[VALIDATION], y_val=digits[VALIDATION])
    assert model.n_iter_ < 100
    assert len(lines) == model.n_iter_ + 1
    assert lines[-1].startswith("early stopping in epoch")
    assert model.score(X[VALIDATION], digits[VALIDATION]) == max(model.validation_scores_)


def test_a_callback_that_stops_it_in_the_middle_of_an_epoch_is_heard():
    class Stop(Callback):
        def on_step_end(self, trainer):
            if trainer.step == 3:
                trainer.stop_reason = "enough"

    model = ours(batch_size=100, callbacks=[Stop()]).fit(X, digits)
    assert model.n_iter_ == 1


def test_ctrl_c_keeps_what_was_learned():
    class Interrupt(Callback):
        def on_epoch_end(self, trainer):
            if trainer.epoch == 3:
                raise KeyboardInterrupt

    for early_stopping in (False, True):
        model = ours(callbacks=[Interrupt()], early_stopping=early_stopping)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, digits)
        with pytest.warns(ConvergenceWarning):
            shorter = ours(max_iter=3, early_stopping=early_stopping).fit(X, digits)
        assert_array_equal(model.predict_proba(X), shorter.predict_proba(X))


def test_ctrl_c_takes_effect_after_a_whole_step_and_ends_a_search():
    class Interrupt(Callback):
        fits = 0

        def on_train_begin(self, trainer):
            Interrupt.fits += 1

        def on_gradients(self, trainer):
            if trainer.step == 3:
                signal.raise_signal(signal.SIGINT)

        def on_train_end(self, trainer):
            assert trainer.step == 4

        def __deepcopy__(self, memo):
            return self

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            GridSearchCV(ours(callbacks=[Interrupt()]), {"alpha": [0.1, 0.2]}).fit(X, digits)
    finally:
        signal.signal(signal.SIGINT, before)
    assert Interrupt.fits == 1


def test_weights_that_are_no_numbers_any_more_are_refused():
    model = MLPClassifier(solver="sgd", learning_rate_init=1e300, random_state=0)
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        model.fit(X, digits)


def test_it_warns_where_it_did_not_converge():
    for solver in ("adam", "lbfgs"):
        with pytest.warns(ConvergenceWarning):
            MLPClassifier(solver=solver, max_iter=2).fit(X, digits)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MLPClassifier(tol=10.0, n_iter_no_change=1).fit(X, digits)


def test_many_labels_that_come_sparse_are_those_that_come_dense():
    features, y = make_multilabel_classification(60, 10, n_classes=4, random_state=0)
    models = [ours().fit(features, labels) for labels in (y, sparse.csr_matrix(y))]
    for one, other in zip(models[0].coefs_, models[1].coefs_, strict=True):
        assert_array_equal(one, other)


def test_operations_that_do_not_exist_are_refused_in_one_line(monkeypatch):
    monkeypatch.setenv("INKNET_OPS", "fortran")
    X = np.random.default_rng(0).normal(size=(2000, 50))
    with pytest.raises(InputError, match="INKNET_OPS is 'fortran'; expected numpy or numba"):
        MLPClassifier(hidden_layer_sizes=[100], max_iter=200).fit(X, X[:, 0] > 0)
