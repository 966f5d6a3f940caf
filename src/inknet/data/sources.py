"""`load`, the one function for all sources of data: a SOURCE is a name or a path."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from inknet.data.classes import renamed, without_absent_classes
from inknet.data.csv_file import load_csv
from inknet.data.dataset import Dataset
from inknet.data.emnist import as_emnist, split_in
from inknet.data.idx import images_in, load_idx
from inknet.data.image_folder import load_image_folder
from inknet.data.layout import transposed
from inknet.data.mnist import load_mnist
from inknet.data.npz import load_npz
from inknet.data.public import PUBLISHED, load_published
from inknet.data.sample import load_sample
from inknet.data.writers import KNOWN, WRITERS, with_writers
from inknet.errors import InputError, quoted
from inknet.files import as_path
from inknet.groups.dividing import NoGroupsError

PictureReader: TypeAlias = Callable[[Path], NDArray[np.uint8]]
"""From the file of a picture to an image ``(height, width)``."""


NAMED: dict[str, Callable[[], Dataset]] = {"mnist": load_mnist, "sample": load_sample}
"""How sources that have a name are loaded, besides those in `PUBLISHED`."""
TABLES = (".csv", ".tsv", ".data")
EXPECTED = (
    f"a SOURCE is {', '.join([*NAMED, *PUBLISHED])}, or the path of a table (.csv, .tsv, also "
    "gzipped), an IDX file or a folder of them, an .npz, or a folder of class folders of images"
)


def load(
    source: str | Path,
    read: PictureReader | None = None,
    *,
    label: str | None = None,
    transpose: bool | None = None,
    class_names: Sequence[str] | None = None,
    groups: str | None = None,
) -> Dataset:
    """Load a SOURCE.

    Parameters
    ----------
    source : str or Path
        A name from `source_names`, such as ``"mnist"`` or ``"sample"``, or a path: a table
        (`load_csv`), an IDX file of images, a folder of IDX files, an ``.npz``, or a folder with
        one folder of images for each class. To load a file called ``mnist``, pass ``"./mnist"`` or
        a ``Path``. In this and every other path, ``~`` and ``~user`` are home folders.
    read : callable, optional
        How a model that is to be evaluated reads a picture, see `MLP.picture_reader`; for a folder
        of images.
    label : str, optional
        Which column of a table has the labels: its name, ``first`` or ``last``.
    transpose : bool, optional
        Whether rows and columns of images are exchanged; without it, those of EMNIST are, whose
        files are known by their names.
    class_names : sequence of str, optional
        Names for the classes, in the order of their labels, or of the numbers from 0 on.
    groups : str, optional
        What has the group of each sample: the name of a column of a table, which is then no
        feature, or of an array of an ``.npz``; or ``writers``, of ``"mnist"`` and ``"qmnist"``. An
        ``.npz`` with an array ``groups`` needs no name.

    Returns
    -------
    Dataset
        All samples of the source, with its own test set last.

    Raises
    ------
    SourceUnavailableError
        If the source is a name and its files can neither be found nor downloaded; for ``"mnist"``,
        `MnistUnavailableError`.
    NoGroupsError
        If the source has no such groups.
    InputError
        If there is no such source, or something is wrong with it.
    """
    dataset = _load(source, read, label, transpose, groups)
    if transpose:
        dataset = transposed(dataset)
    if class_names is not None:
        dataset = renamed(dataset, class_names)
    return without_absent_classes(dataset)


def _load(
    source: str | Path,
    read: PictureReader | None,
    label: str | None,
    transpose: bool | None,
    groups: str | None,
) -> Dataset:
    if isinstance(source, str) and source in source_names():
        _refuse_label(source, label)
        if groups not in (None, WRITERS):
            raise _no_groups(source, groups)
        if source in PUBLISHED:
            dataset = load_published(PUBLISHED[source], transpose)
        else:
            dataset = NAMED[source]()
        return dataset if groups is None else with_writers(dataset, source)
    if source == "":
        raise InputError(f"the source is empty; {EXPECTED}")
    path = as_path(source)
    try:
        return _load_path(path, read, label, transpose, groups)
    except MemoryError:
        raise InputError(f"{path}: does not fit in memory") from None
    except OSError as error:  # from listing a folder; the readers turn their own into InputError
        raise InputError(f"{error.filename or path}: {error.strerror or error}") from error


def is_table(source: str | Path) -> bool:
    """Return whether a source is the file of a table, by its name."""
    return _bare_name(source).endswith(TABLES)


def _bare_name(source: str | Path) -> str:
    return Path(source).name.lower().removesuffix(".gz").removesuffix(".xz")


def source_names() -> list[str]:
    """Return the names of all sources that have one."""
    return [*NAMED, *PUBLISHED]


def _load_path(
    path: Path,
    read: PictureReader | None,
    label: str | None,
    transpose: bool | None,
    groups: str | None,
) -> Dataset:
    """Load a file or folder; EMNIST is known by the names of its files."""
    if path.is_dir():
        _refuse_label(path, label)
        if groups is not None:
            raise _no_groups(path, groups)
        names = [image.name for image in images_in(path)]
        dataset = load_idx(path) if names else load_image_folder(path, read)
    else:
        names, dataset = [path.name], _load_file(path, label, groups)
    split = split_in(names)
    return dataset if split is None else as_emnist(dataset, split, transpose)


def _load_file(path: Path, label: str | None, groups: str | None) -> Dataset:
    """Choose the reader by the end of the name."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; {EXPECTED}")
    if not path.is_file():
        raise InputError(f"{path}: neither a file nor a folder; {EXPECTED}")
    if is_table(path):
        return load_csv(path, label, groups)
    _refuse_label(path, label)
    name = _bare_name(path)
    if name.endswith(".npz"):
        return load_npz(path, groups)
    if groups is not None:
        raise _no_groups(path, groups)
    if "idx" in name:
        return load_idx(path)
    raise InputError(f"{path}: not a kind of file that inknet reads; {EXPECTED}")


def _no_groups(source: object, groups: str | None) -> NoGroupsError:
    return NoGroupsError(
        f"{source}: has no groups {quoted(groups)!r}; a table has them in a column, an .npz in an "
        f"array, and {' and '.join(KNOWN)} know their {WRITERS}"
    )


def _refuse_label(source: object, label: str | None) -> None:
    """Refuse to choose a column of what has none."""
    if label is not None:
        raise InputError(f"{source}: no table, so it has no column {quoted(label)!r} for the label")
