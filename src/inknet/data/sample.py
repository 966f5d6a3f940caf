"""The sample in the package: 5,000 digits of MNIST, 500 of each, usable without a download.

``scripts/build_sample.py`` built the file; ``sample.LICENSE`` says where the digits come from.
"""

from dataclasses import replace
from importlib.resources import as_file, files

from inknet.data.dataset import Dataset
from inknet.data.npz import load_npz


def load_sample() -> Dataset:
    """Return the sample: features ``(5000, 784)`` uint8, sorted by label, no official test set."""
    with as_file(files("inknet.data") / "sample.npz") as path:
        return replace(load_npz(path), name="sample")
