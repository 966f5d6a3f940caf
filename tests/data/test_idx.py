"""IDX files: written values come back, and errors are named."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from making import idx_bytes, refusal, write_idx, write_pair

from inknet.data import compressed, load
from inknet.data.idx import load_idx, read_values

IMAGES = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=3, max_dims=3, max_side=9))


@given(images=IMAGES, ending=st.sampled_from(["", ".gz"]))
def test_images_of_any_shape_come_back(tmp_path_factory, images, ending):
    path = tmp_path_factory.mktemp("idx") / f"any-images-idx3-ubyte{ending}"
    write_idx(path, images)
    np.testing.assert_array_equal(read_values(path, 3), images)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_file_of_images_finds_its_labels(tmp_path, ending):
    images, labels = write_pair(tmp_path, ending=ending)
    dataset = load(str(tmp_path / f"train-images-idx3-ubyte{ending}"))
    np.testing.assert_array_equal(dataset.features, images.reshape(6, 6))
    np.testing.assert_array_equal(dataset.targets, labels)
    assert dataset.image_shape == (3, 2)
    assert dataset.class_names == ("0", "1", "2")
    assert dataset.n_official_test == 0


def test_labels_are_found_under_another_spelling_or_gzipped(tmp_path):
    _, labels = write_pair(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    write_idx(tmp_path / "train-labels.idx1-ubyte.gz", labels)
    dataset = load_idx(tmp_path / "train-images-idx3-ubyte")
    np.testing.assert_array_equal(dataset.targets, labels)


def test_images_that_are_not_gzipped_stay_on_disk(tmp_path):
    write_pair(tmp_path)
    features = load(tmp_path / "train-images-idx3-ubyte").features
    assert isinstance(features, np.memmap)
    assert not features.flags.writeable


@pytest.mark.parametrize("test_prefix", ["t10k-", "test-"])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_folder_holds_training_and_test_pair(tmp_path, test_prefix, ending):
    images, labels = write_pair(tmp_path, 6, ending=ending)
    test_images, test_labels = write_pair(tmp_path, 4, test_prefix, ending, seed=1)
    dataset = load(tmp_path)
    both = np.concatenate([images, test_images]).reshape(10, 6)
    np.testing.assert_array_equal(dataset.features, both)
    np.testing.assert_array_equal(dataset.targets, np.concatenate([labels, test_labels]))
    assert dataset.n_official_test == 4


def test_a_folder_with_one_pair_has_no_test_set(tmp_path):
    write_pair(tmp_path, 5, "t10k-")
    dataset = load(tmp_path)
    assert (len(dataset), dataset.n_official_test) == (5, 0)


def test_a_file_both_gzipped_and_not_counts_once(tmp_path):
    write_pair(tmp_path)
    write_pair(tmp_path, ending=".gz")
    assert len(load(tmp_path)) == 6


def test_a_folder_with_too_many_files_lists_them(tmp_path):
    write_pair(tmp_path, prefix="letters-")
    write_pair(tmp_path, prefix="digits-")
    message = refusal(load, tmp_path)
    assert "digits-images-idx3-ubyte, letters-images-idx3-ubyte" in message


def test_the_wrong_magic_number_is_named_with_the_right_one(tmp_path):
    path = tmp_path / "a-images-idx3-ubyte"
    path.write_bytes(struct.pack(">4I", 0x0D03, 1, 2, 2) + bytes(16))
    message = refusal(load, path)
    assert str(path) in message
    assert "0x00000d03, expected 0x00000803" in message


def test_labels_given_as_images_are_refused(tmp_path):
    write_pair(tmp_path, n=100)
    message = refusal(load, tmp_path / "train-labels-idx1-ubyte")
    assert "0x00000801, expected 0x00000803" in message


@pytest.mark.parametrize("change", [-1, 1])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_file_shorter_or_longer_than_it_claims_is_refused(tmp_path, change, ending):
    write_pair(tmp_path, ending=ending)
    path = tmp_path / f"train-images-idx3-ubyte{ending}"
    data = idx_bytes(np.zeros((6, 3, 2), np.uint8))
    data = data[:change] if change < 0 else data + bytes(change)
    path.write_bytes(gzip.compress(data) if ending else data)
    message = refusal(load, path)
    assert message.startswith(f"{path}: ")
    assert "claims" in message


@given(n_kept=st.integers(0, 15))
def test_a_cut_off_header_is_refused(tmp_path_factory, n_kept):
    path = tmp_path_factory.mktemp("idx") / "a-images-idx3-ubyte"
    path.write_bytes(idx_bytes(np.ones((1, 2, 2), np.uint8))[:n_kept])
    assert f"only {n_kept} bytes" in refusal(load, path)


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: data[:60] + data[70:]])
def test_a_damaged_gzip_stream_is_refused(tmp_path, damage):
    write_pair(tmp_path, n=100, ending=".gz")
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    message = refusal(load, path)
    assert message.startswith(f"{path}: ")


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_no_memory_is_taken_for_an_absurd_claim(tmp_path, ending):
    path = tmp_path / f"a-images-idx3-ubyte{ending}"
    data = struct.pack(">4I", 0x0803, 60_000, 2**20, 2**20)
    path.write_bytes(gzip.compress(data) if ending else data)
    tracemalloc.start()
    message = refusal(read_values, path, 3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "claims 60,000 × 1,048,576 × 1,048,576" in message
    assert peak < 1 << 20


def test_images_without_values_are_refused(tmp_path):
    path = write_idx(tmp_path / "a-images-idx3-ubyte", np.zeros((0, 28, 28)))
    assert refusal(load, path) == f"{path}: holds no values, its dimensions are 0 × 28 × 28"


def test_counts_that_differ_are_named(tmp_path):
    write_pair(tmp_path)
    labels = write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(7))
    images = tmp_path / "train-images-idx3-ubyte"
    assert refusal(load, tmp_path) == f"{images}: 6 images, but 7 labels in {labels}"


def test_test_images_of_another_size_are_refused(tmp_path):
    write_pair(tmp_path)
    write_pair(tmp_path, prefix="t10k-")
    write_idx(tmp_path / "t10k-images-idx3-ubyte", np.zeros((6, 2, 2)))
    message = refusal(load, tmp_path)
    assert "images of 2×2 pixels" in message
    assert "have 3×2" in message


def test_missing_labels_are_named(tmp_path):
    write_pair(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    message = refusal(load, tmp_path)
    assert "expected train-labels-idx1-ubyte" in message


def test_a_gzipped_file_that_unpacks_to_far_too_much_is_refused(tmp_path, monkeypatch):
    path = write_idx(tmp_path / "images-idx3-ubyte.gz", np.zeros((100, 28, 28)))
    assert read_values(path, 3).shape == (100, 28, 28)
    monkeypatch.setattr(compressed, "ALWAYS_ALLOWED", 50_000)
    assert "78,416 bytes in all, but the file has" in refusal(read_values, path, 3)
