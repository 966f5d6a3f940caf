"""Give one reader thousands of damaged files: ``python tests/fuzz/fuzz.py READER --inputs 20000``.

For any file, a reader must give a result or an `InputError` of one printable line, within 2 seconds
of processor time and 500 MB. With atheris, coverage guides the inputs. Readers that use libraries in
C, and all readers if atheris is not installed, get seeded mutations of the same corpus. The last
line of the output says as JSON which method was used and what was measured.

With files instead of ``--inputs``, each file is read once, under the same limits, and removed.

An input that breaks the rules ends the process with a traceback and is left in ``--folder``.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from readers import READERS, Reader, check_message

CORPUS = Path(__file__).parent / "corpus"
LARGEST_INPUT = 4096
# Processor time, so that other work on the machine does not count.
SECONDS_ALLOWED = 2.0
# Wall-clock time, for a reader that waits without using the processor.
SECONDS_WAITED = 20.0
MEGABYTES_ALLOWED = 500
# Far above the allowed size, so that a violation is measured and still cannot fill the machine.
MEGABYTES_EVER = 6000
IN_PYTHON = ["inknet", "tomllib", "zipfile", "gzip"]


def peak_megabytes() -> float:
    """Return the most memory that this process ever held at once."""
    try:  # on Linux, the value of getrusage includes the parent that this process was forked from
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


@contextlib.contextmanager
def limited_time() -> Iterator[None]:
    """End the process, with a traceback on stderr, if the ``with`` block takes too long."""
    # The traceback is written inside the signal handler, then the default action ends the process.
    # This also catches a loop in C, which never returns to Python's own handlers.
    faulthandler.register(signal.SIGPROF, chain=True)
    faulthandler.dump_traceback_later(SECONDS_WAITED, exit=True)
    signal.setitimer(signal.ITIMER_PROF, SECONDS_ALLOWED)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()


class Trial:
    """Reads inputs one after another, and checks each against the rules."""

    def __init__(self, reader: Reader, folder: Path) -> None:
        self.reader, self.path = reader, folder / "run" / reader.file_name
        self.path.parent.mkdir(parents=True, exist_ok=True)
        reader.prepare(self.path.parent)
        self.n_inputs = self.n_read = 0
        self.slowest = 0.0
        self.started = time.perf_counter()

    def input(self, data: bytes) -> None:
        """Read one input."""
        self.path.write_bytes(self.reader.wrap(data))
        self.file(self.path)

    def file(self, path: Path) -> str:
        """Read one file; return the message of the refusal, or an empty string."""
        from inknet.errors import InputError

        self.n_inputs += 1
        message = ""
        start = time.process_time()
        with limited_time():
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    self.reader.read(path)
                self.n_read += 1
            except InputError as error:
                check_message(error)
                message = str(error)
        self.slowest = max(self.slowest, time.process_time() - start)
        peak = peak_megabytes()
        assert peak <= MEGABYTES_ALLOWED, f"{peak:.0f} MB were taken to read {path}"
        return message

    def summary(self) -> dict[str, object]:
        """Return the number of inputs and what was measured."""
        return {
            "inputs": self.n_inputs,
            "read": self.n_read,
            "seconds": round(time.perf_counter() - self.started, 1),
            "slowest": round(self.slowest, 3),
            "peak_megabytes": round(peak_megabytes()),
        }


def mutations(seeds: list[bytes], generator: random.Random) -> Iterator[bytes]:
    """Yield the seeds, then damaged variants of them without end."""
    yield from seeds
    while True:
        data = bytearray(generator.choice(seeds))
        for _ in range(1 << generator.randrange(4)):
            start = generator.randrange(len(data) + 1)
            end = min(len(data), start + 1 + int(generator.expovariate(0.2)))
            match generator.randrange(8):
                case 0:
                    data[start:end] = generator.randbytes(end - start)
                case 1 if data:
                    data[start % len(data)] ^= 1 << generator.randrange(8)
                case 2:
                    del data[start:end]
                case 3:
                    data[start:start] = data[start:end] * generator.randrange(1, 20)
                case 4:  # a wrong length or offset
                    width = generator.choice([1, 2, 4, 8])
                    value = generator.choice([0, 1, 1 << 7, 1 << 15, 1 << 31, 1 << 40, 1 << 63, -1])
                    order = generator.choice(["little", "big"])
                    number = (value % (1 << 8 * width)).to_bytes(width, order)
                    data[start : start + width] = number
                case 5:
                    other = generator.choice(seeds)
                    place = generator.randrange(len(other) + 1)
                    data[start:end] = other[place : place + generator.randrange(1, 64)]
                case 6:
                    del data[start:]
                case 7:  # words of text formats
                    words = b'[ ] { } " \\ , : = . - 0 9 e NaN Infinity null true \n \0 \xff'.split(
                        b" "
                    )
                    data[start:start] = generator.choice(words)
        yield bytes(data[:LARGEST_INPUT])


def fuzz(name: str, n_inputs: int, seed: int, engine: str, folder: Path) -> None:
    """Give a reader this many inputs; print the summary and end the process."""
    reader = READERS[name]
    trial: Trial
    why = "asked for"
    if engine == "auto":
        engine, why = "mutation", "the reader's work is done by a library in C"
        if reader.in_python:
            try:
                import atheris

                engine, why = "coverage", "atheris is installed"
            except ImportError:
                why = "atheris is not installed"

    def finish() -> None:
        summary = {"reader": name, "engine": engine, "why": why, "seed": seed, **trial.summary()}
        shutil.rmtree(folder)
        print(json.dumps(summary), flush=True)
        os._exit(0)

    if engine == "coverage":
        import atheris

        with atheris.instrument_imports(include=IN_PYTHON):
            trial = warmed_up(reader, folder)
        grown = folder / "grown"
        grown.mkdir()

        def test_one(data: bytes) -> None:
            guarded(trial, data)
            if trial.n_inputs >= n_inputs:
                finish()

        arguments = ["-verbosity=0", f"-seed={seed + 1}", f"-max_len={LARGEST_INPUT}"]
        arguments += [
            "-len_control=0",
            "-timeout=3600",  # far above our own limit; 0 would not turn atheris's limit off
            "-rss_limit_mb=0",
            f"-artifact_prefix={folder}/",
        ]
        atheris.Setup([sys.argv[0], *arguments, str(grown), str(CORPUS / name)], test_one)
        atheris.Fuzz()
    else:
        trial = warmed_up(reader, folder)
        seeds = [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
        for data in mutations(seeds, random.Random(seed)):
            guarded(trial, data)
            if trial.n_inputs >= n_inputs:
                finish()


def warmed_up(reader: Reader, folder: Path) -> Trial:
    """Return a trial after reading one file, so that all lazy imports are already done."""
    from inknet.errors import InputError

    trial = Trial(reader, folder)
    trial.path.write_bytes(b"")
    with contextlib.suppress(InputError), contextlib.redirect_stdout(io.StringIO()):
        reader.read(trial.path)
    for module in (
        "inknet.cli.app",
        "inknet.mlp",
        "inknet.recipes",
        "inknet.runs",
        "PIL.ImageOps",
    ):
        __import__(module)
    return trial


def guarded(trial: Trial, data: bytes) -> None:
    """Read one input; if it breaks the rules, end the process with a traceback."""
    try:
        trial.input(data)
    except BaseException:
        import traceback

        traceback.print_exc()
        print(f"the input is {trial.path}", file=sys.stderr, flush=True)
        os._exit(1)


def read_files(name: str, files: list[Path], folder: Path) -> None:
    """Read each file once and print the result. The files are moved, not copied."""
    trial = warmed_up(READERS[name], folder)
    for path in files:
        place = trial.path.with_name(path.name)
        if place != path:  # use the name that the reader expects, next to the files it needs
            place = trial.path
            path.rename(place)
        message = trial.file(place)
        print(json.dumps({"file": path.name, "refused": message}), flush=True)
    print(json.dumps({"reader": name, **trial.summary()}), flush=True)
    shutil.rmtree(folder)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", choices=["auto", "coverage", "mutation"], default="auto")
    parser.add_argument("--folder", type=Path, help="for the input that is being read")
    given = parser.parse_args()
    limit: Callable[[int, tuple[int, int]], None] = resource.setrlimit
    limit(resource.RLIMIT_AS, (MEGABYTES_EVER << 20, MEGABYTES_EVER << 20))
    limit(resource.RLIMIT_CORE, (0, 0))
    memory = Path("/dev/shm")
    place = given.files[0].parent if given.files else memory if memory.is_dir() else None
    folder = given.folder or Path(tempfile.mkdtemp(dir=place))
    if given.files:
        read_files(given.reader, given.files, folder)
    else:
        fuzz(given.reader, given.inputs, given.seed, given.engine, folder)


if __name__ == "__main__":
    main()
