"""What the commands share: options, tables, and paths as the user sees them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inknet.errors import InputError, printable

if TYPE_CHECKING:
    from rich.table import Table

SOURCE_HELP = "mnist, sample, or a path: CSV, IDX file or folder, .npz, folder of class folders."


def how_to_resume(folder: Path) -> str:
    """Return the command that resumes a training."""
    return f"resume with: inknet train --resume {printable(shlex.quote(shortest(folder)))}"


def shortest(path: Path) -> str:
    """Return a path relative to the current folder, if there is one and it is below it."""
    try:
        here = Path.cwd()
    except OSError:  # it was deleted
        return str(path)
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


@contextmanager
def complaining() -> Iterator[None]:
    """Print an `InputError` as a complaint, and continue: one of many is broken, not all."""
    try:
        yield
    except InputError as error:
        complain(error)


def complain(error: object) -> None:
    """Print one line where complaints go."""
    print(f"inknet: {printable(str(error))}", file=sys.stderr)


def n_errors(count: int) -> str:
    """Return a number of errors as text."""
    return f"{count:,} error{'s' if count != 1 else ''}"


def new_table(texts: list[str], figures: list[str]) -> Table:
    """Return a table with columns of text, then columns of figures."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for name in texts:
        table.add_column(name, overflow="fold")  # a name that is cut cannot be copied
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def print_rich(renderable: Any, style: str | None = None) -> None:
    """Print a table or a text with rich."""
    from rich.console import Console

    Console(highlight=False, markup=False).print(renderable, style=style)
