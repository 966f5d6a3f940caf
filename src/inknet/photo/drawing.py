"""The picture of a reading: the steps from the photo to the image, and what the network answers.

For one character all steps are shown; for several, the picture with a box around each, and the
image of each with its three most probable classes.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inknet.errors import printable
from inknet.photo.answer import Answer, percent
from inknet.photo.character import steps
from inknet.photo.sheet import Character
from inknet.photo.verdicts import UNSURE
from inknet.report.figures import (
    BLUE,
    INK,
    ORANGE,
    PALE,
    fractions,
    new_figure,
    own_settings,
    png_of,
    save_figure,
    shorten,
    shrink,
    uri_of,
)
from inknet.report.images import draw_image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.generic]

GREY = "#6E6E6E"
MARGIN, HEADING, PANEL, GAP = 0.25, 0.85, 1.5, 0.2
"""Inches: around all, for the two lines above, the side of a step, and between two steps."""
BARS = 2.1
"""How wide the answers next to the steps are, in inches."""
SHEET = 7.4, 5.0
"""A picture of several characters is at most so wide and high, in inches."""
LEAST_SHEET = 1.6
"""A picture that is very long is at least so high or wide."""
TILE, CAPTION, COLUMNS = 0.72, 0.56, 10
"""The image of one of several characters, its three lines, and how many there are in a row."""
MOST_ROWS = 6
"""The images of more rows follow each other as if they were one."""
N_ANSWERS = 3

NAMES = {
    "picture": "the picture",
    "ink": "ink, whatever the light",
    "strokes": "strokes, without lines",
    "character": "the character",
    "stroke width": "strokes wide enough",
    "image": "the image, {} × {}",
    "upright": "deslanted",
}


def plot_reading(reading: Answer, path: str | Path) -> None:
    """Write the picture of a reading as PNG; see `reading_figure`."""
    save_figure(lambda: reading_figure(reading), path)


def reading_html(reading: Answer) -> str:
    """Return the picture of a reading as an element of HTML that needs no other file."""
    figure = reading_figure(reading)
    text = escape(printable(f"{_name(reading)}: {reading.in_a_line()}"))
    uri = uri_of(png_of(lambda: figure))
    width = round(float(figure.get_size_inches()[0]) * 96)  # CSS pixels
    return (
        f'<img src="{uri}" alt="{text}" title="{text}" style="width: {width}px; max-width: 100%">'
    )


@own_settings()
def reading_figure(reading: Answer) -> Figure:
    """Draw a reading.

    One character, or none, is shown in steps from the picture to the image, which is what the
    network gets, next to its three most probable classes. Of several, each has a box in the
    picture: blue if it is surely read, orange if not, and grey if it is no character.
    """
    if len(reading.characters) > 1:
        return _of_several(reading)
    return _of_one(reading)


def _of_one(reading: Answer) -> Figure:
    one = reading.characters[0] if reading.characters else None
    shown = list(steps(reading.picture))
    if one is None:
        shown = shown[:-1]  # there is no image
    elif not np.array_equal(shown[-1][1], one.image):  # a model of other images has its own way
        shown = [shown[0], ("image", one.image)]
    if one is not None and reading.deslanting is not None:
        shown.append(("upright", _seen(reading, one)))
    width = len(shown) * (PANEL + GAP) - GAP + 2 * MARGIN + (GAP + BARS if one is not None else 0)
    figure = new_figure(max(width, 5.0), HEADING + PANEL + 0.3 + MARGIN)
    _draw_heading(figure, reading)
    strokes = None
    for number, (name, values) in enumerate(shown):
        left = MARGIN + number * (PANEL + GAP)
        pixels, is_smooth = _pixels(name, values, strokes)
        place = draw_image(figure, pixels, left, HEADING, PANEL, smooth=is_smooth)
        _frame(figure, place, PALE)
        strokes = values if name == "strokes" else strokes
        if name == "picture" and one is not None and len(shown) > 2:
            _draw_boxes(figure, reading, place)
        caption = NAMES[name].format(*values.shape)
        _text(figure, left + PANEL / 2, HEADING + PANEL + 0.06, caption, 8, ha="center", va="top")
        if number:
            _text(figure, left - GAP / 2, HEADING + PANEL / 2, "›", 13, ha="center", va="center")
    if one is not None:
        _draw_answers(figure, reading, one, MARGIN + len(shown) * (PANEL + GAP))
    return figure


def _seen(reading: Answer, one: Character) -> NDArray[np.uint8]:
    """Return the image of a character as the network gets it."""
    if reading.deslanting is None:
        return one.image
    image: NDArray[np.uint8] = reading.deslanting.apply(one.image.reshape(1, -1))
    return image.reshape(one.image.shape)


def _pixels(name: str, values: Array, strokes: Array | None) -> tuple[NDArray[np.uint8], bool]:
    """Return what is drawn of a step, and whether it may be smoothed."""
    if name in ("picture", "image", "upright"):
        return values.astype(np.uint8), name == "picture"
    ink = values.astype(np.float32).clip(0, 1)
    pixels = np.repeat((255 - 219 * ink)[:, :, None], 3, axis=2)
    if name == "character" and strokes is not None:  # what was left out remains visible
        pixels[np.asarray(strokes, bool) & ~np.asarray(values, bool)] = (240, 178, 140)
    return pixels.astype(np.uint8), name != "stroke width"


def _draw_answers(figure: Figure, reading: Answer, one: Character, left: float) -> None:
    """Draw the three most probable classes of the one character as bars."""
    answers = reading.likeliest(one, N_ANSWERS)
    short = [shorten(printable(name), 12) for name, _ in answers]
    indent = 0.12 + 0.09 * max(map(len, short))
    step = PANEL / max(N_ANSWERS, len(answers))
    longest = BARS - indent - 0.62
    for number, (name, (_, probability)) in enumerate(zip(short, answers, strict=True)):
        middle = HEADING + (number + 0.5) * step
        colour = _colour(reading, one) if number == 0 else GREY
        weight = "bold" if number == 0 else "normal"
        _text(
            figure, left + indent - 0.08, middle, name, 12, ha="right", va="center", weight=weight
        )
        _bar(figure, left + indent, middle - 0.11, longest, 0.22, "#F0F0F0")
        _bar(figure, left + indent, middle - 0.11, max(longest * probability, 0.01), 0.22, colour)
        end = left + indent + longest + 0.07
        _text(figure, end, middle, percent(probability), 9, va="center", weight=weight)
    caption = "the network's answer"
    _text(figure, left + indent, HEADING + PANEL + 0.06, caption, 8, va="top")


def _of_several(reading: Answer) -> Figure:
    height, width = reading.picture.shape[:2]
    scale = min(SHEET[0] / width, SHEET[1] / height)
    if min(height, width) * scale < LEAST_SHEET:
        scale = min(LEAST_SHEET / min(height, width), 2 * max(SHEET) / max(height, width))
    rows = reading.rows if len(reading.rows) <= MOST_ROWS else [reading.characters]
    columns = min(COLUMNS, max(len(row) for row in rows))
    tiles_width = columns * (TILE + GAP) - GAP
    tiles_height = sum(-(-len(row) // columns) for row in rows) * (TILE + CAPTION)
    sheet_width, sheet_height = width * scale, height * scale
    is_beside = height > width and sheet_width + 2 * GAP + tiles_width <= 2 * SHEET[0]
    if is_beside:
        inside = sheet_width + 2 * GAP + tiles_width
        below = max(sheet_height, tiles_height)
        sheet_left, tiles = MARGIN, (MARGIN + sheet_width + 2 * GAP, HEADING)
    else:
        inside = max(sheet_width, tiles_width, 4.5)
        below = sheet_height + 0.3 + tiles_height
        sheet_left = MARGIN + (inside - sheet_width) / 2
        tiles = (MARGIN + (inside - tiles_width) / 2, HEADING + sheet_height + 0.3)
    figure = new_figure(max(inside, 4.5) + 2 * MARGIN, HEADING + below + MARGIN)
    _draw_heading(figure, reading)
    longest = max(sheet_height, sheet_width)
    place = draw_image(
        figure, reading.picture, sheet_left, HEADING, longest, smooth=True, in_middle=False
    )
    _frame(figure, place, PALE)
    _draw_boxes(figure, reading, place)
    left, top = tiles
    for row in rows:
        for position, one in enumerate(row):
            line, column = divmod(position, columns)
            x, y = left + column * (TILE + GAP), top + line * (TILE + CAPTION)
            _draw_tile(figure, reading, one, x, y)
        top += -(-len(row) // columns) * (TILE + CAPTION)
    return figure


def _draw_tile(figure: Figure, reading: Answer, one: Character, left: float, top: float) -> None:
    """Draw the image of one of several characters, and its three most probable classes."""
    spot = draw_image(figure, _seen(reading, one), left, top, TILE)
    _frame(figure, spot, _colour(reading, one), 1.6)
    for rank, (name, probability) in enumerate(reading.likeliest(one, N_ANSWERS)):
        text = f"{shorten(printable(name), 8)}  {percent(probability)}"
        x, y = left + TILE / 2, top + TILE + 0.06 + 0.14 * rank
        if rank == 0:
            _text(figure, x, y, text, 8, ha="center", va="top", weight="bold")
        else:
            _text(figure, x, y, text, 6.5, ha="center", va="top", color=GREY)


Place = tuple[float, float, float, float]
"""Left, top, width and height in inches from the upper left corner."""


def _draw_heading(figure: Figure, reading: Answer) -> None:
    """Write the name of the picture, and what it says."""
    room = float(figure.get_size_inches()[0]) - 2 * MARGIN
    name = shorten(printable(_name(reading)), 60)
    _text(figure, MARGIN, 0.16, name, 9, va="top", color=GREY, room=room)
    said = printable(reading.in_a_line())
    _text(figure, MARGIN, 0.36, said, 14, va="top", weight="bold", room=room)


def _name(reading: Answer) -> str:
    return "a picture" if reading.image is None else Path(reading.image).name


def _draw_boxes(figure: Figure, reading: Answer, place: Place) -> None:
    """Draw the boxes of the characters into the picture, with labels if there are several."""
    left, top, width, height = place
    rows, columns = height / reading.shape[0], width / reading.shape[1]
    for one in reading.characters:
        colour = _colour(reading, one)
        first_row, first_column, last_row, last_column = one.box
        y, x = top + first_row * rows, left + first_column * columns
        box = x, y, (last_column - first_column) * columns, (last_row - first_row) * rows
        _frame(figure, _grown(box, 0.025), colour, 1.3)
        if len(reading.characters) > 1:
            size = min(11.0, max(5.0, 72 * 0.3 * box[3]))
            text = figure.text(
                *fractions(figure, x, y - 0.05)[:2],
                shorten(printable(one.label), 8) if reading.is_read(one) else "?",
                fontsize=size,
                color="white",
                weight="bold",
                va="bottom",
                parse_math=False,
            )
            text.set_bbox({"facecolor": colour, "edgecolor": "none", "pad": 1.2})


def _colour(reading: Answer, one: Character) -> str:
    """Return the colour of a character's verdict."""
    if not reading.is_read(one):
        return GREY
    return ORANGE if one.verdict == UNSURE else BLUE


