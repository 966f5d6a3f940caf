"""The notebooks run cell by cell, and whatever a cell shows can be shown."""

import ast
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs/notebooks").glob("*.py"))
HEADER = re.compile(r"# ---\n(?:#.*\n)+?# ---\n")


def cells(path):
    """Return the cells of a notebook in the percent format of jupytext: kind and source."""
    text = HEADER.sub("", path.read_text("utf-8"), count=1)
    first, *parts = re.split(r"^# %%(.*)\n", text, flags=re.MULTILINE)
    assert first.strip() == ""
    return [(kind.strip(), source) for kind, source in zip(parts[::2], parts[1::2], strict=True)]


def test_there_are_these():
    names = ["back_propagation_by_hand", "from_scikit_learn", "read_my_own_handwriting"]
    names.append("the_mistakes")
    assert [path.stem for path in NOTEBOOKS] == names


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_begins_with_a_title_and_every_cell_is_of_a_known_kind(path):
    kinds = [kind for kind, _ in cells(path)]
    assert set(kinds) == {"", "[markdown]"}
    assert cells(path)[0][1].startswith("# # ")
    for kind, source in cells(path):
        if kind:
            assert all(line.startswith("#") for line in source.strip().splitlines())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs_and_shows_its_last_value(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INKNET_OPS", "numpy")
    names = {"__name__": "__main__"}
    for kind, source in cells(path):
        if kind:
            continue
        tree = ast.parse(source)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, path.name, "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), path.name, "eval"), names)
            shown = getattr(value, "_repr_html_", lambda value=value: repr(value))()
            assert shown
    assert capsys.readouterr().out


def test_the_network_by_hand_has_at_most_thirty_lines():
    path = NOTEBOOKS[0]
    (source,) = [source for _, source in cells(path) if "def loss_and_gradients" in source]
    (function,) = [one for one in ast.parse(source).body if isinstance(one, ast.FunctionDef)]
    assert function.end_lineno - function.lineno + 1 <= 30


def test_the_note_is_read_as_it_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    for kind, source in cells(NOTEBOOKS[2]):
        if not kind:
            exec(compile(source, "notebook", "exec"), names)
    assert names["reading"].digits == "2026 1126"
    assert (tmp_path / "steps.png").stat().st_size > 10_000
