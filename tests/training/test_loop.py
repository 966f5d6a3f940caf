import signal
from dataclasses import asdict
from itertools import chain

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from samples import clouds, logits_in_use, make_trainer, rows_of
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss

from inknet.data import Dataset
from inknet.errors import InputError
from inknet.nn.schedules import SCHEDULES
from inknet.training.batches import BatchMaker
from inknet.training.callbacks import Callback
from inknet.training.measuring import measure

EVERYTHING = {
    "batch_norm": "before",
    "keep_prob": 0.7,
    "label_smoothing": 0.1,
    "l2_lambda": 0.1,
    "clip_norm": 1.0,
    "schedule": "one_cycle",
    "dtype": "float32",
}


@pytest.fixture(autouse=True, params=["numpy", "numba"])
def ops(request, monkeypatch):
    """Let every test of the loop hold whatever the loop computes with."""
    monkeypatch.setenv("INKNET_OPS", request.param)
    return request.param


def timeless(history):
    return [{**asdict(record), "seconds": None, "training_seconds": None} for record in history]


# -- reproducibility ----------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, EVERYTHING], ids=["plain", "everything"])
def test_the_same_seed_gives_the_same_bits(settings):
    first, second = (make_trainer(clouds(50), clouds(20), **settings) for _ in range(2))
    first.run()
    second.run()
    assert first.network.parameters.tobytes() == second.network.parameters.tobytes()
    assert first.network.statistics.tobytes() == second.network.statistics.tobytes()
    assert timeless(first.history) == timeless(second.history)


def test_another_seed_gives_another_network():
    first, second = (make_trainer(clouds(50), seed=seed) for seed in (0, 1))
    first.run()
    second.run()
    assert (first.network.parameters != second.network.parameters).any()


def test_watching_does_not_change_the_training():
    alone = make_trainer(clouds(50), **EVERYTHING)
    watched = make_trainer(clouds(50), clouds(20), [Callback()], **EVERYTHING)
    alone.run()
    watched.run()
    assert_array_equal(alone.network.parameters, watched.network.parameters)


def test_numpys_global_random_state_is_left_alone():
    before = np.random.get_state()  # noqa: NPY002
    make_trainer(clouds(50), **EVERYTHING).run()
    after = np.random.get_state()  # noqa: NPY002
    assert before[0] == after[0]
    assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


# -- it learns ----------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["gradient_descent", "momentum", "adam"])
@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
def test_what_can_be_separated_is_learned_without_a_mistake(optimizer, batch_norm):
    rate = 0.02 if optimizer == "adam" else 0.3
    trainer = make_trainer(
        clouds(90),
        clouds(60, seed=1),
        optimizer=optimizer,
        batch_norm=batch_norm,
        learning_rate=rate,
        epochs=25,
    )
    history = trainer.run()
    assert history[-1].train_accuracy == 1
    assert history[-1].val_accuracy == 1
    assert history[-1].train_loss < 0.1


def test_xor_needs_and_gets_a_hidden_layer():
    corners = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    xor = Dataset(corners, np.array([0, 1, 1, 0]), ("same", "different"), None, "xor")
    for hidden, accuracy in (((), False), ((8,), True)):
        trainer = make_trainer(xor, hidden=hidden, batch_size=4, epochs=300)
        assert (trainer.run()[-1].train_accuracy == 1) is accuracy


def test_full_batch_training_is_gradient_descent_on_the_whole_set():
    data, rate, n_epochs = clouds(30, spread=1.0), 0.3, 12
    trainer = make_trainer(
        data,
        hidden=(5,),
        batch_size="all",
        optimizer="gradient_descent",
        learning_rate=rate,
        epochs=n_epochs,
        l2_lambda=0.7,
    )
    tensors = {name: array.copy() for name, array in trainer.network.tensors().items()}
    W, b, V, c = tensors.values()
    X, T = data.features, np.eye(3)[data.labels]
    for _ in range(n_epochs):
        H = np.tanh(X @ W.T + b)
        D = (softmax(H @ V.T + c, axis=1) - T) / 30
        E = D @ V * (1 - H**2)
        steps = E.T @ X + 0.7 / 30 * W, E.sum(axis=0), D.T @ H + 0.7 / 30 * V, D.sum(axis=0)
        for array, step in zip((W, b, V, c), steps, strict=True):
            array -= rate * step
    trainer.run()
    assert trainer.step == n_epochs
    for name, array in trainer.network.tensors().items():
        assert_allclose(array, tensors[name], rtol=1e-9, atol=1e-12)


