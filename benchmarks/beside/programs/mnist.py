"""MNIST's four files in ``INKNET_DATA_DIR``, for all programs alike. Its lines are not counted.

Most libraries have a loader of their own, which downloads; this one reads what is there, so that
all learn from images of the same kind and none waits for the network.
"""

import gzip
import os
from pathlib import Path

import numpy as np


def load(seed):
    """Return ``X_train, y_train, X_val, y_val, X_test, y_test``; pixels are uint8, ``(n, 784)``.

    10,000 of the 60,000 training images are drawn for validation.
    """
    X, y = _read("train")
    rows = np.random.default_rng(seed).permutation(len(X))
    n = len(X) // 6
    return X[rows[n:]], y[rows[n:]], X[rows[:n]], y[rows[:n]], *_read("t10k")


def _read(part):
    folder = Path(os.environ["INKNET_DATA_DIR"])
    images = gzip.decompress((folder / f"{part}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / f"{part}-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 784)
    return pixels, np.frombuffer(labels, np.uint8, offset=8)
