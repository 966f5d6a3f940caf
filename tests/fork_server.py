"""Start ``inknet`` again and again, without importing again and again what it needs.

A command of the tests spends most of its time on imports. This process imports once, and becomes
each command by forking: a process of its own, with its own arguments, folder, environment, output,
session and signals, that runs the installed script to its end.

Each request comes through the socket that the first argument names: a dict as JSON, along with
where the command's output, its complaints and the news of it go. The news is one line with its
number as a process, and one with its exit code once it has ended.
"""

import atexit
import gc
import importlib
import importlib.util
import json
import os
import resource
import runpy
import signal
import socket
import sys
import threading
from pathlib import Path

import numpy as np

import inknet
from inknet.nn import ops
from sketches import sketch_pictures

LARGEST_REQUEST = 1 << 18
IMPORTED_LATE = [  # where they are used, not with the package
    "jinja2",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "matplotlib.image",
    "PIL.BmpImagePlugin",
    "PIL.GifImagePlugin",
    "PIL.ImageOps",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.PpmImagePlugin",
    "joblib",
    "optuna",
    "pooch",
    "requests",
    "rich.console",
    "rich.table",
    "sqlalchemy",
    "tqdm",
]


def become(request: dict, output: int, complaints: int) -> None:
    """Become the command; what this process had imported is all that it inherits."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as Python has it from the start
    os.dup2(output, 1)
    os.dup2(complaints, 2)
    os.closerange(3, max(map(int, os.listdir("/proc/self/fd"))) + 1)  # noqa: PTH208
    # as Python opens them from the start for a pipe
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    if request["file_size"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_size"],) * 2)
    if not request["drawn"]:
        sketch_pictures()
    sys.argv = request["words"]
    sys.path[0] = os.path.dirname(sys.argv[0])  # noqa: PTH120
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        # all that an interpreter does at its end, but for freeing what dies with the process anyway
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(end.code or 0)


def own_modules() -> list[str]:
    """Return the names of all modules of inknet, but for those that no command imports."""
    package = Path(inknet.__file__).parent
    files = [file.relative_to(package.parent).with_suffix("") for file in package.rglob("*.py")]
    names = [".".join(file.parts).removesuffix(".__init__") for file in sorted(files)]
    return [name for name in names if not name.startswith("inknet.sklearn")]


def fetch_compiled_loops() -> None:
    """Fetch from disk, if they are there, the loops that every training would fetch."""
    kept = Path(ops.__file__).parent.glob("numba/__pycache__/*.nbi")
    if importlib.util.find_spec("numba") is not None and any(kept):
        ops._numba().prepare(np.dtype(np.float32))
    assert threading.active_count() == 1, "a fork has the main thread only"


def main() -> None:
    """Serve until the other end of the socket is closed."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    for name in own_modules() + IMPORTED_LATE:
        importlib.import_module(name)
    fetch_compiled_loops()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C on the tests ends the socket
    keepers: set[int] = set()
    gc.freeze()  # the collector would write to pages that all have in common
    while True:
        content, files, _, _ = socket.recv_fds(requests, LARGEST_REQUEST, 3)
        # waited for, so that their time counts as the tests'
        keepers -= {keeper for keeper in keepers if os.waitpid(keeper, os.WNOHANG)[0]}
        if not content:
            return None
        if (keeper := os.fork()) == 0:
            break
        keepers.add(keeper)
        for file in files:
            os.close(file)
    # the keeper of this command, who alone can learn how it ends
    output, complaints, news = files
    command = os.fork()
    if command == 0:
        return become(json.loads(content), output, complaints)
    for file in (output, complaints, 1, 2):
        os.close(file)
    requests.close()
    os.write(news, b"%d\n" % command)
    _, status = os.waitpid(command, 0)
    os.write(news, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


if __name__ == "__main__":
    main()