def test_without_hidden_layers_it_finds_the_optimum_of_logistic_regression():
    data, l2_lambda = clouds(60, spread=1.5), 2.0
    trainer = make_trainer(
        data,
        hidden=(),
        batch_size="all",
        optimizer="gradient_descent",
        learning_rate=0.5,
        epochs=1500,
        l2_lambda=l2_lambda,
    )
    history = trainer.run()
    # ours: mean loss + lambda / 2n · |w|²; theirs: C · summed loss + |w|² / 2
    peer = LogisticRegression(C=1 / l2_lambda, tol=1e-10, max_iter=10_000)
    peer.fit(data.features, data.labels)
    dense = trainer.network.dense_layers[0]
    assert_allclose(dense.weight.T, peer.coef_, atol=1e-4)
    assert_allclose(dense.bias - dense.bias.mean(), peer.intercept_, atol=1e-4)
    expected = log_loss(data.labels, peer.predict_proba(data.features))
    assert history[-1].train_loss == pytest.approx(expected, abs=1e-6)


# -- what it measures ---------------------------------------------------------------------------


class KeepNetworks(Callback):
    """Computes loss and accuracy after each epoch, from the network's tensors alone."""

    def __init__(self):
        self.measured = []

    def on_epoch_end(self, trainer):
        row = []
        for dataset in (trainer.train, trainer.validation):
            logits = logits_in_use(trainer.network, dataset.features)
            targets = np.eye(3)[dataset.labels]  # plain, whatever the training smooths
            row.append(-np.mean((targets * log_softmax(logits, axis=1)).sum(axis=1)))
            row.append(accuracy_score(dataset.labels, logits.argmax(axis=1)))
        self.measured.append(row)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
def test_the_history_holds_what_an_outsider_measures_in_inference_mode(batch_norm, smoothing):
    keep = KeepNetworks()
    history = make_trainer(
        clouds(50, spread=1.0),
        clouds(25, spread=1.0, seed=1),
        [keep],
        batch_norm=batch_norm,
        keep_prob=0.6,
        label_smoothing=smoothing,
        l2_lambda=0.5,
    ).run()
    found = [[r.train_loss, r.train_accuracy, r.val_loss, r.val_accuracy] for r in history]
    assert_allclose(found, keep.measured, rtol=1e-9)
    assert [record.epoch for record in history] == [1, 2, 3]


def test_without_validation_data_nothing_is_said_of_it():
    for record in make_trainer(clouds(20)).run():
        assert record.val_loss is None
        assert record.val_accuracy is None


# -- one step after the other -------------------------------------------------------------------


def spy_batches(trainer):
    """Return the list that fills with the first feature of every sample, batch by batch."""
    seen, forward_and_backward = [], trainer.network.loss_and_gradients

    def listening(x, labels, *args, **keywords):
        first = rows_of(x, 4)[:, 0]
        seen.append(first.tolist())
        assert_array_equal(first % 3, labels)
        return forward_and_backward(x, labels, *args, **keywords)

    trainer.network.loss_and_gradients = listening
    return seen


def numbered(n):
    features = np.zeros((n, 4))
    features[:, 0] = np.arange(n)
    return Dataset(features, np.arange(n) % 3, ("a", "b", "c"), None, "numbered")


@pytest.mark.parametrize(("n", "batch_size", "sizes"), [(20, 8, [8, 8, 4]), (16, 8, [8, 8])])
def test_each_epoch_uses_every_sample_once_in_a_new_order(n, batch_size, sizes):
    trainer = make_trainer(numbered(n), batch_size=batch_size, epochs=3)
    seen = spy_batches(trainer)
    trainer.run()
    assert [len(batch) for batch in seen] == sizes * 3
    per_epoch = len(sizes)
    orders = [list(chain(*seen[i : i + per_epoch])) for i in range(0, len(seen), per_epoch)]
    for order in orders:
        assert sorted(order) == list(range(n))
    assert len({tuple(order) for order in [*orders, range(n)]}) == 4


def test_without_shuffling_the_order_is_kept():
    trainer = make_trainer(numbered(20), shuffle=False, epochs=2)
    seen = spy_batches(trainer)
    trainer.run()
    assert list(chain(*seen)) == [*range(20), *range(20)]


@pytest.mark.parametrize("batch_size", [20, 21, 1000, "all"])
def test_a_batch_is_never_larger_than_the_dataset(batch_size):
    trainer = make_trainer(numbered(20), batch_size=batch_size, epochs=2)
    seen = spy_batches(trainer)
    trainer.run()
    assert [len(batch) for batch in seen] == [20, 20]


class Spy(Callback):
    """Writes down what happens, step by step."""

    def __init__(self):
        self.events, self.rates, self.gradients = [], [], []

    def on_train_begin(self, trainer):
        self.events.append("begin")

    def on_gradients(self, trainer):
        self.gradients.append(trainer.network.gradients.copy())
        self.events.append("gradients")

    def on_step_end(self, trainer):
        self.rates.append(trainer.learning_rate)
        self.events.append("step")

    def on_epoch_end(self, trainer):
        self.events.append("epoch")

    def on_train_end(self, trainer):
        self.events.append("end")


