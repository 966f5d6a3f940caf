"""IDX files: written values come back, and errors are named."""

import gzip
import lzma
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from making import idx_bytes, refusal, write_idx, write_pair

from inknet.data import compressed, load
from inknet.data.compressed import open_unpacked
from inknet.data.idx import load_idx, read_values
from inknet.errors import InputError

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
    path.write_bytes(struct.pack(">4I", 0x0A03, 1, 2, 2) + bytes(16))
    message = refusal(load, path)
    assert str(path) in message
    assert "0x00000a03, expected 0x00000803" in message


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


TYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}


def typed_idx(code: int, values: np.ndarray) -> bytes:
    """Write the IDX format as its page defines it: the type's code, and numbers big-endian."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, code, values.ndim, *values.shape)
    return header + values.astype(f">{TYPES[code]}").tobytes()


PACKERS = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("code", TYPES)
@pytest.mark.parametrize("ending", PACKERS)
def test_values_of_every_type_come_back(tmp_path, code, ending):
    images = np.arange(-12, 12).reshape(4, 3, 2) * (7.5 if code > 0x0C else 1)
    images = images + 12 if code == 0x08 else images
    labels, pack = np.array([1, 5, 5, 1]), PACKERS[ending]
    for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
        (tmp_path / f"a-{kind}-{'ubyte' if code == 8 else 'double'}{ending}").write_bytes(
            pack(typed_idx(code, values))
        )
    dataset = load(tmp_path)
    np.testing.assert_array_equal(dataset.features, images.reshape(4, 6))
    assert dataset.class_names == ("1", "5")
    assert dataset.targets.tolist() == [0, 1, 1, 0]


def test_a_value_that_is_not_finite_is_named(tmp_path):
    (tmp_path / "a-images-idx3-float").write_bytes(typed_idx(0x0D, np.full((1, 2, 2), np.nan)))
    write_idx(tmp_path / "a-labels-idx1-ubyte", np.zeros(1))
    assert "a-images-idx3-float is nan in row 0, column 0" in refusal(load, tmp_path)


def test_the_class_of_qmnist_is_in_the_first_of_eight_columns(tmp_path):
    images, labels = write_pair(tmp_path, 6, "qmnist-train-", ".gz")
    (tmp_path / "qmnist-train-labels-idx1-ubyte.gz").unlink()
    columns = np.column_stack([labels, *np.random.default_rng(0).integers(0, 9999, (7, 6))])
    packed = gzip.compress(typed_idx(0x0C, columns))
    (tmp_path / "qmnist-train-labels-idx2-int.gz").write_bytes(packed)
    for source in (tmp_path, tmp_path / "qmnist-train-images-idx3-ubyte.gz"):
        dataset = load(source)
        np.testing.assert_array_equal(dataset.targets, labels)
        np.testing.assert_array_equal(dataset.features, images.reshape(6, 6))


def test_labels_of_other_shapes_are_one_hot_or_refused(tmp_path):
    write_pair(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    write_idx(tmp_path / "train-labels-idx2-ubyte", np.eye(3)[[0, 1, 2, 0, 1, 2]])
    assert load(tmp_path).targets.tolist() == [0, 1, 2, 0, 1, 2]
    # of 8 classes, which are not the 8 columns of QMNIST
    write_idx(tmp_path / "train-labels-idx2-ubyte", np.eye(8)[[7, 1, 2, 0, 1, 2]])
    assert load(tmp_path).class_names == ("0", "1", "2", "7")
    write_idx(tmp_path / "train-labels-idx2-ubyte", np.ones((6, 3)))
    assert "not exactly one 1 in each row" in refusal(load, tmp_path)


def test_files_in_folders_of_their_own_name_are_found(tmp_path):
    """As in the archive of MNIST on Kaggle, which has some of them twice."""
    images, labels = write_pair(tmp_path)
    write_pair(tmp_path, 4, "t10k-", seed=1)
    for path in sorted(tmp_path.iterdir()):
        folder = tmp_path / "other" / path.name
        folder.mkdir(parents=True)
        (folder / path.name).write_bytes(path.read_bytes())
        (tmp_path / "other" / path.name.replace("-idx", ".idx")).write_bytes(path.read_bytes())
    for source in (tmp_path, tmp_path / "other"):
        dataset = load(source)
        assert (len(dataset), dataset.n_official_test) == (10, 4)
        np.testing.assert_array_equal(dataset.features[:6], images.reshape(6, 6))
    for path in (tmp_path / "other").glob("*.idx*"):
        path.unlink()
    np.testing.assert_array_equal(load(tmp_path / "other").targets[:6], labels)
    name = "train-images-idx3-ubyte"
    np.testing.assert_array_equal(load(tmp_path / "other" / name / name).targets, labels)


def test_names_may_lack_the_type(tmp_path):
    images, labels = write_pair(tmp_path)
    for kind, n in (("images", 3), ("labels", 1)):
        (tmp_path / f"train-{kind}-idx{n}-ubyte").rename(tmp_path / f"train-{kind}.idx{n}")
    for source in (tmp_path, tmp_path / "train-images.idx3"):
        np.testing.assert_array_equal(load(source).features, images.reshape(6, 6))
        np.testing.assert_array_equal(load(source).targets, labels)


def test_what_a_mac_or_a_stopped_download_leaves_is_passed_over(tmp_path):
    write_pair(tmp_path)
    name = "train-images-idx3-ubyte"
    for leftover in (f"._{name}", f"{name} (1)", f"{name}.part", f"{name}.gz.crdownload"):
        (tmp_path / leftover).write_bytes(b"a part of it")
    (tmp_path / ".DS_Store").write_bytes(b"")
    (tmp_path / "__MACOSX").mkdir()
    assert len(load(tmp_path)) == 6


@pytest.mark.parametrize("folder", ["raw", "gzip"])
def test_files_are_found_where_others_unpack_them(tmp_path, folder):
    (tmp_path / folder).mkdir()
    images, _ = write_pair(tmp_path / folder)
    np.testing.assert_array_equal(load(tmp_path).features, images.reshape(6, 6))


@pytest.mark.parametrize("n_zeros", [0, 4, 1 << 17])
def test_an_xz_file_of_several_streams_is_read_to_its_end(tmp_path, n_zeros):
    data = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
    streams = [lzma.compress(part) for part in (data[:7], b"", data[7:200_000], data[200_000:])]
    path = tmp_path / "data.xz"
    path.write_bytes(b"".join(stream + bytes(n_zeros) for stream in streams))
    with open_unpacked(path) as file:
        assert file.read() == data
    if n_zeros == 0:
        with lzma.open(path) as file:
            assert file.read() == data


@pytest.mark.parametrize("after", [b"no stream", lzma.compress(bytes(9))[:-5], b"\0\0\0\0\xfd"])
def test_what_follows_a_stream_and_is_none_is_refused(tmp_path, after):
    path = tmp_path / "a-images-idx3-ubyte.xz"
    path.write_bytes(lzma.compress(b"data") + after)
    with pytest.raises(InputError, match=r"damaged|cut off"), open_unpacked(path) as file:
        file.read()


def test_the_second_stream_of_an_xz_file_has_the_same_limit_of_memory(tmp_path):
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]
    path = tmp_path / "data.xz"
    path.write_bytes(lzma.compress(b"data") + lzma.compress(b"data", filters=filters))
    with pytest.raises(InputError, match="Memory usage limit"), open_unpacked(path) as file:
        file.read()


def test_an_xz_file_that_asks_for_much_memory_is_refused(tmp_path):
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]
    path = tmp_path / "a-images-idx3-ubyte.xz"
    path.write_bytes(lzma.compress(idx_bytes(np.zeros((2, 3, 2))), filters=filters))
    assert "its compressed data is damaged (Memory usage limit" in refusal(load, path)


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: data[:60] + data[70:]])
def test_a_damaged_xz_file_is_refused(tmp_path, damage):
    write_pair(tmp_path, n=100, ending=".gz")
    path = tmp_path / "train-images-idx3-ubyte.xz"
    images = np.random.default_rng(0).integers(0, 256, (100, 3, 2))
    path.write_bytes(damage(lzma.compress(idx_bytes(images))))
    assert refusal(load, path).startswith(f"{path}: ")
