"""Download a published file once, within limits of time and size, and check its hash."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from inknet.output import Output

if TYPE_CHECKING:
    import requests

SECONDS_TO_CONNECT = 4
SECONDS_BETWEEN_BYTES = 30
SECONDS_FOR_A_FILE = 900  # a server could send one byte at a time
SECONDS_FOR_A_MEGABYTE = 10  # of files so large that this is more
LARGEST_FILE = 1 << 25  # bytes, of a file whose size is not known; a server could send without end
NAMES_OF_HASHES = {"sha256": "SHA-256", "md5": "MD5"}


def fetch_file(
    cache: Path, mirrors: tuple[str, ...], name: str, known_hash: str, size: int | None = None
) -> list[str]:
    """Get a file into the cache, from the first mirror that has it.

    Parameters
    ----------
    cache
        The folder.
    mirrors
        Addresses, to which the name is added.
    name
        Of the file.
    known_hash
        ``sha256:…`` or ``md5:…``
    size
        In bytes, if it is known.

    Returns
    -------
    list of str
        Nothing if that worked, otherwise the reason for each mirror.
    """
    import pooch

    pooch.get_logger().setLevel("CRITICAL")  # the progress bar and our own messages are enough
    download = partial(_download, size=size)
    failures = []
    for mirror in mirrors:
        try:
            # pooch downloads to a temporary name, checks, then renames: no partial file remains.
            pooch.retrieve(mirror + name, known_hash, name, cache, downloader=download)
            return []
        except (OSError, ValueError) as error:
            algorithm = NAMES_OF_HASHES[known_hash.partition(":")[0]]
            failures.append(f"{urlsplit(mirror).netloc}: {_reason(error, algorithm)}")
    return failures


def _download(url: str, output_file: str, pooch: object, *, size: int | None) -> None:
    """Download to a file, within limits of time and size. pooch then checks the file."""
    import requests
    from tqdm import tqdm

    largest = LARGEST_FILE if size is None else size
    seconds = max(SECONDS_FOR_A_FILE, SECONDS_FOR_A_MEGABYTE * (size or 0) / 2**20)
    timeout = (SECONDS_TO_CONNECT, SECONDS_BETWEEN_BYTES)
    with requests.get(url, stream=True, timeout=timeout) as response:
        response.raise_for_status()
        length = response.headers.get("content-length", "")
        total = int(length) if length.isdecimal() else None
        with (
            _deadline(response, seconds),
            Path(output_file).open("wb") as file,
            tqdm(
                total=total, unit="B", unit_scale=True, ncols=79, file=Output(sys.stderr)
            ) as progress,
        ):
            for chunk in response.iter_content(1 << 14):
                file.write(chunk)
                progress.update(len(chunk))
                if progress.n > largest:  # the file cut off here will have the wrong hash
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


def _reason(error: OSError | ValueError, algorithm: str) -> str:
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
            return f"a file with the wrong {algorithm}"
