"""Submission: what a model predicts for a table without labels, in the form that Kaggle takes."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from inknet.data.csv_columns import LABEL_NAMES
from inknet.data.csv_file import load_rows
from inknet.errors import InputError, quoted
from inknet.files import write_whole
from inknet.mlp import MLP

HEADER = ["ImageId", "Label"]
NUMBERED = re.compile(r"(\D*)(\d+)")


def write_submission(model: MLP, test: Path, out: Path) -> int:
    """Predict the rows of a table, and write ``ImageId,Label`` with a line for each, from 1.

    The file is written whole or not at all, and read again before it is put in place.

    Parameters
    ----------
    model
        Its class names become the labels.
    test
        A CSV with the features of the model and no label, as Kaggle's ``test.csv``.
    out
        Where the submission goes. A file that is no submission is not replaced.

    Returns
    -------
    int
        The number of rows.

    Raises
    ------
    InputError
        If the table does not fit the model, or the file cannot be written.
    """
    _refuse_to_replace(out)
    table, names = load_rows(test)
    _check_header(test, names)
    n_features = model.network.architecture.layer_dims[0]
    if table.shape[1] != n_features:
        raise InputError(
            f"{test}: {table.shape[1]:,} columns of features; the model takes {n_features:,}"
        )
    labels = model.predict_names(table).tolist()
    write_whole(out, lambda path: _write(path, labels))
    return len(labels)


def _check_header(test: Path, names: list[str]) -> None:
    """Refuse a table with labels, one without names, and columns in another order."""
    if not names:
        raise InputError(f"{test}: no header; expected the names of the columns in its first line")
    if labels := [name for name in names if name.lower() in LABEL_NAMES]:
        raise InputError(
            f"{test}: has a column {quoted(labels[0])!r}; a submission is for tables without"
        )
    found = [NUMBERED.fullmatch(name) for name in names]
    numbers = [int(match[2]) for match in found if match]
    if all(found) and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        wrong = next(i for i, number in enumerate(numbers) if number != numbers[0] + i)
        raise InputError(
            f"{test}: column {quoted(names[wrong][:40])!r} comes after "
            f"{quoted(names[wrong - 1][:40])!r}; expected the columns in order"
        )


def _refuse_to_replace(out: Path) -> None:
    if not out.exists():
        return
    start = ",".join(HEADER).encode()
    if out.is_file():
        with out.open("rb") as file:
            if file.read(len(start)) == start:
                return
    raise InputError(f"{out}: exists and is no submission; choose another place")


def _write(path: Path, labels: list[str]) -> None:
    """Write the labels, and compare what is read again with them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(enumerate(labels, start=1))
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    expected = [[str(number), label] for number, label in enumerate(labels, start=1)]
    if header != HEADER or rows != expected:
        raise InputError(f"{path}: was changed while it was written")
