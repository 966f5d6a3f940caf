"""The pages of docs/reference say what the code does."""

import inspect
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inknet import InputError
from inknet.cli.commands import new_app
from inknet.recipes import load_recipe
from inknet.recipes.keys import described_keys
from inknet.recipes.schema import Recipe
from scripts.reference.pages import commands, pages, parameters_of
from scripts.reference.public import public_names

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
WRITTEN = [*sorted(REFERENCE.glob("*.md")), *sorted((ROOT / "docs" / "howto").glob("*.md"))]
KEYS = {key.name: key for key in described_keys(Recipe())}
NUMBER = r"(-?[\d.,]+)"


def text_of(name: str) -> str:
    return (REFERENCE / name).read_text("utf-8")


@pytest.mark.parametrize("name", pages())
def test_a_page_is_as_new_as_the_code(name: str) -> None:
    assert text_of(name) == pages()[name], "run make reference"


def test_every_public_name_has_a_heading() -> None:
    for one in public_names():
        assert re.search(rf"^##+ {re.escape(one.title)}$", text_of(one.page), re.MULTILINE), one


# -- commands --------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", commands())
def test_a_command_has_the_options_that_its_help_shows(words: str) -> None:
    shown = CliRunner().invoke(
        new_app(), [*words.split(), "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}
    )
    assert shown.exit_code == 0
    page = text_of("commands.md")
    section = re.split(r"^## ", page.split(f"\n## inknet {words}\n")[1], flags=re.MULTILINE)[0]
    heads = re.findall(r"^- `(-[^`]+)`", section, re.MULTILINE)
    on_page = {name for head in heads for name in re.findall(r"--[a-z][\w-]*", head)}
    names = re.findall(r"^\W*(--[a-z][\w-]*)(?:\s+(--[a-z][\w-]*)\s)?", shown.output, re.MULTILINE)
    assert on_page == {name for pair in names for name in pair if name} - {"--help"}


def test_every_command_option_and_argument_is_described() -> None:
    for words, command in commands().items():
        assert (inspect.getdoc(command) or "").endswith("."), words
        for parameter, info, _ in parameters_of(command):
            assert (info.help or "").rstrip(")").endswith("."), (words, parameter.name)


# -- recipe keys -----------------------------------------------------------------------------------


def test_every_key_has_a_heading_with_default_and_meaning() -> None:
    page = text_of("recipe-keys.md")
    for name, key in KEYS.items():
        section = page.split(f"\n### {name}\n")[1].split("\n##")[0]
        what, meaning = section.strip().split("\n\n", 1)
        assert "; default `" in what
        assert meaning.strip().endswith(".")
        assert " ".join(meaning.replace("`", "").split()) == key.meaning.replace("`", "")


def ends_of(allowed: str) -> list[tuple[str, bool]]:
    """Return values with whether they are allowed: the ends of a range, and what is just outside."""
    found = []
    step = 1 if "whole" in allowed else 1e-6
    for word, number in re.findall(rf"(from|above|below|to) {NUMBER}", allowed):
        end = float(number.replace(",", ""))
        inner = {"from": step, "above": step, "to": -step, "below": -step}[word]
        found.append((end, word in ("from", "to")))
        found.append((end - inner, False))
        found.append((end + inner, True))
    return [(f"{value:.0f}" if step == 1 else f"{value:.7f}", ok) for value, ok in found]


RANGES = [
    (name, value, ok)
    for name, key in KEYS.items()
    if re.match(r"a (whole )?number", key.allowed)
    for value, ok in ends_of(key.allowed.split(" or ")[0])
]
IN_WORDS = [
    ("network.keep_probs", "0.0", False),
    ("network.keep_probs", "1e-6", True),
    ("network.keep_probs", "1.0", True),
    ("network.keep_probs", "1.000001", False),
    ("network.bias_start", "1000000.0", True),
    ("network.bias_start", "-1000000.1", False),
]
NEEDS = {"training.weight_decay": ["training.optimizer=adamw"]}


@pytest.mark.parametrize(("name", "value", "is_allowed"), [*RANGES, *IN_WORDS])
def test_a_key_takes_what_its_range_says_and_nothing_else(
    name: str, value: str, is_allowed: bool
) -> None:
    others = {"data.validation": "data.test", "data.test": "data.validation"}
    changes = [f"{name}={value}", *NEEDS.get(name, [])]
    if name in others:
        changes.append(f"{others[name]}=0.0000001")
    if is_allowed:
        load_recipe("digits", changes)
    else:
        with pytest.raises(InputError, match=name.rpartition(".")[2]):
            load_recipe("digits", changes)


# -- links -----------------------------------------------------------------------------------------


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors_of(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    headings = re.findall(r"^#+ (.*)$", without_code(text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_every_link_resolves_with_its_anchor(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors_of(file.read_text("utf-8")), target
