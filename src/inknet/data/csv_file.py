"""CSV: a table with a sample per line, read in blocks. `csv_columns` finds out what is in it.

A file as Kaggle's digit recognizer, whole numbers from 0 to 255, stays uint8; all other tables of
numbers become float64.
"""

from __future__ import annotations

import gzip
import io
import re
from array import array
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from inknet.data.classes import named_classes
from inknet.data.compressed import largest_unpacked, open_unpacked
from inknet.data.csv_columns import (
    MISSING,
    Columns,
    find_columns,
    is_number,
    label_by_values,
    row_numbers,
    say,
    split_fields,
)
from inknet.data.csv_groups import Groups, field_of
from inknet.data.dataset import MOST_CLASSES, Dataset
from inknet.data.layout import image_shape_of
from inknet.errors import InputError, quoted

LONGEST_LINE = 1 << 22  # characters; no picture has a longer line
BLOCK = 1 << 20  # characters that are parsed at once
LINES_LOOKED_AT = 100
MOST_LABELS = 10 * MOST_CLASSES  # different ones that are kept before they are refused
NOT_WHOLE = re.compile(r"\d?\.\d*|\de[+-]?\d", re.IGNORECASE)
NOT_UTF8 = re.compile("[\ud800-\udfff]")  # what Python makes of a byte that is not UTF-8


def load_csv(path: Path, label: str | None = None, groups: str | None = None) -> Dataset:
    """Read a CSV file, gzipped or not.

    Columns are separated by commas, semicolons or tabs. The label is the column called ``label``,
    ``class``, ``target`` or ``y``, wherever it is; otherwise the only column of text, or the first
    or last column if only one of them has classes (a warning says so). All other columns are
    features and must be numbers; columns that number the rows are left out. A sample is an image if
    the names of the columns say that they are pixels, or say nothing and the values look like
    pixels (`inknet.data.layout`).

    Parameters
    ----------
    path
    label
        The name of the column with the labels, ``first`` or ``last``.
    groups
        The name of the column with the group of each sample, numbers or text; it is no feature.

    Raises
    ------
    InputError
        If the file is unreadable, it is not clear which column is the label, a feature is not a
        number, or a line is wrong. The message names the line; the first is line 1.
    """
    with open_unpacked(path) as binary, _as_text(binary) as file:
        lines = _Lines(path, file)
        columns = lines.find_columns(label, groups=groups)
        table, labels, of_group = _read_table(lines, columns)
    if labels is None:
        features = columns.features
        position = label_by_values(path, columns, table)
        labels = table[:, position].astype(np.float64)
        columns.label = features[position]
        table = np.delete(table, position, axis=1)
    if counting := row_numbers(path, columns, table):
        columns.left_out.update(columns.features[place] for place in counting)
        table = np.delete(table, counting, axis=1)
    where = f"{path}: {columns.called(columns.label)}" if columns.label is not None else str(path)
    numbers, classes = named_classes(labels, where)
    names = feature_names(columns)
    return Dataset(
        features=table,
        labels=numbers,
        class_names=classes,
        image_shape=image_shape_of(table, names),
        name=str(path),
        feature_names=tuple(names),
        groups=of_group,
        group_name="" if columns.group is None else columns.names[columns.group],
    )


def load_rows(path: Path, groups: str | None = None) -> tuple[NDArray[Any], list[str]]:
    """Read a CSV without labels, as Kaggle's ``test.csv``; a column of groups is left out.

    Returns
    -------
    (n, n_features) uint8 or float64
    list of str
        The names of the columns of features, in their order; empty if there is no header.

    Raises
    ------
    InputError
        As `load_csv`.
    """
    with open_unpacked(path) as binary, _as_text(binary) as file:
        lines = _Lines(path, file)
        columns = lines.find_columns(None, has_label=False, groups=groups)
        table, _, _ = _read_table(lines, columns)
    return table, feature_names(columns)


def feature_names(columns: Columns) -> list[str]:
    """Return the names of the features, or none if there is no header."""
    return [columns.names[i] for i in columns.features] if columns.names else []


def _as_text(binary: io.BufferedReader[Any] | gzip.GzipFile) -> TextIO:
    """Return the text of a file; `_Lines` refuses a byte that is not UTF-8, naming its line."""
    return io.TextIOWrapper(binary, encoding="utf-8-sig", errors="surrogateescape")


