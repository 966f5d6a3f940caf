"""scikit-learn's conventions, as its own checks and tools see them."""

import copy
import inspect
import pickle
import re
import subprocess
import sys

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.exceptions import SkipTestWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier as Peer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import check_estimator

from inknet import Callback, MLPClassifier, MLPRegressor
from inknet.recipes.options import StepOptions

X, y = load_iris(return_X_y=True)
QUICK = {"max_iter": 12, "random_state": 0, "learning_rate_init": 0.05, "n_iter_no_change": 20}
CANNOT_BE_CHECKED = {
    "check_classifiers_multilabel_output_format_decision_function": "has no decision_function",
    "check_array_api_input": "SCIPY_ARRAY_API is not set",
}
"""What scikit-learn itself passes over, for its own classifier too."""

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::sklearn.exceptions.SkipTestWarning"
)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"activation": "leaky_relu", "label_smoothing": 0.1, "clip": 1.0, "solver": "sgd"},
    ],
    ids=["defaults", "what is new"],
)
def test_it_passes_every_check_of_scikit_learn(settings):
    with pytest.warns(SkipTestWarning):
        results = check_estimator(MLPClassifier(**settings), on_fail=None)
    assert len(results) > 60
    not_passed = {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"}
    assert not_passed.keys() <= CANNOT_BE_CHECKED.keys()
    for name, exception in not_passed.items():
        assert CANNOT_BE_CHECKED[name].split()[-1] in str(exception)


def test_it_has_every_parameter_of_scikit_learns_with_its_default():
    mine, theirs = MLPClassifier().get_params(), Peer().get_params()
    assert theirs.items() <= mine.items()
    assert mine.keys() - theirs.keys() == {
        "weight_decay",
        "dropout",
        "batch_norm",
        "clip",
        "class_weight",
        "schedule",
        "scoring",
        "callbacks",
        "doctor",
        *StepOptions.__annotations__,
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden_layer_sizes": -1},
        {"hidden_layer_sizes": (5, 0)},
        {"activation": "softmax"},
        {"solver": "hadoken"},
        {"alpha": -1},
        {"batch_size": 0},
        {"learning_rate": "hadoken"},
        {"learning_rate_init": 0},
        {"max_iter": 0},
        {"shuffle": "true"},
        {"tol": -1},
        {"momentum": 2},
        {"nesterovs_momentum": -1},
        {"validation_fraction": 1.0},
        {"beta_1": 1},
        {"beta_2": -0.5},
        {"epsilon": 0},
        {"n_iter_no_change": -1},
        {"max_fun": 0},
        {"random_state": "seed"},
    ],
    ids=str,
)
def test_a_parameter_that_scikit_learn_refuses_is_refused_with_the_same_words(wrong):
    messages = []
    for estimator in (Peer(**wrong), MLPClassifier(**wrong)):
        with pytest.raises(ValueError) as caught:
            estimator.fit(X, y)
        messages.append(str(caught.value))
    theirs, mine = messages
    if more := {"activation": "'leaky_relu'", "solver": "'adamw'"}.get(*wrong):  # is allowed
        (name,) = wrong
        assert f"The '{name}' parameter of MLPClassifier must be a str among {{" in mine
        assert more in mine
    else:
        # the order of a set is not the same in each
        assert sorted(mine) == sorted(theirs)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dropout": 1.0}, "The 'dropout' parameter of MLPClassifier must be"),
        ({"dropout": [0.1, 0.2]}, r"dropout must be in \[0, 1\), one for all hidden layers or one"),
        ({"dropout": [1.5]}, r"dropout must be in \[0, 1\)"),
        ({"batch_norm": True}, "The 'batch_norm' parameter of MLPClassifier must be a str among"),
        ({"label_smoothing": -0.1}, "The 'label_smoothing' parameter of MLPClassifier must be"),
        ({"adversarial": -1}, "The 'adversarial' parameter of MLPClassifier must be a float in"),
        ({"solver": "lbfgs", "adversarial": 0.1}, "adversarial=0.1 needs the solver 'sgd'"),
        ({"clip": 0}, "The 'clip' parameter of MLPClassifier must be a float in the range"),
        ({"schedule": "weekly"}, "The 'schedule' parameter of MLPClassifier must be a str among"),
        ({"class_weight": "fair"}, "The 'class_weight' parameter of MLPClassifier must be"),
        ({"callbacks": 3}, "The 'callbacks' parameter of MLPClassifier must be"),
        (
            {"solver": "lbfgs", "dropout": 0.1},
            "dropout=0.1 needs the solver 'sgd', 'adam' or 'adamw'",
        ),
        ({"solver": "lbfgs", "batch_norm": "after"}, "batch_norm='after' needs the solver"),
        ({"batch_size": 1, "batch_norm": "after"}, "batch_norm needs batches of 2 samples or more"),
    ],
)
def test_what_is_new_is_refused_in_the_same_way(wrong, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**wrong).fit(X, y)


