"""What all tests share: no way to the outer network, and MNIST for those that need all of it."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import inknet
from inknet.data import Dataset, MnistUnavailableError, load
from tests.sketches import sketch_in_runs

POSIX = [
    "cli/test_app.py",
    "cli/test_exchange.py",
    "cli/test_output.py",
    "cli/test_problems.py",
    "experiments/test_cluster.py",
    "experiments/test_search.py",
    "experiments/test_studies.py",
    "fuzz",
    "report/test_drawing_settings.py",
    "runs/test_ensemble.py",
    "runs/test_resume.py",
    "test_faults.py",
    "training/test_divergence.py",
    "training/test_signals.py",
]
"""Tests that start and signal processes as POSIX does, or limit them; left out on Windows."""
collect_ignore = POSIX if sys.platform == "win32" else []

# tests start commands in other folders, where a relative path would lead elsewhere
for variable in ("INKNET_DATA_DIR", "INKNET_PHOTOS_DIR"):
    if folder := os.environ.get(variable):
        os.environ[variable] = str(Path(folder).expanduser().absolute())

LOCAL = ("127.0.0.1", "localhost", "::1")


@pytest.fixture(scope="session", autouse=True)
def no_outer_network() -> Iterator[None]:
    """Refuse to look up any name but this machine's, as a machine without a network does."""
    look_up = socket.getaddrinfo

    def look_up_local(host: str, *args: object, **keywords: object) -> object:
        if host not in LOCAL:
            raise socket.gaierror(socket.EAI_NONAME, "no test may reach the outer network")
        return look_up(host, *args, **keywords)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up_local)
        yield


@pytest.fixture(scope="session", autouse=True)
def two_threads_for_batches() -> Iterator[None]:
    """Let a thread load batches as it does for users: make test allows one thread alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inknet.training.prefetch.allowed_threads", lambda: 2)
        yield


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    """The 70,000 images of MNIST, from the folder that INKNET_DATA_DIR names or the cache."""
    try:
        return load("mnist")
    except MnistUnavailableError:
        pytest.skip("needs the whole of MNIST: set INKNET_DATA_DIR")


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Chromium, driven by Playwright: that of the system, or else Playwright's own."""
    from playwright.sync_api import Error, sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        install = [sys.executable, "-m", "playwright", "install", "chromium"]
        subprocess.run(install, capture_output=True, check=False)
    with sync_playwright() as playwright:
        try:
            # the tests may run as root, for whom Chromium has no sandbox
            started = playwright.chromium.launch(executable_path=path, chromium_sandbox=False)
        except Error as error:
            pytest.skip(
                "needs Chromium, which could neither be found nor installed: on Debian, "
                f"`apt-get install chromium`, elsewhere `playwright install chromium` ({error})"
            )
        yield started
        started.close()


@pytest.fixture(scope="session", autouse=True)
def sketches() -> Iterator[None]:
    """Sketch the pictures of runs that are trained in this process."""
    with pytest.MonkeyPatch.context() as patch:
        sketch_in_runs(patch.setattr)
        yield


@pytest.fixture
def called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, list[str]]]:
    """Run the command line in this process; return its exit code, its output and its complaints."""

    def call(*words: object) -> tuple[int, str, list[str]]:
        from inknet.cli import app

        monkeypatch.setattr("sys.argv", ["inknet", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            app.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err.splitlines()

    return call


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave them out altogether."""
    monkeypatch.setattr("inknet.runs.results._draw", lambda *_: [])


COMPILE = """
import sys
import numpy as np
from inknet.nn.ops.numba import NumbaOps
NumbaOps().prepare(np.dtype(sys.argv[1]))
"""


def pytest_configure(config: pytest.Config) -> None:
    """In a fresh clone, compile the loops once, and not in each of the processes that run tests."""
    if not getattr(config.option, "numprocesses", None) or find_spec("numba") is None:
        return
    if any((Path(inknet.__file__).parent / "nn/ops/numba/__pycache__").glob("*.nbi")):
        return
    compilers = [
        subprocess.Popen([sys.executable, "-c", COMPILE, dtype], stderr=subprocess.DEVNULL)
        for dtype in ("float32", "float64")
    ]
    for compiler in compilers:
        compiler.wait()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long: at the end it would keep one process busy, and the others idle."""
    items.sort(key=lambda item: item.get_closest_marker("first") is None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say so if the fuzzer had to do without the guidance of coverage."""
    if find_spec("atheris") is None:
        terminalreporter.write_line(
            "fuzzer: atheris is not installed; all readers got seeded mutations of the corpus"
        )
