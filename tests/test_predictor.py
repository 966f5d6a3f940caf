from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax

from inknet import MLP, InputError
from inknet.nn.architecture import Architecture
from inknet.nn.network import Network
from inknet.nn.ops import NUMPY
from inknet.nn.ops.numba import NumbaOps
from inknet.predictor import Predictor

OPS = [pytest.param(NUMPY, id="numpy"), pytest.param(NumbaOps(), id="numba")]


def trained(activation, batch_norm, dtype="float64", dims=(9, 7, 5, 4)):
    """A network whose every array has values that training could have left there."""
    hidden = len(dims) - 2
    architecture = Architecture(
        dims, [activation] * hidden + ["softmax"], [0.8] * hidden + [1.0], batch_norm
    )
    generator = np.random.default_rng(0)
    network = Network(architecture, generator, dtype)
    network.parameters[:] = generator.normal(0, 0.7, network.n_parameters)
    network.statistics[:] = generator.uniform(0.3, 2, len(network.statistics))
    return network


@pytest.mark.parametrize("ops", OPS)
@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "sigmoid", "tanh"])
def test_one_sample_gets_the_probabilities_that_it_gets_in_a_batch(activation, batch_norm, ops):
    network = trained(activation, batch_norm)
    x = np.random.default_rng(1).normal(size=(20, 9)) * (np.arange(9) % 3 > 0)
    predict = Predictor(network, ops)
    found = np.array([predict(row) for row in x])
    assert_allclose(found, softmax(network.infer(x), axis=1), rtol=1e-12)


@pytest.mark.parametrize("ops", OPS)
def test_pixels_are_scaled(ops):
    network = trained("relu", "before", "float32")
    pixels = np.random.default_rng(1).integers(0, 256, 9).astype(np.uint8)
    found = Predictor(network, ops)(pixels)
    assert found.dtype == np.float32
    scaled = (pixels / 255).astype(np.float32)
    assert_allclose(found, softmax(network.infer(scaled[None])[0].astype(float)), rtol=1e-5)


@pytest.mark.parametrize("ops", OPS)
def test_a_network_without_hidden_layers(ops):
    network = trained("relu", "none", dims=(9, 3))
    x = np.random.default_rng(1).normal(size=9)
    assert_allclose(Predictor(network, ops)(x), softmax(network.infer(x[None])[0]), rtol=1e-12)


@pytest.mark.parametrize("ops", OPS)
def test_it_is_a_copy_and_safe_from_many_threads(ops):
    network = trained("tanh", "after")
    predict = Predictor(network, ops)
    x = np.random.default_rng(1).normal(size=(200, 9))
    expected = [predict(row) for row in x]
    network.parameters[:] = 0
    with ThreadPoolExecutor(8) as threads:
        for found in threads.map(lambda _: [predict(row) for row in x], range(16)):
            assert_array_equal(found, expected)


@pytest.mark.parametrize("ops", OPS)
def test_what_is_no_sample_is_refused(ops):
    predict = Predictor(trained("relu", "none"), ops)
    for shape in ((8,), (1, 9), (9, 1), ()):
        with pytest.raises(ValueError, match=r"expected one sample, \(9,\)"):
            predict(np.zeros(shape))
    with pytest.raises(ValueError, match="not finite numbers"):
        predict(np.full(9, np.nan))


def test_the_predictor_of_a_model(monkeypatch):
    model = MLP([4, 6, 3], random_seed=1)
    x = np.random.default_rng(0).normal(size=(5, 4))
    predict = model.predictor()
    found = np.array([predict(row) for row in x])
    assert_allclose(found, model.predict_proba(x), rtol=1e-5)
    model.facts = replace(model.facts, temperature=0.4)
    warm = model.predictor()
    assert_allclose([warm(row) for row in x], model.predict_proba(x), rtol=1e-5)
    assert_allclose(np.array([predict(row) for row in x]), found)  # the earlier one is a copy
    monkeypatch.setenv("INKNET_OPS", "fortran")
    with pytest.raises(InputError, match="INKNET_OPS is 'fortran'; expected numpy or numba"):
        model.predictor()
