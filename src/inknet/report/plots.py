"""The pictures of a training's figures: its curves, confusion matrix and reliability.

Each picture is two functions: ``…_figure`` draws it, ``plot_…`` writes it as a PNG.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inknet.report.calibration import N_BINS, Calibration
from inknet.report.evaluation import Evaluation
from inknet.report.figures import (
    BLUE,
    INK,
    ORANGE,
    PALE,
    fractions,
    legend_below,
    message_figure,
    new_figure,
    own_settings,
    save_figure,
    shorten,
    text_width,
    trim,
)
from inknet.training.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_history(history: History, path: str | Path) -> None:
    """Write ``loss.png``: loss and accuracy over the epochs, the best epoch marked."""
    save_figure(lambda: history_figure(history), path)


def plot_confusion(evaluation: Evaluation, path: str | Path) -> None:
    """Write ``confusion_matrix.png``: how often each true class was read as each class."""
    save_figure(lambda: confusion_figure(evaluation), path)


def plot_reliability(calibration: Calibration, path: str | Path) -> None:
    """Write ``reliability.png``: confidence against accuracy, and how often there is which."""
    save_figure(lambda: reliability_figure(calibration), path)


@own_settings()
def history_figure(history: History, *, stacked: bool = False) -> Figure:
    """Draw loss and accuracy, of training and validation, over the epochs.

    They are side by side, or for narrow screens stacked.
    """
    if not len(history):
        return message_figure("No epoch was completed.")
    from matplotlib.ticker import PercentFormatter

    figure = new_figure(4.0, 6.6) if stacked else new_figure(9.5, 4.1)
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.08)
    loss, accuracy = figure.subplots(2, 1) if stacked else figure.subplots(1, 2)
    _draw_curves(loss, history, "loss")
    loss.set_title("Loss (mean cross-entropy)", loc="left", fontsize=10, color=INK)
    _draw_curves(accuracy, history, "accuracy")
    accuracy.set_title("Accuracy", loc="left", fontsize=10, color=INK)
    low, high = accuracy.get_ylim()
    if high > 1:  # no axis beyond 100%, save the room that the topmost marker needs
        accuracy.set_ylim(low, 1 + 0.02 * (1 - low))
    accuracy.yaxis.set_major_formatter(PercentFormatter(1))
    legend_below(figure, loss, n_columns=1 if stacked else 3)
    return figure


def _draw_curves(axes: Axes, history: History, quantity: str) -> None:
    """Draw the training and validation curve of ``"loss"`` or ``"accuracy"`` over the epochs."""
    from matplotlib.ticker import MaxNLocator

    epochs = history.column("epoch")
    marker = "o" if len(epochs) <= 15 else None  # one or two epochs make no visible line
    for name, label, colour in (("train", "training", BLUE), ("val", "validation", ORANGE)):
        values = history.column(f"{name}_{quantity}")
        if name == "train" or not np.isnan(values).all():
            axes.plot(
                epochs, values, color=colour, label=label, linewidth=1.8, marker=marker, ms=3.5
            )
    if history.best_epoch is not None:
        axes.axvline(
            history.best_epoch,
            color=INK,
            linewidth=1,
            linestyle=(0, (4, 3)),
            label=f"best epoch: {history.best_epoch}",
            zorder=1,
        )
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axes.xaxis.set_major_locator(
        MaxNLocator(nbins=10, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    )
    axes.set_xlabel("epoch", color=INK)
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9, colors=INK)


FEW_ANSWERS = 30
"""With fewer in a bin its accuracy is mostly chance, so its mark is hollow."""


@own_settings()
def reliability_figure(calibration: Calibration) -> Figure:
    """Draw accuracy over confidence, and below it how many answers there are of each confidence.

    A mark for each bin that holds an answer; hollow where there are fewer than 30.
    """
    from matplotlib.ticker import PercentFormatter

    figure = new_figure(5.6, 6.2)
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.08)
    curve, counts = figure.subplots(2, 1, height_ratios=(3, 1))
    curve.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=(0, (4, 3)), label="calibrated")
    drawn = [("as trained", ORANGE, "s", calibration.before)]
    if calibration.temperature != 1:
        label = f"at temperature {calibration.temperature:.3f}"
        drawn.append((label, BLUE, "o", calibration.after))
    edges = np.linspace(0, 1, N_BINS + 1)
    for label, colour, marker, bins in drawn:
        is_drawn = bins.counts > 0
        x, y = bins.confidence[is_drawn], bins.accuracy[is_drawn]
        label = f"{label}: error {bins.error:.2%}"
        curve.plot(x, y, color=colour, linewidth=1.4, alpha=0.5, zorder=2)
        for is_hollow in (False, True):
            some = (bins.counts[is_drawn] < FEW_ANSWERS) == is_hollow
            style = {"markerfacecolor": "white"} if is_hollow else {"label": label}
            curve.plot(
                x[some], y[some], color=colour, marker=marker, ms=5, linestyle="none", **style
            )
        counts.stairs(bins.counts, edges, color=colour, linewidth=1.6)
    curve.set_title("Accuracy of answers over their confidence", loc="left", fontsize=10, color=INK)
    counts.set_title("Answers with this confidence", loc="left", fontsize=10, color=INK)
    counts.set_yscale("symlog", linthresh=1)
    counts.set_ylim(0, None)
    counts.set_xlabel("confidence", color=INK)
    curve.yaxis.set_major_formatter(PercentFormatter(1))
    for axes in (curve, counts):
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.set_xlim(-0.02, 1.02)
        axes.grid(axis="y", color=PALE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=9, colors=INK)
    curve.set_ylim(-0.02, 1.02)
    legend_below(figure, curve, n_columns=1)
    return figure


@own_settings()
def confusion_figure(evaluation: Evaluation) -> Figure:
    """Draw the confusion matrix: rows are the true classes, columns the predicted ones.

    Correct predictions (the diagonal) and errors are coloured on separate scales: on a common one,
    a hundred correct predictions for each error would leave all errors white. Cells with 0 stay
    empty. With very many classes (some hundred) the cells are too small for numbers and only
    coloured.
    """
    counts = evaluation.confusion
    n_classes = len(counts)
    widest = len(str(counts.max()))
    cell = min(max(0.075 * widest + 0.14, 0.36, 4.4 / n_classes), 20 / n_classes)  # inches
    side = cell * n_classes
    figure = new_figure(side + 6, side + 6)  # room to measure the labels in; trimmed below
    axes = figure.add_axes(fractions(figure, 3, 3, side, side))
    axes.pcolormesh(_confusion_colours(counts), edgecolors=PALE, linewidth=0.5)
    axes.invert_yaxis()
    # A digit of this font is 0.64 em wide; leave half a digit on either side.
    _write_counts(axes, counts, size=min(9, 72 * cell / (0.64 * (widest + 1))))
    _name_classes(axes, evaluation.class_names, cell)
    axes.set_title(
        f"{evaluation.n_errors:,} errors in {evaluation.n_samples:,} "
        f"({evaluation.accuracy:.2%} right)\n"
        "blue: right, orange: wrong, each on its own scale; empty: 0",
        loc="left",
        fontsize=9,
        linespacing=1.5,
        color=INK,
    )
    trim(figure, axes)
    return figure


def _confusion_colours(counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the colour of each cell, ``(n_classes, n_classes, 3)``; a count of 0 is white.

    Blue stops at half its strength and orange at nine tenths: black numbers stay legible, and the
    errors stand out from the correct predictions.
    """
    from matplotlib.colors import to_rgb

    colours: NDArray[np.float64] = np.ones((*counts.shape, 3))
    right = np.eye(len(counts), dtype=bool)
    for cells, colour, strongest in ((right, BLUE, 0.5), (~right, ORANGE, 0.9)):
        share = counts[cells] / max(counts[cells].max(initial=0), 1)
        # A single error must be visible next to a confusion that happened a hundred times.
        strength = np.where(share > 0, strongest * (0.12 + 0.88 * share), 0)
        colours[cells] -= np.outer(strength, 1 - np.array(to_rgb(colour)))
    return np.rint(255 * colours).astype(np.uint8)


