"""MNIST, whole: found on this machine, or downloaded once and checked.

LeCun, Cortes and Burges: The MNIST database of handwritten digits. 60,000 images of 28×28 pixels
for training, then 10,000 for testing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from inknet.data.dataset import Dataset
from inknet.data.idx import Pair, find_spelling, load_pairs
from inknet.errors import InputError

if TYPE_CHECKING:
    import requests

# The site of the authors no longer serves the files; these two have them byte for byte.
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
SECONDS_TO_CONNECT = 4
SECONDS_BETWEEN_BYTES = 30
SECONDS_FOR_A_FILE = 900  # the largest has 10 MB; a server could send a byte now and then for ever
LARGEST_FILE = 1 << 24  # bytes; a server could also send without end


class MnistUnavailableError(InputError):
    """MNIST is not on this machine and cannot be downloaded; another source may do."""


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
        If the files are neither on this machine nor to be downloaded.
    InputError
        If a file in ``INKNET_DATA_DIR`` is damaged or is not MNIST.
    """
    folder = fetch_mnist()
    images, labels, test_images, test_labels = (find_spelling(folder, name) for name in SHA256)
    assert images and labels and test_images and test_labels, "fetch_mnist found them"
    dataset = load_pairs(Pair(images, labels), Pair(test_images, test_labels), "mnist")
    found = (len(dataset), dataset.n_official_test, dataset.image_shape, dataset.n_classes)
    if found != (70_000, 10_000, (28, 28), 10):
        raise InputError(
            f"{folder}: not MNIST, expected 60,000 + 10,000 images of 28×28 pixels in 10 classes, "
            f"found {dataset!r} with {dataset.n_official_test:,} for testing"
        )
    return dataset


def fetch_mnist() -> Path:
    """Return the folder that holds the four files of MNIST, downloading them if need be.

    That is ``INKNET_DATA_DIR`` if it is set and has them (gzipped or not); otherwise the folder
    ``inknet/mnist`` in the user's cache, where every file has its published SHA-256.

    Raises
    ------
    MnistUnavailableError
        If the files are in neither folder and no mirror gives them.
    """
    own_folder = os.environ.get("INKNET_DATA_DIR")
    if own_folder and all(find_spelling(Path(own_folder), name) for name in SHA256):
        return Path(own_folder)

    import pooch

    cache = Path(pooch.os_cache("inknet")) / "mnist"
    for name, sha256 in SHA256.items():
        refusals = _fetch(cache, f"{name}.gz", sha256)
        if refusals:
            searched = f"INKNET_DATA_DIR ({own_folder}) or {cache}" if own_folder else f"{cache}"
            raise MnistUnavailableError(
                f"mnist: its four files are not in {searched}, and {name}.gz cannot be downloaded "
                f"({', '.join(refusals)}); run `inknet data fetch` with a network, or set "
                "INKNET_DATA_DIR to a folder that has them"
            )
    return cache


def _fetch(cache: Path, name: str, sha256: str) -> list[str]:
    """Have a file in the cache, from the first mirror that gives it; else say why each did not."""
    import pooch

    pooch.get_logger().setLevel("CRITICAL")  # the progress bar and our own lines say enough
    refusals = []
    for mirror in MIRRORS:
        try:
            # Downloads to a name of its own, checks, then renames: the cache has whole files only.
            pooch.retrieve(mirror + name, f"sha256:{sha256}", name, cache, downloader=_download)
            return []
        except (OSError, ValueError) as error:
            refusals.append(f"{urlsplit(mirror).netloc}: {_reason(error)}")
    return refusals


def _download(url: str, output_file: str, pooch: object) -> None:
    """Download to a file, which pooch checks; whatever the server does, this comes to an end."""
    import requests
    from tqdm import tqdm

    patience = (SECONDS_TO_CONNECT, SECONDS_BETWEEN_BYTES)
    with requests.get(url, stream=True, timeout=patience) as response:
        response.raise_for_status()
        length = response.headers.get("content-length", "")
        total = int(length) if length.isdecimal() else None
        with (
            _deadline(response, SECONDS_FOR_A_FILE),
            Path(output_file).open("wb") as file,
            tqdm(total=total, unit="B", unit_scale=True, ncols=79) as progress,
        ):
            for chunk in response.iter_content(1 << 14):
                file.write(chunk)
                progress.update(len(chunk))
                if progress.n > LARGEST_FILE:  # what is cut off here has the wrong hash
                    break


@contextlib.contextmanager
def _deadline(response: requests.Response, seconds: float) -> Iterator[None]:
    """Hang up after some seconds, even if a byte comes now and then; raise ``Timeout`` then."""
    import requests

    passed = threading.Event()
    # a second handle on the connection: to close the first would not wake up who reads from it
    connection = socket.socket(fileno=os.dup(response.raw.fileno()))

    def hang_up() -> None:
        passed.set()
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    except requests.exceptions.SSLError:
        raise
    except requests.ConnectionError:  # what requests makes of silence in the middle
        raise requests.Timeout("silence in the middle") from None
    except requests.RequestException:
        if not passed.is_set():
            raise
    finally:
        timer.cancel()
        connection.close()
    if passed.is_set():
        raise requests.Timeout("the whole took too long")


def _reason(error: OSError | ValueError) -> str:
    """Say in a few words why a download failed; the exceptions of requests say it in a page."""
    import requests

    match error:
        case requests.HTTPError(response=requests.Response(status_code=status)):
            return f"HTTP status {status}"
        case requests.Timeout():
            return "no answer in time"
        case (
            requests.exceptions.ChunkedEncodingError() | requests.exceptions.ContentDecodingError()
        ):
            return "cut off or damaged on the way"
        case requests.RequestException():
            return "no connection"
        case OSError():  # the disk
            return error.strerror or "the cache cannot be written"
        case _:  # the only ValueError that pooch raises here
            return "a file with the wrong SHA-256"
