"""The pages of the site do what they say: their cells and commands run as they stand."""

import contextlib
import io
import re
import shlex
import sys
from pathlib import Path

import pytest

from docs._extensions.built import problems
from docs._extensions.excerpts import excerpt
from docs._extensions.shell import words_of
from inknet.cli.commands import COMMANDS, GROUPS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for part in ("start", "understand") for path in (DOCS / part).glob("*.md"))
FRONT = ("index.md", "glossary.md")
CHAPTERS = [p for p in PAGES if p.parent.name == "understand" and p.name not in FRONT]
FENCED = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPTIONS = re.compile(r"\A(---\n.*?^---\n|(:[\w-]+:[^\n]*\n)+)\n?", re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


def fenced(page: Path, kind: str) -> list[str]:
    """Return the blocks of a kind, without the lines of their options."""
    blocks = [match[2] for match in FENCED.finditer(page.read_text("utf-8")) if match[1] == kind]
    return [OPTIONS.sub("", block) for block in blocks]


def sources(page: Path) -> list[tuple[str, dict[str, str]]]:
    """Return the names that a page shows the source of, with their options."""
    blocks = re.findall(
        r"^```\{source\} (\S+)\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return [
        (name, dict(re.findall(r"^:([\w-]+): ?(.*)$", options, re.MULTILINE)))
        for name, options in blocks
    ]


def commands(page: Path) -> list[str]:
    return [line for block in fenced(page, "{shell}") for line in block.splitlines() if line]


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw as the pages do, and without a screen."""
    matplotlib = pytest.importorskip("matplotlib")
    with matplotlib.rc_context(fname=DOCS / "_static/matplotlibrc"):
        matplotlib.use("agg")
        monkeypatch.setattr("matplotlib.figure.Figure.show", lambda figure: None)
        yield
        import matplotlib.pyplot as plt

        plt.close("all")


@pytest.mark.parametrize("page", [p for p in PAGES if fenced(p, "{code-cell}")], ids=name_of)
def test_the_cells_of_a_page_run_one_after_the_other(page, drawing, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INKNET_OPS", "numpy")  # as the site is built
    names: dict[str, object] = {"__name__": "__main__"}
    for cell in fenced(page, "{code-cell}"):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(cell, name_of(page), "exec"), names)


@pytest.mark.parametrize("page", [p for p in PAGES if fenced(p, "{code-cell}")], ids=name_of)
def test_what_a_reader_copies_needs_neither_hidden_cells_nor_folded_answers(
    page, drawing, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INKNET_OPS", "numpy")
    open_text = re.sub(r"<details.*?</details>", "", page.read_text("utf-8"), flags=re.DOTALL)
    blocks = [match for match in FENCED.finditer(open_text) if match[1] == "{code-cell}"]
    shown = [match[2] for match in blocks if "remove-input" not in match[2]]
    assert shown
    names: dict[str, object] = {"__name__": "__main__"}
    for cell in shown:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(OPTIONS.sub("", cell), name_of(page), "exec"), names)


@pytest.mark.parametrize("page", [p for p in DOCS.rglob("*.md") if sources(p)], ids=name_of)
def test_every_source_that_a_page_shows_is_there(page):
    for name, options in sources(page):
        flags = {flag: True for flag in ("body", "docstring") if flag in options}
        parts = {part: options[part] for part in ("begin", "end") if part in options}
        assert excerpt(name, **flags, **parts).text


@pytest.mark.parametrize("page", CHAPTERS, ids=name_of)
def test_a_chapter_shows_source_checks_its_numbers_and_asks_questions(page):
    assert sources(page), "a formula stands beside the lines that compute it"
    before, exercises = page.read_text("utf-8").split("## Exercises")
    answers = re.findall(r'<details class="answer">(.*?)</details>', exercises, re.DOTALL)
    cells = "".join(FENCED.sub(lambda m: m[2] if m[1] == "{code-cell}" else "", before))
    assert "assert " in cells, "the worked example is checked"
    assert len(answers) >= 2
    for answer in answers:
        assert "```{code-cell}" in answer and "assert " in answer, "an answer is checked"


def test_every_page_is_in_the_table_of_contents():
    listed = re.findall(
        r"^((?:start|understand)/[\w-]+)$", (DOCS / "index.md").read_text("utf-8"), re.M
    )
    assert sorted(listed) == sorted(name_of(page).removesuffix(".md") for page in PAGES)


@pytest.mark.parametrize("page", CHAPTERS, ids=name_of)
def test_a_picture_is_described_for_those_who_do_not_see_it(page):
    for match in FENCED.finditer(page.read_text("utf-8")):
        if "figure.show()" in match[2]:
            assert re.search(r"\A---\n.*^ +alt: >-\n +\S.*^---\n", match[2], re.M | re.S), match[2]


@pytest.mark.first
@pytest.mark.skipif(sys.platform == "win32", reason="commands are started as POSIX does")
@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=name_of)
def test_the_commands_of_a_page_run_one_after_the_other(page, tmp_path, monkeypatch):
    from tests.commands import inknet

    for line in commands(page):
        inknet(*words_of(line), folder=tmp_path)
    text = page.read_text("utf-8")
    for picture in re.findall(r"^:picture: (.*)$", text, re.MULTILINE):
        assert (tmp_path / picture).is_file()
    if page.parent.name == "start":  # its programs use what the commands have written
        monkeypatch.chdir(tmp_path)
        for block in fenced(page, "python"):
            exec(compile(block, name_of(page), "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_that_are_only_shown_are_commands(page):
    for block in fenced(page, "console"):
        for line in block.splitlines():
            assert line.startswith("$ "), line
            words = shlex.split(line[2:])
            if words[0] == "inknet":
                assert words[1] in {*COMMANDS, *GROUPS}, line


# -- what the pages are built with -----------------------------------------------------------------


def test_an_excerpt_is_the_function_without_its_docstring():
    found = excerpt("inknet.nn.activations.relu")
    assert found.text == (
        "def relu(z: Floats, out: Floats) -> None:\n    np.maximum(z, 0, out=out)"
    )
    lines = found.path.read_text("utf-8").splitlines()
    assert lines[found.first - 1] == found.text.splitlines()[0]
    assert lines[found.last - 1] == "    np.maximum(z, 0, out=out)"


def test_an_excerpt_can_be_a_part_of_a_method():
    name = "inknet.nn.ops.formulas.NumpyOps.batch_norm_backward"
    body = excerpt(name, body=True).text.splitlines()
    assert (body[0], body[-1]) == ("n = len(gradient)", "gradient *= gamma / deviation")
    part = excerpt(name, begin="np.sum(", end="normalized *=").text.splitlines()
    assert len(part) == 2 and part[0].startswith("np.sum(gradient")
    assert '"""' in excerpt(name, docstring=True).text


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("inknet.nn.losses.nonsense", {}),
        ("inknet.nonsense.relu", {}),
        ("nonsense.relu", {}),
        ("inknet.nn.layers.Dense.nonsense", {}),
        ("inknet.nn.layers.Dense.backward", {"begin": "nonsense"}),
        ("inknet.nn.layers.Dense.backward", {"end": "nonsense"}),
    ],
)
def test_source_that_is_not_there_is_an_error(name, options):
    with pytest.raises(ValueError, match="nonsense"):
        excerpt(name, **options)


def test_a_site_is_refused_if_a_link_is_broken_or_something_is_loaded_from_elsewhere(tmp_path):
    (tmp_path / "a.html").write_text(
        '<h1 id="top">A</h1><a href="b.html#here">b</a><a href="https://example.org">away</a>'
        '<link rel="canonical" href="https://example.org"><img src="data:image/png;base64,">'
    )
    (tmp_path / "b.html").write_text('<p id="here"></p><a href="a.html">a</a>')
    assert problems(tmp_path) == []
    (tmp_path / "b.html").write_text(
        '<a href="c.html">c</a><a href="#there">there</a><img src="no.png">'
        '<script src="https://example.org/x.js"></script>'
        '<link rel="stylesheet" href="//example.org/x.css">'
    )
    (tmp_path / "x.css").write_text('@import "https://example.org/y.css"; p {background: url(a)}')
    assert problems(tmp_path) == [
        "a.html: links to b.html#here, which has no such anchor",
        "b.html: loads no.png, which is not there",
        "b.html: loads https://example.org/x.js",
        "b.html: loads //example.org/x.css",
        "b.html: links to c.html, which is not there",
        "b.html: links to #there, which has no such anchor",
        "x.css: loads https://example.org/y.css",
    ]
