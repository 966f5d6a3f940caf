"""A training that goes on from a checkpoint ends as if nothing had been; a damaged one is refused."""

import copy
import errno
import json
import os
import re
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from safetensors import SafetensorError
from samples import clouds, make_trainer, pictures

from inknet import MLP, InputError
from inknet.nn.ops import VARIABLE
from inknet.recipes import TrainingRecipe
from inknet.training.callbacks import Callback
from inknet.training.checkpoint import NEWEST, PREVIOUS, Checkpoint, Checkpointer
from inknet.training.ending import INTERRUPTED
from inknet.training.state import restore, state_of

BATCHES, EPOCHS = 4, 4  # 26 samples in batches of 8: the last is short
STEPS = BATCHES * EPOCHS


class StopAfter(Callback):
    """Takes the state after one step, as a checkpoint would hold it, and ends the training."""

    def __init__(self, step):
        self.step, self.taken = step, None

    def on_step_end(self, trainer):
        if trainer.step == self.step:
            self.taken = taken(trainer)
            trainer.stop_reason = INTERRUPTED


class StopAfterEpoch(StopAfter):
    """The same after an epoch, when it has been measured."""

    on_step_end = Callback.on_step_end

    def on_epoch_end(self, trainer):
        if len(trainer.history) == self.step:
            self.taken = taken(trainer)
            trainer.stop_reason = INTERRUPTED


def taken(trainer):
    arrays, values = state_of(trainer)
    return {name: array.copy() for name, array in arrays.items()}, json.loads(json.dumps(values))


def trainer_of(callbacks=(), n=26, **settings):
    defaults = {"epochs": EPOCHS, "schedule": "one_cycle", "patience": 2, "monitor": "val_loss"}
    if settings.pop("images", False):
        train, validation = pictures(n), pictures(15, seed=1)
        defaults["augment"] = {
            "rotation": 20.0,
            "shift": 1.0,
            "elastic_alpha": 5.0,
            "fade": 0.9,
        }
    else:
        train, validation = clouds(n, spread=1.2), clouds(15, spread=1.2, seed=1)
    return make_trainer(train, validation, callbacks, **(defaults | settings))


def outcome(trainer):
    """All that a training leaves, but the times."""
    history = asdict(trainer.history)
    for record in history["records"]:
        record["seconds"] = record["training_seconds"] = None
    return {
        "parameters": trainer.network.parameters.tobytes(),
        "statistics": trainer.network.statistics.tobytes(),
        "optimizer": {name: a.tobytes() for name, a in trainer.optimizer.arrays().items()},
        "steps": (trainer.step, trainer.optimizer.steps_taken, trainer.learning_rate),
        "streams": {name: g.bit_generator.state for name, g in vars(trainer.streams).items()},
        "history": {**history, "seconds": None},
    }


@cache
def uninterrupted(ops, **settings):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, ops)
        trainer = trainer_of(**settings)
        trainer.run()
        assert trainer.history.ops == ops
        return outcome(trainer)


def interrupted(ops, stops, kind=StopAfter, **settings):
    """The outcome of a training that is stopped after each of some steps, and goes on each time."""
    state = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, ops)
        for stop in [*stops, None]:
            look = kind(stop)
            trainer = trainer_of([look], **settings)
            if state is not None:
                restore(trainer, *state)
            if stop == 0:
                state = taken(trainer)  # before anything has happened
                continue
            trainer.run()
            if look.taken is None:  # it went on to its end
                return outcome(trainer)
            state = look.taken
    raise AssertionError


# -- to the same bits ------------------------------------------------------------------------------


@pytest.mark.parametrize("ops", ["numpy", "numba"])
@pytest.mark.parametrize("shuffle", [True, False], ids=["shuffled", "in order"])
@pytest.mark.parametrize("keep_prob", [1.0, 0.7], ids=["no dropout", "dropout"])
@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
@pytest.mark.parametrize("optimizer", ["gradient_descent", "momentum", "adam"])
@settings(deadline=None, max_examples=3)
@given(
    stops=st.lists(st.integers(0, STEPS), min_size=1, max_size=4, unique=True).map(sorted),
    dtype=st.sampled_from(["float32", "float64"]),
)
@example(stops=[0], dtype="float32")
@example(stops=[BATCHES + 2], dtype="float32")
@example(stops=[BATCHES], dtype="float64")
@example(stops=[STEPS], dtype="float32")
def test_a_training_stopped_after_any_steps_goes_on_to_the_same_bits(
    ops, shuffle, keep_prob, batch_norm, optimizer, stops, dtype
):
    settings = {
        "shuffle": shuffle,
        "keep_prob": keep_prob,
        "batch_norm": batch_norm,
        "optimizer": optimizer,
        "dtype": dtype,
        "clip_norm": 1.0,
    }
    assert interrupted(ops, stops, **settings) == uninterrupted(ops, **settings)


