"""How a model reads a picture from a file: in the form of the images that it was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.data.images import fit_image, read_image
from inknet.data.sources import PictureReader
from inknet.errors import InputError
from inknet.files import as_path
from inknet.photo.character import prepare
from inknet.photo.fitting import SIDE
from inknet.photo.opening import open_picture


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
        raise InputError("this model was not trained on images")

    def prepared(path: Path) -> NDArray[np.uint8]:
        image = prepare(open_picture(path))
        return 255 - image if fitting["light_background"] else image

    def fitted(path: Path) -> NDArray[np.uint8]:
        return fit_image(read_image(path), **fitting)

    return prepared if fitting["crop"] and fitting["shape"] == (SIDE, SIDE) else fitted


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