def _write_counts(axes: Axes, counts: NDArray[np.int64], size: float) -> None:
    """Write each nonzero count into its cell, ``size`` points high, if that is legible."""
    if size < 4:
        return
    for row, column in np.argwhere(counts > 0):
        axes.text(
            column + 0.5,
            row + 0.5,
            str(counts[row, column]),
            ha="center",
            va="center",
            fontsize=size,
            color="black",
        )


def _name_classes(axes: Axes, class_names: tuple[str, ...], cell: float) -> None:
    """Label rows and columns of cells ``cell`` inches wide; names that do not fit stand upright."""
    names = [shorten(name, 18) for name in class_names]
    size = min(9.0, 72 * cell * 0.8)
    positions = np.arange(len(names)) + 0.5
    labels = axes.set_xticks(positions, names, fontsize=size, parse_math=False)
    axes.set_yticks(positions, names, fontsize=size, parse_math=False)
    axes.tick_params(length=0, colors=INK)
    axes.spines[:].set_color(PALE)
    axes.set_xlabel("predicted class", fontsize=9, color=INK)
    axes.set_ylabel("true class", fontsize=9, color=INK)
    texts = [tick.label1 for tick in labels]
    if max(text_width(text) for text in texts) > 0.9 * cell:
        for text in texts:
            text.set_rotation(90)
