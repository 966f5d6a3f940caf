"""CSV as Kaggle's digit recognizer: a header ``label,pixel0,pixel1,…``, then a sample per line."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from inknet.data.compressed import largest_unpacked, open_unpacked
from inknet.data.dataset import Dataset, numbered_classes
from inknet.data.layout import image_shape_of
from inknet.data.warning_filter import warning_filter
from inknet.errors import InputError, quoted

LONGEST_LINE = 1 << 22  # characters; no picture has a longer line

INDEX_NAME = re.compile(r"|unnamed: \d+|index|id|row_?id")
"""Columns that number the rows, as pandas writes them; numbers of rows are no features."""


def load_csv(path: Path) -> Dataset:
    """Read a CSV file, gzipped or not: first or last its column ``label``, and features.

    All values are whole numbers from 0 to 255. A sample is an image if the names of the columns say
    that they are pixels, or say nothing and the values look like pixels (`inknet.data.layout`).

    Raises
    ------
    InputError
        If the file is unreadable, has no such header, or a line is wrong. The message names the
        line; the header is line 1.
    """
    with open_unpacked(path) as binary:
        file = io.TextIOWrapper(binary, encoding="utf-8-sig", errors="replace")
        names = _read_header(path, file)
        table = _read_table(_Rows(path, file, len(names)))
    place = _label_column(path, names)
    labels = np.ascontiguousarray(table[:, place])
    features = np.ascontiguousarray(table[:, 1:] if place == 0 else np.delete(table, place, axis=1))
    return Dataset(
        features=features,
        labels=labels,
        class_names=numbered_classes(labels, str(path)),
        image_shape=image_shape_of(features, names[:place] + names[place + 1 :]),
        name=str(path),
    )


def _read_header(path: Path, file: TextIO) -> list[str]:
    """Return the column names in the first line, or raise if it is not the header expected."""
    columns = [name.strip().strip('"') for name in file.readline(LONGEST_LINE).split(",")]
    _label_column(path, columns)
    return columns


def _label_column(path: Path, columns: list[str]) -> int:
    """Return which column has the labels, the first or the last; raise `InputError` if none has.

    A label between other columns is refused: what comes before it is often a number of the row.
    """
    lower = [name.lower() for name in columns]
    first, n_labels = lower[0], lower.count("label")
    found = ",".join(columns[:2])[:40]
    if re.fullmatch(r"\d+", first) or lower == [""]:
        problem = f"no header, its first line starts {found!r}"
    elif INDEX_NAME.fullmatch(first):
        name = repr(columns[0][:20]) if first else "without a name"
        problem = f"its first column, {name}, numbers the rows; write it with index=False in pandas"
    elif n_labels > 1:
        problem = f"{n_labels} columns are called label"
    elif lower == ["label"]:
        problem = "no columns of pixels"
    elif "label" not in (first, lower[-1]):
        problem = f"no label column, its header starts {found!r}"
        if n_labels:
            problem = "the column label is neither the first nor the last"
    else:
        return lower.index("label")
    raise InputError(f"{path}: {problem}; expected a header label,pixel0,pixel1,…")


class _Rows:
    """The lines below the header that are not blank, within limits on length and total size.

    Attributes
    ----------
    number : int
        The number of the line that was given last; the header is line 1.
    line : str
        This line, empty if there was none.
    """

    def __init__(self, path: Path, file: TextIO, n_columns: int) -> None:
        self.path, self.file, self.n_columns = path, file, n_columns
        self.number, self.line = 1, ""

    def __iter__(self) -> Iterator[str]:
        """Yield each line.

        Raises
        ------
        InputError
            If a line has more or fewer columns than the header or is longer than any row of pixels,
            or a gzipped file unpacks to far more than a file of its size should.
        """
        path, n_bytes = self.path, self.path.stat().st_size
        n_characters, allowed = 0, largest_unpacked(n_bytes)
        while line := self.file.readline(LONGEST_LINE):
            self.number += 1
            n_characters += len(line)
            if len(line) == LONGEST_LINE:
                raise InputError(f"{path}: a line of more than {LONGEST_LINE:,} characters")
            if n_characters > allowed:
                raise InputError(
                    f"{path}: unpacks to more than {allowed:,} bytes, too much for a file of "
                    f"{n_bytes:,}"
                )
            if line.isspace():
                continue
            if (n_columns := line.count(",") + 1) != self.n_columns:
                raise InputError(
                    f"{path}: line {self.number} has {n_columns:,} columns, the header has "
                    f"{self.n_columns:,}"
                )
            self.line = line
            yield line


def _read_table(rows: _Rows) -> NDArray[np.uint8]:
    """Return the rows as a table, ``(n, n_columns)``."""
    # Older versions of NumPy read 1.5 as 1 with a warning. All versions warn of an empty file.
    with warning_filter("error"):
        try:
            return np.loadtxt(rows, np.uint8, delimiter=",", comments=None, ndmin=2)
        except InputError:
            raise
        except (ValueError, Warning) as error:
            # NumPy takes a line only when it has read the one before: the last one is wrong
            raise InputError(f"{rows.path}: {_first_wrong_value(rows, error)}") from None


def _first_wrong_value(rows: _Rows, error: Exception) -> str:
    """Say where the last line has a value that is not a whole number from 0 to 255."""
    if not rows.line:
        return "no lines of numbers after the header"
    for column, value in enumerate(map(str.strip, rows.line.split(",")), start=1):
        if not re.fullmatch(r"\+?0*[0-9]{1,18}", value) or int(value) > 255:
            return (
                f"line {rows.number}, column {column}: {value[:40]!r} is {_problem_with(value)}, "
                "expected a whole number from 0 to 255"
            )
    return f"line {rows.number}: {quoted(error)}"


def _problem_with(value: str) -> str:
    """Say in a few words why a value is refused."""
    if value == "":
        return "empty"
    try:
        number = float(value)
    except ValueError:
        return "not a number"
    if np.isnan(number):
        return "NaN (not a number)"
    return "not written as a whole number" if 0 <= number <= 255 else "out of range"