def test_callbacks_hear_of_everything_in_its_order():
    spy = Spy()
    make_trainer(clouds(12), callbacks=[spy], batch_size=6, epochs=2).run()
    epoch = ["gradients", "step"] * 2 + ["epoch"]
    assert spy.events == ["begin", *epoch, *epoch, "end"]


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
def test_the_learning_rate_follows_its_schedule_over_all_steps(schedule):
    spy = Spy()
    trainer = make_trainer(
        clouds(20), callbacks=[spy], batch_size=6, epochs=5, schedule=schedule, learning_rate=0.2
    )
    history = trainer.run()
    expected = [0.2 * SCHEDULES[schedule](step / 20) for step in range(20)]
    assert spy.rates == pytest.approx(expected, rel=1e-14)
    assert history.column("learning_rate") == pytest.approx(expected[3::4], rel=1e-14)


def test_the_learning_rate_warms_up_on_a_straight_line_to_where_the_schedule_is():
    spy = Spy()
    trainer = make_trainer(
        clouds(20), callbacks=[spy], batch_size=5, epochs=10, schedule="cosine", warmup=0.25
    )
    trainer.run()
    cosine = 0.05 * (1 + np.cos(np.pi * np.arange(40) / 40)) / 2
    assert_allclose(spy.rates, cosine * np.minimum(1, np.arange(1, 41) / 10), rtol=1e-12)


def test_a_limit_on_norms_holds_for_every_hidden_neuron_after_every_step():
    norms = []

    class Look(Callback):
        def on_step_end(self, trainer):
            layers = trainer.network.dense_layers
            norms.append([np.linalg.norm(layer.weight, axis=0) for layer in layers])

    make_trainer(clouds(24), callbacks=[Look()], max_norm=0.7, learning_rate=0.3).run()
    for *hidden, _last in norms:
        assert max(norm.max() for norm in hidden) <= 0.7 + 1e-6
    assert max(norm.max() for norm in hidden) > 0.69
    assert norms[-1][-1].max() > 0.75, "the output layer has no such limit"


@pytest.mark.parametrize("clip", [{"clip_norm": 0.05}, {"clip_value": 0.01}])
def test_gradients_are_clipped_after_the_price_on_weights_and_before_the_step(clip):
    spy = Spy()
    trainer = make_trainer(
        clouds(20),
        callbacks=[spy],
        l2_lambda=5.0,
        optimizer="gradient_descent",
        learning_rate=1.0,
        batch_size="all",
        epochs=1,
        **clip,
    )
    network = trainer.network
    before = network.parameters.copy()
    trainer.run()
    # the gradient that callbacks see has the price in it, and is not clipped yet
    plain = make_trainer(clouds(20)).network
    plain.loss_and_gradients(clouds(20).features, clouds(20).labels, np.random.default_rng(0))
    raw = plain.gradients.copy()
    raw[: plain.n_weights] += 5.0 / 20 * before[: plain.n_weights]
    assert_allclose(spy.gradients[0], raw, rtol=1e-9, atol=1e-12)
    if "clip_norm" in clip:
        expected = raw * (0.05 / np.linalg.norm(raw))
    else:
        expected = np.clip(raw, -0.01, 0.01)
    assert_allclose(before - network.parameters, expected, rtol=1e-9, atol=1e-12)


def test_the_price_is_divided_by_the_size_of_each_batch():
    spy = Spy()
    trainer = make_trainer(
        numbered(10), callbacks=[spy], l2_lambda=3.0, batch_size=8, epochs=1, shuffle=False
    )
    plain = make_trainer(numbered(10), epochs=1)
    # hold the parameters still: a rate next to nothing
    trainer.settings = trainer.settings.model_copy(update={"learning_rate": 1e-300})
    trainer.run()
    weights = trainer.network.parameters[: trainer.network.n_weights]
    features, labels = numbered(10).features, np.arange(10) % 3
    for rows, found in zip((slice(0, 8), slice(8, 10)), spy.gradients, strict=True):
        plain.network.loss_and_gradients(features[rows], labels[rows], np.random.default_rng(0))
        expected = plain.network.gradients.copy()
        expected[: len(weights)] += 3.0 / len(features[rows]) * weights
        assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_pixels_and_fractions_train_the_same_network():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 4), dtype=np.uint8)
    labels = np.arange(40) % 3
    networks = []
    for features in (pixels, pixels / 255):
        trainer = make_trainer(Dataset(features, labels, ("a", "b", "c"), None, "pixels"))
        trainer.run()
        networks.append(trainer.network.parameters)
    assert_allclose(networks[0], networks[1], rtol=1e-9)


