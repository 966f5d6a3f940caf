"""The examples run as they stand, and are as short as they say they are."""

import re
import runpy
from pathlib import Path

import pytest

from inknet.data import sources

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
README = (EXAMPLES[0].parents[1] / "README.md").read_text("utf-8")


@pytest.fixture
def printed(monkeypatch, capsys):
    """Run an example, and return what it prints."""
    monkeypatch.setenv("INKNET_OPS", "numpy")
    monkeypatch.setattr("sys.argv", ["example"])
    monkeypatch.setattr(sources, "NAMED", dict(sources.NAMED))

    def run(name):
        runpy.run_path(str(EXAMPLES[0].with_name(f"{name}.py")), run_name="__main__")
        return capsys.readouterr().out

    return run


def percentages(text):
    return [float(number) for number in re.findall(r"([\d.]+)%", text)]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_fewer_than_fifty_lines(path):
    assert len(path.read_text("utf-8").splitlines()) < 50


def test_they_are_those_that_are_tested_here():
    names = ["layer", "network", "optimizer", "source", "study"]
    assert [path.stem for path in EXAMPLES] == names
    assert "(examples)" in README


def test_the_network_learns(printed):
    assert percentages(printed("network"))[-1] > 88


def test_the_layer_is_right_and_the_wrong_one_is_found(printed):
    right, wrong = printed("layer").splitlines()
    assert float(re.search(r"\(([\d.e-]+),", right)[1]) < 1e-7
    assert float(re.search(r"\(([\d.e-]+),", wrong)[1]) > 0.1


def test_the_optimizer_is_as_good_as_the_others(printed):
    lion, *others = percentages(printed("optimizer"))
    assert len(others) == 2
    assert lion > max(others) - 3


def test_the_source_is_learned(printed):
    text = printed("source")
    assert percentages(text)[0] > 95
    assert {" ", "░", "█"} < set(text)


def test_the_study_has_its_tables_and_uses_the_test_part_once(printed):
    text = printed("study")
    assert [len(table.splitlines()) for table in text.strip().split("\n\n")] == [4, 4, 4, 1]
    chosen = max(percentages(line)[0] for line in text.splitlines() if " to " in line)
    assert percentages(text)[-1] == pytest.approx(chosen, abs=8)
