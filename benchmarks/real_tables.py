"""Compare predictions with scikit-learn's on real tables, for docs/from-scikit-learn.md.

``python -m benchmarks.real_tables`` fits both estimators with the same parameters and seed to each
table, in float64, and writes how many labels differ and how far numbers are apart. It ends with
code 1 if that is more than promised. Nothing is timed, so the machine need not be idle.

The tables are those that scikit-learn, statsmodels, palmerpenguins and inknet have in their
packages; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.neural_network import MLPClassifier as PeerClassifier
from sklearn.neural_network import MLPRegressor as PeerRegressor
from sklearn.preprocessing import scale
from threadpoolctl import threadpool_limits

from inknet import MLPClassifier, MLPRegressor
from inknet.data import load

PAGE = Path(__file__).parents[1] / "docs/from-scikit-learn.md"
MARKS = "<!-- tables: begin -->\n", "\n<!-- tables: end -->"
PACKAGES = ("numpy", "scipy", "scikit-learn", "statsmodels", "palmerpenguins")
LARGEST_DIFFERENCE = 1e-6
SOLVERS_FOR_CLASSES = ("adam", "sgd", "lbfgs")
SOLVERS_FOR_NUMBERS = ("adam", "sgd")
EPOCHS = 40
CLASSES_OF = {
    "anes96": "PID",
    "ccard": "OWNRENT",
    "fair": "affairs",
    "grunfeld": "firm",
    "heart": "censors",
    "modechoice": "choice",
    "spector": "GRADE",
}
"""Tables of statsmodels, and which of their columns has classes."""
NUMBERS_OF = {
    "cancer": "cancer",
    "ccard": "AVGEXP",
    "copper": "WORLDCONSUMPTION",
    "cpunish": "EXECUTIONS",
    "engel": "foodexp",
    "grunfeld": "invest",
    "longley": "TOTEMP",
    "macrodata": "realgdp",
    "randhie": "mdvis",
    "scotland": "YES",
    "stackloss": "STACKLOSS",
    "star98": "NABOVE",
    "statecrime": "murder",
    "strikes": "duration",
}
"""Tables of statsmodels, and which of their columns has numbers to predict."""


class Table(NamedTuple):
    """Features and targets of a table.

    Attributes
    ----------
    name : str
    X : (n, n_features) float64
        Standardized.
    y : (n,) or (n, n_outputs)
        Labels, or numbers that are standardized.
    """

    name: str
    X: NDArray[np.float64]
    y: NDArray[Any]


def main() -> None:
    """Compare, write, and say whether it is as promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="print the tables, write nothing")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=sklearn.exceptions.ConvergenceWarning)
    with threadpool_limits(1, "blas"):
        labels, same = of_classes()
        numbers, close = of_numbers()
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    made = (
        f"Compared by `python -m benchmarks.real_tables` with {versions}; float64, standardized, "
        f"the default parameters with at most {EPOCHS} epochs, predictions for all rows."
    )
    text = "\n".join([*labels, "", *numbers, "", made])
    if options.print:
        print(text)
    else:
        page = PAGE.read_text("utf-8")
        pattern = re.escape(MARKS[0]) + ".*?" + re.escape(MARKS[1])
        PAGE.write_text(
            re.sub(pattern, lambda _: MARKS[0] + text + MARKS[1], page, flags=re.DOTALL), "utf-8"
        )
    sys.exit(0 if same and close else 1)


def of_classes() -> tuple[list[str], bool]:
    """Return rows for the tables with classes, and whether no label differs."""
    rows = [
        f"| classes | rows × features | labels that differ ({', '.join(SOLVERS_FOR_CLASSES)}) |",
        "|---|---:|---:|",
    ]
    total = 0
    for name, X, y in tables_of_classes():
        counts = []
        for solver in SOLVERS_FOR_CLASSES:
            settings: dict[str, Any] = {"solver": solver, "max_iter": EPOCHS, "random_state": 0}
            kinds = (MLPClassifier, PeerClassifier)
            mine, theirs = (kind(**settings).fit(X, y).predict(X) for kind in kinds)
            counts.append(int((mine != theirs).sum()))
        total += sum(counts)
        rows.append(f"| {name} | {X.shape[0]:,} × {X.shape[1]} | {', '.join(map(str, counts))} |")
        print(rows[-1], file=sys.stderr)
    return rows, total == 0


def of_numbers() -> tuple[list[str], bool]:
    """Return rows for the tables with numbers, and whether all are close enough."""
    rows = [
        "| numbers | rows × features | largest difference over largest number "
        f"({', '.join(SOLVERS_FOR_NUMBERS)}) |",
        "|---|---:|---:|",
    ]
    largest = 0.0
    for name, X, y in tables_of_numbers():
        found = []
        for solver in SOLVERS_FOR_NUMBERS:
            settings: dict[str, Any] = {"solver": solver, "max_iter": EPOCHS, "random_state": 0}
            kinds = (MLPRegressor, PeerRegressor)
            mine, theirs = (kind(**settings).fit(X, y).predict(X) for kind in kinds)
            found.append(float(np.abs(mine - theirs).max() / np.abs(theirs).max()))
        largest = max(largest, *found)
        differences = ", ".join(f"{one:.0e}" for one in found)
        rows.append(f"| {name} | {X.shape[0]:,} × {X.shape[1]} | {differences} |")
        print(rows[-1], file=sys.stderr)
    return rows, largest <= LARGEST_DIFFERENCE


def tables_of_classes() -> Iterator[Table]:
    """Make the tables with classes, one after the other."""
    for name in ("iris", "wine", "breast_cancer", "digits"):
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        yield Table(name.replace("_", " "), scale(X), y)
    for name, label in CLASSES_OF.items():
        frame = of_statsmodels(name)
        y = frame[label].to_numpy()
        if name == "fair":  # the number of affairs; Fair 1978 asks whether there was one
            y = y > 0
        yield Table(f"{name}: {label}", features(frame.drop(columns=label)), y)
    frame = penguins()
    for label in ("species", "sex"):
        yield Table(f"penguins: {label}", features(frame.drop(columns=label)), frame[label])
    sample = load("sample")
    yield Table("5,000 digits of MNIST", sample.stored() / 255, sample.targets)


def tables_of_numbers() -> Iterator[Table]:
    """Make the tables with numbers, one after the other."""
    for name in ("diabetes", "linnerud"):
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        yield Table(name, scale(X), scale(y))
    for name, target in NUMBERS_OF.items():
        frame = of_statsmodels(name)
        y = scale(frame[target].to_numpy(float))
        yield Table(f"{name}: {target}", features(frame.drop(columns=target)), y)
    frame, mass = penguins(), "body_mass_g"
    yield Table(
        f"penguins: {mass}", features(frame.drop(columns=mass)), scale(frame[mass].to_numpy())
    )


def of_statsmodels(name: str) -> Any:
    """Return a table of statsmodels, without rows of which something is not known."""
    import statsmodels.api

    return getattr(statsmodels.api.datasets, name).load_pandas().data.dropna()


def penguins() -> Any:
    """Return the penguins of Palmer Station, without those of which something is not known."""
    from palmerpenguins import load_penguins

    return load_penguins().dropna()


def features(frame: Any) -> NDArray[np.float64]:
    """Return columns of numbers as they are and texts as one column a value, all standardized."""
    import pandas

    scaled: NDArray[np.float64] = scale(pandas.get_dummies(frame).to_numpy(float))
    return scaled


if __name__ == "__main__":
    main()
