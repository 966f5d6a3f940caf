"""Kaggle's CSV: values are those that the csv module wrote, and wrong lines are named."""

import contextlib
import csv
import functools
import gzip
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from making import refusal
from sklearn import datasets

from inknet.data import compressed, csv_file, load
from inknet.errors import InputError, InputWarning

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
    assert (dataset.features.tolist(), dataset.class_names) == ([[2]], ("1",))


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("1,2,3,4", "line 3 has 4 columns, the header has 5"),
        ("1,2,3,4,5,6", "line 3 has 6 columns, the header has 5"),
        ("1,2,1e999,4,5", "line 3, column 3 (pixel1): '1e999' is out of range"),
        ("1,2,x3,4,5", "line 3, column 3 (pixel1): 'x3' is not a number"),
        ("1,2,,4,5", "line 3, column 3 (pixel1): '' is empty"),
        ("1,nan,3,4,5", "line 3, column 2 (pixel0): 'nan' is a missing value"),
        ("1,2,3,4,NA", "line 3, column 5 (pixel3): 'NA' is a missing value"),
        ("1,inf,3,4,5", "line 3, column 2 (pixel0): 'inf' is out of range"),
        (",2,3,4,5", "line 3, column 'label': no label, it is empty"),
        ("1,2,3,4,٣٣٣", "line 3, column 5 (pixel3): '٣٣٣' is not a number"),
        ("1.5,2,3,4,5", "column 'label': numbers such as 1.5 are a quantity, not classes"),
        ("1," + "9" * 5000 + ",3,4,5", "is out of range"),
        ('1,2,"3,4,5', "line 3: a quoted field does not end on its line"),
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
    wrong=st.sampled_from(["1,2x", "1,2,3", "1", '1,"2', "1,", "1,\udce9", "1,\0", "1,nan"]),
    after=st.lists(st.sampled_from(["1,2", "", "y,3", "1,2,3"]), max_size=3),
)
def test_the_first_wrong_line_is_named_whatever_is_around_it(
    tmp_path_factory, before, wrong, after
):
    path = tmp_path_factory.mktemp("csv") / "bad.csv"
    text = "\n".join(["label,pixel0", *before, wrong, *after])
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    assert f"{path}: line {len(before) + 2}" in refusal(load, path)


def seconds(read):
    start = time.process_time()
    read()
    return time.process_time() - start


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A file of many lines, and how long it takes to read."""
    path = tmp_path_factory.mktemp("many") / "train.csv"
    write_kaggle(path, 4_000, 784)
    return path, min(seconds(lambda: load(path)) for _ in range(2))


@pytest.mark.parametrize("wrong", ["nan", "x", "1e999", "5,6", "\0"])
def test_one_wrong_line_at_the_end_of_many_is_found_as_fast_as_the_file_is_read(
    many, tmp_path, wrong
):
    sound_file, sound = many
    path = Path(shutil.copy(sound_file, tmp_path))
    with path.open("a") as file:
        file.write(",".join(["1"] * 784 + [wrong]) + "\n")
    said = []
    assert seconds(lambda: said.append(refusal(load, path))) < 4 * sound + 0.2
    assert "line 4002" in said[0]


def test_lines_that_all_differ_from_the_header_are_noticed(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(f"{HEADER}\n1,2,3\n1,2,3\n")
    assert "line 2 has 3 columns, the header has 5" in refusal(load, path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0,5,5,0\n0,1,1,0\n", "no header, and neither end has classes for the label; name it"),
        ("5,0,0,5\n1,0,0,1\n", "no header, and the first or the last column may be the label"),
        ("pixel0,pixel1\n0,0\n", "no label column, its header starts 'pixel0,pixel1'"),
        ("age,size\n9,0\n8,1\n", "no label column, its header starts 'age,size'"),
        ("label\n1\n", "no columns of features next to the label"),
        ("", "empty; expected a table"),
        ("label,pixel0,pixel1,Label\n0,1,2,1\n", "2 columns are called label"),
        ("class,a,target\n0,1,2\n", "class, target may each be the label; name it with --label"),
        (f"{HEADER}\n", "no lines of numbers"),
    ],
)
def test_a_wrong_header_is_named_with_the_expected_one(tmp_path, text, problem):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    message = refusal(load, path)
    assert message.startswith(f"{path}: {problem}")


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
    names = np.array(dataset.class_names, int)
    np.testing.assert_array_equal(names[dataset.targets], table[:, 0])
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


def frame_of(name):
    """A table of scikit-learn's, as pandas has it: the features, and the target last."""
    pytest.importorskip("pandas")
    return getattr(datasets, f"load_{name}")(as_frame=True).frame


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_of_scikit_learn_comes_back(tmp_path, name, separator):
    frame = frame_of(name)
    frame.to_csv(tmp_path / "table.csv", index=False, sep=separator)
    dataset = load(tmp_path / "table.csv")
    np.testing.assert_array_equal(dataset.features, frame.drop(columns="target"))
    np.testing.assert_array_equal(dataset.targets, frame["target"])
    assert dataset.image_shape is None