LATER = {
    "images": True,
    "batch_norm": "before",
    "keep_prob": 0.8,
    "optimizer": "adamw",
    "weight_decay": 0.1,
    "warmup": 0.3,
    "average_decay": 0.9,
    "max_norm": 1.0,
    "adversarial": 0.3,
    "measured_samples": 10,
}


@pytest.mark.parametrize("ops", ["numpy", "numba"])
@settings(deadline=None, max_examples=8)
@given(stops=st.lists(st.integers(0, STEPS), min_size=1, max_size=4, unique=True).map(sorted))
@example(stops=[0])
@example(stops=[BATCHES + 2, 2 * BATCHES + 1])
@example(stops=[BATCHES, 2 * BATCHES])
def test_so_does_one_with_distorted_images_averaged_weights_and_all_that(ops, stops):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inknet.training.averaging.INTERVAL", 3)
        patch.setattr("inknet.training.batches.ROWS_AHEAD", 16)  # two batches at a time
        assert interrupted(ops, stops, **LATER) == uninterrupted(ops, **LATER)


@pytest.mark.parametrize("forgotten", ["augmentation", "average"])
def test_its_outcome_would_show_what_a_checkpoint_forgets(forgotten):
    look = StopAfter(BATCHES + 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, "numpy")
        patch.setattr("inknet.training.averaging.INTERVAL", 3)
        patch.setattr("inknet.training.batches.ROWS_AHEAD", 16)
        trainer_of([look], **LATER).run()
        arrays, values = look.taken
        later = trainer_of([look], **LATER)
        if forgotten == "augmentation":
            values["streams"]["augmentation"] = values["streams"]["split"]
        else:
            for name in [
                name for name in arrays if name.startswith("callback.weight average.parameters")
            ]:
                arrays[name] += 1e-6
        restore(later, arrays, values)
        later.run()
        assert outcome(later)["parameters"] != uninterrupted("numpy", **LATER)["parameters"]


@pytest.mark.parametrize("stop", range(1, 7))
@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy"])
def test_patience_is_neither_won_nor_lost_by_going_on_after_an_epoch(stop, monitor):
    settings = {"epochs": 12, "learning_rate": 0.4, "patience": 2, "monitor": monitor}
    expected = uninterrupted("numpy", **settings)
    assert expected["history"]["ending"]["text"] == "early stopping"
    assert 3 <= len(expected["history"]["records"]) < 12
    assert interrupted("numpy", [stop], StopAfterEpoch, **settings) == expected


def test_an_outcome_would_show_what_a_checkpoint_forgets():
    everything = {"keep_prob": 0.7, "batch_norm": "before"}
    whole = uninterrupted("numpy", **everything)
    look = StopAfter(6)
    trainer_of([look], **everything).run()
    arrays, values = look.taken
    start_arrays, start_values = taken(trainer_of([Callback()], **everything))
    forgotten = [
        *[({**arrays, name: start_arrays[name]}, values) for name in start_arrays],
        *[
            (arrays, {**values, "streams": {**values["streams"], name: state}})
            for name, state in start_values["streams"].items()
            if name in ("dropout", "shuffling")
        ],
        (arrays, {**values, "steps_taken": 0}),
    ]
    assert len(forgotten) == 7
    for state in forgotten:
        trainer = trainer_of([Callback()], **everything)
        restore(trainer, *state)
        trainer.run()
        assert outcome(trainer) != whole


# A price on weights so high that each step makes them a hundred times as large, and of the other
# sign: in epoch 7 they overflow, until the rate has been halved six times.
GROWING = {
    "hidden": (),
    "learning_rate": 1.0,
    "l2_lambda": 808.0,
    "optimizer": "gradient_descent",
    "schedule": "constant",
    "dtype": "float32",
    "epochs": 9,
    "patience": 9,
    "on_divergence": "go_back",
    "n": 24,
}


@pytest.mark.parametrize("ops", ["numpy", "numba"])
@pytest.mark.parametrize("stops", [[18], [19], [20], [19, 20], [21, 22], [9, 26]])
def test_a_training_that_goes_back_ends_the_same_whenever_it_was_stopped(ops, stops):
    expected = uninterrupted(ops, **GROWING)
    assert expected["history"]["rollbacks"] == 6
    assert interrupted(ops, stops, **GROWING) == expected


# -- the file --------------------------------------------------------------------------------------


