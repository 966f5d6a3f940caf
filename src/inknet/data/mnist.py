"""The whole of MNIST: found on this machine, or downloaded once and checked.

LeCun, Cortes and Burges: The MNIST database of handwritten digits. 60,000 images of 28×28 pixels
for training, then 10,000 for testing.
"""

from __future__ import annotations

from pathlib import Path

from inknet.data.dataset import Dataset
from inknet.data.public import (
    Published,
    SourceUnavailableError,
    fetch_published,
    is_present,
    load_published,
)

# The authors' site no longer serves the files. These two mirrors have the same bytes.
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
SHA256 = {
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}


class MnistUnavailableError(SourceUnavailableError):
    """MNIST is not on this machine and cannot be downloaded. Callers may use another source."""


def load_mnist() -> Dataset:
    """Return the 70,000 images of MNIST, downloading them if they are not on this machine.

    Returns
    -------
    Dataset
        Features ``(70000, 784)`` and labels ``(70000,)``, both uint8, in memory; the last 10,000
        rows are the official test set.

    Raises
    ------
    MnistUnavailableError
        If the files are not on this machine and cannot be downloaded.
    InputError
        If a file in ``INKNET_DATA_DIR`` is damaged or is not MNIST.
    """
    return load_published(_mnist())


def has_mnist() -> bool:
    """Return whether the files of MNIST are on this machine."""
    return is_present(_mnist())


def fetch_mnist() -> Path:
    """Return the folder that holds the four files of MNIST; download them if necessary.

    This is ``INKNET_DATA_DIR`` if that is set and has the files, see `fetch_published`.

    Raises
    ------
    MnistUnavailableError
        If the files are not on this machine and no mirror provides them.
    """
    return fetch_published(_mnist())


def _mnist() -> Published:
    return Published(
        name="mnist",
        title="MNIST",
        hashes={name: f"sha256:{sha256}" for name, sha256 in SHA256.items()},
        counts=(60_000, 10_000),
        mirrors=MIRRORS,
        places=(".", "mnist", "MNIST"),
        error=MnistUnavailableError,
    )
