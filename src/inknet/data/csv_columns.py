"""What the columns of a CSV are: its header, its separator, and which column is the label.

Tables come without a header or with one, with commas, semicolons or tabs, with the numbers of rows
that pandas and R write, and with the label in any column. What the names and the first lines leave
open is decided by the values of whole columns (`label_by_values`), or refused.
"""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.data.layout import PIXEL_NAME
from inknet.errors import InputError, InputWarning, quoted
from inknet.groups.dividing import NoGroupsError

SEPARATORS = (";", "\t", ",")
"""In this order: in a table separated by semicolons, the commas are those of decimals."""
INDEX_NAME = re.compile(r"|unnamed: \d+|index|id|row_?(id|names?)?|rownames")
"""Columns that number the rows, as pandas and R write them; numbers of rows are no features."""
COUNT_NAME = re.compile(r"|#|(no|nr|num|number|row|sample|case|obs|observation)[.]?")
"""A first column that may count the rows; its values decide."""
ID_NAME = re.compile(r"(?:^|[ _.-])(?:id|ID|Id)$|[a-z](?:Id|ID)$|^(?:ID|Id|id)[ _.-]")
"""Columns that may: ``customer_id``, ``PassengerId``. Their values decide."""
LABEL_NAMES = ("label", "labels", "class", "classes", "target", "targets", "y")
LIKELY_LABEL_NAMES = ("species", "variety", "diagnosis", "outcome", "quality", "category")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+([eE][+-]?[0-9]+)?")
MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}
MOST_CLASSES_GUESSED = 100  # in a column that nothing but its values makes the label
LEAST_ROWS = 10  # whose numbers say that a column without a name counts them
HOW = "name it with --label NAME, or --label first or last"


@dataclass
class Columns:
    """The columns of a table.

    Attributes
    ----------
    separator : str
    decimal_commas : bool
        Whether numbers are written as ``1,5``.
    names : list of str
        Of the columns, empty if there is no header.
    n : int
        How many there are in a line.
    label : int or None
        The column of the label; None if only the values can tell.
    left_out : set of int
        Columns that are neither features nor the label.
    group : int or None
        The column of the groups, one of those left out.
    """

    separator: str
    decimal_commas: bool
    names: list[str]
    n: int
    label: int | None = None
    left_out: set[int] = field(default_factory=set)
    group: int | None = None

    def split(self, line: str) -> list[str]:
        """Return the fields of a line."""
        return split_fields(line, self.separator)

    def called(self, column: int) -> str:
        """Return how a column is called in messages: by its name, or its number from 1."""
        name = self.names[column] if self.names else ""
        return f"column {quoted(name[:40])!r}" if name else f"column {column + 1}"

    @property
    def features(self) -> list[int]:
        """The columns with features."""
        return [i for i in range(self.n) if i != self.label and i not in self.left_out]


def split_fields(line: str, separator: str) -> list[str]:
    """Return the fields of a line, without quotes and the blanks around them.

    Raises
    ------
    ValueError
        If a quoted field does not end on the line.
    """
    if '"' not in line:
        return [value.strip() for value in line.split(separator)]
    if line.count('"') % 2:
        raise ValueError("a quoted field does not end on its line")
    try:
        (fields,) = csv.reader([line], delimiter=separator, skipinitialspace=True)
    except csv.Error as error:
        raise ValueError(str(error)) from None
    return [value.strip() for value in fields]


