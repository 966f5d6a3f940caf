"""The picture of a study: its figure for each row with the published one, and the curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inknet.experiments.catalogue import FIGURE_NAMES
from inknet.experiments.summary import RowSummary, StudySummary
from inknet.report.figures import (
    INK,
    ORANGE,
    PALE,
    legend_below,
    message_figure,
    new_figure,
    own_settings,
    save_figure,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 40
"""More rows than that cannot be distinguished in one picture; the first are drawn."""


def plot_study(summary: StudySummary, path: str | Path) -> None:
    """Write the picture of a study as PNG."""
    save_figure(lambda: study_figure(summary), path)


@own_settings()
def study_figure(summary: StudySummary) -> Figure:
    """Draw the figure of each row (mean and each run), and the mean validation curve of each."""
    from matplotlib import colormaps

    rows = [row for row in summary.rows if row.results][:MOST_ROWS]
    if not rows:
        return message_figure("No run of this study has finished yet.")
    figure = new_figure(10.5, max(3.6, 1.5 + 0.3 * len(rows)))
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.08)
    dots, curves = figure.subplots(1, 2, width_ratios=[1, 1.25])
    colours = [colormaps["viridis"](x) for x in np.linspace(0, 0.88, len(rows))]
    _draw_dots(dots, summary, rows, colours)
    _draw_curves(curves, rows, colours)
    if dots.get_legend_handles_labels()[0]:
        legend_below(figure, dots, n_columns=2)
    return figure


def _draw_dots(
    axes: Axes, summary: StudySummary, rows: list[RowSummary], colours: list[tuple[float, ...]]
) -> None:
    """Draw mean and standard deviation of each row, each run, and the published figure."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure = summary.study.figure
    for place, (row, colour) in enumerate(zip(rows, colours, strict=True)):
        spread = row.figure(figure)
        if spread is None:
            continue
        values = spread.values
        axes.plot(values, [place] * len(values), "|", color=colour, ms=7, alpha=0.7)
        axes.errorbar(
            spread.mean, place, xerr=spread.deviation, fmt="o", color=colour, capsize=3, ms=5
        )
        if figure == "test" and row.row.published is not None:
            axes.plot(row.row.published.test, place, "D", ms=6, mfc="none", color=ORANGE)
    if figure == "test" and any(row.row.published for row in rows):
        axes.plot([], [], "o", color=INK, label="ours: mean ± deviation")
        axes.plot([], [], "D", mfc="none", color=ORANGE, label="published")
    names = [shorten(row.row.name, 34) for row in rows]
    axes.set_yticks(range(len(rows)), names, parse_math=False)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(axis="x", color=PALE, linewidth=0.6)
    _finish(axes, f"{FIGURE_NAMES[figure]}\nby {shorten(summary.study.varies, 45)}")


def _draw_curves(axes: Axes, rows: list[RowSummary], colours: list[tuple[float, ...]]) -> None:
    """Draw the validation accuracy over the epochs, the mean of the runs that got that far."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    for row, colour in zip(rows, colours, strict=True):
        means = _mean_curve([result.curve("val_accuracy") for result in row.results])
        marker = "o" if len(means) == 1 else None
        axes.plot(
            range(1, len(means) + 1),
            means,
            color=colour,
            linewidth=1.6,
            marker=marker,
            ms=4,
        )
    axes.xaxis.set_major_locator(
        MaxNLocator(nbins=10, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlim(0.5, axes.dataLim.x1 + 0.5)
    axes.set_xlabel("epoch", color=INK)
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    _finish(axes, "validation accuracy, mean of the seeds\ncolours as on the left")


def _mean_curve(curves: list[list[float]]) -> list[float]:
    """Return the mean at each epoch over the curves that have it."""
    longest = max(map(len, curves), default=0)
    return [
        float(np.mean([curve[epoch] for curve in curves if len(curve) > epoch]))
        for epoch in range(longest)
    ]


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=INK, parse_math=False)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9, colors=INK)
