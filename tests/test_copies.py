"""A copy of a model, however it was made, predicts the same and learns to the same bits."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from inknet import MLP, Callback
from inknet.errors import DivergedError, InputError
from inknet.nn.activations import ACTIVATIONS
from inknet.nn.architecture import Architecture
from inknet.nn.layers import Activation, Dense
from inknet.nn.network import Network

COPIES = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "deepcopy": copy.deepcopy,
}
X = np.random.default_rng(0).normal(size=(60, 5)).astype("float32")
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 1)


def new_model(batch_norm="before"):
    return MLP([5, 8, 3], keep_probs=[0.8, 1.0], batch_norm=batch_norm, random_seed=1)


def learn(model):
    model.train(X, Y, num_epochs=3, batch_size=16)
    return model


@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("trained", [False, True])
def test_a_copy_learns_to_the_bits_of_the_original(copied, trained, batch_norm):
    model = new_model(batch_norm)
    if trained:
        learn(model)
    twin = copied(model)
    assert_array_equal(twin.predict_proba(X), model.predict_proba(X))
    before = model.network.parameters.copy()
    learn(twin)
    assert_array_equal(model.network.parameters, before)
    assert not np.array_equal(twin.network.parameters, before)
    learn(model)
    assert_array_equal(twin.network.parameters, model.network.parameters)
    assert_array_equal(twin.network.statistics, model.network.statistics)


def test_a_copy_of_a_network_shares_nothing_with_it():
    network = learn(new_model()).network
    twin = copy.copy(network)
    twin.parameters[:] = 0
    assert network.parameters.any()
    assert not twin.layers[0].weight.any()


class Other(Network):
    """A network with a loss of its own."""

    def loss(self, logits, labels, gradient, **options):
        gradient[:] = 0
        return 7.0


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_of_a_network_is_of_its_class(copied):
    architecture = Architecture([5, 4, 3], ["relu", "softmax"], [1.0, 1.0])
    twin = copied(Other(architecture, np.random.default_rng(0)))
    assert twin.loss_and_gradients(X, Y, np.random.default_rng(0)) == 7.0


@pytest.mark.parametrize(
    "change",
    [
        lambda layers: layers.pop(1),
        lambda layers: layers.insert(1, Activation(ACTIVATIONS["tanh"])),
    ],
)
def test_layers_that_a_copy_or_a_file_would_lose_are_refused(change, tmp_path):
    model = learn(new_model("none"))
    change(model.network.layers)
    for use in (*COPIES.values(), lambda model: model.save(tmp_path / "model.safetensors")):
        with pytest.raises(InputError, match="neither a file nor a copy can hold others"):
            use(model)
    assert not list(tmp_path.iterdir())


def test_a_layer_that_was_used_can_be_copied():
    layer = Dense(3, 2)
    expected = layer.forward(np.ones((4, 3))).copy()
    twin = pickle.loads(pickle.dumps(layer))
    assert_array_equal(twin.forward(np.ones((4, 3))), expected)


class Losses(Callback):
    """Collects something that must survive a training that fails."""

    def __init__(self):
        self.steps = []
        self.file = open(__file__, "rb")  # noqa: SIM115, PTH123, it stands for what no copy can hold

    def on_step_end(self, trainer):
        self.steps.append(trainer.step)

    def state(self):
        return {}, {"file": self.file}

    def restore(self, arrays, values):
        raise AssertionError("nothing is restored in a training that only stops")


def test_a_training_that_stops_leaves_callbacks_as_they_are():
    losses = Losses()
    with losses.file, pytest.raises(DivergedError):
        MLP([5, 4, 3]).train(
            X * 1e25, Y, batch_size=10, learning_rate=1e15, optimizer="gradient_descent",
            schedule="constant", callbacks=[losses],
        )  # fmt: skip
    assert losses.steps


class FailsLater(Callback):
    def on_measure_begin(self, trainer):
        if len(trainer.history) >= 3:
            raise RuntimeError("of the callback")


def test_the_best_weights_and_the_ops_come_back_whatever_a_callback_raises():
    model = new_model()
    with pytest.raises(RuntimeError, match="of the callback"):
        model.train(X, Y, X, Y, num_epochs=9, patience=5, callbacks=[FailsLater()])
    assert model.network.ops.name == "numpy" and not model.network.ops.parallel
    assert model.history.best_epoch is not None
    best = model.history[model.history.best_epoch - 1].val_accuracy
    assert model.evaluate(X, Y).accuracy == best


def test_what_is_no_callback_is_named():
    with pytest.raises(InputError, match=r"callbacks\[0\] is of type object; expected an inst"):
        new_model().train(X, Y, callbacks=[object()])


def test_a_reason_to_stop_can_be_compared_with_its_text():
    seen = []

    class Looks(Callback):
        def on_epoch_end(self, trainer):
            seen.append(trainer.stop_reason == "early stopping")

    new_model().train(X, Y, X, Y, num_epochs=60, patience=1, callbacks=[Looks()])
    assert seen[-1] and not seen[0]
