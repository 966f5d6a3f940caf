"""MNIST's four files in ``INKNET_DATA_DIR``, for all programs alike. Its lines are not counted.

Most libraries have a loader of their own, which downloads; this one reads what is there, so that
all learn from images of the same kind and none waits for the network.
"""

import gzip
import os
from pathlib import Path

import numpy as np


def load(seed: int) -> tuple[np.ndarray, ...]:
    """Return ``X_train, y_train, X_val, y_val, X_test, y_test``; pixels are uint8, ``(n, 784)``.

    10,000 of the 60,000 training images are drawn for validation.
    """
    X, y = read("train")
    rows = np.random.default_rng(seed).permutation(len(X))
    n = len(X) // 6
    return X[rows[n:]], y[rows[n:]], X[rows[:n]], y[rows[:n]], *read("t10k")


def read(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels ``(n, 784)`` and labels ``(n,)`` of ``"train"`` or ``"t10k"``, both uint8."""
    pixels = np.frombuffer(_bytes(f"{part}-images-idx3-ubyte"), np.uint8, offset=16)
    labels = np.frombuffer(_bytes(f"{part}-labels-idx1-ubyte"), np.uint8, offset=8)
    return pixels.reshape(-1, 784), labels


def _bytes(name: str) -> bytes:
    packed = Path(os.environ["INKNET_DATA_DIR"]) / f"{name}.gz"
    if packed.exists():
        return gzip.decompress(packed.read_bytes())
    return packed.with_suffix("").read_bytes()
