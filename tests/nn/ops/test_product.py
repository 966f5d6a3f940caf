"""The first layer's product: the vector form where it works, numba's own loop everywhere."""

import sys

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite import ir
from numpy.testing import assert_allclose

from inknet.data import load
from inknet.nn.network import Architecture, Network
from inknet.nn.ops import NUMPY
from inknet.nn.ops.numba import NumbaOps, product, vectors
from inknet.nn.optimizers import Adam

DTYPES = [np.dtype("float32"), np.dtype("float64")]


@given(
    n=st.integers(1, 9),
    d=st.integers(1, 30),
    k=st.one_of(st.integers(1, 40), st.sampled_from([128, 300])),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=100, deadline=None)
def test_the_plain_loop_is_numpys_product(n, d, k, dtype, seed):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, d)) * (generator.random((n, d)) < 0.4)
    matrix, start = generator.normal(size=(d, k)), generator.normal(size=k)
    values, indices, starts = [], [], [0]
    for pair in range(0, n, 2):
        rows = np.zeros((2, d))
        rows[: len(x[pair : pair + 2])] = x[pair : pair + 2]
        (places,) = rows.any(axis=0).nonzero()
        values += rows[:, places].T.tolist()
        indices += places.tolist()
        starts.append(len(indices))
    out = np.full((n, k), np.nan, dtype)
    lists = np.array(values, dtype).reshape(-1, 2), np.array(indices, "u4"), np.array(starts, "u4")
    product.plain(*lists, matrix.astype(dtype), start.astype(dtype), 0, len(starts) - 1, out)
    assert_allclose(out, x @ matrix + start, atol=1000 * np.finfo(dtype).eps)


# -- what is used -----------------------------------------------------------------------------------


@pytest.fixture
def not_tried_yet(monkeypatch):
    monkeypatch.setattr(product, "_told", [])
    product.product_for.cache_clear()
    yield
    product.product_for.cache_clear()


def said(capsys):
    """What was said on the standard error, besides that the loops are compiled, by whichever test."""
    lines = capsys.readouterr().err.splitlines()
    return [line for line in lines if "compiling the fast loops" not in line]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.usefixtures("not_tried_yet")
def test_the_vector_form_is_used_here_and_nothing_is_said(dtype, capsys):
    assert product.product_for(dtype) is vectors.product
    assert said(capsys) == []


def compiled_here(form):
    """The same form, compiled in this process and not fetched from disk."""
    return numba.njit(form.py_func)


def without_the_module(patch):
    patch.setitem(sys.modules, "inknet.nn.ops.numba.vectors", None)
    return "ModuleNotFoundError"


def without_what_it_imports(patch):
    patch.delitem(sys.modules, "inknet.nn.ops.numba.vectors")
    patch.delattr("numba.extending.intrinsic")
    return "ImportError: cannot import name 'intrinsic'"


def without_what_it_looks_up_to_compile(patch):
    patch.setattr(vectors, "one_pair", compiled_here(vectors.one_pair))
    patch.setattr(vectors, "product", compiled_here(vectors.product))
    patch.delattr(ir, "VectorType")
    return "has no attribute 'VectorType'"


def with_another_meaning_of_what_it_calls(patch):
    patch.setattr(vectors, "one_pair", compiled_here(vectors.one_pair))
    patch.setattr(vectors, "product", compiled_here(vectors.product))
    patch.setattr(vectors, "as_array", lambda kind: lambda *args: "nonsense")
    return "'str' object has no attribute"


def with_a_pair_too_few(patch):
    def too_few(values, indices, starts, matrix, start, first, last, out):
        product.plain(values, indices, starts, matrix, start, first, last - 1, out)

    patch.setattr(vectors, "product", too_few)
    return "wrong numbers"


def with_a_rounding_too_many(patch):
    def rounded(*args):
        product.plain(*args)
        args[-1][:] = args[-1].astype("f2")

    patch.setattr(vectors, "product", rounded)
    return "wrong numbers"


def trained(ops, dtype):
    digits = load("sample")
    labels = digits.targets[:256].astype(np.intp)
    architecture = Architecture([784, 70, 10], ["relu", "softmax"], [0.8, 1])
    network, generator = (
        Network(architecture, np.random.default_rng(0), dtype),
        np.random.default_rng(1),
    )
    network.use(ops)
    optimizer, losses = Adam(network.parameters, ops), []
    for _ in range(5):
        losses.append(network.loss_and_gradients(digits.features[:256], labels, generator))
        optimizer.step(network.parameters, network.gradients, 0.01)
    return losses


@pytest.mark.parametrize(
    "break_it",
    [
        without_the_module,
        without_what_it_imports,
        without_what_it_looks_up_to_compile,
        with_another_meaning_of_what_it_calls,
        with_a_pair_too_few,
        with_a_rounding_too_many,
    ],
)
@pytest.mark.usefixtures("not_tried_yet")
def test_training_does_without_a_vector_form_that_is_broken(break_it, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        reason = break_it(patch)
        for dtype in DTYPES:
            assert product.product_for(dtype) is product.plain
            found = trained(NumbaOps(), dtype)
            assert_allclose(found, trained(NUMPY, dtype), rtol=1e4 * np.finfo(dtype).eps)
            assert found[-1] < found[0] / 2
    (line,) = said(capsys)
    assert line.startswith("inknet: the first layer uses numba's own loops, which are slower: ")
    assert reason in line
