"""The command line as its users call it: in a process of its own, for tests that end it too."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INKNET = Path(sys.executable).with_name("inknet")


def environment(**changes: str) -> dict[str, str]:
    settings = {"OPENBLAS_NUM_THREADS": "1", "INKNET_OPS": "numpy", "COLUMNS": "200"}
    return {**os.environ, **settings, **changes}


def inknet(
    *arguments: str | Path, folder: Path, expect: int = 0, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; hold its exit code and its complaints against what is expected."""
    result = subprocess.run(
        [INKNET, *arguments],
        cwd=folder,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == expect, result.stdout + result.stderr
    for line in result.stderr.splitlines():
        assert line.startswith("inknet: "), result.stderr
    return result


def refusal(*arguments: str | Path, folder: Path, **env: str) -> str:
    """Return the one line with which a command refuses; it must leave all files as they are."""
    before = content(folder)
    (line,) = inknet(*arguments, folder=folder, expect=2, **env).stderr.splitlines()
    assert content(folder) == before
    return line


@contextmanager
def running(*arguments: str | Path, folder: Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A command on its way, in a process group of its own, which is killed if it is still there."""
    process = subprocess.Popen(
        [INKNET, *arguments],
        cwd=folder,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    """Read what a process prints, up to a line with some words in it."""
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"it ended and did not say {words!r}: {process.communicate()[1]}")


def content(folder: Path) -> dict[str, bytes | None]:
    """All files below a folder, with what is in them; folders have None."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }
