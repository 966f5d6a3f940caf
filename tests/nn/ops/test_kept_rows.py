"""Rows that are prepared once: the same products as dense ones, the same bits as those of a group."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from inknet.nn.ops import NUMPY
from inknet.nn.ops.numba import NumbaOps, sparse
from inknet.nn.ops.numba.masked import Masked

OPS = NumbaOps()
KINDS = ("uint8", "float32", "float64", ">f4", "bool")


def rows_of_kind(kind, n, d, share, generator):
    """Rows of a type, so many of whose features are not 0; and what the network should see."""
    stored = generator.integers(1, 256, (n, d)) * (generator.random((n, d)) < share)
    if kind == "uint8":
        return stored.astype(np.uint8), stored / 255
    if kind == "bool":
        return stored > 0, (stored > 0).astype(float)
    numbers = (stored - 300.0 * (stored > 0)) / 77
    return numbers.astype(kind), numbers.astype(kind).astype(float)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 90),
    d=st.integers(1, 200),
    share=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    batch_size=st.integers(1, 40),
    dtype=st.sampled_from(["float32", "float64"]),
    selected=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_batches_of_kept_rows_are_those_of_a_group(
    kind, n, d, share, batch_size, dtype, selected, seed
):
    generator, dtype = np.random.default_rng(seed), np.dtype(dtype)
    features, numbers = rows_of_kind(kind, n, d, share, generator)
    rows = generator.permutation(n)[: 1 + n // 2] if selected else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse, "_looks_sparse", lambda sample: True)
        patch.setattr(sparse, "ROWS_AT_ONCE", 7)  # joined of several parts
        kept = OPS.keep_rows(features, rows, dtype)
        chosen = np.arange(n) if rows is None else rows
        order = generator.permutation(len(chosen))
        n_batches = -(-len(order) // batch_size)
        group = OPS.new_group(n_batches, batch_size, d, dtype, features[:1])
    found = kept.load(order, batch_size, 1)
    others = group.load(features, chosen[order])
    weight = generator.normal(size=(d, 5)).astype(dtype)
    bias = generator.normal(size=5).astype(dtype)
    assert len(found) == len(others) == n_batches
    for b, (one, other) in enumerate(zip(found, others, strict=True)):
        expected = numbers[chosen[order[b * batch_size : (b + 1) * batch_size]]]
        gradient = generator.normal(size=(len(expected), 5)).astype(dtype)
        both = []
        for batch in (one, other):
            out, back = np.empty((len(batch), 5), dtype), np.empty((d, 5), dtype)
            batch.times(weight, bias, out)
            batch.transposed_times(gradient, back)
            both.append((out, back))
        assert_array_equal(both[0][0], both[1][0])
        assert_array_equal(both[0][1], both[1][1])
        scale = 1e-4 if dtype == np.float32 else 1e-11
        assert_allclose(both[0][0], expected @ weight + bias, atol=scale * (1 + d))
        assert_allclose(both[0][1], expected.T @ gradient, atol=scale * (1 + n))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("d", [1, 8, 63, 64, 65, 128, 784])
def test_masks_lose_nothing(kind, d):
    features, numbers = rows_of_kind(kind, 33, d, 0.2, np.random.default_rng(d))
    masked = Masked.of(features, np.dtype("float64"))
    rows = np.array([5, 0, 32, 5])
    assert_allclose(masked.dense(rows), numbers[rows], rtol=1e-15)
    assert masked.starts[-1] == np.count_nonzero(features)


def test_the_last_rows_serve_without_a_partner():
    features = np.zeros((3, 20), np.uint8)
    features[2, -1] = 255  # the very last value, next to which there is none
    kept = OPS.keep_rows(features, None, np.dtype("float32"))
    (batch,) = kept.load(np.array([0, 1, 2]), 3, 0)
    out = np.empty((3, 2), np.float32)
    batch.times(np.ones((20, 2), np.float32), np.zeros(2, np.float32), out)
    assert_array_equal(out, [[0, 0], [0, 0], [1, 1]])


def test_rows_that_are_dense_or_too_many_are_not_kept(monkeypatch):
    dtype = np.dtype("float32")
    pixels = np.zeros((50, 20), np.uint8)
    assert OPS.keep_rows(pixels, None, dtype) is not None
    assert OPS.keep_rows(pixels + 1, None, dtype) is None
    assert NUMPY.keep_rows(pixels, None, dtype) is None
    monkeypatch.setattr(sparse, "MOST_KEPT", 999)
    assert OPS.keep_rows(pixels, None, dtype) is None
    assert OPS.keep_rows(pixels, np.arange(49), dtype) is not None
