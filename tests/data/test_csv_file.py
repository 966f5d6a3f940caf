"""Kaggle's CSV: values are those that the csv module wrote, and wrong lines are named."""

import csv
import gzip
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from making import refusal

from inknet.data import compressed, csv_file, load

HEADER = "label,pixel0,pixel1,pixel2,pixel3"


def write_kaggle(path, n_rows, n_pixels, seed=0):
    table = np.random.default_rng(seed).integers(0, 256, (n_rows, 1 + n_pixels))
    table[:, 0] %= 10
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", *(f"pixel{i}" for i in range(n_pixels))])
        writer.writerows(table.tolist())
    return table


def test_values_come_back(tmp_path):
    path = tmp_path / "train.csv"
    table = write_kaggle(path, 50, 784)
    dataset = load(str(path))
    np.testing.assert_array_equal(dataset.features, table[:, 1:])
    np.testing.assert_array_equal(dataset.targets, table[:, 0])
    assert dataset.features.dtype == np.uint8
    assert dataset.features.flags.c_contiguous
    assert dataset.image_shape == (28, 28)


def test_a_gzipped_file_is_read_too(tmp_path):
    path = tmp_path / "train.csv"
    table = write_kaggle(path, 5, 4)
    packed = tmp_path / "train.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(load(packed).features, table[:, 1:])


def test_columns_that_do_not_form_a_square_are_features(tmp_path):
    path = tmp_path / "features.csv"
    write_kaggle(path, 5, 6)
    dataset = load(path)
    assert dataset.image_shape is None
    assert dataset.n_features == 6


@pytest.mark.parametrize(
    "text",
    [
        "\ufefflabel,a\n1,2\n",
        '"Label","a"\n1,2\n',
        "label,a\r\n1,2\r\n\r\n",
        "label,a\n1, 2",
    ],
)
def test_byte_order_marks_quotes_and_other_line_ends_are_read(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    dataset = load(path)
    assert (dataset.features.tolist(), dataset.labels.tolist()) == ([[2]], [1])


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("1,2,3,4", "line 3 has 4 columns, the header has 5"),
        ("1,2,3,4,5,6", "line 3 has 6 columns, the header has 5"),
        ("1,2,3,4,300", "line 3, column 5: '300' is out of range"),
        ("1,2,-3,4,5", "line 3, column 3: '-3' is out of range"),
        ("1,2,1.5,4,5", "line 3, column 3: '1.5' is not written as a whole number"),
        ("1,2,3.0,4,5", "line 3, column 3: '3.0' is not written as a whole number"),
        ("1,2,,4,5", "line 3, column 3: '' is empty"),
        ("1,nan,3,4,5", "line 3, column 2: 'nan' is NaN"),
        ("1,inf,3,4,5", "line 3, column 2: 'inf' is out of range"),
        ("one,2,3,4,5", "line 3, column 1: 'one' is not a number"),
        ("1,2,3,4,٣٣٣", "line 3, column 5: '٣٣٣' is out of range"),
        ("256,2,3,4,5", "line 3, column 1: '256' is out of range"),
        ("1," + "9" * 5000 + ",3,4,5", "is out of range"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, row, problem):
    path = tmp_path / "bad.csv"
    path.write_text(f"{HEADER}\n1,2,3,4,5\n{row}\n1,2,3,4,5\n", encoding="utf-8")
    message = refusal(load, path)
    assert message.startswith(f"{path}: ")
    assert problem in message


def test_lines_are_counted_across_empty_ones(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(f"{HEADER}\n\n1,2,3,4,5\n\n1,2,3,4,x\n")
    assert "line 5, column 5" in refusal(load, path)


@given(
    before=st.lists(st.sampled_from(["1,+2", " 1,002", "1,2\u2003", "", "  \t"]), max_size=6),
    wrong=st.sampled_from(
        ["1,2x", "x,2", "1,300", "1,2,3", "1", '1,"2', "1,1.5", "1,\udce9", "1,\0"]
    ),
    after=st.lists(st.sampled_from(["1,2", "", "y,3", "1,2,3"]), max_size=3),
)
def test_the_first_wrong_line_is_named_whatever_is_around_it(
    tmp_path_factory, before, wrong, after
):
    path = tmp_path_factory.mktemp("csv") / "bad.csv"
    text = "\n".join(["label,pixel0", *before, wrong, *after])
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    assert f"{path}: line {len(before) + 2}" in refusal(load, path)


@pytest.mark.parametrize("wrong", ["1.5", "x", "300", "5,6", "\0"])
def test_one_wrong_line_at_the_end_of_many_is_found_as_fast_as_the_file_is_read(tmp_path, wrong):
    path = tmp_path / "train.csv"
    write_kaggle(path, 4_000, 784)

    def seconds(read):
        start = time.process_time()
        read()
        return time.process_time() - start

    sound = min(seconds(lambda: load(path)) for _ in range(2))
    text = path.read_text()
    path.write_text(text + ",".join(["1"] * 784 + [wrong]) + "\n")
    found = seconds(lambda: refusal(load, path))
    assert "line 4002" in refusal(load, path)
    assert found < 4 * sound + 0.2


def test_lines_that_all_differ_from_the_header_are_noticed(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(f"{HEADER}\n1,2,3\n1,2,3\n")
    assert "line 2 has 3 columns, the header has 5" in refusal(load, path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("5,0,0,0\n1,0,0,0\n", "no header, its first line starts '5,0'"),
        ("pixel0,pixel1\n0,0\n", "no label column, its header starts 'pixel0,pixel1'"),
        ("label\n1\n", "no columns of pixels"),
        ("", "no header"),
        (f"{HEADER}\n", "no lines of numbers"),
    ],
)
def test_a_wrong_header_is_named_with_the_expected_one(tmp_path, text, problem):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    message = refusal(load, path)
    assert message.startswith(f"{path}: {problem}")


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (",label,pixel0,pixel1", "its first column, without a name, numbers the rows"),
        ("Unnamed: 0,label,pixel0,pixel1", "its first column, 'Unnamed: 0', numbers the rows"),
        ("id,label,pixel0,pixel1", "its first column, 'id', numbers the rows"),
        ("id,pixel0,pixel1,label", "its first column, 'id', numbers the rows"),
        ("pixel0,label,pixel1,pixel2", "the column label is neither the first nor the last"),
        ("label,pixel0,pixel1,Label", "2 columns are called label"),
    ],
)
def test_a_column_that_may_be_no_feature_is_refused(tmp_path, header, problem):
    path = tmp_path / "bad.csv"
    path.write_text(f"{header}\n0,1,2,1\n1,0,3,1\n")
    assert refusal(load, path).startswith(f"{path}: {problem}")


