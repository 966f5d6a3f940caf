"""A folder with one folder of pictures for each class; the folder's name is the class name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inknet.data.dataset import MOST_CLASSES, Dataset
from inknet.data.images import fit_image, has_plain_border, read_image, read_image_shape
from inknet.errors import InputError
from inknet.files import refuse_link_out_of

FITTED_SHAPE = (28, 28)
LARGEST_SIDE = 64  # pixels; larger pictures would need networks too large to train with NumPy
N_LOOKED_AT = 100  # pictures whose border is looked at


def load_image_folder(folder: Path, fitting: Mapping[str, Any] | None = None) -> Dataset:
    """Read all pictures in the class folders of a folder. Classes are sorted by name.

    If all pictures have the same size, of at most 64×64, they are used unchanged. Otherwise
    `fit_image` makes each one 28×28: cropped to light ink on a dark background, or resized whole
    if less than half of them have a plain border, as photographs of other things. Hidden files and
    files outside the class folders are ignored.

    Parameters
    ----------
    folder
    fitting
        Arguments of `fit_image` that make each picture like those that a model was trained on,
        unless all have their shape already.

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

    shapes = {read_image_shape(path) for path in paths}
    if fitting is None:
        unchanged = len(shapes) == 1 and max(max(shape) for shape in shapes) <= LARGEST_SIDE
        fitting = {"shape": shapes.pop() if unchanged else FITTED_SHAPE}
        whole = not unchanged and _are_photographs(paths)
        fitting |= {"crop": False, "light_background": None} if whole else {}
    else:
        unchanged = shapes == {fitting["shape"]}
    height, width = fitting["shape"]
    features = np.empty((len(paths), height, width), np.uint8)
    for image, path in zip(features, paths, strict=True):
        grey = read_image(path)
        image[:] = grey if unchanged else fit_image(grey, **fitting)
    return Dataset(
        features=features.reshape(len(paths), height * width),
        labels=np.array(labels),
        class_names=tuple(class_folder.name for class_folder in class_folders),
        image_shape=(height, width),
        name=str(folder),
        is_scaled=True,
    )


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
