"""The pictures a training run leaves in its folder, drawn so that a learner can read them.

Each picture is two functions: ``…_figure`` draws it, ``plot_…`` writes it as a PNG. Figures are
built as objects and never through pyplot, so nothing global is touched and no window is opened.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inknet.files import write_whole
from inknet.report.evaluation import Evaluation
from inknet.training.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

DPI = 150

# Two colours of Okabe and Ito's palette, told apart with every kind of colour vision.
# https://jfly.uni-koeln.de/color/
BLUE, ORANGE = "#0072B2", "#D55E00"
INK, PALE = "#222222", "#D9D9D9"


def plot_history(history: History, path: Path) -> None:
    """Write ``loss.png``: loss and accuracy over the epochs, the best epoch marked."""
    save_figure(lambda: history_figure(history), path)


def plot_confusion(evaluation: Evaluation, path: Path) -> None:
    """Write ``confusion_matrix.png``: how often each true class was read as each class."""
    save_figure(lambda: confusion_figure(evaluation), path)


def plot_weights(
    weights: NDArray[np.floating[Any]], image_shape: tuple[int, int], path: Path
) -> None:
    """Write ``weights.png``: each neuron of the first layer as an image; see `weights_figure`."""
    save_figure(lambda: weights_figure(weights, image_shape), path)


def plot_mistakes(
    images: NDArray[np.uint8],
    true_names: Sequence[str],
    predicted_names: Sequence[str],
    probabilities: Sequence[float] | NDArray[np.floating[Any]],
    path: Path,
) -> None:
    """Write ``mistakes.png``: misread images and what they are; see `mistakes_figure`."""
    save_figure(lambda: mistakes_figure(images, true_names, predicted_names, probabilities), path)


def plot_images(images: NDArray[np.uint8], names: Sequence[str], path: Path) -> None:
    """Write images ``(k, height, width)``, each above its name; see `images_figure`."""
    save_figure(lambda: images_figure(images, names), path)


def plot_versions(original: NDArray[np.uint8], versions: NDArray[np.uint8], path: Path) -> None:
    """Write an image and distorted versions of it; see `versions_figure`."""
    save_figure(lambda: versions_figure(original, versions), path)


def history_figure(history: History) -> Figure:
    """Draw loss and accuracy, of training and validation, side by side over the epochs."""
    if not len(history):
        return message_figure("No epoch was completed.")
    from matplotlib.ticker import PercentFormatter

    figure = new_figure(9.5, 3.8)
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.08)
    loss, accuracy = figure.subplots(1, 2)
    _draw_curves(loss, history, "loss")
    loss.set_title("Loss (mean cross-entropy)", loc="left", fontsize=10, color=INK)
    _draw_curves(accuracy, history, "accuracy")
    accuracy.set_title("Accuracy", loc="left", fontsize=10, color=INK)
    low, high = accuracy.get_ylim()
    if high > 1:  # no axis beyond 100%, save the room that the topmost marker needs
        accuracy.set_ylim(low, 1 + 0.02 * (1 - low))
    accuracy.yaxis.set_major_formatter(PercentFormatter(1))
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
    axes.legend(fontsize=9, frameon=True, facecolor="white", edgecolor="none", framealpha=0.8)


def confusion_figure(evaluation: Evaluation) -> Figure:
    """Draw the confusion matrix: rows are the true classes, columns the predicted ones.

    The right answers (diagonal) and the errors are coloured on separate scales: on a common one,
    a hundred right answers for each error would leave all errors white. Cells with 0 stay empty.
    With very many classes (some hundred) the cells are too small for numbers and only coloured.
    """
    counts = evaluation.confusion
    n_classes = len(counts)
    widest = len(str(counts.max()))
    cell = min(max(0.075 * widest + 0.14, 0.36, 4.4 / n_classes), 20 / n_classes)  # inches
    side = cell * n_classes
    figure = new_figure(side + 6, side + 6)  # room to measure the labels in; trimmed below
    axes = figure.add_axes(_box(figure, 3, 3, side, side))
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
    _trim(figure, axes)
    return figure


def _confusion_colours(counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the colour of each cell, ``(n_classes, n_classes, 3)``; a count of 0 is white.

    Blue stops at half its strength and orange at nine tenths: black numbers stay legible, and the
    errors stand out from the right answers.
    """
    from matplotlib.colors import to_rgb

    colours: NDArray[np.float64] = np.ones((*counts.shape, 3))
    right = np.eye(len(counts), dtype=bool)
    for cells, colour, strongest in ((right, BLUE, 0.5), (~right, ORANGE, 0.9)):
        share = counts[cells] / max(counts[cells].max(initial=0), 1)
        # One single error must show beside a confusion that happened a hundred times.
        strength = np.where(share > 0, strongest * (0.12 + 0.88 * share), 0)
        colours[cells] -= np.outer(strength, 1 - np.array(to_rgb(colour)))
    return np.rint(255 * colours).astype(np.uint8)


