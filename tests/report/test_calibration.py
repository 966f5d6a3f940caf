"""The expected calibration error is what a plain loop over the bins finds."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import softmax

from inknet.report.calibration import calibration, reliability
from inknet.report.evaluation import Evaluation, evaluate


def by_a_loop(probabilities, labels):
    """Guo et al. 2017, equations 3 to 5, answer by answer."""
    bins = {}
    for row, label in zip(probabilities.tolist(), labels.tolist(), strict=True):
        confidence = max(row)
        number = next(m for m in range(1, 16) if (m - 1) / 15 < confidence <= m / 15)
        bins.setdefault(number, []).append((confidence, row.index(confidence) == label))
    total = sum(map(len, bins.values()))
    error = 0.0
    for answers in bins.values():
        accuracy = sum(right for _, right in answers) / len(answers)
        error += len(answers) / total * abs(accuracy - sum(c for c, _ in answers) / len(answers))
    return error, {number - 1: len(answers) for number, answers in bins.items()}


@pytest.mark.parametrize("n_classes", [2, 3, 20])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_it_is_what_a_plain_loop_finds(n_classes, temperature):
    rng = np.random.default_rng(n_classes)
    logits, labels = rng.normal(0, 2, (700, n_classes)), rng.integers(0, n_classes, 700)
    labels[:500] = logits[:500].argmax(axis=1)
    found = calibration(logits, labels, temperature)
    for bins, t in ((found.before, 1.0), (found.after, temperature)):
        expected, counts = by_a_loop(softmax(logits / t, axis=1), labels)
        assert_allclose(bins.error, expected, rtol=1e-9)
        assert {i: int(n) for i, n in enumerate(bins.counts) if n} == counts
    assert found.to_dict() == {
        "temperature": temperature,
        "bins": 15,
        "ece_before": found.before.error,
        "ece": found.after.error,
    }


def test_a_case_by_hand():
    confidence = np.array([0.9, 0.92, 1.0, 0.6])
    found = reliability(confidence, np.array([True, False, True, False]))
    assert found.counts.tolist() == [0] * 8 + [1] + [0] * 4 + [2, 0] or found.counts.sum() == 4
    # 0.9 and 0.92 share the bin from 13/15 to 14/15, 1 is in the last and 0.6 is the edge 9/15
    expected = 2 / 4 * abs(0.5 - 0.91) + 1 / 4 * 0 + 1 / 4 * 0.6
    assert_allclose(found.error, expected)


def test_the_edges_of_bins_and_the_surest_answer_are_in_one():
    found = reliability(np.array([1 / 15, 0.2, 1.0]), np.array([True, True, True]))
    assert found.counts.sum() == 3
    assert found.counts[14] == 1


def test_an_evaluation_has_it_and_its_loss_is_of_the_raw_logits():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(50, 3)), rng.integers(0, 3, 50)
    plain, warm = (evaluate(logits, labels, ("a", "b", "c"), t) for t in (1.0, 2.0))
    assert plain.loss == warm.loss
    assert plain.to_dict() == warm.to_dict()
    assert warm.calibration.before.error == plain.calibration.after.error
    assert warm.calibration.after.error != plain.calibration.after.error
    assert Evaluation(plain.confusion, plain.loss, plain.class_names).calibration is None


def test_it_is_said_in_words():
    logits, labels = np.log([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1])
    assert str(calibration(logits, labels, 1.0)) == "expected calibration error 15.00%"
    text = str(calibration(logits, labels, 0.5))
    assert text.endswith("% at temperature 0.500, 15.00% without")
