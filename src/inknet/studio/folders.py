"""Run folders as the studio sees them: listed without being opened, read when they are looked at.

Everything that is read lies in the folder of the runs, in one that is directly below it; what was
read is kept until its file changes.
"""

from __future__ import annotations

import math
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from inknet.data import Dataset
from inknet.errors import InputError
from inknet.mlp import MLP
from inknet.recipes import load_recipe
from inknet.runs import Run
from inknet.runs.metrics import read_metrics
from inknet.runs.prepare import load_splits
from inknet.runs.unfinished import NAME, Unfinished
from inknet.seeds import Streams

PRETRAINED = "pretrained"
"""The identifier of the model in the package."""
LONGEST_NAME = 240
"""Bytes; a file system takes 255, and the files of a training have an end besides."""
MOST_KEPT = 6
"""So many models, and parts of data, are kept in memory."""
SORTED_BY = (
    "id",
    "recipe",
    "source",
    "when",
    "seconds",
    "epochs",
    "seed",
    "test_accuracy",
    "test_errors",
    "val_accuracy",
    "n_parameters",
)

Value = TypeVar("Value")


class NoSuchRunError(InputError):
    """There is no run of this name."""


@dataclass(frozen=True)
class TestPart:
    """The test data of a run, and what its model says of them.

    Attributes
    ----------
    images : (n, height * width) uint8
    shape : (height, width)
    labels : (n,)
    probabilities : (n, n_classes)
    """

    images: np.ndarray[Any, np.dtype[np.uint8]]
    shape: tuple[int, int]
    labels: np.ndarray[Any, np.dtype[np.intp]]
    probabilities: np.ndarray[Any, np.dtype[np.floating[Any]]]


class Kept:
    """Results that are computed once for each version of a file; the oldest ones are dropped."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._values: OrderedDict[Any, Any] = OrderedDict()

    def get(self, key: Any, make: Callable[[], Value]) -> Value:
        """Return the value for a key; make it if there is none."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                found: Value = self._values[key]
                return found
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value


