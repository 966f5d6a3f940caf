"""From any source to images and labels.

Importing this room costs NumPy; what reads pictures or the network is imported where it is used.
"""

from inknet.data.dataset import Dataset
from inknet.data.mnist import MnistUnavailableError
from inknet.data.sources import load
from inknet.data.splits import Splits, split

__all__ = ["Dataset", "MnistUnavailableError", "Splits", "load", "split"]
