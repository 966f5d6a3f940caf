"""A training gives nearly the same network on NumPy's loops and on compiled ones."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from samples import clouds, make_trainer

from inknet import MLP, InputError
from inknet.data import Dataset, load
from inknet.nn.ops import NUMPY, VARIABLE
from inknet.training.measuring import measure

OPS = ("numpy", "numba")
NETWORKS = {
    "plain": {"hidden": (32, 16), "activation": "relu"},
    "everything": {
        "hidden": (32, 16),
        "activation": "leaky_relu",
        "batch_norm": "before",
        "keep_prob": 0.8,
        "label_smoothing": 0.1,
        "l2_lambda": 0.1,
        "clip_norm": 1.0,
        "schedule": "one_cycle",
    },
    "normalized after": {"hidden": (20,), "activation": "tanh", "batch_norm": "after"},
}


@pytest.fixture(scope="module")
def digits():
    """Two parts of the sample: 4,000 digits to learn from, and 1,000 others."""
    sample = load("sample")
    order = np.random.default_rng(0).permutation(len(sample))
    return sample.subset(order[:4000]), sample.subset(order[4000:])


def trainer_on(monkeypatch, ops, train, **settings):
    monkeypatch.setenv(VARIABLE, ops)
    trainer = make_trainer(train, **({"batch_size": 50, "learning_rate": 0.003} | settings))
    assert trainer.network.ops.name == ops
    return trainer


@pytest.mark.parametrize("kind", sorted(NETWORKS))
@pytest.mark.parametrize("optimizer", ["gradient_descent", "momentum", "adam"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-11), ("float32", 1e-4)])
@pytest.mark.parametrize("features", ["pixels", "fractions"])
def test_a_few_steps_lead_to_nearly_the_same_place(
    monkeypatch, digits, kind, optimizer, dtype, tolerance, features
):
    some = digits[0].subset(np.arange(480))  # the last of ten batches is short
    if features == "fractions":
        some = Dataset(
            some.features[some.rows] / 255, some.targets, some.class_names, None, "fractions"
        )
    networks = []
    for ops in OPS:
        trainer = trainer_on(
            monkeypatch, ops, some, optimizer=optimizer, dtype=dtype, epochs=1, **NETWORKS[kind]
        )
        start = trainer.network.parameters.copy()
        assert trainer.run().ops == ops
        assert trainer.step == 10
        networks.append(trainer.network)
    numpy, numba = networks
    # biases that batch normalization takes off again have no gradient but rounding errors, which
    # Adam makes as large as other gradients: these are left out, and the means that follow them
    counts, first_statistic = np.ones(len(start), bool), 0
    if numpy.architecture.batch_norm == "before":
        counts[numpy.n_weights : numpy.n_weights + numpy.n_biases - 10] = False
        first_statistic = len(numpy.statistics) // 2
    way = np.linalg.norm((numpy.parameters - start)[counts])
    apart = np.linalg.norm((numba.parameters - numpy.parameters)[counts])
    assert apart <= tolerance * way
    assert_allclose(
        numba.statistics[first_statistic:],
        numpy.statistics[first_statistic:],
        rtol=tolerance,
        atol=tolerance,
    )


def test_both_reach_the_same_accuracy(monkeypatch, digits):
    train, test = digits
    accuracies = []
    for ops in OPS:
        trainer = trainer_on(monkeypatch, ops, train, epochs=4, schedule="cosine", hidden=(64,))
        trainer.run()
        accuracies.append(measure(trainer.network, test)[1])
    assert min(accuracies) > 0.85
    assert abs(accuracies[0] - accuracies[1]) <= 0.002


@pytest.mark.parametrize("ops", OPS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_seed_and_ops_give_the_same_bits(monkeypatch, digits, ops, dtype):
    train = digits[0].subset(np.arange(2500))
    results = []
    for _ in range(2):
        trainer = trainer_on(
            monkeypatch, ops, train, epochs=2, dtype=dtype, **NETWORKS["everything"]
        )
        history = trainer.run()
        network = trainer.network
        results.append(
            (network.parameters.tobytes(), network.statistics.tobytes(), history[-1].train_loss)
        )
    assert results[0] == results[1]


@pytest.mark.parametrize("ops", OPS)
def test_what_was_trained_on_any_ops_is_used_on_numpys(monkeypatch, tmp_path, digits, ops):
    monkeypatch.setenv(VARIABLE, ops)
    train, test = digits
    x, y = train.features[train.rows[:500]], train.targets[:500]
    pixels = test.features[test.rows]
    model = MLP([784, 24, 10], keep_probs=[0.8, 1.0], batch_norm="before")
    history = model.train(x, y, num_epochs=2)
    assert history.ops == ops
    assert model.network.ops is NUMPY
    assert all(layer.ops is NUMPY for layer in model.network.layers)
    probabilities = model.predict_proba(pixels)
    model.save(tmp_path / "model.safetensors")
    for other in ("numpy", "numba"):
        monkeypatch.setenv(VARIABLE, other)
        loaded = MLP.load(tmp_path / "model.safetensors")
        assert_array_equal(loaded.predict_proba(pixels), probabilities)


@pytest.mark.parametrize("ops", OPS)
def test_a_training_that_fails_leaves_the_network_on_numpys_ops(monkeypatch, ops):
    monkeypatch.setenv(VARIABLE, ops)
    trainer = make_trainer(clouds(24), hidden=())
    trainer.network.parameters[0] = np.nan
    with pytest.raises(InputError, match="diverged"):
        trainer.run()
    assert trainer.network.ops is NUMPY


def test_ops_that_do_not_exist_are_refused_in_one_line(monkeypatch):
    monkeypatch.setenv(VARIABLE, "fortran")
    with pytest.raises(InputError) as caught:
        make_trainer(clouds(24))
    assert str(caught.value) == "INKNET_OPS is 'fortran'; expected numpy or numba"
    with pytest.raises(InputError, match="'fortran'"):
        MLP([4, 3]).train(clouds(24).features, clouds(24).labels)
