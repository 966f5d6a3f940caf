"""Callbacks do not know one another: whatever their order, the bits and the history are the same."""

from itertools import permutations
from math import isnan

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from samples import clouds, make_trainer

from inknet import MLPClassifier
from inknet.errors import InputError
from inknet.training.averaging import WeightAverage
from inknet.training.callbacks import Callback, EarlyStopping, EpochLines
from inknet.training.checkpoint import NEWEST, Checkpoint, Checkpointer
from inknet.training.ending import INTERRUPTED
from inknet.training.layer_monitor import LayerMonitor
from inknet.training.session import Session
from inknet.training.state import restore, state_of

COLUMNS = (
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "learning_rate",
    "gradient_norms",
    "active_fractions",
)


class Look(Callback):
    """Writes down what it sees of the others."""

    def __init__(self, stop_after=None):
        self.seen, self.stop_after = [], stop_after

    def on_epoch_end(self, trainer):
        self.seen.append((trainer.history.best_epoch, trainer.network.parameters.tobytes()))

    def on_measured(self, trainer):
        self.seen.append(trainer.network.parameters.tobytes())

    def on_step_end(self, trainer):
        if trainer.step == self.stop_after:
            trainer.stop_reason = INTERRUPTED

    def on_train_end(self, trainer):
        self.seen.append((str(trainer.history.ending), trainer.network.parameters.tobytes()))


class Keeper(Checkpointer):
    """Leaves out no checkpoint: each is written before the next step."""

    def on_gradients(self, trainer):
        self._wait()


SETTINGS = {"epochs": 9, "batch_norm": "before", "keep_prob": 0.8, "learning_rate": 0.3}
NAMES = ("monitor", "stopping", "average", "keeper", "look", "lines")


def run(order, folder, stop_after=None, resume=None):
    """Train with all callbacks in this order; return what is left of it."""
    callbacks = {
        "monitor": LayerMonitor(),
        "stopping": EarlyStopping(2, "val_loss"),
        "average": WeightAverage(0.7),
        "keeper": Keeper(folder, {}, 1e9, print),
        "look": Look(stop_after),
        "lines": EpochLines(2, lambda line: None),
    }
    trainer = make_trainer(clouds(40, 1.2), clouds(15, 1.2, seed=1), **SETTINGS)
    trainer.callbacks = [callbacks[name] for name in order]
    if resume is not None:
        restore(trainer, resume.arrays, resume.values)
    history = trainer.run()
    columns = [[getattr(record, name) for name in COLUMNS] for record in history]
    network = trainer.network
    return {
        "parameters": network.parameters.tobytes(),
        "statistics": network.statistics.tobytes(),
        "history": (columns, history.best_epoch, history.ending),
        "seen": callbacks["look"].seen,
    }


ORDERS = [NAMES, NAMES[::-1], *list(permutations(NAMES))[7::97]]


@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
def test_the_order_of_callbacks_has_no_meaning(order, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    expected = run(NAMES, tmp_path / "a")
    assert run(order, tmp_path / "b") == expected
    assert expected["history"][1] is not None
    first, second = (Checkpoint.load(tmp_path / folder / NEWEST).arrays for folder in ("a", "b"))
    assert first.keys() == second.keys()
    for name, array in first.items():
        assert_array_equal(array, second[name])


@pytest.mark.parametrize("order", ORDERS[:4], ids=" ".join)
def test_a_checkpoint_is_taken_when_all_callbacks_are_done_whatever_their_order(order, tmp_path):
    whole = run(NAMES, tmp_path)
    run(order, tmp_path, stop_after=17)
    found = Checkpoint.load(tmp_path / NEWEST)
    assert found.values["step"] == 17
    resumed = run(order[::-1], tmp_path, resume=found)
    for name in ("parameters", "statistics", "history"):
        assert resumed[name] == whole[name], name


# -- one contract, kept by both trainings ----------------------------------------------------------


class Contract(Callback):
    """Reads all that a session has, at each event of a step."""

    def __init__(self):
        self.steps, self.rates = [], []

    def read(self, session):
        values = {name: getattr(session, name) for name in vars(Session) if name[0] != "_"}
        values["stop_reason"] = session.stop_reason
        assert {"network", "settings", "optimizer", "history", "epoch", "base_rate"} <= set(values)
        return values

    def on_gradients(self, session):
        self.steps.append(self.read(session)["step"])

    def on_step_end(self, session):
        values = self.read(session)
        assert 0 < values["learning_rate"] <= values["base_rate"]
        assert values["step"] == self.steps[-1] + 1 <= values["total_steps"]
        assert values["epoch"] == 1 + self.steps[-1] // 4

    def on_measured(self, session):
        assert not isnan(session.history[-1].train_loss)
        assert len(session.history[-1].gradient_norms) == len(session.network.dense_layers)


def test_a_callback_reads_the_same_of_a_recipes_training_and_of_the_estimators():
    data, ours, theirs = clouds(32), Contract(), Contract()
    make_trainer(data, callbacks=[ours], epochs=3).run()
    estimator = MLPClassifier((6, 5), batch_size=8, max_iter=3, callbacks=[theirs], tol=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        estimator.fit(data.features, data.labels)
    assert ours.steps == theirs.steps == list(range(12))


# -- names in a checkpoint ------------------------------------------------------------------------


class Counter(Callback):
    def __init__(self):
        self.n = 0

    def on_step_end(self, trainer):
        self.n += 1

    def state(self):
        return {"n": np.array([self.n])}, {"n": self.n}

    def restore(self, arrays, values):
        assert arrays["n"] == values["n"]
        self.n = values["n"]


class Named(Counter):
    name = "my own"


def state_after(callbacks):
    trainer = make_trainer(clouds(24), callbacks=callbacks, epochs=2)
    trainer.run()
    arrays, values = state_of(trainer)
    return {name: array.copy() for name, array in arrays.items()}, values


def test_callbacks_are_found_again_by_name_wherever_they_stand():
    state = state_after([Named(), Counter(), EpochLines(1, lambda line: None)])
    assert list(state[1]["callbacks"]) == ["layer monitor", "my own", "Counter", "epoch lines"]
    counter, named = Counter(), Named()
    trainer = make_trainer(
        clouds(24), callbacks=[Callback(), EpochLines(1), counter, named], epochs=2
    )
    restore(trainer, *state)
    assert counter.n == named.n == 6


def test_two_of_one_name_have_a_place_each():
    state = state_after([Counter(), Counter()])
    assert list(state[1]["callbacks"]) == ["layer monitor", "Counter", "Counter 2"]
    first, second = Counter(), Counter()
    restore(make_trainer(clouds(24), callbacks=[first, second], epochs=2), *state)
    assert first.n == second.n == 6


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ([Counter], [], "the callback 'Counter' was there and is missing"),
        ([], [Named], "the callback 'my own' was not there"),
        ([Counter], [Named], "'Counter' was there and is missing; the callback 'my own' was not"),
    ],
)
def test_other_callbacks_than_before_are_refused_in_one_line(before, after, says):
    state = state_after([kind() for kind in before])
    trainer = make_trainer(clouds(24), callbacks=[kind() for kind in after], epochs=2)
    with pytest.raises(InputError) as caught:
        restore(trainer, *state)
    assert says in str(caught.value)
    assert "the checkpoint does not fit this training" in str(caught.value)
    assert str(caught.value).isprintable()
