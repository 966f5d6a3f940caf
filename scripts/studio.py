"""Measure the server of the studio: answers a second, memory, runs, and the cost of being watched.

Run it from anywhere: ``python scripts/studio.py``. It needs the extra ``studio`` and nothing else
on the machine that computes. ``--requests 100000`` is the long form, for the growth of memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inknet.data import load
from inknet.recipes import load_recipe
from inknet.runs import train_run
from inknet.studio.live import Live, Log

CONNECTIONS, N_RUNS, EPOCHS = 50, 1000, 60
COMMAND = "from inknet.cli.app import main; raise SystemExit(main())"
Request = tuple[str, bytes]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the server of the studio.")
    parser.add_argument("--requests", type=int, default=4000, metavar="N", help="of each kind")
    n = parser.parse_args().requests
    with TemporaryDirectory() as place:
        runs = Path(place) / "runs"
        watched(runs / "one")
        for number in range(1, N_RUNS):
            shutil.copytree(runs / "one", runs / f"run-{number:04}", copy_function=as_light)
        with server(runs) as (port, memory):
            listed(port)
            print(f"POST /api/predict, {CONNECTIONS} connections, {n:,} requests of each kind")
            for name, requests in kinds().items():
                few = n // 40 if name == "drawing" else n
                asyncio.run(load_on(port, requests, CONNECTIONS * 4))  # to warm up
                before = memory()
                times, seconds, errors = asyncio.run(load_on(port, requests, few))
                middle, slow = 1000 * np.percentile(times, [50, 99])
                print(
                    f"  {name}: {few / seconds:.0f} a second, median {middle:.0f} ms, "
                    f"p99 {slow:.0f} ms, {errors} errors; memory {before:.0f} to "
                    f"{memory():.0f} MB"
                )


def watched(folder: Path) -> None:
    """Train with a log of what happens, and print which share of the time the log takes."""
    spent = 0.0

    class Timed(Live):
        pass

    def timed(name: str) -> Callable[[Live, object], None]:
        event = getattr(Live, name)

        def call(self: Live, trainer: object) -> None:
            nonlocal spent
            begun = time.perf_counter()
            event(self, trainer)
            spent += time.perf_counter() - begun

        return call

    for name in ("on_train_begin", "on_step_end", "on_epoch_end", "on_train_end"):
        setattr(Timed, name, timed(name))
    live = Timed(Log(folder.with_suffix(".jsonl")), folder.with_suffix(".stop"))
    folder.parent.mkdir(parents=True)
    recipe = load_recipe("digits", settings={"training.epochs": EPOCHS}, source="sample")
    run = train_run(
        recipe,
        folder,
        callbacks=[live],
        on_start=lambda _, m, parts: live.watch(m),
    )
    seconds = run.metrics["training"]["seconds"]
    print(
        f"being watched: {1000 * spent:.0f} ms of {seconds:.2f} s, {spent / seconds:.2%} "
        f"({EPOCHS} epochs of the sample)"
    )


def as_light(source: str, target: str) -> str:
    """Copy the small files of a run; what is large is not opened for a list."""
    if Path(source).suffix in (".json", ".toml", ".csv"):
        shutil.copy(source, target)
    return target


@contextmanager
def server(runs: Path) -> Iterator[tuple[int, Callable[[], float]]]:
    """Run the studio as a process: its port, and what tells its memory in MB."""
    options = ["studio", "--no-open", "--port", "0", "--runs", str(runs)]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *options], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None, "asked for above"
    found = re.search(r":(\d+)/", process.stdout.readline())
    if found is None:
        sys.exit("the studio did not start")

    def memory() -> float:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text("ascii")
        except OSError:  # not Linux
            return float("nan")
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1000

    try:
        yield int(found[1]), memory
    finally:
        process.kill()
        process.wait()


def listed(port: int) -> None:
    """Print how long the list of many runs takes, the first time and later."""
    times = []
    for _ in range(2):
        begun = time.perf_counter()
        with urlopen(f"http://127.0.0.1:{port}/api/runs?limit=1000") as answer:
            total = json.load(answer)["total"]
        times.append(time.perf_counter() - begun)
    first, again = (f"{1000 * one:.0f} ms" for one in times)
    print(f"a list of {total:,} runs: {first}, and {again} when it is asked for again")


def kinds() -> dict[str, list[Request]]:
    """Return requests for an answer about a digit, in three forms."""
    sample = load("sample")
    images = sample.images(np.arange(0, len(sample), len(sample) // 64))
    return {
        "784 bytes in JSON": [
            (
                "application/json",
                json.dumps({"image": b64encode(image.tobytes()).decode("ascii")}).encode(),
            )
            for image in images
        ],
        "PNG of 28 × 28": [("image/png", png(image)) for image in images],
        "drawing": [("image/png", png(as_drawing(image))) for image in images],
    }


def as_drawing(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a digit in black on white paper, 160 × 160."""
    large = Image.fromarray(255 - image).resize((112, 112), Image.Resampling.BILINEAR)
    return np.pad(np.asarray(large), 24, constant_values=255)


def png(image: NDArray[np.uint8]) -> bytes:
    """Return the file of a picture."""
    content = BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


async def load_on(port: int, requests: list[Request], n: int) -> tuple[list[float], float, int]:
    """Make n requests over some connections; return their seconds, those of all, and failures."""
    times: list[float] = []
    left, errors = n, 0

    async def visitor(k: int) -> None:
        nonlocal left, errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while left > 0:
            left -= 1
            kind, body = requests[k % len(requests)]
            k += 1
            head = (
                f"POST /api/predict HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            begun = time.perf_counter()
            writer.write(head.encode("ascii") + body)
            answered = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            (length,) = re.findall(r"content-length: (\d+)", answered)
            await reader.readexactly(int(length))
            times.append(time.perf_counter() - begun)
            errors += answered.split()[1] != "200"
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(visitor(k) for k in range(CONNECTIONS)))
    return times, time.perf_counter() - begun, errors


if __name__ == "__main__":
    main()