# -- stopping -----------------------------------------------------------------------------------


class At(Callback):
    """Does something at the end of one step."""

    def __init__(self, step, action):
        self.step, self.action = step, action

    def on_step_end(self, trainer):
        if trainer.step == self.step:
            self.action(trainer)


@pytest.fixture
def handler():
    """A handler of Ctrl-C of the test's own; the one from before is put back."""

    def mine(number, frame):
        raise KeyboardInterrupt("of the test")

    before = signal.signal(signal.SIGINT, mine)
    yield mine
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_the_training_after_the_step_it_came_in(handler):
    at, spy = At(5, lambda trainer: signal.raise_signal(signal.SIGINT)), Spy()
    trainer = make_trainer(clouds(24), clouds(9), [at, spy], epochs=4)
    with pytest.raises(KeyboardInterrupt, match="of the test"):
        trainer.run()
    history = trainer.history
    assert history.stopped == "interrupted"
    assert trainer.step == 5
    assert len(history) == 1, "the unfinished epoch is not measured"
    assert spy.events[-2:] == ["step", "end"]
    assert signal.getsignal(signal.SIGINT) is handler


def test_an_interrupted_training_keeps_all_it_learned(handler):
    interrupted = make_trainer(
        clouds(24), callbacks=[At(5, lambda trainer: signal.raise_signal(signal.SIGINT))]
    )
    copies = []
    whole = make_trainer(
        clouds(24), callbacks=[At(5, lambda t: copies.append(t.network.parameters.copy()))]
    )
    with pytest.raises(KeyboardInterrupt):
        interrupted.run()
    whole.run()
    assert_array_equal(interrupted.network.parameters, copies[0])


def test_an_interrupted_training_with_patience_ends_with_its_best_epoch(handler):
    at = At(8, lambda trainer: signal.raise_signal(signal.SIGINT))
    trainer = make_trainer(clouds(24), clouds(9), [at], epochs=9, patience=9)
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    history = trainer.history
    assert history.stopped == "interrupted"
    assert history.best_epoch in (1, 2)


def test_an_error_in_a_callback_comes_through_and_the_handler_comes_back(handler):
    def fail(trainer):
        raise RuntimeError("not today")

    trainer = make_trainer(clouds(24), callbacks=[At(2, fail)])
    with pytest.raises(RuntimeError, match="not today"):
        trainer.run()
    assert signal.getsignal(signal.SIGINT) is handler


def test_an_error_does_not_cost_the_best_weights():
    copies = []

    class Copy(Callback):
        def on_epoch_end(self, trainer):
            copies.append(trainer.network.parameters.copy())

    def spoil(trainer):
        trainer.network.parameters[:] = np.nan

    trainer = make_trainer(
        clouds(24), clouds(9), [Copy(), At(4, spoil)], epochs=5, patience=3, monitor="val_loss"
    )
    with pytest.raises(InputError, match="diverged"):
        trainer.run()
    assert_array_equal(trainer.network.parameters, copies[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_no_number_ends_the_training_and_says_where(handler, bad):
    def spoil(trainer):
        trainer.network.parameters[0] = bad

    trainer = make_trainer(clouds(24), callbacks=[At(4, spoil)], learning_rate=0.25, hidden=())
    with pytest.raises(InputError) as caught:
        trainer.run()
    message = str(caught.value)
    assert "\n" not in message
    for word in ("diverged", "step 5", "epoch 2", "learning_rate", "0.25"):
        assert word in message
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_callback_may_stop_the_training_and_say_why():
    def stop(trainer):
        trainer.stop_reason = "enough"

    trainer = make_trainer(clouds(24), callbacks=[At(4, stop)], epochs=5)
    history = trainer.run()
    assert history.stopped == "enough"
    assert trainer.step == 4


@pytest.mark.parametrize("ops", ["numpy", "numba"])
def test_a_full_batch_in_order_is_loaded_once_and_measured_as_any_other(ops, monkeypatch):
    monkeypatch.setenv("INKNET_OPS", ops)
    loads = []
    load = BatchMaker._load
    monkeypatch.setattr(
        BatchMaker, "_load", lambda self, *args: loads.append(len(args[1][0])) or load(self, *args)
    )
    trainer = make_trainer(clouds(60), batch_size="all", shuffle=False, epochs=5)
    trainer.run()
    assert loads == [60]
    # the weights after an epoch, measured anew in small batches
    loss, accuracy = measure(trainer.network, trainer.train)
    assert trainer.history[-1].train_loss == pytest.approx(loss, rel=1e-12)
    assert trainer.history[-1].train_accuracy == accuracy
