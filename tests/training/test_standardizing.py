"""Features that are standardized while a network trains, against scikit-learn's StandardScaler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from inknet import MLP, InputError

X, Y = load_wine(return_X_y=True)
ORDER = np.random.default_rng(1).permutation(len(Y))
X, Y = X[ORDER], Y[ORDER]
SCALER = StandardScaler().fit(X[:120])


def trained(X_train: NDArray[Any], X_val: NDArray[Any], **options: Any) -> MLP:
    model = MLP([13, 8, 3], dtype="float64", random_seed=3)
    model.train(X_train, Y[:120], X_val, Y[120:], 0.01, 8, 16, **options)
    return model


def test_a_network_learns_as_from_features_that_were_standardized_before() -> None:
    ours = trained(X[:120], X[120:], standardize=True)
    theirs = trained(SCALER.transform(X[:120]), SCALER.transform(X[120:]))
    assert ours.history is not None
    assert theirs.history is not None
    np.testing.assert_allclose(
        ours.history.column("val_loss"), theirs.history.column("val_loss"), rtol=1e-9
    )
    np.testing.assert_allclose(
        ours.predict_proba(X), theirs.predict_proba(SCALER.transform(X)), atol=1e-9
    )


def test_it_learns_on_from_where_it_was() -> None:
    model = trained(X[:120], X[120:], standardize=True)
    before = model.predict_proba(X)
    model.train(X[:120], Y[:120], X[120:], Y[120:], 1e-12, 1, standardize=True)
    np.testing.assert_allclose(model.predict_proba(X), before, atol=1e-9)


def test_the_file_of_a_model_needs_nothing_more(tmp_path: Path) -> None:
    model = trained(X[:120], X[120:], standardize=True)
    model.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(
        MLP.load(tmp_path / "m.safetensors").predict_proba(X), model.predict_proba(X)
    )


def test_a_training_that_is_refused_leaves_the_network_as_it_was() -> None:
    model = trained(X[:120], X[120:], standardize=True)
    before = model.network.parameters.copy()
    with pytest.raises(InputError, match="patience"):
        model.train(X[:120], Y[:120], standardize=True, patience=3)
    np.testing.assert_array_equal(model.network.parameters, before)


def test_a_constant_feature_stays_as_it_is() -> None:
    constant = X.copy()
    constant[:, 4] = 5.0
    model = MLP([13, 8, 3])
    history = model.train(constant, Y, num_epochs=3, standardize=True)
    assert np.isfinite(history[-1].train_loss)


def test_distorted_images_are_not_standardized() -> None:
    images = np.random.default_rng(0).integers(0, 255, (20, 64)).astype(np.uint8)
    with pytest.raises(InputError, match="standardize and distortions exclude each other"):
        MLP([64, 8, 2]).train(
            images, np.arange(20) % 2, standardize=True, augment={"rotation": 5.0}
        )
