"""Whole programs that train on MNIST as fast as they can, one for each library.

Each is started with its settings as JSON, and prints the share of the official test images that it
reads rightly. It loads the files from ``INKNET_DATA_DIR``, trains for a number of epochs with a
rate that rises and falls (scikit-learn has no such schedule), and evaluates once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.beside.programs.mnist import read


def load() -> tuple[np.ndarray[Any, Any], ...]:
    """Return pixels ``(n, 784)`` from 0 to 1 and labels ``(n,)``, to learn from and to test on."""
    X_train, y_train = read("train")
    X_test, y_test = read("t10k")
    scaled = [part * np.float32(1 / 255) for part in (X_train, X_test)]
    return scaled[0], y_train.astype(np.int32), scaled[1], y_test.astype(np.int32)
