"""Public sets of images like MNIST, by name: found on this machine, or downloaded once and checked.

Each has four IDX files: images and labels for training, then for testing. All downloads have the
hashes that TensorFlow Datasets (SHA-256) and torchvision (MD5) publish for them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from inknet.data.classes import renamed
from inknet.data.dataset import Dataset
from inknet.data.download import fetch_file
from inknet.data.emnist import CLASS_NAMES, as_emnist, split_in
from inknet.data.idx import Pair, find_spelling, load_pairs
from inknet.errors import InputError, quoted
from inknet.files import as_path, write_whole

MNIST_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


class SourceUnavailableError(InputError):
    """A public set is not on this machine and cannot be downloaded."""


@dataclass(frozen=True)
class Archive:
    """A zip file that holds the files of several sets."""

    mirrors: tuple[str, ...]
    name: str
    known_hash: str
    size: int
    folder: str


@dataclass(frozen=True)
class Published:
    """A public set of images.

    Attributes
    ----------
    name : str
        As a source.
    title : str
        As its authors call it.
    hashes : dict
        The names of the four files without ``.gz``, and the hash of each gzipped file.
    counts : (n_train, n_test)
    mirrors : tuple of str
    archive : Archive or None
        If the files are not published one by one.
    places : tuple of str
        Folders in ``INKNET_DATA_DIR`` in which its files may be, ``"."`` for itself.
    system : Path or None
        Where Debian's package has it.
    class_names : tuple of str or None
    error : type
        What is raised if it is not available.
    """

    name: str
    title: str
    hashes: dict[str, str]
    counts: tuple[int, int]
    mirrors: tuple[str, ...] = ()
    archive: Archive | None = None
    places: tuple[str, ...] = ()
    system: Path | None = None
    class_names: tuple[str, ...] | None = None
    n_classes: int = 10
    error: type[SourceUnavailableError] = field(default=SourceUnavailableError)

    @property
    def cache_name(self) -> str:
        """The folder in the cache: files of one archive share one."""
        return self.name.partition("-")[0] if self.archive else self.name


FASHION = Published(
    name="fashion",
    title="Fashion-MNIST",
    hashes=dict(
        zip(
            MNIST_FILES,
            (
                "sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
            strict=True,
        )
    ),
    counts=(60_000, 10_000),
    mirrors=(
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    places=("fashion", "fashion-mnist", "FashionMNIST"),
    system=Path("/usr/share/datasets/fashion-mnist"),
    class_names=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
)
KMNIST = Published(
    name="kmnist",
    title="Kuzushiji-MNIST",
    hashes=dict(
        zip(
            MNIST_FILES,
            (
                "sha256:51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
                "sha256:e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
                "sha256:edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
                "sha256:20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
            ),
            strict=True,
        )
    ),
    counts=(60_000, 10_000),
    mirrors=("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    places=("kmnist", "KMNIST"),
    class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
)
QMNIST = Published(
    name="qmnist",
    title="QMNIST",
    hashes={
        "qmnist-train-images-idx3-ubyte": "md5:ed72d4157d28c017586c42bc6afe6370",
        "qmnist-train-labels-idx2-int": "md5:0058f8dd561b90ffdd0f734c6a30e5e4",
        "qmnist-test-images-idx3-ubyte": "md5:1394631089c404de565df7b7aeaf9412",
        "qmnist-test-labels-idx2-int": "md5:5b5b05890a5e13444e108efe57b788aa",
    },
    counts=(60_000, 60_000),
    mirrors=("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",),
    places=(".", "qmnist", "QMNIST"),
)
EMNIST_ARCHIVE = Archive(
    mirrors=(
        "https://biometrics.nist.gov/cs_links/EMNIST/",
        "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/",
    ),
    name="gzip.zip",
    known_hash="sha256:fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
    size=561_753_746,
    folder="gzip/",
)
"""All splits of EMNIST; of the files in it, the MD5 is published."""


def _emnist(split: str, counts: tuple[int, int], n_classes: int, *md5: str) -> Published:
    kinds = ("train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1")
    files = [f"emnist-{split}-{kind}-ubyte" for kind in kinds]
    return Published(
        name=f"emnist-{split}",
        title=f"EMNIST, {split}",
        hashes={name: f"md5:{one}" for name, one in zip(files, md5, strict=True)},
        counts=counts,
        archive=EMNIST_ARCHIVE,
        places=(".", "emnist", "EMNIST", f"emnist-{split}"),
        n_classes=n_classes,
    )


EMNIST = (
    _emnist(
        "balanced",
        (112_800, 18_800),
        len(CLASS_NAMES["balanced"]),
        "4041b0d6f15785d3fa35263901b5496b",
        "7a35cc7b2b7ee7671eddf028570fbd20",
        "6818d20fe2ce1880476f747bbc80b22b",
        "acd3694070dcbf620e36670519d4b32f",
    ),
    _emnist(
        "letters",
        (124_800, 20_800),
        26,
        "8795078f199c478165fe18db82625747",
        "c16de4f1848ddcdddd39ab65d2a7be52",
        "382093a19703f68edac6d01b8dfdfcad",
        "d4108920cd86601ec7689a97f2de7f59",
    ),
    _emnist(
        "digits",
        (240_000, 40_000),
        10,
        "d2662ecdc47895a6bbfce25de9e9a677",
        "2223fcfee618ac9c89ef20b6e48bcf9e",
        "a159b8b3bd6ab4ed4793c1cb71a2f5cc",
        "8afde66ea51d865689083ba6bb779fac",
    ),
)
PUBLISHED = {one.name: one for one in (FASHION, KMNIST, QMNIST, *EMNIST)}
"""All but MNIST itself, which is in `inknet.data.mnist`."""


def load_published(one: Published, transpose: bool | None = None) -> Dataset:
    """Return a public set, downloaded if it is not on this machine; its test set comes last.

    Parameters
    ----------
    one
        Which.
    transpose
        False leaves the images of EMNIST as they are in its files.

    Raises
    ------
    SourceUnavailableError
        If the files are not on this machine and cannot be downloaded.
    InputError
        If a file in ``INKNET_DATA_DIR`` is damaged, or is of another set.
    """
    folder = fetch_published(one)
    images, labels, test_images, test_labels = (find_spelling(folder, name) for name in one.hashes)
    assert images and labels and test_images and test_labels, "fetch_published found them"
    dataset = load_pairs(Pair(images, labels), Pair(test_images, test_labels), one.name)
    n_train, n_test = one.counts
    found = (len(dataset), dataset.n_official_test, dataset.image_shape, dataset.n_classes)
    if found != (n_train + n_test, n_test, (28, 28), one.n_classes):
        raise InputError(
            f"{folder}: not {one.title}, expected {n_train:,} + {n_test:,} images of 28×28 pixels "
            f"in {one.n_classes} classes, found {dataset!r} with {dataset.n_official_test:,} for "
            "testing"
        )
    if one.class_names is not None:
        dataset = renamed(dataset, one.class_names)
    split = split_in([f"{one.name}-"])
    return dataset if split is None else as_emnist(dataset, split, transpose)


def is_present(one: Published) -> bool:
    """Return whether the files of a set are on this machine, whether they are right or not."""
    import pooch

    cache = Path(pooch.os_cache("inknet")) / one.cache_name
    return _own_folder(one) is not None or all(find_spelling(cache, name) for name in one.hashes)


def _own_folder(one: Published) -> Path | None:
    """Return the folder of the user or of Debian that holds the files of a set."""
    own_folder = os.environ.get("INKNET_DATA_DIR")
    places = [as_path(own_folder) / place for place in one.places] if own_folder else []
    for place in [*places, *([one.system] if one.system else [])]:
        for folder in (place, place / "raw", place / "gzip"):
            if all(find_spelling(folder, name) for name in one.hashes):
                return folder
    return None


def fetch_published(one: Published) -> Path:
    """Return the folder that holds the four files of a set; download them if necessary.

    This is ``INKNET_DATA_DIR``, or a folder in it, if that is set and has the files (compressed or
    not); the place of Debian's package; or a folder in the user's cache, where every file has its
    published hash.

    Raises
    ------
    SourceUnavailableError
        If the files are in none of them and no mirror provides them.
    """
    own_folder = os.environ.get("INKNET_DATA_DIR")
    if (found := _own_folder(one)) is not None:
        return found

    import pooch

    cache = Path(pooch.os_cache("inknet")) / one.cache_name
    if one.archive is not None:
        return _fetch_archive(one, one.archive, cache, own_folder)
    for name, known_hash in one.hashes.items():
        failures = fetch_file(cache, one.mirrors, f"{name}.gz", known_hash)
        if failures:
            raise _unavailable(one, own_folder, cache, f"{name}.gz", failures)
    return cache


def _unavailable(
    one: Published, own_folder: str | None, cache: Path, name: str, failures: list[str]
) -> SourceUnavailableError:
    searched = f"INKNET_DATA_DIR ({own_folder}) or {cache}" if own_folder else f"{cache}"
    places = [place for place in one.places if place != "."]
    there = f", in itself or in {places[0]}" if "." in one.places else f", in {places[0]}"
    there = "" if not places else there
    command = "inknet data fetch" if one.name == "mnist" else f"inknet data fetch {one.name}"
    return one.error(
        f"{one.name}: its four files are not in {searched}, and {name} cannot be downloaded "
        f"({', '.join(failures)}); run `{command}` with a network connection, or "
        f"set INKNET_DATA_DIR to a folder that has them{there}"
    )


def _fetch_archive(one: Published, archive: Archive, cache: Path, own_folder: str | None) -> Path:
    """Get the files of a set out of an archive, which is downloaded and then removed again."""
    if _are_right(cache, one):
        return cache
    failures = fetch_file(cache, archive.mirrors, archive.name, archive.known_hash, archive.size)
    if failures:
        raise _unavailable(one, own_folder, cache, archive.name, failures)
    packed = cache / archive.name
    sets = [one, *(other for other in PUBLISHED.values() if other.archive == archive)]
    try:
        with zipfile.ZipFile(packed) as members:
            for name in sorted({f"{name}.gz" for other in sets for name in other.hashes}):
                write_whole(cache / name, partial(_unpack, members, archive.folder + name))
    except (KeyError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"{packed}: not as published ({quoted(error)})") from None
    if not _are_right(cache, one):
        raise InputError(f"{packed}: its files do not have their published MD5")
    packed.unlink()
    return cache


def _unpack(members: zipfile.ZipFile, name: str, path: Path) -> None:
    with members.open(name) as source, path.open("wb") as file:
        shutil.copyfileobj(source, file)


def _are_right(cache: Path, one: Published) -> bool:
    """Return whether the files of a set are in the cache and have their published MD5."""
    for name, known_hash in one.hashes.items():
        path = cache / f"{name}.gz"
        if not path.is_file():
            return False
        with path.open("rb") as file:
            if hashlib.file_digest(file, "md5").hexdigest() != known_hash.removeprefix("md5:"):
                return False
    return True
