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
from inknet.errors import InputError

LONGEST_LINE = 1 << 22  # characters; no picture has a longer line


def load_csv(path: Path) -> Dataset:
    """Read a CSV file, gzipped or not, whose first column is ``label`` and the others features.

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
        n_columns = len(names)
        table = _read_table(path, file)
        if table is None or table.shape[1] != n_columns:
            file.seek(0)
            raise InputError(f"{path}: {_first_wrong_line(path, file, n_columns)}")
    labels = np.ascontiguousarray(table[:, 0])
    features = np.ascontiguousarray(table[:, 1:])
    return Dataset(
        features=features,
        labels=labels,
        class_names=numbered_classes(labels, str(path)),
        image_shape=image_shape_of(features, names[1:]),
        name=str(path),
    )


def _read_header(path: Path, file: TextIO) -> list[str]:
    """Return the column names in the first line, or raise if it is not the header expected."""
    columns = [name.strip().strip('"') for name in file.readline(LONGEST_LINE).split(",")]
    first = columns[0].lower()
    if first == "label" and len(columns) > 1:
        return columns
    found = ",".join(columns[:2])[:40]
    if re.fullmatch(r"\d*", first):
        problem = f"no header, its first line starts {found!r}"
    elif first == "label":
        problem = "no columns of pixels"
    else:
        problem = f"no label column, its header starts {found!r}"
    raise InputError(f"{path}: {problem}; expected a header label,pixel0,pixel1,…")


def _limited_lines(path: Path, file: TextIO) -> Iterator[str]:
    """Yield the remaining lines of a file, within limits on their length and total size.

    Raises
    ------
    InputError
        If a line is longer than any row of pixels, or a gzipped file unpacks to far more than a
        file of its size should.
    """
    n_characters, allowed = 0, largest_unpacked(path.stat().st_size)
    while line := file.readline(LONGEST_LINE):
        n_characters += len(line)
        if len(line) == LONGEST_LINE:
            raise InputError(f"{path}: a line of more than {LONGEST_LINE:,} characters")
        if n_characters > allowed:
            raise InputError(
                f"{path}: unpacks to more than {allowed:,} bytes, too much for a file of "
                f"{path.stat().st_size:,}"
            )
        yield line


def _read_table(path: Path, file: TextIO) -> NDArray[np.uint8] | None:
    """Return the remaining lines, ``(n, n_columns)``, or ``None`` if one of them is wrong."""
    lines = _limited_lines(path, file)
    # Older versions of NumPy read 1.5 as 1 with a warning. All versions warn of an empty file.
    with warning_filter("error"):
        try:
            return np.loadtxt(lines, np.uint8, delimiter=",", comments=None, ndmin=2)
        except InputError:
            raise
        except (ValueError, Warning):
            return None


def _first_wrong_line(path: Path, file: TextIO, n_columns: int) -> str:
    """Describe the first line that is not ``n_columns`` whole numbers from 0 to 255.

    NumPy does not say which line is wrong. This search is slow, so it runs on wrong files only.
    """
    for number, line in enumerate(_limited_lines(path, file), start=1):
        if number == 1 or not line.strip():
            continue
        values = [value.strip() for value in line.split(",")]
        if len(values) != n_columns:
            return f"line {number} has {len(values):,} columns, the header has {n_columns:,}"
        for column, value in enumerate(values, start=1):
            if not re.fullmatch(r"[0-9]{1,18}", value) or int(value) > 255:
                return (
                    f"line {number}, column {column}: {value[:40]!r} is {_problem_with(value)}, "
                    "expected a whole number from 0 to 255"
                )
    return "no lines of numbers after the header"


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
