"""Checkpoints: the whole state of a training, in one file.

What it contains is in `inknet.training.state`. A training that resumes from a checkpoint ends with
the same bits as one that was never interrupted.

The file is safetensors: the arrays, and one JSON object with everything else. Both are under one
SHA-256, so a damaged file is refused and never loaded. It is written under another name, synced and
renamed, and the one before it is kept. Whatever happens, one of the two is whole.
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

from inknet.errors import InputError, quoted
from inknet.files import write_whole
from inknet.training.callbacks import Callback
from inknet.training.ending import Ending
from inknet.training.session import Session
from inknet.training.state import Arrays, Copies, Resumable, checked_values, state_of

if TYPE_CHECKING:
    from collections.abc import Callable

NEWEST = "checkpoint.safetensors"
PREVIOUS = "checkpoint-previous.safetensors"
FORMAT = 2
"""Format 1 is that of inknet 0.1, which identified callbacks by their position in a list."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training.

    Attributes
    ----------
    arrays : dict of arrays
        By name, as `inknet.training.state.state_of` gives them.
    values : dict
        Everything else; JSON can hold it.
    origin : dict
        What it belongs to: digests of the recipe and of the data.
    """

    arrays: Arrays
    values: dict[str, Any]
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
            {"format": FORMAT, "origin": self.origin, "values": self.values}, allow_nan=True
        )
        header = {"checkpoint": text, "sha256": _digest(text, self.arrays)}
        newest, previous = folder / NEWEST, folder / PREVIOUS

        def write(temporary: Path) -> None:
            save_file(self.arrays, temporary, header)

        def keep_the_one_before() -> None:
            if newest.exists():
                _link_or_rename(newest, previous)

        try:
            write_whole(newest, write, before_replacing=keep_the_one_before)
        except SafetensorError as error:  # safetensors reports a full disk with its own error
            raise InputError(f"{newest}: cannot be written: {error}") from None

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read a checkpoint; raise `InputError` if it is missing or damaged."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise InputError(f"{path}: cannot be read: it is no file")
        try:
            file = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        try:
            arrays = load(file)
            length = int.from_bytes(file[:8], "little")
            header = json.loads(file[8 : 8 + length])["__metadata__"]
            text, digest = header["checkpoint"], header["sha256"]
            if digest != _digest(text, arrays):
                raise InputError(f"{path}: damaged, its checksum does not match")
            content = json.loads(text)
            if content["format"] == 1:
                raise InputError(
                    f"{path}: a checkpoint of inknet 0.1; finish the training with that version, "
                    "or start again with --force"
                )
            found = content["format"]
            values, origin = dict(content["values"]), dict(content["origin"])
        except InputError:
            raise
        except (SafetensorError, ValueError, KeyError, TypeError, RecursionError):
            raise InputError(f"{path}: damaged, or not a checkpoint") from None
        if found != FORMAT:
            raise InputError(
                f"{path}: a checkpoint of format {quoted(found)}; this inknet reads {FORMAT}"
            )
        try:
            checked_values(values)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        return cls(arrays, values, origin)

    @property
    def ops(self) -> str:
        """The operations that the training ran on."""
        return quoted(self.values["history"]["ops"])


def _digest(text: str, arrays: Arrays) -> str:
    digest = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"\n{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data.cast("B") if array.size else b"")
    return digest.hexdigest()


def _link_or_rename(path: Path, name: Path) -> None:
    """Give a file a second name if the file system has links; otherwise rename it."""
    link = name.with_name(f".{name.name}")
    try:
        link.unlink(missing_ok=True)
        os.link(path, link)
    except OSError:
        path.replace(name)
    else:
        link.replace(name)


class Checkpointer(Callback):
    """Saves a checkpoint after every epoch, every `interval` seconds, and when a signal comes.

    The state is copied between two steps; a thread writes the copy while the training continues. If
    an epoch ends while the previous checkpoint is still being written, it gets none.

    Parameters
    ----------
    folder
        Where the checkpoints go.
    origin
        What they belong to, see `Checkpoint`.
    interval
        Seconds.
    warn
        Called with one line when a checkpoint cannot be written; the training continues.
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
        self._epochs_saved = 0
        self._copies = Copies()

    def on_train_begin(self, trainer: Session) -> None:
        """If the training resumes, count its epochs so far as saved."""
        self._epochs_saved = len(trainer.history)

    def on_safe_point(self, trainer: Session) -> None:
        """Save if an epoch is over, if it is time, or if a signal ended the training."""
        n_epochs, reason = len(trainer.history), trainer.stop_reason
        if isinstance(reason, Ending) and reason.by_signal:
            self._wait()
            self._save(trainer)
        elif n_epochs > self._epochs_saved or monotonic() - self._saved >= self.interval:
            self._save(trainer)
        self._epochs_saved = n_epochs

    def on_train_end(self, trainer: Session) -> None:
        """Wait until all is written."""
        self._wait()
        self._thread.shutdown()

    def _save(self, trainer: Session) -> None:
        if self._writing is not None and not self._writing.done():
            return
        self._wait()
        if not isinstance(trainer, Resumable):
            raise InputError("checkpoints are for trainings by a recipe, not for MLPClassifier")
        arrays, values = state_of(trainer)
        # a copy by way of text: the next step changes what the values refer to
        checkpoint = Checkpoint(
            self._copies.of(arrays), json.loads(json.dumps(values)), self.origin
        )
        self._writing = self._thread.submit(checkpoint.save, self.folder)
        self._saved = monotonic()

    def _wait(self) -> None:
        """Wait for the checkpoint that is being written, and warn if it failed."""
        if self._writing is None:
            return
        try:
            self._writing.result()
        except (InputError, OSError) as error:
            if str(error) != self._last_warning:
                self._last_warning = str(error)
                self.warn(f"{error}; the checkpoint before it, if any, is still whole")
        self._writing = None
