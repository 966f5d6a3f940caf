"""Arithmetic that gives the same bits in every program.

The page that `inknet export --html` writes prepares pictures in JavaScript, and its images must be
the same bytes as those of this package. So what is added is added from first to last, and what a
library of linear algebra would compute in an order of its own is computed here with the five basic
operations, which IEEE 754 defines exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

SWEEPS = 12
"""Rotations of each pair of axes; for three axes, six are enough for all bits."""


def sum_in_order(values: NDArray[Any]) -> float:
    """Return the sum of all values in float64, added from first to last in row order."""
    return float(np.cumsum(values, dtype=np.float64)[-1]) if values.size else 0.0


def principal_axis(matrix: Sequence[Sequence[float]]) -> list[float]:
    """Return the eigenvector, of length 1, of the largest eigenvalue of a symmetric matrix 3 × 3.

    Jacobi's method: each rotation makes one pair of elements off the diagonal zero. Golub and Van
    Loan 2013, "Matrix Computations", section 8.5.
    """
    a = [list(row) for row in matrix]
    axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]  # one in each row
    for _ in range(SWEEPS):
        for p, q in ((0, 1), (0, 2), (1, 2)):
            if a[p][q] == 0:
                continue
            slope = (a[q][q] - a[p][p]) / (2 * a[p][q])
            tangent = 1 / (abs(slope) + sqrt(slope * slope + 1))
            if slope < 0:
                tangent = -tangent
            cosine = 1 / sqrt(tangent * tangent + 1)
            sine = tangent * cosine
            for row in a:
                row[p], row[q] = cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]
            for rows in (a, axes):
                one, other = rows[p], rows[q]
                rows[p] = [cosine * x - sine * y for x, y in zip(one, other, strict=True)]
                rows[q] = [sine * x + cosine * y for x, y in zip(one, other, strict=True)]
    best = max((2, 1, 0), key=lambda i: a[i][i])
    return axes[best]
