"""A virtual environment for each way, and how much is in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.beside.ways import Way
from benchmarks.conductor import ROOT, say

FOLDER = ROOT / "build" / "beside"
"""Where the environments stay from one measurement to the next."""
LIST = (
    "import json; from importlib.metadata import distributions as d; "
    "print(json.dumps({p.metadata['Name']: p.version for p in d()}))"
)


class CannotInstallError(Exception):
    """A way cannot be installed on this machine."""


def python_of(folder: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(name: str, way: Way) -> tuple[Path, dict[str, Any]]:
    """Install what a way needs into an environment of its own; what is there stays.

    Returns
    -------
    python : Path
        The interpreter of the environment.
    figures : dict
        ``packages``, the version of each by its name, and ``megabytes``, without compiled bytecode
        and without what an empty environment has.

    Raises
    ------
    CannotInstallError
        With what pip said last.
    """
    folder = FOLDER / name
    if not python_of(folder).exists():
        say(f"  {name}: a new environment in {folder}")
        make_bare(folder)
    pip = [sys.executable, "-m", "pip", "--python", str(python_of(folder)), "install", "--quiet"]
    ran = subprocess.run(
        [*pip, "--disable-pip-version-check", *way.packages], capture_output=True, text=True
    )
    if ran.returncode:
        raise CannotInstallError((ran.stderr.strip().splitlines() or ["pip failed"])[-1])
    listed = subprocess.check_output([python_of(folder), "-c", LIST], text=True)
    with tempfile.TemporaryDirectory() as bare:
        make_bare(Path(bare))
        megabytes = (size(folder) - size(Path(bare))) / 1e6
    return python_of(folder), {"packages": json.loads(listed), "megabytes": round(megabytes, 1)}


def make_bare(folder: Path) -> None:
    """Make a virtual environment with nothing in it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)


def size(folder: Path) -> int:
    """Return the bytes of all files in a folder, without links and compiled bytecode."""
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and path.parent.name != "__pycache__"
    )
