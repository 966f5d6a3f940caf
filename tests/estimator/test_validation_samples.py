"""Samples to validate on are given, routed and named as in HistGradientBoostingClassifier."""

import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from inknet import MLPClassifier

X, y = load_wine(return_X_y=True)
X_TRAIN, X_VAL, Y_TRAIN, Y_VAL = train_test_split(X, y, test_size=60, random_state=0, stratify=y)
WEIGHTS = np.linspace(0.5, 2, len(Y_VAL))
SETTINGS = {"early_stopping": True, "learning_rate_init": 0.02, "max_iter": 80, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classifier(**settings):
    return MLPClassifier((20,), **SETTINGS | settings)


def requested(**settings):
    model = classifier(**settings)
    return model.set_fit_request(X_val=True, y_val=True, sample_weight_val=True)


def test_the_arguments_of_fit_are_those_of_gradient_boosting():
    theirs = inspect.signature(HistGradientBoostingClassifier.fit).parameters
    ours = inspect.signature(MLPClassifier.fit).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    for name, parameter in theirs.items():
        assert (ours[name].kind, ours[name].default) == (parameter.kind, parameter.default)


@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame])
def test_a_pipeline_transforms_the_validation_samples_as_it_does_the_others(form):
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(
            StandardScaler(), PCA(5, random_state=0), requested(), transform_input=["X_val"]
        )
        given = {"X_val": form(X_VAL), "y_val": Y_VAL, "sample_weight_val": WEIGHTS}
        pipeline.fit(form(X_TRAIN), Y_TRAIN, **given)
        score = pipeline.score(form(X_VAL), Y_VAL)
    by_hand = make_pipeline(StandardScaler(), PCA(5, random_state=0)).fit(form(X_TRAIN))
    alone = classifier().fit(
        by_hand.transform(form(X_TRAIN)),
        Y_TRAIN,
        X_val=by_hand.transform(form(X_VAL)),
        y_val=Y_VAL,
        sample_weight_val=WEIGHTS,
    )
    assert_array_equal(pipeline[-1].validation_scores_, alone.validation_scores_)
    assert_allclose(pipeline[-1].validation_loss_curve_, alone.validation_loss_curve_)
    assert score > 0.9


@pytest.mark.filterwarnings("ignore:validation_data is deprecated")
@pytest.mark.parametrize("argument", ["X_val", "validation_data"])
def test_samples_that_a_pipeline_does_not_transform_are_noticed(argument):
    pipeline = make_pipeline(StandardScaler(), classifier())
    given = {"X_val": X_VAL, "y_val": Y_VAL}
    if argument == "validation_data":
        given = {"validation_data": (X_VAL, Y_VAL)}
    step = {f"mlpclassifier__{name}": value for name, value in given.items()}
    says = r"51% of the validation features lie outside .*transform_input=\["
    with pytest.warns(UserWarning, match=says):
        pipeline.fit(X_TRAIN, Y_TRAIN, **step)


def test_samples_of_the_same_scale_are_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier().fit(X_TRAIN, Y_TRAIN, X_val=X_VAL, y_val=Y_VAL)
        classifier().fit(X_TRAIN[:9], Y_TRAIN[::14][:9], X_val=X_TRAIN[9:90], y_val=Y_TRAIN[9:90])


def test_a_search_passes_them_on():
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(StandardScaler(), requested(), transform_input=["X_val"])
        search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4, 1e-2]}, cv=3)
        search.fit(X_TRAIN, Y_TRAIN, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=WEIGHTS)
    assert search.best_score_ > 0.9
    assert len(search.best_estimator_[-1].validation_loss_curve_) > 5


def test_validation_data_still_work_and_warn():
    for given in ((X_VAL, Y_VAL), [X_VAL, Y_VAL, WEIGHTS]):
        with pytest.warns(FutureWarning, match=r"Pass X_val, y_val and .*transform_input") as said:
            old = classifier().fit(X_TRAIN, Y_TRAIN, validation_data=given)
        assert said[0].filename == __file__
        new = classifier().fit(
            X_TRAIN,
            Y_TRAIN,
            **dict(zip(("X_val", "y_val", "sample_weight_val"), given)),  # noqa: B905
        )
        assert old.validation_loss_curve_ == new.validation_loss_curve_


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"X_val": X_VAL}, "X_val is provided, but y_val was not provided"),
        ({"y_val": Y_VAL}, "y_val is provided, but X_val was not provided"),
        ({"sample_weight_val": WEIGHTS}, "sample_weight_val is provided, but X_val and y_val"),
        ({"X_val": X_VAL, "y_val": Y_VAL[1:]}, "inconsistent numbers of samples"),
        ({"X_val": X_VAL[:, 1:], "y_val": Y_VAL}, "X has 12 features, but MLPClassifier is exp"),
        ({"X_val": X_VAL, "y_val": Y_VAL, "sample_weight_val": WEIGHTS[1:]}, "sample_weight"),
        ({"X_val": X_VAL, "y_val": Y_VAL + 1}, "`y` has classes not in"),
        ({"X_val": X_VAL * np.nan, "y_val": Y_VAL}, "contains NaN"),
        ({"validation_data": X_VAL}, r"validation_data must be \(X, y\) or"),
        ({"validation_data": (X_VAL, Y_VAL), "X_val": X_VAL, "y_val": Y_VAL}, "are the same"),
    ],
    ids=range(10),
)
def test_what_does_not_belong_together_is_refused(given, says):
    with pytest.raises(ValueError, match=says):
        classifier().fit(X_TRAIN, Y_TRAIN, **given)


def test_labels_of_another_kind_are_refused():
    many = np.stack([Y_TRAIN == 0, Y_TRAIN > 0], axis=1).astype(int)
    with pytest.raises(ValueError, match=r"`y` has shape \(60,\); expected \(n, 2\): one column"):
        classifier().fit(X_TRAIN, many, X_val=X_VAL, y_val=Y_VAL > 0)
    with pytest.raises(ValueError, match=r"`y` has shape \(118, 2\); expected \(n,\)"):
        classifier().fit(X_TRAIN, Y_TRAIN, X_val=X_TRAIN, y_val=many)
    model = MLPClassifier(max_iter=2).fit(X_TRAIN, many)
    with pytest.raises(ValueError, match=r"`y` has shape \(118,\); expected \(n, 2\)"):
        model.partial_fit(X_TRAIN, Y_TRAIN > 0)


def test_a_sparse_part_of_digits_with_names_is_validated_on_too():
    from scipy import sparse

    features, digits = load_digits(return_X_y=True)
    names = np.array([f"digit {digit}" for digit in digits], dtype=object)
    model = classifier(max_iter=3)
    model.fit(features[:300] / 16, names[:300], X_val=sparse.csr_array(features[300:500] / 16),
              y_val=names[300:500])  # fmt: skip
    assert model.validation_scores_[-1] == model.score(features[300:500] / 16, names[300:500]) or (
        max(model.validation_scores_) == model.score(features[300:500] / 16, names[300:500])
    )
