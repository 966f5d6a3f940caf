"""Unfinished: where a training keeps what it needs to resume, until the run is complete.

A folder ``unfinished`` inside the run folder:

=============================== ===================================================================
recipe.toml                     all settings of the run
checkpoint.safetensors          the newest checkpoint, see `inknet.training.checkpoint`
checkpoint-previous.safetensors the one before it
best-so-far.safetensors         the best model of a training that diverged, or the model of a
                                training whose results could not be written
lock                            held by the process that works here, until it ends
results/                        the files of the run, until all are written and moved
=============================== ===================================================================

It is removed when the run is finished.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from inknet.data import Dataset
from inknet.errors import InputError
from inknet.files import lock_in, refuse_link_out_of, write_text_whole
from inknet.recipes import Recipe, load_recipe
from inknet.training.checkpoint import NEWEST, PREVIOUS, Checkpoint

KEEPS_OPEN_FILES = os.name == "nt"
"""Whether the system refuses to remove a file that is open, such as a lock that is held."""
NAME = "unfinished"
BEST_SO_FAR = "best-so-far.safetensors"
"""The best model of a training that diverged, or the model if results could not be written."""
SAMPLED_ROWS = 1000
"""How many rows of the data are compared to see whether they are the same."""


class Unfinished:
    """The folder of a training that is not finished.

    Parameters
    ----------
    run_folder
        The folder of the run that it will become.
    """

    def __init__(self, run_folder: Path) -> None:
        self.run_folder = run_folder
        self.folder = run_folder / NAME
        self.results = self.folder / "results"

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is something to resume from."""
        return any((self.folder / name).exists() for name in (NEWEST, PREVIOUS))

    def recipe(self) -> Recipe:
        """Return the recipe of the training; raise `InputError` if there is none to resume."""
        path = self.folder / "recipe.toml"
        if not (self.run_folder.is_dir() and path.is_file() and self.has_checkpoint):
            if (self.run_folder / "metrics.json").is_file():
                if self.folder.is_dir():  # left by a process that was ended while it cleaned up
                    with self.at_work():
                        pass
                raise InputError(f"{self.run_folder}: this run is finished, there is nothing to do")
            if self.has_checkpoint:
                raise InputError(f"{path}: is missing, so the training cannot be resumed")
            raise InputError(f"{self.run_folder}: holds no training to resume")
        refuse_link_out_of(self.run_folder, path)
        return load_recipe(str(path))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Lock the folder for this process, and remove what an earlier one left behind.

        If nothing can be resumed at the end, no trace is left.

        Raises
        ------
        InputError
            If another process works here, or the folder cannot be made or is not of a training.
        """
        from filelock import Timeout

        new_folders = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        try:
            if self.folder.is_symlink():
                raise InputError(f"{self.folder}: is a link; expected a folder")
            self.folder.mkdir(parents=True, exist_ok=True)
            self._refuse_foreign_files()
            lock = lock_in(self.folder)
            lock.acquire()
        except Timeout:
            raise InputError(
                f"{self.run_folder}: another process is training into this folder"
            ) from None
        except OSError as error:
            raise InputError(
                f"{self.run_folder}: cannot be written: {error.strerror or error}"
            ) from None
        try:
            self._clear(keep={"lock", "recipe.toml", NEWEST, PREVIOUS, BEST_SO_FAR})
            yield
        finally:
            # where no checkpoint could be written, the best so far may be all there is
            is_needed = self.has_checkpoint or (self.folder / BEST_SO_FAR).exists()
            if self.folder.is_dir() and not is_needed:
                self.remove(new_folders)
            lock.release()
            if KEEPS_OPEN_FILES and not is_needed:
                with suppress(OSError):  # another process holds it already
                    (self.folder / "lock").unlink(missing_ok=True)
                _remove_empty([self.folder, *new_folders[1:]])

    def begin(self, recipe: Recipe) -> None:
        """Remove what is there, and write the recipe."""
        self._clear(keep={"lock"})
        write_text_whole(self.folder / "recipe.toml", recipe.to_toml())

    def make_results(self) -> None:
        """Make the folder for the files of the run."""
        try:
            self.results.mkdir()
        except OSError as error:
            raise InputError(f"{self.results}: cannot be written: {error.strerror}") from None

    def remove(self, new_folders: list[Path] | None = None) -> None:
        """Remove the folder, and those above it that were made with it and are empty."""
        try:
            # checkpoints first: if the process ends in between, it leaves a finished run
            for name in (PREVIOUS, NEWEST):
                (self.folder / name).unlink(missing_ok=True)
            self._clear(keep={"lock"})
            (self.folder / "lock").unlink(missing_ok=True)
        except OSError:  # another process removed the folder, or the system keeps open files
            return
        _remove_empty([self.folder, *(new_folders or [])[1:]])

    def checkpoint(self, origin: dict[str, str], *, previous: bool = False) -> Checkpoint:
        """Return the newest checkpoint, or the previous one, if it belongs to this training.

        Raises
        ------
        InputError
            If it is damaged, or of another recipe or other data; the message offers the one before.
        """
        newest, before = self.folder / NEWEST, self.folder / PREVIOUS
        path = before if previous or not newest.exists() else newest
        refuse_link_out_of(self.run_folder, path)
        try:
            found = Checkpoint.load(path)
            for what, digest in origin.items():
                is_old = what == "source" and what not in found.origin
                if found.origin.get(what) != digest and not is_old:
                    other = "another recipe" if what == "recipe" else "other data"
                    raise InputError(f"{path}: was made with {other}")
        except InputError as error:
            if path == before or not before.exists():
                raise
            try:
                self.checkpoint(origin, previous=True)
            except InputError:
                raise InputError(f"{error}; the one before it is not usable either") from None
            raise InputError(
                f"{error}; the checkpoint before it is intact: resume from that one with --previous"
            ) from None
        return found

    def source_digest(self) -> str | None:
        """Return the digest of the data that the newest checkpoint was made with, if it is known.

        Raises
        ------
        InputError
            If the checkpoint is damaged, or a link out of the folder.
        """
        newest = self.folder / NEWEST
        path = newest if newest.exists() else self.folder / PREVIOUS
        refuse_link_out_of(self.run_folder, path)
        return Checkpoint.load(path).origin.get("source")

    def _refuse_foreign_files(self) -> None:
        """Raise `InputError` if the folder is not one of ours: in ours, files get removed."""
        names = {path.name for path in self.folder.iterdir()}
        foreign = sorted(name for name in names if not _is_ours(name))
        if not foreign and names and not names & {"lock", "recipe.toml"}:
            foreign = sorted(names)
        if foreign:
            raise InputError(
                f"{self.folder}: holds {foreign[0]}, which does not belong to a training; "
                "move it away or choose another folder"
            )

    def _clear(self, *, keep: set[str]) -> None:
        """Remove all files of a training but those to keep."""
        for path in self.folder.iterdir():
            if path.name in keep or not _is_ours(path.name):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders, the innermost first, up to one that holds something."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _is_ours(name: str) -> bool:
    """Whether a file of this name is one of a training, or one that was not written completely."""
    names = ("recipe.toml", NEWEST, PREVIOUS, BEST_SO_FAR)
    unwritten = tuple(f".{Path(name).stem}" for name in names)
    # safetensors writes temporary files, too, under names such as .tmpa1B2c3
    return name in (*names, "lock", "results") or name.startswith((*unwritten, ".tmp"))


def origin_of(recipe: Recipe, train: Dataset, validation: Dataset, source: str) -> dict[str, str]:
    """Return the digests that show whether a checkpoint belongs to a recipe and its data.

    The digest of the whole source is new since inknet 0.2: checkpoints of 0.2 have the other alone,
    of all labels and some samples.
    """
    data = hashlib.sha256()
    for part in (train, validation):
        data.update(f"{len(part)} {part.features.shape} {part.features.dtype}".encode())
        data.update(part.targets.tobytes())
        some = part.subset(np.arange(0, len(part), 1 + len(part) // SAMPLED_ROWS))
        data.update(np.ascontiguousarray(some.stored()).tobytes())
    return {
        "recipe": hashlib.sha256(recipe.to_toml().encode()).hexdigest(),
        "data": data.hexdigest(),
        "source": source,
    }
