import warnings
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
from inknet.nn.ops.numba import NumbaOps, prediction
from inknet.predictor import Predictor, fold

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
    for shape in ((8,), (1, 8), (9, 1), (1, 1, 9), ()):
        with pytest.raises(ValueError, match=r"expected one sample, \(9,\)"):
            predict(np.zeros(shape))
    with pytest.raises(ValueError, match="not finite numbers"):
        predict(np.full(9, np.nan))
    with pytest.raises(ValueError, match="no samples"):
        predict(np.zeros((0, 9)))
    rows = np.zeros((70, 9))
    rows[69, 3] = np.inf
    with pytest.raises(ValueError, match="not finite numbers"):
        predict(rows)


@pytest.mark.parametrize("ops", OPS)
@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("share_of_zeros", [0.0, 0.8])
@pytest.mark.parametrize("n", [1, 2, 31, 300, 1000])
def test_many_samples_get_the_probabilities_of_each(n, share_of_zeros, activation, batch_norm, ops):
    network = trained(activation, batch_norm)
    generator = np.random.default_rng(n)
    x = generator.normal(size=(n, 9)) * (generator.random((n, 9)) >= share_of_zeros)
    found = Predictor(network, ops)(x)
    assert_allclose(found, softmax(network.infer(x), axis=1), rtol=1e-11, atol=1e-300)
    pixels = np.abs(x * 100).astype(np.uint8)
    expected = softmax(network.infer(pixels / 255), axis=1)
    assert_allclose(Predictor(network, ops)(pixels), expected, rtol=1e-11, atol=1e-300)
    assert_allclose(
        Predictor(network, ops)(pixels[:, ::-1]), Predictor(network, ops)(pixels[:, ::-1].copy())
    )


@pytest.mark.parametrize("ops", OPS)
def test_a_network_too_large_for_the_cache(ops):
    network = trained("relu", "before", "float32", (30, 1100, 300, 3))
    x = np.random.default_rng(0).normal(size=(40, 30)).astype(np.float32)
    expected = softmax(network.infer(x).astype(float), axis=1)
    assert_allclose(Predictor(network, ops)(x), expected, rtol=1e-3, atol=1e-6)
    assert_allclose(Predictor(network, ops)(x[0]), expected[0], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("n", [1, 5, 12, 200])
@pytest.mark.parametrize("factor", [1 / 255, 1, 0.5 / 255, 8 / 255, -1])
@pytest.mark.parametrize("kind", ["float32", "float64", "uint8", "int64"])
def test_many_samples_stand_for_what_they_do_in_predict(kind, factor, n):
    generator = np.random.default_rng(0)
    X = generator.integers(0, 256, (300, 64)) * (generator.random((300, 64)) < 0.4)
    model = MLP([64, 8, 3])
    model.train(X.astype(np.uint8), np.arange(300) % 3, num_epochs=1)
    rows = (X[:n] * factor).astype(kind)

    def said(predict):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                answer = predict(rows)
            except InputError as error:
                return str(error).split(":", 1)[1], None
        return [str(one.message).split(":", 1)[1] for one in caught], answer

    (words, answer), (theirs, expected) = said(model.predictor()), said(model.predict_proba)
    assert words == theirs
    if expected is not None:
        assert_allclose(answer, expected, rtol=1e-4, atol=1e-6)


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


@pytest.mark.parametrize("pairs", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dims", [(9, 3), (40, 16, 2), (33, 17, 130, 3), (20, 300, 8, 5)])
def test_layers_of_any_width_are_predicted_in_pairs(monkeypatch, dims, dtype, pairs):
    if not pairs:
        monkeypatch.setattr(prediction, "pairs_for", lambda dtype: None)
    network = trained("leaky_relu", "before", dtype, dims)
    generator = np.random.default_rng(2)
    x = (generator.normal(size=(31, dims[0])) * (generator.random((31, dims[0])) < 0.3)).astype(
        dtype
    )
    expected = softmax(network.infer(x).astype(float), axis=1)
    tolerance = 1e-3 if dtype == "float32" else 1e-10
    assert_allclose(Predictor(network, NumbaOps())(x), expected, rtol=tolerance, atol=tolerance)


def test_an_answer_does_not_depend_on_the_partner_in_a_pair():
    network = trained("tanh", "after", "float32", (60, 20, 5))
    generator = np.random.default_rng(3)
    x = (generator.normal(size=(51, 60)) * (generator.random((51, 60)) < 0.3)).astype("float32")
    predict = Predictor(network, NumbaOps())
    order = generator.permutation(51)
    assert_array_equal(predict(x[order]), predict(x)[order])


@pytest.mark.parametrize("row", [0, 1, 6])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1.5, -0.1])
def test_only_the_sample_beyond_the_limits_gets_no_answer(value, row):
    network = trained("relu", "none", "float32")
    x = np.random.default_rng(4).random((7, 9)).astype("float32")
    answers = NumbaOps().answers(fold(network), 0.0, 1.0)
    expected = answers(x)
    x[row, 5] = value
    found = answers(x)
    assert np.isnan(found[row]).all()
    assert_array_equal(np.delete(found, row, axis=0), np.delete(expected, row, axis=0))


def test_zeros_are_beyond_limits_that_leave_them_out():
    network = trained("relu", "none", "float32")
    x = np.full((8, 9), 2, "float32")
    x[3, 4] = 0
    found = NumbaOps().answers(fold(network), 1.0, 3.0)(x)
    assert_array_equal(np.isnan(found[:, 0]), np.arange(8) == 3)
