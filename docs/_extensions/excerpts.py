"""Lines of inknet's source, found by the name of a function, for pages that explain them.

Nothing is copied into a page by hand: what a reader sees is what runs. A name or a line that no
longer exists is an error.
"""

import ast
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent


@dataclass(frozen=True)
class Excerpt:
    """Lines of a file.

    Attributes
    ----------
    path : Path
    first, last : int
        Where they begin and end, counted from 1.
    text : str
        The lines, without common indentation.
    """

    path: Path
    first: int
    last: int
    text: str


def excerpt(
    name: str,
    *,
    docstring: bool = False,
    body: bool = False,
    begin: str | None = None,
    end: str | None = None,
) -> Excerpt:
    """Return the source of a function, a method or a class.

    Parameters
    ----------
    name
        With the name of its module: ``inknet.nn.layers.Dense.backward``.
    docstring
        Whether to keep its docstring.
    body
        Whether to leave out its decorators and signature.
    begin, end
        The first and the last line to show, by a part of each; all others are left out.

    Raises
    ------
    ValueError
        If there is no such name, or no such line.
    """
    path, node = _find(name)
    lines = path.read_text("utf-8").splitlines()
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    last = node.end_lineno or node.lineno
    statements = node.body
    described = ast.get_docstring(node) is not None
    cut = range(0)
    if described and not docstring:
        cut = range(statements[0].lineno, (statements[0].end_lineno or 0) + 1)
    if body:
        first = statements[1 if described and not docstring else 0].lineno
        # a comment above the first statement belongs to the body
        while lines[first - 2].lstrip().startswith("#"):
            first -= 1
    numbers = [number for number in range(first, last + 1) if number not in cut]
    if begin is not None:
        numbers = numbers[_position(name, lines, numbers, begin) :]
    if end is not None:
        numbers = numbers[: _position(name, lines, numbers, end) + 1]
    while not lines[numbers[0] - 1].strip():
        numbers = numbers[1:]
    text = dedent("\n".join(lines[number - 1] for number in numbers))
    return Excerpt(path, numbers[0], numbers[-1], text)


def _find(name: str) -> tuple[Path, ast.FunctionDef | ast.ClassDef]:
    """Return the file of a name, and its definition; nothing is imported but the package."""
    package, *words = name.split(".")
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ValueError(f"{name}: there is no package {package}")
    path = Path(spec.origin)
    while words:
        folder, module = path.parent / words[0], path.parent / f"{words[0]}.py"
        if path.name != "__init__.py" or not (folder.is_dir() or module.is_file()):
            break
        path = folder / "__init__.py" if folder.is_dir() else module
        words = words[1:]
    node: ast.AST = ast.parse(path.read_text("utf-8"))
    for word in words:
        found = [
            one
            for one in ast.iter_child_nodes(node)
            if isinstance(one, ast.FunctionDef | ast.ClassDef) and one.name == word
        ]
        if not found:
            raise ValueError(f"{name}: there is no {word} in {path.name}")
        node = found[-1]
    if not isinstance(node, ast.FunctionDef | ast.ClassDef):
        raise ValueError(f"{name}: it is a module, not a function or class")
    return path, node


def _position(name: str, lines: list[str], numbers: list[int], part: str) -> int:
    for position, number in enumerate(numbers):
        if part in lines[number - 1]:
            return position
    raise ValueError(f"{name}: no line contains {part!r}")
