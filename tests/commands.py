"""The command line as its users call it: in a process of its own, for tests that end it too."""

import atexit
import functools
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

INKNET = Path(sys.executable).with_name("inknet")
FORK_SERVER = Path(__file__).with_name("fork_server.py")


def environment(**changes: str) -> dict[str, str]:
    settings = {"OPENBLAS_NUM_THREADS": "1", "INKNET_OPS": "numpy", "COLUMNS": "200"}
    return {**os.environ, **settings, **changes}


class Command:
    """What `subprocess.Popen` is, for a command that the fork server has become."""

    def __init__(
        self,
        words: list[str],
        folder: Path,
        file_size: int | None,
        drawn: bool,
        env: dict[str, str],
    ):
        request = {"words": words, "folder": str(folder), "file_size": file_size, "drawn": drawn}
        request["environment"] = env
        own, given = zip(*(os.pipe() for _ in range(3)), strict=True)
        socket.send_fds(fork_server(), [json.dumps(request).encode()], given)
        for file in given:
            os.close(file)
        self.stdout, self.stderr, self._news = (os.fdopen(file) for file in own)
        self.pid = int(self._news.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._news], [], [], 0)[0]:
            self.returncode = int(self._news.readline())
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float = 120) -> tuple[str, str]:
        """Return the rest of what it says, and of its complaints, once it has ended."""
        complaints: list[str] = []
        reader = threading.Thread(target=lambda: complaints.append(self.stderr.read()))
        timer = threading.Timer(timeout, lambda: os.killpg(self.pid, signal.SIGKILL))
        for thread in (reader, timer):
            thread.start()
        try:
            printed = self.stdout.read()
            reader.join()
            if self.returncode is None:
                self.returncode = int(self._news.readline())
        finally:
            in_time = timer.is_alive()
            timer.cancel()
        assert in_time, f"not ended after {timeout} s: {printed}{complaints}"
        for file in (self.stdout, self.stderr, self._news):
            file.close()
        return printed, complaints[0]


Process = subprocess.Popen[str] | Command


@functools.cache
def fork_server() -> socket.socket:
    """Return the socket to the process that becomes one command after the other."""
    own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with other:
        server = subprocess.Popen(
            [sys.executable, FORK_SERVER, str(other.fileno())],
            env=environment(),
            pass_fds=[other.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end() -> None:
        own.close()
        server.wait()

    atexit.register(end)
    return own


def start(
    *arguments: str | Path,
    folder: Path,
    file_size: int | None = None,
    drawn: bool = False,
    fresh: bool = False,
    **env: str,
) -> Process:
    """Start the command in a session of its own, with pipes for what it says and complains of.

    It inherits its imports from a server, where there is one, unless a fresh interpreter is asked
    for; then the pictures of runs and studies are only sketched, if they are not to be ``drawn``.
    With a ``file_size``, it can write no longer file than of so many bytes.
    """
    words = [str(INKNET), *map(str, arguments)]
    if sys.platform == "linux" and not fresh:
        return Command(words, folder, file_size, drawn, environment(**env))

    def prepare() -> None:
        default_signals()
        if file_size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))

    return subprocess.Popen(
        words,
        cwd=folder,
        env=environment(**env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=prepare,
    )


def finish(
    *arguments: str | Path, folder: Path, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, and return its exit code and all it said."""
    process = start(*arguments, folder=folder, **options)
    printed, complaints = process.communicate(timeout=120)
    assert process.returncode is not None
    return subprocess.CompletedProcess(arguments, process.returncode, printed, complaints)


def inknet(
    *arguments: str | Path, folder: Path, expect: int = 0, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; hold its exit code and its complaints against what is expected."""
    result = finish(*arguments, folder=folder, **options)
    assert result.returncode == expect, result.stdout + result.stderr
    for line in result.stderr.splitlines():
        assert line.startswith("inknet: "), result.stderr
    return result


def refusal(*arguments: str | Path, folder: Path, **options: Any) -> str:
    """Return the one line with which a command refuses; it must leave all files as they are."""
    before = content(folder)
    (line,) = inknet(*arguments, folder=folder, expect=2, **options).stderr.splitlines()
    assert content(folder) == before
    return line


@contextmanager
def running(*arguments: str | Path, folder: Path, **options: Any) -> Iterator[Process]:
    """A command on its way, which is killed, with all that it started, if it is still there."""
    process = start(*arguments, folder=folder, **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def wait_for(process: Process, words: str) -> None:
    """Read what a process prints, up to a line with some words in it."""
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"it ended and did not say {words!r}: {process.communicate()[1]}")


def default_signals() -> None:
    """Let a process be ended by signals, in whatever way the tests were started.

    What a shell starts in the background ignores Ctrl-C, and so does all that it starts in turn.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def content(folder: Path) -> dict[str, bytes | None]:
    """All files below a folder, with what is in them; folders have None."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }
