"""Runs a program in a new process, and notes when each line of its answer arrives."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from time import perf_counter
from typing import Any

from benchmarks.beside.ways import Way
from inknet.data.example import write_example

LONGEST = 600.0
"""Seconds after which a program is ended."""
NOT_OURS = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
"""Environment variables that would let a program use other packages, or compile them each time."""
EPOCH = re.compile(r"(.+): ([\d.]+)% of the validation images")
TEST = re.compile(r"test: ([\d.]+)%")


class ProgramError(Exception):
    """A program failed, or did not say what it is asked for."""


@dataclass(frozen=True)
class Picture:
    """A picture of one digit, and which digit that is."""

    path: Path
    digit: str
    kind: str


def notes(folder: Path) -> list[Picture]:
    """Draw a note for each digit, as ``inknet data example`` does."""
    pictures = [Picture(folder / f"{digit}.png", str(digit), "notes") for digit in range(10)]
    for picture in pictures:
        write_example(picture.path, picture.digit)
    return pictures


def photographs() -> list[Picture]:
    """Return the photographs of one digit in ``INKNET_PHOTOS_DIR``; none if it is not set."""
    folder = os.environ.get("INKNET_PHOTOS_DIR")
    if not folder:
        return []
    with (Path(folder) / "truth.tsv").open(newline="", encoding="utf-8") as file:
        return [
            Picture(Path(folder) / row["file"], row["truth"], "photographs")
            for row in csv.DictReader(file, delimiter="\t")
            if row["medium"] == "photo" and row["kind"] != "several"
        ]


def run(
    python: Path, way: Way, seed: int, pictures: Sequence[Picture], data: Path
) -> dict[str, Any]:
    """Run the program of a way once.

    Parameters
    ----------
    python
        The interpreter that has its packages.
    way, seed
        What to run, and the number that it draws by.
    pictures
        What it reads at the end; at least one.
    data
        The folder with MNIST's files.

    Returns
    -------
    dict
        ``seed``; ``curve``, for each epoch ``[seconds since the start, validation accuracy in
        percent, what the program calls the moment]``; ``test``, in percent; ``done``, the seconds
        until the first picture was read; ``read``, for each kind of picture how many were read
        rightly, of how many.

    Raises
    ------
    ProgramError
        In one line.
    """
    answers: list[tuple[float, str]] = []  # the seconds since the start, and the line
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as complaints:
        environment = {k: v for k, v in os.environ.items() if k not in NOT_OURS}
        environment |= {"MPLBACKEND": "agg", "INKNET_DATA_DIR": str(data), **way.environment}
        command = [python, "-u", way.path, str(seed), *(str(p.path.resolve()) for p in pictures)]
        started = perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=complaints,
            cwd=folder,
            env=environment,
            text=True,
            encoding="utf-8",
        )
        limit = Timer(LONGEST, process.kill)
        limit.start()
        assert process.stdout is not None
        with process.stdout as lines:
            answers.extend((perf_counter() - started, line.rstrip("\n")) for line in lines)
        limit.cancel()
        if process.wait():
            complaints.seek(0)
            last = (complaints.read().strip().splitlines() or ["it was ended"])[-1]
            raise ProgramError(f"{way.program}.py, seed {seed}: {last}")
        left = Path(folder)
        if not (left / "curve.png").is_file() or not list(left.glob("digits.*")):
            raise ProgramError(f"{way.program}.py, seed {seed}: left no curve or no model")
    return {"seed": seed, **understood(answers, pictures)}


def understood(answers: Sequence[tuple[float, str]], pictures: Sequence[Picture]) -> dict[str, Any]:
    """Return what the lines of a program say, each with its seconds; see `run`."""
    curve, test, done = [], None, None
    read: dict[str, list[int]] = {picture.kind: [0, 0] for picture in pictures}
    places = {f"{picture.path.resolve()} ": picture for picture in pictures}
    for seconds, line in answers:
        place = next((place for place in places if line.startswith(place)), None)
        if match := EPOCH.fullmatch(line):
            curve.append([round(seconds, 2), float(match[2]), match[1]])
        elif match := TEST.fullmatch(line):
            test = float(match[1])
        elif place is not None:
            done = done or round(seconds, 2)
            picture = places[place]
            read[picture.kind][0] += line.removeprefix(place) == picture.digit
            read[picture.kind][1] += 1
    if not curve or test is None or done is None:
        raise ProgramError("expected lines for the epochs, the test and the pictures")
    if sum(n for _, n in read.values()) != len(pictures):
        raise ProgramError(f"expected an answer for each of {len(pictures)} pictures")
    return {"curve": curve, "test": test, "done": done, "read": read}


def say_run(name: str, one: dict[str, Any]) -> None:
    """Print what a run gave."""
    seconds, accuracy, moment = one["curve"][-1]
    print(
        f"  {name}, seed {one['seed']}: {accuracy}% after {moment} ({seconds} s), "
        f"test {one['test']}%, read {one['read']}",
        file=sys.stderr,
        flush=True,
    )
