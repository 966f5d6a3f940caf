"""A callback starts afresh with each training; only one that resumes continues with its state."""

import copy
import pickle
import threading
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from rich.console import Console
from samples import clouds, make_trainer
from sklearn.base import clone
from sklearn.model_selection import KFold, cross_val_score

from inknet import MLP, Callback, MLPClassifier
from inknet.errors import InputError
from inknet.training.averaging import WeightAverage
from inknet.training.callbacks import EarlyStopping, EpochLines
from inknet.training.checkpoint import NEWEST, Checkpoint, Checkpointer
from inknet.training.layer_monitor import LayerMonitor
from inknet.training.progress import ProgressBar
from inknet.training.state import restore, state_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Best(Callback):
    """Early stopping as a user may write it: without `state`, with all it knows in attributes."""

    decided = 0

    def __init__(self):
        self.losses = []
        self.best = np.inf
        self.kept = None

    def on_measured(self, trainer):
        self.decided += 1
        self.losses.append(trainer.history[-1].train_loss)
        if self.losses[-1] < self.best:
            self.best = self.losses[-1]
            self.kept = trainer.network.parameters.copy()

    def on_choose_weights(self, trainer):
        trainer.network.parameters[:] = self.kept


class Patient(EarlyStopping):
    """A built-in callback with more state."""

    def __init__(self):
        super().__init__(2, "val_loss")
        self.worse = 0

    def on_measured(self, trainer):
        before = self.best
        super().on_measured(trainer)
        self.worse += self.best == before
        if self.worse == 3:
            trainer.stop_reason = "three times worse"


KINDS = {
    "early stopping": lambda: EarlyStopping(2, "val_loss"),
    "average": lambda: WeightAverage(0.9),
    "monitor": LayerMonitor,
    "own": Best,
    "extended": Patient,
}
HANDED_ON = {
    "itself": lambda callback: callback,
    "deepcopy": copy.deepcopy,
    "pickle": lambda callback: pickle.loads(pickle.dumps(callback)),
    "clone": lambda callback: clone(MLPClassifier(callbacks=[callback])).callbacks[0],
}


def trained(callback, seed, **settings):
    """Return what a small training with this callback leaves."""
    settings = {"epochs": 12, "learning_rate": 0.3, "batch_norm": "before"} | settings
    data = clouds(40, 1.5, seed), clouds(15, 1.5, seed + 1)
    trainer = make_trainer(*data, [callback], seed=seed, **settings)
    history = trainer.run()
    columns = [(record.val_loss, record.gradient_norms) for record in history]
    return trainer.network.parameters.tobytes(), trainer.network.statistics.tobytes(), columns


@cache
def trained_with_a_new(kind, seed):
    return trained(KINDS[kind](), seed)


@pytest.mark.parametrize("hand_on", HANDED_ON.values(), ids=HANDED_ON)
@pytest.mark.parametrize("kind", KINDS)
def test_a_callback_that_was_used_does_what_a_new_one_does(kind, hand_on):
    callback = KINDS[kind]()
    assert trained(callback, 0) == trained_with_a_new(kind, 0)
    for seed in (7, 0, 7):
        callback = hand_on(callback)
        assert trained(callback, seed) == trained_with_a_new(kind, seed)


def test_what_a_callback_has_seen_stays_until_its_next_training():
    callback = Best()
    trained(callback, 0)
    assert callback.decided == len(callback.losses) == 12
    first = callback.losses
    trained(callback, 0, epochs=3)
    assert callback.decided == len(callback.losses) == 3
    assert len(first) == 12


def test_a_copy_made_during_a_training_starts_afresh_too():
    class Copies(Best):
        def on_epoch_end(self, trainer):
            self.twin = None
            self.twin = copy.deepcopy(self)

    callback = Copies()
    trained(callback, 0)
    assert callback.twin.best < np.inf
    assert trained(callback.twin, 7) == trained(Best(), 7)


def test_a_callback_that_writes_to_a_file_can_be_cloned(tmp_path):
    class Writes(Callback):
        def __init__(self, file):
            self.write = file.write

        def on_epoch_end(self, trainer):
            self.write("epoch\n")

    with (tmp_path / "log").open("w") as file:
        model = MLPClassifier((3,), max_iter=2, callbacks=[Writes(file)])
        for _ in range(2):
            model = clone(model).fit(NOISE, COINS)
    assert (tmp_path / "log").read_text() == "epoch\n" * 4