def _write_counts(axes: Axes, counts: NDArray[np.int64], size: float) -> None:
    """Write each count that is not 0 into its cell, ``size`` points high, if that is legible."""
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
    if max(_width(text) for text in texts) > 0.9 * cell:
        for text in texts:
            text.set_rotation(90)


def weights_figure(weights: NDArray[np.floating[Any]], image_shape: tuple[int, int]) -> Figure:
    """Draw what every neuron of the first layer looks for, one image a neuron, row by row.

    Parameters
    ----------
    weights : (n_features, n_neurons) floating
        The first layer's weights; ``n_features`` is height times width.
    image_shape : (height, width)
        How the features lie in the image.

    Returns
    -------
    Figure
        One picture that holds all neurons. Red weights are positive, blue ones negative, white is
        0. Each neuron has its own scale, up to its largest absolute weight: on a common scale a
        few strong neurons leave the others white.
    """
    height, width = image_shape
    n_neurons = weights.shape[1]
    columns = _columns(n_neurons, height / width)
    rows = math.ceil(n_neurons / columns)
    # About 1600 pixels in all, and 220 at most for one neuron. Each weight gets the same whole
    # number of them, unless even one would be too many.
    fitting = min(1600 / (columns * (width + 1)), 220 / width)
    zoom = round(fitting) or fitting
    tiles = _neuron_tiles(weights, image_shape, zoom)
    frame = max(1, round(zoom))
    # Neighbours share the frame between them.
    tile_height, tile_width = (length - frame for length in tiles.shape[1:3])
    margin, heading = 18, 84  # pixels
    figure = new_figure(
        max((columns * tile_width + frame + 2 * margin) / DPI, 4.6),
        (rows * tile_height + frame + margin + heading) / DPI,
    )
    # Pixel for pixel, and one by one: a large image inside of axes would be resampled as a whole,
    # in hundreds of megabytes.
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        figure.figimage(tile, margin + column * tile_width, margin + (rows - 1 - row) * tile_height)
    figure.text(
        *_box(figure, margin / DPI, 0.5 * heading / DPI)[:2],
        f"First-layer weights, one picture a neuron ({n_neurons:,})\n"
        "red: positive, blue: negative; each neuron on its own scale",
        va="center",
        fontsize=9,
        linespacing=1.5,
        color=INK,
    )
    return figure


def _neuron_tiles(
    weights: NDArray[np.floating[Any]], image_shape: tuple[int, int], zoom: float
) -> NDArray[np.uint8]:
    """Return each neuron's weights, ``zoom`` pixels each, as a framed picture.

    The frame is as thick as a weight. Returns ``(n_neurons, tile height, tile width, 3)`` uint8.
    """
    from matplotlib import colormaps
    from PIL import Image

    height, width = image_shape
    largest = np.abs(weights).max(axis=0)
    scaled = (weights / np.where(largest > 0, largest, 1)).T  # a neuron of zeros stays white
    size = max(1, round(zoom * width)), max(1, round(zoom * height))
    resampling = Image.Resampling.NEAREST if zoom >= 1 else Image.Resampling.BOX
    frame = max(1, round(zoom))
    tiles = np.full((len(scaled), size[1] + 2 * frame, size[0] + 2 * frame, 3), 190, np.uint8)
    for tile, neuron in zip(tiles, scaled.reshape(-1, height, width), strict=True):
        colours = colormaps["RdBu_r"](0.5 + 0.5 * neuron, bytes=True)[..., :3]
        picture = Image.fromarray(np.ascontiguousarray(colours)).resize(size, resampling)
        tile[frame:-frame, frame:-frame] = np.asarray(picture)
    return tiles


def _columns(n_tiles: int, tallness: float) -> int:
    """Return a number of columns that gives a square to wide grid with the fewest empty cells."""
    square = math.sqrt(n_tiles * tallness)
    candidates = range(max(1, math.ceil(square)), max(1, math.ceil(1.5 * square)) + 1)
    return min(n_tiles, min(candidates, key=lambda columns: -n_tiles % columns))