def find_columns(
    path: object,
    numbered: Sequence[tuple[int, str]],
    label: str | None,
    *,
    has_label: bool = True,
    groups: str | None = None,
) -> tuple[Columns, bool]:
    """Decide by the first lines of a file what its columns are.

    Parameters
    ----------
    path
        For messages.
    numbered
        The first lines of the file with their numbers, blank ones left out; not empty.
    label
        The name of the column with the labels, ``first`` or ``last``; None if it must be found.
    has_label
        False if all columns are features.
    groups
        The name of the column with the groups, if there is one.

    Returns
    -------
    Columns
    bool
        Whether the first line is a header.

    Raises
    ------
    InputError
        If there is no label, or it is not clear which column it is.
    """
    lines = [line for _, line in numbered]
    separator = _separator(lines)
    try:
        first = split_fields(lines[0], separator)
    except ValueError as error:
        raise InputError(f"{path}: line {numbered[0][0]}: {error}") from None
    rows = _rows(lines[1:], separator)
    commas = separator != "," and any(DECIMAL_COMMA.fullmatch(v) for row in rows for v in row)
    has_header = _is_header(first, rows)
    names, n, left_out = first if has_header else [], len(first), set()
    if has_header and rows:
        widths = {len(row) for row in rows}
        if first[-1] == "" and (widths == {n - 1} or all(row[n - 1 :] == [""] for row in rows)):
            names = names[:-1]  # a comma at the end of the header, or of all lines
            left_out = {n - 1} if widths == {n} else set()
            n = n - 1 if widths == {n - 1} else n
            names = names if n == len(names) else [*names, ""]
        elif widths == {n + 1} and all(row[-1] == "" for row in rows):
            names, left_out, n = [*names, ""], {n}, n + 1
        elif widths == {n + 1} and 1 < len(rows) == len({row[0] for row in rows}):
            names, n = ["", *names], n + 1  # write.table of R leaves names of rows without a name
    columns = Columns(separator, commas, names, n, left_out=left_out)
    if groups is not None:
        columns.group = _named(path, columns, groups, NoGroupsError)
        columns.left_out.add(columns.group)
    if has_label:
        columns.label = _named_label(path, columns, label)
        if columns.label is not None and columns.label == columns.group:
            called = columns.called(columns.label)
            raise InputError(f"{path}: {called} cannot be both the label and the groups")
    if _names_index(columns) and columns.label != 0:
        columns.left_out.add(0)
        if names[0] and not names[0].lower().startswith("unnamed"):
            say(path, f"{columns.called(0)} is taken for numbers of the rows and left out")
    number = numbered[1 if has_header and rows else 0][0]
    _check_text(path, columns, rows if has_header else [first, *rows], number, has_label)
    if not columns.features:
        raise InputError(f"{path}: no columns of features next to the label")
    if has_label and columns.label is None and names and all(map(PIXEL_NAME.fullmatch, names)):
        start = quoted(",".join(names[:2])[:40])
        raise InputError(
            f"{path}: no label column, its header starts {start!r}; {HOW}; "
            "to predict a table without labels, use inknet submit"
        )
    return columns, has_header


def _separator(lines: Sequence[str]) -> str:
    """Return what separates the columns: what is in every line, and equally often."""
    bare = [re.sub(r'"[^"]*"', "", line) for line in lines[:20]]
    for separator in SEPARATORS:
        counts = {line.count(separator) for line in bare}
        if 0 not in counts and len(counts) == 1:
            return separator
    return max(reversed(SEPARATORS), key=bare[0].count)


def _rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    """Return the fields of lines; those that cannot be split are named when they are read."""
    rows = []
    for line in lines:
        try:
            rows.append(split_fields(line, separator))
        except ValueError:
            break
    return rows


def is_number(value: str) -> bool:
    """Return whether a value is written as a number."""
    return bool(NUMBER.fullmatch(value) or DECIMAL_COMMA.fullmatch(value))


