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
PARTS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""Names of folders that hold folders of classes. The validation part is joined to that for
training, because a recipe divides its own."""
LEFTOVERS = {"thumbs.db", "desktop.ini", "__macosx", "icon\r"}
"""What Windows and a Mac leave among pictures; hidden files are passed over too."""


def load_image_folder(
    folder: Path, read: Callable[[Path], NDArray[np.uint8]] | None = None
) -> Dataset:
    """Read all pictures in the class folders of a folder. Classes are sorted by name.

    If all pictures have the same size, of at most 64×64, they are used unchanged. Otherwise
    `fit_image` makes each one 28×28: cropped to light ink on a dark background, or resized whole
    if less than half of them have a plain border, as photographs of other things. Hidden files,
    what Windows and a Mac leave among pictures, and files outside the class folders are ignored.

    The class folders may be in two folders ``train`` and ``test`` (or ``training`` and
    ``testing``); the pictures in the second are then the official test set.

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
    parts = _parts_of(folder)
    places = [place for part in ("train", "validation", "test") for place in parts.get(part, [])]
    folders = {place: _class_folders(place, folder) for place in places}
    names = sorted({path.name for found in folders.values() for path in found})
    paths: list[Path] = []
    labels: list[int] = []
    n_test = 0
    for place, class_folders in folders.items():
        for class_folder in class_folders:
            found = _visible(class_folder, folder, folders=False)
            if not found:
                raise InputError(f"{class_folder}: a class folder without images")
            paths += found
            labels += [names.index(class_folder.name)] * len(found)
            n_test += len(found) if place in parts.get("test", []) else 0

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
        class_names=tuple(names),
        image_shape=first.shape,
        name=str(folder),
        n_official_test=n_test,
        is_scaled=True,
    )


def _parts_of(folder: Path) -> dict[str, list[Path]]:
    """Return the folders that hold folders of classes: those of a split, or the folder itself."""
    inside = _visible(folder, folder, folders=True)
    found = {
        part: [path for path in inside if path.name.lower() in names]
        for part, names in PARTS.items()
    }
    n_parts = sum(map(len, found.values()))
    is_split = n_parts == len(inside) and len(found["train"]) == len(found["test"]) == 1
    if not is_split or not all(_visible(path, folder, folders=True) for path in inside):
        return {"train": [folder]}
    return found


def _class_folders(place: Path, folder: Path) -> list[Path]:
    """Return the folders of the classes, by name."""
    class_folders = _visible(place, folder, folders=True)
    if not class_folders:
        raise InputError(f"{place}: expected folders of images, one for each class, found none")
    if len(class_folders) > MOST_CLASSES:
        raise InputError(
            f"{place}: {len(class_folders):,} folders of images, expected at most "
            f"{MOST_CLASSES:,}, one for each class"
        )
    return class_folders


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
    """List the entries of a folder that are no leftovers, by name; only folders if ``folders``."""
    entries = sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.name.lower() not in LEFTOVERS
    )
    for path in entries:
        refuse_link_out_of(root, path)
    return [path for path in entries if path.is_dir()] if folders else entries
