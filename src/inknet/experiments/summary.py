"""What came of a study: the figures of each row over its seeds, held against the published ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import mean, stdev

from inknet.experiments.catalogue import Figure, Row, Study
from inknet.experiments.results import Result, StudyFolder


@dataclass(frozen=True)
class Spread:
    """Some values of one figure.

    Attributes
    ----------
    values : tuple of float
        One a run, in the order of the seeds.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Their mean."""
        return mean(self.values)

    @property
    def deviation(self) -> float:
        """Their standard deviation, with n − 1; 0 for a single one."""
        return stdev(self.values) if len(self.values) > 1 else 0.0


@dataclass(frozen=True)
class RowSummary:
    """One row of a study and its finished runs.

    Attributes
    ----------
    row : Row
    n_planned : int
        How many seeds it is run with.
    results : tuple of Result
        Of the runs that were not lost, whether they finished or diverged.
    failures : tuple of Result
        Of those that were.
    """

    row: Row
    n_planned: int
    results: tuple[Result, ...]
    failures: tuple[Result, ...]

    @property
    def is_complete(self) -> bool:
        """Whether all its runs have a result."""
        return len(self.results) == self.n_planned

    @property
    def n_diverged(self) -> int:
        """How many of its trainings diverged."""
        return sum(result.outcome == "diverged" for result in self.results)

    def figure(self, name: Figure) -> Spread | None:
        """Return a figure of its runs; None where no run has it."""
        return _spread(figure_of(result, name) for result in self.results)

    @property
    def validation(self) -> Spread | None:
        """The accuracy of its runs on validation data."""
        return _spread(result.validation_accuracy for result in self.results)

    @property
    def epochs(self) -> Spread | None:
        """After how many epochs its runs ended."""
        return _spread(float(result.epochs) for result in self.results)

    @property
    def seconds(self) -> Spread | None:
        """How long its trainings took."""
        return _spread(result.seconds for result in self.results)

    @property
    def verdict(self) -> str:
        """How it compares with the published row; empty where there is none."""
        published, ours = self.row.published, self.figure("test")
        if not self.is_complete or published is None or ours is None:
            return ""
        if self.row.at_most is not None:
            shown = ours.mean <= self.row.at_most
            return "same effect" if shown else "no such effect"
        return "reached" if ours.mean >= published.test else "below"


@dataclass(frozen=True)
class StudySummary:
    """A study and what came of it so far."""

    study: Study
    rows: tuple[RowSummary, ...]
    changes: tuple[str, ...] = ()
    ops: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether all its runs have a result."""
        return all(row.is_complete for row in self.rows)

    @property
    def n_done(self) -> int:
        """How many runs have a result, failed ones included."""
        return sum(len(row.results) + len(row.failures) for row in self.rows)

    @property
    def is_own(self) -> bool:
        """Whether it is a user's: its rows are candidates, of which validation data choose one."""
        return self.study.group == "own"

    @property
    def chosen(self) -> RowSummary | None:
        """The row with the highest mean accuracy on validation data, of those that are complete."""
        means = {
            number: row.validation.mean
            for number, row in enumerate(self.rows)
            if row.is_complete and row.validation is not None
        }
        return self.rows[max(means, key=lambda number: means[number])] if means else None

    @property
    def failures(self) -> list[Result]:
        """The runs that were lost."""
        return [failure for row in self.rows for failure in row.failures]

    def row(self, name: str) -> RowSummary:
        """Return a row by its name."""
        return next(row for row in self.rows if row.row.name == name)


def summarize(study: Study, folder: StudyFolder | None = None) -> StudySummary:
    """Return what came of a study: of the runs in a folder, or of none."""
    begun = folder is not None and folder.exists
    manifest = folder.manifest() if folder is not None and begun else None
    results = list(folder.results().values()) if folder is not None and begun else []
    return StudySummary(
        study,
        tuple(_row_summary(row, len(study.seeds), results) for row in study.rows),
        tuple(manifest.changes) if manifest else (),
        manifest.ops if manifest else "",
    )


def figure_of(result: Result, name: Figure) -> float | None:
    """Return a figure of one run, as a fraction; None if it has none."""
    if name == "finished":
        return float(result.outcome == "finished")
    if name == "active":
        return result.active
    train, test = result.train_accuracy, result.test.accuracy if result.test else None
    if name == "gap":
        return None if train is None or test is None else train - test
    return train if name == "train" else test


def percent(spread: Spread | None) -> str:
    """Return mean and standard deviation of fractions, in percent."""
    if spread is None:
        return "–"
    if len(spread.values) == 1:
        return f"{100 * spread.mean:.2f}"
    return f"{100 * spread.mean:.2f} ± {100 * spread.deviation:.2f}"


def _row_summary(row: Row, n_planned: int, results: list[Result]) -> RowSummary:
    of_row = sorted((r for r in results if r.row == row.name), key=lambda result: result.seed)
    return RowSummary(
        row,
        n_planned,
        tuple(result for result in of_row if result.outcome != "failed"),
        tuple(result for result in of_row if result.outcome == "failed"),
    )


def _spread(values: Iterable[float | None]) -> Spread | None:
    known = tuple(value for value in values if value is not None)
    return Spread(known) if known else None
