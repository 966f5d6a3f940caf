"""The README's code does what the README says: every block of it is run as it stands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inknet.data.example import write_example

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_python_blocks_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_example(tmp_path / "photo.png", "7")  # as the blocks for the shell do
    names: dict[str, Any] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "epoch  5/50" in printed  # print_interval
    *_, accuracy, answer = printed.splitlines()
    assert answer == "7"
    digits = names["model"].predict(names["X_test"])
    assert float(accuracy) == np.mean(digits == names["y_test"]) > 0.9


@pytest.mark.first
def test_the_shell_blocks_run_one_after_the_other(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    printed = ""
    for block in blocks("sh"):
        printed += subprocess.run(
            ["bash", "-ec", block],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout
    assert "photo.png: 7 (" in printed
    assert (tmp_path / "runs/first/report.html").is_file()
    assert (tmp_path / "digits.html").is_file()
    assert "runs/first" in printed


def test_the_readme_is_a_front_page() -> None:
    assert len(README.splitlines()) <= 150


def test_every_file_the_readme_points_to_is_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(targets) > 10
    for target in targets:
        if "://" not in target:
            assert (ROOT / target).exists(), target


def test_the_first_two_commands_are_make_targets() -> None:
    commands = re.findall(r"^    (make \w+)$", README, re.MULTILINE)
    assert commands[:2] == ["make train", "make test"]
    for command in commands[:2]:
        subprocess.run(
            [shutil.which("make") or "make", "-n", *command.split()[1:]],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )


def test_every_dependency_has_its_reason() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    page = "docs/reference/dependencies.md"
    assert f"]({page})" in README
    table = (ROOT / page).read_text("utf-8").lower()
    extras = project["optional-dependencies"]
    optional = [
        one for name, needs in extras.items() if name not in ("dev", "docs") for one in needs
    ]
    for requirement in project["dependencies"] + optional:
        assert re.split(r"[^a-z0-9-]", requirement)[0] in table, requirement
