"""Compare inknet's MLPClassifier with scikit-learn's: the tables of docs/from-scikit-learn.md.

``python -m benchmarks.from_scikit_learn`` fits both with the same parameters and seeds, in turns,
so that whatever else the machine does falls on both. It takes about ten minutes, and ends with code
1 if accuracy differs by more than half a point or a whole fit on MNIST is not twice as fast.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import mean, median
from time import perf_counter
from typing import Any

import numpy as np
import sklearn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as Peer
from threadpoolctl import threadpool_limits

from benchmarks.look_alikes import cover_types, newsgroups
from inknet import MLPClassifier
from inknet.data import load
from inknet.experiments.machine import describe_machine, in_words

PAGE = Path(__file__).parents[1] / "docs/from-scikit-learn.md"
SEEDS = (0, 1, 2)
ROUNDS = 5
FEW_EPOCHS = 5
MOST_POINTS_APART = 0.5
LEAST_RATIO = 2.0


def main() -> None:
    """Measure, write, and say whether it is as promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="print the table, write nothing")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=sklearn.exceptions.ConvergenceWarning)
    train, test = mnist()
    accuracy, kept = accuracies(train, test)
    time, fast_enough = times(train)
    table = "\n".join([*accuracy, "", *time, "", machine()])
    if options.print:
        print(table)
    else:
        marks = "<!-- figures: begin -->\n", "\n<!-- figures: end -->"
        page = PAGE.read_text("utf-8")
        pattern = re.escape(marks[0]) + ".*?" + re.escape(marks[1])
        PAGE.write_text(
            re.sub(pattern, lambda _: marks[0] + table + marks[1], page, flags=re.DOTALL), "utf-8"
        )
    sys.exit(0 if kept and fast_enough else 1)


def mnist() -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return the first 10,000 images to learn from and the official test set, scaled to 0–1."""
    dataset = load("mnist")
    images, labels = dataset.stored(), dataset.targets
    scaled = (images / 255).astype(np.float32)
    return (scaled[:10_000], labels[:10_000]), (scaled[60_000:], labels[60_000:])


def accuracies(train: tuple[Any, Any], test: tuple[Any, Any]) -> tuple[list[str], bool]:
    """Return rows of accuracy, and whether all are close enough."""
    digits, labels = load_digits(return_X_y=True)
    tables: dict[str, Callable[[], tuple[tuple[Any, Any], tuple[Any, Any]]]] = {
        "digits of scikit-learn (1,797)": lambda: parted((digits / 16).astype(np.float32), labels),
        "MNIST, 10,000 of it": lambda: (train, test),
        "like covertype (10,000 drawn)": lambda: parted(*cover_types(10_000)),
        "like 20 newsgroups (5,000 drawn, sparse)": lambda: parted(*newsgroups(5_000)),
    }
    rows = ["| data | scikit-learn | inknet | apart |", "|---|---|---|---|"]
    largest = 0.0
    for name, make in tables.items():
        (X, y), (X_test, y_test) = make()
        scores: dict[type, list[float]] = {Peer: [], MLPClassifier: []}
        for seed in SEEDS:
            for estimator, found in scores.items():
                with threadpool_limits(1, "blas"):
                    found.append(estimator(random_state=seed).fit(X, y).score(X_test, y_test))
        theirs, mine = (mean(found) for found in scores.values())
        apart = 100 * (mine - theirs)
        largest = max(largest, abs(apart))
        rows.append(f"| {name} | {theirs:.2%} | {mine:.2%} | {apart:+.2f} points |")
        print(rows[-1], file=sys.stderr)
    return rows, largest <= MOST_POINTS_APART


def parted(X: Any, y: Any) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return two thirds for training and a third for testing."""
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=1 / 3, random_state=0)
    return (X_train, y_train), (X_test, y_test)


def times(train: tuple[Any, Any]) -> tuple[list[str], bool]:
    """Return rows of seconds and ratios, and whether inknet is fast enough."""
    contexts: dict[str, Callable[[], AbstractContextManager[Any]]] = {
        "as installed": nullcontext,
        "on one thread": lambda: threadpool_limits(1, "blas"),
    }
    rows = [
        "| fit, MNIST 10,000 | threads | scikit-learn | inknet | ratio |",
        "|---|---|---|---|---|",
    ]
    X, y = train
    slowest = float("inf")
    for dtype in (np.float32, np.float64):
        features = X.astype(dtype)
        fit_seconds(
            MLPClassifier, features, y, 0, few=True
        )  # compiles, if it was not compiled before
        cases = [(few, name) for few in (False, True) for name in contexts]
        for few, name in cases:
            theirs, mine = [], []
            for seed in range(ROUNDS):
                with contexts[name]():
                    theirs.append(fit_seconds(Peer, features, y, seed, few=few))
                mine.append(fit_seconds(MLPClassifier, features, y, seed, few=few))
            ratio = median(a / b for a, b in zip(theirs, mine, strict=True))
            if not few and name == "as installed":
                slowest = min(slowest, ratio)
            what = f"{FEW_EPOCHS} epochs" if few else "until it stops"
            rows.append(
                f"| {np.dtype(dtype).name}, {what} | {name} | {median(theirs):.2f} s | "
                f"{median(mine):.2f} s | {ratio:.1f} × |"
            )
            print(rows[-1], json.dumps({"theirs": theirs, "mine": mine}), file=sys.stderr)
    return rows, slowest >= LEAST_RATIO


def fit_seconds(estimator: type, X: Any, y: Any, seed: int, *, few: bool) -> float:
    """Return how long a fit with the defaults takes, or one of few epochs."""
    changes = {"max_iter": FEW_EPOCHS, "n_iter_no_change": FEW_EPOCHS} if few else {}
    started = perf_counter()
    estimator(**changes, random_state=seed).fit(X, y)
    return perf_counter() - started


def machine() -> str:
    """Say where and with what this was measured."""
    words = in_words(describe_machine(), ("numpy", "scipy", "scikit-learn"))
    return (
        f"Measured by `python -m benchmarks.from_scikit_learn` on {words}; the "
        f"default parameters, mean accuracy of seeds 0–2, medians of {ROUNDS} fits in turns."
    )


if __name__ == "__main__":
    main()
