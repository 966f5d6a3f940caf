"""Names of rows and files with odd content: shown as they are, or refused in one line."""

import csv
import io
import json
import tomllib

import pytest
import tomli_w
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from inknet.errors import InputError
from inknet.experiments.catalogue import grid_study
from inknet.experiments.claims import claim_lines
from inknet.experiments.measured import MeasuredFile
from inknet.experiments.pictures import plot_study, study_figure
from inknet.experiments.plan import plan_study
from inknet.experiments.results import StudyFolder
from inknet.experiments.summary import RowSummary, StudySummary, summarize
from inknet.experiments.tables import (
    csv_cell,
    csv_text,
    headings,
    markdown,
    markdown_text,
    notes,
    terminal,
)
from inknet.experiments.work import execute
from odd_values import variants

NAMES = [
    "$x^{$",
    "a$\\frac{1}$b$",
    "100 %",
    "a\\b\\",
    "two\nlines",
    "\"quoted\" and 'so'",
    "a|b",
    "<b>bold</b>",
    "_under_ a_b",
    "^{}",
    "=1+1",
    "+1+1",
    "-0.5",
    "-x",
    "@SUM(1)",
    "\tx",
    "\x1b[2Jx",
    "[link](http://a.b)",
    "`code`",
    "&lt; &amp;",
    "# head",
    "1. one",
    "~~gone~~",
    "🦉",
    "\u202eright",
]
SMALL = ["data.source=sample", "data.limit=300", "network.hidden=[4]", "training.epochs=2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study of two rows that is whole."""
    plan = plan_study(grid_study("digits", ["training.batch_size=40,60"], [0], "own"), SMALL)
    study = StudyFolder(tmp_path_factory.mktemp("own") / "own")
    with study.at_work(plan, SMALL):
        for job in plan.jobs:
            study.put(execute(job))
    return study


@pytest.fixture(scope="module")
def odd(folder):
    """What came of a study whose rows have odd names."""
    plain = summarize(folder.study(), folder)
    results = plain.rows[0].results
    rows = [plain.study.rows[0].model_copy(update={"name": name}) for name in NAMES]
    study = plain.study.model_copy(update={"rows": rows, "varies": "$_{", "title": "$x^{ <a>"})
    return StudySummary(study, tuple(RowSummary(row, 1, results, ()) for row in rows))


def test_the_picture_of_odd_names_shows_them_as_they_are(odd, tmp_path):
    plot_study(odd, tmp_path / "study.png")
    assert (tmp_path / "study.png").read_bytes()[:4] == b"\x89PNG"
    figure = study_figure(odd)
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert shown == [" ".join(name.split()) for name in NAMES]


def shown_by_markdown(text):
    """The text of the cells of a table, and all that is not text."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    cells, other = [], set()
    for token in tokens:
        if token.type == "inline":
            cells.append("".join(child.content for child in token.children))
            other |= {child.type for child in token.children} - {"text", "text_special"}
    return cells, other


def test_a_markdown_table_of_odd_names_shows_them_as_they_are(odd):
    cells, other = shown_by_markdown(markdown(odd))
    n_columns = len(headings(odd))
    assert other == set()
    assert len(cells) == n_columns * (1 + len(NAMES))
    expected = [" ".join(name.split()) for name in NAMES]
    # a character that is not to be printed is written as its escape
    expected = [name.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e") for name in expected]
    assert cells[n_columns::n_columns] == expected


@given(st.text(min_size=1))
@example("__0__")
def test_whatever_the_text_markdown_shows_it(text):
    line = f"x {markdown_text(text)} x"
    cells, other = shown_by_markdown(f"| a |\n| --- |\n| {line} |")
    assert other == set()
    assert len(cells) == 2


def test_a_csv_of_odd_names_has_no_formulas_and_numbers_stay_numbers(odd):
    rows = list(csv.DictReader(io.StringIO(csv_text([odd]))))
    for row, name in zip(rows, NAMES, strict=True):
        kept = row["row"]
        assert kept == "-0.5" or kept.lstrip()[:1] not in tuple("=+-@")
        assert kept in (name, f"'{name}")
        assert float(row["test_mean"]) == odd.rows[0].figure("test").mean
    changed = [row["row"][1:] for row, name in zip(rows, NAMES, strict=True) if row["row"] != name]
    assert changed == ["=1+1", "+1+1", "-x", "@SUM(1)", "\tx"]


@given(st.text(alphabet="'=+-@0.5e\t x", max_size=6), st.text(alphabet="'=+-@0.5e\t x", max_size=6))
def test_different_texts_are_different_cells(first, second):
    assert (csv_cell(first) == csv_cell(second)) == (first == second)


def test_the_terminal_and_the_notes_cannot_be_controlled_by_names(odd):
    file = io.StringIO()
    Console(file=file, width=300).print(terminal(odd))
    assert "\x1b[2J" not in file.getvalue()
    assert "\\x1b[2Jx" in file.getvalue()
    assert notes(odd) == [] and claim_lines(odd) == []


# -- odd content of the files of a study -----------------------------------------------------------


@pytest.mark.parametrize("name", ["manifest.json", "runs/40.seed-0.json", "study.toml"])
def test_every_value_of_a_study_may_be_odd_and_the_answer_is_one_line_or_a_table(
    folder, name, tmp_path
):
    own = StudyFolder(tmp_path / "own")
    own.runs.mkdir(parents=True)
    for path in folder.folder.rglob("*.*"):
        (own.folder / path.relative_to(folder.folder)).write_bytes(path.read_bytes())
    text = (own.folder / name).read_text()
    reads, writes = (
        (tomllib.loads, tomli_w.dumps) if name.endswith(".toml") else (json.loads, json.dumps)
    )
    refused = n_tried = 0
    for values in variants(reads(text), n_each=5):
        try:
            changed = writes(values).encode()
        except (TypeError, ValueError, RecursionError, AttributeError):
            continue  # TOML has no such value
        (own.folder / name).write_bytes(changed)
        n_tried += 1
        try:
            found = summarize(own.study(), own)
            for shown in (markdown(found), csv_text([found]), *notes(found), *claim_lines(found)):
                assert "nan" not in shown
            Console(file=io.StringIO()).print(terminal(found))
        except InputError as error:
            assert str(error).isprintable() and len(str(error)) < 1000
            refused += 1
    assert refused > n_tried / 3 > 10


def test_a_gradient_of_infinite_norm_costs_no_result(folder, monkeypatch):
    plan = plan_study(folder.study(), SMALL)
    monkeypatch.setattr("inknet.training.layer_monitor._norm", lambda *arrays: float("inf"))
    result = execute(plan.jobs[0])
    assert result["outcome"] == "finished"
    assert folder.put(result).history["gradient_norms"] == [[None, None]] * 2


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": 1}', '{"format": 1, "entries": [1]}', "[" * 100_000]
)
def test_a_file_of_measurements_with_odd_content_is_refused_in_one_line(text, tmp_path):
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        MeasuredFile(path).entries()
    assert str(caught.value).startswith(f"{path}: ") and str(caught.value).isprintable()
