"""Rows of mapped files: read from the file they are the same, and a shorter file is noticed."""

import os

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from inknet.data import mapped
from inknet.data.dataset import Dataset
from inknet.errors import InputError
from inknet.nn.ops import NUMPY
from inknet.nn.ops.numba import NumbaOps
from inknet.nn.ops.reading import reader_for
from inknet.training.batches import BatchMaker

OPS = [pytest.param(NUMPY, id="numpy"), pytest.param(NumbaOps(), id="numba")]


@pytest.fixture
def small_files_count_as_large(monkeypatch):
    monkeypatch.setattr(mapped, "LARGE_FILE", 1)


@pytest.fixture(params=[0, 16, 4096, 5000], ids="offset {}".format)
def features(request, tmp_path):
    """200 rows of 12 pixels in a file, after the given number of other bytes."""
    rows = np.random.default_rng(0).integers(0, 256, (200, 12)).astype(np.uint8)
    path = tmp_path / "rows"
    path.write_bytes(bytes(request.param) + rows.tobytes())
    return np.memmap(path, np.uint8, "r", offset=request.param, shape=(200, 12))


@pytest.mark.usefixtures("small_files_count_as_large")
def test_where_a_system_reads_no_positions_the_file_stays_mapped(features, monkeypatch):
    rows = np.array([3, 199, 0])
    expected = features[rows]
    monkeypatch.delattr(os, "preadv")
    assert mapped.file_rows(features) is None
    assert_array_equal(mapped.fetch(features, rows), expected)


@pytest.mark.parametrize("ops", OPS)
@pytest.mark.usefixtures("small_files_count_as_large")
def test_rows_are_read_from_where_they_are_mapped(ops, features):
    rows = np.random.default_rng(1).permutation(200)[:70]
    parts = [
        (features, rows),
        (features[30:130], rows % 100),
        (np.asarray(features)[30:130], rows % 100),
        (features.reshape(200, 3, 4).reshape(200, 12), rows),
    ]
    for part, chosen in parts:
        file = mapped.file_rows(part)
        out = np.empty((70, 12), np.uint8)
        reader_for(ops)(file.descriptor, file.start, chosen, out)
        assert_array_equal(out, part[chosen])


@pytest.mark.parametrize("ops", OPS)
@pytest.mark.usefixtures("small_files_count_as_large")
def test_a_file_that_became_shorter_is_noticed(ops, features):
    file = mapped.file_rows(features)
    os.truncate(features.filename, file.start + 150 * 12 + 5)
    out = np.empty((3, 12), np.uint8)
    reader_for(ops)(file.descriptor, file.start, np.array([0, 149, 7]), out)
    with pytest.raises(ValueError, match="ends before row 150"):
        reader_for(ops)(file.descriptor, file.start, np.array([0, 150, 7]), out)


@pytest.mark.usefixtures("small_files_count_as_large")
def test_some_rows_are_fetched_from_the_file(features):
    rows = np.array([7, 199, 0, 7])
    assert_array_equal(mapped.fetch(features, rows), features[rows])
    assert mapped.fetch(features, rows[:0]).shape == (0, 12)
    dataset = Dataset(features, np.zeros(200, np.uint8), ("0",), (3, 4), "rows")
    assert_array_equal(dataset.images(rows), features[rows].reshape(-1, 3, 4))
    os.truncate(features.filename, 100)
    with pytest.raises(InputError, match="ends before row 199"):
        mapped.fetch(features, rows[1:])


@pytest.mark.usefixtures("small_files_count_as_large")
def test_a_training_whose_file_became_shorter_ends_in_one_line(features):
    dataset = Dataset(features, np.zeros(200, np.uint8), ("0",), None, "rows")
    maker = BatchMaker(dataset, 32, np.dtype("float64"), NUMPY)
    os.truncate(features.filename, 100)
    with pytest.raises(InputError, match="rows: the file ends before row"):
        list(maker.batches(np.arange(200)))


@pytest.mark.usefixtures("small_files_count_as_large")
def test_features_that_are_not_rows_of_a_mapped_file_give_none(features, tmp_path):
    in_memory = np.array(features)
    own_copy = np.memmap(features.filename, np.uint8, "c", shape=(100, 12))
    changed = features + 1
    for other in (in_memory, features[:, ::2], features[:, 1:], own_copy, own_copy[:], changed):
        assert mapped.file_rows(other) is None


def test_a_small_file_stays_mapped(features):
    assert mapped.file_rows(features) is None


@pytest.mark.parametrize("ops", OPS)
def test_batches_are_the_same_whether_read_or_mapped(ops, features, monkeypatch):
    labels = np.arange(200, dtype=np.uint8) % 10
    dataset = Dataset(features, labels, tuple("0123456789"), None, "rows")
    part = dataset.subset(np.random.default_rng(2).permutation(200)[:150])
    order = np.random.default_rng(3).permutation(150)
    found = []
    for size in (1, 2**60):
        monkeypatch.setattr(mapped, "LARGE_FILE", size)
        maker = BatchMaker(part, 32, np.dtype("float64"), ops)
        for batch, targets in maker.batches(order):
            product = np.empty((len(batch), 12))
            batch.times(np.eye(12), np.zeros(12), product)
            found.append((product, targets))
    assert len(found) == 10
    for (read, read_labels), (held, held_labels) in zip(found[:5], found[5:], strict=True):
        assert_array_equal(read, held)
        assert_array_equal(read_labels, held_labels)
    expected = features[part.rows[order]] / 255
    assert_allclose(np.concatenate([x for x, _ in found[:5]]), expected, rtol=1e-15)


@pytest.mark.usefixtures("small_files_count_as_large")
def test_the_file_is_closed_with_its_last_user(features):
    file = mapped.file_rows(features)
    descriptor = file.descriptor
    os.fstat(descriptor)
    del file
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
