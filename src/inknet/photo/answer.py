"""The answer about a picture: what it is, what it says, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.photo.sheet import Character
from inknet.photo.verdicts import BLANK, DIGIT, NO_DIGIT, UNSURE, in_words
from inknet.scale import Deslanting

Picture = NDArray[np.uint8]

CLEAR = 0.9
"""Of a class with at least this probability, no other is named."""


@dataclass(frozen=True, eq=False)
class Answer:
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
    grid : (rows, columns) or None
        Of a sheet of squares.
    deslanting : Deslanting or None
        How the model deslants the images of the characters, if it does.
    """

    image: str | None
    verdict: str
    reason: str
    rows: list[list[Character]]
    class_names: Sequence[str] = field(repr=False)
    picture: Picture = field(repr=False)
    shape: tuple[int, int] = field(repr=False)
    grid: tuple[int, int] | None = None
    deslanting: Deslanting | None = field(repr=False, default=None)

    @property
    def characters(self) -> list[Character]:
        """What was found, in reading order, also what is not a digit."""
        return [one for row in self.rows for one in row]

    @property
    def digits(self) -> str:
        """What the picture says, rows separated by a space; empty if it says nothing.

        What is not a digit is left out. On a sheet of squares, each cell has its place: a blank
        one, or one with only a low mark such as a dash, is a full stop; one with something else is
        a question mark. Names of classes that are longer than one character are separated by spaces
        too.
        """
        if self._says_nothing:
            return ""
        within = "" if all(len(name) == 1 for name in self.class_names) else " "
        if self.grid is not None:
            return " ".join(map(within.join, self._cells(*self.grid)))
        rows = (within.join(one.label for one in row if self.is_read(one)) for row in self.rows)
        return " ".join(row for row in rows if row)

    def _cells(self, n_rows: int, n_columns: int) -> list[list[str]]:
        """Return what is written in each cell of a sheet of squares."""
        cells = [["."] * n_columns for _ in range(n_rows)]
        for one in self.characters:
            if one.cell is not None:
                row, column = one.cell
                cells[row][column] = one.label if self.is_read(one) else "?"
        return cells

    @property
    def confidence(self) -> float:
        """How probable it is that `digits` is right, 0 to 1: the product of those of characters.

        0 if there is none.
        """
        if self._says_nothing:
            return 0.0
        return prod(one.confidence for one in self.characters if self.is_read(one))

    @property
    def is_sure(self) -> bool:
        """Whether all is read and clear."""
        return self.verdict == in_words(DIGIT, self.class_names)

    @property
    def _says_nothing(self) -> bool:
        return self.verdict in (BLANK, in_words(NO_DIGIT, self.class_names))

    def is_read(self, character: Character) -> bool:
        """Return whether a character counts: whether it is one at all.

        Parameters
        ----------
        character : Character
            One of `characters`.

        Returns
        -------
        bool
            False if its verdict is that it is none.
        """
        return character.verdict != in_words(NO_DIGIT, self.class_names)

    def likeliest(self, character: Character, n: int = 2) -> list[tuple[str, float]]:
        """Return the most probable classes of a character.

        Parameters
        ----------
        character : Character
            One of `characters`.
        n : int
            How many classes.

        Returns
        -------
        list of (str, float)
            Name and probability, the most probable first.
        """
        order = (-character.probabilities).argsort(kind="stable")[:n]
        return [(self.class_names[i], float(character.probabilities[i])) for i in order]

    def in_a_line(self) -> str:
        """Return the verdict and what was read.

        Returns
        -------
        str
            As ``inknet predict`` prints it.
        """
        sure = f"{self.digits} ({percent(self.confidence)})"
        if self.is_sure:
            return sure
        if not self.digits:
            return self.verdict if self.verdict == BLANK else f"{self.verdict}: {self.reason}"
        unsure = [one for one in self.characters if one.verdict == UNSURE]
        if not unsure:  # what was read is clear, but not all was read
            return f"{UNSURE}, perhaps {sure}: {self.reason}"
        worst = min(unsure, key=lambda one: one.support)
        either = " or ".join(f"{name} ({percent(p)})" for name, p in self.likeliest(worst))
        if worst.confidence >= CLEAR:  # it is the guard that doubts
            either = f"{worst.label} ({percent(worst.confidence)}) in an unusual form"
        if len(self.characters) == 1:
            return f"{UNSURE}, {either}"
        if worst.cell is not None:
            where = "row {}, column {}".format(*(place + 1 for place in worst.cell))
        else:
            where = f"number {next(n for n, one in enumerate(self.characters, 1) if one is worst)}"
        return f"{UNSURE}, perhaps {sure}: {where} is {either}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the pixels, ready for JSON.

        Returns
        -------
        dict
            What ``inknet predict --json`` prints.
        """
        return {
            "image": self.image,
            "verdict": self.verdict,
            "reason": self.reason,
            "digits": self.digits,
            "confidence": self.confidence,
            "boxes": [
                {
                    **({} if one.cell is None else {"row": one.cell[0], "column": one.cell[1]}),
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


def percent(share: float) -> str:
    """Return a share as text; rounding must not show 100 % for less."""
    return "> 99.9%" if 0.9995 <= share < 1 else f"{share:.1%}"
