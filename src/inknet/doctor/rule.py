"""What a rule is: it reads a case, and says what it saw or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import getdoc

from inknet.doctor.case import Case
from inknet.training.findings import Finding, Severity


@dataclass(frozen=True)
class Seen:
    """What a rule saw.

    Attributes
    ----------
    severity : {"error", "warning", "note"}
    evidence : str
        With the numbers.
    advice : str
        What usually helps.
    settings : tuple of str
        The keys of a recipe that mend it, with values.
    rows : tuple of int
        The samples it is about.
    """

    severity: Severity
    evidence: str
    advice: str
    settings: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()


Look = Callable[[Case], Seen | None]


@dataclass(frozen=True)
class Rule:
    """One kind of finding.

    Attributes
    ----------
    identifier, title, reason : str
        As in `Finding`.
    look : callable
        Its docstring says how the decision is made, and where its limits are from.
    explains : tuple of str
        Findings that follow from this one, and are not said beside it.
    """

    identifier: str
    title: str
    reason: str
    look: Look
    explains: tuple[str, ...] = field(default=())

    @property
    def decision(self) -> str:
        """How it is decided, for the page of all findings."""
        return getdoc(self.look) or ""

    def finding(self, case: Case) -> Finding | None:
        """Return the finding in a case, or None."""
        seen = self.look(case)
        if seen is None:
            return None
        return Finding(
            identifier=self.identifier,
            severity=seen.severity,
            title=self.title,
            evidence=seen.evidence,
            reason=self.reason,
            advice=seen.advice,
            settings=seen.settings,
            epoch=case.epoch,
            rows=seen.rows,
        )


def rounded(value: float) -> str:
    """Return a number with one digit, as a recipe has it."""
    return f"{float(f'{value:.1g}'):.10f}".rstrip("0") if value < 1 else f"{value:g}"


def rule(
    identifier: str, title: str, reason: str, explains: tuple[str, ...] = ()
) -> Callable[[Look], Rule]:
    """Make a rule of the function that looks."""
    return lambda look: Rule(identifier, title, reason, look, explains)
