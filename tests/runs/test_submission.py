"""A submission has a line for each row of the test, as Kaggle takes it, or is not written."""

import csv
import sys

import numpy as np
import pytest

from commands import inknet
from inknet import MLP, InputError
from inknet.data import load
from inknet.errors import InputWarning
from inknet.runs import submission
from inknet.runs.submission import write_submission

SAMPLE = load("sample")
ROWS = np.arange(0, 5000, 25)


def write_table(path, table, names):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(table.tolist())
    return path


PIXELS = [f"pixel{i}" for i in range(784)]


@pytest.fixture(scope="module")
def model():
    mlp = MLP([784, 16, 10], random_seed=0)
    mlp.train(SAMPLE.features, SAMPLE.targets, num_epochs=3)
    return mlp


@pytest.fixture
def test_csv(tmp_path):
    return write_table(tmp_path / "test.csv", SAMPLE.features[ROWS], PIXELS)


def test_each_row_has_its_number_and_its_label(model, test_csv, tmp_path):
    out = tmp_path / "submission.csv"
    for _ in range(2):  # a submission may be replaced
        assert write_submission(model, test_csv, out) == len(ROWS)
        with out.open(newline="") as file:
            header, *rows = csv.reader(file)
        assert header == ["ImageId", "Label"]
        assert [int(number) for number, _ in rows] == list(range(1, len(ROWS) + 1))
        predicted = np.array([int(label) for _, label in rows])
        np.testing.assert_array_equal(predicted, model.predict(SAMPLE.features[ROWS]))
        assert np.mean(predicted == SAMPLE.targets[ROWS]) > 0.8


@pytest.mark.parametrize(
    ("names", "columns", "problem"),
    [
        (["label", *PIXELS], 785, "has a column 'label'; a submission is for tables without"),
        (PIXELS[:783], 783, "783 columns of features; the model takes 784"),
        (
            [*PIXELS[:5], *PIXELS[6:], "pixel5"],
            784,
            "column 'pixel6' comes after 'pixel4'; expected",
        ),
        (["0.5"] * 784, 784, "no header; expected the names of the columns"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_and_nothing_written(
    model, tmp_path, names, columns, problem
):
    table = np.zeros((3, columns), int)
    path = write_table(tmp_path / "test.csv", table, names)
    with pytest.raises(InputError) as caught:
        write_submission(model, path, tmp_path / "submission.csv")
    assert str(caught.value).startswith(f"{path}: {problem}")
    assert [entry.name for entry in tmp_path.iterdir()] == ["test.csv"]


def test_columns_are_in_order_after_one_that_numbers_the_rows(model, tmp_path):
    table = np.column_stack([np.arange(len(ROWS)), SAMPLE.features[ROWS]])
    path, out = tmp_path / "test.csv", tmp_path / "submission.csv"
    write_table(path, table, ["id", *PIXELS])
    with pytest.warns(InputWarning, match="column 'id' is taken for numbers of the rows"):
        assert write_submission(model, path, out) == len(ROWS)
    predicted = np.loadtxt(out, int, delimiter=",", skiprows=1)[:, 1]
    np.testing.assert_array_equal(predicted, model.predict(SAMPLE.features[ROWS]))
    out.unlink()
    write_table(path, table, ["id", *PIXELS[::-1]])
    with (
        pytest.warns(InputWarning, match="column 'id'"),
        pytest.raises(InputError, match="column 'pixel782' comes after 'pixel783'; expected"),
    ):
        write_submission(model, path, out)
    assert not out.exists()


def test_another_file_is_not_replaced(model, test_csv):
    before = test_csv.read_bytes()
    with pytest.raises(InputError, match=r"test\.csv: exists and is no submission"):
        write_submission(model, test_csv, test_csv)
    assert test_csv.read_bytes() == before


def test_what_cannot_be_written_whole_is_not_there(model, test_csv, tmp_path, monkeypatch):
    out = tmp_path / "submission.csv"
    write_submission(model, test_csv, out)
    before = out.read_bytes()
    monkeypatch.setattr(submission, "HEADER", ["ImageId", "Label", "lone \udc80 surrogate"])
    monkeypatch.setattr(submission, "_refuse_to_replace", lambda out: None)
    with pytest.raises(UnicodeEncodeError):
        write_submission(model, test_csv, out)
    assert out.read_bytes() == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["submission.csv", "test.csv"]


@pytest.mark.skipif(sys.platform == "win32", reason="commands are started as on POSIX")
def test_the_round_of_the_competition(model, test_csv, tmp_path):
    train = np.column_stack([SAMPLE.targets, SAMPLE.features])[::10]
    write_table(tmp_path / "train.csv", train, ["label", *PIXELS])
    few = ["--set", "training.epochs=1", "--set", "network.hidden=[8]"]
    inknet("train", "--data", "train.csv", "--out", "run", *few, folder=tmp_path)
    said = inknet("submit", "run", "test.csv", "-o", "mine.csv", folder=tmp_path).stdout
    assert said == f"mine.csv: {len(ROWS)} rows\n"
    assert len((tmp_path / "mine.csv").read_text().splitlines()) == len(ROWS) + 1
    message = inknet("evaluate", "run", "--data", "test.csv", folder=tmp_path, expect=2).stderr
    assert "no label column" in message
    assert "to predict a table without labels, use inknet submit" in message
