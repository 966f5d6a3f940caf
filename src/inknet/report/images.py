"""The pictures of images: neurons of the first layer, mistakes, samples and distortions.

Each picture is two functions: ``…_figure`` draws it, ``plot_…`` writes it as a PNG.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inknet.report.figures import (
    DPI,
    INK,
    fractions,
    message_figure,
    new_figure,
    own_settings,
    save_figure,
    shorten,
    shrink,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_weights(
    weights: NDArray[np.floating[Any]], image_shape: tuple[int, int], path: str | Path
) -> None:
    """Write ``weights.png``: each neuron of the first layer as an image; see `weights_figure`."""
    save_figure(lambda: weights_figure(weights, image_shape), path)


def plot_mistakes(
    images: NDArray[np.uint8],
    true_names: Sequence[str],
    predicted_names: Sequence[str],
    probabilities: Sequence[float] | NDArray[np.floating[Any]],
    path: str | Path,
) -> None:
    """Write ``mistakes.png``: misread images and what they are; see `mistakes_figure`."""
    save_figure(lambda: mistakes_figure(images, true_names, predicted_names, probabilities), path)


def plot_images(images: NDArray[np.uint8], names: Sequence[str], path: str | Path) -> None:
    """Write images ``(k, height, width)``, each above its name; see `images_figure`."""
    save_figure(lambda: images_figure(images, names), path)


def plot_versions(
    original: NDArray[np.uint8], versions: NDArray[np.uint8], path: str | Path
) -> None:
    """Write an image and distorted versions of it; see `versions_figure`."""
    save_figure(lambda: versions_figure(original, versions), path)


@own_settings()
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
    # About 1600 pixels in total, and 220 at most for one neuron. Each weight gets the same whole
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
    # Pixel for pixel, and one by one: a large image inside axes would be resampled as a whole,
    # in hundreds of megabytes.
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        figure.figimage(tile, margin + column * tile_width, margin + (rows - 1 - row) * tile_height)
    figure.text(
        *fractions(figure, margin / DPI, 0.5 * heading / DPI)[:2],
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


@own_settings()
def mistakes_figure(
    images: NDArray[np.uint8],
    true_names: Sequence[str],
    predicted_names: Sequence[str],
    probabilities: Sequence[float] | NDArray[np.floating[Any]],
) -> Figure:
    """Draw misread images in the order given, each with its true and its predicted class.

    Parameters
    ----------
    images : (k, height, width) uint8
        The images, 0 (black) to 255 (white), the most confident mistake first; ``k`` may be 0.
    true_names, predicted_names : sequence of k str
        The true class of each image, and the predicted one.
    probabilities : sequence of k float
        The probability of the predicted class, 0 to 1.
    """
    if len(images) == 0:
        return message_figure("No mistakes: every sample was read correctly.")
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
        *fractions(figure, 0.12, 0.5 * heading)[:2],
        "The most confident mistakes, from left to right",
        va="center",
        fontsize=10,
        color=INK,
    )
    for number, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left, top = number % columns * cell_width, heading + number // columns * cell_height
        indent = 0.5 * (cell_width - picture)
        draw_image(figure, image, left + indent, top, picture)
        text = figure.text(
            *fractions(figure, left + 0.5 * cell_width, top + picture + 0.06)[:2],
            caption,
            ha="center",
            va="top",
            fontsize=8,
            color=INK,
            parse_math=False,
        )
        shrink(text, cell_width - 0.1)
    return figure


@own_settings()
def images_figure(images: NDArray[np.uint8], names: Sequence[str]) -> Figure:
    """Draw images ``(k, height, width)``, eight in a row, each above the name of its class."""
    columns, cell, caption = min(8, len(images)), 0.95, 0.24  # inches
    rows = math.ceil(len(images) / columns)
    figure = new_figure(columns * cell + 0.15, rows * (cell + caption) + 0.15)
    for number, (image, name) in enumerate(zip(images, names, strict=True)):
        left = 0.15 + number % columns * cell
        top = 0.15 + number // columns * (cell + caption)
        draw_image(figure, image, left, top, cell - 0.15)
        middle = left + 0.5 * (cell - 0.15)
        text = figure.text(
            *fractions(figure, middle, top + cell - 0.1)[:2],
            shorten(name, 18),
            ha="center",
            va="top",
            fontsize=9,
            color=INK,
            parse_math=False,
        )
        shrink(text, cell - 0.1)
    return figure


@own_settings()
def versions_figure(original: NDArray[np.uint8], versions: NDArray[np.uint8]) -> Figure:
    """Draw an image ``(height, width)``, and next to it versions of it, ``(k, height, width)``.

    The versions are in two rows; the original is as high as both.
    """
    columns, cell, edge = math.ceil(len(versions) / 2), 0.9, 0.15  # inches
    large = 2 * cell - edge
    figure = new_figure(large + 3 * edge + columns * cell, 2 * cell + edge)
    draw_image(figure, original, edge, edge, large)
    for number, image in enumerate(versions):
        left = large + 3 * edge + number % columns * cell
        draw_image(figure, image, left, edge + number // columns * cell, cell - edge)
    return figure


def draw_image(
    figure: Figure,
    image: NDArray[np.uint8],
    left: float,
    top: float,
    size: float,
    *,
    smooth: bool = False,
    in_middle: bool = True,
) -> tuple[float, float, float, float]:
    """Draw an image in a square, in inches, as large as fits.

    Parameters
    ----------
    image : (height, width), or (height, width, 3) uint8
    left, top, size
        Of the square.
    smooth
        Whether its pixels are interpolated.
    in_middle
        Whether it is in the middle of the square, or in its upper left corner.

    Returns
    -------
    left, top, width, height
        Of the image, in inches.
    """
    from matplotlib.colors import Normalize
    from matplotlib.image import BboxImage
    from matplotlib.transforms import Bbox, TransformedBbox

    height, width = (size * length / max(image.shape[:2]) for length in image.shape[:2])
    if in_middle:
        left, top = left + 0.5 * (size - width), top + 0.5 * (size - height)
    place = Bbox.from_bounds(*fractions(figure, left, top, width, height))
    # An axes for each image, with ticks that nobody sees, would take ten times as long.
    drawn = BboxImage(
        TransformedBbox(place, figure.transFigure),
        cmap="gray",
        norm=Normalize(0, 255),
        interpolation="antialiased" if smooth else "nearest",
    )
    drawn.set_data(image)
    figure.add_artist(drawn)
    return left, top, width, height


def _caption(true_name: str, predicted_name: str, probability: float) -> str:
    """Return the true and the predicted class as text, on one line if the names are short."""
    true_name, predicted_name = shorten(true_name, 18), shorten(predicted_name, 18)
    # Rounding must not show 100 % for less.
    percent = "> 99.9%" if probability > 0.9995 else f"{probability:.1%}"
    if len(true_name) + len(predicted_name) <= 4:
        return f"true {true_name}, read {predicted_name} ({percent})"
    return f"true {true_name}\nread {predicted_name}\n({percent})"
