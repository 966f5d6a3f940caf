"""`load`, the one function for all sources of data: a SOURCE is a name or a path."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inknet.data.csv_file import load_csv
from inknet.data.dataset import Dataset
from inknet.data.idx import images_in, load_idx
from inknet.data.image_folder import load_image_folder
from inknet.data.mnist import load_mnist
from inknet.data.npz import load_npz
from inknet.data.sample import load_sample
from inknet.errors import InputError
from inknet.files import as_path

NAMED = {"mnist": load_mnist, "sample": load_sample}
EXPECTED = (
    "a SOURCE is mnist, sample, or the path of a Kaggle CSV (.csv, .csv.gz), an IDX file or a "
    "folder of them, an .npz, or a folder of class folders of images"
)


def load(source: str | Path, fitting: Mapping[str, Any] | None = None) -> Dataset:
    """Load a SOURCE.

    Parameters
    ----------
    source
        ``"mnist"``, ``"sample"``, or a path: a CSV in the layout of Kaggle's digit recognizer, an
        IDX file of images, a folder of IDX files, an ``.npz``, or a folder with one folder of
        images for each class. To load a file called ``mnist``, pass ``"./mnist"`` or a ``Path``. In
        this and every other path, ``~`` and ``~user`` are home folders.
    fitting
        How a model that is to be evaluated fits pictures to those that it was trained on, see
        `inknet.data.images.fit_image`; for a folder of images.

    Raises
    ------
    MnistUnavailableError
        If the source is ``"mnist"`` and the files can neither be found nor downloaded.
    InputError
        If there is no such source, or something is wrong with it.
    """
    if isinstance(source, str) and source in NAMED:
        return NAMED[source]()
    if source == "":
        raise InputError(f"the source is empty; {EXPECTED}")
    path = as_path(source)
    try:
        return _load_path(path, fitting)
    except MemoryError:
        raise InputError(f"{path}: does not fit in memory") from None
    except OSError as error:  # from listing a folder; the readers turn their own into InputError
        raise InputError(f"{error.filename or path}: {error.strerror or error}") from error


def _load_path(path: Path, fitting: Mapping[str, Any] | None) -> Dataset:
    """Choose the reader by the kind of the path and the end of its name."""
    if path.is_dir():
        return load_idx(path) if images_in(path) else load_image_folder(path, fitting)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; {EXPECTED}")
    if not path.is_file():
        raise InputError(f"{path}: neither a file nor a folder; {EXPECTED}")
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".csv"):
        return load_csv(path)
    if name.endswith(".npz"):
        return load_npz(path)
    if "idx" in name:
        return load_idx(path)
    raise InputError(f"{path}: not a kind of file that inknet reads; {EXPECTED}")
