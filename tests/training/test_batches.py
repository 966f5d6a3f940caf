import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from samples import rows_of

from inknet.data import Dataset
from inknet.nn.ops import NUMPY
from inknet.nn.ops.numba import NumbaOps
from inknet.training.batches import ROWS_AHEAD, BatchMaker

OPS = {ops.name: ops for ops in (NUMPY, NumbaOps())}


def numbered(n, dtype="float64"):
    """Samples that say their own number: row i holds i twice, with label i % 3."""
    features = np.repeat(np.arange(n, dtype=dtype), 2).reshape(n, 2)
    return Dataset(features, np.arange(n) % 3, ("a", "b", "c"), None, "numbered")


def maker_of(dataset, batch_size, dtype="float64", ops="numpy"):
    return BatchMaker(dataset, batch_size, np.dtype(dtype), OPS[ops])


def threads_of_batches():
    return [one for one in threading.enumerate() if one.name.startswith("inknet-batches")]


@given(
    n=st.integers(1, 60),
    batch_size=st.integers(1, 70),
    rows_ahead=st.integers(1, 40),
    selected=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
    ops=st.sampled_from(sorted(OPS)),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=150, deadline=None)
def test_every_sample_comes_once_in_the_order_asked_for(
    n, batch_size, rows_ahead, selected, dtype, ops, seed
):
    generator = np.random.default_rng(seed)
    dataset, identity = numbered(n), np.arange(n)
    if selected:
        identity = generator.permutation(n)[: 1 + n // 2]
        dataset = dataset.subset(identity)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inknet.training.batches.ROWS_AHEAD", rows_ahead)
        maker = maker_of(dataset, batch_size, dtype, ops)

    for _ in range(2):  # the buffers serve one epoch after the other
        order = generator.permutation(len(dataset))
        seen, labels, sizes = [], [], []
        for x, y in maker.batches(order):
            assert x.dtype == dtype
            sizes.append(len(x))
            seen.extend(rows_of(x, 2)[:, 1])
            labels.extend(y)
        assert_array_equal(seen, identity[order])
        assert_array_equal(labels, identity[order] % 3)
        assert len(sizes) == len(maker)
        assert all(size == min(batch_size, len(dataset)) for size in sizes[:-1])


@pytest.mark.parametrize("ops", sorted(OPS))
@pytest.mark.parametrize("batch_size", [1, 700, ROWS_AHEAD - 1, ROWS_AHEAD, ROWS_AHEAD + 1])
@pytest.mark.parametrize("n", [ROWS_AHEAD, ROWS_AHEAD + 1, 4 * ROWS_AHEAD + 3])
def test_nothing_is_lost_where_one_group_of_rows_ends(n, batch_size, ops):
    order = np.random.default_rng(0).permutation(n)
    seen, labels = [], []
    for x, y in maker_of(numbered(n), batch_size, ops=ops).batches(order):
        seen.append(rows_of(x, 2)[:, 0])
        labels.append(y)
    assert_array_equal(np.concatenate(seen), order)
    assert_array_equal(np.concatenate(labels), order % 3)
    assert {len(batch) for batch in seen[:-1]} <= {batch_size}


@pytest.mark.parametrize("ops", sorted(OPS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pixels_become_fractions(dtype, ops):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 6), dtype=np.uint8)
    pixels[:12] *= pixels[:12] > 220  # the first batch is mostly zeros, the others are not
    dataset = Dataset(pixels, np.zeros(20, np.uint8), ("a", "b"), (2, 3), "pixels")
    batches = maker_of(dataset, 7, dtype, ops).batches(np.arange(20))
    together = np.concatenate([rows_of(x, 6) for x, _ in batches])
    assert_allclose(together, pixels / 255, rtol=np.finfo(dtype).eps)


def test_an_epoch_makes_no_new_buffers():
    maker = maker_of(numbered(5 * ROWS_AHEAD), 64)
    epochs = [[id(x) for x, _ in maker.batches(np.arange(5 * ROWS_AHEAD))] for _ in range(2)]
    assert epochs[0] == epochs[1]
    assert len(set(epochs[0])) == 2 * ROWS_AHEAD // 64, "one group in use, one on its way"


def test_a_memory_mapped_dataset_is_never_written_to(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(40, dtype=np.uint8).reshape(10, 4))
    features = np.load(tmp_path / "x.npy", mmap_mode="r")
    dataset = Dataset(features, np.zeros(10, np.uint8), ("a", "b"), None, "mapped")
    x, _ = next(maker_of(dataset, 10, "float32").batches(np.arange(10)))
    assert_allclose(rows_of(x, 4), np.arange(40).reshape(10, 4) / 255, rtol=1e-6)


# -- the thread that works ahead ------------------------------------------------------------------


@pytest.mark.parametrize("n_taken", [1, 3])
def test_who_stops_early_leaves_no_thread_behind(n_taken):
    n = 4 * ROWS_AHEAD
    batches = maker_of(numbered(n), ROWS_AHEAD // 2).batches(np.arange(n))
    for _ in range(n_taken):
        next(batches)
    assert threads_of_batches()
    batches.close()
    assert not threads_of_batches()


def test_a_finished_epoch_leaves_no_thread_behind():
    n = 4 * ROWS_AHEAD
    assert sum(1 for _ in maker_of(numbered(n), 100).batches(np.arange(n))) == -(-n // 100)
    assert not threads_of_batches()


def test_what_fits_into_one_group_needs_no_thread():
    for _ in maker_of(numbered(ROWS_AHEAD), 128).batches(np.arange(ROWS_AHEAD)):
        assert not threads_of_batches()


@pytest.mark.parametrize("number_of_load", [0, 1, 5])
def test_an_error_in_the_thread_reaches_the_one_who_waits(monkeypatch, number_of_load):
    n, batch_size = 4 * ROWS_AHEAD, ROWS_AHEAD // 2
    maker = maker_of(numbered(n), batch_size)
    n_loads = 0

    def load(self, features, *, training=True):
        nonlocal n_loads
        n_loads += 1
        if n_loads > number_of_load:
            raise OSError("the disk is gone")
        self.features = features

    monkeypatch.setattr("inknet.nn.ops.batch.Batch.load", load)
    n_seen = 0
    with pytest.raises(OSError, match="the disk is gone"):
        for x, _ in maker.batches(np.arange(n)):
            assert len(x) == batch_size
            n_seen += 1
    assert n_seen == number_of_load // 2 * 2, "all of the groups before"
    assert not threads_of_batches()
