"""Run: the folder in which one training leaves its results.

===================== ============================================================================
recipe.toml           all settings of the run; ``inknet train --recipe`` accepts it
model.safetensors     the trained network
history.csv           what each epoch measured
metrics.json          the figures on the test data, sizes, times and versions
loss.png              loss and accuracy over the epochs
confusion_matrix.png  which class was taken for which, on the test data; to 1,000 classes
weights.png           every neuron of the first layer as an image
mistakes.png          the test images that the network misread with most confidence
reliability.png       confidence against accuracy on the test data, before and after calibration
report.html           all of it on one page; like a picture, left out if it could not be made
unfinished/           only until the run is complete, see `inknet.runs.unfinished`
===================== ============================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inknet.data import Dataset
from inknet.data.digest import digest_of, source_digest
from inknet.errors import InputError
from inknet.files import as_path, cut_to_bytes, refuse_link_out_of, refuse_long_path
from inknet.mlp import MLP
from inknet.recipes import Recipe, load_recipe
from inknet.runs.metrics import read_metrics
from inknet.runs.prepare import load_splits
from inknet.runs.unfinished import NAME, Unfinished
from inknet.seeds import Streams
from inknet.training.findings import Finding
from inknet.training.history import History

if TYPE_CHECKING:
    from inknet.report.evaluation import Evaluation

PICTURES = (
    "loss.png",
    "confusion_matrix.png",
    "weights.png",
    "mistakes.png",
    "reliability.png",
)
FILES = (
    "recipe.toml",
    "model.safetensors",
    "history.csv",
    *PICTURES,
    "report.html",
    "metrics.json",
)


@dataclass(frozen=True)
class Run:
    """A finished run, read from its folder: ``Run.open("runs/first")``.

    Attributes
    ----------
    folder : Path
        Where its files are.
    """

    folder: Path

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """Return the run in a folder.

        Parameters
        ----------
        folder : str or Path
            The run folder.

        Returns
        -------
        Run
            Its files are read when they are asked for.

        Raises
        ------
        InputError
            If there is no such folder, or it is not a finished run.
        """
        folder = as_path(folder)
        if not folder.is_dir():
            what = "a file; expected a run folder" if folder.exists() else "no such run folder"
            raise InputError(f"{folder}: {what}")
        run = cls(folder)
        for name in ("recipe.toml", "model.safetensors", "metrics.json"):
            if not run._file(name).is_file():
                raise InputError(f"{folder}: not a finished run, it has no {name}")
        return run

    def _file(self, name: str) -> Path:
        """Return the path of a file of the run; refuse links out of the folder."""
        path = self.folder / name
        refuse_link_out_of(self.folder, path)
        return path

    @property
    def recipe(self) -> Recipe:
        """The recipe the run was made with."""
        return load_recipe(str(self._file("recipe.toml")))

    @property
    def metrics(self) -> dict[str, Any]:
        """The content of ``metrics.json``; raise `InputError` if it is not what a run writes."""
        return read_metrics(self._file("metrics.json"))

    def model(self) -> MLP:
        """Return the trained model.

        Returns
        -------
        MLP
            As `MLP.load` reads it.

        Raises
        ------
        InputError
            If the file of the model is broken.
        """
        return MLP.load(self.folder)

    @property
    def history(self) -> History:
        """What each epoch measured."""
        return History.from_csv(self._file("history.csv"))

    @property
    def findings(self) -> list[Finding]:
        """What the doctor said of the training, the worst first; of older runs, nothing.

        Raises
        ------
        InputError
            If they are not what a run writes.
        """
        try:
            return [Finding.from_dict(values) for values in self.metrics.get("findings", [])]
        except (KeyError, TypeError, ValueError):
            path = self._file("metrics.json")
            raise InputError(f"{path}: findings: not what the doctor writes") from None

    def evaluate(self) -> Evaluation:
        """Compare the predictions for its own test data with the labels.

        Returns
        -------
        Evaluation
            The figures of ``metrics.json``, measured again.

        Raises
        ------
        InputError
            As for `test_data`.
        """
        return self.model().evaluate_on(self.test_data())

    @property
    def data_digest(self) -> str | None:
        """The digest of the source that it was trained on; None if an older inknet made the run."""
        digest: str | None = self.metrics["data"].get("digest")
        return digest

    def test_data(self) -> Dataset:
        """Return the test data of the run, split again in the same way.

        A run of inknet 0.2 or older has no `data_digest`; then it cannot be checked whether they
        are the same.

        Returns
        -------
        Dataset
            The samples that the figures of the run are about.

        Raises
        ------
        InputError
            If the source was changed so that they are no longer the same samples.
        """
        recipe = self.recipe
        test = load_splits(recipe, Streams.from_seed(recipe.seed)).test
        known = self.metrics["data"].get("test_digest")
        if known is not None and digest_of(test) != known:
            raise InputError(
                f"{recipe.data.source}: was changed since {self.folder} was trained: what would be "
                "its test data now may have samples that it was trained on; restore the source, "
                f"or evaluate on all of it with --data {recipe.data.source}"
            )
        return test

    def n_learned_from(self, samples: Dataset) -> int:
        """Return how many of some samples it was trained on or validated with.

        Parameters
        ----------
        samples : Dataset
            Of its own source, or of another.

        Returns
        -------
        int
            0 for a source with other content, and if `data_digest` is None.
        """
        if self.data_digest != source_digest(samples):
            return 0
        recipe = self.recipe
        parts = load_splits(recipe, Streams.from_seed(recipe.seed))
        learned = [part.rows for part in (parts.train, parts.validation) if part.rows is not None]
        rows = np.arange(len(samples)) if samples.rows is None else samples.rows
        return int(np.isin(rows, np.concatenate(learned)).sum())


def list_runs(
    folder: Path, on_broken: Callable[[InputError], object] = lambda error: None
) -> list[Run]:
    """Return the finished runs in the folders directly below ``folder``, by name.

    Those that cannot be read are left out; ``on_broken`` is called with the error of each.
    """
    runs = []
    for path in sorted(folder.glob("*/metrics.json")):
        try:
            run = Run.open(path.parent)
            run.metrics  # noqa: B018, a folder that cannot be read is no run
        except InputError as error:
            on_broken(error)
            continue
        runs.append(run)
    return runs


def newest_run(folder: Path) -> Run | None:
    """Return the run directly below ``folder`` that was finished last; None if there is none."""
    paths = sorted(folder.glob("*/metrics.json"), key=lambda path: path.stat().st_mtime_ns)
    return Run.open(paths[-1].parent) if paths else None


def list_unfinished(folder: Path) -> list[Path]:
    """Return the folders directly below ``folder`` that hold a training to resume."""
    return [
        path.parent
        for path in sorted(folder.glob(f"*/{NAME}"))
        if Unfinished(path.parent).has_checkpoint
    ]


def default_folder(recipe: Recipe) -> Path:
    """Return a folder below ``runs`` named after the current time and the recipe."""
    name = cut_to_bytes(re.sub(r"[^\w.-]+", "-", recipe.name), 80)
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{name}"
    endings = chain([""], (f"-{number}" for number in count(2)))
    folders = (Path("runs") / f"{stem}{ending}" for ending in endings)
    return next(folder for folder in folders if not folder.exists())


def check_folder(folder: Path, force: bool) -> None:
    """Raise `InputError` unless the folder is free for a run, or holds one that may be replaced."""
    refuse_long_path(folder)
    try:
        if not folder.exists():
            return
        names = {path.name for path in folder.iterdir()}
    except NotADirectoryError:
        raise InputError(f"{folder}: exists and is not a folder") from None
    except OSError as error:
        raise InputError(f"{folder}: cannot be used: {error.strerror}") from None
    if Unfinished(folder).has_checkpoint and not force:
        raise InputError(
            f"{folder}: holds an unfinished training; resume it with --resume {folder}, choose "
            "another folder, or start again with --force"
        )
    refuse_folders_in_place(folder)
    names.discard(NAME)
    if names and "recipe.toml" not in names:
        raise InputError(f"{folder}: exists and is not a run; choose another folder with --out")
    if names and not force:
        raise InputError(
            f"{folder}: holds a run already; choose another folder, or replace it with --force"
        )


def refuse_folders_in_place(folder: Path) -> None:
    """Raise `InputError` if there is a folder where a file of the run shall be written."""
    for name in FILES:
        if (folder / name).is_dir() and not (folder / name).is_symlink():
            raise InputError(f"{folder / name}: a folder, where a file of the run belongs")


def put_in_place(work: Path, folder: Path) -> None:
    """Move the files of a run to its folder, and remove what only an earlier run has.

    ``metrics.json`` is removed first and written last: a folder that has it holds a complete run.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILES[-1]).unlink(missing_ok=True)
        for name in FILES:
            if (work / name).exists():
                (work / name).replace(folder / name)
            else:
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from None
