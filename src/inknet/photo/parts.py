"""Connected parts of a mask: pixels that touch, also at a corner, belong to one part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Parts:
    """The connected parts of a mask.

    Attributes
    ----------
    labels : (height, width) int32
        The number of the part that each pixel belongs to, from 0; -1 outside of the mask.
    boxes : (n, 4) int64
        Of each part: first row, first column, and the row and column after the last.
    areas : (n,) int64
        How many pixels each part has.
    """

    labels: NDArray[np.int32]
    boxes: NDArray[np.int64]
    areas: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of parts."""
        return len(self.areas)

    def mask(self, chosen: NDArray[np.bool_]) -> Mask:
        """Return the pixels ``(height, width)`` of the parts that are chosen by ``(n,)``."""
        return np.append(chosen, False)[self.labels]  # label -1 reads the last

    def at_edge(self) -> NDArray[np.bool_]:
        """Return which parts ``(n,)`` touch the edge of the picture."""
        top, left, bottom, right = self.boxes.T
        height, width = self.labels.shape
        return np.asarray((top == 0) | (left == 0) | (bottom == height) | (right == width))


def connected_parts(mask: Mask) -> Parts:
    """Find the connected parts of a mask ``(height, width)``, in order of their first pixel.

    Runs are pixels that follow each other in a row. Two runs of neighbouring rows touch if one
    begins before the other is over. Each run takes the smallest number of those that it touches,
    and then the number of that number, until nothing changes: as pointers double, a few rounds are
    enough (Shiloach and Vishkin 1982, "An O(log n) parallel connectivity algorithm").
    """
    height, width = mask.shape
    padded = np.zeros((height, width + 1), bool)  # a last column off ends the runs of each row
    padded[:, :-1] = mask
    flat = padded.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat[:1].any():
        edges = np.concatenate([[0], edges])
    rows, starts = np.divmod(edges[::2], width + 1)
    stops = edges[1::2] - rows * (width + 1)
    first, second = _touching(rows, starts, stops, width)
    roots = _roots(len(rows), first, second)
    unique, numbers = np.unique(roots, return_inverse=True)
    n = len(unique)
    labels = np.full((height, width), -1, np.int32)
    labels[mask] = np.repeat(numbers.astype(np.int32), stops - starts)
    boxes = np.empty((n, 4), np.int64)
    boxes[:, :2], boxes[:, 2:] = max(height, width), 0
    np.minimum.at(boxes[:, 0], numbers, rows)
    np.minimum.at(boxes[:, 1], numbers, starts)
    np.maximum.at(boxes[:, 2], numbers, rows + 1)
    np.maximum.at(boxes[:, 3], numbers, stops)
    areas = np.bincount(numbers, weights=stops - starts, minlength=n).astype(np.int64)
    return Parts(labels, boxes, areas)


def _touching(
    rows: NDArray[np.int64], starts: NDArray[np.int64], stops: NDArray[np.int64], width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of runs that touch, the upper and the lower one."""
    line = width + 3  # runs as numbers on one line, so that rows cannot touch each other
    first = np.searchsorted(rows * line + stops, (rows - 1) * line + starts, side="left")
    last = np.searchsorted(rows * line + starts, (rows - 1) * line + stops, side="right")
    counts = np.maximum(last - first, 0)
    lower = np.repeat(np.arange(len(rows)), counts)
    within = np.arange(len(lower)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(first, counts) + within, lower


def _roots(n: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the smallest run that each run is connected with, directly or through others."""
    root = np.arange(n)
    while True:
        one, other = root[first], root[second]
        if np.array_equal(one, other):
            return root
        np.minimum.at(root, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(root, root[root]):
            root = root[root]