def _is_header(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first line has names and not values."""
    numbers = [value for value in first if is_number(value)]
    names = [value for value in first if not is_number(value) and value.lower() not in MISSING]
    are_names = bool(names) or "" in first
    if numbers and _count_up(numbers) and (are_names or not rows or not _count_up(rows[0])):
        return True  # pandas names columns by their numbers
    has_numbers = False
    for column, value in enumerate(first):
        below = [row[column] for row in rows if column < len(row) and row != first]
        if value in names and value in below:
            return False  # a value; what stands above a column is its name
        has_numbers |= value in names and any(map(is_number, below))
    return has_numbers or (are_names and not numbers)


def _count_up(values: Sequence[str]) -> bool:
    """Return whether values are at least three whole numbers in order, from 0 or 1."""
    if len(values) < 3 or values[0] not in ("0", "1"):
        return False
    start = int(values[0])
    return all(value == str(start + i) for i, value in enumerate(values))


def _names_index(columns: Columns) -> bool:
    """Return whether the name of the first column says that it numbers the rows."""
    return bool(columns.names) and bool(INDEX_NAME.fullmatch(columns.names[0].lower()))


def _named_label(path: object, columns: Columns, label: str | None) -> int | None:
    """Return the column of the label, if it is given or the names say it."""
    lower = [name.lower() for name in columns.names]
    if label is not None:
        is_name = label.lower() in lower
        if not is_name and label in ("first", "last"):
            skipped = columns.left_out | ({0} if _names_index(columns) else set())
            inner = [i for i in range(columns.n) if i not in skipped]
            return inner[0 if label == "first" else -1]
        return _named(path, columns, label, InputError)
    found = [i for i, name in enumerate(lower) if name in LABEL_NAMES]
    exact = [i for i in found if lower[i] == "label"]
    if len(exact) == 1 or len(found) == 1:
        return (exact if len(exact) == 1 else found)[0]
    if len(found) > 1:
        if len({lower[i] for i in found}) == 1:
            raise InputError(f"{path}: {len(found)} columns are called {lower[found[0]]}")
        which = ", ".join(columns.names[i] for i in found)
        raise InputError(f"{path}: {which} may each be the label; {HOW}")
    likely = [i for i, name in enumerate(lower) if name in LIKELY_LABEL_NAMES]
    if len(likely) == 1:
        say(path, f"{columns.called(likely[0])} is taken for the label")
        return likely[0]
    return None


def _named(path: object, columns: Columns, name: str, error: type[InputError]) -> int:
    """Return the column of a name, without regard to case if that is clear."""
    names, lower = columns.names, [known.lower() for known in columns.names]
    if name in names:
        if names.count(name) > 1:
            raise InputError(f"{path}: {names.count(name)} columns are called {name}")
        return names.index(name)
    if lower.count(name.lower()) == 1:
        return lower.index(name.lower())
    found = quoted(", ".join(names)[:200]) or "no header"
    raise error(f"{path}: no column is called {quoted(name)!r}; found {found}")


def _check_text(
    path: object, columns: Columns, rows: list[list[str]], start: int, has_label: bool
) -> None:
    """Take the only column of text for the label; refuse columns of text among the features."""
    text = []
    for column in columns.features:
        values = [row[column] for row in rows if column < len(row)]
        values = [value for value in values if value.lower() not in MISSING]
        if values and not any(map(is_number, values)):
            text.append((column, values[0]))
    if has_label and columns.label is None and len(text) == 1:
        columns.label = text[0][0]
        if columns.names:
            say(path, f"{columns.called(columns.label)}, the only one of text, is the label")
        return
    if text:
        named = ", ".join(columns.called(column).removeprefix("column ") for column, _ in text[:30])
        which = f"; {HOW}" if has_label and columns.label is None else ""
        raise InputError(
            f"{path}: line {start}: text ({quoted(text[0][1][:40])!r}) instead of numbers in "
            f"column{'s' * (len(text) > 1)} {named}; leave them out, or write them as numbers, as "
            f"pandas.get_dummies does{which}"
        )


def label_by_values(path: object, columns: Columns, table: NDArray[Any]) -> int:
    """Decide by all values of a table of numbers which column is the label.

    Parameters
    ----------
    table : (n, n_columns)
        The columns of ``columns.features``.

    Returns
    -------
    int
        The position of the label in the table.

    Raises
    ------
    InputError
        If both ends could be the label, or neither.
    """
    is_numbered = table.shape[1] > 2 and _count_rows(table[:, 0])
    ends: dict[str, int] = {"first": 1 if is_numbered else 0, "last": table.shape[1] - 1}
    likely = [name for name, position in ends.items() if _may_be_classes(table[:, position])]
    if len(likely) != 1:
        start = quoted(",".join(columns.names[:2])[:40])
        found = f"no label column, its header starts {start!r}" if columns.names else "no header"
        which = "the first or the last column may be" if likely else "neither end has classes for"
        raise InputError(f"{path}: {found}, and {which} the label; {HOW}")
    position = ends[likely[0]]
    name = columns.called(columns.features[position])
    named = f", {name}," if columns.names else ""
    say(path, f"the {likely[0]} column{named} is taken for the label")
    return position


def row_numbers(path: object, columns: Columns, table: NDArray[Any]) -> list[int]:
    """Return which columns of features only say which row it is, by their values; warn of them.

    That is a first column that counts the rows and has no name, or one such as ``no``; and columns
    with a name such as ``PassengerId`` whose values are whole and all different. Of new rows they
    say nothing.

    Parameters
    ----------
    table : (n, n_features)
        The columns of ``columns.features``.
    """
    names = [columns.names[i] for i in columns.features] if columns.names else []
    may_count = not names or bool(COUNT_NAME.fullmatch(names[0].lower()))
    found = [0] if may_count and table.shape[1] > 1 and _count_rows(table[:, 0]) else []
    for position, name in enumerate(names):
        if position not in found and ID_NAME.search(name) and _are_different(table[:, position]):
            found.append(position)
    if len(found) == table.shape[1]:
        return []
    for position in found:
        say(path, f"{columns.called(columns.features[position])} numbers the rows and is left out")
    return found


def _count_rows(values: NDArray[Any]) -> bool:
    """Return whether values only number the rows."""
    return len(values) >= LEAST_ROWS and bool((np.diff(values.astype(np.float64)) == 1).all())


def _are_different(values: NDArray[Any]) -> bool:
    """Return whether values are whole numbers, each of which occurs once."""
    is_whole = values.dtype.kind in "iu" or bool((values == np.rint(values)).all())
    return is_whole and LEAST_ROWS <= len(values) == len(np.unique(values))


def _may_be_classes(values: NDArray[Any]) -> bool:
    if values.dtype.kind == "f" and (values != np.rint(values)).any():
        return False
    n_different = len(np.unique(values))
    return 2 <= n_different <= min(MOST_CLASSES_GUESSED, max(2, len(values) // 5))


def say(path: object, assumed: str) -> None:
    """Warn of what is assumed of a table."""
    warnings.warn(f"{path}: {assumed}", InputWarning, stacklevel=2)
