from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from samples import clouds, make_trainer

from inknet.errors import InputError
from inknet.training.callbacks import Callback, EarlyStopping, EpochLines
from inknet.training.layer_monitor import LayerMonitor


class Script(Callback):
    """Puts the validation measurements that a test wants in place of the real ones."""

    def __init__(self, **columns):
        self.columns = columns
        self.networks = []

    def on_measured(self, trainer):
        records, epoch = trainer.history.records, len(trainer.history)
        values = {name: column[epoch - 1] for name, column in self.columns.items()}
        records[-1] = replace(records[-1], **values)
        network = trainer.network
        self.networks.append((network.parameters.copy(), network.statistics.copy()))


def run(script, n_epochs, **settings):
    trainer = make_trainer(clouds(24), clouds(9), epochs=n_epochs, batch_norm="before", **settings)
    trainer.callbacks.insert(0, script)  # before early stopping looks
    trainer.run()
    return trainer


@pytest.mark.parametrize(
    ("monitor", "values", "patience", "n_run", "best"),
    [
        ("val_accuracy", [0.1, 0.5, 0.4, 0.5, 0.9, 0.9], 2, 4, 2),  # as good is not better
        ("val_accuracy", [0.1, 0.5, 0.4, 0.5, 0.9, 0.9], 3, 6, 5),
        ("val_accuracy", [0.9, 0.1, 0.1, 0.1], 1, 2, 1),
        ("val_loss", [0.9, 0.5, 0.6, 0.7, 0.1], 2, 4, 2),
        ("val_loss", [0.9, 0.5, 0.6, 0.7, 0.1], 3, 5, 5),
        ("val_loss", [0.9, float("nan"), float("nan"), 0.1], 2, 3, 1),
    ],
)
def test_early_stopping_waits_for_its_patience_and_keeps_the_best(
    monitor, values, patience, n_run, best
):
    script = Script(**{monitor: values})
    trainer = run(script, len(values), monitor=monitor, patience=patience)
    assert len(trainer.history) == n_run
    assert trainer.history.best_epoch == best
    assert trainer.history.stopped == ("finished" if n_run == len(values) else "early stopping")
    parameters, statistics = script.networks[best - 1]
    assert_array_equal(trainer.network.parameters, parameters)
    assert_array_equal(trainer.network.statistics, statistics)
    if best != n_run:
        assert (script.networks[-1][0] != parameters).any()
        assert (script.networks[-1][1] != statistics).any()


def test_a_training_that_ends_by_itself_keeps_the_best_epoch_too():
    script = Script(val_accuracy=[0.1, 0.9, 0.2])
    trainer = run(script, 3, patience=5)
    assert trainer.history.stopped == "finished"
    assert_array_equal(trainer.network.parameters, script.networks[1][0])


def test_without_patience_the_last_weights_stay():
    script = Script(val_accuracy=[0.9, 0.1, 0.2])
    trainer = run(script, 3)
    assert trainer.history.best_epoch is None
    assert_array_equal(trainer.network.parameters, script.networks[-1][0])


class Watch(Callback):
    """Writes down, in every step, what the monitor should have seen."""

    def __init__(self):
        self.inputs = {}
        self.norms, self.active, self.epochs = [], [], []

    def on_train_begin(self, trainer):
        for number, layer in enumerate(trainer.network.activation_layers):
            self._listen(number, layer)

    def _listen(self, number, layer):
        forward = layer.forward

        def listening(x, generator):
            self.inputs[number] = x.copy()
            return forward(x, generator)

        layer.forward = listening

    def on_gradients(self, trainer):
        self.epochs.append(len(trainer.history))
        self.norms.append(
            [
                np.linalg.norm(np.append(layer.weight_gradient.ravel(), layer.bias_gradient))
                for layer in trainer.network.dense_layers
            ]
        )
        self.active.append([np.mean(self.inputs[number] > 0) for number in sorted(self.inputs)])


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
def test_the_monitor_sees_norms_and_active_neurons_of_every_tenth_step(activation, batch_norm):
    watch = Watch()
    trainer = make_trainer(
        clouds(60),
        callbacks=[watch],
        activation=activation,
        batch_norm=batch_norm,
        batch_size=5,
        l2_lambda=0.5,
        clip_norm=0.01,
    )
    trainer.run()
    for epoch, record in enumerate(trainer.history):
        steps = [step for step, number in enumerate(watch.epochs) if number == epoch]
        sampled = [step for step in steps if step % LayerMonitor.INTERVAL == 0 or step == steps[0]]
        assert len(sampled) in (2, 3)
        norms = np.mean([watch.norms[step] for step in sampled], axis=0)
        active = np.mean([watch.active[step] for step in sampled], axis=0)
        assert record.gradient_norms == pytest.approx(norms.tolist(), rel=1e-12)
        assert record.active_fractions == pytest.approx(active.tolist(), rel=1e-12)
        assert len(record.gradient_norms) == 3
        assert len(record.active_fractions) == 2


def test_every_epoch_has_its_gradient_norms_even_if_it_is_one_step_long():
    trainer = make_trainer(clouds(12), batch_size="all", epochs=4)
    for record in trainer.run():
        assert len(record.gradient_norms) == 3
        assert len(record.active_fractions) == 2


def test_lines_are_printed_for_the_first_epoch_every_interval_and_the_last(capsys):
    make_trainer(clouds(12), clouds(6), [EpochLines(3)], epochs=8).run()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["1/8", "3/8", "6/8", "8/8"]
    assert all("loss" in line and "(val " in line and len(line) < 80 for line in lines)


def test_the_lines_end_with_why_the_training_did(capsys):
    trainer = make_trainer(
        clouds(24), clouds(9), [EpochLines(4)], epochs=9, patience=2, monitor="val_accuracy"
    )
    trainer.callbacks.insert(0, Script(val_accuracy=[0.1, 0.2, 0.8, 0.7, 0.6, 0.9]))
    trainer.run()
    *lines, end = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["1/9", "4/9", "5/9"]
    assert end == "early stopping in epoch 5; restored the weights of epoch 3"


def test_a_callback_sees_which_epoch_early_stopping_took_for_the_best():
    seen = []

    class Look(Callback):
        def on_epoch_end(self, trainer):
            seen.append(trainer.history.best_epoch)

    trainer = make_trainer(clouds(24), clouds(9), [Look()], epochs=3, patience=3)
    trainer.callbacks.insert(0, Script(val_accuracy=[0.1, 0.9, 0.2]))
    trainer.run()
    assert seen == [1, 2, 2]


def test_early_stopping_added_by_hand_needs_validation_data_too():
    trainer = make_trainer(clouds(24), callbacks=[EarlyStopping(3, "val_loss")])
    with pytest.raises(InputError, match="needs validation data"):
        trainer.run()
