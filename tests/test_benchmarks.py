"""The benchmarks' figures are computed and written right; no time is asserted here."""

import gzip
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchmarks import __main__ as bench
from benchmarks import conductor, stale
from benchmarks.claims import best_of, claims
from benchmarks.conductor import Company, Entry, Worker, WorkerError
from benchmarks.page import render, write_page
from benchmarks.statistics import fastest, paired_ratio, spread
from benchmarks.studies import racing
from benchmarks.task import BATCH_NORM, EPOCH, Task
from inknet.errors import InputError
from inknet.experiments.measured import MeasuredFile

SECONDS = {
    "inknet, numba ops": [0.2, 0.4, 0.2],
    "inknet, NumPy ops": [0.3, 0.6, 0.3],
    "matrix products alone, 1 thread": [0.3, 0.5, 0.3],
    "matrix products alone, 2 threads": [0.1, 0.2, 0.1],
    "PyTorch eager, 1 thread": [0.9, 1.8, 0.9],
    "PyTorch fused, 1 thread": [0.5, 1.0, 0.5],
    "JAX, rbg": [0.45, 0.9, 0.45],
    "scikit-learn, 1 thread": [0.8, 1.6, 0.8],
}
FAMILIES = {
    "inknet, numba ops": "inknet numba",
    "inknet, NumPy ops": "inknet NumPy",
    "matrix products alone, 1 thread": "floor",
    "matrix products alone, 2 threads": "floor",
    "PyTorch eager, 1 thread": "PyTorch",
    "PyTorch fused, 1 thread": "PyTorch",
    "JAX, rbg": "JAX",
    "scikit-learn, 1 thread": "scikit-learn",
}


def study(task: Task, seconds: dict[str, list[float]], **more: Any) -> dict[str, Any]:
    return {
        "command": "python -m benchmarks",
        "began": "2026-01-02T03:04:05+00:00",
        "seconds_measured": 60,
        "machine": {
            "processor": "a processor",
            "cores": 2,
            "memory_gigabytes": 8.0,
            "system": "Linux",
            "python": "3.11",
            "blas": "a BLAS",
            "versions": {"numpy": "2.0"},
        },
        "rounds": 3,
        "task": task.to_json(),
        "seconds": seconds,
        "families": {name: FAMILIES[name] for name in seconds},
        "accuracy": dict.fromkeys(seconds, 0.97),
        "missing": {"Keras on JAX": "ImportError: no keras."},
        "busy_while_idle": 0.01,
        **more,
    }


@pytest.fixture
def results() -> dict[str, Any]:
    return {"epoch": study(EPOCH, SECONDS)}


def rows(page: str) -> dict[str, list[str]]:
    """Return the cells of every table row by its first cell."""
    cells = ([c.strip() for c in line.strip("|").split("|")] for line in page.splitlines())
    return {first: rest for first, *rest in cells if rest}


def test_a_spread_is_the_median_and_the_quartiles_of_scipy() -> None:
    values = np.random.default_rng(0).gamma(2, size=11)
    s = spread(values.tolist())
    expected = stats.scoreatpercentile(values, [25, 50, 75])
    np.testing.assert_allclose([s.low, s.median, s.high], expected)


def test_a_paired_ratio_is_free_of_the_noise_that_a_round_shares() -> None:
    generator = np.random.default_rng(0)
    ours, noise = generator.uniform(1, 1.1, 9), generator.uniform(1, 5, 9)
    theirs = 3 * ours
    ratio = paired_ratio((theirs * noise).tolist(), (ours * noise).tolist())
    np.testing.assert_allclose([ratio.low, ratio.median, ratio.high], 3)


def test_a_ratio_of_rounds_that_are_not_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired_ratio([1, 2], [1])


def test_the_fastest_has_the_lowest_median_not_the_lowest_time() -> None:
    assert fastest({"lucky": [0.1, 5, 5], "steady": [1, 1, 1]}) == "steady"


def test_of_a_library_the_best_mode_counts(results: dict[str, Any]) -> None:
    assert best_of(results["epoch"], "PyTorch") == "PyTorch fused, 1 thread"
    assert best_of(results["epoch"], "peers") == "JAX, rbg"
    assert best_of(results["epoch"], "floor") == "matrix products alone, 2 threads"