def timeless(values):
    return {**values, "epoch_seconds": None, "history": {**values["history"], "seconds": None}}


def checkpoint_of(step=6, **settings):
    look = StopAfter(step)
    trainer_of([look], **({"keep_prob": 0.7, "batch_norm": "before"} | settings)).run()
    return Checkpoint(*look.taken, {"recipe": "a" * 64, "data": "b" * 64})


def same(first, second):
    assert timeless(first.values) == timeless(second.values)
    assert first.origin == second.origin
    assert first.arrays.keys() == second.arrays.keys()
    for name, array in first.arrays.items():
        assert array.dtype == second.arrays[name].dtype
        assert_array_equal(array, second.arrays[name], strict=True)
    return True


def test_what_is_saved_is_what_is_loaded(tmp_path):
    checkpoint = checkpoint_of()
    checkpoint.save(tmp_path)
    same(Checkpoint.load(tmp_path / NEWEST), checkpoint)
    assert [path.name for path in tmp_path.iterdir()] == [NEWEST]


def test_the_one_before_is_kept(tmp_path):
    made = [checkpoint_of(step) for step in (2, 3, 4)]
    for newest, before in zip(made[1:], made, strict=False):
        before.save(tmp_path)
        newest.save(tmp_path)
        same(Checkpoint.load(tmp_path / NEWEST), newest)
        same(Checkpoint.load(tmp_path / PREVIOUS), before)
        assert {path.name for path in tmp_path.iterdir()} == {NEWEST, PREVIOUS}


def loads_right_or_not_at_all(path, content, sound):
    """Whether a file of this content is refused; if it is not, it must hold what the sound one did."""
    path.write_bytes(content)
    try:
        found = Checkpoint.load(path)
    except InputError as error:
        assert str(error).startswith(f"{path}: ") and str(error).isprintable()
        return False
    return same(found, sound)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A checkpoint, and its file's content."""
    folder = tmp_path_factory.mktemp("sound")
    checkpoint = checkpoint_of()
    checkpoint.save(folder)
    return checkpoint, (folder / NEWEST).read_bytes()


def test_a_checkpoint_cut_anywhere_is_refused(sound, tmp_path):
    checkpoint, content = sound
    lengths = [len(content) * percent // 100 for percent in range(100)] + [len(content) - 1]
    loaded = [loads_right_or_not_at_all(tmp_path / "c", content[:n], checkpoint) for n in lengths]
    assert loaded == [False] * 101


def test_a_checkpoint_whose_tail_is_zeros_is_refused(sound, tmp_path):
    checkpoint, content = sound
    assert content[-1] != 0
    for percent in range(100):
        n = len(content) * percent // 100
        zeroed = content[:n] + bytes(len(content) - n)
        assert not loads_right_or_not_at_all(tmp_path / "c", zeroed, checkpoint), n


def test_a_checkpoint_with_any_bit_flipped_is_refused_or_the_same(sound, tmp_path):
    checkpoint, content = sound
    generator = np.random.default_rng(0)
    header = 8 + int.from_bytes(content[:8], "little")
    assert header < len(content) / 2
    places = {len(content) * percent // 100 for percent in range(100)}
    places |= set(range(0, header, 3))
    harmless = 0
    for place in sorted(places):
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(generator.integers(8))
        harmless += loads_right_or_not_at_all(tmp_path / "c", bytes(flipped), checkpoint)
    assert harmless <= 8, "nothing but the padding of the header is without meaning"


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"inknet", b"\xff" * 100, b"PK\3\4" * 50])
def test_other_files_are_refused(content, sound, tmp_path):
    assert not loads_right_or_not_at_all(tmp_path / "c", content, sound[0])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_no_checkpoint_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / NEWEST)
    with pytest.raises(InputError, match="it is no file"):
        Checkpoint.load(tmp_path / NEWEST)


def test_no_file_is_no_checkpoint(tmp_path):
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / NEWEST}: cannot be read")):
        Checkpoint.load(tmp_path / NEWEST)


# -- a write that fails ----------------------------------------------------------------------------


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_in_words(*_, **__):
    raise SafetensorError("Error while serializing: No space left on device")


def half_written(arrays, path, header):
    Path(path).write_bytes(b"half")
    full()