def test_a_training_that_fails_leaves_nothing_to_the_next():
    class Fails(Best):
        def on_epoch_end(self, trainer):
            if len(self.losses) == 5:
                raise RuntimeError("not today")

    callback = Fails()
    with pytest.raises(RuntimeError, match="not today"):
        trained(callback, 0)
    assert trained(callback, 7, epochs=4) == trained(Best(), 7, epochs=4)


def test_settings_that_are_changed_by_hand_are_kept():
    stopping = EarlyStopping(1, "val_loss")
    stopping.patience = 3
    for patience in (3, 5):
        stopping.patience = patience
        assert trained(stopping, 7, epochs=40) == trained(
            EarlyStopping(patience, "val_loss"), 7, epochs=40
        )


def test_a_callback_may_say_itself_what_it_forgets():
    class Total(Callback):
        def __init__(self):
            self.n_steps, self.n_trainings = 0, 0

        def start_afresh(self):
            self.n_trainings += 1

        def on_step_end(self, trainer):
            self.n_steps += 1

    total = Total()
    for seed in range(3):
        trained(total, seed)
    assert (total.n_trainings, total.n_steps) == (3, 3 * 12 * 5)


def test_lines_bars_and_checkpoints_can_be_used_again(tmp_path):
    lines = []
    callbacks = [
        EpochLines(4, lines.append),
        ProgressBar(Console(quiet=True, force_terminal=True)),
    ]
    for epochs in (6, 5):
        make_trainer(clouds(24), clouds(9), callbacks, epochs=epochs).run()
        assert len(callbacks[1].progress.tasks) == 1
    checkpointer = Checkpointer(tmp_path, {}, 1e9, pytest.fail)
    for n_steps in (3, 6):
        make_trainer(clouds(8 * n_steps), callbacks=[checkpointer], epochs=1).run()
        assert Checkpoint.load(tmp_path / NEWEST).values["step"] == n_steps
    assert [line.split()[1] for line in lines] == ["1/6", "4/6", "6/6", "1/5", "4/5", "5/5"]


def test_the_second_model_does_not_get_the_weights_of_the_first():
    features, labels = clouds(90, 2.0).features, clouds(90).labels
    stopping = EarlyStopping(50, "val_accuracy")
    models = [MLP([4, 30, 3], random_seed=seed) for seed in range(2)]
    for turn in range(2):
        for model, part in zip(models, (slice(0, 45), slice(45, 90)), strict=True):
            alone = copy.deepcopy(model)
            for each, callback in ((model, stopping), (alone, EarlyStopping(50, "val_accuracy"))):
                each.train(
                    features[part], labels[part], features[part], labels[part], 0.02, 20 + turn,
                    callbacks=[callback],
                )  # fmt: skip
            assert_array_equal(model.network.parameters, alone.network.parameters)


# -- the estimator ----------------------------------------------------------------------------------

generator = np.random.default_rng(0)
NOISE, COINS = generator.normal(size=(160, 30)), generator.integers(0, 2, 160)
MEMORIZING = {"max_iter": 60, "learning_rate_init": 0.02, "random_state": 0, "tol": 0.0}


@pytest.mark.parametrize("callback", [EarlyStopping(100, "val_accuracy"), Best()])
def test_noise_cannot_be_predicted_however_callbacks_are_handed_on(callback):
    model = MLPClassifier((40,), **MEMORIZING, callbacks=[callback])
    # what is memorized is known to be all of it
    model.fit(NOISE, COINS, X_val=NOISE, y_val=COINS)
    assert model.score(NOISE, COINS) > 0.95
    scores = []
    for train, test in KFold(4).split(NOISE):
        part = NOISE[train], COINS[train]
        given = dict(zip(("X_val", "y_val"), part, strict=True))
        scores.append(model.fit(*part, **given).score(NOISE[test], COINS[test]))
        again = clone(model).fit(*part, **given)
        scores.append(again.score(NOISE[test], COINS[test]))
    assert np.mean(scores) == pytest.approx(0.5, abs=0.1)


def test_noise_cannot_be_predicted_by_cross_validation_in_threads_either():
    best = Best()
    model = MLPClassifier((40,), **MEMORIZING, callbacks=[best]).fit(NOISE, COINS)
    from joblib import parallel_config

    with parallel_config("threading", n_jobs=2):
        scores = cross_val_score(model, NOISE, COINS, cv=4)
    assert scores.mean() == pytest.approx(0.5, abs=0.1)