def test_a_frame_that_pandas_wrote_is_read_or_refused_for_its_index(tmp_path):
    pandas = pytest.importorskip("pandas")
    path, table = tmp_path / "a.csv", np.random.default_rng(0).integers(0, 10, (300, 5))
    frame = pandas.DataFrame(table, columns=["label", *(f"pixel{i}" for i in range(4))])
    frame.to_csv(path)
    assert "write it with index=False in pandas" in refusal(load, path)
    frame.to_csv(path, index=False)
    np.testing.assert_array_equal(load(path).features, table[:, 1:])


def test_the_label_may_be_the_last_column(tmp_path):
    path = tmp_path / "last.csv"
    table = np.random.default_rng(0).integers(0, 10, (50, 5))
    np.savetxt(path, table, "%d", ",", header="pixel0,pixel1,pixel2,pixel3,label", comments="")
    dataset = load(path)
    np.testing.assert_array_equal(dataset.features, table[:, :-1])
    np.testing.assert_array_equal(dataset.targets, table[:, -1])
    assert dataset.image_shape == (2, 2)
    assert dataset.features.flags.c_contiguous


def test_bytes_that_are_not_text_are_refused(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_bytes(bytes(range(256)) * 4)
    assert str(path) in refusal(load, path)


@given(
    table=arrays.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(2, 9))),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_any_whole_numbers_come_back(tmp_path_factory, table, end):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    header = ",".join(["label", *(f"pixel{number}" for number in range(table.shape[1] - 1))])
    lines = [header, *(",".join(map(str, row)) for row in table.tolist())]
    path.write_bytes(end.join([*lines, ""]).encode())
    dataset = load(path)
    np.testing.assert_array_equal(dataset.targets, table[:, 0])
    np.testing.assert_array_equal(dataset.features, table[:, 1:])


def test_a_line_longer_than_any_row_of_pixels_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("label,pixel0\n1,2\n1," + " " * 100 + "2\n")
    assert load(path).features.tolist() == [[2], [2]]
    monkeypatch.setattr(csv_file, "LONGEST_LINE", 100)
    assert "a line of more than 100 characters" in refusal(load, path)


def test_a_gzipped_file_that_unpacks_to_far_too_much_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"label,pixel0\n" + b"0,0\n" * 20_000))
    assert len(load(path)) == 20_000
    monkeypatch.setattr(compressed, "ALWAYS_ALLOWED", 50_000)
    assert "unpacks to more than 50,000 bytes" in refusal(load, path)
