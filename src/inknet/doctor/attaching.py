"""The doctor joins the callbacks of a training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inknet.output import print_if_possible
from inknet.training.callbacks import Callback, checked_callbacks
from inknet.training.findings import Finding

if TYPE_CHECKING:
    from inknet.recipes import AugmentRecipe


def with_doctor(
    callbacks: Sequence[Callback] | None, prints: bool, augment: AugmentRecipe | None = None
) -> list[Callback]:
    """Return the callbacks with a doctor among them; with their own, if they have one.

    Parameters
    ----------
    callbacks
    prints
        Whether findings are printed.
    augment
        How the training images are distorted.
    """
    from inknet.doctor.doctor import Doctor
    from inknet.doctor.wording import for_python

    found = checked_callbacks(callbacks)
    if any(isinstance(callback, Doctor) for callback in found):
        return found

    def print_it(finding: Finding) -> None:
        for line in finding.lines(for_python):
            print_if_possible(line)

    return [*found, Doctor(print_it if prints else None, augment)]
