"""Tables of a study: ours next to the published row, for the terminal, as Markdown and as CSV.

The names of rows are free text. In Markdown they are escaped, so that they are shown as they are.
In CSV a name that a spreadsheet would take for a formula gets an apostrophe before it.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from inknet.errors import printable
from inknet.experiments.catalogue import Figure
from inknet.experiments.claims import choice_verdicts
from inknet.experiments.summary import RowSummary, Spread, StudySummary, percent

if TYPE_CHECKING:
    from rich.table import Table


def headings(summary: StudySummary) -> list[str]:
    """Return the names of the columns; accuracies are percentages, mean ± standard deviation."""
    names = [summary.study.varies]
    if _has_published(summary):
        names.append("published")
    if summary.is_own:
        names.append("validation")
    names.append("test accuracy")
    if _has_published(summary):
        names.append("verdict")
    names.append("training")
    figure = summary.study.figure
    if figure not in ("test", "train"):
        names.append(_SHORT_NAMES[figure])
    return [*names, "epochs", "s", "runs"]


_SHORT_NAMES: dict[Figure, str] = {"gap": "gap", "active": "active", "finished": "finished"}

FORMULA = re.compile(r"'*(\s*[=+\-@＝＋－＠]|[\t\r\n])")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

WIDEST_UNCUT = 16
"""The heading of the rows is not cut if it has so many letters."""

LEGEND = (
    "Test and training accuracy in percent, mean ± standard deviation over the seeds;\n"
    "epochs until the training ended; seconds of one training. In parentheses: what was published."
)


def cells(summary: StudySummary) -> list[list[str]]:
    """Return the cells of each row, under `headings`."""
    return [_cells(summary, row) for row in summary.rows]


def markdown(summary: StudySummary) -> str:
    """Return the table as Markdown."""
    names = headings(summary)
    texts = [[markdown_text(cell) for cell in line] for line in (names, *cells(summary))]
    lines = [texts[0], ["---"] + ["---:"] * (len(names) - 1), *texts[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_text(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    line = " ".join(printable(part) for part in text.split())
    # an underscore between letters or digits emphasizes nothing
    special = r"[\\`*<>|\[\]$~&#]|(?<![^\W_])_|_(?![^\W_])"
    return re.sub(special, lambda match: f"\\{match[0]}", line)


def csv_cell(text: str) -> str:
    """Return text with an apostrophe before it if a spreadsheet would take it for a formula.

    Plain numbers, such as ``-0.5``, stay as they are. Text that looks like the result gets one too,
    so different texts stay different.
    """
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def csv_text(summaries: list[StudySummary]) -> str:
    """Return all rows of some studies as CSV, every figure as a plain number or empty.

    The verdict compares a row with what was published, or with the row that validation chose.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    figures: list[Figure] = ["test", "train", "gap", "active", "finished"]
    named = ["validation", *figures]
    measured = [f"{figure}_{what}" for figure in named for what in ("mean", "deviation")]
    reported = ["published_test", "published_train", "published_epochs"]
    counts = ["runs", "planned", "diverged", "failed"]
    others = ["epochs_mean", "seconds_mean", *counts, "verdict"]
    writer.writerow(["study", "row", *reported, *measured, *others])
    for summary in summaries:
        verdicts = choice_verdicts(summary)
        for row in summary.rows:
            published = row.row.published
            reported_values = (
                (published.test, published.train, published.epochs) if published else [None] * 3
            )
            spreads = [row.validation, *(row.figure(figure) for figure in figures)]
            values = [
                value
                for spread in spreads
                for value in ((spread.mean, spread.deviation) if spread else ("", ""))
            ]
            writer.writerow(
                [
                    csv_cell(summary.study.name),
                    csv_cell(row.row.name),
                    *("" if value is None else value for value in reported_values),
                    *values,
                    _mean(row.epochs),
                    _mean(row.seconds),
                    len(row.results),
                    row.n_planned,
                    row.n_diverged,
                    len(row.failures),
                    verdicts[row.row.name] if summary.is_own else row.verdict,
                ]
            )
    return text.getvalue()


def terminal(summary: StudySummary) -> Table:
    """Return the table as rich prints it."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    first, *others = map(printable, headings(summary))
    table.add_column(first, overflow="fold", min_width=min(len(first), WIDEST_UNCUT))
    for name in others:
        table.add_column(name, justify="right", no_wrap=name != "runs")
    for row in cells(summary):
        table.add_row(*map(printable, row))
    return table


def notes(summary: StudySummary) -> list[str]:
    """Return a line for each remark on a row, and for each run that failed."""
    lines = [f"{row.row.name}: {row.row.remark}" for row in summary.rows if row.row.remark]
    lines += [
        f"failed: {failure.row}, seed {failure.seed}: {failure.error}"
        for failure in summary.failures
    ]
    return lines


def _cells(summary: StudySummary, row: RowSummary) -> list[str]:
    published = row.row.published
    training = percent(row.figure("train"))
    epochs = f"{row.epochs.mean:.0f}" if row.epochs else "–"
    if published is not None and published.train is not None:
        training += f" ({100 * published.train:.2f})"
    if published is not None and published.epochs is not None:
        epochs += f" ({published.epochs})"
    test = percent(row.figure("test"))
    compared = [f"{100 * published.test:.2f}" if published else "–", test, row.verdict]
    if summary.is_own:
        test_cells = [percent(row.validation), test]
    else:
        test_cells = compared if _has_published(summary) else [test]
    figure = summary.study.figure
    own = [] if figure in ("test", "train") else [percent(row.figure(figure))]
    runs = f"{len(row.results)}/{row.n_planned}"
    for count, what in ((row.n_diverged, "diverged"), (len(row.failures), "failed")):
        if count:
            runs += f", {count} {what}"
    return [
        row.row.name,
        *test_cells,
        training,
        *own,
        epochs,
        f"{row.seconds.mean:.1f}" if row.seconds else "–",
        runs,
    ]


def _has_published(summary: StudySummary) -> bool:
    return any(row.row.published is not None for row in summary.rows)


def _mean(spread: Spread | None) -> float | str:
    return spread.mean if spread else ""
