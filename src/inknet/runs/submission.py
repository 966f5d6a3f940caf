"""Submission: what a model predicts for a table without labels, in the form that Kaggle takes."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from inknet.data.csv_columns import LABEL_NAMES
from inknet.data.csv_file import load_rows
from inknet.data.dataset import Dataset
from inknet.data.emnist import is_emnist
from inknet.data.feature_names import column_order
from inknet.data.layout import numbers_in, transposed
from inknet.errors import InputError, quoted
from inknet.files import as_path, write_whole
from inknet.groups.dividing import NoGroupsError
from inknet.mlp import MLP
from inknet.recipes.schema import DataRecipe

HEADER = ["ImageId", "Label"]


def write_submission(
    model: MLP,
    test: Path,
    out: Path,
    *,
    data: DataRecipe | None = None,
    transpose: bool | None = None,
) -> int:
    """Predict the rows of a table, and write ``ImageId,Label`` with a line for each, from 1.

    The file is written whole or not at all, and read again before it is put in place.

    Parameters
    ----------
    model
        Its class names become the labels.
    test
        A CSV with the features of the model and no label, as Kaggle's ``test.csv``. If model and
        table have names of columns, the columns are found by their names.
    out
        Where the submission goes. A file that is no submission is not replaced.
    data
        How the data of the model's training were read, if that is known.
    transpose
        Whether rows and columns of the images are exchanged; without it, if those of the training
        were, or if the table is one of EMNIST.

    Returns
    -------
    int
        The number of rows.

    Raises
    ------
    InputError
        If the table does not fit the model, or the file cannot be written.
    """
    test, out = as_path(test), as_path(out)
    _refuse_to_replace(out)
    groups = data.named_groups if data else None
    try:
        table, names = load_rows(test, groups)
    except NoGroupsError:
        table, names = load_rows(test)
    known = model.facts.feature_names
    _check_header(test, names, data.label if data else None, has_names=bool(known))
    if (order := column_order(names, known, str(test))) is not None:
        table = np.ascontiguousarray(table[:, order])
    n_features = model.network.architecture.layer_dims[0]
    if table.shape[1] != n_features:
        raise InputError(
            f"{test}: {table.shape[1]:,} columns of features; the model takes {n_features:,}"
        )
    if transpose is None and data is not None:
        transpose = data.transpose
    if transpose is None:  # then the images of the training were upright
        transpose = is_emnist(test.stem) or (data is not None and is_emnist(data.source))
    if transpose:
        facts, no_labels = model.facts, np.zeros(len(table), np.intp)
        images = Dataset(table, no_labels, facts.class_names, facts.image_shape, str(test))
        table = transposed(images).features
    labels = model.predict_names(table).tolist()
    write_whole(out, lambda path: _write(path, labels))
    return len(labels)


def _check_header(test: Path, names: list[str], label: str | None, *, has_names: bool) -> None:
    """Refuse a table with labels or without names; and numbered columns in another order.

    If the model has names, the order need not be that of the numbers.
    """
    if not names:
        raise InputError(f"{test}: no header; expected the names of the columns in its first line")
    if labels := [name for name in names if name == label or name.lower() in LABEL_NAMES]:
        raise InputError(
            f"{test}: has a column {quoted(labels[0])!r}; a submission is for tables without"
        )
    numbers = None if has_names else numbers_in(names)
    if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
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