class _Lines:
    """The lines of a file that are not blank, within limits on length and total size.

    Attributes
    ----------
    number : int
        The number of the line that was given last, from 1.
    line : str
        This line, empty if there was none.
    """

    def __init__(self, path: Path, file: TextIO) -> None:
        self.path = path
        self.number, self.line, self.n_columns, self.reference = 0, "", 0, "header"
        self.separator = ","
        self._lines = self._read(file)

    def _read(self, file: TextIO) -> Iterator[tuple[int, str]]:
        """Yield each line with its number, the first even if it is blank.

        Raises
        ------
        InputError
            If a line is not UTF-8, or longer than any row of pixels, or a gzipped file unpacks to
            far more than a file of its size should.
        """
        path, n_bytes = self.path, self.path.stat().st_size
        n_characters, number, allowed = 0, 0, largest_unpacked(n_bytes)
        while line := file.readline(LONGEST_LINE):
            number += 1
            n_characters += len(line)
            if len(line) == LONGEST_LINE:
                raise InputError(f"{path}: a line of more than {LONGEST_LINE:,} characters")
            if n_characters > allowed:
                raise InputError(
                    f"{path}: unpacks to more than {allowed:,} bytes, too much for a file of "
                    f"{n_bytes:,}"
                )
            if not line.isascii() and (wrong := NOT_UTF8.search(line)):
                raise InputError(
                    f"{path}: line {number} has a byte 0x{ord(wrong[0]) & 0xFF:02x} that is not "
                    "UTF-8; save the table as UTF-8"
                )
            if not line.isspace():
                yield number, line

    def find_columns(
        self, label: str | None, *, has_label: bool = True, groups: str | None = None
    ) -> Columns:
        """Look at the first lines, and return the columns; what follows is read from the first row.

        Raises
        ------
        InputError
            If the file is empty, or its columns are not clear.
        """
        looked_at: list[tuple[int, str]] = []
        n_characters = 0
        for number, line in islice(self._lines, LINES_LOOKED_AT):
            looked_at.append((number, line))
            n_characters += len(line)
            if n_characters > LONGEST_LINE:
                break
        if not looked_at:
            raise InputError(f"{self.path}: empty; expected a table with a sample per line")
        columns, has_header = find_columns(
            self.path, looked_at, label, has_label=has_label, groups=groups
        )
        self.n_columns, self.separator = columns.n, columns.separator
        self.reference = "header" if has_header else "first line"
        self._lines = chain(looked_at[1:] if has_header else looked_at, self._lines)
        return columns

    def blocks(self) -> Iterator[list[tuple[int, str]]]:
        """Yield lines with their numbers, some at a time, each with as many columns as expected."""
        block: list[tuple[int, str]] = []
        n_characters = 0
        for number, line in self._lines:
            n_found = line.count(self.separator) + 1
            if n_found != self.n_columns or '"' in line:
                n_found = self._count(number, line)
            if n_found != self.n_columns:
                if block:
                    yield block  # an earlier line that is wrong is named first
                raise InputError(
                    f"{self.path}: line {number} has {n_found:,} columns, the {self.reference} has "
                    f"{self.n_columns:,}"
                )
            block.append((number, line))
            n_characters += len(line)
            if n_characters > BLOCK:
                yield block
                block, n_characters = [], 0
        if block:
            yield block

    def _count(self, number: int, line: str) -> int:
        try:
            return len(split_fields(line, self.separator))
        except ValueError as error:
            raise InputError(f"{self.path}: line {number}: {error}") from None


def _read_table(
    lines: _Lines, columns: Columns
) -> tuple[NDArray[Any], NDArray[Any] | None, NDArray[np.intp] | None]:
    """Return the features ``(n, n_features)``, and labels and groups ``(n,)`` of known columns."""
    tables: list[NDArray[Any]] = []
    labels = _Labels(lines.path, columns)
    of_group = None if columns.group is None else Groups(lines.path, columns, columns.group)
    for block in lines.blocks():
        labels.add(block)
        if of_group is not None:
            of_group.add(block)
        tables.append(_parsed(lines.path, columns, block))
    if not tables:
        raise InputError(f"{lines.path}: no lines of numbers after the header")
    table = _joined(tables)
    known = labels.values() if columns.label is not None else None
    return table, known, None if of_group is None else np.array(of_group.codes, np.intp)


def _joined(tables: list[NDArray[Any]]) -> NDArray[Any]:
    """Join blocks of rows, and let go of each as soon as it is copied."""
    dtype = np.result_type(*{table.dtype for table in tables})
    joined = np.empty((sum(map(len, tables)), tables[0].shape[1]), dtype)
    start = 0
    tables.reverse()
    while tables:
        table = tables.pop()
        joined[start : start + len(table)] = table
        start += len(table)
    return joined