def test_the_claims_are_the_ratios_and_say_whether_they_hold(results: dict[str, Any]) -> None:
    measured = {c.what: (round(c.measured, 6), c.held) for c in claims(results)}
    assert measured == {
        "epoch, numba ops, against the fastest peer": (2.25, True),
        "epoch, numba ops, against PyTorch": (2.5, False),
        "epoch, numba ops, against scikit-learn": (4, True),
        "epoch, NumPy ops, against the fastest peer": (1.5, True),
        "epoch, numba ops, over the matrix products alone": (2, False),
    }


USER = {
    "inknet, numba ops, float32": [0.21, 0.42, 0.21],
    "inknet, numba ops, uint8": [0.2, 0.4, 0.2],
    "inknet, NumPy ops, float32": [0.4, 0.8, 0.4],
    "PyTorch fused, 1 thread": [0.63, 1.26, 0.63],
    "JAX, rbg": [0.42, 0.84, 0.42],
    "scikit-learn, 1 thread": [0.84, 1.68, 0.84],
}


def test_an_epoch_as_a_user_gets_it_counts_for_floats_and_with_its_measuring() -> None:
    families = {
        "inknet, numba ops, float32": "inknet numba",
        "inknet, numba ops, uint8": "inknet numba uint8",
        "inknet, NumPy ops, float32": "inknet NumPy",
    }
    shares = {"inknet, numba ops, float32": [0.1, 0.12, 0.3]}
    user = study(EPOCH, {name: SECONDS.get(name, []) for name in FAMILIES})
    user |= {
        "seconds": USER,
        "families": {name: families.get(name, FAMILIES.get(name)) for name in USER},
        "accuracy": dict.fromkeys(USER, 0.97),
        "measuring_share": shares,
        "measured_images": 4200,
    }
    measured = {c.what: (round(c.measured, 6), c.held) for c in claims({"user": user})}
    what = "epoch as a user gets it, numba ops"
    assert measured == {
        f"{what}, against the fastest peer": (2, True),
        f"{what}, against PyTorch": (3, False),
        f"{what}, against scikit-learn": (4, True),
        "epoch as a user gets it, NumPy ops, against the fastest peer": (1.05, True),
        f"{what}, float32 over uint8": (1.05, True),
        "measuring, as a share of that epoch": (12, True),
    }
    page = render({"user": user}, set())
    assert "- inknet, numba ops, float32: 12.0% of its epoch is what follows" in page
    assert rows(page)["JAX, rbg"][0] == "0.420"


def racer(who: str, settings: str, seconds: list[float], accuracy: list[float]) -> dict[str, Any]:
    return {"who": who, "settings": settings, "seconds": seconds, "accuracy": accuracy}


def test_the_race_is_won_by_the_soonest_whose_mean_is_high_enough() -> None:
    race = study(EPOCH, {}) | {
        "seeds": [0, 1],
        "racers": [
            racer("inknet", "1 epoch", [1.0, 1.2], [0.979, 0.980]),
            racer("inknet", "2 epochs", [2.0, 2.2], [0.981, 0.982]),
            racer("JAX", "2 epochs", [6.2, 6.4], [0.98, 0.981]),
            racer("PyTorch", "2 epochs", [5.0, 5.2], [0.97, 0.98]),
            racer("scikit-learn", "9 epochs", [], []),
        ],
    }
    measured = {c.what: (round(c.measured, 6), c.held) for c in claims({"race": race})}
    what = "98 % on the official test images, from process start, warm"
    assert measured == {what: (2.1, True), f"{what}, against the best peer": (3, True)}
    table = rows(render({"race": race}, set()))
    assert table["97 %"] == ["1.1 s (inknet, 1 epoch)", "5.1 s (PyTorch, 2 epochs)"]
    assert table["98.5 %"] == ["not reached", "not reached"]


@pytest.mark.parametrize("opened", [open, gzip.open], ids=["as they are", "gzipped"])
def test_programs_of_the_race_say_what_they_reach(opened: Any, tmp_path: Path) -> None:
    """scikit-learn's, whose package is here, on images of one dot."""
    generator = np.random.default_rng(0)
    for part, n in (("train", 500), ("t10k", 100)):
        labels = generator.integers(0, 10, n).astype(np.uint8)
        images = np.zeros((n, 784), np.uint8)
        images[np.arange(n), 70 * labels] = 255
        ending = ".gz" if opened is gzip.open else ""
        with opened(tmp_path / f"{part}-images-idx3-ubyte{ending}", "wb") as file:
            file.write(bytes(16) + images.tobytes())
        with opened(tmp_path / f"{part}-labels-idx1-ubyte{ending}", "wb") as file:
            file.write(bytes(8) + labels.tobytes())
    settings = {"epochs": 20, "rate": 0.01, "batch_size": 32}
    seconds, accuracy = racing.run("sklearn", settings, 0, tmp_path)
    assert accuracy == 1
    assert seconds > 0
    with pytest.raises(WorkerError, match="learning_rate_init"):
        racing.run("sklearn", {**settings, "rate": -1}, 0, tmp_path)


