"""nn/ can be read from its first line, in one order, in one sitting."""

import ast
import doctest
import io
import re
import tokenize
from importlib import import_module
from pathlib import Path

import pytest

import inknet.nn
from inknet.nn import gradcheck, layers

NN = Path(inknet.nn.__file__).parent
PAGE = NN.parents[2] / "docs" / "reference" / "reading-order.md"
ORDER = re.findall(r"^\d+\. `(\w+)`: ", inknet.nn.__doc__, re.MULTILINE)
MOST_LINES = 700
NOT_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def code_lines(text: str) -> int:
    """Count the lines that are not blank, comment or docstring."""
    texts = {
        number
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for number in range(node.lineno, node.end_lineno + 1)
        if isinstance(node.value.value, str)
    }
    lines = {
        number
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in NOT_CODE
        for number in range(token.start[0], token.end[0] + 1)
    }
    return len(lines - texts)


def test_the_counter_counts_code_alone():
    text = '''"""A docstring
of two lines."""

import os  # a comment

# another
x = """a text
of two lines"""
def f(
    a,
):
    """A docstring."""
    return a
'''
    assert code_lines(text) == 7


def test_nn_is_small_enough_to_be_read():
    lines = {file.name: code_lines(file.read_text("utf-8")) for file in NN.glob("*.py")}
    assert sum(lines.values()) <= MOST_LINES, lines


def test_the_reading_order_has_every_module():
    modules = {
        path.stem
        for path in NN.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert sorted(ORDER) == sorted(modules - {"__init__"})


@pytest.mark.parametrize("name", ORDER)
def test_a_module_uses_only_what_was_read_before_it(name):
    known = set(ORDER[: ORDER.index(name) + 1])
    files = (
        [NN / f"{name}.py"] if (NN / f"{name}.py").exists() else sorted((NN / name).rglob("*.py"))
    )
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("inknet."):
                room, _, module = node.module.removeprefix("inknet.").partition(".")
                assert room == "nn", f"{file.name} imports {node.module}"
                assert module.split(".")[0] in known, f"{file.name} imports {node.module}"


def test_the_page_of_the_reading_order_has_the_same():
    text = PAGE.read_text("utf-8")
    rows = re.findall(r"^\| (.*/src/inknet/nn/.*) \|.*\|$", text, re.MULTILINE)
    paths = re.findall(r"/src/inknet/nn/(\w+)", " ".join(rows))
    assert list(dict.fromkeys(paths)) == ORDER


@pytest.mark.parametrize(
    "module", [inknet.nn, layers, gradcheck], ids=["the ten lines", "a layer alone", "a check"]
)
def test_what_is_shown_works(module):
    failed, tried = doctest.testmod(module)
    assert tried > 3
    assert failed == 0


@pytest.mark.parametrize("name", ["layers", "losses", "network", "optimizers"])
def test_arrays_are_made_by_the_ops_library_alone(name):
    """An array library with NumPy's interface can take NumPy's place."""
    tree = ast.parse((NN / f"{name}.py").read_text("utf-8"))
    allowed = {"np.dtype", "np.errstate", "np.random.default_rng"}
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert {call for call in calls if call.startswith("np.")} <= allowed
    import_module(f"inknet.nn.{name}")
