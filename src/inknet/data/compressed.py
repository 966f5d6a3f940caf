"""Files that may be gzipped, read as if they were not."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from inknet.errors import InputError

# Deflate, the method of gzip and zip, cannot do better (https://zlib.net/zlib_tech.html). A file
# that claims more than this is damaged or malicious, and no memory is taken for it.
LARGEST_DEFLATE_RATIO = 1032
# What is worth learning from does not pack to a hundredth of its size, but for small blank things.
LIKELY_RATIO = 100
ALWAYS_ALLOWED = 1 << 27  # bytes


def largest_unpacked(n_bytes: int) -> int:
    """Return how many bytes a packed file of ``n_bytes`` may unpack to.

    Deflate packs zeros to a thousandth, so a file of a megabyte could ask for a gigabyte of memory.
    """
    return min(LARGEST_DEFLATE_RATIO * n_bytes, max(LIKELY_RATIO * n_bytes, ALWAYS_ALLOWED))


def is_gzipped(path: Path) -> bool:
    """Tell by its first two bytes whether a file is gzipped, whatever it is called."""
    with _errors_in_one_line(path), path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


@contextmanager
def open_unpacked(path: Path) -> Iterator[BufferedReader | gzip.GzipFile]:
    """Open a file for reading its unpacked bytes.

    Raises
    ------
    InputError
        If the file is missing or unreadable or, also while it is being read, turns out damaged.
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
