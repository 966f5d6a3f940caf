"""What a training run measured, epoch by epoch."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from inknet.errors import InputError, quoted
from inknet.files import write_whole
from inknet.output import html_table
from inknet.training.ending import FINISHED, Ending
from inknet.training.findings import Finding

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class EpochRecord:
    """The measurements of one epoch, all in inference mode unless said otherwise.

    Attributes
    ----------
    epoch : int
        Counted from 1.
    train_loss, val_loss : float
        Mean cross-entropy, without label smoothing and L2; ``val_loss`` is None when there is no
        validation data. That of the training is taken over a fixed part of its samples, see
        ``measured_samples`` of `inknet.recipes.TrainingRecipe`.
    train_accuracy, val_accuracy : float
        Fractions, 0 to 1, of the same samples.
    learning_rate : float
        The rate of the epoch's last step.
    seconds : float
        Wall time of the epoch's steps and measurements, in seconds.
    training_seconds : float
        Wall time of its steps only, in seconds.
    gradient_norms : tuple of float
        For each Dense layer, the mean Euclidean norm of its gradient over the steps that were
        sampled, before clipping.
    active_fractions : tuple of float
        For each hidden layer, the mean fraction of its neurons with a positive input, in the
        sampled steps. For the ReLU family: near 0 the layer is dying, at 1 it is linear.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float
    seconds: float
    training_seconds: float
    gradient_norms: tuple[float, ...] = ()
    active_fractions: tuple[float, ...] = ()

    def flat(self) -> dict[str, float | int | str]:
        """Return the record as one row of ``history.csv``.

        Returns
        -------
        dict
            Measurements by name; a list becomes ``gradient_norm_1`` and so on, None is empty.
        """
        row: dict[str, float | int | str] = {}
        for name in _SCALARS:
            value = getattr(self, name)
            row[name] = "" if value is None else value
        for number, norm in enumerate(self.gradient_norms, 1):
            row[f"gradient_norm_{number}"] = norm
        for number, fraction in enumerate(self.active_fractions, 1):
            row[f"active_fraction_{number}"] = fraction
        return row


_SCALARS = (
    "epoch",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "learning_rate",
    "seconds",
    "training_seconds",
)


