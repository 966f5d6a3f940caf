"""Early stopping holds whole groups back, and scikit-learn routes them."""

import numpy as np
import pytest
import sklearn
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from inknet import MLPClassifier, MLPRegressor
from inknet.sklearn import perceptron
from inknet.sklearn.samples import Samples, hold_back

SETTINGS = {"hidden_layer_sizes": (8,), "max_iter": 3, "early_stopping": True, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


@pytest.fixture
def held_back(monkeypatch):
    """The groups of the samples that were learned from, and of those that were held back."""
    seen = []

    def watched(samples, *arguments, **named):
        parts = hold_back(samples, *arguments, **named)
        seen.append([set(part.features[:, 0].tolist()) for part in parts])
        return parts

    monkeypatch.setattr(perceptron, "hold_back", watched)
    return seen


def people(n=300, n_classes=3, seed=0):
    """Samples whose first feature is their group."""
    X, y = make_classification(
        n, 6, n_informative=4, n_classes=n_classes, n_clusters_per_class=1, random_state=seed
    )
    groups = np.random.default_rng(seed).integers(0, 25, n)
    X[:, 0] = groups
    return X, y, groups


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "numbers"])
def test_no_group_is_learned_from_and_validated_on(held_back, kind):
    X, y, groups = people(n_classes=2 if kind == "binary" else 3)
    if kind == "multilabel":
        y = np.stack([y == 0, y != 1], axis=1).astype(int)
    estimator = (MLPRegressor if kind == "numbers" else MLPClassifier)(**SETTINGS)
    estimator.fit(X, y, groups=[f"person {group}" for group in groups])
    estimator.fit(X, y)
    (learned, validated), (mixed, other) = held_back
    assert learned and validated and not learned & validated
    assert learned | validated == set(groups.tolist())
    assert mixed & other, "without groups, samples are drawn one by one"


def test_the_same_random_state_holds_back_the_same_groups():
    X, y, groups = people()
    parts = [
        hold_back(Samples(X, y), 0.2, np.random.RandomState(seed), groups=groups)[1].features
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(parts[0], parts[1])
    assert set(parts[0][:, 0]) != set(parts[2][:, 0])


def test_groups_reach_the_estimator_of_a_pipeline(held_back):
    X, y, groups = people()
    pipeline = make_pipeline(StandardScaler(with_mean=False), MLPClassifier(**SETTINGS))
    pipeline.fit(X, y, mlpclassifier__groups=groups)
    assert not held_back[0][0] & held_back[0][1]


def test_groups_are_routed_to_the_splitter_and_to_the_estimator(held_back):
    X, y, groups = people()
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = MLPClassifier(**SETTINGS).set_fit_request(groups=True)
        search = GridSearchCV(classifier, {"alpha": [0.1, 0.001]}, cv=GroupKFold(3))
        search.fit(X, y, groups=groups)
    assert len(held_back) == 2 * 3 + 1
    assert not any(learned & validated for learned, validated in held_back)


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        (np.zeros(300), "all samples are of one group"),
        (np.arange(299), "299 groups for 300 samples"),
        ([None] * 300, "sample 0 .* has no group"),
    ],
)
def test_groups_that_say_nothing_are_refused(groups, says):
    X, y, _ = people()
    with pytest.raises(ValueError, match=says):
        MLPClassifier(**SETTINGS).fit(X, y, groups=groups)


def test_groups_and_samples_to_validate_on_are_not_both_taken():
    X, y, groups = people()
    for estimator in (MLPClassifier(**SETTINGS), MLPRegressor(**SETTINGS)):
        with pytest.raises(ValueError, match="pass one of them"):
            estimator.fit(X, y, X_val=X, y_val=y, groups=groups)
