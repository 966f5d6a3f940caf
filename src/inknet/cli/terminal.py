"""The console of the command line: rich's, with text that cannot control the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from inknet.errors import printable


class Terminal(Console):
    """Prints every string as it is, without markup, and whatever could control a terminal escaped.

    Names of files, classes and columns come from elsewhere.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string as rich prints it: a line, the cell of a table, or a heading."""
        return super().render_str(printable(text), **options)