def mistakes_figure(
    images: NDArray[np.uint8],
    true_names: Sequence[str],
    predicted_names: Sequence[str],
    probabilities: Sequence[float] | NDArray[np.floating[Any]],
) -> Figure:
    """Draw misread images in the order given, each with what it is and what it was read as.

    Parameters
    ----------
    images : (k, height, width) uint8
        The images, 0 (black) to 255 (white), the surest mistake first; ``k`` may be 0.
    true_names, predicted_names : sequence of k str
        What each image is, and what the network read.
    probabilities : sequence of k float
        How sure the network was of what it read, 0 to 1.
    """
    if len(images) == 0:
        return message_figure("No mistakes: every sample was read right.")
    columns = max(len(images), 3)
    if columns > 6:
        columns = min((6, 5), key=lambda number: -len(images) % number)  # fewest empty places
    rows = math.ceil(len(images) / columns)
    captions = list(map(_caption, true_names, predicted_names, probabilities))
    n_lines = max(caption.count("\n") + 1 for caption in captions)
    cell_width, picture, heading = 1.75, 1.3, 0.45  # inches
    cell_height = picture + 0.22 + 0.14 * n_lines
    figure = new_figure(columns * cell_width, rows * cell_height + heading)
    figure.text(
        *_box(figure, 0.12, 0.5 * heading)[:2],
        "The surest mistakes, most confident first",
        va="center",
        fontsize=10,
        color=INK,
    )
    for number, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left, top = number % columns * cell_width, heading + number // columns * cell_height
        indent = 0.5 * (cell_width - picture)
        axes = figure.add_axes(_box(figure, left + indent, top, picture, picture))
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_axis_off()
        text = figure.text(
            *_box(figure, left + 0.5 * cell_width, top + picture + 0.06)[:2],
            caption,
            ha="center",
            va="top",
            fontsize=8,
            color=INK,
            parse_math=False,
        )
        _shrink(text, cell_width - 0.1)
    return figure


def images_figure(images: NDArray[np.uint8], names: Sequence[str]) -> Figure:
    """Draw images ``(k, height, width)``, eight in a row, each above the name of its class."""
    columns, cell, caption = min(8, len(images)), 0.95, 0.24  # inches
    rows = math.ceil(len(images) / columns)
    figure = new_figure(columns * cell + 0.15, rows * (cell + caption) + 0.15)
    for number, (image, name) in enumerate(zip(images, names, strict=True)):
        left = 0.15 + number % columns * cell
        top = 0.15 + number // columns * (cell + caption)
        _draw_image(figure, image, left, top, cell - 0.15)
        middle = left + 0.5 * (cell - 0.15)
        text = figure.text(
            *_box(figure, middle, top + cell - 0.1)[:2],
            shorten(name, 18),
            ha="center",
            va="top",
            fontsize=9,
            color=INK,
            parse_math=False,
        )
        _shrink(text, cell - 0.1)
    return figure


def versions_figure(original: NDArray[np.uint8], versions: NDArray[np.uint8]) -> Figure:
    """Draw an image ``(height, width)``, and beside it versions of it, ``(k, height, width)``.

    The versions are in two rows; the original is as high as both.
    """
    columns, cell, edge = math.ceil(len(versions) / 2), 0.9, 0.15  # inches
    large = 2 * cell - edge
    figure = new_figure(large + 3 * edge + columns * cell, 2 * cell + edge)
    _draw_image(figure, original, edge, edge, large)
    for number, image in enumerate(versions):
        left = large + 3 * edge + number % columns * cell
        _draw_image(figure, image, left, edge + number // columns * cell, cell - edge)
    return figure


def _draw_image(
    figure: Figure, image: NDArray[np.uint8], left: float, top: float, size: float
) -> None:
    axes = figure.add_axes(_box(figure, left, top, size, size))
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_axis_off()


def _caption(true_name: str, predicted_name: str, probability: float) -> str:
    """Say what an image is and what it was read as, on one line if the names are short."""
    true_name, predicted_name = shorten(true_name, 18), shorten(predicted_name, 18)
    # Rounding must not make a network certain that is not.
    percent = "> 99.9%" if probability > 0.9995 else f"{probability:.1%}"
    if len(true_name) + len(predicted_name) <= 4:
        return f"true {true_name}, read {predicted_name} ({percent})"
    return f"true {true_name}\nread {predicted_name}\n({percent})"


def new_figure(width: float, height: float) -> Figure:
    """Return an empty white figure, in inches, that can be measured and saved without a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def message_figure(message: str) -> Figure:
    """Return a small picture of one sentence, for when there is nothing else to draw."""
    figure = new_figure(5, 1.2)
    figure.text(0.5, 0.5, message, ha="center", va="center", fontsize=10, color=INK)
    return figure


def save_figure(draw: Callable[[], Figure], path: Path) -> None:
    """Write what ``draw`` returns as PNG, whole or not at all; the same figure, the same bytes."""
    with warnings.catch_warnings():
        # A class name in a script that the font lacks is drawn as boxes; that is no failure.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        figure = draw()
        write_whole(path, lambda beside: figure.savefig(beside, metadata={"Software": None}))


def _box(
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


def _trim(figure: Figure, axes: Axes) -> None:
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


def _width(text: Text) -> float:
    """Return how wide the text is drawn, in inches."""
    return float(text.get_window_extent().width) / DPI


def _shrink(text: Text, width: float) -> None:
    """Make the text small enough for ``width`` inches."""
    text.set_fontsize(float(text.get_fontsize()) * min(1, width / _width(text)))


def shorten(name: str, limit: int) -> str:
    """Return the name on one line with at most ``limit`` characters; the middle gives way."""
    name = " ".join(name.split())
    if len(name) <= limit:
        return name
    tail = (limit - 1) // 2
    return f"{name[: limit - 1 - tail]}…{name[-tail:]}"
