"""The whole of MNIST: found on this machine, or downloaded once and checked.

LeCun, Cortes and Burges: The MNIST database of handwritten digits. 60,000 images of 28×28 pixels
for training, then 10,000 for testing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from inknet.data.dataset import Dataset
from inknet.data.idx import Pair, find_spelling, load_pairs
from inknet.errors import InputError
from inknet.files import as_path
from inknet.output import Output

if TYPE_CHECKING:
    import requests

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
SECONDS_TO_CONNECT = 4
SECONDS_BETWEEN_BYTES = 30
SECONDS_FOR_A_FILE = 900  # the largest file has 10 MB; a server could send it one byte at a time
LARGEST_FILE = 1 << 24  # bytes; a server could also send without end


class MnistUnavailableError(InputError):
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
    """Return the folder that holds the four files of MNIST; download them if necessary.

    This is ``INKNET_DATA_DIR`` if that is set and has the files (gzipped or not). Otherwise it is
    ``inknet/mnist`` in the user's cache, where every file has its published SHA-256.

    Raises
    ------
    MnistUnavailableError
        If the files are in neither folder and no mirror provides them.
    """
    own_folder = os.environ.get("INKNET_DATA_DIR")
    if own_folder and all(find_spelling(as_path(own_folder), name) for name in SHA256):
        return as_path(own_folder)

    import pooch

    cache = Path(pooch.os_cache("inknet")) / "mnist"
    for name, sha256 in SHA256.items():
        failures = _fetch(cache, f"{name}.gz", sha256)
        if failures:
            searched = f"INKNET_DATA_DIR ({own_folder}) or {cache}" if own_folder else f"{cache}"
            raise MnistUnavailableError(
                f"mnist: its four files are not in {searched}, and {name}.gz cannot be downloaded "
                f"({', '.join(failures)}); run `inknet data fetch` with a network connection, or "
                "set INKNET_DATA_DIR to a folder that has them"
            )
    return cache


def _fetch(cache: Path, name: str, sha256: str) -> list[str]:
    """Get a file into the cache, from the first mirror that has it.

    Return nothing if that worked, otherwise the reason for each mirror.
    """
    import pooch

    pooch.get_logger().setLevel("CRITICAL")  # the progress bar and our own messages are enough
    failures = []
    for mirror in MIRRORS:
        try:
            # pooch downloads to a temporary name, checks, then renames: no partial file remains.
            pooch.retrieve(mirror + name, f"sha256:{sha256}", name, cache, downloader=_download)
            return []
        except (OSError, ValueError) as error:
            failures.append(f"{urlsplit(mirror).netloc}: {_reason(error)}")
    return failures


def _download(url: str, output_file: str, pooch: object) -> None:
    """Download to a file, within limits of time and size. pooch then checks the file."""
    import requests
    from tqdm import tqdm

    timeout = (SECONDS_TO_CONNECT, SECONDS_BETWEEN_BYTES)
    with requests.get(url, stream=True, timeout=timeout) as response:
        response.raise_for_status()
        length = response.headers.get("content-length", "")
        total = int(length) if length.isdecimal() else None
        with (
            _deadline(response, SECONDS_FOR_A_FILE),
            Path(output_file).open("wb") as file,
            tqdm(
                total=total, unit="B", unit_scale=True, ncols=79, file=Output(sys.stderr)
            ) as progress,
        ):
            for chunk in response.iter_content(1 << 14):
                file.write(chunk)
                progress.update(len(chunk))
                if progress.n > LARGEST_FILE:  # the file cut off here will have the wrong hash
                    break


@contextlib.contextmanager
def _deadline(response: requests.Response, seconds: float) -> Iterator[None]:
    """Close the connection after some seconds and raise ``Timeout``, even if bytes still arrive."""
    import requests

    passed = threading.Event()
    # a second handle on the connection: closing the first would not wake a thread that reads
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
    except requests.ConnectionError:  # raised by requests when the server stops sending
        raise requests.Timeout("the server stopped sending") from None
    except requests.RequestException:
        if not passed.is_set():
            raise
    finally:
        timer.cancel()
        connection.close()
    if passed.is_set():
        raise requests.Timeout("the download took too long")


def _reason(error: OSError | ValueError) -> str:
    """Say in a few words why a download failed; the messages of requests are much longer."""
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
