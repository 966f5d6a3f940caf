"""A real bash completes commands, options and names, after `inknet --install-completion`."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import inknet
from inknet.recipes import recipe_names

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
PROGRAM = "import sys; sys.argv[0] = 'inknet'; from inknet.cli.app import main; main()"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with the command in its `bin`, in which completion was installed."""
    home = tmp_path_factory.mktemp("home")
    command = home / "bin" / "inknet"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{PROGRAM}" "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    said = in_bash(home, "inknet --install-completion")
    assert "bash completion installed" in said
    return home


def in_bash(home: Path, script: str) -> str:
    source = str(Path(inknet.__file__).parents[1])
    environment = {
        **os.environ,
        "HOME": str(home),
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": source,
        "INKNET_OPS": "numpy",
    }
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\ntrue"],  # more than one command: bash stays, and is seen
        env=environment, cwd=home, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout


def completed(home: Path, line: str) -> list[str]:
    """What bash offers for the last word of a line."""
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    script = (
        f"source .bashrc; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}\n"
        '_inknet_completion inknet; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return in_bash(home, script).split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("inknet tr", ["train"]),
        ("inknet data ", ["list", "fetch", "example", "info", "show"]),
        ("inknet train --rec", ["--recipe"]),
        ("inknet train --recipe ", recipe_names()),
        ("inknet recipe show di", ["digits"]),
        ("inknet train --data emnist-l", ["emnist-letters"]),
        ("inknet data info fa", ["fashion"]),
        ("inknet train --set training.lear", ["training.learning_rate="]),
        ("inknet evaluate ru", []),  # then bash completes paths by itself
        ("inknet nonsense x", []),
    ],
)
def test_the_last_word_of_a_line_is_completed(home: Path, line: str, expected: list[str]) -> None:
    assert completed(home, line) == expected


def test_the_script_can_be_looked_at_first(home: Path) -> None:
    script = in_bash(home, "inknet --show-completion")
    assert "complete -o default -F _inknet_completion inknet" in script
