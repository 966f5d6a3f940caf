"""A fitted estimator survives being pickled, also by joblib; one of another version is known by it."""

import io
import pickle
import warnings

import joblib
import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import InconsistentVersionWarning

import inknet
from inknet import MLPClassifier, MLPRegressor

QUICK = {"hidden_layer_sizes": (8, 6), "max_iter": 5, "random_state": 0}
SETTINGS = {
    "plain": {},
    "early stopping": {"early_stopping": True, "dropout": 0.2},
    "normalized": {"batch_norm": "after", "solver": "sgd", "warm_start": True},
    "lbfgs": {"solver": "lbfgs"},
}
DATA = {MLPClassifier: load_iris(return_X_y=True), MLPRegressor: load_diabetes(return_X_y=True)}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def fitted(kind=MLPClassifier, **settings):
    return kind(**QUICK | settings).fit(*DATA[kind])


def by_joblib(model, tmp_path, mmap_mode=None):
    joblib.dump(model, tmp_path / "model.joblib")
    return joblib.load(tmp_path / "model.joblib", mmap_mode=mmap_mode)


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_copies_predict_and_are_fitted_further_to_the_same_bits(kind, settings, tmp_path):
    model = fitted(kind, **settings)
    twins = [
        pickle.loads(pickle.dumps(model)),
        by_joblib(model, tmp_path),
        by_joblib(model, tmp_path, mmap_mode="r"),
    ]
    X, y = DATA[kind]
    expected = model.predict(X)
    for twin in twins:
        assert_array_equal(twin.predict(X), expected)
        assert twin.get_params() == model.get_params()
        assert not hasattr(clone(twin), "coefs_")
    assert_array_equal(model.fit(X, y).predict(X), twins[0].fit(X, y).predict(X))
    if settings in ({}, SETTINGS["normalized"]):
        model.partial_fit(X, y)
        for twin in twins[1:]:
            assert_array_equal(twin.fit(X, y).partial_fit(X, y).predict(X), model.predict(X))


@pytest.mark.parametrize(("solver", "n_moments"), [("lbfgs", 0), ("sgd", 1), ("adam", 2)])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.filterwarnings("ignore:early_stopping has no effect")
def test_a_pickle_has_the_weights_once_and_what_partial_fit_continues_with(
    solver, n_moments, early_stopping
):
    model = fitted(hidden_layer_sizes=(500, 100), solver=solver, early_stopping=early_stopping)
    n_bytes = sum(array.nbytes for array in [*model.coefs_, *model.intercepts_])
    assert len(pickle.dumps(model)) < (1 + n_moments) * n_bytes + 10_000


def test_scikit_learns_words_make_an_error_of_a_pickle_of_another_version(monkeypatch):
    model = fitted()
    with monkeypatch.context() as patch:
        patch.setattr(inknet, "__version__", "0.1.7")
        written = pickle.dumps(model)
    with pytest.warns(InconsistentVersionWarning) as caught:
        twin = pickle.loads(written)
    assert_array_equal(twin.predict(DATA[MLPClassifier][0]), model.predict(DATA[MLPClassifier][0]))
    (warning,) = caught
    assert warning.filename == __file__
    assert "\n" not in str(warning.message)
    assert str(warning.message).startswith(
        f"MLPClassifier was pickled by inknet 0.1.7 with scikit-learn {sklearn.__version__}, and is "
        f"read by inknet {inknet.__version__} with scikit-learn {sklearn.__version__}; "
    )
    assert warning.message.original_sklearn_version == sklearn.__version__
    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        with pytest.raises(InconsistentVersionWarning, match=r"inknet 0\.1\.7"):
            pickle.loads(written)
        pickle.loads(pickle.dumps(twin))  # written by this version


def test_another_version_of_scikit_learn_is_warned_of_too(monkeypatch):
    model = fitted(MLPRegressor)
    with monkeypatch.context() as patch:
        patch.setattr(sklearn, "__version__", "1.6.99")
        written = pickle.dumps(model)
    with pytest.warns(InconsistentVersionWarning, match=r"with scikit-learn 1\.6\.99, and is read"):
        pickle.loads(written)


def test_what_came_later_has_its_default_in_an_older_pickle():
    model = fitted()
    state = model.__getstate__()
    for name in ("_inknet_version", "_sklearn_version", "label_smoothing", "callbacks"):
        del state[name]
    twin = MLPClassifier.__new__(MLPClassifier)
    with pytest.warns(InconsistentVersionWarning, match=r"by inknet 0\.2\.0 or earlier"):
        twin.__setstate__(state)
    assert twin.get_params() == model.get_params()
    assert_array_equal(twin.predict(DATA[MLPClassifier][0]), model.predict(DATA[MLPClassifier][0]))
    assert "label_smoothing" not in state  # the caller's own


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("intercepts_"),
        lambda state: state.update(activation_="softplus"),
        lambda state: state["coefs_"].append(np.ones((3, 3))),
        lambda state: state.update(coefs_=7),
    ],
)
def test_what_cannot_be_read_is_refused_by_the_names_of_both_versions(change):
    state = fitted().__getstate__()
    change(state)
    state["_inknet_version"] = "7.0"
    twin = MLPClassifier.__new__(MLPClassifier)
    with (
        pytest.warns(InconsistentVersionWarning),
        pytest.raises(
            ValueError, match=r"this MLPClassifier, which inknet 7\.0 pickled, cannot be"
        ),
    ):
        twin.__setstate__(state)


def test_a_subclass_with_parameters_of_its_own_is_pickled_too():
    stream = io.BytesIO()
    pickle.dump(Wide(width=30).fit(*DATA[MLPClassifier]), stream)
    stream.seek(0)
    assert pickle.load(stream).coefs_[0].shape == (4, 30)


class Wide(MLPClassifier):
    def __init__(self, width=20):
        super().__init__(hidden_layer_sizes=(width,), max_iter=2)
        self.width = width
