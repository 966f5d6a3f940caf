"""MNIST from its four files, without inknet."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np


def read(name: str, header: int) -> np.ndarray[Any, Any]:
    """Return the bytes of a file after its header."""
    folder = Path(os.environ["INKNET_DATA_DIR"])
    path = folder / f"{name}.gz"
    content = gzip.decompress(path.read_bytes()) if path.exists() else (folder / name).read_bytes()
    return np.frombuffer(content, np.uint8, offset=header)


def load() -> tuple[np.ndarray[Any, Any], ...]:
    """Return pixels ``(n, 784)`` from 0 to 1 and labels ``(n,)``, to learn from and to test on."""
    images = [read(f"{part}-images-idx3-ubyte", 16) for part in ("train", "t10k")]
    labels = [read(f"{part}-labels-idx1-ubyte", 8) for part in ("train", "t10k")]
    X_train, X_test = (part.reshape(-1, 784) * np.float32(1 / 255) for part in images)
    y_train, y_test = (part.astype(np.int32) for part in labels)
    return X_train, y_train, X_test, y_test