def test_decimal_commas_are_read_where_semicolons_separate(tmp_path):
    frame = frame_of("iris")
    frame.to_csv(tmp_path / "table.csv", index=False, sep=";", decimal=",")
    np.testing.assert_array_equal(load(tmp_path / "table.csv").features, frame.iloc[:, :4])


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("place", [0, 2, 4])
def test_the_only_column_of_text_is_the_label(tmp_path, header, place):
    frame = frame_of("iris")
    names = np.array(["setosa", "versi,color", "virginica"])
    frame.insert(place, "kind", names[frame.pop("target")])
    frame.to_csv(tmp_path / "table.csv", index=False, header=header)
    said = "table.csv: column 'kind', the only one of text, is the label"
    with pytest.warns(InputWarning, match=said) if header else contextlib.nullcontext():
        dataset = load(tmp_path / "table.csv")
    np.testing.assert_array_equal(dataset.features, frame.drop(columns="kind"))
    assert dataset.class_names == ("setosa", "versi,color", "virginica")
    np.testing.assert_array_equal(np.array(dataset.class_names)[dataset.targets], frame["kind"])


R_HEADER = '"Sepal.Length","Petal.Length","Species"'
R_ROWS = '"1",5.1,1.4,"setosa"\n"2",7,4.7,"versicolor"\n"3",4.9,1.5,"setosa"\n'


@pytest.mark.parametrize("header", [R_HEADER, f'"",{R_HEADER}'])
def test_the_numbers_of_rows_that_r_writes_are_left_out(tmp_path, header):
    path = tmp_path / "iris.csv"
    path.write_text(f"{header}\n{R_ROWS}")  # as write.table and as write.csv write it
    with pytest.warns(InputWarning, match="'Species' is taken for the label"):
        dataset = load(path)
    assert dataset.features.tolist() == [[5.1, 1.4], [7, 4.7], [4.9, 1.5]]
    assert dataset.targets.tolist() == [0, 1, 0]


def test_the_numbers_of_rows_that_pandas_writes_are_left_out(tmp_path):
    frame = frame_of("wine")
    frame.to_csv(tmp_path / "table.csv")
    dataset = load(tmp_path / "table.csv")
    np.testing.assert_array_equal(dataset.features, frame.drop(columns="target"))
    frame.index.name = "id"
    frame.to_csv(tmp_path / "table.csv")
    with pytest.warns(InputWarning, match="column 'id' is taken for numbers of the rows"):
        np.testing.assert_array_equal(load(tmp_path / "table.csv").features, dataset.features)


def test_a_column_without_a_name_that_counts_the_rows_is_left_out(tmp_path):
    frame = frame_of("wine")
    frame.to_csv(tmp_path / "table.csv", header=False)
    with pytest.warns(InputWarning) as said:
        dataset = load(tmp_path / "table.csv")
    np.testing.assert_array_equal(dataset.features, frame.drop(columns="target"))
    lines = [str(one.message).removeprefix(f"{tmp_path / 'table.csv'}: ") for one in said]
    assert lines == [
        "the last column is taken for the label",
        "column 1 numbers the rows and is left out",
    ]


