"""How a model reads a picture: in the form of the images that it was trained on.

Where these are like MNIST's, all characters are found; otherwise the picture is one character.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inknet.data.images import fit_image, grey_levels, read_image
from inknet.data.sources import PictureReader
from inknet.errors import InputError
from inknet.files import as_path
from inknet.photo.answer import Answer
from inknet.photo.character import prepare
from inknet.photo.fitting import SIDE
from inknet.photo.grid import checked_shape, longest_side, read_grid
from inknet.photo.opening import (
    LONGEST,
    Picture,
    as_image,
    open_picture,
    open_with_shape,
    picture_of,
)
from inknet.photo.several import read_sheet
from inknet.photo.sheet import Character, Numbers, Recognize, Sheet, scaled
from inknet.photo.verdicts import (
    FAMILIAR,
    NO_DIGIT,
    in_words,
    is_shade,
    share_outside,
    verdict_of_character,
    verdict_of_picture,
)
from inknet.scale import Deslanting

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NO_IMAGES = "this model was not trained on images"


class Reading(Answer):
    """What a model reads in a picture; it can be drawn, and shows itself in a notebook.

    See `Answer` for its attributes.
    """

    def figure(self) -> Figure:
        """Draw the steps from the picture to the images, and the answers.

        Returns
        -------
        matplotlib.figure.Figure
            A notebook shows it.
        """
        from inknet.photo.drawing import reading_figure

        return reading_figure(self)

    def plot(self, path: str | Path) -> None:
        """Write the picture of `figure`.

        Parameters
        ----------
        path : str or Path
            The file, a PNG.
        """
        from inknet.photo.drawing import plot_reading

        plot_reading(self, path)

    def _repr_html_(self) -> str:
        from inknet.photo.drawing import reading_html

        return reading_html(self)


def picture_reader(fitting: Mapping[str, Any] | None) -> PictureReader:
    """Return how a model reads pictures.

    Parameters
    ----------
    fitting
        About the images that it was trained on: their ``shape``, ``(height, width)``; whether they
        are dark ink on a ``light_background``, None if it is not clear; and whether to ``crop``
        pictures to their ink, as MNIST's were. None if it was not trained on images.

    Raises
    ------
    InputError
        If it was not trained on images.
    """
    if fitting is None:
        raise InputError(NO_IMAGES)

    def prepared(path: Path) -> NDArray[np.uint8]:
        image = prepare(open_picture(path))
        return 255 - image if fitting["light_background"] else image

    def fitted(path: Path) -> NDArray[np.uint8]:
        return fit_image(read_image(path), **fitting)

    return prepared if are_like_mnist(fitting) else fitted


def are_like_mnist(fitting: Mapping[str, Any] | None) -> bool:
    """Return whether a model learned from images of the form that `prepare` makes."""
    return fitting is not None and bool(fitting["crop"]) and fitting["shape"] == (SIDE, SIDE)


def read_pictures(paths: Iterable[str | Path], read: PictureReader) -> NDArray[np.uint8]:
    """Read pictures as images ``(n, height, width)``.

    Raises
    ------
    InputError
        Naming the picture that cannot be read or is blank; or if there are none.
    """
    images = []
    for path in map(as_path, paths):
        images.append(read(path))
        if images[-1].min() == images[-1].max():
            raise InputError(f"{path}: blank, there is no ink on it")
    if not images:
        raise InputError("there are no pictures to read")
    return np.stack(images)


def read(
    picture: str | Path | NDArray[Any],
    fitting: Mapping[str, Any] | None,
    class_names: Sequence[str],
    recognize: Recognize,
    grid: tuple[int, int] | None = None,
    deslanting: Deslanting | None = None,
) -> Reading:
    """Read a picture, see `MLP.read`.

    Parameters
    ----------
    picture
        A file, or pixels ``(height, width)`` or ``(height, width, 3 or 4)`` uint8.
    fitting
        About the images of the training, see `picture_reader`.
    class_names
        Of the model.
    recognize
        The network, for images as those of its training.
    grid
        The number of rows and of columns of a sheet of squares, each with one character or none;
        see `inknet.photo.grid`.
    deslanting
        How the model deslants images, for the picture of the steps.

    Raises
    ------
    InputError
        If the picture cannot be read, or the model was not trained on images.
    """
    if fitting is None:
        raise InputError(NO_IMAGES)
    if grid is not None:
        grid = checked_shape(grid)
        if not are_like_mnist(fitting):
            raise InputError("a grid can be read only by a model of images like MNIST's, 28×28")
    name, colours, shape = _opened(picture, LONGEST if grid is None else longest_side(grid))
    if are_like_mnist(fitting):

        def of_light_ink(images: NDArray[np.uint8]) -> tuple[Numbers, Numbers, Numbers]:
            return recognize(255 - images if fitting["light_background"] else images)

        if grid is None:
            sheet = read_sheet(colours, of_light_ink)
        else:
            sheet = read_grid(colours, grid, of_light_ink)
    else:
        if isinstance(picture, str | Path):
            grey = read_image(as_path(picture))
        else:
            grey = grey_levels(as_image(np.asanyarray(picture)))
        sheet = _as_one(fit_image(grey, **fitting), colours.shape, recognize)
    if deslanting is not None and are_like_mnist(fitting):
        deslanting = deslanting._replace(is_light=False)  # of characters, which are light ink here
    judged = _judged(sheet, name, colours, shape, class_names)
    return replace(judged, grid=grid, deslanting=deslanting)


def _opened(
    picture: str | Path | NDArray[Any], longest: int
) -> tuple[str | None, Picture, tuple[int, int]]:
    """Return the name of a picture, its colours, and its height and width."""
    if isinstance(picture, str | Path):
        return str(picture), *open_with_shape(as_path(picture), longest)
    try:
        pixels = np.asanyarray(picture)
    except ValueError:
        raise InputError("the picture has rows of different lengths; expected an array") from None
    return None, picture_of(pixels, longest), (pixels.shape[0], pixels.shape[1])


def _as_one(image: NDArray[np.uint8], shape: tuple[int, ...], recognize: Recognize) -> Sheet:
    """Return a sheet with one character that fills the picture, or none if it is blank."""
    strokes = np.ones(shape[:2], bool)
    if image.min() == image.max():
        return Sheet([], strokes, 0)
    (probabilities,), (familiarity,), (agreement,) = recognize(image[None])
    box = (0, 0, shape[0], shape[1])
    return Sheet(
        [[Character(box, image, probabilities, float(familiarity), float(agreement))]], strokes, 1
    )


def _judged(
    sheet: Sheet,
    name: str | None,
    colours: Picture,
    shape: tuple[int, int],
    class_names: Sequence[str],
) -> Reading:
    """Return what was found with the verdicts, in words, and boxes in the picture's own pixels."""
    verdicts = [
        verdict_of_character(one.confidence, one.familiarity, one.support, sheet.guarded)
        for one in sheet.characters
    ]
    characters = zip(sheet.characters, verdicts, strict=True)
    accepted = [one.box for one, verdict in characters if verdict != NO_DIGIT]
    outside = share_outside(sheet.strokes, accepted)
    if is_shade(sheet.signs, sheet.strength):
        sheet, verdicts = replace(sheet, rows=[]), []
    read = [one.support for one in sheet.characters if one.familiarity >= FAMILIAR]
    verdict, reason = verdict_of_picture(
        verdicts, sheet, support=prod(read), outside=outside, guarded=sheet.guarded
    )
    scale = shape[0] / colours.shape[0], shape[1] / colours.shape[1]
    in_order = iter(verdicts)
    rows = [
        [
            replace(
                one,
                box=scaled(one.box, *scale),
                label=class_names[int(one.probabilities.argmax())],
                verdict=in_words(next(in_order), class_names),
            )
            for one in row
        ]
        for row in sheet.rows
    ]
    words = in_words(verdict, class_names)
    return Reading(name, words, reason, rows, class_names, colours, shape)
