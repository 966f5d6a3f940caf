"""Checkpoints: all that a training is made of at one moment, in one file.

A checkpoint holds the parameters, the running statistics, what the optimizer and the callbacks
remember, the state of every random generator, the history, and the place within the epoch. A
training that goes on from one ends with the same bits as one that was never interrupted.

The file is safetensors: the arrays, and beside them one JSON object. Both are under one SHA-256, so
a damaged file is refused, never loaded wrong. It is written beside, synced and renamed, and the
one before it is kept: whatever happens, one of the two is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inknet.errors import InputError, quoted
from inknet.files import write_whole
from inknet.training.callbacks import Callback
from inknet.training.interrupt import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable

    from inknet.training.loop import Trainer

NEWEST = "checkpoint.safetensors"
PREVIOUS = "checkpoint-previous.safetensors"
FORMAT = 1

Arrays = dict[str, NDArray[Any]]
Facts = dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training.

    Attributes
    ----------
    arrays : dict of arrays
        By name, as `Trainer.state` gives them.
    facts : dict
        Everything else; JSON can hold it.
    origin : dict
        What it belongs to: the digests of the recipe and of the data.
    """

    arrays: Arrays
    facts: Facts
    origin: dict[str, str]

    def save(self, folder: Path) -> None:
        """Write the newest checkpoint of a folder; the one before it becomes the previous.

        Raises
        ------
        InputError
            If it cannot be written. The checkpoints that are there stay as they are.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import save_file

        text = json.dumps(
            {"format": FORMAT, "origin": self.origin, "facts": self.facts}, allow_nan=True
        )
        header = {"checkpoint": text, "sha256": _digest(text, self.arrays)}
        newest, previous = folder / NEWEST, folder / PREVIOUS

        def write(beside: Path) -> None:
            save_file(self.arrays, beside, header)

        def keep_the_one_before() -> None:
            if newest.exists():
                _link_or_rename(newest, previous)

        try:
            write_whole(newest, write, before_replacing=keep_the_one_before)
        except SafetensorError as error:  # which tells of a full disk in its own words
            raise InputError(f"{newest}: cannot be written: {error}") from None

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read a checkpoint; raise `InputError` if it is not there, or not as it was written."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        try:
            arrays = load(content)
            length = int.from_bytes(content[:8], "little")
            header = json.loads(content[8 : 8 + length])["__metadata__"]
            text, digest = header["checkpoint"], header["sha256"]
            if digest != _digest(text, arrays):
                raise InputError(f"{path}: damaged, its checksum is another")
            state = json.loads(text)
            found, facts, origin = state["format"], dict(state["facts"]), dict(state["origin"])
        except InputError:
            raise
        except (SafetensorError, ValueError, KeyError, TypeError, RecursionError):
            raise InputError(f"{path}: damaged, or not a checkpoint") from None
        if found != FORMAT:
            raise InputError(
                f"{path}: a checkpoint of format {quoted(found)}; this inknet reads {FORMAT}"
            )
        return cls(arrays, facts, origin)


def _digest(text: str, arrays: Arrays) -> str:
    digest = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"\n{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data.cast("B") if array.size else b"")
    return digest.hexdigest()


def _link_or_rename(path: Path, name: Path) -> None:
    """Give a file a second name, if the file system has such; else its only one."""
    beside = name.with_name(f".{name.name}")
    try:
        beside.unlink(missing_ok=True)
        os.link(path, beside)
    except OSError:
        path.replace(name)
    else:
        beside.replace(name)


class Checkpointer(Callback):
    """Saves a checkpoint after every epoch, every `interval` seconds, and where training is ended.

    The state is copied between two steps; a thread writes the copy while the training goes on. An
    epoch that ends while the checkpoint before is still being written has none of its own.

    Parameters
    ----------
    folder
        Where they go.
    origin
        What they belong to, see `Checkpoint`.
    interval
        Seconds.
    warn
        Called with one line when a checkpoint cannot be written; the training goes on.
    """

    def __init__(
        self,
        folder: Path,
        origin: dict[str, str],
        interval: float,
        warn: Callable[[str], object],
    ) -> None:
        self.folder, self.origin, self.interval, self.warn = folder, origin, interval, warn
        self._thread = ThreadPoolExecutor(1, "inknet-checkpoint")
        self._writing: Future[None] | None = None
        self._saved = monotonic()
        self._last_warning = ""
        # made once: new memory of this size would take longer to get than to fill
        self._copies: Arrays = {}

    def on_step_end(self, trainer: Trainer) -> None:
        """Save if it is time."""
        if monotonic() - self._saved >= self.interval:
            self._save(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Save."""
        self._save(trainer)

    def on_train_end(self, trainer: Trainer) -> None:
        """Save once more if the training was ended from outside; wait until all is written."""
        self._wait()
        if trainer.stop_reason in SIGNALS.values() and trainer.history.stopped != "failed":
            self._save(trainer)
        self._wait()
        self._thread.shutdown()

    def _save(self, trainer: Trainer) -> None:
        if self._writing is not None and not self._writing.done():
            return
        self._wait()
        arrays, facts = trainer.state()
        for name, array in arrays.items():
            if name not in self._copies:
                self._copies[name] = np.empty_like(array)
            self._copies[name][:] = array
        copies = {name: self._copies[name] for name in arrays}
        # the facts are made to text now: the history they refer to grows
        facts = json.loads(json.dumps(facts))
        self._writing = self._thread.submit(
            Checkpoint(copies, facts, self.origin).save, self.folder
        )
        self._saved = monotonic()

    def _wait(self) -> None:
        """Wait for the checkpoint on its way, and tell if it went wrong."""
        if self._writing is None:
            return
        try:
            self._writing.result()
        except (InputError, OSError) as error:
            if str(error) != self._last_warning:
                self._last_warning = str(error)
                self.warn(f"{error}; the checkpoint before it, if any, is still whole")
        self._writing = None