class Folders:
    """The runs in a folder.

    Parameters
    ----------
    root
        The folder that holds the run folders.
    is_training
        Whether the run of this identifier is being trained now.
    """

    def __init__(self, root: Path, is_training: Callable[[str], bool]) -> None:
        self.root, self.is_training = root, is_training
        self._models, self._tests = Kept(MOST_KEPT), Kept(MOST_KEPT)
        self._summaries = Kept(100_000)

    def folder(self, run: str) -> Path:
        """Return the folder of a run.

        Raises
        ------
        NoSuchRunError
            If there is none of this name directly in the folder of the runs.
        """
        path = self.root / run
        if not is_name(run) or path.is_symlink() or not path.is_dir():
            raise NoSuchRunError(f"There is no run called {run[:100]!r} here.")
        return path

    def require(self, run: str) -> None:
        """Raise `NoSuchRunError` unless there is a run of this name, or it is about to begin."""
        if not (is_name(run) and self.is_training(run)):
            self.folder(run)

    def has(self, run: str) -> bool:
        """Return whether there is a run of this name, finished, begun or about to begin."""
        return run == PRETRAINED or self._version(run) is not None or self.is_training(run)

    def ids(self) -> list[str]:
        """Return the identifiers of all runs, finished or not."""
        try:
            with os.scandir(self.root) as entries:
                names = [
                    entry.name
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and is_name(entry.name)
                ]
        except OSError:
            return []
        return [name for name in names if self._version(name) is not None]

    def newest(self) -> str | None:
        """Return the run that was finished last; None if there is none."""
        finished = [(self._version(name), name) for name in self.ids()]
        times = [(version[1], name) for version, name in finished if version and version[0]]
        return max(times)[1] if times else None

    def key(self, run: str) -> tuple[str, object]:
        """Return what tells a run from all others, and from what it was before.

        Raises
        ------
        NoSuchRunError
            If there is none of this name.
        """
        if run == PRETRAINED:
            return run, None
        return run, self._version(self.folder(run).name)

    def _version(self, run: str) -> tuple[bool, int, int] | None:
        """Return whether a run is finished, and what changes with its file; None if it is none."""
        folder = self.root / run
        try:
            found = (folder / "metrics.json").stat()
            return True, found.st_mtime_ns, found.st_size
        except OSError:
            pass
        try:
            found = (folder / NAME / "recipe.toml").stat()
            return False, found.st_mtime_ns, found.st_size
        except OSError:
            return None

    # -- summaries --------------------------------------------------------------------------------

    def listed(
        self, offset: int, limit: int, sort: str, order: str, words: str
    ) -> tuple[int, list[dict[str, Any]]]:
        """Return how many runs there are, and some of them, sorted.

        Parameters
        ----------
        offset, limit
            Which of them.
        sort
            One of `SORTED_BY`.
        order
            ``asc`` or ``desc``.
        words
            Only runs whose name, recipe or source hold each of these words.
        """
        found = [self.summary(run) for run in self.ids()]
        wanted = words.lower().split()
        if wanted:
            found = [
                one
                for one in found
                if all(
                    word in f"{one['id']} {one['recipe']} {one['source']}".lower()
                    for word in wanted
                )
            ]
        known = [one for one in found if one[sort] is not None]
        unknown = [one for one in found if one[sort] is None]
        known.sort(key=lambda one: (one[sort], one["id"]), reverse=order == "desc")
        rows = [*known, *unknown][offset : offset + limit]
        return len(found), rows

    def summary(self, run: str) -> dict[str, Any]:
        """Return what a table says of a run."""
        version = self._version(run)
        summary = dict(self._summaries.get((run, version), lambda: self._summary(run, version)))
        if self.is_training(run):
            summary["state"] = "training"
        return summary

    def _summary(self, run: str, version: tuple[bool, int, int] | None) -> dict[str, Any]:
        empty: dict[str, Any] = dict.fromkeys((*SORTED_BY, "test_samples"))
        if version is None:
            return {**empty, "id": run, "state": "broken"}
        is_finished, changed, _ = version
        when = datetime.fromtimestamp(changed / 1e9, UTC).isoformat(timespec="seconds")
        result = {**empty, "id": run, "when": when, "state": "unfinished"}
        try:
            if not is_finished:
                recipe = Unfinished(self.root / run).recipe()
                return {
                    **result,
                    "recipe": recipe.name,
                    "source": Path(recipe.data.source).name,
                    "seed": recipe.seed,
                }
            metrics = read_metrics(self.root / run / "metrics.json")
        except InputError:
            return {**result, "state": "broken"}
        training = metrics["training"]
        return {
            **result,
            "state": "finished",
            "recipe": metrics["recipe"],
            "source": Path(metrics["data"]["source"]).name,
            "seconds": training["seconds"],
            "epochs": training["epochs"],
            "seed": metrics["seed"],
            "test_accuracy": metrics["test"]["accuracy"],
            "test_errors": metrics["test"]["errors"],
            "test_samples": metrics["test"]["samples"],
            "val_accuracy": metrics.get("validation", {}).get("accuracy"),
            "n_parameters": training.get("parameters"),
        }

    # -- whole runs -------------------------------------------------------------------------------

    def model(self, run: str) -> MLP:
        """Return the model of a finished run, or that of the package."""
        if run == PRETRAINED:
            return self._models.get(self.key(run), MLP.pretrained)
        return self._models.get(self.key(run), lambda: Run.open(self.folder(run)).model())

    def details(self, run: str) -> dict[str, Any]:
        """Return everything about a run: recipe, figures, history."""
        if run == PRETRAINED:
            return self._details_of_package()
        folder = self.folder(run)
        if not (folder / "metrics.json").is_file():
            recipe = load_recipe(str(folder / NAME / "recipe.toml"))
            state = "training" if self.is_training(run) else "unfinished"
            return {"id": run, "state": state, "recipe": recipe.model_dump(), "class_names": []}
        opened = Run.open(folder)
        metrics = opened.metrics
        model = self.model(run)
        return {
            "id": run,
            "state": "finished",
            "recipe": opened.recipe.model_dump(),
            "metrics": {**metrics, "test": without_classes(metrics["test"])},
            "history": columns_of(opened),
            "class_names": list(model.facts.class_names),
            "confusion": metrics["test"].get("confusion_matrix"),
            "pictures": sorted(path.name for path in folder.glob("*.png")),
            "is_image": model.facts.fitting is not None,
        }

    def _details_of_package(self) -> dict[str, Any]:
        model = self.model(PRETRAINED)
        return {
            "id": PRETRAINED,
            "state": "finished",
            "recipe": load_recipe("handwriting").model_dump(),
            "class_names": list(model.facts.class_names),
            "is_image": True,
        }

    def test_part(self, run: str) -> TestPart:
        """Return the test images of a run, and what its model says of them.

        Raises
        ------
        InputError
            If the source was changed or is not there, or there are no images.
        """
        return self._tests.get(self.key(run), lambda: self._test_part(run))

    def _test_part(self, run: str) -> TestPart:
        model = self.model(run)
        if run == PRETRAINED:
            recipe = load_recipe("digits", source=source_of_package())
            test = load_splits(recipe, Streams.from_seed(0)).test
        else:
            test = Run.open(self.folder(run)).test_data()
        shape = model.facts.image_shape
        if shape is None:
            raise InputError("This run did not learn from images.")
        from inknet.training.temperature import to_probabilities

        logits = model.logits_on(test)
        to_probabilities(logits, model.facts.temperature)
        images = pixels_of(model, test)
        return TestPart(images, shape, test.targets, logits)


def is_name(run: str) -> bool:
    """Return whether a text can be the identifier of a run, and so the name of a folder."""
    if run.startswith(".") or Path(run).name != run or set("\\\0") & set(run):
        return False
    try:
        return 0 < len(run.encode()) <= LONGEST_NAME
    except UnicodeEncodeError:
        return False


def pixels_of(model: MLP, dataset: Dataset) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the images of a dataset as levels from 0 to 255, ``(n, height * width)``."""
    stored = model.scaled(dataset, deslant=False).stored()
    if stored.dtype == np.uint8:
        return stored
    levels: np.ndarray[Any, np.dtype[np.uint8]] = np.rint(255 * stored.clip(0, 1)).astype(np.uint8)
    return levels


def source_of_package() -> str:
    """Return the data that the model in the package is compared on: MNIST if it is present."""
    from inknet.data.mnist import has_mnist

    return "mnist" if has_mnist() else "sample"


def columns_of(run: Run) -> dict[str, list[Any]]:
    """Return the history of a run, a list for each measurement."""
    history = run.history
    names = ("train_loss", "val_loss", "train_accuracy", "val_accuracy", "learning_rate", "seconds")
    columns: dict[str, list[Any]] = {"epoch": [record.epoch for record in history]}
    columns |= {name: finite(history.column(name)) for name in names}
    columns["gradient_norms"] = [list(record.gradient_norms) for record in history]
    columns["active_fractions"] = [list(record.active_fractions) for record in history]
    return columns


def finite(values: Iterable[float]) -> list[float | None]:
    """Return numbers for JSON, which has no NaN: null in its place."""
    return [value if math.isfinite(value) else None for value in values]


def without_classes(test: dict[str, Any]) -> dict[str, Any]:
    """Return figures without the tables of all classes, which are long."""
    return {
        name: value for name, value in test.items() if name not in ("classes", "confusion_matrix")
    }
