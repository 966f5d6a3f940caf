"""The answer about a picture: what it is, what it says, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.photo.sheet import Character
from inknet.photo.verdicts import BLANK, DIGIT, NO_DIGIT, in_words

Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Reading:
    """What a model reads in a picture.

    Attributes
    ----------
    image : str or None
        The name of the file; None if the picture is an array.
    verdict : str
        ``digit``: all is read. ``unsure``: `digits` is the best guess, as something is not clear or
        unlike a digit. ``blank``: there is no ink. ``not a digit``: what there is, is no digit. If
        the classes of the model are not the digits, ``character`` stands for ``digit``.
    reason : str
        Why the verdict is not ``digit``.
    rows : list of list of Character
        From top to bottom and left to right. Boxes are in pixels of the picture as it is upright.
    class_names : sequence of str
        Of the model.
    picture : (height, width, 3) uint8
        The picture upright, reduced to the size at which it was read.
    shape : (height, width)
        Of the picture upright, in its own pixels.
    """

    image: str | None
    verdict: str
    reason: str
    rows: list[list[Character]]
    class_names: Sequence[str] = field(repr=False)
    picture: Picture = field(repr=False)
    shape: tuple[int, int] = field(repr=False)

    @property
    def characters(self) -> list[Character]:
        """What was found, in reading order, also what is not a digit."""
        return [one for row in self.rows for one in row]

    @property
    def digits(self) -> str:
        """What the picture says, rows separated by a space; empty if it says nothing.

        What is not a digit is left out. Names of classes that are longer than one character are
        separated by spaces too.
        """
        if self._says_nothing:
            return ""
        within = "" if all(len(name) == 1 for name in self.class_names) else " "
        rows = (within.join(one.label for one in row if self._is_read(one)) for row in self.rows)
        return " ".join(row for row in rows if row)

    @property
    def confidence(self) -> float:
        """How probable it is that `digits` is right: the product of those of the characters.

        0 if there is none.
        """
        if self._says_nothing:
            return 0.0
        return prod(one.confidence for one in self.characters if self._is_read(one))

    @property
    def is_sure(self) -> bool:
        """Whether all is read and clear."""
        return self.verdict == in_words(DIGIT, self.class_names)

    @property
    def _says_nothing(self) -> bool:
        return self.verdict in (BLANK, in_words(NO_DIGIT, self.class_names))

    def _is_read(self, character: Character) -> bool:
        return character.verdict != in_words(NO_DIGIT, self.class_names)

    def likeliest(self, character: Character, n: int = 2) -> list[tuple[str, float]]:
        """Return name and probability of the most probable classes of a character."""
        order = (-character.probabilities).argsort(kind="stable")[:n]
        return [(self.class_names[i], float(character.probabilities[i])) for i in order]

    def to_dict(self) -> dict[str, Any]:
        """Return what ``inknet predict --json`` prints."""
        return {
            "image": self.image,
            "verdict": self.verdict,
            "digits": self.digits,
            "confidence": self.confidence,
            "boxes": [
                {
                    "box": list(one.box),
                    "digit": one.label,
                    "confidence": one.confidence,
                    "verdict": one.verdict,
                    "probabilities": dict(
                        zip(self.class_names, one.probabilities.tolist(), strict=True)
                    ),
                }
                for one in self.characters
            ],
        }
