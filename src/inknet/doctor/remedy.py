"""Which findings have one remedy that is safe to apply without asking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inknet.training.findings import Finding

if TYPE_CHECKING:
    from inknet.recipes import Recipe

SAFE = (
    "rows-in-label-order",
    "features-not-scaled",
    "parts-differ",
    "diverged",
    "rate-too-high",
    "rate-too-low",
    "batch-too-small",
    "batch-too-large",
    "too-few-epochs",
    "stopped-before-rate-fell",
)
"""Findings whose setting loses nothing that was asked for: it makes a training longer, steadier, or
gives it the same samples in another order or on another scale."""
MOST_ROUNDS = 4
"""How often a training is begun again."""


def safe_remedy(
    findings: Sequence[Finding], recipe: Recipe, changes: Sequence[str]
) -> tuple[Finding, tuple[str, ...]] | None:
    """Return the first alarm that can be mended safely, and its settings; None if there is none.

    What was changed once for a finding is not changed for it again, except the rate.
    """
    tried = {change.rpartition("(")[2].rstrip(")") for change in changes}
    again = {"diverged", "rate-too-high", "rate-too-low", "too-few-epochs"}
    for finding in findings:
        is_known = finding.identifier in tried and finding.identifier not in again
        if finding.is_alarm and finding.identifier in SAFE and finding.settings and not is_known:
            return finding, finding.settings
    return None
