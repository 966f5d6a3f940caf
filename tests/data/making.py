"""Write the files for the tests of data/, without the code under test."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inknet.errors import InputError


def idx_bytes(values: np.ndarray) -> bytes:
    """Write the IDX format as its page defines it."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return header + values.astype(np.uint8).tobytes()


def write_idx(path: Path, values: np.ndarray) -> Path:
    data = idx_bytes(values)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_pair(
    folder: Path, n: int = 6, prefix: str = "train-", ending: str = "", seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Write n images of 3×2 pixels and their labels; return both."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (n, 3, 2), dtype=np.uint8)
    labels = (np.arange(n) % 3).astype(np.uint8)
    write_idx(folder / f"{prefix}images-idx3-ubyte{ending}", images)
    write_idx(folder / f"{prefix}labels-idx1-ubyte{ending}", labels)
    return images, labels


def refusal(call: Callable[..., object], *arguments: object) -> str:
    """Call a function that must raise an `InputError`; return its message of one line."""
    with pytest.raises(InputError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message
