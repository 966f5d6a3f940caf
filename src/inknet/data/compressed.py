"""Read files that may be compressed with gzip or xz, with limits on how much they may unpack to."""

from __future__ import annotations

import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

from inknet.errors import InputError

# The best compression that deflate, the method of gzip and zip, can reach
# (https://zlib.net/zlib_tech.html). A file that claims more is damaged or malicious; xz reaches
# more with files of one repeated byte alone.
LARGEST_DEFLATE_RATIO = 1032
# Real data does not compress to a hundredth of its size. Small blank files do: see ALWAYS_ALLOWED.
LIKELY_RATIO = 100
ALWAYS_ALLOWED = 1 << 27  # bytes
LARGEST_DICTIONARY = 1 << 27  # bytes of memory to unpack xz; `xz -9` needs 65 MB
STARTS: dict[bytes, Literal["gzip", "xz"]] = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\0": "xz"}


def largest_unpacked(n_bytes: int) -> int:
    """Return how many bytes a compressed file of ``n_bytes`` may unpack to.

    Deflate compresses zeros to a thousandth of their size, so a file of one megabyte could ask for
    a gigabyte of memory.
    """
    return min(LARGEST_DEFLATE_RATIO * n_bytes, max(LIKELY_RATIO * n_bytes, ALWAYS_ALLOWED))


def compression(path: Path) -> Literal["gzip", "xz"] | None:
    """Return how a file is compressed, by its first bytes, not by its name."""
    with _errors_in_one_line(path), path.open("rb") as file:
        start = file.read(6)
    return next((kind for magic, kind in STARTS.items() if start.startswith(magic)), None)


@contextmanager
def open_unpacked(path: Path) -> Iterator[gzip.GzipFile | io.BufferedReader[Any]]:
    """Open a file for reading its uncompressed bytes.

    Raises
    ------
    InputError
        If the file is missing, unreadable or damaged. Errors inside the ``with`` block count too.
    """
    kind = compression(path)
    with _errors_in_one_line(path):
        if kind == "gzip":
            with gzip.open(path) as packed:
                yield packed
            return
        with path.open("rb") as file:
            if kind is None:
                yield file
            else:
                with io.BufferedReader(_Unpacked(file), 1 << 16) as unpacked:
                    yield unpacked


class _Unpacked(io.RawIOBase):
    """The bytes of an xz file, of one stream or several.

    `lzma.open` has no limit on the memory that a file may ask for, and ignores what follows zeros
    between two streams.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._start_stream(b"")

    def _start_stream(self, start: bytes) -> None:
        self._unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, LARGEST_DICTIONARY)
        self._start = start

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; return how many bytes there were."""
        view = memoryview(buffer).cast("B")
        while len(view):
            if self._unpacker.eof:
                if not (start := self._after_stream()):
                    return 0
                self._start_stream(start)
            more = b""
            if self._unpacker.needs_input:
                more, self._start = self._start or self._file.read(1 << 16), b""
                if not more:
                    raise EOFError("the file ends in the middle of its data")
            if data := self._unpacker.decompress(more, len(view)):
                view[: len(data)] = data
                return len(data)
        return 0

    def _after_stream(self) -> bytes:
        """Return the start of the next stream, after any padding; nothing at the file's end."""
        start = self._unpacker.unused_data.lstrip(b"\0")
        while not start and (block := self._file.read(1 << 16)):
            start = block.lstrip(b"\0")
        return start


@contextmanager
def _errors_in_one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise InputError(f"{path}: cut off, its compressed data ends too early") from error
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"{path}: its compressed data is damaged ({error})") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