class _Labels:
    """The labels of the lines read so far: each different text once, and numbers for all lines.

    Attributes
    ----------
    known : dict
        The number of each text.
    first : list of int
        The line in which each was found first.
    """

    def __init__(self, path: Path, columns: Columns) -> None:
        self.path, self.columns = path, columns
        self.known: dict[str, int] = {}
        self.first: list[int] = []
        self.codes = array("i")

    def add(self, block: list[tuple[int, str]]) -> None:
        """Take the labels of some lines; refuse a line without one."""
        column, known = self.columns.label, self.known
        if column is None:
            return
        for number, line in block:
            value = field_of(self.columns, line, column)
            if value == "":
                where = self.columns.called(column)
                raise InputError(f"{self.path}: line {number}, {where}: no label, it is empty")
            if value not in known:
                known[value] = len(known)
                self.first.append(number)
            self.codes.append(known[value])
        if len(known) > MOST_LABELS:
            raise InputError(
                f"{self.path}: {self.columns.called(column)} has more than {MOST_LABELS:,} "
                f"different labels, expected at most {MOST_CLASSES:,} classes"
            )

    def values(self) -> NDArray[Any]:
        """Return the labels: float64 if all are numbers, otherwise text.

        A word for a missing value is refused among numbers, and named in a warning among texts.
        """
        texts = list(self.known)
        codes = np.frombuffer(self.codes, np.intc)
        others = [text for text in texts if not is_number(text)]
        missing = [text for text in others if text.lower() in MISSING]
        if missing:
            column = self.columns.label
            assert column is not None, "labels are added from a column only"
            place = f"line {self.first[self.known[missing[0]]]}, {self.columns.called(column)}"
            if missing == others and len(texts) > len(others):
                raise InputError(
                    f"{self.path}: {place}: no label, {quoted(missing[0])!r} is a missing value"
                )
            say(self.path, f"{place}: {quoted(missing[0])!r} is taken for the name of a class")
        if others:
            return np.array(texts)[codes]
        return np.array([float(text.replace(",", ".")) for text in texts])[codes]


def _parsed(path: Path, columns: Columns, block: list[tuple[int, str]]) -> NDArray[Any]:
    """Return the features of some lines: uint8 if all fit, otherwise float64."""
    used = columns.features
    options: dict[str, Any] = {
        "delimiter": columns.separator,
        "comments": None,
        "ndmin": 2,
        "usecols": None if len(used) == columns.n else used,
        "quotechar": '"' if any('"' in line for _, line in block) else None,
    }
    number = block[0][0]

    def given() -> Iterator[str]:
        nonlocal number
        for place, line in block:
            number = place
            yield line.replace(",", ".") if columns.decimal_commas else line

    # older versions of NumPy read 1.5 as 1, with a warning that would be one for all threads
    if not any(NOT_WHOLE.search(line) for _, line in block):
        try:
            return np.loadtxt(given(), np.uint8, **options)
        except ValueError:
            pass
    try:
        table = np.loadtxt(given(), np.float64, **options)
        if np.isfinite(table).all():
            return table
        number = block[int(np.flatnonzero(~np.isfinite(table).all(axis=1))[0])][0]
        error: Exception = ValueError("not a finite number")
    except ValueError as caught:
        # NumPy takes a line only when it has read the one before: the last one is wrong
        error = caught
    raise InputError(f"{path}: {_first_wrong_value(columns, number, dict(block)[number], error)}")


def _first_wrong_value(columns: Columns, number: int, line: str, error: Exception) -> str:
    """Say where a line has a feature that is not a finite number."""
    fields = columns.split(line)
    for column in columns.features:
        value = fields[column]
        if not is_number(value) or not np.isfinite(float(value.replace(",", "."))):
            name = f" ({quoted(columns.names[column][:40])})" if columns.names else ""
            return (
                f"line {number}, column {column + 1}{name}: {quoted(value[:40])!r} is "
                f"{_problem_with(value)}, expected a number"
            )
    return f"line {number}: {quoted(error)}"


def _problem_with(value: str) -> str:
    """Say in a few words why a value is refused."""
    if value == "":
        return "empty"
    if value.lower() in MISSING:
        return "a missing value"
    return "out of range" if is_number(value) or "inf" in value.lower() else "not a number"