@pytest.mark.parametrize(
    ("place", "fails"),
    [
        ("inknet.files._new_file_next_to", full),
        ("safetensors.numpy.save_file", half_written),
        ("safetensors.numpy.save_file", full_in_words),
        ("os.fsync", full),
        ("pathlib.Path.chmod", full),
    ],
)
def test_a_write_that_fails_leaves_both_as_they_were(tmp_path, monkeypatch, place, fails):
    for step in (2, 3):
        checkpoint_of(step).save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    third = checkpoint_of(4)
    with monkeypatch.context() as patch, pytest.raises(InputError) as caught:
        patch.setattr(place, fails)
        third.save(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / NEWEST}: cannot be written: ")
    assert "o space left" in str(caught.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("has_links", [True, False])
def test_a_last_step_that_fails_loses_no_checkpoint(tmp_path, monkeypatch, has_links):
    for step in (2, 3):
        checkpoint_of(step).save(tmp_path)
    second, third = checkpoint_of(3), checkpoint_of(4)
    replace = Path.replace

    def refuse(path, target):
        if target.name == NEWEST:
            full()
        return replace(path, target)

    with monkeypatch.context() as patch, pytest.raises(InputError, match="cannot be written"):
        patch.setattr(Path, "replace", refuse)
        if not has_links:
            patch.setattr(os, "link", full)
        third.save(tmp_path)
    left = [path for path in (tmp_path / NEWEST, tmp_path / PREVIOUS) if path.exists()]
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in left}
    same(Checkpoint.load(left[0]), second)
    third.save(tmp_path)
    same(Checkpoint.load(tmp_path / NEWEST), third)


