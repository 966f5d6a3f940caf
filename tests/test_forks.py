"""A process that forks while a thread reads, trains or draws: its child does the same, and ends."""

import os
import threading
import time
import warnings

import numpy as np
import pytest
from PIL import Image

from inknet import MLP
from inknet.data import load
from inknet.data.images import read_image
from inknet.report.plots import plot_history
from inknet.training.history import EpochRecord, History

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
N_FORKS = 8
SECONDS = 30.0

X, Y = np.random.default_rng(0).normal(size=(400, 20)), np.arange(400) % 2
RECORD = EpochRecord(1, 0.5, 0.8, 0.6, 0.7, 0.01, 1.0, 1.0)


def reading(folder):
    path = folder / "picture.png"
    if not path.exists():
        pixels = np.random.default_rng(0).integers(0, 256, (600, 600), np.uint8)
        Image.fromarray(pixels).save(path)
    read_image(path)


def training(folder):
    MLP([20, 30, 2]).train(X, Y, num_epochs=1)


def drawing(folder):
    plot_history(History([RECORD]), folder / f"loss-{os.getpid()}-{threading.get_ident()}.png")


@pytest.mark.parametrize("work", [reading, training, pytest.param(drawing, marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_of_a_busy_process_is_not_blocked(work, tmp_path):
    work(tmp_path)
    is_over = threading.Event()

    def keep_busy():
        while not is_over.is_set():
            work(tmp_path)

    thread = threading.Thread(target=keep_busy)
    thread.start()
    try:
        for number in range(N_FORKS):
            time.sleep(0.013 * number)
            assert returns_from(work, tmp_path), f"child {number} hangs"
    finally:
        is_over.set()
        thread.join()


def returns_from(work, folder):
    """Whether a child that is forked now does its work, and ends."""
    child = os.fork()
    if child == 0:
        try:
            work(folder)
        finally:
            os._exit(0)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


def test_a_table_that_is_read_changes_no_warning_of_other_threads(tmp_path):
    path = tmp_path / "table.csv"
    rows = "".join(f"{i}.5,{i % 7},{i % 2}\n" for i in range(20_000))
    path.write_text("a,b,label\n" + rows)
    is_over = threading.Event()

    def keep_reading():
        while not is_over.is_set():
            load(path)

    thread = threading.Thread(target=keep_reading)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        thread.start()
        n = 0
        end = time.monotonic() + 1
        while time.monotonic() < end:
            warnings.warn("mine", UserWarning, stacklevel=1)  # would raise under another's filter
            n += 1
            time.sleep(0.001)
        is_over.set()
        thread.join()
    assert sum(str(one.message) == "mine" for one in said) == n


def test_fractions_in_any_notation_stay_fractions(tmp_path):
    path = tmp_path / "table.csv"
    for text in ("1.5", ".5", "2.", "1e-1", "3E0", "-1", "+4", "1e2"):
        path.write_text(f"a,label\n7,0\n{text},1\n")
        assert load(path).features[:, 0].tolist() == [7, float(text)]
