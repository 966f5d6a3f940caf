"""A training whose loss is no longer a number says where and what helps, and keeps the best."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from samples import clouds, make_trainer

from commands import finish
from inknet import MLP
from inknet.data import Dataset
from inknet.errors import DivergedError
from inknet.training.callbacks import Callback
from inknet.training.divergence import MOST_ROLLBACKS

# Each step makes the weights a hundred times as large, and turns their signs: the price on them is
# l2_lambda / 2n · sum(w²), whose gradient step is w - rate · l2_lambda / n · w = w - 101 w.
GROWING = {
    "hidden": (),
    "learning_rate": 1.0,
    "l2_lambda": 808.0,
    "batch_size": 8,
    "optimizer": "gradient_descent",
    "schedule": "constant",
    "dtype": "float32",
    "epochs": 9,
}
STEPS_IN_EPOCH = 3  # 24 samples


@pytest.fixture(autouse=True, params=["numpy", "numba"])
def ops(request, monkeypatch):
    """Let every test hold whatever the loop computes with."""
    monkeypatch.setenv("INKNET_OPS", request.param)
    return request.param


class Copies(Callback):
    """Keeps the weights of each step and of each epoch; may spoil some."""

    def __init__(self, spoil_after=None, spoil=lambda network: None):
        self.spoil_after, self.spoil = spoil_after, spoil
        self.steps, self.epochs, self.problems = [], [], []

    def on_step_end(self, trainer):
        self.steps.append(trainer.network.parameters.copy())
        if trainer.step == self.spoil_after:
            self.spoil(trainer.network)

    def on_epoch_end(self, trainer):
        self.epochs.append(trainer.network.parameters.copy())

    def on_rollback(self, trainer, problem):
        rate = trainer.base_rate / trainer.settings.learning_rate
        self.problems.append((problem, trainer.step, rate))


def diverge(trainer):
    with pytest.raises(DivergedError) as caught:
        trainer.run()
    message = str(caught.value)
    assert message.isprintable()
    assert trainer.history.stopped == "failed"
    return message


# -- it stops, and says why -------------------------------------------------------------------------


def test_it_is_noticed_in_the_step_in_which_the_loss_overflows_and_said_what_helps():
    copies = Copies()
    message = diverge(make_trainer(clouds(24), callbacks=[copies], **GROWING))
    # the weights before the step can still be written in float32, or just not
    assert np.abs(copies.steps[-2]).max() < np.finfo(np.float32).max
    step, epoch = map(int, re.search(r"the loss of step (\d+) in epoch (\d+)", message).groups())
    assert step == len(copies.steps) + 1
    assert epoch == 1 + (step - 1) // STEPS_IN_EPOCH
    for helps in ("lower learning_rate than 1,", "clip_norm", 'on_divergence = "go_back"'):
        assert helps in message


@pytest.mark.parametrize("layer", [1, 2, 3])
@pytest.mark.parametrize("part", ["weight", "bias"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_layer_whose_weights_broke_is_named(layer, part, dtype):
    def spoil(network):
        getattr(network.dense_layers[layer - 1], part).flat[-1] = np.nan

    copies = Copies(4, spoil)
    message = diverge(make_trainer(clouds(24), callbacks=[copies], dtype=dtype))
    assert "the loss of step 5 in epoch 2 is " in message
    assert f"layer {layer} was the first, its weights are not finite" in message


@pytest.mark.parametrize("layer", [1, 2, 3])
@pytest.mark.parametrize("part", ["weight", "bias"])
@pytest.mark.parametrize("bad", [np.inf, -np.inf])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu"])
def test_an_infinite_weight_is_noticed_within_the_epoch_even_where_no_loss_shows_it(
    layer, part, bad, activation
):
    def spoil(network):
        getattr(network.dense_layers[layer - 1], part).flat[-1] = bad

    message = diverge(make_trainer(clouds(24), callbacks=[Copies(4, spoil)], activation=activation))
    assert "in epoch 2 is " in message
    assert re.search(r"layer \d was the first, its weights are not finite", message)


def test_infinite_statistics_are_noticed_within_the_epoch_too():
    def spoil(network):
        network.statistics[-1] = np.inf

    settings = {"batch_norm": "before"}
    message = diverge(make_trainer(clouds(24), callbacks=[Copies(4, spoil)], **settings))
    assert "in epoch 2 is nan" in message
    assert "the running statistics of batch normalization are not finite" in message


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_the_layer_whose_outputs_overflow_is_named(layer):
    def spoil(network):
        # relu, and only positive numbers: what is large once stays large
        for dense in network.dense_layers:
            np.abs(dense.weight, out=dense.weight)
        network.dense_layers[layer - 1].weight[:] = 3e38

    copies = Copies(4, spoil)
    data = clouds(24)
    positive = Dataset(np.abs(data.features) + 10, data.labels, data.class_names, None, "positive")
    trainer = make_trainer(
        positive, callbacks=[copies], activation="relu", dtype="float32", learning_rate=1e-6
    )
    assert f"layer {layer} was the first, its outputs are not finite" in diverge(trainer)


@pytest.mark.parametrize("clip", [None, 1.0])
def test_gradients_of_1e97_are_followed_only_as_far_as_they_are_clipped(clip):
    # in float64 nothing overflows yet: the loss is finite, the gradient is 1e97 times its usual size
    data = clouds(24)
    huge = Dataset(data.features * 1e97, data.labels, data.class_names, None, "huge")
    norms = []

    class Look(Callback):
        def on_gradients(self, trainer):
            norms.append(np.abs(trainer.network.gradients).max())

    settings = {"clip_norm": clip, "optimizer": "gradient_descent", "learning_rate": 1e-3}
    trainer = make_trainer(huge, callbacks=[Look()], hidden=(), epochs=2, **settings)
    if clip is None:
        settings = {**settings, "learning_rate": 1e120}
        trainer = make_trainer(huge, callbacks=[Look()], hidden=(), epochs=2, **settings)
        message = diverge(trainer)
        assert "layer 1 was the first, its outputs are not finite" in message
        assert "clip_norm" in message
    else:
        trainer.run()
        assert np.abs(trainer.network.parameters).max() < 10
    assert norms[0] > 1e96


def test_a_loss_that_overflows_only_in_the_measurement_after_the_epoch_is_noticed_too():
    data = clouds(24)
    far = np.where(np.arange(24)[:, None] < 12, 1e30, 1.0) * data.features
    validation = Dataset(far, data.labels, data.class_names, None, "far")
    settings = {**GROWING, "l2_lambda": 0.0, "learning_rate": 1e10}
    copies = Copies()
    message = diverge(make_trainer(clouds(24), validation, [copies], **settings))
    assert "the validation loss in epoch 1 is" in message
    assert len(copies.steps) == STEPS_IN_EPOCH


# -- what is left -----------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_norm", ["none", "before"])
def test_the_weights_from_the_beginning_of_the_epoch_are_given_back(batch_norm):
    copies = Copies(8, lambda network: network.parameters.fill(np.nan))
    trainer = make_trainer(clouds(24), callbacks=[copies], batch_norm=batch_norm, epochs=5)
    diverge(trainer)
    assert_array_equal(trainer.network.parameters, copies.epochs[1])
    assert np.isfinite(trainer.network.statistics).all()
    assert len(trainer.history) == 2


def test_the_best_weights_are_given_back_if_they_are_known():
    copies = Copies(11, lambda network: network.parameters.fill(np.nan))
    settings = {"patience": 9, "monitor": "val_loss", "learning_rate": 2.0, "epochs": 9}
    data = clouds(24, spread=1.5)
    trainer = make_trainer(data, clouds(15, 1.5, seed=1), [copies], **settings)
    diverge(trainer)
    losses = trainer.history.column("val_loss")
    best = int(np.argmin(losses))
    assert len(losses) == 3
    assert best < 2, "or the best epoch is the last, and nothing is tried"
    assert trainer.history.best_epoch == best + 1
    assert_array_equal(trainer.network.parameters, copies.epochs[best])


# -- it goes back -----------------------------------------------------------------------------------


def test_it_goes_back_to_the_beginning_of_the_epoch_and_on_at_half_the_rate_until_it_holds():
    copies = Copies()
    trainer = make_trainer(clouds(24), callbacks=[copies], on_divergence="go_back", **GROWING)
    history = trainer.run()
    # 100, 50, 25, 12, 6, 3, 1.5: only the last is smaller than 2, where steps shrink the weights
    assert history.rollbacks == 6
    assert history.stopped == "finished"
    assert len(history) == 9
    assert [factor for _, _, factor in copies.problems] == [0.5**n for n in range(1, 7)]
    (began,) = {step for _, step, _ in copies.problems}
    assert began % STEPS_IN_EPOCH == 0
    assert all("training diverged" in problem for problem, _, _ in copies.problems)
    assert history.column("learning_rate")[-1] == 0.5**6
    assert np.isfinite(trainer.network.parameters).all()


def test_what_it_does_after_going_back_is_what_it_would_have_done_at_that_rate():
    def spoil(network):
        trainer.callbacks[-1].spoil_after = None  # only once
        network.parameters.fill(np.nan)

    def change_rate(network):
        whole.history.rollbacks = 1  # which halves the rate

    settings = {"epochs": 4, "keep_prob": 0.7, "batch_norm": "before"}
    trainer = make_trainer(
        clouds(24), callbacks=[Copies(5, spoil)], on_divergence="go_back", **settings
    )
    # three steps at the whole rate, and all others at half of it
    whole = make_trainer(clouds(24), callbacks=[Copies(3, change_rate)], **settings)
    assert trainer.run().rollbacks == 1
    whole.run()
    assert_array_equal(trainer.network.parameters, whole.network.parameters)
    assert_array_equal(trainer.network.statistics, whole.network.statistics)
    assert trainer.history.column("train_loss") == whole.history.column("train_loss")


def test_it_gives_up_after_ten_times():
    copies = Copies()
    settings = {**GROWING, "l2_lambda": 8e4}  # 10,000 times as large; after ten halvings still 10
    trainer = make_trainer(clouds(24), callbacks=[copies], on_divergence="go_back", **settings)
    message = diverge(trainer)
    assert "it went back 10 times, with lower and lower rates, without success" in message
    assert trainer.history.rollbacks == len(copies.problems) == MOST_ROLLBACKS == 10
    assert np.isfinite(trainer.network.parameters).all()


def test_a_start_that_is_broken_is_no_reason_to_go_round_for_ever():
    trainer = make_trainer(clouds(24), on_divergence="go_back")
    trainer.network.parameters[0] = np.nan
    assert "layer 1 was the first, its weights are not finite" in diverge(trainer)


# -- the command line -------------------------------------------------------------------------------


def inknet(*arguments, folder, expect, ops):
    result = finish(*arguments, folder=folder, INKNET_OPS=ops, COLUMNS="300")
    assert result.returncode == expect, result.stdout + result.stderr
    return result


@pytest.fixture
def growing(tmp_path):
    """A folder with data, and the options of a training whose weights overflow in epoch 7."""
    labels = np.arange(60) % 2
    features = np.random.default_rng(0).normal(labels[:, None], 0.5, (60, 4))
    np.savez(tmp_path / "data.npz", X=features, y=labels)
    keys = {
        "data.validation": 0.2,
        "data.test": 0.2,
        "network.hidden": "[]",
        "training.epochs": 9,
        "training.batch_size": 12,  # of 36
        "training.learning_rate": 1.0,
        "training.l2_lambda": 1212.0,
        "training.optimizer": "gradient_descent",
        "training.schedule": "constant",
        "network.keep_probs": 1.0,
        "network.batch_norm": "none",
    }
    changes = [word for key, value in keys.items() for word in ("--set", f"{key}={value}")]
    return tmp_path, ["train", "--data", "data.npz", "--out", "run", *changes]


def test_the_command_line_keeps_the_best_so_far_and_says_where(growing, ops):
    folder, options = growing
    result = inknet(*options, folder=folder, expect=2, ops=ops)
    (line,) = result.stderr.splitlines()
    assert "training diverged" in line
    path = folder / "run/unfinished/best-so-far.safetensors"
    assert re.search(r"the weights of epoch \d are in ", line)
    assert line.endswith(str(path))
    model = MLP.load(path)
    assert np.isfinite(model.network.parameters).all()
    data = np.load(folder / "data.npz")
    assert np.isfinite(model.predict_proba(data["X"])).all()
    assert not (folder / "run/metrics.json").exists()
    # to go on is to diverge again, in the same step
    (again,) = inknet(
        "train", "--resume", "run", folder=folder, expect=2, ops=ops
    ).stderr.splitlines()
    assert again == line


def test_the_best_so_far_is_kept_even_where_no_checkpoint_could_be_written(growing, monkeypatch):
    from inknet.recipes import load_recipe
    from inknet.runs import train_run

    folder, options = growing
    monkeypatch.setattr("inknet.training.checkpoint.Checkpointer._save", lambda *_: None)
    changes = options[options.index("run") + 2 :: 2]
    recipe = load_recipe("digits", changes, source=str(folder / "data.npz"))
    with pytest.raises(DivergedError, match="the weights of epoch"):
        train_run(recipe, folder / "run")
    MLP.load(folder / "run/unfinished/best-so-far.safetensors")


def test_the_command_line_says_that_it_went_back_and_finishes(growing, ops):
    folder, options = growing
    back = ["--set", "training.on_divergence=go_back"]
    result = inknet(*options, *back, folder=folder, expect=0, ops=ops)
    went_back = [line for line in result.stdout.splitlines() if "back to step" in line]
    assert [line.split("with learning_rate ")[1] for line in went_back] == [
        f"{0.5**n:g}" for n in range(1, 7)
    ]
    assert '"rollbacks": 6' in (folder / "run/metrics.json").read_text()
    assert not (folder / "run/unfinished").exists()


def test_nothing_is_kept_of_a_training_that_diverged_before_it_had_anything(growing, ops):
    folder, options = growing
    bold = ["--set", "training.learning_rate=1e38"]
    (line,) = inknet(*options, *bold, folder=folder, expect=2, ops=ops).stderr.splitlines()
    assert "training diverged" in line and "best" not in line
    assert [path.name for path in folder.iterdir()] == ["data.npz"]