def test_where_files_have_one_name_only_the_one_before_is_kept_too(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", full)
    for step in (2, 3):
        checkpoint_of(step).save(tmp_path)
    same(Checkpoint.load(tmp_path / NEWEST), checkpoint_of(3))
    same(Checkpoint.load(tmp_path / PREVIOUS), checkpoint_of(2))
    assert {path.name for path in tmp_path.iterdir()} == {NEWEST, PREVIOUS}


def test_a_training_outlives_checkpoints_that_cannot_be_written_and_says_so_once(
    tmp_path, monkeypatch
):
    lines = []
    keeper = Checkpointer(tmp_path, {}, 0.0, lines.append)
    trainer = trainer_of([keeper])
    monkeypatch.setattr(safetensors.numpy, "save_file", full)
    trainer.run()
    assert outcome(trainer) == uninterrupted("numba" if trainer.history.ops == "numba" else "numpy")
    (line,) = lines
    assert line.startswith(f"{tmp_path / NEWEST}: cannot be written: No space left")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("interval", [0.0, 1e9])
def test_checkpoints_come_with_every_epoch_and_as_often_as_is_asked(tmp_path, interval):
    seen = []

    class Look(Callback):
        """Sees what is on disk, once it is written."""

        def on_step_end(self, trainer):
            keeper._wait()
            if (tmp_path / NEWEST).exists():
                seen.append(Checkpoint.load(tmp_path / NEWEST).values["step"])

        on_epoch_end = on_train_end = on_step_end

    keeper = Checkpointer(tmp_path, {}, interval, seen.append)
    trainer_of([keeper, Look()], patience=9).run()
    epochs = list(range(BATCHES, STEPS + 1, BATCHES))
    assert sorted(set(seen)) == (list(range(1, STEPS + 1)) if interval == 0 else epochs)


# -- a checkpoint made to do harm ------------------------------------------------------------------


SETTINGS = TrainingRecipe(epochs=3, batch_size=8, patience=2)


def model():
    return MLP([4, 6, 3], keep_probs=[0.7, 1.0], batch_norm="before", class_names="abc")


@pytest.fixture(scope="module")
def honest():
    """Arrays and values of a training with early stopping, in the middle of its second epoch."""
    look = StopAfter(BATCHES + 2)
    model().train_on(clouds(26), clouds(15), SETTINGS, [look])
    return look.taken


def go_on(state, folder):
    """Go on from a state that was saved, with a right checksum, and loaded."""
    Checkpoint(*state, {}).save(folder)
    checkpoint = Checkpoint.load(folder / NEWEST)
    return model().train_on(clouds(26), clouds(15), SETTINGS, [StopAfter(None)], checkpoint)


def test_an_honest_one_is_taken(honest, tmp_path):
    assert len(go_on(honest, tmp_path)) >= 2


def without(mapping, name):
    return {key: value for key, value in mapping.items() if key != name}


def hostile_states(honest):
    arrays, values = copy.deepcopy(honest)
    for name in arrays:
        if not name.startswith("callback."):  # those may be absent: no best epoch yet
            yield f"without {name}", (without(arrays, name), values)
        array = arrays[name]
        for what, other in {
            "shorter": array[:-1],
            "longer": np.append(array, array[:1]),
            "one element": array[:1],
            "square": array[:, None],
            "of another type": array.astype(np.float64),
            "whole numbers": array.astype(np.int32),
        }.items():
            yield f"{name} {what}", ({**arrays, name: other}, values)
    for name in values:
        yield f"without {name}", (arrays, without(values, name))
        for wrong in ("text", ["list"], {"a": 1}):
            if name != "stop_reason":
                yield f"{name} is {wrong}", (arrays, {**values, name: wrong})
    for step in (-1, 1, 10**6, 2**70, 6.5):
        yield f"step {step}", (arrays, {**values, "step": step})
    for name, state in values["streams"].items():
        streams = values["streams"]
        yield f"stream without {name}", (arrays, {**values, "streams": without(streams, name)})
        for what, other in {
            "another kind": {**state, "bit_generator": "MT19937"},
            "too large": {**state, "state": {"state": 2**200, "inc": 1}},
            "negative": {**state, "state": {"state": -1, "inc": 1}},
            "text": {**state, "state": "0"},
        }.items():
            changed = {**streams, name: other}
            yield f"stream {name} {what}", (arrays, {**values, "streams": changed})
    history = values["history"]
    for name in history:
        changed = {**values, "history": without(history, name)}
        if name != "findings":  # those of inknet 0.2 have none
            yield f"history without {name}", (arrays, changed)
        for wrong in (["list"], {"a": 1}, "text"):
            if not (name in ("ops", "stopped") and wrong == "text"):
                changed = {**values, "history": {**history, name: wrong}}
                yield f"history {name} is {wrong}", (arrays, changed)
    for name, value in history["records"][0].items():
        if not isinstance(value, (list, tuple)):
            wrong = [{**history["records"][0], name: "text"}]
            yield f"record {name}", (arrays, {**values, "history": {**history, "records": wrong}})
    for records in ([{}], [{"epoch": 1}], ["a"], [None], history["records"] * 5):
        changed = {**values, "history": {**history, "records": records}}
        yield f"records {str(records)[:30]}", (arrays, changed)


def test_a_checkpoint_with_a_right_checksum_and_wrong_content_is_refused_in_one_line(
    honest, tmp_path
):
    n_tried, let_in = 0, []
    for what, state in hostile_states(honest):
        n_tried += 1
        try:
            go_on(state, tmp_path)
        except InputError as error:
            assert str(error).isprintable(), what
            assert "the checkpoint does not fit this training" in str(error), what
        else:
            let_in.append(what)
    assert n_tried > 100
    assert let_in == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        "null",
        '{"format": 2}',
        '{"format": 2, "values": 3, "origin": {}}',
        '{"format": 2, "values": {}, "origin": ["a"]}',
        '{"format": 99, "values": {}, "origin": {}}',
        '{"format": "\\u001b[2J", "values": {}, "origin": {}}',
        "[" * 200_000,
        '{"format": ' + "9" * 10_000 + "}",
    ],
    ids=lambda text: text[:40],
)
def test_a_right_checksum_over_what_is_no_state_is_refused_in_one_line(text, tmp_path):
    from inknet.training.checkpoint import _digest

    arrays = {"parameters": np.zeros(3)}
    header = {"checkpoint": text, "sha256": _digest(text, arrays)}
    safetensors.numpy.save_file(arrays, tmp_path / NEWEST, header)
    with pytest.raises(InputError) as caught:
        Checkpoint.load(tmp_path / NEWEST)
    assert str(caught.value).startswith(f"{tmp_path / NEWEST}: ")
    assert str(caught.value).isprintable()


def test_a_checkpoint_of_the_version_before_is_refused_by_name_and_said_what_to_do(tmp_path):
    from inknet.training.checkpoint import _digest

    arrays = {"parameters": np.zeros(3)}
    text = '{"format": 1, "facts": {"step": 3, "callbacks": [{}]}, "origin": {}}'
    header = {"checkpoint": text, "sha256": _digest(text, arrays)}
    safetensors.numpy.save_file(arrays, tmp_path / NEWEST, header)
    with pytest.raises(InputError) as caught:
        Checkpoint.load(tmp_path / NEWEST)
    assert str(caught.value) == (
        f"{tmp_path / NEWEST}: a checkpoint of inknet 0.1; finish the training with that version, "
        "or start again with --force"
    )


@pytest.mark.parametrize("ops", ["numpy", "numba"])
@pytest.mark.parametrize("shuffle", [True, False], ids=["shuffled", "in order"])
def test_a_full_batch_training_stopped_after_any_step_goes_on_to_the_same_bits(ops, shuffle):
    whole = {"batch_size": "all", "shuffle": shuffle}
    assert interrupted(ops, [1, 2, 3], **whole) == uninterrupted(ops, **whole)
