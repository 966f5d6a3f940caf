"""scikit-learn's own callbacks see each fit and epoch, where its version has them."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from inknet import MLPClassifier, MLPRegressor

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has them from 1.9 on")

X, y = load_iris(return_X_y=True)
QUICK = {"hidden_layer_sizes": (6,), "random_state": 0, "n_iter_no_change": 50}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Recorder:
    """Follows scikit-learn's protocol; may want to stop after an epoch."""

    def __init__(self, stop_after=None):
        self.events, self.predictions, self.stop_after = [], [], stop_after

    def setup(self, estimator, context):
        self.events.append("setup")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self.events.append(f"{context.task_name} begins")
        assert len(X) == len(y)

    def on_fit_task_end(self, estimator, context, *, X=None, metadata=None, fitted_estimator=None):
        self.events.append(f"{context.task_name} ends")
        self.metadata = metadata
        if context.task_name == "epoch":
            self.predictions.append(fitted_estimator.predict(X))
        return len(self.predictions) == self.stop_after

    def teardown(self, estimator, context):
        self.events.append("teardown")


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_they_see_the_fit_and_each_epoch(kind):
    recorder = Recorder()
    model = kind(**QUICK, max_iter=3, batch_norm="after").set_callbacks(recorder).fit(X, y)
    epoch = ["epoch begins", "epoch ends"]
    expected = ["setup", "fit begins", *epoch * 3, "fit ends", "teardown"]
    assert recorder.events == expected
    for n_epochs, found in enumerate(recorder.predictions, 1):
        shorter = clone(model).set_callbacks().set_params(max_iter=n_epochs).fit(X, y)
        assert_array_equal(shorter.predict(X), found)
    weights = np.ones(len(y))
    model.fit(X, y, weights)
    assert recorder.metadata == {"sample_weight": weights}


def test_they_may_stop_the_training():
    model = MLPClassifier(**QUICK, max_iter=30).set_callbacks(Recorder(stop_after=4)).fit(X, y)
    assert model.n_iter_ == 4
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


def test_with_early_stopping_they_see_the_best_weights_so_far():
    recorder = Recorder()
    model = MLPClassifier(**QUICK, max_iter=25, early_stopping=True, learning_rate_init=0.05)
    model.set_callbacks(recorder).fit(X, y)
    assert_array_equal(recorder.predictions[-1], model.predict(X))


def test_lbfgs_is_one_task():
    recorder = Recorder()
    MLPClassifier(**QUICK, solver="lbfgs").set_callbacks(recorder).fit(X, y)
    assert recorder.events == ["setup", "fit begins", "fit ends", "teardown"]


def test_they_are_torn_down_after_an_error():
    recorder = Recorder()
    model = MLPRegressor(**QUICK, learning_rate_init=1e200).set_callbacks(recorder)
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(X, y)
    assert recorder.events[-1] == "teardown"


def test_scikit_learns_monitor_scores_each_epoch():
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = MLPClassifier(**QUICK, max_iter=5, learning_rate_init=0.03).set_callbacks(monitor)
    pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
    of_fit, *of_epochs = monitor.get_logs().data_as_pandas["accuracy"]
    expected = [
        clone(pipeline).set_params(mlpclassifier__max_iter=n).fit(X, y).score(X, y)
        for n in range(1, 6)
    ]
    assert of_epochs == expected
    assert of_fit == expected[-1]
