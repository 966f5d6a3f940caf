"""A folder with one folder of pictures for each class; the folder's name is the class name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.data.dataset import MOST_CLASSES, Dataset
from inknet.data.images import fit_image, has_plain_border, read_image, read_image_shape
from inknet.errors import InputError
from inknet.files import refuse_link_out_of

FITTED_SHAPE = (28, 28)
LARGEST_SIDE = 64  # pixels; larger pictures would need networks too large to train with NumPy
N_LOOKED_AT = 100  # pictures whose border is looked at


def load_image_folder(
    folder: Path, read: Callable[[Path], NDArray[np.uint8]] | None = None
) -> Dataset:
    """Read all pictures in the class folders of a folder. Classes are sorted by name.

    If all pictures have the same size, of at most 64×64, they are used unchanged. Otherwise
    `fit_image` makes each one 28×28: cropped to light ink on a dark background, or resized whole
    if less than half of them have a plain border, as photographs of other things. Hidden files and
    files outside the class folders are ignored.

    Parameters
    ----------
    folder
    read
        How a model that is to be evaluated reads a picture, see `inknet.data.load`.

    Raises
    ------
    InputError
        If a file is not a picture, a class folder is empty, a link leads out of the folder, or
        there are more than 4,000 classes; the message names it.
    """
    class_folders = _visible(folder, folder, folders=True)
    if not class_folders:
        raise InputError(f"{folder}: expected folders of images, one for each class, found none")
    if len(class_folders) > MOST_CLASSES:
        raise InputError(
            f"{folder}: {len(class_folders):,} folders of images, expected at most "
            f"{MOST_CLASSES:,}, one for each class"
        )
    paths: list[Path] = []
    labels: list[int] = []
    for label, class_folder in enumerate(class_folders):
        found = _visible(class_folder, folder, folders=False)
        if not found:
            raise InputError(f"{class_folder}: a class folder without images")
        paths += found
        labels += [label] * len(found)

    if read is None:
        read = _reader_for(paths)
    first = read(paths[0])
    images = np.empty((len(paths), *first.shape), np.uint8)
    images[0] = first
    for image, path in zip(images[1:], paths[1:], strict=True):
        image[:] = read(path)
    return Dataset(
        features=images.reshape(len(images), -1),
        labels=np.array(labels),
        class_names=tuple(class_folder.name for class_folder in class_folders),
        image_shape=first.shape,
        name=str(folder),
        is_scaled=True,
    )


def _reader_for(paths: list[Path]) -> Callable[[Path], NDArray[np.uint8]]:
    """Return how pictures to train with are read: unchanged, cropped to their ink, or resized."""
    shapes = {read_image_shape(path) for path in paths}
    if len(shapes) == 1 and max(max(shape) for shape in shapes) <= LARGEST_SIDE:
        return read_image
    whole: dict[str, Any] = {"crop": False, "light_background": None}
    arguments = whole if _are_photographs(paths) else {}
    return lambda path: fit_image(read_image(path), FITTED_SHAPE, **arguments)


def _are_photographs(paths: list[Path]) -> bool:
    """Return whether most of some pictures have no plain border, as ink on paper has."""
    some = paths[:: 1 + len(paths) // N_LOOKED_AT]
    return sum(has_plain_border(read_image(path)) for path in some) < len(some) / 2


def _visible(folder: Path, root: Path, *, folders: bool) -> list[Path]:
    """List the entries of a folder that are not hidden, by name; only folders if ``folders``."""
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    for path in entries:
        refuse_link_out_of(root, path)
    return [path for path in entries if path.is_dir()] if folders else entries
