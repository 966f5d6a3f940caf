"""docs/reliability.md: every promise names a test, and every test it names exists."""

import ast
import functools
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reliability.md"


@functools.cache
def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_the_page_names_exists() -> None:
    file, n_named = None, 0
    for line in PAGE.read_text("utf-8").splitlines():
        for name in re.findall(r"`((?:tests/[\w/]+\.py::)?test_\w+)`", line):
            if "::" in name:  # a name alone is in the file named before it in the same line
                file = ROOT / name.split("::")[0]
            assert file is not None, f"{name}: in which file?"
            assert name.split("::")[-1] in names_in(file), f"{name} is not in {file}"
            n_named += 1
        file = None
    assert n_named > 30


def test_every_promise_names_a_test() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    promises = [row for row in rows if not row.startswith("| promise |")]
    assert len(promises) > 20
    for row in promises:
        assert re.search(r"`tests/[\w/]+\.py::test_\w+`", row), row
