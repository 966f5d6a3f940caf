"""What all pictures share: colours, an empty figure, measuring text, and saving.

Figures are built as objects and never through pyplot, so no window is opened and no backend is
chosen. They are drawn with Matplotlib's own defaults, whatever the settings of the user are: those
are put back afterwards.
"""

from __future__ import annotations

import base64
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING

from inknet.errors import InputError, quoted
from inknet.files import as_path, write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

DPI = 150
USERS_OWN = ("backend", "backend_fallback", "interactive", "toolbar", "timezone")
"""Settings that decide nothing about a picture, or may not be set without a consequence."""

_drawing = RLock()
"""Held while pictures are drawn: Matplotlib has one set of settings for all threads."""

if hasattr(os, "register_at_fork"):
    # a fork waits for the end of a drawing: Matplotlib's own locks would stay locked in the child
    os.register_at_fork(
        before=_drawing.acquire,
        after_in_parent=_drawing.release,
        after_in_child=_drawing.release,
    )

# Two colours of Okabe and Ito's palette, distinct for every kind of colour vision.
# https://jfly.uni-koeln.de/color/
BLUE, ORANGE = "#0072B2", "#D55E00"
INK, PALE = "#222222", "#D9D9D9"


@contextmanager
def own_settings() -> Iterator[None]:
    """Draw with Matplotlib's defaults; what the user has set comes back afterwards."""
    with _drawing:
        matplotlib = _matplotlib()
        defaults = {
            name: value
            for name, value in dict.items(matplotlib.rcParamsDefault)
            if name not in USERS_OWN
        }
        with matplotlib.rc_context(), warnings.catch_warnings():
            # of old names among the settings; and of a class name in a script that the font lacks,
            # which is drawn as boxes: that is no error
            warnings.simplefilter("ignore")
            matplotlib.rcParams.update(defaults)
            yield


def _matplotlib() -> ModuleType:
    """Import Matplotlib; where the settings of the user prevent that, without them."""
    try:
        import matplotlib
    except ImportError:
        raise
    except Exception:  # a settings file that is not text, or an unknown backend
        from unittest import mock

        exists = os.path.exists
        settings = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
        settings["MATPLOTLIBRC"] = os.devnull
        for name in [name for name in sys.modules if name.startswith("matplotlib.")]:
            del sys.modules[name]  # they belong to the module whose import failed
        with (
            mock.patch.dict(os.environ, settings, clear=True),
            # it looks into the current folder first
            mock.patch("os.path.exists", lambda path: path != "matplotlibrc" and exists(path)),
        ):
            import matplotlib
    return matplotlib


def new_figure(width: float, height: float) -> Figure:
    """Return an empty white figure, in inches, that can be measured and saved without a screen.

    A notebook shows it, also where nothing has imported pyplot.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    vars(figure)["_repr_png_"] = partial(_png_of_figure, figure)
    return figure


def _png_of_figure(figure: Figure) -> bytes:
    return png_of(lambda: figure)


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
    """Write what ``draw`` returns as PNG, whole or not at all; the same figure, the same bytes.

    A path that ends in the name of another format of Matplotlib, such as ``.pdf``, gets that one.

    Raises
    ------
    InputError
        If it cannot be drawn or written.
    """
    path = as_path(path)
    kind = path.suffix[1:].lower() or "png"
    metadata = {"Software": None} if kind == "png" else None
    try:
        with own_settings():
            figure = draw()
            write_whole(path, lambda file: figure.savefig(file, format=kind, metadata=metadata))
    except InputError:
        raise
    except Exception as error:  # Matplotlib has errors of many kinds
        reason = quoted(f"{type(error).__name__}: {error}")
        raise InputError(f"{path}: cannot be drawn: {reason}") from error


def png_of(draw: Callable[[], Figure]) -> bytes:
    """Return what ``draw`` returns as a PNG; `save_figure` writes the same bytes."""
    with own_settings():
        file = BytesIO()
        draw().savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def uri_of(png: bytes) -> str:
    """Return a PNG as text that a page can show."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


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
