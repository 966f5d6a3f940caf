"""What is printed, or shown in a notebook: where it cannot be printed, nothing else is lost.

A terminal may be closed, a reader may stop reading (``| head``), a disk may be full, and a program
without a console has no output at all. None of these may end a training.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from html import escape
from itertools import zip_longest
from typing import Any, TextIO


def html_table(head: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """Return a table for a notebook, with every text escaped.

    Parameters
    ----------
    head
        The names of the columns.
    rows
        Cells. A column of figures, which begin with a digit or a sign, is aligned to the right.
    caption
        A line above the table.
    """
    cells = [[str(value) for value in row] for row in rows]
    style = [
        ' style="text-align: left"' if any(map(_is_text, column)) else ""
        for column in zip_longest(*cells, fillvalue="")
    ]

    def line(tag: str, texts: Sequence[str]) -> str:
        pairs = zip_longest(texts, style[: len(texts)], fillvalue="")
        return "".join(f"<{tag}{how}>{escape(text)}</{tag}>" for text, how in pairs)

    above = f'<caption style="text-align: left">{escape(caption)}</caption>' if caption else ""
    body = "".join(f"<tr>{line('td', row)}</tr>" for row in cells)
    return f"<table>{above}<thead><tr>{line('th', head)}</tr></thead><tbody>{body}</tbody></table>"


def _is_text(cell: str) -> bool:
    return bool(cell) and not (cell[0].isdigit() or cell[0] in "-−–")


class Output:
    """A text stream that drops what is written to it from the first failure on.

    Parameters
    ----------
    stream
        Where the text goes; None if there is nowhere.

    Attributes
    ----------
    error : Exception or None
        The first failure.
    """

    def __init__(self, stream: TextIO | None) -> None:
        # opened for writing, so that no other file gets the number of a standard stream
        self._stream: Any = stream or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        """Return whatever else the stream has, such as `isatty` and `encoding`."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, if it still works."""
        self._attempt(lambda: self._stream.write(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write all lines, if it still works."""
        self.write("".join(lines))

    def flush(self) -> None:
        """Flush, if it still works."""
        self._attempt(self._stream.flush)

    def _attempt(self, act: Callable[[], object]) -> None:
        if self.error is not None:
            return
        try:
            act()
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            self.error = error
            # what is left in its buffer must not fail again when the program ends
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)


@contextmanager
def unfailing_streams() -> Iterator[Output]:
    """Let nothing that is printed fail; give the standard output, whose `error` says what failed.

    What a terminal cannot show is printed as ``?``.
    """
    before = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    outputs = {}
    for name, stream in before.items():
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
        outputs[name] = Output(stream)
        setattr(sys, name, outputs[name])
    try:
        yield outputs["stdout"]
    finally:
        for name, stream in before.items():
            outputs[name].flush()
            setattr(sys, name, stream)


def print_if_possible(line: str) -> None:
    """Print a line to the standard output, if there is one and it works."""
    stream = sys.stdout
    with suppress(OSError, ValueError):
        try:
            print(line, file=stream, flush=True)
        except UnicodeEncodeError:
            encoding = stream.encoding
            print(line.encode(encoding, "replace").decode(encoding), file=stream, flush=True)
