"""No setting is passed over in silence: each does something with each solver, or is refused."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier as Peer
from sklearn.neural_network import MLPRegressor as PeerRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.utils import compute_sample_weight

from inknet import Callback, MLPClassifier, MLPRegressor
from inknet.exchange import from_sklearn
from inknet.training.averaging import WeightAverage

X, y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
UNEVEN = np.repeat(np.arange(150), np.where(np.arange(150) < 50, 3, 1))
X_TRAIN, X_VAL, Y_TRAIN, Y_VAL = train_test_split(X[UNEVEN], y[UNEVEN], random_state=0)
HELD_OUT = {"X_val": X_VAL, "y_val": Y_VAL}
SMALL = {"hidden_layer_sizes": (6,), "max_iter": 25, "learning_rate_init": 0.02, "random_state": 0}

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:early_stopping has no effect"
)


class Halves(Callback):
    def on_gradients(self, trainer):
        trainer.network.gradients *= 0.5


OTHER = {
    "hidden_layer_sizes": (7,),
    "activation": "tanh",
    "alpha": 1.0,
    "batch_size": 30,
    "learning_rate": "invscaling",
    "learning_rate_init": 0.01,
    "power_t": 0.1,
    "max_iter": 3,
    "shuffle": False,
    "random_state": 1,
    "tol": 0.5,
    "momentum": 0.5,
    "nesterovs_momentum": False,
    "early_stopping": True,
    "validation_fraction": 0.3,
    "beta_1": 0.5,
    "beta_2": 0.9,
    "epsilon": 0.1,
    "n_iter_no_change": 2,
    "max_fun": 3,
    "weight_decay": 0.5,
    "dropout": 0.5,
    "batch_norm": "before",
    "clip": 1e-3,
    "class_weight": {0: 5.0},
    "schedule": "cosine",
    "scoring": "loss",
    "callbacks": [Halves()],
    "label_smoothing": 0.3,
    "adversarial": 0.5,
}
# What scikit-learn says each solver passes over, in the documentation of the parameters.
BY_STEPS = {"batch_size", "learning_rate_init", "shuffle", "early_stopping", "n_iter_no_change"}
OF_SGD = {"learning_rate", "power_t", "momentum", "nesterovs_momentum"}
OF_ADAM = {"beta_1", "beta_2", "epsilon"}
PASSED_OVER = {
    "lbfgs": BY_STEPS | OF_SGD | OF_ADAM | {"validation_fraction", "scoring"},
    "adam": OF_SGD | {"max_fun"},
    "adamw": OF_SGD | {"max_fun"},
    "sgd": OF_ADAM | {"max_fun"},
}
# Parameters that need another one.
WITH = {
    "power_t": {"learning_rate": "invscaling"},
    "shuffle": {"batch_size": 30},
    "validation_fraction": {"early_stopping": True},
    "n_iter_no_change": {"tol": 0.5},
    "scoring": {"early_stopping": True, "n_iter_no_change": 2},
}


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam", "adamw"])
def test_each_setting_changes_the_result_or_is_refused(solver):
    documented = {*OTHER, "solver", "verbose", "warm_start", "doctor"}
    assert documented == set(MLPClassifier().get_params())
    for name, value in OTHER.items():
        if name in PASSED_OVER[solver]:
            continue
        model = MLPClassifier(**SMALL | {"solver": solver} | WITH.get(name, {}))
        before = model.fit(X, y).predict_proba(X)
        try:
            after = model.set_params(**{name: value}).fit(X, y).predict_proba(X)
        except ValueError as error:
            needed = "'adamw'" if name == "weight_decay" else "'sgd', 'adam' or 'adamw'"
            assert f"{name}={value!r} needs the solver {needed}, not '{solver}'" in str(error)
            assert solver == "lbfgs" or name == "weight_decay"
        else:
            assert np.abs(after - before).max() > 1e-9, name


@pytest.mark.parametrize(
    ("solver", "name"),
    [
        (solver, name)
        for solver, names in PASSED_OVER.items()
        for name in sorted(names)
        if solver != "adamw" and name != "scoring"  # which scikit-learn does not have
    ],
)
def test_what_a_solver_passes_over_scikit_learns_passes_over_too(solver, name):
    for kind in (Peer, MLPClassifier):
        model = kind(**SMALL | {"solver": solver, "max_iter": 3})
        before = model.fit(X, y).predict_proba(X)
        assert_array_equal(
            model.set_params(**{name: OTHER[name]}).fit(X, y).predict_proba(X), before
        )


def test_lbfgs_does_not_stop_early_and_says_so():
    model = MLPClassifier(**SMALL, solver="lbfgs", early_stopping=True)
    with pytest.raises(
        ValueError, match="early_stopping=True needs the solver 'sgd', 'adam' or 'adamw'"
    ):
        model.fit(X_TRAIN, Y_TRAIN, **HELD_OUT)
    with pytest.warns(UserWarning, match="early_stopping has no effect with the") as said:
        model.fit(X, y)
    assert said[0].filename == __file__
    theirs = Peer(**SMALL, solver="lbfgs", early_stopping=True).fit(X, y)
    assert_allclose(model.predict_proba(X), theirs.predict_proba(X), atol=1e-4)


def test_lbfgs_records_the_validation_scores_too():
    model = MLPClassifier(**SMALL, solver="lbfgs").fit(X_TRAIN, Y_TRAIN, **HELD_OUT)
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == model.n_iter_
    assert model.validation_scores_[-1] == pytest.approx(model.score(X_VAL, Y_VAL))
    assert model.best_validation_score_ == max(model.validation_scores_)
    model.fit(X, y)
    assert model.validation_scores_ is model.best_validation_score_ is None


# -- weight decay ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_adamw_is_scikit_learns_adam_and_a_part_less_of_each_weight(kind):
    # Loshchilov and Hutter 2019, algorithm 2, line 12: the decay is taken of the weight before
    decay, rate, all_classes = 0.3, 0.02, {"classes": range(3)} if kind is MLPClassifier else {}
    settings = {"hidden_layer_sizes": (6,), "alpha": 0.5, "learning_rate_init": rate}
    mine = kind(**settings, solver="adamw", weight_decay=decay, random_state=0)
    peer = {MLPClassifier: Peer, MLPRegressor: PeerRegressor}[kind](**settings, random_state=0)
    for number in range(12):  # each a step: there are fewer samples than in a batch
        old = None if number == 0 else [weight.copy() for weight in peer.coefs_]
        if old is None:  # its first weights, which it does not show before its first step
            first = kind(**settings | {"learning_rate_init": 1e-300}, random_state=0)
            old = first.partial_fit(X, y, **all_classes).coefs_
        for model in (peer, mine):
            model.partial_fit(X, y, **all_classes)
        for weight, before in zip(peer.coefs_, old, strict=True):
            weight -= rate * decay * before
    for name in ("coefs_", "intercepts_"):
        for found, expected in zip(getattr(mine, name), getattr(peer, name), strict=True):
            assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_adamw_without_decay_is_adam():
    adam, adamw = (MLPClassifier(**SMALL | {"solver": one}).fit(X, y) for one in ("adam", "adamw"))
    assert_array_equal(adamw.predict_proba(X), adam.predict_proba(X))


# -- an activation for each layer -------------------------------------------------------------------


def test_a_list_of_one_activation_gives_the_network_of_its_name():
    for name in ("identity", "logistic", "tanh", "relu", "leaky_relu"):
        both = [
            MLPClassifier((6, 5), activation, max_iter=5, random_state=0).fit(X, y)
            for activation in (name, [name, name])
        ]
        assert_array_equal(both[0].predict_proba(X), both[1].predict_proba(X))


def test_each_hidden_layer_computes_its_own_activation(tmp_path):
    model = MLPClassifier((6, 5, 4), ("tanh", "relu", "logistic"), random_state=0).fit(X, y)
    assert model.activation_ == ["tanh", "relu", "logistic"]
    hidden = X
    functions = (np.tanh, lambda z: np.maximum(z, 0), expit, lambda z: softmax(z, axis=1))
    for weight, bias, function in zip(model.coefs_, model.intercepts_, functions, strict=True):
        hidden = function(hidden @ weight + bias)
    twin = clone(model).set_params(max_iter=1).fit(X, y)
    twin.coefs_, twin.intercepts_ = model.coefs_, model.intercepts_
    copies = [model, twin, pickle.loads(pickle.dumps(model)), from_sklearn(model)]
    for copy in copies:
        assert_allclose(copy.predict_proba(X), hidden, atol=1e-12)


@pytest.mark.parametrize(
    ("sizes", "activation"),
    [
        ((6, 5), ["tanh"]),
        ((6,), ["tanh", "relu"]),
        ((6,), []),
        ((6, 5), ["tanh", "softmax"]),
        ((6, 5), ["tanh", ["relu"]]),
    ],
    ids=str,
)
def test_activations_that_are_not_those_of_the_layers_are_refused(sizes, activation):
    with pytest.raises(
        ValueError, match=r"or a list with one for each of the \d hidden layers, got"
    ):
        MLPClassifier(sizes, activation).fit(X, y)


# -- weights of the validation samples --------------------------------------------------------------


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("own", [None, np.linspace(0.1, 3, len(Y_VAL))], ids=["", "weighted"])
@pytest.mark.parametrize("weights", ["balanced", {0: 3.0, 1: 0.5, 2: 1.0}, {0: 9.0}], ids=str)
def test_validation_weighs_the_classes_whichever_way_the_weights_are_given(weights, own, solver):
    by_class = MLPClassifier(**SMALL, solver=solver, class_weight=weights)
    by_class.fit(X_TRAIN, Y_TRAIN, **HELD_OUT, sample_weight_val=own)
    of_train = compute_sample_weight(weights, Y_TRAIN)
    of_class = {label: of_train[label == Y_TRAIN][0] for label in range(3)}
    of_val = np.array([of_class[label] for label in Y_VAL]) * (1 if own is None else own)
    by_sample = MLPClassifier(**SMALL, solver=solver)
    by_sample.fit(X_TRAIN, Y_TRAIN, of_train, **HELD_OUT, sample_weight_val=of_val)
    assert_allclose(by_class.validation_scores_, by_sample.validation_scores_)
    assert_allclose(by_class.validation_loss_curve_, by_sample.validation_loss_curve_)
    expected = by_class.score(X_VAL, Y_VAL, of_val)
    assert by_class.validation_scores_[-1] == pytest.approx(expected)
    assert abs(expected - by_class.score(X_VAL, Y_VAL, own)) > 1e-6 or expected == 1


def test_what_is_held_back_weighs_the_classes_the_same_way():
    settings = SMALL | {"early_stopping": True}
    of_class = compute_sample_weight("balanced", Y_TRAIN)
    by_class = MLPClassifier(**settings, class_weight="balanced").fit(X_TRAIN, Y_TRAIN)
    theirs = Peer(**settings).fit(X_TRAIN, Y_TRAIN, of_class)
    assert_allclose(by_class.validation_scores_, theirs.validation_scores_)


def test_several_labels_are_weighed_one_by_one():
    labels = np.stack([y == 0, y > 0], axis=1).astype(int)
    held_out = labels[::2].copy()
    held_out[:5] = 1, 1  # a sample with both labels was not in training
    model = MLPClassifier(**SMALL, class_weight=[{0: 1.0, 1: 2.0}, {0: 3.0, 1: 5.0}])
    model.fit(X, labels, X_val=X[::2], y_val=held_out)
    weights = np.where(held_out[:, 0], 2, 1) * np.where(held_out[:, 1], 5, 3)
    assert model.validation_scores_[-1] == pytest.approx(model.score(X[::2], held_out, weights))


def test_validation_samples_without_weight_are_refused():
    model = MLPClassifier(**SMALL)
    with pytest.raises(ValueError, match=r"weights of the validation samples sum to 0|non-zero"):
        model.fit(X, y, **HELD_OUT, sample_weight_val=np.zeros(len(Y_VAL)))
    with pytest.raises(ValueError, match="weights of the validation samples sum to 0"):
        model.set_params(class_weight={0: 0.0, 1: 1.0, 2: 1.0}).fit(
            X, y, X_val=X[y == 0], y_val=y[y == 0]
        )


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_weights_too_large_for_the_type_are_refused(solver):
    for weight in (1e37, 1e39):  # their sum, and each of them
        with pytest.raises(ValueError, match="weights of the samples sum to inf"):
            MLPClassifier((4,), solver=solver).fit(X.astype("f4"), y, np.full(len(y), weight))


def test_early_stopping_restores_the_weights_that_it_measured():
    average = WeightAverage(0.9)
    model = MLPClassifier(
        **SMALL | {"max_iter": 60}, early_stopping=True, callbacks=[average], batch_size=10
    )
    model.fit(X_TRAIN, Y_TRAIN, X_val=X_VAL, y_val=(Y_VAL + (np.arange(len(Y_VAL)) % 4 == 0)) % 3)
    wrong = (Y_VAL + (np.arange(len(Y_VAL)) % 4 == 0)) % 3
    assert model.score(X_VAL, wrong) == max(model.validation_scores_)
    best = int(np.argmax(model.validation_scores_))
    from sklearn.metrics import log_loss

    assert model.validation_loss_curve_[best] == pytest.approx(
        log_loss(wrong, model.predict_proba(X_VAL))
    )


# -- when a noisy training ends ---------------------------------------------------------------------


def losses_of(**settings):
    model = MLPClassifier(**SMALL | {"max_iter": 300} | settings).fit(X, y)
    return model, np.array(model.loss_curve_)


@pytest.mark.parametrize("noise", [{"dropout": 0.5}, {"batch_norm": "after", "batch_size": 10}])
@pytest.mark.parametrize("n", [1, 4, 10])
def test_a_noisy_training_ends_when_the_mean_loss_of_recent_epochs_does_not_fall(noise, n):
    model, losses = losses_of(**noise, n_iter_no_change=n, tol=2e-3)
    means = [losses[max(0, i - 2 * n) : i].mean() for i in range(1, len(losses) + 1)]
    best, waited, epoch = np.inf, 0, 0
    while waited <= n and epoch < 300:
        waited = 0 if means[epoch] <= best - 2e-3 else waited + 1
        best = min(best, means[epoch])
        epoch += 1
    assert model.n_iter_ == epoch
    assert model.best_loss_ == losses.min()


def test_a_training_without_noise_ends_when_scikit_learns_does():
    for settings in ({}, {"solver": "sgd", "learning_rate": "adaptive"}, {"batch_size": 10}):
        settings = SMALL | {"max_iter": 300, "tol": 1e-3} | settings
        assert MLPClassifier(**settings).fit(X, y).n_iter_ == Peer(**settings).fit(X, y).n_iter_


def test_one_may_wait_for_ever():
    model, losses = losses_of(dropout=0.5, n_iter_no_change=np.inf, max_iter=40)
    assert len(losses) == model.n_iter_ == 40


@pytest.mark.parametrize(
    "noise", [{"dropout": 0.5}, {"dropout": 0.3, "batch_norm": "before"}], ids=str
)
@pytest.mark.parametrize("load", [load_iris, load_breast_cancer])
def test_noise_does_not_end_a_training_long_before_it_has_learned(load, noise):
    features, labels = load(return_X_y=True)
    features = StandardScaler().fit_transform(features)
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    scores = [
        cross_val_score(
            MLPClassifier(**noise, random_state=0, n_iter_no_change=n), features, labels, cv=folds
        ).mean()
        for n in (10, np.inf)
    ]
    assert scores[0] > scores[1] - 0.01
