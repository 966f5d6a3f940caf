import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from samples import clouds, logits_in_use, make_trainer
from scipy.special import log_softmax, softmax
from sklearn.metrics import accuracy_score, log_loss

from inknet.training.inference import BATCH_SIZE, measure, predict_probabilities


@pytest.fixture(scope="module")
def trained():
    trainer = make_trainer(clouds(30), batch_norm="before", keep_prob=0.8, epochs=2)
    trainer.run()
    return trainer.network


@pytest.mark.parametrize("n", [1, 5, BATCH_SIZE, 2 * BATCH_SIZE + 1])
def test_measures_are_those_of_scikit_learn(trained, n):
    dataset = clouds(n, spread=1.5)
    loss, accuracy = measure(trained, dataset)
    probabilities = softmax(logits_in_use(trained, dataset.features), axis=1)
    expected = log_loss(dataset.labels, probabilities, labels=range(3))
    assert loss == pytest.approx(expected, rel=1e-10)
    assert accuracy == accuracy_score(dataset.labels, probabilities.argmax(axis=1))
    assert_allclose(predict_probabilities(trained, dataset), probabilities, rtol=1e-9)


def test_smoothing_is_part_of_the_loss(trained):
    dataset = clouds(50, spread=1.5)
    logs = log_softmax(logits_in_use(trained, dataset.features), axis=1)
    targets = 0.8 * np.eye(3)[dataset.labels] + 0.2 / 3
    assert measure(trained, dataset, 0.2)[0] == pytest.approx(-(targets * logs).sum() / 50)


def test_a_selection_is_measured_in_its_own_order(trained):
    dataset = clouds(40, spread=1.5)
    positions = np.random.default_rng(0).permutation(40)[:17]
    assert_array_equal(
        predict_probabilities(trained, dataset.subset(positions)),
        predict_probabilities(trained, dataset)[positions],
    )
