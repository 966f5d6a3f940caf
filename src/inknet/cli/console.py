"""What the commands share: options, paths as the user sees them, and all that is printed.

Nothing else here prints. Names and texts come from files of others: they are printed so that none
can control the terminal.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from inknet.errors import InputError, printable, without_passwords

if TYPE_CHECKING:
    from rich.table import Table

EXIT_BAD_INPUT = 2
SOURCE_HELP = (
    "mnist, sample, fashion or another name (inknet data list), or a path: CSV, IDX file or "
    "folder, .npz, folder of class folders."
)
LABEL: Any = typer.Option(
    "--label", metavar="NAME|first|last", help="Which column of a table has the labels."
)
TRANSPOSE: Any = typer.Option(
    "--transpose/--no-transpose", help="Exchange rows and columns of images."
)


def how_to_resume(folder: Path) -> str:
    """Return the command that resumes a training."""
    return f"resume with: inknet train --resume {shlex.quote(shortest(folder))}"


def shortest(path: Path) -> str:
    """Return a path relative to the current folder, if there is one and it is below it."""
    try:
        here = Path.cwd()
    except OSError:  # it was deleted
        return str(path)
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


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


def say(line: str, style: str | None = None) -> None:
    """Print one line, with whatever could control the terminal escaped."""
    if style is None:
        print(printable(line), flush=True)
    else:
        print_rich(line, style)


def say_columns(rows: Sequence[Sequence[str]], n_texts: int) -> None:
    """Print rows of cells, a line each, whatever the terminal's width: a path stays in one piece.

    The first ``n_texts`` columns are texts, the others figures.
    """
    lines = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell.ljust(width) if place < n_texts else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        say("  ".join(cells).rstrip())


def say_text(text: str) -> None:
    """Print a text of several lines, such as a table in Markdown."""
    print("\n".join(map(printable, text.removesuffix("\n").split("\n"))), flush=True)


def complain(message: object) -> None:
    """Print a warning or an error on one line of the standard error."""
    print(f"inknet: {printable(without_passwords(str(message)))}", file=sys.stderr, flush=True)


@contextmanager
def complaining() -> Iterator[None]:
    """Print an `InputError` as a complaint, and continue: one of many is broken, not all."""
    try:
        yield
    except InputError as error:
        complain(error)


def print_json(value: Any) -> None:
    """Print JSON; whatever could control a terminal is escaped as JSON has it."""
    from inknet.report.evaluation import json_text

    text = json_text(value, ensure_ascii=False)
    encoding = sys.stdout.encoding or "utf-8"
    say_text("\n".join(_escaped(line, encoding) for line in text.split("\n")))


def _escaped(text: str, encoding: str) -> str:
    """Return a line of JSON, or a part of it, with escapes for all that cannot be printed."""
    if printable(text).encode(encoding, "replace").decode(encoding) == text:
        return text
    if len(text) == 1:
        return json.dumps(text)[1:-1]
    return "".join(_escaped(character, encoding) for character in text)


def print_rich(renderable: Any, style: str | None = None) -> None:
    """Print a table or a text with rich."""
    from inknet.cli.terminal import Terminal

    Terminal().print(renderable, style=style)