class Count(Callback):
    def __init__(self):
        self.n = 0

    def on_step_end(self, trainer):
        self.n += 1


def test_a_further_part_goes_on_and_another_model_does_not():
    count = Count()
    models = [MLPClassifier((5,), callbacks=[count], random_state=seed) for seed in range(2)]
    for n_parts in (1, 2, 3):
        models[0].partial_fit(NOISE, COINS, classes=[0, 1])
        assert count.n == n_parts
    models[1].partial_fit(NOISE, COINS, classes=[0, 1])
    assert count.n == 1
    models[0].partial_fit(NOISE, COINS)
    assert count.n == 1
    models[0].fit(NOISE, COINS)
    assert count.n == models[0].n_iter_


# -- several at once, and resuming ------------------------------------------------------------------


def test_two_trainings_at_once_are_not_mixed():
    inside, go_on = threading.Event(), threading.Event()

    class Waits(Best):
        def on_train_begin(self, trainer):
            inside.set()
            assert go_on.wait(60)

    callback, results = Waits(), []
    thread = threading.Thread(target=lambda: results.append(trained(callback, 0)))
    thread.start()
    assert inside.wait(60)
    try:
        with pytest.raises(InputError, match="the callback Waits is in another training at the"):
            trained(callback, 7)
    finally:
        go_on.set()
        thread.join(60)
    assert results == [trained(Best(), 0)]
    assert trained(callback, 7) == trained(Best(), 7)


def test_a_callback_without_attributes_may_be_in_two_trainings_at_once():
    class Nested(Callback):
        n = 0

        def on_epoch_end(self, trainer):
            if Nested.n < 3:
                Nested.n += 1
                trained(self, 7, epochs=1)

    trained(Nested(), 0, epochs=1)
    assert Nested.n == 3


def test_a_training_that_resumes_continues_with_its_own_state():
    def new_trainer(callbacks):
        return make_trainer(clouds(40, 1.5), clouds(15, 1.5, 1), callbacks, epochs=9, seed=3)

    def callbacks():
        return [EarlyStopping(3, "val_loss"), WeightAverage(0.9)]

    whole = new_trainer(callbacks())
    whole.run()

    taken = []

    class Stop(Callback):
        def on_safe_point(self, trainer):
            if len(trainer.history) == 4:
                taken.append(copy.deepcopy(state_of(trainer)))
                trainer.stop_reason = "enough"

    used = callbacks()
    new_trainer([*used, Stop()]).run()
    for callback in used:  # in another training in between
        trained(callback, 7)
    resumed = new_trainer(used)
    restore(resumed, *taken[0])
    resumed.run()
    assert resumed.history.best_epoch == whole.history.best_epoch
    assert_array_equal(resumed.network.parameters, whole.network.parameters)


# -- what callbacks may be --------------------------------------------------------------------------


@pytest.mark.parametrize("interval", [None, 1])
def test_none_is_no_callback(interval, capsys):
    data = clouds(24)
    MLP([4, 3]).train(
        data.features, data.labels, num_epochs=2, print_interval=interval, callbacks=None,
        doctor=False,
    )  # fmt: skip
    assert len(capsys.readouterr().out.splitlines()) == (2 if interval else 0)
    make_trainer(data, callbacks=None).run()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (Best(), "callbacks is of type Best; expected a list of inknet.Callback"),
        (Best, "callbacks is the class Best; expected a list of inknet.Callback"),
        (3, "callbacks is of type int; expected a list of inknet.Callback"),
        ([Best], r"callbacks\[0\] is the class Best; expected an instance of inknet.Callback"),
        (
            [Best(), print],
            r"callbacks\[1\] is of type builtin_function_or_method; expected an inst",
        ),
    ],
)
def test_what_is_no_list_of_callbacks_is_refused_in_one_line(wrong, says):
    data = clouds(24)
    for interval in (None, 1):
        with pytest.raises(InputError, match=says):
            MLP([4, 3]).train(data.features, data.labels, print_interval=interval, callbacks=wrong)
    if isinstance(wrong, list):
        with pytest.raises(ValueError, match=says):  # of scikit-learn's own kind
            MLPClassifier(callbacks=wrong).fit(data.features, data.labels)


def test_a_callback_that_takes_no_arguments_refuses_them():
    class Plain(Callback):
        pass

    with pytest.raises(TypeError):
        Plain(3)