@pytest.mark.parametrize("header", [True, False])
def test_only_the_values_of_whole_columns_show_which_end_has_classes(tmp_path, header):
    frame = frame_of("wine").rename(columns={"target": "cultivar"})
    path = tmp_path / "table.csv"
    for columns in ([*frame.columns], [frame.columns[-1], *frame.columns[:-1]]):
        frame[columns].to_csv(path, index=False, header=header)
        end = "last" if columns[-1] == "cultivar" else "first"
        name = ", column 'cultivar'," if header else ""
        with pytest.warns(InputWarning, match=f"the {end} column{name} is taken for the label"):
            dataset = load(path)
        np.testing.assert_array_equal(dataset.features, frame.drop(columns="cultivar"))
        np.testing.assert_array_equal(dataset.targets, frame["cultivar"])


@pytest.mark.parametrize("label", ["b", "B", "first", "last"])
def test_the_column_of_the_label_can_be_given(tmp_path, label):
    path = tmp_path / "table.csv"
    path.write_text("id,a,b,label\n7,0,1,2\n8,1,0,0\n")
    column = {"first": 0, "last": 2}.get(label, 1)
    with pytest.warns(InputWarning, match="'id' is taken for numbers of the rows"):
        dataset = load(path, label=label)
    table = np.array([[0, 1, 2], [1, 0, 0]])
    np.testing.assert_array_equal(dataset.features, np.delete(table, column, axis=1))
    names = np.array(dataset.class_names, int)
    np.testing.assert_array_equal(names[dataset.targets], table[:, column])
    with pytest.raises(InputError, match="no column is called 'c'; found id, a, b, label"):
        load(path, label="c")


def test_a_label_is_chosen_in_tables_alone(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.zeros((2, 2)), y=[0, 1])
    for source in (tmp_path / "a.npz", "sample", tmp_path):
        message = refusal(functools.partial(load, source, label="y"))
        assert "no table, so it has no column 'y'" in message


BANK = """"age";"job";"marital";"balance";"y"
30;"unemployed";"married";1787;"no"
33;"services";"married";4789;"no"
35;"management";"single";1350;"yes"
"""


def test_columns_of_text_are_refused_by_name(tmp_path):
    (tmp_path / "bank.csv").write_text(BANK)
    message = refusal(load, tmp_path / "bank.csv")
    assert "line 2: text ('unemployed') instead of numbers in columns 'job', 'marital'; " in message
    assert "pandas.get_dummies" in message
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(tmp_path / "bank.csv", sep=";")
    numbers = pandas.get_dummies(frame, columns=["job", "marital"], dtype=int)
    numbers.to_csv(tmp_path / "bank.csv", index=False, sep=";")
    dataset = load(tmp_path / "bank.csv")  # as the message says
    assert dataset.class_names == ("no", "yes")
    assert dataset.n_features == 2 + 3 + 2


def test_a_quantity_is_no_label(tmp_path):
    frame = frame_of("diabetes")
    frame.to_csv(tmp_path / "table.csv", index=False)
    message = refusal(load, tmp_path / "table.csv")
    assert "column 'target': 214 different numbers in 442 samples are a quantity, not" in message