@dataclass
class History:
    """The records of a run, in order; prints as a table.

    Attributes
    ----------
    records : list of EpochRecord
        One for each completed epoch.
    best_epoch : int or None
        The epoch, counted from 1, whose weights early stopping restored; None without early
        stopping, when the network keeps its last weights.
    ending : Ending
        Why the training ended.
    ops : str
        The operations it ran on: ``"numpy"`` or ``"numba"``.
    seconds : float
        Wall time of the training so far, in seconds, without that from an interruption to resuming.
    rollbacks : int
        How often it diverged and went back.
    findings : list of Finding
        What the doctor says of it, the worst first.
    train_loss, train_accuracy : float or None
        Mean cross-entropy in nats, and accuracy as a fraction of 1, of the network that the
        training left, on all training samples; None if a signal or an error ended it, or the loss
        is not finite. ``history["train_loss"]`` has what each epoch measured on a part of them.
    """

    records: list[EpochRecord] = field(default_factory=list)
    best_epoch: int | None = None
    ending: Ending = FINISHED
    ops: str = "numpy"
    seconds: float = 0.0
    rollbacks: int = 0
    findings: list[Finding] = field(default_factory=list)
    train_loss: float | None = None
    train_accuracy: float | None = None

    @property
    def stopped(self) -> str:
        """Why the training ended, in words.

        ``"finished"``, ``"early stopping"``, ``"interrupted"`` (Ctrl-C), ``"terminated"``
        (SIGTERM), ``"hung up"`` (SIGHUP), what a callback gave as its reason, or ``"failed"`` after
        an error.
        """
        return self.ending.text

    def __len__(self) -> int:
        """Return the number of completed epochs."""
        return len(self.records)

    def __iter__(self) -> Iterator[EpochRecord]:
        """Go through the records in order."""
        return iter(self.records)

    @overload
    def __getitem__(self, index: int) -> EpochRecord: ...
    @overload
    def __getitem__(self, index: str) -> list[float]: ...
    def __getitem__(self, index: int | str) -> EpochRecord | list[float]:
        """Return one record, ``-1`` is the last; or one measurement by name, see `column`."""
        return self.column(index) if isinstance(index, str) else self.records[index]

    def column(self, name: str) -> list[float]:
        """Return one measurement over all epochs, for plotting.

        Parameters
        ----------
        name : str
            ``epoch``, ``train_loss``, ``val_loss``, ``train_accuracy``, ``val_accuracy``,
            ``learning_rate``, ``seconds`` or ``training_seconds``.

        Returns
        -------
        list of float
            One for each epoch; ``nan`` where it was not measured.

        Raises
        ------
        KeyError
            If no measurement has this name.
        """
        if name not in _SCALARS:
            raise KeyError(f"no measurement is called {name!r}; expected {', '.join(_SCALARS)}")
        values = (getattr(record, name) for record in self.records)
        return [float("nan") if value is None else value for value in values]

    def __str__(self) -> str:
        """Return a table, one line an epoch, the best one marked."""
        lines = ["epoch  train loss  train acc  val loss  val acc  learning rate  seconds"]
        for r in self.records:
            val_loss = f"{r.val_loss:8.4f}" if r.val_loss is not None else "       –"
            val_accuracy = f"{r.val_accuracy:7.2%}" if r.val_accuracy is not None else "      –"
            mark = "  best" if r.epoch == self.best_epoch else ""
            lines.append(
                f"{r.epoch:5d}  {r.train_loss:10.4f}  {r.train_accuracy:9.2%}  {val_loss}  "
                f"{val_accuracy}  {r.learning_rate:13.3g}  {r.seconds:7.2f}{mark}"
            )
        return "\n".join(lines)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw loss and accuracy over the epochs.

        Parameters
        ----------
        path : str or Path, optional
            Where to write the picture, as PNG.

        Returns
        -------
        matplotlib.figure.Figure
            A notebook shows it.
        """
        import inknet  # which loads what is in the rooms above

        if path is not None:
            inknet.plot_history(self, path)
        figure: Figure = inknet.history_figure(self)
        return figure

    def _repr_html_(self) -> str:
        """Return the table of `__str__` for a notebook."""
        head, *lines = (re.split(r"  +", line.strip()) for line in str(self).split("\n"))
        return html_table(head, lines)

    @classmethod
    def from_csv(cls, path: Path) -> History:
        """Read what `save_csv` wrote.

        Parameters
        ----------
        path : Path
            The file, ``history.csv`` of a run.

        Returns
        -------
        History
            Only the records are in the file; all else has its default.

        Raises
        ------
        InputError
            If it is no such file.
        """
        lists = {"gradient_norm": "gradient_norms", "active_fraction": "active_fractions"}
        records = []
        try:
            with path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    values: dict[str, Any] = dict.fromkeys(lists.values(), ())
                    for name, text in row.items():
                        stem, _, number = name.rpartition("_")
                        if stem in lists and number.isdigit():
                            values[lists[stem]] += (float(text),)
                        else:
                            values[name] = float(text) if text else None
                    values["epoch"] = int(values["epoch"])
                    records.append(EpochRecord(**values))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
            raise InputError(f"{path}: not the history of a run: {quoted(error)}") from None
        return cls(records)

    def save_csv(self, path: str | Path) -> None:
        """Write a header and one line an epoch, whole or not at all.

        Parameters
        ----------
        path : str or Path
            The file, such as ``history.csv``.
        """

        def write(temporary: Path) -> None:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                names = self.records[0].flat() if self.records else _SCALARS
                writer = csv.DictWriter(file, fieldnames=list(names), lineterminator="\n")
                writer.writeheader()
                writer.writerows(record.flat() for record in self.records)

        write_whole(path, write)
