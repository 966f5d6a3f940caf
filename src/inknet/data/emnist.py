"""EMNIST: its images come with rows and columns exchanged, and its labels are numbers of a list.

Cohen, Afshar, Tapson and van Schaik 2017, EMNIST: an extension of MNIST to handwritten letters. The
lists are those of its files ``emnist-…-mapping.txt``. Where capital and small letters share a
class, it has the name of the capital.
"""

from __future__ import annotations

import re
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits

from inknet.data.classes import renamed
from inknet.data.dataset import Dataset
from inknet.data.layout import transposed

MERGED = (*digits, *ascii_uppercase, *"abdefghnqrt")
CLASS_NAMES = {
    "balanced": MERGED,
    "bymerge": MERGED,
    "byclass": (*digits, *ascii_uppercase, *ascii_lowercase),
    "letters": ("none", *ascii_uppercase),  # numbered from 1
    "digits": tuple(digits),
    "mnist": tuple(digits),
}
FILE_NAME = re.compile(rf"emnist-({'|'.join(CLASS_NAMES)})-(?!.*\.npz$)")
"""An archive of NumPy was written by somebody's own program, which may have turned the images."""


def split_in(names: list[str]) -> str | None:
    """Return which split of EMNIST files are, by their names, or None if they are of another set.

    EMNIST comes as IDX files, ``emnist-letters-train-images-idx3-ubyte``, and as tables,
    ``emnist-letters-train.csv``.
    """
    found = {match[1] for name in names if (match := FILE_NAME.match(name.lower()))}
    return found.pop() if len(found) == 1 else None


def is_emnist(source: str) -> bool:
    """Return whether a source is EMNIST, by its name or that of its file."""
    return split_in([f"{Path(source).name}-"]) is not None


def as_emnist(dataset: Dataset, split: str, transpose: bool | None) -> Dataset:
    """Return a dataset of EMNIST upright, unless it is said how, and with its classes' names.

    One whose labels are not those of the split only has the name, and is returned unchanged.
    """
    if not all(name.isdecimal() for name in dataset.class_names):
        return dataset
    if max(map(int, dataset.class_names)) >= len(CLASS_NAMES[split]):
        return dataset
    names = tuple(CLASS_NAMES[split][int(name)] for name in dataset.class_names)
    dataset = renamed(dataset, names)
    return transposed(dataset) if transpose is None else dataset