def test_the_page_has_every_figure_and_says_by_how_much_one_is_missed(
    results: dict[str, Any],
) -> None:
    page = render(results, {"performance-epoch"})
    table = rows(page)
    assert table["epoch, numba ops, against the fastest peer"] == ["≥ 2 ×", "2.25 ×", "yes"]
    assert table["epoch, numba ops, against PyTorch"] == ["≥ 3.5 ×", "2.50 ×", "**no**, by 29%"]
    expected = ["0.500", "0.500–0.750", "2.50 ×", "2.50–2.50", "97.0%"]
    assert table["PyTorch fused, 1 thread"] == expected
    assert table["processor"] == ["2 cores of a processor"]
    assert "Left out: Keras on JAX (ImportError: no keras)." in page
    assert "Of the 200 ms of an epoch" in page
    assert "would take 100 ms" in page


def test_the_page_says_how_a_peer_was_measured_if_it_was(results: dict[str, Any]) -> None:
    assert "tinygrad" not in render(results, set())
    epoch = results["epoch"]
    name = "tinygrad, uint8"
    epoch["seconds"] = {**epoch["seconds"], name: [5.0, 6.0, 5.0]}
    epoch["families"][name], epoch["accuracy"][name] = "tinygrad", 0.97
    page = render(results, set())
    assert "- tinygrad captures the step" in page
    assert "- MLX runs" not in page


def test_the_page_is_written_with_its_pictures(results: dict[str, Any], tmp_path: Path) -> None:
    write_page(results, tmp_path / "performance.md")
    page = (tmp_path / "performance.md").read_text("utf-8")
    pictures = re.findall(r"!\[.+\]\((.+)\)", page)
    assert pictures == ["pictures/performance-epoch.png"]
    assert (tmp_path / pictures[0]).is_file()


def test_the_page_in_docs_is_what_its_figures_say_and_says_if_they_are_older_than_the_ops() -> None:
    page = stale.FIGURES.with_suffix(".md").read_text("utf-8")
    figures = MeasuredFile(stale.FIGURES).entries()
    pictures = set(re.findall(r"pictures/(.+)\.png", page))
    assert page == render(figures, pictures), "write it again with `python -m benchmarks page`"
    outdated = [name for name, study in figures.items() if study.get("ops") != stale.digest()]
    assert ("older than the operations" in page) == bool(outdated)


def test_the_page_names_the_figures_that_are_older_than_the_ops(results: dict[str, Any]) -> None:
    results["step"] = {**results["epoch"], "parts": {}, "ops": stale.digest()}
    assert "**The figures of epoch are older than the operations" in render(results, set())
    results["epoch"]["ops"] = stale.digest()
    assert "older than the operations" not in render(results, set())
    results["step"]["ops"] = results["epoch"]["ops"] = "of another time"
    assert "**All figures here are older than the operations" in render(results, set())


def test_the_page_names_the_figures_of_another_processor(results: dict[str, Any]) -> None:
    assert "another machine" not in render(results, set())
    results["wide"] = study(EPOCH, SECONDS, began="2025-01-02T03:04:05+00:00")
    results["wide"]["machine"]["processor"] = "an older one"
    page = render(results, set())
    assert "**The figures of wide are of another machine**: an older one." in page


def test_words_do_not_change_the_digest_of_the_ops_and_code_does(tmp_path: Path) -> None:
    code = 'def f(x: int = 1) -> str:\n    return f"{x:>{3}}" + "text"\n'
    (tmp_path / "ops.py").write_text(code)
    before = stale.digest(tmp_path)
    assert before == "8940ae5bf732"  # with every version of Python
    words = code.replace("    return", '    """About f."""\n\n    # a comment\n    return')
    (tmp_path / "ops.py").write_text(f'"""About the module."""\n{words}')
    assert stale.digest(tmp_path) == before
    (tmp_path / "ops.py").write_text(code.replace("= 1", "= 2"))
    assert stale.digest(tmp_path) != before
    (tmp_path / "ops.py").write_text(code)
    (tmp_path / "more.py").write_text("")
    assert stale.digest(tmp_path) != before


