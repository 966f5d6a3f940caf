"""Whether time an image and memory stay flat, up to more images than one wants in memory."""

from __future__ import annotations

import re
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np

from benchmarks.conductor import Entry, Worker, say
from benchmarks.task import EPOCH, load_images

N_MNIST = 60_000
SIZES = (60_000, 250_000, 1_000_000, 4_000_000)
LARGEST_SHIFT = 2
BLOCK = 1_000
SAMPLE_EVERY = 0.05
"""Seconds between two looks at a process's memory."""


def measure(rounds: int) -> dict[str, Any]:
    """Return seconds of an epoch and peak memory for each size, all from memory-mapped files.

    The smallest is measured before and after all others, the others for one epoch each.
    """
    with tempfile.TemporaryDirectory(prefix="inknet-bench-") as temporary:
        free = shutil.disk_usage(temporary).free
        sizes = [size for size in SIZES if (size + SIZES[0]) * 785 + 1e9 < free]
        missing = {
            str(size): f"needs {size * 785 / 1e9:.1f} GB of disk, {free / 1e9:.1f} GB are free"
            for size in SIZES
            if size not in sizes
        }
        smallest, *larger = sizes
        folder = Path(temporary)
        with worker_on(folder, smallest) as reference:
            half = max(rounds // 2, 1)
            with peak_memory(reference.process) as memory:
                before = [reference.call("epoch") for _ in range(half)]
            results = [{"images": smallest, "seconds": before, "memory": memory}]
            for size in larger:
                with worker_on(folder, size) as worker, peak_memory(worker.process) as memory:
                    seconds = [worker.call("epoch")]
                results.append({"images": size, "seconds": seconds, "memory": memory})
                say(f"  {size:,} images: {seconds[0]:.1f} s, {memory}")
            before += [reference.call("epoch") for _ in range(half)]
        return {"task": EPOCH.to_json(), "sizes": results, "missing": missing}


@contextmanager
def worker_on(folder: Path, size: int) -> Iterator[Worker]:
    """Write a file of images, start inknet on it, warmed up; clear both away afterwards."""
    images = write_images(folder / str(size), size)
    entry = Entry(
        "inknet",
        "inknet",
        "benchmarks.contestants.inknet_mlp:InknetTraining",
        {"images": str(images)},
    )
    worker = Worker(entry, replace(EPOCH, n_images=size))
    try:
        worker.call("warm_up")
        yield worker
    finally:
        worker.close()
        shutil.rmtree(images.parent)


def write_images(folder: Path, size: int) -> Path:
    """Write MNIST over and over, moved by a few pixels, as IDX files of images and labels."""
    mnist, generator = load_images(N_MNIST), np.random.default_rng(0)
    folder.mkdir()
    images, labels = folder / "train-images-idx3-ubyte", folder / "train-labels-idx1-ubyte"
    with images.open("wb") as image_file, labels.open("wb") as label_file:
        image_file.write(struct.pack(">4I", 0x0803, size, 28, 28))
        label_file.write(struct.pack(">2I", 0x0801, size))
        for start in range(0, size, BLOCK):
            rows = np.arange(start, min(start + BLOCK, size)) % N_MNIST
            # the digits of MNIST have an empty frame of four pixels, so nothing rolls over the edge
            shift = tuple(generator.integers(-LARGEST_SHIFT, LARGEST_SHIFT + 1, 2).tolist())
            block = np.roll(mnist.X_train[rows].reshape(-1, 28, 28), shift, axis=(1, 2))
            image_file.write(block.tobytes())
            label_file.write(mnist.y_train[rows].tobytes())
    return images


@contextmanager
def peak_memory(process: int) -> Iterator[dict[str, float]]:
    """Watch a process; the dictionary has its peaks in MB when the block is left (Linux).

    ``resident`` counts the pages of mapped files that happen to be in memory, which the system
    takes back when it needs them; ``own`` does not.
    """
    peaks: dict[str, float] = {}
    done = Event()

    def watch() -> None:
        while not done.wait(SAMPLE_EVERY):
            look()

    def look() -> None:
        try:
            status = Path(f"/proc/{process}/status").read_text("ascii")
        except OSError:
            return
        for name, key in (("resident", "VmHWM"), ("own", "RssAnon")):
            found = re.search(rf"^{key}:\s+(\d+) kB", status, re.MULTILINE)
            if found:
                peaks[name] = max(peaks.get(name, 0), int(found[1]) * 1024 / 1e6)

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield peaks
        look()
    finally:
        done.set()
        watcher.join()
