"""What happens in a training, as lines of a log that others read while it grows.

Each line is ``{"event": …, "data": {…}}``. The log is all that a page needs to show the whole
curve, whether it was open from the beginning or not, and whether the server was.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from math import isfinite
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from inknet.data import Dataset
from inknet.errors import InputError
from inknet.mlp import MLP
from inknet.training.callbacks import Callback
from inknet.training.findings import Finding
from inknet.training.inference import predict_logits
from inknet.training.loop import Trainer

if TYPE_CHECKING:
    from inknet.training.history import EpochRecord
    from inknet.training.session import Session

STEP_SECONDS, PICTURE_SECONDS = 0.25, 1.0
"""Steps are logged at most so often, and pictures of the weights."""
PICTURE_SHARE = 0.005
"""So much of the time of a training may be used for pictures: those of a large network are rare."""
N_NEURONS = 36
N_COMPARED = 300
"""Validation samples of which the confusion is counted during the training."""
STOPPED = "stopped in the studio"
BEGINS = "It begins."
ENDS = ("finished", "stopped", "failed")
"""States after which nothing is logged any more."""


class Log:
    """A file of events that only grows.

    Parameters
    ----------
    path
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, event: str, **data: Any) -> None:
        """Add an event; what cannot be written costs no training."""
        line = json.dumps({"event": event, "data": data}, allow_nan=False) + "\n"
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError:
            pass

    def read(self, start: int = 0) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """Yield events from a byte on: where the next begins, what it is, and its data."""
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                for line in file:
                    if not line.endswith(b"\n"):  # is being written
                        return
                    start += len(line)
                    try:
                        found = json.loads(line)
                        yield start, str(found["event"]), dict(found["data"])
                    except (ValueError, KeyError, TypeError):
                        continue
        except OSError:
            return

    @property
    def is_about_to_begin(self) -> bool:
        """Whether the process of a training was started, and does not train yet."""
        told = [data for _, event, data in self.read() if event == "state"]
        return bool(told) and told[-1].get("message") == BEGINS

    @property
    def state(self) -> str | None:
        """The state that was logged last; None if there is no log."""
        states = [data.get("state") for _, event, data in self.read() if event == "state"]
        return str(states[-1]) if states else None


class Live(Callback):
    """Logs a training as it goes: steps, epochs, the first layer and what is confused.

    Parameters
    ----------
    log
        Where to.
    stop
        A file; once it exists, the training ends after the current step.
    """

    name = "live"

    def __init__(self, log: Log, stop: Path) -> None:
        self.log, self.stop = log, stop
        self.model: MLP | None = None
        self._compared: Dataset | None = None
        self._logged_step = self._next_picture = 0.0

    def on_train_begin(self, trainer: Session) -> None:
        """Say that it trains now, and take some samples as the network is given them."""
        if isinstance(trainer, Trainer) and trainer.validation is not None:
            n = min(N_COMPARED, len(trainer.validation))
            self._compared = trainer.validation.subset(np.arange(n))
        self.log.write("state", state="training", message="")

    def on_step_end(self, trainer: Session) -> None:
        """Log the step, but not more often than eyes can follow."""
        now = monotonic()
        if now - self._logged_step < STEP_SECONDS:
            return
        self._logged_step = now
        self.log.write("step", step=trainer.step, epoch=trainer.epoch)
        if self.stop.exists():
            trainer.stop_reason = STOPPED

    def on_epoch_end(self, trainer: Session) -> None:
        """Log what was measured, and now and then a picture."""
        self.log.write("epoch", **row_of(trainer.history[-1]))
        if (begun := monotonic()) >= self._next_picture:
            self._picture(trainer)
            ended = monotonic()
            self._next_picture = ended + max(PICTURE_SECONDS, (ended - begun) / PICTURE_SHARE)

    def found(self, finding: Finding) -> None:
        """Log what the doctor says."""
        self.log.write("finding", **finding.to_dict())

    def on_train_end(self, trainer: Session) -> None:
        """Log the last picture."""
        if len(trainer.history):
            self._picture(trainer)

    def _picture(self, trainer: Session) -> None:
        if self.model is None:
            return
        shape = self.model.facts.image_shape
        picture: dict[str, Any] = {"neurons": [], "height": 0, "width": 0, "confusion": None}
        if shape is not None:
            weight = trainer.network.dense_layers[0].weight
            picture |= {"neurons": neurons_of(weight), "height": shape[0], "width": shape[1]}
        if self._compared is not None:
            with suppress(InputError):  # a network that diverged answers nothing
                logits = predict_logits(trainer.network, self._compared)
                n = logits.shape[1]
                pairs = self._compared.targets * n + logits.argmax(axis=1)
                counts = np.bincount(pairs, minlength=n * n).reshape(n, n)
                picture["confusion"] = counts.tolist()
        self.log.write("picture", **picture)

    def watch(self, model: MLP) -> None:
        """Take the model that is trained."""
        self.model = model


def row_of(record: EpochRecord) -> dict[str, Any]:
    """Return the measurements of an epoch for JSON."""
    numbers = {
        name: getattr(record, name)
        for name in (
            *("epoch", "train_loss", "val_loss", "train_accuracy", "val_accuracy"),
            *("learning_rate", "seconds"),
        )
    }
    return {
        **{name: one if one is None or isfinite(one) else None for name, one in numbers.items()},
        "gradient_norms": [one if isfinite(one) else None for one in record.gradient_norms],
        "active_fractions": list(record.active_fractions),
    }


def neurons_of(weight: np.ndarray[Any, Any]) -> list[str]:
    """Return the weights ``(n_pixels, n)`` of some neurons as images: 128 is 0, base64."""
    some = np.asarray(weight[:, :N_NEURONS], np.float32)
    largest = np.maximum(np.abs(some).max(axis=0), 1e-12)
    levels = np.rint(128 + 127 * some / largest).clip(0, 255).astype(np.uint8)
    return [b64encode(column.tobytes()).decode("ascii") for column in levels.T]