def test_it_works_in_a_pipeline_and_a_grid_search_and_says_which_is_best():
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(**QUICK))
    grid = {"mlpclassifier__dropout": [0.0, 0.9], "mlpclassifier__batch_norm": ["none", "before"]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.9
    assert search.best_params_["mlpclassifier__dropout"] == 0.0
    assert "MLPClassifier" in search._repr_html_()


def test_cross_validation_gives_the_same_scores_in_processes_as_in_this_one():
    model = MLPClassifier(**QUICK, dropout=0.2)
    alone = cross_val_score(model, X, y, cv=3)
    with joblib.parallel_config("loky", n_jobs=2):
        assert_array_equal(cross_val_score(model, X, y, cv=3), alone)


def test_cross_validation_runs_on_dask(tmp_path):
    distributed = pytest.importorskip("distributed")
    model = MLPClassifier(**QUICK)
    cluster = distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        protocol="tcp://",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        local_directory=tmp_path,
    )
    with cluster, distributed.Client(cluster), joblib.parallel_config("dask"):
        scores = cross_val_score(model, X, y, cv=3)
    assert_array_equal(scores, cross_val_score(model, X, y, cv=3))


def test_its_probabilities_can_be_calibrated():
    model = CalibratedClassifierCV(MLPClassifier(**QUICK), cv=3).fit(X, y)
    assert model.score(X, y) > 0.8
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)


def test_a_clone_is_not_fitted_and_has_the_same_parameters():
    model = MLPClassifier(**QUICK, dropout=0.3).fit(X, y)
    copied = clone(model)
    assert copied.get_params() == model.get_params()
    assert not hasattr(copied, "coefs_")


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_copy_predicts_and_learns_on_to_the_same_bits(duplicate, dtype):
    features = X.astype(dtype)
    model = MLPClassifier(**QUICK, batch_norm="before", dropout=0.2, solver="sgd").fit(features, y)
    twin = duplicate(model)
    assert_array_equal(twin.predict_proba(features), model.predict_proba(features))
    for each in (model, twin):
        each.partial_fit(features, y)
    assert_array_equal(twin.predict_proba(features), model.predict_proba(features))
    assert len(pickle.dumps(model)) < 30_000, "the buffers of training are in it"


def test_weights_set_by_hand_are_those_it_predicts_with():
    model, other = (MLPClassifier(**{**QUICK, "random_state": seed}).fit(X, y) for seed in (0, 1))
    model.coefs_, model.intercepts_ = other.coefs_, [bias.copy() for bias in other.intercepts_]
    assert_array_equal(model.predict_proba(X), other.predict_proba(X))


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_each_parameter_and_attribute_is_described_alone(kind):
    model = kind(max_iter=2).fit(X, y)
    attributes = [name for name in vars(model) if name.endswith("_") and name[0] != "_"]
    for described, names in [
        (kind, [*model.get_params(), *attributes]),
        (kind.fit, inspect.signature(kind.fit).parameters),
        (kind.partial_fit, inspect.signature(kind.partial_fit).parameters),
    ]:
        # numpydoc: "name : type", at the beginning of a line
        found = re.findall(r"^(\w+) : ", inspect.getdoc(described), re.MULTILINE)
        assert set(names) - {"self"} <= set(found)
        assert len(found) == len(set(found))


@pytest.mark.parametrize(
    "settings",
    [{"max_iter": 1}, {"solver": "lbfgs", "max_iter": 1}, {"max_iter": 1, "batch_size": 500}],
    ids=str,
)
@pytest.mark.filterwarnings("default")
def test_warnings_point_at_the_line_that_called(settings):
    model = MLPClassifier(**settings)
    for call in (
        lambda: model.fit(X, y),
        lambda: make_pipeline(StandardScaler(), model).fit(X, y),
        lambda: cross_val_score(model, X, y, cv=2),
    ):
        with pytest.warns(UserWarning) as said:
            call()
        assert {one.filename for one in said} == {__file__}


def test_the_warning_of_the_range_of_validation_data_points_there_too():
    with pytest.warns(UserWarning, match="of the validation features lie outside") as said:
        MLPClassifier(max_iter=1).fit(X, y, X_val=X + 100, y_val=y)
    assert said[0].filename == __file__


@pytest.mark.parametrize("wrong", [[print], "early", Callback(), [Callback], 7])
def test_what_is_no_list_of_callbacks_is_a_parameter_error(wrong):
    with pytest.raises(InvalidParameterError, match=r"^The 'callbacks' parameter of MLPRegressor"):
        MLPRegressor(callbacks=wrong).fit(X, y)


def test_without_scikit_learn_one_line_names_the_extra():
    script = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import inknet\n"
        "try:\n    inknet.MLPClassifier\n"
        "except ImportError as error:\n    print(error)"
    )
    said = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert said == (
        "inknet's estimators need scikit-learn; install it with: pip install 'inknet[sklearn]'\n"
    )


def test_importing_inknet_does_not_import_scikit_learn():
    script = "import inknet, sys; from inknet import MLP; print('sklearn' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "False\n"


def test_predictions_of_features_in_another_type_are_those_in_the_networks():
    model = MLPClassifier(**QUICK).fit(X.astype(np.float32), y)
    whole = np.round(X * 10).astype(np.uint8)
    assert_array_equal(model.predict_proba(whole), model.predict_proba(whole.astype(np.float32)))


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_underflow_is_no_error_where_numpy_raises_errors(solver, dtype):
    features = (X * 30).astype(dtype)
    labels = np.stack([y == 0, y > 0], axis=1).astype(int)
    for target in (y, y == 0, labels):
        model = MLPClassifier(solver=solver, alpha=0.0, max_iter=100, random_state=0)
        expected = model.fit(features, target).predict_proba(features * 50)
        with np.errstate(all="raise"):
            model.fit(features, target)
            assert_array_equal(model.predict_proba(features * 50), expected)
            model.predict_log_proba(features * 50)
            model.score(features, target)
