"""The doctor's arithmetic, against SciPy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import binomtest
from sklearn.neighbors import KNeighborsClassifier

from inknet.doctor.comparing import comparison, sign_test
from inknet.doctor.diagnosis import RULES
from inknet.doctor.facts import duplicated_columns, facts_of
from inknet.doctor.parts import Part, repeats
from inknet.doctor.rules_of_data import wilson
from inknet.doctor.second_opinion import second_opinion

RNG = np.random.default_rng(7)


@pytest.mark.parametrize(
    ("share", "n"), [(0.5, 10), (0.9, 100), (1.0, 36), (0.0, 5), (0.985, 9999)]
)
def test_the_interval_of_an_accuracy_is_wilsons(share: float, n: int) -> None:
    k = round(share * n)
    expected = binomtest(k, n).proportion_ci(method="wilson")
    found = wilson(k / n, n, z=1.959963984540054)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (3, 9), (40, 61), (700, 300)])
def test_two_models_are_compared_by_the_exact_sign_test(first: int, second: int) -> None:
    n = first + second
    expected = binomtest(first, n).pvalue if n else 1.0
    assert sign_test(first, second) == pytest.approx(expected, rel=1e-9)


def test_many_differences_are_compared_by_the_normal_approximation() -> None:
    assert sign_test(5000, 5200) == pytest.approx(binomtest(5000, 10200).pvalue, rel=1e-3)


def test_two_models_with_the_same_errors_are_not_different() -> None:
    right = RNG.random(500) < 0.9
    assert comparison("a", "b", right, right).identifier == "same-but-for-noise"
    other = right.copy()
    other[:80] = False
    found = comparison("a", "b", right, other)
    assert found.identifier == "different"
    assert found.title.startswith("a is better")


def test_neighbours_answer_as_those_of_scikit_learn() -> None:
    X = RNG.normal(size=(600, 6))
    y = (X @ RNG.normal(size=(6, 4))).argmax(axis=1)
    train, validation = Part(X[:400], y[:400]).some(), Part(X[400:], y[400:]).some()
    opinion = second_opinion(train, validation, 4)
    mean, deviation = X[:400].mean(axis=0), X[:400].std(axis=0)
    theirs = KNeighborsClassifier(5).fit((X[:400] - mean) / deviation, y[:400])
    accuracy = theirs.score((X[400:] - mean) / deviation, y[400:])
    assert opinion.nearest == pytest.approx(accuracy, abs=0.02)  # ties are broken otherwise
    assert opinion.linear > 0.7


def test_wrong_labels_are_contradicted_by_their_neighbours() -> None:
    X = RNG.normal(size=(900, 4)) + 6 * np.eye(4)[np.arange(900) % 3]
    y = np.arange(900) % 3
    wrong = RNG.permutation(np.arange(600, 900))[:30]
    y[wrong] = (y[wrong] + RNG.integers(1, 3, 30)) % 3
    opinion = second_opinion(Part(X[:600], y[:600]).some(), Part(X[600:], y[600:]).some(), 3)
    assert set(opinion.contradicted) <= set(wrong - 600)
    assert len(opinion.contradicted) >= 28


def test_columns_that_repeat_another_are_found() -> None:
    X = RNG.normal(size=(300, 8))
    X[:, 5], X[:, 7] = -3 * X[:, 2] + 1, X[:, 0]
    assert sorted(duplicated_columns(X)) == [(0, 7), (2, 5)]
    assert duplicated_columns(RNG.normal(size=(300, 8))) == []


@pytest.mark.parametrize("kind", [np.uint8, np.float32, csr_matrix])
def test_rows_that_are_in_both_parts_are_counted(kind: object) -> None:
    X = RNG.integers(0, 200, size=(500, 40)).astype(np.uint8)
    others = RNG.integers(0, 200, size=(100, 40)).astype(np.uint8)
    others[:17] = X[RNG.permutation(500)[:17]]
    others[20] = X[3]
    others[20, 39] += 1  # all but one number
    make = csr_matrix if kind is csr_matrix else lambda a: a.astype(kind)
    y, y_val = np.zeros(500, int), np.zeros(100, int)
    train, validation = Part(make(X), y), Part(make(others), y_val)
    found = repeats(train, validation, train.some().features.std(axis=0))
    assert (found.across, found.compared) == (17, 100)


def test_the_order_of_labels_is_1_if_random_and_0_if_sorted() -> None:
    y = RNG.integers(5, size=4000)
    X = RNG.normal(size=(4000, 2))
    assert facts_of(Part(X, y).some(), y, 5).order == pytest.approx(1, abs=0.05)
    y = np.sort(y)
    assert facts_of(Part(X, y).some(), y, 5).order < 0.01


def test_a_rule_explains_only_findings_that_there_are() -> None:
    known = {rule.identifier for rule in RULES}
    assert len(known) == len(RULES)
    for rule in RULES:
        assert set(rule.explains) <= known, rule.identifier
        assert rule.decision.endswith(".")
