"""How a model reads a picture from a file: in the form of the images that it was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inknet.data.images import fit_image, read_image
from inknet.data.sources import PictureReader
from inknet.photo.character import prepare
from inknet.photo.fitting import SIDE
from inknet.photo.opening import open_picture


def picture_reader(
    shape: tuple[int, int], light_background: bool | None, crop: bool
) -> PictureReader:
    """Return how a model reads pictures.

    Parameters
    ----------
    shape : (height, width)
        Of the images that it was trained on.
    light_background
        Whether they are dark ink on a light background; None if it is not clear.
    crop
        Whether they are cropped to their ink, as MNIST's, rather than whole pictures.
    """

    def prepared(path: Path) -> NDArray[np.uint8]:
        image = prepare(open_picture(path))
        return 255 - image if light_background else image

    def resized(path: Path) -> NDArray[np.uint8]:
        return fit_image(read_image(path), shape, light_background, crop=crop)

    return prepared if crop and shape == (SIDE, SIDE) else resized
