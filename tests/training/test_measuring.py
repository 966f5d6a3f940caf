"""What is measured after an epoch, what once at the end, and that it does not change the weights."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from samples import clouds, logits_in_use, make_trainer, pictures
from scipy.special import softmax
from sklearn.metrics import accuracy_score, log_loss

import inknet.training.measuring as measuring
from inknet import Callback
from inknet.training.ending import INTERRUPTED
from inknet.training.measuring import measured_part


def outside(network, dataset):
    """Loss and accuracy by scikit-learn, from the network's tensors."""
    probabilities = softmax(logits_in_use(network, dataset.stored()), axis=1)
    loss = log_loss(dataset.targets, probabilities, labels=range(3))
    return loss, accuracy_score(dataset.targets, probabilities.argmax(axis=1))


class Keep(Callback):
    """Remembers what the measured part gives after each epoch."""

    def __init__(self):
        self.found = []

    def on_measured(self, trainer):
        self.found.append(outside(trainer.network, trainer.measured))


@pytest.mark.parametrize(
    ("n", "n_validation", "wanted", "expected"),
    [
        (30, 20, 7, 7),
        (30, None, 7, 7),
        (30, 20, 31, 30),
        (30, 20, "all", 30),
        (900, 20, None, 900),
        (2500, 20, None, 1000),
        (2500, 1200, None, 1200),
        (2500, 2400, None, 2400),
        (2500, 2600, None, 2500),
        (2500, None, None, 1000),
        (12_000, None, None, 1200),
        (120_000, None, None, 10_000),
        (2500, 1200, "all", 2500),
    ],
)
def test_how_many_samples_are_measured(n, n_validation, wanted, expected):
    train = clouds(n)
    part = measured_part(train, clouds(n_validation) if n_validation else None, wanted)
    assert len(part) == expected
    if expected < n:
        assert len(np.unique(part.rows)) == expected
        assert part.rows.min() >= 0
        assert part.rows.max() < n


def test_the_part_is_drawn_from_all_of_the_samples_and_always_the_same():
    rows = measured_part(clouds(4000), None, 1000).rows
    assert np.histogram(rows, bins=4, range=(0, 4000))[0].min() > 200  # 250 ± 13
    assert_array_equal(rows, measured_part(clouds(4000), None, 1000).rows)


@pytest.mark.parametrize("settings", [{}, {"average_decay": 0.8}, {"patience": 1}])
def test_a_part_is_measured_after_each_epoch_and_all_samples_at_the_end(settings):
    train, keep = clouds(60, spread=2.0), Keep()
    trainer = make_trainer(
        train,
        clouds(25, spread=2.0, seed=1),
        [keep],
        measured_samples=7,
        epochs=4,
        **settings,
    )
    history = trainer.run()
    for record, (loss, accuracy) in zip(history, keep.found, strict=True):
        assert record.train_loss == pytest.approx(loss, rel=1e-9)
        assert record.train_accuracy == accuracy
    loss, accuracy = outside(trainer.network, train)
    assert history.train_loss == pytest.approx(loss, rel=1e-9)
    assert history.train_accuracy == accuracy
    assert history.train_loss != history[-1].train_loss


@pytest.mark.parametrize("ops", ["numpy", "numba"])
@pytest.mark.parametrize("data", [clouds, pictures])
def test_how_much_is_measured_does_not_change_the_weights_by_a_bit(ops, data, monkeypatch):
    monkeypatch.setenv("INKNET_OPS", ops)
    found = []
    for wanted in (7, "all", None):
        trainer = make_trainer(
            data(60), data(25, seed=1), measured_samples=wanted, keep_prob=0.7, epochs=2
        )
        trainer.run()
        found.append(trainer.network.parameters.copy())
    assert_array_equal(found[0], found[1])
    assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("ops", ["numpy", "numba"])
@pytest.mark.parametrize("data", [clouds, pictures])
def test_samples_that_are_kept_and_others_are_measured_alike(ops, data, monkeypatch):
    monkeypatch.setenv("INKNET_OPS", ops)
    monkeypatch.setattr(measuring, "BATCH_SIZE", 16)
    histories = []
    for limit in (measuring.KEPT_BYTES, 0):
        monkeypatch.setattr(measuring, "KEPT_BYTES", limit)
        histories.append(make_trainer(data(60), data(37, seed=1), epochs=2).run())
    kept, others = ([(r.train_loss, r.val_loss, r.val_accuracy) for r in h] for h in histories)
    np.testing.assert_allclose(kept, others, rtol=1e-6)


def test_a_training_that_a_signal_ends_does_not_measure_all():
    class Stop(Callback):
        def on_epoch_end(self, trainer):
            trainer.stop_reason = INTERRUPTED

    history = make_trainer(clouds(30), callbacks=[Stop()], epochs=3).run()
    assert len(history) == 1
    assert history.train_loss is None
    assert history.train_accuracy is None


def test_callbacks_know_the_end_result_when_the_training_ends():
    class Look(Callback):
        def on_train_end(self, trainer):
            self.found = trainer.history.train_accuracy

    look = Look()
    history = make_trainer(clouds(30), callbacks=[look]).run()
    assert look.found == history.train_accuracy
    assert look.found is not None