def _grown(place: Place, by: float) -> Place:
    left, top, width, height = place
    return left - by, top - by, width + 2 * by, height + 2 * by


def _frame(figure: Figure, place: Place, colour: str, thickness: float = 0.8) -> None:
    _rectangle(figure, place, fill=False, edgecolor=colour, linewidth=thickness)


def _bar(figure: Figure, left: float, top: float, width: float, height: float, colour: str) -> None:
    _rectangle(figure, (left, top, width, height), facecolor=colour, linewidth=0)


def _rectangle(figure: Figure, place: Place, **options: Any) -> None:
    from matplotlib.patches import Rectangle

    left, bottom, width, height = fractions(figure, *place)
    patch = Rectangle((left, bottom), width, height, transform=figure.transFigure, **options)
    figure.add_artist(patch)


def _text(
    figure: Figure,
    left: float,
    top: float,
    text: str,
    size: float,
    *,
    room: float | None = None,
    color: str = INK,
    **options: Any,
) -> None:
    """Write a text that begins, or has its middle, in a place in inches; shrunk to fit."""
    drawn = figure.text(
        *fractions(figure, left, top)[:2],
        text,
        fontsize=size,
        color=color,
        parse_math=False,
        **options,
    )
    if room is not None:
        shrink(drawn, room)
