"""What is found in a picture: its characters, in rows, and how much ink there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
Numbers = NDArray[np.floating]
Recognize = Callable[[NDArray[np.uint8]], tuple[Numbers, Numbers, Numbers]]
"""From images ``(n, 28, 28)`` to probabilities ``(n, n_classes)``, familiarity ``(n,)`` and
agreement ``(n,)``; see `Character`."""


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
        Of each class, 0 to 1.
    familiarity : float
        The probability that the image is a character at all, as a second network, the guard, says.
    agreement : float
        The probability of the most probable class, as the guard says: below 1 if there is one.
    label : str
        The name of the most probable class, where a model has read it; see `Reading`.
    verdict : str
        Whether it is one, see `inknet.photo.verdicts`.
    cell : (row, column) or None
        Where it is on a sheet of squares, from 0.
    """

    box: Box
    image: NDArray[np.uint8]
    probabilities: NDArray[np.floating]
    familiarity: float = 1.0
    agreement: float = 1.0
    label: str = ""
    verdict: str = ""
    cell: tuple[int, int] | None = None

    @property
    def confidence(self) -> float:
        """The probability of the most probable class, as the network says."""
        return float(self.probabilities.max())

    @property
    def support(self) -> float:
        """The product of that and of what the guard says of the same class: verdicts use it."""
        return self.confidence * self.agreement


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
    signs : sequence of str
        What speaks against writing, see `inknet.photo.clutter`.
    strength : float
        How strong the ink is; white and black differ by 1.
    n_marks : int
        How many points, dashes and the like are beside the characters.
    doubt : str
        Why what was read may be something else, as a sentence; empty if nothing says so.
    """

    rows: list[list[Character]]
    strokes: NDArray[np.bool_]
    n_fragments: int
    signs: Sequence[str] = ()
    strength: float = 0.0
    n_marks: int = 0
    doubt: str = ""

    @property
    def characters(self) -> list[Character]:
        """All of them, in reading order."""
        return [one for row in self.rows for one in row]

    @property
    def guarded(self) -> bool:
        """Whether a guard has judged the characters."""
        return are_guarded(self.characters)


def are_guarded(characters: Sequence[Character]) -> bool:
    """Return whether a guard has judged some characters: without one, agreement is 1 exactly."""
    return any(one.agreement != 1 for one in characters)


def box_of(mask: NDArray[np.bool_], top: int = 0, left: int = 0) -> Box:
    """Return the box of what is in a mask ``(height, width)`` that begins at a place."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return (
        top + int(rows[0]),
        left + int(columns[0]),
        top + int(rows[-1]) + 1,
        left + int(columns[-1]) + 1,
    )


def scaled(box: Box, down: float, across: float) -> Box:
    """Return a box in pixels that are so many times as many, downwards and across."""
    top, left, bottom, right = box
    return round(top * down), round(left * across), round(bottom * down), round(right * across)
