"""Every how-to does its job: its commands and its Python run, in the order of the page.

The pages need neither Sphinx nor Jupyter for this: a cell is run by `exec`, and a command by the
command line of today.
"""

import contextlib
import io
import re
import shlex
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from inknet.cli import app

ROOT = Path(__file__).parents[2]
HOWTO = ROOT / "docs" / "howto"
# someone else's pages are read by their own tests
OWN = re.findall(r"\]\(([\w-]+\.md)\)", (HOWTO / "index.md").read_text("utf-8"))
BLOCK = re.compile(
    r"^```(\{code-cell\} ipython3|\{shell\}|console|python)\n(.*?)^```$", re.M | re.S
)

NOT_RUN = {
    "pip install": "changes the environment",
    "kaggle competitions": "needs an account",
    "unzip ": "needs the download",
    "dask ": "begins a cluster",
    "--dask ": "needs a cluster; tests/experiments/test_cluster.py has one",
    "inknet studio": "serves until it is ended; tests/studio has it",
    "--recipe strong": "takes minutes",
    "form.jpg": "needs a form; tests/photo/test_grid.py has them",
    "inknet search": "takes long; tests/experiments/test_search.py has it",
    "search/digits.toml": "needs the search",
    "--ensemble": "needs MNIST; tests/runs/test_ensemble.py has it",
    "runs/long": "needs an interruption; tests/runs/test_resume.py has them",
}


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """Go through the cells, commands and programs of a page in order."""
    for kind, text in BLOCK.findall((HOWTO / page).read_text("utf-8")):
        yield kind.split(" ")[0], re.sub(r"\A(:[\w-]+:.*\n)+\n?", "", text)


def commands(page: str) -> list[str]:
    """Return the lines of a page that are typed into a shell."""
    shown = [text for kind, text in blocks(page) if kind in ("console", "{shell}")]
    return [line.removeprefix("$ ") for text in shown for line in text.splitlines() if line]


def reason(line: str) -> str | None:
    return next((why for part, why in NOT_RUN.items() if part in line), None)


def run_command(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a command of inknet in this process; it must succeed."""
    monkeypatch.setattr(sys, "argv", ["inknet", *words])
    with pytest.raises(SystemExit) as ended, contextlib.redirect_stdout(io.StringIO()):
        app.main()
    assert not ended.value.code, words


@pytest.mark.parametrize("page", OWN)
def test_a_page_runs_from_top_to_bottom(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_pictures: None
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    for kind, text in blocks(page):
        if kind in ("{code-cell}", "python"):
            needed = re.match(r"# needs (\w+)", text)
            if needed and find_spec(needed[1]) is None:
                continue
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(text, page, "exec"), names)
            continue
        for line in text.splitlines():
            if line and reason(line) is None:
                program, *words = shlex.split(line.removeprefix("$ "))
                if program.startswith("INKNET_OPS="):
                    monkeypatch.setenv(*program.split("="))
                    program, *words = words
                assert program == "inknet", line
                run_command(words, monkeypatch)
    if page == "reproduce.md":
        first, again = (Path(f"runs/{run}/model.safetensors") for run in ("first", "again"))
        assert first.read_bytes() == again.read_bytes()
        assert names["first"] == names["second"]
    if page == "kaggle.md":
        assert len(Path("submission.csv").read_text("utf-8").splitlines()) == 51


def test_every_page_is_in_the_table_of_jobs() -> None:
    assert set(OWN) <= {page.name for page in HOWTO.glob("*.md")}
    assert len(OWN) >= 12


def test_a_command_that_is_not_run_has_a_reason_that_still_holds() -> None:
    lines = [line for page in OWN for line in commands(page)]
    for part in NOT_RUN:
        assert any(part in line for line in lines), part


@pytest.mark.parametrize("page", OWN)
def test_options_of_a_command_that_is_not_run_are_there(page: str) -> None:
    known = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    for line in commands(page):
        if line.startswith("inknet ") and reason(line):
            for option in re.findall(r"(?<= )--[a-z-]+", line):
                assert f"`{option}" in known or f" {option}" in known, line
