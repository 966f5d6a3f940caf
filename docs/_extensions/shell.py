"""Commands in pages: what a reader types, and what the program of today answers."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

FENCE = "```{shell}"
SETTINGS = {"COLUMNS": "80", "INKNET_OPS": "numpy", "NO_COLOR": "1", "OPENBLAS_NUM_THREADS": "1"}


def words_of(line: str) -> list[str]:
    """Return the words of a command after its name.

    Raises
    ------
    ValueError
        If it is not a command of inknet.
    """
    name, *words = shlex.split(line)
    if name != "inknet":
        raise ValueError(f"{line!r} is not a command of inknet")
    return words


def answer(line: str, folder: Path) -> str:
    """Run a command in a folder; return what it prints.

    Raises
    ------
    ValueError
        If it is not a command of inknet, or fails.
    """
    program = "from inknet.cli.app import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", program, *words_of(line)],
        cwd=folder,
        env={**os.environ, **SETTINGS},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise ValueError(f"{line!r} failed: {ran.stderr}")
    return ran.stdout.rstrip()
