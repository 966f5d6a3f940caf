"""The array types of the mathematics."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating[Any]]
"""Activations, gradients and parameters: float32, or float64 on request."""

Labels: TypeAlias = NDArray[np.intp]
"""The class of each sample, ``(n,)``, counted from 0."""
