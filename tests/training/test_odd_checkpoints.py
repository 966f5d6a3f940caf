"""A checkpoint whose checksum is right and whose content is odd is refused, or it trains to the end.

The variants are made from real checkpoints: every value and every array of them is replaced.
"""

import copy
import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import clouds, make_trainer

from commands import content
from inknet import Callback, InputError
from inknet.errors import TrainingStopped
from inknet.recipes import load_recipe
from inknet.runs import resume_run, train_run
from inknet.training.callbacks import EpochLines
from inknet.training.checkpoint import NEWEST, PREVIOUS, Checkpoint
from inknet.training.ending import INTERRUPTED
from inknet.training.state import restore, state_of
from odd_values import INF, NAN, ODD, changed, places, without


class StopAfter(Callback):
    """Ends the training after a step, as a signal does."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, trainer):
        if trainer.step == self.step:
            trainer.stop_reason = INTERRUPTED


SETTINGS = {"epochs": 5, "patience": 3, "monitor": "val_loss", "average_decay": 0.9, "clip_norm": 1}
KINDS = {
    "stop": {"optimizer": "adam", "batch_norm": "before", "keep_prob": 0.8},
    "go_back": {"optimizer": "momentum", "on_divergence": "go_back", "batch_norm": "after"},
}


def trainer_of(kind, *callbacks, **changes):
    lines = EpochLines(1, lambda line: None)
    train, validation = clouds(32, 1.2), clouds(15, 1.2, seed=1)
    choice = {**SETTINGS, **KINDS[kind], **changes}
    return make_trainer(train, validation, [lines, *callbacks], **choice)


def state_after(step, kind, **changes):
    trainer = trainer_of(kind, StopAfter(step), **changes)
    trainer.run()
    trainer.step = step
    arrays, values = state_of(trainer)
    return {name: array.copy() for name, array in arrays.items()}, json.loads(json.dumps(values))


@pytest.fixture(scope="module", params=[("stop", 10), ("go_back", 10), ("stop", 8)], ids=str)
def honest(request):
    """A kind of training, and its state within an epoch or between two."""
    kind, step = request.param
    taken = []

    class Look(StopAfter):
        def on_safe_point(self, trainer):
            if trainer.stop_reason is not None:
                taken.append(copy.deepcopy(state_of(trainer)))

    trainer_of(kind, Look(step)).run()
    arrays, values = taken[0]
    return kind, arrays, json.loads(json.dumps(values))


def resumes(kind, arrays, values):
    """Whether a state is let in; then it trains to the end and leaves weights that can be used."""
    trainer = trainer_of(kind)
    before = trainer.network.parameters.copy()
    try:
        restore(trainer, copy.deepcopy(arrays), copy.deepcopy(values))
    except InputError as error:
        assert str(error).startswith("the checkpoint does not fit this training: ")
        assert str(error).isprintable() and len(str(error)) < 1000
        assert np.array_equal(trainer.network.parameters, before)
        return False
    try:
        history = trainer.run()
    except InputError as error:
        assert str(error).isprintable()
        return False
    assert np.isfinite(trainer.network.parameters).all()
    assert np.isfinite(trainer.network.statistics).all()
    assert len({len(record.flat()) for record in history}) == 1
    assert all(np.isfinite([record.train_loss, record.seconds]).all() for record in history)
    return True


def odd_values(values):
    """Each value replaced by some other, taken away, or joined by one that is not known."""
    n_tried = 0
    for path in places(values):
        for number in range(4):
            odd = ODD[(7 * n_tried + number) % len(ODD)]
            n_tried += 1
            yield f"{path} is {str(odd)[:40]}", changed(values, path, lambda _, odd=odd: odd)
        parent = path[:-1]
        if isinstance(path[-1], str):
            yield f"without {path}", without(values, path)
            yield f"{parent} with more", changed(values, parent, lambda t: {**t, "more": 1})
        else:
            yield f"{parent} shorter", changed(values, parent, lambda rows: rows[:-1])
            yield f"{parent} longer", changed(values, parent, lambda rows: [*rows, rows[-1]])


def test_every_value_may_be_another_and_the_answer_is_one_line_or_a_training(honest):
    kind, arrays, values = honest
    assert resumes(kind, arrays, values)
    variants = list(odd_values(values))
    assert len(variants) > 200
    refused = 0
    for what, odd in variants:
        try:
            refused += not resumes(kind, arrays, odd)
        except Exception as error:
            raise AssertionError(f"{what}: {error!r}") from error
    assert refused > 0.8 * len(variants)


def odd_arrays(arrays):
    for name, array in arrays.items():
        yield f"without {name}", {key: one for key, one in arrays.items() if key != name}
        for what, value in {"NaN": NAN, "infinite": INF, "-infinite": -INF, "-1": -1}.items():
            broken = np.array(array)
            broken[-1] = value
            yield f"{name} with {what}", {**arrays, name: broken}
        for what, other in {
            "empty": array[:0],
            "shorter": array[1:],
            "one number": np.zeros((), array.dtype),
            "a row": array[None],
            "float32": array.astype(np.float32),
            "whole numbers": array.astype(np.int64),
            "truths": array.astype(bool),
        }.items():
            yield f"{name} {what}", {**arrays, name: other}
    yield "one more", {**arrays, "more": np.zeros(3)}
    yield "a safe one more", {**arrays, "safe.parameters": arrays["parameters"]}
    yield "one more callback", {**arrays, "callback.more.parameters": arrays["parameters"]}
    yield "none", {}


def test_every_array_may_be_another_and_the_answer_is_one_line_or_a_training(honest):
    kind, arrays, values = honest
    let_in = []
    for what, odd in odd_arrays(arrays):
        try:
            if resumes(kind, odd, values):
                let_in.append(what)
        except Exception as error:
            raise AssertionError(f"{what}: {error!r}") from error
    # -1 may be a weight; and what will be overwritten, or belongs to nobody, does no harm
    harmless = (" with -1", "one more callback")
    if kind == "go_back":  # infinite weights are what it goes back from
        harmless += ("NaN", "infinite", "a safe one more")
    else:  # a step of an infinite square is 0
        harmless += ("square with infinite", "mean with infinite", "mean with -infinite")
    assert [what for what in let_in if not what.endswith(harmless)] == []


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_two_odd_values_at_once_are_no_worse_than_one(honest, data):
    kind, arrays, values = honest
    for _ in range(2):
        path = data.draw(st.sampled_from(list(places(values))))
        odd = data.draw(st.sampled_from(ODD))
        values = changed(values, path, lambda _, odd=odd: odd)
    resumes(kind, arrays, values)


@pytest.mark.parametrize(
    ("first", "second"),
    [("stop", "go_back"), ("go_back", "stop")],
)
def test_the_state_of_another_training_is_refused(first, second):
    assert not resumes(second, *state_after(10, first))


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden": (6,)},
        {"hidden": (6, 7)},
        {"epochs": 2},
        {"batch_size": 16},
        {"patience": None},
        {"average_decay": 0.0},
        {"optimizer": "momentum"},
        {"optimizer": "gradient_descent"},
        {"dtype": "float32"},
    ],
    ids=str,
)
def test_the_state_of_a_training_with_other_settings_is_refused(changes):
    state = state_after(10, "stop")
    trainer = trainer_of("stop", **changes)
    with pytest.raises(InputError, match="the checkpoint does not fit this training"):
        restore(trainer, *state)


# -- through the folder of a run -------------------------------------------------------------------

RECIPE = [
    "data.source=sample",
    "data.limit=300",
    "network.hidden=[8]",
    "network.batch_norm=before",
    "training.batch_size=60",
    "training.epochs=4",
    "training.patience=3",
    "training.average_decay=0.9",
]


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """The folder of a run that was ended within its third epoch."""
    folder = tmp_path_factory.mktemp("ended") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INKNET_OPS", "numpy")
        with pytest.raises(TrainingStopped):
            train_run(load_recipe("quick", RECIPE), folder, callbacks=[StopAfter(9)])
    (folder / "unfinished" / PREVIOUS).unlink(missing_ok=True)
    return folder


def test_a_run_is_resumed_or_says_one_line_and_leaves_its_folder_as_it_was(
    ended, tmp_path, monkeypatch, no_pictures
):
    monkeypatch.setenv("INKNET_OPS", "numpy")
    sound = Checkpoint.load(ended / "unfinished" / NEWEST)
    variants = [(sound.arrays, values) for _, values in list(odd_values(sound.values))[::12]]
    variants += [
        ({**sound.arrays, name: a * np.float32(NAN)}, sound.values)
        for name, a in sound.arrays.items()
    ]
    refused = 0
    for number, (arrays, values) in enumerate(variants):
        folder = tmp_path / f"run {number}"
        shutil.copytree(ended, folder)
        Checkpoint(arrays, values, sound.origin).save(folder / "unfinished")
        (folder / "unfinished" / PREVIOUS).unlink()
        before, warned = content(folder), []
        try:
            run = resume_run(folder, warn=warned.append)
        except InputError as error:
            assert str(error).isprintable()
            assert content(folder) == before
            assert warned == []
            refused += 1
        else:
            assert run.metrics["training"]["epochs"] == 4
            assert np.isfinite(run.model().network.parameters).all()
    assert 40 < refused < len(variants)
