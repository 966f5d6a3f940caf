"""A process that predicts for long, from many threads: right answers, and no growth."""

import gc
import os
import sys
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inknet import MLP, InputError

GENERATOR = np.random.default_rng(0)
PIXELS = GENERATOR.integers(0, 256, (400, 64), dtype=np.uint8)
LABELS = PIXELS[:, :10].argmax(axis=1)


@pytest.fixture(scope="module")
def model() -> MLP:
    """A model with everything in it that has a state: batch normalization, dropout, images."""
    made = MLP([64, 32, 16, 10], keep_probs=[0.8, 0.9, 1.0], batch_norm="before")
    made.train(PIXELS.reshape(-1, 8, 8), LABELS, num_epochs=3, learning_rate=0.01)
    return made


def questions(n: int, seed: int) -> Iterator[np.ndarray]:
    """Yield batches of 1 to 9 rows, different ones for each seed."""
    generator = np.random.default_rng(seed)
    for _ in range(n):
        yield PIXELS[generator.integers(0, len(PIXELS), generator.integers(1, 10))]


def check_threads(model: MLP, n_predictions: int, n_threads: int = 8) -> None:
    """Let threads predict at once, each its own questions; hold every answer against one thread's.

    One thread answers again what the eight were asked, so the answers are those of the same
    shapes, and must be the same bits.
    """

    def answers(seed: int) -> np.ndarray:
        return np.concatenate([model.predict_proba(x) for x in questions(n_predictions, seed)])

    with ThreadPoolExecutor(n_threads) as pool:
        found = list(pool.map(answers, range(n_threads)))
    for seed in range(n_threads):
        np.testing.assert_array_equal(found[seed], answers(seed))


def test_eight_threads_predict_what_one_does_on_one_model(model):
    check_threads(model, 300)


@pytest.mark.slow
def test_eight_threads_predict_what_one_does_ten_thousand_times(model):
    check_threads(model, 10_000)


def test_a_shared_buffer_would_be_found(model, monkeypatch):
    """Give all threads one scratch array, and hold that the check above sees it."""
    infer = model.network.infer
    scratch = np.empty((9, 10), np.float32)

    def through_scratch(x: np.ndarray) -> np.ndarray:
        shared = scratch[: len(x)]
        shared[:] = infer(x)
        os.sched_yield()
        return shared

    monkeypatch.setattr(model.network, "infer", through_scratch)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with pytest.raises(AssertionError, match="not equal"):
            for _ in range(20):
                check_threads(model, 300)
    finally:
        sys.setswitchinterval(interval)


def test_eight_threads_load_models_and_pictures_at_once(model, tmp_path):
    path, picture = tmp_path / "model.safetensors", tmp_path / "picture.png"
    model.save(path)
    Image.fromarray(PIXELS[0].reshape(8, 8)).resize((30, 40)).save(picture)
    expected = model.read_images([picture])
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: MLP.load(path).read_images([picture]), range(200)):
            np.testing.assert_array_equal(found, expected)


def serve(model: MLP, folder: Path, n_requests: int) -> None:
    """Do what a server does all day: load, predict, read pictures, and refuse what is broken."""
    for number in range(n_requests):
        x = PIXELS[: 1 + number % 50]
        model.predict(x)
        if number % 5 == 0:
            MLP.load(folder / "model.safetensors").predict(x)
            model.read_images([folder / "picture.png"])
            for broken in ("broken.safetensors", "broken.png"):
                with pytest.raises(InputError):
                    if broken.endswith("png"):
                        model.read_images([folder / broken])
                    else:
                        MLP.load(folder / broken)


def resident_megabytes() -> float:
    """Return the memory this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@pytest.fixture
def served(model, tmp_path) -> Path:
    """A folder with a model, a picture, and a broken one of each."""
    model.save(tmp_path / "model.safetensors")
    Image.fromarray(PIXELS[0].reshape(8, 8)).save(tmp_path / "picture.png")
    for name in ("model.safetensors", "picture.png"):
        content = (tmp_path / name).read_bytes()
        broken = "broken" + Path(name).suffix
        (tmp_path / broken).write_bytes(content[: len(content) // 2])
    return tmp_path


def check_growth(model: MLP, folder: Path, n_requests: int) -> None:
    """Hold that as many requests again take no more memory, traced or resident, and no handles."""
    open_files = Path("/proc/self/fd")
    serve(model, folder, n_requests)  # what is made once and kept
    gc.collect()
    files, resident = len(list(open_files.iterdir())), resident_megabytes()
    tracemalloc.start()
    serve(model, folder, n_requests)
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    serve(model, folder, n_requests)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 30 * n_requests, "some tens of bytes for each request are kept"
    assert resident_megabytes() - resident < 20
    assert len(list(open_files.iterdir())) == files


@pytest.mark.skipif(sys.platform != "linux", reason="memory and handles are read as Linux shows")
@pytest.mark.slow
def test_a_process_that_serves_does_not_grow(model, served):
    check_growth(model, served, 1_000)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory and handles are read as Linux shows")
def test_a_process_that_serves_all_day_does_not_grow(model, served):
    check_growth(model, served, 20_000)


@pytest.mark.skipif(sys.platform != "linux", reason="memory and handles are read as Linux shows")
def test_a_server_that_grows_would_be_found(model, served, monkeypatch):
    kept = []
    predict = model.predict
    monkeypatch.setattr(model, "predict", lambda x: kept.append(bytes(99)) or predict(x))
    with pytest.raises(AssertionError, match="tens of bytes"):
        check_growth(model, served, 200)
