"""The columns of a table mean what their names say, in whatever order they come."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine

from commands import inknet
from inknet import MLP, InputError
from inknet.data import load
from inknet.data.feature_names import column_order
from inknet.errors import InputWarning
from inknet.runs.other_data import matched
from inknet.runs.submission import write_submission


@pytest.fixture(scope="module")
def wine():
    frame = load_wine(as_frame=True).frame
    features = frame.drop(columns="target")
    return (features - features.mean()) / features.std(), frame["target"]


@pytest.fixture(scope="module")
def model(wine):
    features, labels = wine
    mlp = MLP([13, 16, 3], random_seed=0)
    mlp.train(features, labels.to_numpy(), num_epochs=30, learning_rate=0.01)
    return mlp


def test_a_frame_with_its_columns_in_another_order_gets_the_same_answers(model, wine):
    features, labels = wine
    expected = model.predict_proba(features)
    assert model.evaluate(features, labels).accuracy > 0.95
    turned = features[features.columns[::-1]]
    np.testing.assert_array_equal(model.predict_proba(turned), expected)
    assert model.evaluate(turned, labels).accuracy == model.evaluate(features, labels).accuracy
    # an array has no names, so its order counts
    assert (model.predict_proba(turned.to_numpy()) != expected).any()


def test_the_names_are_in_the_model_file(model, wine, tmp_path):
    features, _ = wine
    model.save(tmp_path / "wine.safetensors")
    loaded = MLP.load(tmp_path / "wine.safetensors")
    assert loaded.facts.feature_names == tuple(features.columns)
    turned = features[features.columns[::-1]]
    np.testing.assert_array_equal(loaded.predict_proba(turned), model.predict_proba(features))


def test_validation_and_further_training_find_the_columns_too(wine):
    features, labels = wine
    turned = features[features.columns[::-1]]

    def trained(first, validation, second):
        mlp = MLP([13, 8, 3], random_seed=0)
        mlp.train(first, labels.to_numpy(), validation, labels.to_numpy(), num_epochs=2)
        losses = [mlp.history[-1].val_loss]
        mlp.train(second, labels.to_numpy(), num_epochs=2)
        return [*losses, mlp.history[-1].train_loss]

    assert trained(features, turned, turned) == trained(features, features, features)


def test_a_table_in_another_order_is_evaluated_and_submitted_by_name(model, wine, tmp_path):
    features, labels = wine
    path, out = tmp_path / "wine.csv", tmp_path / "submission.csv"
    turned = features[features.columns[::-1]]
    turned.assign(label=labels).to_csv(path, index=False)
    expected = model.evaluate(features, labels).accuracy
    assert model.evaluate_on(matched(load(path), model)).accuracy == expected
    numbers = 7919 * np.arange(len(features)) % 1009  # of customers
    turned.assign(CustomerId=numbers).to_csv(path, index=False)
    with pytest.warns(InputWarning, match="the model knows no column 'CustomerId'; left out"):
        write_submission(model, path, out)
    predicted = pd.read_csv(out)["Label"]
    np.testing.assert_array_equal(predicted, model.predict(features))


def test_a_column_that_is_missing_is_named(model, wine):
    features, _ = wine
    other = features.rename(columns={"ash": "sand"})
    with pytest.raises(InputError, match=r"^X: no column 'ash', which the model learned from$"):
        model.predict(other)


def test_other_names_for_all_columns_are_warned_of(model, wine):
    features, _ = wine
    other = features.rename(columns=str.upper)
    np.testing.assert_array_equal(model.predict(other), model.predict(features))
    other.columns = [f"V{i}" for i in range(13)]
    with pytest.warns(InputWarning, match="are not called columns 'alcohol', .* in their order"):
        np.testing.assert_array_equal(model.predict(other), model.predict(features))


@pytest.mark.parametrize(
    ("found", "expected", "order"),
    [
        ("", "ab", None),
        ("ba", "", None),
        ("ab", "ab", None),
        ("ba", "ab", [1, 0]),
        ("BA", "ab", [1, 0]),
        ("aAb", "abA", [0, 2, 1]),  # by case, where the names differ in it only
    ],
)
def test_where_columns_are(found, expected, order):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        places = column_order(list(found), list(expected), "table")
    assert (None if places is None else places.tolist()) == order


@pytest.mark.parametrize("found", ["aab", "ac", "a"])
def test_columns_that_cannot_be_found_are_refused(found):
    with pytest.raises(InputError, match=r"^table: (two columns|no column)"):
        column_order(list(found), ["b", "a"], "table")


def test_a_run_is_judged_on_a_table_read_as_its_own_was(wine, tmp_path):
    features, labels = wine
    # two columns could be the label, so the training had to be told
    table = features.assign(cultivar=labels, region=np.arange(len(labels)) % 2)
    table.to_csv(tmp_path / "wine.csv", index=False)
    few = ["--set", "training.epochs=30", "--set", "network.hidden=[8]", "--label", "cultivar"]
    inknet("train", "--data", "wine.csv", "--out", "run", *few, folder=tmp_path)
    said = inknet("evaluate", "run", "--data", "wine.csv", folder=tmp_path).stdout
    assert "178" in said
    message = inknet("submit", "run", "wine.csv", folder=tmp_path, expect=2).stderr
    assert "has a column 'cultivar'; a submission is for tables without" in message