def test_labels_may_have_gaps_and_be_written_in_several_ways(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('label,a\n3,1\n3.0,2\n"10",3\n-1,4\n')
    dataset = load(path)
    assert dataset.class_names == ("-1", "3", "10")
    assert dataset.targets.tolist() == [1, 1, 2, 0]


@pytest.mark.parametrize(
    "text",
    [
        "a,label,\n1,0\n2,1\n",  # as pandas reads it with a column "Unnamed: 2" of nothing
        "a,label,\n1,0,\n2,1,\n",
        "a,label\n1,0,\n2,1,\n",
    ],
)
def test_a_separator_at_the_end_of_lines_is_no_column(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    dataset = load(tmp_path / "a.csv")
    assert (dataset.features.tolist(), dataset.targets.tolist()) == ([[1], [2]], [0, 1])


def test_numbers_as_names_of_columns_are_no_sample(tmp_path):
    pandas = pytest.importorskip("pandas")
    table = np.column_stack([np.arange(40) % 3, np.linspace(-1, 1, 160).reshape(40, 4)])
    pandas.DataFrame(table).to_csv(tmp_path / "a.csv", index=False)
    with pytest.warns(InputWarning, match="the first column, column '0', is taken for the label"):
        dataset = load(tmp_path / "a.csv")
    np.testing.assert_allclose(dataset.features, table[:, 1:], rtol=1e-15)


def test_blocks_of_bytes_and_of_decimals_are_joined(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_file, "BLOCK", 20)
    table = np.arange(80.0).reshape(20, 4)
    table[[3, 17], 2] = (-1.5, 1e7)
    lines = [",".join(f"{value:g}" for value in row) for row in table]
    (tmp_path / "a.csv").write_text("\n".join(["a,b,c,d,label", *(line + ",1" for line in lines)]))
    np.testing.assert_array_equal(load(tmp_path / "a.csv").features, table)


def test_a_table_of_signs_without_a_j_is_trained(tmp_path):
    """As sign-language MNIST: letters numbered from 0 to 24, without 9, which is a movement."""
    letters = [number for number in range(25) if number != 9]
    table = np.random.default_rng(0).integers(0, 256, (24 * 5, 785))
    table[:, 0] = np.tile(letters, 5)
    names = ",".join(["label", *(f"pixel{number}" for number in range(1, 785))])
    path = tmp_path / "sign_mnist_train.csv"
    np.savetxt(path, table, "%d", ",", header=names, comments="")
    dataset = load(path)
    assert dataset.class_names == tuple(map(str, letters))
    assert dataset.image_shape == (28, 28)
    named = load(path, class_names=[*"ABCDEFGHIJKLMNOPQRSTUVWXYZ"])
    assert "".join(named.class_names) == "ABCDEFGHIKLMNOPQRSTUVWXY"


@pytest.mark.parametrize("text", ["caf\u00e9", "\u00e9t\u00e9"])
def test_a_table_that_is_not_utf8_is_refused_by_its_line(tmp_path, text):
    path = tmp_path / "table.csv"
    lines = ["a,b,label", "1,2,tea", f"3,4,{text}", "5,6,tea"]
    path.write_bytes("\n".join(lines).encode("latin-1"))
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{path}: line 3 has a byte 0xe9 that is not UTF-8; save the table as UTF-8"
    )
    path.write_text("\n".join(lines), "utf-8")
    assert set(load(path).class_names) == {"tea", text}


@pytest.mark.parametrize("missing", ["NA", "nan", "?", "null", "None"])
def test_a_missing_label_is_no_class(tmp_path, missing):
    path = tmp_path / "table.csv"
    path.write_text(f"a,label\n1,0\n2,1\n3,{missing}\n4,1\n")
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{path}: line 4, column 'label': no label, {missing!r} is a missing value"
    )
    path.write_text(f"a,label\n1,yes\n2,no\n3,{missing}\n4,no\n")
    with pytest.warns(InputWarning, match="line 4, column 'label': .* is taken for the name of"):
        assert set(load(path).class_names) == {"yes", "no", missing}


@pytest.mark.parametrize("first", ["?,1,b", "2,NA,b", "2,1,a"])
def test_a_first_row_of_values_is_no_header(tmp_path, first):
    path = tmp_path / "table.csv"
    path.write_text(f"{first}\n3,4,a\n5,6,b\n7,8,a\n")
    if first == "2,1,a":
        assert len(load(path)) == 4
    else:
        wrong = "line 1, column {}: '{}' is a missing value"
        column, value = (1, r"\?") if "?" in first else (2, "NA")
        with pytest.raises(InputError, match=wrong.format(column, value)):
            load(path)


def test_columns_of_numbers_of_customers_are_left_out(tmp_path):
    frame = frame_of("wine")
    expected = frame.drop(columns="target")
    numbers = 7919 * np.arange(len(frame)) % 1009
    path = tmp_path / "table.csv"
    frame.assign(customer_id=numbers).to_csv(path, index=False)
    with pytest.warns(InputWarning, match="column 'customer_id' numbers the rows and is left out"):
        np.testing.assert_array_equal(load(path).features, expected)
    # of shops there are few, which may matter
    frame.assign(shop_id=numbers % 5).to_csv(path, index=False)
    assert load(path).n_features == expected.shape[1] + 1
    # with the label named, a first column that counts is found as well
    numbered = pd.concat([pd.Series(range(100, 100 + len(frame)), name="no"), frame], axis=1)
    numbered.to_csv(path, index=False)
    with pytest.warns(InputWarning, match="column 'no' numbers the rows and is left out"):
        np.testing.assert_array_equal(load(path).features, expected)
