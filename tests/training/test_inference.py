import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from samples import clouds, logits_in_use, make_trainer
from scipy.special import softmax
from sklearn.metrics import accuracy_score, log_loss

from inknet.training.inference import BATCH_SIZE, predict_logits
from inknet.training.measuring import measure


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
    found = softmax(predict_logits(trained, dataset), axis=1)
    assert_allclose(found, probabilities, rtol=1e-9)


def test_a_selection_is_measured_in_its_own_order(trained):
    dataset = clouds(40, spread=1.5)
    positions = np.random.default_rng(0).permutation(40)[:17]
    assert_array_equal(
        predict_logits(trained, dataset.subset(positions)),
        predict_logits(trained, dataset)[positions],
    )
