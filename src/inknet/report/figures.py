"""What all pictures share: colours, an empty figure, measuring text, and saving.

Figures are built as objects and never through pyplot, so nothing global is touched and no window is
opened.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from inknet.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

DPI = 150

# Two colours of Okabe and Ito's palette, distinct for every kind of colour vision.
# https://jfly.uni-koeln.de/color/
BLUE, ORANGE = "#0072B2", "#D55E00"
INK, PALE = "#222222", "#D9D9D9"


def new_figure(width: float, height: float) -> Figure:
    """Return an empty white figure, in inches, that can be measured and saved without a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def legend_below(figure: Figure, axes: Axes, n_columns: int) -> None:
    """Put the legend of an axes in a row below all axes, where it covers no curve."""
    marks, labels = axes.get_legend_handles_labels()
    figure.legend(
        marks, labels, loc="outside lower left", ncols=n_columns, fontsize=9, frameon=False
    )


def message_figure(message: str) -> Figure:
    """Return a small picture of one sentence, for when there is nothing to draw."""
    figure = new_figure(5, 1.2)
    figure.text(0.5, 0.5, message, ha="center", va="center", fontsize=10, color=INK)
    return figure


def save_figure(draw: Callable[[], Figure], path: str | Path) -> None:
    """Write what ``draw`` returns as PNG, whole or not at all; the same figure, the same bytes."""
    with warnings.catch_warnings():
        # A class name in a script that the font lacks is drawn as boxes; that is no error.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        figure = draw()
        write_whole(path, lambda file: figure.savefig(file, metadata={"Software": None}))


def fractions(
    figure: Figure, left: float, top: float, width: float = 0, height: float = 0
) -> tuple[float, float, float, float]:
    """Turn inches from the top left corner into matplotlib's fractions from the bottom left."""
    figure_width, figure_height = figure.get_size_inches()
    return (
        left / figure_width,
        1 - (top + height) / figure_height,
        width / figure_width,
        height / figure_height,
    )


def trim(figure: Figure, axes: Axes) -> None:
    """Cut the figure down to what its one axes, labels included, needs."""
    margin = 0.12  # inches
    drawn = axes.get_tightbbox()
    assert drawn is not None  # None only for an invisible axes
    box, inside = (
        bounds.transformed(figure.dpi_scale_trans.inverted()) for bounds in (drawn, axes.bbox)
    )
    width, height = box.width + 2 * margin, box.height + 2 * margin
    axes.set_position(
        (
            (inside.x0 - box.x0 + margin) / width,
            (inside.y0 - box.y0 + margin) / height,
            inside.width / width,
            inside.height / height,
        )
    )
    figure.set_size_inches(width, height)


def text_width(text: Text) -> float:
    """Return how wide the text is drawn, in inches."""
    return float(text.get_window_extent().width) / DPI


def shrink(text: Text, width: float) -> None:
    """Make the text small enough for ``width`` inches."""
    text.set_fontsize(float(text.get_fontsize()) * min(1, width / text_width(text)))


def shorten(name: str, limit: int) -> str:
    """Return the name on one line with at most ``limit`` characters; the middle is cut."""
    name = " ".join(name.split())
    if len(name) <= limit:
        return name
    tail = (limit - 1) // 2
    return f"{name[: limit - 1 - tail]}…{name[-tail:]}"
