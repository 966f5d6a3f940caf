"""What is found in a picture: its characters, in rows, and how much ink there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
Recognize = Callable[[NDArray[np.uint8]], tuple[NDArray[np.floating], NDArray[np.floating]]]
"""From images ``(n, 28, 28)`` to probabilities ``(n, n_classes)`` and familiarities ``(n,)``: how
much each image is like a character at all, from 0 to 1."""


@dataclass(frozen=True)
class Character:
    """One character on a sheet.

    Attributes
    ----------
    box : (top, left, bottom, right)
        In pixels; bottom and right are after the last.
    image : (28, 28) uint8
        For the network.
    probabilities : (n_classes,)
    familiarity : float
        How much the image is like a character at all, from 0 to 1.
    label : str
        The name of the most probable class, where a model has read it; see `Reading`.
    verdict : str
        Whether it is one, see `inknet.photo.verdicts`.
    """

    box: Box
    image: NDArray[np.uint8]
    probabilities: NDArray[np.floating]
    familiarity: float = 1.0
    label: str = ""
    verdict: str = ""

    @property
    def confidence(self) -> float:
        """The probability of the most probable class."""
        return float(self.probabilities.max())


@dataclass(frozen=True)
class Sheet:
    """What was found in a picture.

    Attributes
    ----------
    rows : list of list of Character
        From top to bottom and left to right; boxes are in pixels of the picture. Empty if it is
        blank.
    strokes : (height, width) bool
        Where there is ink in the picture, without ruled lines and frames.
    n_fragments : int
        How many pieces of ink there are that are no specks.
    """

    rows: list[list[Character]]
    strokes: NDArray[np.bool_]
    n_fragments: int

    @property
    def characters(self) -> list[Character]:
        """All of them, in reading order."""
        return [one for row in self.rows for one in row]
