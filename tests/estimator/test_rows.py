"""Batches of rows are the rows that were asked for, however many are copied together."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from inknet.nn.ops import NumpyOps
from inknet.sklearn import rows
from inknet.sklearn.rows import Rows


@pytest.mark.parametrize("n_bytes", [1, 3_000, 1 << 20])  # of rows of 240 bytes
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("batch_size", [1, 7, 50])
def test_every_batch_has_the_rows_of_its_part_of_the_order(monkeypatch, n_bytes, kind, batch_size):
    monkeypatch.setattr(rows, "BYTES_AHEAD", n_bytes)
    generator = np.random.default_rng(0)
    X, order = generator.normal(size=(50, 30)), generator.permutation(50)
    found = []
    for batch in Rows(kind(X), NumpyOps()).batches(order, batch_size):
        out = np.empty((len(batch), 30))
        batch.times(np.eye(30), np.zeros(30), out)
        found.append(out)
    assert [len(one) for one in found] == [
        len(order[i : i + batch_size]) for i in range(0, 50, batch_size)
    ]
    assert_array_equal(np.concatenate(found), X[order])
