import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from inknet.data import Dataset
from inknet.training.batches import BatchMaker


def numbered(n, dtype="float64"):
    """Samples that say their own number: row i holds i twice, with label i % 3."""
    features = np.repeat(np.arange(n, dtype=dtype), 2).reshape(n, 2)
    return Dataset(features, np.arange(n) % 3, ("a", "b", "c"), None, "numbered")


@given(
    n=st.integers(1, 60),
    batch_size=st.integers(1, 70),
    selected=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=80, deadline=None)
def test_every_sample_comes_once_in_the_order_asked_for(n, batch_size, selected, dtype, seed):
    generator = np.random.default_rng(seed)
    dataset, identity = numbered(n), np.arange(n)
    if selected:
        identity = generator.permutation(n)[: 1 + n // 2]
        dataset = dataset.subset(identity)
    order = generator.permutation(len(dataset))
    maker = BatchMaker(dataset, batch_size, np.dtype(dtype))

    seen, labels = [], []
    sizes = []
    for x, y in maker.batches(order):
        assert x.dtype == dtype
        assert x.flags.c_contiguous
        sizes.append(len(x))
        seen.extend(x[:, 0])
        labels.extend(y)
    assert_array_equal(seen, identity[order])
    assert_array_equal(labels, identity[order] % 3)
    assert len(sizes) == len(maker)
    assert all(size == min(batch_size, len(dataset)) for size in sizes[:-1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pixels_become_fractions(dtype):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 6), dtype=np.uint8)
    dataset = Dataset(pixels, np.zeros(20, np.uint8), ("a", "b"), (2, 3), "pixels")
    batches = BatchMaker(dataset, 7, np.dtype(dtype)).batches(np.arange(20))
    together = np.concatenate([x.copy() for x, _ in batches])
    assert_allclose(together, pixels / 255, rtol=np.finfo(dtype).eps)


def test_batches_are_made_in_one_buffer():
    maker = BatchMaker(numbered(20), 5, np.dtype("float64"))
    addresses = {x.ctypes.data for x, _ in maker.batches(np.arange(20))}
    assert len(addresses) == 1


def test_a_memory_mapped_dataset_is_never_written_to(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(40, dtype=np.uint8).reshape(10, 4))
    features = np.load(tmp_path / "x.npy", mmap_mode="r")
    dataset = Dataset(features, np.zeros(10, np.uint8), ("a", "b"), None, "mapped")
    x, _ = next(BatchMaker(dataset, 10, np.dtype("float32")).batches(np.arange(10)))
    assert_allclose(x, np.arange(40).reshape(10, 4) / 255, rtol=1e-6)
