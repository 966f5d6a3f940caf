"""The groups in a column of a CSV, read line by line."""

from __future__ import annotations

from array import array
from pathlib import Path

from inknet.data.csv_columns import MISSING, Columns
from inknet.errors import InputError, quoted


def field_of(columns: Columns, line: str, column: int) -> str:
    """Return one field of a line, without splitting all of it where that can be avoided."""
    separator = columns.separator
    if '"' in line:
        return columns.split(line)[column]
    if column == 0:
        return line[: line.index(separator)].strip()
    if column == columns.n - 1:
        return line[line.rindex(separator) + 1 :].strip()
    return line.split(separator, column + 1)[column].strip()


class Groups:
    """The groups of the lines read so far, as numbers."""

    def __init__(self, path: Path, columns: Columns, column: int) -> None:
        self.path, self.columns, self.column = path, columns, column
        self.known: dict[str, int] = {}
        self.codes = array("q")

    def add(self, block: list[tuple[int, str]]) -> None:
        """Take the groups of some lines; refuse a line without one."""
        for number, line in block:
            value = field_of(self.columns, line, self.column)
            if value.lower() in MISSING:
                where = f"{self.path}: line {number}, {self.columns.called(self.column)}"
                found = f"{quoted(value)!r} is a missing value" if value else "it is empty"
                raise InputError(f"{where}: no group, {found}")
            self.codes.append(self.known.setdefault(value, len(self.known)))