def test_a_task_comes_back_from_json() -> None:
    assert Task.from_json(json.loads(json.dumps(BATCH_NORM.to_json()))) == BATCH_NORM


def test_every_image_is_in_one_batch_of_an_epoch() -> None:
    assert sum(EPOCH.batch_sizes) == EPOCH.n_images
    assert EPOCH.batch_sizes[-1] == 64


FAKE = """
class Fake:
    def __init__(self, task, seconds):
        print("a library that prints")
        self.seconds = seconds
    def epoch(self):
        return self.seconds
    def fail(self):
        raise ValueError("no more")
"""


@pytest.fixture
def fake(tmp_path: Path) -> dict[str, str]:
    """Return the environment in which the module ``fake`` can be imported."""
    (tmp_path / "fake.py").write_text(FAKE)
    return {"PYTHONPATH": str(tmp_path)}


@pytest.mark.skipif(sys.platform == "win32", reason="the benchmarks need a Unix")
def test_contestants_take_turns_and_one_that_fails_is_left_out(
    fake: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conductor, "PAUSE", 0.01)
    entries = [
        Entry("one", "one", "fake:Fake", {"seconds": 1}, fake),
        Entry("two", "two", "fake:Fake", {"seconds": 2}, fake),
        Entry("absent", "absent", "absent:Absent", {}, fake),
    ]
    with Company(entries, EPOCH, [("epoch",)]) as company:
        assert company.rounds(3, "epoch") == {"one": [1, 1, 1], "two": [2, 2, 2]}
        assert "No module named" in company.missing["absent"]
        assert company.busy_while_idle < 2


@pytest.mark.skipif(sys.platform == "win32", reason="the benchmarks need a Unix")
def test_a_call_that_fails_says_why_in_one_line(fake: dict[str, str]) -> None:
    worker = Worker(Entry("one", "one", "fake:Fake", {"seconds": 1}, fake), EPOCH)
    try:
        with pytest.raises(WorkerError, match=r"^ValueError: no more$"):
            worker.call("fail")
        assert worker.call("epoch") == 1
    finally:
        worker.close()


def test_a_bench_continues_with_what_is_missing_or_older_than_the_ops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []
    fakes = {
        name: lambda rounds, name=name: measured.append(name) or study(EPOCH, SECONDS)
        for name in ("epoch", "bn")
    }
    monkeypatch.setattr(bench, "STUDIES", fakes)
    monkeypatch.setattr("inknet.data.mnist.fetch_mnist", lambda: None)
    monkeypatch.setattr(bench, "describe_machine", lambda: study(EPOCH, SECONDS)["machine"])
    figures = tmp_path / "figures.json"
    for names, again, expected in (
        (["bn"], False, ["bn"]),
        (None, False, ["epoch"]),
        (None, False, []),
        (["bn"], True, ["bn"]),
    ):
        measured.clear()
        bench.main(names, 1, figures, again)
        assert measured == expected
    monkeypatch.setattr(bench, "digest", lambda: "of other ops")
    measured.clear()
    bench.main(None, 1, figures, False)
    assert measured == ["epoch", "bn"]
    assert set(MeasuredFile(figures).entries()) == {"epoch", "bn"}


def test_contestants_are_not_bound_to_fewer_threads_than_their_peers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    for name in names:
        monkeypatch.setenv(name, "1")
    found: dict[str, Any] = {}

    def look(rounds: int) -> dict[str, Any]:
        found.update({name: os.environ.get(name) for name in names})
        return {}

    monkeypatch.setattr(bench, "STUDIES", {"epoch": look})
    monkeypatch.setattr(bench, "write_page", lambda *_: None)
    monkeypatch.setattr("inknet.data.mnist.fetch_mnist", lambda: None)
    bench.main(["epoch"], 1, tmp_path / "figures.json", True)
    assert found == dict.fromkeys(names)


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    assert MeasuredFile(figures).entries() == {}
    for text, problem in (("{", "cannot be read"), ("[]", "format 1"), ('{"epoch": {}}', "format")):
        figures.write_text(text)
        with pytest.raises(InputError, match=problem):
            MeasuredFile(figures).put("epoch", {})
        assert figures.read_text() == text
