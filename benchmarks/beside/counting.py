"""How many lines of a program a person writes."""

from __future__ import annotations

import ast
import io
import tokenize

LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def count_lines(source: str) -> int:
    """Count the lines that are neither blank, nor only a comment, nor part of a docstring.

    Parameters
    ----------
    source
        A program in Python.

    Returns
    -------
    int
        A statement on three lines counts three times.
    """
    lines = source.splitlines()
    coded: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in LAYOUT:
            coded |= set(range(token.start[0], token.end[0] + 1))
    return len({number for number in coded if lines[number - 1].strip()} - _docstrings(source))


def _docstrings(source: str) -> set[int]:
    """Return the numbers of the lines that docstrings take."""
    numbers: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            text = node.body[0]
            numbers |= set(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    return numbers
