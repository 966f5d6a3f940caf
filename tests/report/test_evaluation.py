import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
)

from inknet import InputError
from inknet.report.evaluation import evaluate, json_text


@st.composite
def answers(draw):
    """Probabilities, labels and names; some classes may never occur, or never be answered."""
    n_classes = draw(st.integers(2, 30))
    n_samples = draw(st.integers(1, 60))
    present = draw(st.lists(st.integers(0, n_classes - 1), min_size=1, max_size=n_classes))
    answered = draw(st.lists(st.integers(0, n_classes - 1), min_size=1, max_size=n_classes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    probabilities = rng.dirichlet(np.ones(n_classes), n_samples) + 1e-3
    probabilities[np.arange(n_samples), rng.choice(answered, n_samples)] += 1
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels = rng.choice(present, n_samples).astype(draw(st.sampled_from(["u1", "i4", "i8"])))
    return probabilities, labels, tuple(f"class {number}" for number in range(n_classes))


@given(answers())
@settings(max_examples=60, deadline=None)
def test_all_figures_are_those_of_scikit_learn(drawn):
    probabilities, labels, class_names = drawn
    classes = np.arange(len(class_names))
    predicted = probabilities.argmax(axis=1)

    evaluation = evaluate(np.log(probabilities), labels, class_names)

    assert evaluation.accuracy == accuracy_score(labels, predicted)
    assert evaluation.n_errors == (labels != predicted).sum()
    assert_array_equal(evaluation.confusion, confusion_matrix(labels, predicted, labels=classes))
    assert_allclose(evaluation.loss, log_loss(labels, probabilities, labels=classes))
    expected = precision_recall_fscore_support(labels, predicted, labels=classes, zero_division=0)
    assert_allclose(evaluation.precision, expected[0])
    assert_allclose(evaluation.recall, expected[1])
    assert_allclose(evaluation.f1, expected[2])
    assert_array_equal(evaluation.support, expected[3])


def test_a_class_never_present_and_one_never_answered_have_figures_of_zero():
    logits = np.log([[0.9, 0.09, 0.01], [0.8, 0.19, 0.01]])
    evaluation = evaluate(logits, np.array([0, 1]), ("a", "b", "c"))
    assert_array_equal(evaluation.precision, [0.5, 0, 0])
    assert_array_equal(evaluation.recall, [1, 0, 0])
    assert_array_equal(evaluation.support, [1, 1, 0])


@pytest.mark.parametrize(
    "labels", [[0, -1], [0, 3], [0.0, 1.0], [0.5, 1], [np.nan, 1], [True, False], [0], [[0, 1]], []]
)
def test_labels_that_are_no_classes_are_refused(labels):
    with pytest.raises(InputError, match=r"the labels are .*; expected "):
        evaluate(np.zeros((2, 3)), np.array(labels), ("a", "b", "c"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_truth_whose_probability_rounds_to_zero_has_a_finite_and_exact_loss(dtype):
    evaluation = evaluate(np.array([[2000, 0], [0, 0]], dtype), np.array([1, 1]), ("a", "b"))
    assert evaluation.loss == pytest.approx((2000 + np.log(2)) / 2)


def test_the_dictionary_as_text_is_json_with_a_line_for_each_row_of_the_matrix():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 50)
    names = ("a", "b", 'c"', "ж")
    figures = {"format": 1, "none": None, "empty": [], "x": {}, "deep": {"y": [1, "two"]}}
    figures["test"] = evaluate(rng.normal(size=(50, 4)), labels, names).to_dict()
    text = json_text(figures)
    assert json.loads(text) == figures
    rows = [f"      {json.dumps(row)}" for row in figures["test"]["confusion_matrix"]]
    assert ",\n".join(rows) in text
    assert text.splitlines()[:3] == ["{", '  "format": 1,', '  "none": null,']
    with pytest.raises(ValueError, match="Out of range"):
        json_text({"loss": np.nan})


def test_more_classes_than_a_matrix_can_hold_are_refused():
    names = tuple(map(str, range(10_001)))
    with pytest.raises(InputError, match="10,001 classes; expected at most 10,000"):
        evaluate(np.zeros((2, 10_001)), np.array([0, 1]), names)


def test_the_dictionary_survives_json_and_adds_up():
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet(np.ones(4), 50)
    labels = rng.integers(0, 4, 50)
    figures = evaluate(np.log(probabilities), labels, ("a", "b", "c", "d")).to_dict()
    assert json.loads(json.dumps(figures)) == figures
    assert figures["samples"] == np.sum(figures["confusion_matrix"]) == 50
    assert figures["errors"] == 50 - np.trace(figures["confusion_matrix"])
    assert sum(one["support"] for one in figures["classes"].values()) == 50
