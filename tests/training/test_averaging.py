"""A running average of the weights is what is measured, kept and used in the end."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from samples import clouds, make_trainer

from inknet.errors import DivergedError, InputError
from inknet.training import averaging
from inknet.training.averaging import WeightAverage
from inknet.training.callbacks import Callback, EarlyStopping
from inknet.training.measuring import measure

N = 40  # 5 batches of 8


@pytest.fixture(autouse=True, params=["numpy", "numba"])
def ops(request, monkeypatch):
    monkeypatch.setenv("INKNET_OPS", request.param)


class Look(Callback):
    """Keeps the weights after each step, and what the network would be used with after an epoch."""

    def __init__(self):
        self.steps, self.in_use, self.own = [], [], []

    def on_train_begin(self, trainer):
        self.steps.append(learned(trainer.network))

    def on_step_end(self, trainer):
        self.steps.append(learned(trainer.network))

    def on_measured(self, trainer):
        self.in_use.append(learned(trainer.network))

    def on_epoch_end(self, trainer):
        self.own.append(learned(trainer.network))


def learned(network):
    return [network.parameters.copy(), network.statistics.copy()]


def trainer_of(*callbacks, validation=None, **settings):
    defaults = {"batch_norm": "before", "epochs": 6, "average_decay": 0.8, "optimizer": "adam"}
    return make_trainer(
        clouds(N, spread=1.2), validation, callbacks, **(defaults | settings), seed=1
    )


def averages(steps, decay, interval):
    """The average after each step, as the formula says it for one step at a time."""
    means = [steps[0]]
    for number, new in enumerate(steps[1:], 1):
        if number % interval:
            means.append(means[-1])
            continue
        kept = min(decay, (1 + number) / (10 + number)) ** interval
        means.append([kept * a + (1 - kept) * b for a, b in zip(means[-1], new, strict=True)])
    return means


@pytest.mark.parametrize("interval", [1, 3])
@pytest.mark.parametrize("decay", [0.3, 0.8])
def test_the_network_ends_with_the_moving_averages_of_its_weights(monkeypatch, interval, decay):
    monkeypatch.setattr(averaging, "INTERVAL", interval)
    look = Look()
    trainer = trainer_of(look, average_decay=decay)
    trainer.run()
    expected = averages(look.steps, decay, interval)
    assert len(look.steps) == 31
    for epoch, in_use in enumerate(look.in_use, 1):
        for found, one in zip(in_use, expected[5 * epoch], strict=True):
            assert_allclose(found, one, rtol=1e-10, atol=1e-12)
    for found, one in zip(learned(trainer.network), look.in_use[-1], strict=True):
        assert_array_equal(found, one)
    # and its own weights went their way undisturbed
    for found, one in zip(look.own, look.steps[5::5], strict=True):
        assert_array_equal(found[0], one[0])
    plain = Look()
    trainer_of(plain, average_decay=0.0).run()
    assert_array_equal(plain.steps[-1][0], look.steps[-1][0])
    assert not np.allclose(plain.in_use[-1][0], look.in_use[-1][0])


class Half(Callback):
    """Puts half of the weights into the network to be measured."""

    def on_measure_begin(self, trainer):
        self.own = trainer.network.parameters.copy()
        trainer.network.parameters *= 0.5

    def on_measure_end(self, trainer):
        trainer.network.parameters[:] = self.own


def test_two_callbacks_that_put_in_weights_leave_the_training_undisturbed():
    plain, look = Look(), Look()
    trainer_of(plain, average_decay=0.0).run()
    trainer_of(look, Half()).run()
    for found, one in zip(look.steps, plain.steps, strict=True):
        assert_array_equal(found[0], one[0])


@pytest.mark.parametrize(
    ("callbacks", "settings"),
    [
        ((WeightAverage(0.5),), {}),  # average_decay adds one
        ((WeightAverage(0.5), WeightAverage(0.9)), {"average_decay": 0.0}),
        ((EarlyStopping(2, "val_loss"),), {"patience": 3}),
        ((EarlyStopping(2, "val_loss"), EarlyStopping(2, "val_accuracy")), {}),
        ((Half(),) * 2, {}),
    ],
)
def test_two_callbacks_that_decide_the_weights_are_refused(callbacks, settings):
    with pytest.raises(InputError, match=r"callbacks has [A-Za-z]+ twice; expected it once"):
        trainer_of(*callbacks, validation=clouds(25), **settings)


def test_what_is_measured_is_the_average():
    validation, look = clouds(25, spread=1.2, seed=5), Look()
    trainer = trainer_of(look, validation=validation)
    history = trainer.run()
    for in_use, record in zip(look.in_use, history.records, strict=True):
        for array, value in zip(
            (trainer.network.parameters, trainer.network.statistics), in_use, strict=True
        ):
            array[:] = value
        loss, accuracy = measure(trainer.network, validation)
        assert record.val_loss == pytest.approx(loss, rel=1e-12)
        assert record.val_accuracy == accuracy
        assert record.train_loss == pytest.approx(measure(trainer.network, trainer.train)[0])


def test_early_stopping_gives_back_the_average_of_the_best_epoch():
    validation, look = clouds(25, spread=1.2, seed=5), Look()
    trainer = trainer_of(
        look,
        validation=validation,
        epochs=60,
        patience=3,
        monitor="val_loss",
        learning_rate=0.3,
    )
    history = trainer.run()
    assert history.stopped == "early stopping"
    assert history.best_epoch == len(history) - 3
    best = look.in_use[history.best_epoch - 1]
    for found, one in zip(learned(trainer.network), best, strict=True):
        assert_array_equal(found, one)


def test_a_training_that_diverges_leaves_the_average_from_the_beginning_of_the_epoch():
    class Spoil(Look):
        def on_step_end(self, trainer):
            super().on_step_end(trainer)
            if trainer.step == 13:
                trainer.network.parameters[:] = np.nan

    look = Spoil()
    trainer = trainer_of(look)
    with pytest.raises(DivergedError):
        trainer.run()
    for found, one in zip(learned(trainer.network), look.in_use[1], strict=True):
        assert_array_equal(found, one)
