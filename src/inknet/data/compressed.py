"""Read files that may be gzipped, with limits on how much they may unpack to."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from inknet.errors import InputError

# The best compression that deflate, the method of gzip and zip, can reach
# (https://zlib.net/zlib_tech.html). A file that claims more is damaged or malicious.
LARGEST_DEFLATE_RATIO = 1032
# Real data does not compress to a hundredth of its size. Small blank files do: see ALWAYS_ALLOWED.
LIKELY_RATIO = 100
ALWAYS_ALLOWED = 1 << 27  # bytes


def largest_unpacked(n_bytes: int) -> int:
    """Return how many bytes a compressed file of ``n_bytes`` may unpack to.

    Deflate compresses zeros to a thousandth of their size, so a file of one megabyte could ask for
    a gigabyte of memory.
    """
    return min(LARGEST_DEFLATE_RATIO * n_bytes, max(LIKELY_RATIO * n_bytes, ALWAYS_ALLOWED))


def is_gzipped(path: Path) -> bool:
    """Return whether a file is gzipped, by its first two bytes, not by its name."""
    with _errors_in_one_line(path), path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


@contextmanager
def open_unpacked(path: Path) -> Iterator[BufferedReader | gzip.GzipFile]:
    """Open a file for reading its uncompressed bytes.

    Raises
    ------
    InputError
        If the file is missing, unreadable or damaged. Errors inside the ``with`` block count too.
    """
    gzipped = is_gzipped(path)
    with _errors_in_one_line(path), gzip.open(path) if gzipped else path.open("rb") as file:
        yield file


@contextmanager
def _errors_in_one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise InputError(f"{path}: cut off, its gzip data ends too early") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: its gzip data is damaged ({error})") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
