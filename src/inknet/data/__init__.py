"""Load any source of data as images and labels.

Importing this package loads NumPy only. Pillow and the download libraries are imported when needed.
"""

from inknet.data.dataset import Dataset
from inknet.data.mnist import MnistUnavailableError
from inknet.data.sources import load
from inknet.data.splits import Splits, split

__all__ = ["Dataset", "MnistUnavailableError", "Splits", "load", "split"]
