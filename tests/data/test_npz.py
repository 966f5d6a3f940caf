"""NumPy archives: each layout is read, and false claims about sizes are refused."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from making import refusal
from PIL import Image

from inknet.data import compressed, load

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (6, 4, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def save(tmp_path, **arrays):
    path = tmp_path / "data.npz"
    np.savez_compressed(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("X", "y"),
        ("x", "y"),
        ("images", "labels"),
        ("features", "labels"),
        ("data", "target"),
        ("data", "labels"),
        ("X_train", "y_train"),
        ("x_train", "y_train"),
    ],
)
def test_each_pair_of_names_is_read(tmp_path, x, y):
    dataset = load(save(tmp_path, **{x: IMAGES, y: LABELS}))
    np.testing.assert_array_equal(dataset.features, IMAGES.reshape(6, 12))
    np.testing.assert_array_equal(dataset.targets, LABELS)
    assert dataset.image_shape == (4, 3)
    assert dataset.class_names == ("0", "1", "2")


def test_the_layout_of_keras_gives_an_official_test_set(tmp_path):
    path = save(tmp_path, x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:2] // 2, y_test=LABELS[:2])
    dataset = load(str(path))
    assert (len(dataset), dataset.n_official_test) == (8, 2)
    np.testing.assert_array_equal(dataset.features[6:], (IMAGES[:2] // 2).reshape(2, 12))


def test_the_usual_names_of_a_split_give_an_official_test_set(tmp_path):
    test, more = IMAGES[:2] // 2, IMAGES[::-1]
    x = {"X_train": IMAGES, "X_test": test}
    dataset = load(save(tmp_path, y_train=LABELS, y_test=LABELS[:2], **x))
    assert (len(dataset), dataset.n_official_test) == (8, 2)
    images = {"train_images": IMAGES, "val_images": more, "test_images": test}
    column = LABELS[:, None]  # as MedMNIST has them
    labels = {"train_labels": column, "val_labels": column[::-1], "test_labels": column[:2]}
    dataset = load(save(tmp_path, **images, **labels))
    assert (len(dataset), dataset.n_official_test) == (14, 2)
    expected = np.concatenate([IMAGES, more, test]).reshape(14, 12)
    np.testing.assert_array_equal(dataset.features, expected)
    np.testing.assert_array_equal(dataset.targets, [*LABELS, *LABELS[::-1], *LABELS[:2]])


LABELS_AS = {
    "(n, 1)": LABELS[:, None],
    "one-hot": np.eye(3)[LABELS],
    "one-hot bool": np.eye(3, dtype=bool)[LABELS],
    "text": np.array(["ant", "bee", "cat"])[LABELS],
    "bytes": np.array([b"ant", b"bee", b"cat"])[LABELS],
    "floats": LABELS.astype("f4"),
    "from 1": LABELS + 1,
    "with gaps": 5 * LABELS - 5,
}


@pytest.mark.parametrize("kind", LABELS_AS)
def test_labels_of_any_kind_are_the_same_classes(tmp_path, kind):
    dataset = load(save(tmp_path, X=IMAGES, y=LABELS_AS[kind]))
    np.testing.assert_array_equal(dataset.targets, LABELS)
    names = {"text": "ant bee cat", "bytes": "ant bee cat", "from 1": "1 2 3"}
    expected = names.get(kind, "-5 0 5" if kind == "with gaps" else "0 1 2")
    assert dataset.class_names == tuple(expected.split())


def test_labels_of_false_and_true_are_two_classes(tmp_path):
    dataset = load(save(tmp_path, X=IMAGES, y=LABELS > 0))
    assert dataset.class_names == ("False", "True")
    np.testing.assert_array_equal(dataset.targets, LABELS > 0)


def test_text_labels_are_counted_as_their_names_are_listed(tmp_path):
    text, names = np.array(["cat", "ant", "bee"])[LABELS], np.array(["cat", "ant", "bee"])
    dataset = load(save(tmp_path, X=IMAGES, y=text, class_names=names))
    assert dataset.class_names == ("cat", "ant", "bee")
    np.testing.assert_array_equal(dataset.targets, LABELS)
    path = save(tmp_path, X=IMAGES, y=text, class_names=names[:2])
    assert "y: 'bee' is not among the class_names" in refusal(load, path)


@pytest.mark.parametrize("place", [-1, 1])
def test_images_of_one_channel_are_images(tmp_path, place):
    dataset = load(save(tmp_path, X=np.expand_dims(IMAGES / 255, place), y=LABELS))
    np.testing.assert_array_equal(dataset.features, IMAGES.reshape(6, 12) / 255)
    assert dataset.image_shape == (4, 3)


def test_images_in_colour_become_grey_as_pictures_do(tmp_path):
    colours = GENERATOR.integers(0, 256, (6, 4, 3, 3), dtype=np.uint8)
    dataset = load(save(tmp_path, X=colours, y=LABELS))
    expected = [np.asarray(Image.fromarray(image).convert("L")) for image in colours]
    np.testing.assert_allclose(dataset.images(np.arange(6)), expected, atol=1)


def test_rows_of_whole_numbers_are_images_only_if_they_look_like_images(tmp_path):
    table = GENERATOR.integers(0, 256, (6, 784))  # int64, as NumPy makes them
    dataset = load(save(tmp_path, X=table, y=LABELS))
    assert dataset.features.dtype == np.uint8
    assert dataset.image_shape is None
    np.testing.assert_array_equal(dataset.features, table)
    digits = load("sample").features[::900].astype(int)
    assert load(save(tmp_path, X=digits, y=LABELS)).image_shape == (28, 28)


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2"])
def test_floating_features_keep_their_values(tmp_path, dtype):
    features = np.asfortranarray(GENERATOR.normal(size=(6, 9)).astype(dtype))
    dataset = load(save(tmp_path, X=features, y=LABELS))
    np.testing.assert_array_equal(dataset.features, features)
    assert dataset.features.dtype in (np.dtype("=f4"), np.dtype("=f8"))
    assert dataset.features.flags.c_contiguous
    assert dataset.image_shape is None


@pytest.mark.parametrize("kind", ["i8", "u2", "?", "f2", "f8", ">i4"])
def test_numbers_of_every_type_and_range_keep_their_values(tmp_path, kind):
    arrays = [IMAGES > 9] if kind == "?" else [IMAGES, IMAGES / 255, IMAGES * 1000.0, -1.0 * IMAGES]
    for array in arrays:
        with np.errstate(over="ignore", invalid="ignore"):
            array = array.astype(kind)
        if not np.isfinite(array).all():
            continue
        dataset = load(save(tmp_path, X=array, y=LABELS))
        np.testing.assert_array_equal(dataset.features, array.reshape(6, 12).astype(float))
        assert dataset.image_shape == (4, 3)


def test_class_names_are_kept(tmp_path):
    names = np.array(["shirt", "shoe", "bag"])
    assert load(save(tmp_path, X=IMAGES, y=LABELS, class_names=names)).class_names == tuple(names)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float16, np.float32, np.float64])
def test_numbers_of_any_type_are_positions_in_the_class_names(tmp_path, dtype):
    labels = (LABELS > 0).astype(dtype)
    for names in (["shirt", "shoe"], ["1", "0"]):
        dataset = load(save(tmp_path, X=IMAGES, y=labels, class_names=np.array(names)))
        assert dataset.class_names == tuple(names)
        np.testing.assert_array_equal(dataset.targets, LABELS > 0)


def test_false_and_true_are_the_classes_of_these_names(tmp_path):
    names = np.array(["True", "False"])
    dataset = load(save(tmp_path, X=IMAGES, y=LABELS > 0, class_names=names))
    np.testing.assert_array_equal(dataset.targets, LABELS == 0)


def with_value(value):
    features = np.zeros((6, 3))
    features[4, 1] = value
    return features


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"X": with_value(np.nan), "y": LABELS}, "X is nan in row 4, column 1"),
        ({"X": with_value(-np.inf), "y": LABELS}, "X is -inf in row 4, column 1"),
        ({"X": IMAGES * 1j, "y": LABELS}, "X is of type complex128"),
        ({"X": LABELS, "y": LABELS}, "X is int64 of shape (6,)"),
        ({"X": np.uint8(3), "y": LABELS}, "X is uint8 of shape ()"),
        ({"X": IMAGES[:0], "y": LABELS[:0]}, "X is empty"),
        ({"X": IMAGES, "y": LABELS[:5]}, "6 rows in X, but 5 labels in y"),
        ({"X": IMAGES, "y": LABELS / 4}, "y: numbers such as 0.25 are a quantity, not classes"),
        ({"X": IMAGES, "y": LABELS * np.nan}, "y: label nan, expected classes"),
        ({"X": IMAGES, "y": LABELS * 1j}, "y is of type complex128"),
        ({"X": IMAGES, "y": np.ones((6, 2))}, "y has shape (6, 2), and not exactly one 1 in each"),
        ({"X": IMAGES, "y": np.ones((6, 2, 1))}, "y is float64 of shape (6, 2, 1), expected whole"),
        ({"X": np.ones((6, 4, 4, 2)), "y": LABELS}, "X is float64 of shape (6, 4, 4, 2); expected"),
        ({"X": IMAGES, "labels": LABELS}, "found X, labels"),
        ({"X": IMAGES.astype(object), "y": LABELS}, "X holds Python objects (a pickle)"),
        ({"X": IMAGES, "y": LABELS, "class_names": np.array(["a", "b"])}, "outside the 2 classes"),
        (
            {"X": IMAGES, "y": LABELS * 1.0, "class_names": np.array(["a", "b"])},
            "label 2 is outside the 2 classes named",
        ),
        (
            {"X": IMAGES, "y": LABELS * np.nan, "class_names": np.array(["a", "b"])},
            "y: label nan, expected classes",
        ),
        ({"X": IMAGES, "y": LABELS / 4, "class_names": np.array(["a", "b"])}, "are a quantity"),
        ({"X": IMAGES, "y": LABELS, "class_names": LABELS}, "class_names is int64"),
        (
            {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:, 1:], "y_test": LABELS},
            "x_train and x_test differ",
        ),
    ],
)
def test_wrong_arrays_are_named(tmp_path, arrays, problem):
    path = save(tmp_path, **arrays)
    message = refusal(load, path)
    assert message.startswith(f"{path}: ")
    assert problem in message


def test_a_file_that_is_not_an_archive_is_refused(tmp_path):
    path = tmp_path / "bad.npz"
    path.write_bytes(b"no archive")
    assert str(path) in refusal(load, path)
    np.savez(path, X=IMAGES, y=LABELS)
    path.write_bytes(path.read_bytes()[:-20])
    assert str(path) in refusal(load, path)


def test_a_zip_without_arrays_is_refused(tmp_path):
    path = tmp_path / "other.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X", b"")
        archive.writestr("y", b"")
    assert refusal(load, path).endswith("found none")


def test_damage_inside_the_archive_is_refused(tmp_path):
    path = save(tmp_path, X=IMAGES, y=LABELS)
    data = bytearray(path.read_bytes())
    data[150:160] = bytes(10)
    path.write_bytes(data)
    assert str(path) in refusal(load, path)


def test_no_memory_is_taken_for_an_absurd_claim(tmp_path):
    header = io.BytesIO()
    claim = {"descr": "|u1", "fortran_order": False, "shape": (2**20, 2**20)}
    np.lib.format.write_array_header_1_0(header, claim)
    labels = io.BytesIO()
    np.save(labels, LABELS)
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", header.getvalue())
        archive.writestr("y.npy", labels.getvalue())
    tracemalloc.start()
    message = refusal(load, path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "X claims 1,099,511,627,904 bytes" in message
    assert peak < 1 << 20


def test_a_directory_that_lies_about_sizes_is_refused(tmp_path):
    path = save(tmp_path, X=np.zeros((6, 4), np.uint8), y=LABELS)
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")  # the entry of X in the central directory
    data[entry + 24 : entry + 28] = struct.pack("<I", 2**31)
    path.write_bytes(data)
    assert "claims 2,147,483,824 bytes of arrays" in refusal(load, path)


def header_alone(content, version=b"\1\0"):
    """Return an array file that has only this header."""
    length = struct.pack("<H" if version == b"\1\0" else "<I", len(content))
    return b"\x93NUMPY" + version + length + content


@pytest.mark.parametrize(
    ("member", "problem"),
    [
        (header_alone(b"(" * 9_000), "not a valid .npz archive"),
        (header_alone(b"{'a': '''"), "not a valid .npz archive"),
        (header_alone(b" " * 20_000, b"\2\0"), "not a valid .npz archive"),
        (
            header_alone(b"{'descr': '<U0', 'fortran_order': False, 'shape': (1 << 60,), }"),
            "not a valid .npz archive",
        ),
        (
            header_alone(b"{'descr': '<U0', 'fortran_order': False, 'shape': (99999999999,), }"),
            "class_names is of type <U0",
        ),
        (
            header_alone(b"{'descr': '|V0', 'fortran_order': False, 'shape': (99999999999,), }"),
            "class_names is of type |V0",
        ),
        (
            header_alone(b"{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (0,), }"),
            "class_names is of type [('a', '<i4')]",
        ),
    ],
)
def test_headers_that_no_array_has_are_refused(tmp_path, member, problem):
    path = save(tmp_path, X=IMAGES, y=LABELS)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("class_names.npy", member)
    message = refusal(load, path)
    assert problem in message
    assert len(message) < 1_000


def test_numbers_wider_than_64_bits_are_refused(tmp_path):
    if np.dtype(np.longdouble).itemsize <= 8:
        pytest.skip("this machine has no wider numbers")
    path = save(tmp_path, X=np.zeros((6, 2), np.longdouble), y=LABELS)
    assert "expected text or numbers of at most 64 bits" in refusal(load, path)


def test_too_many_class_names_are_refused(tmp_path):
    path = save(tmp_path, X=IMAGES, y=LABELS, class_names=np.zeros(4_001, "U1"))
    assert "class_names has 4,001 names, expected at most 4,000" in refusal(load, path)
    path = save(tmp_path, X=np.zeros((4_001, 2)), y=np.arange(4_001))
    assert "y: 4,001 different labels, expected at most 4,000" in refusal(load, path)


def test_names_too_long_for_a_model_file_are_refused_with_the_data(tmp_path):
    path = save(tmp_path, X=IMAGES, y=LABELS, class_names=np.array(["a", "b" * 250_000, "c"]))
    assert "250,002 characters together, expected at most 250,000" in refusal(load, path)


def test_names_of_arrays_cannot_break_the_line(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("two\nlines.npy", b"")
        archive.writestr(f"{'long' * 5_000}.npy", b"")
    message = refusal(load, path)
    assert message.isprintable()
    assert len(message) < 1_000


def test_arrays_that_unpack_to_far_too_much_are_refused(tmp_path, monkeypatch):
    arrays = {"x_train": np.zeros((60, 900), np.uint8), "y_train": np.zeros(60, np.uint8)}
    arrays |= {"x_test": arrays["x_train"], "y_test": arrays["y_train"]}
    path = save(tmp_path, **arrays)
    assert len(load(path)) == 120
    monkeypatch.setattr(compressed, "ALWAYS_ALLOWED", 100_000)
    assert "bytes of arrays, too much for a file of" in refusal(load, path)
