"""Findings: what the doctor says of a training, kept in its history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

Severity: TypeAlias = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The severities, the worst first."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a training, or worth knowing; prints as three lines.

    Attributes
    ----------
    identifier : str
        Which of the findings in docs/reference/findings.md it is.
    severity : {"error", "warning", "note"}
        An error or a warning is a fault; a note explains, or names a habit that costs little.
    title : str
        What is wrong, in a few words.
    evidence : str
        How it was seen, with the numbers.
    reason : str
        Why it matters.
    advice : str
        What usually helps.
    settings : tuple of str
        The keys of a recipe that mend it, with their values: ``"training.learning_rate=0.003"``.
    epoch : int
        The epochs that were complete when it was seen.
    rows : tuple of int
        The samples that it is about, if these are few: their numbers in the training data.
    """

    identifier: str
    severity: Severity
    title: str
    evidence: str
    reason: str
    advice: str
    settings: tuple[str, ...] = ()
    epoch: int = 0
    rows: tuple[int, ...] = ()

    @property
    def setting(self) -> str:
        """What mends it, as options that can be pasted; empty if no setting does."""
        return " ".join(f"--set {_for_a_shell(setting)}" for setting in self.settings)

    @property
    def is_alarm(self) -> bool:
        """Whether it is a fault, and not a note."""
        return self.severity != "note"

    def lines(self, words: Callable[[Sequence[str]], str] | None = None) -> tuple[str, str, str]:
        """Return what is wrong, why it matters, and what helps.

        Parameters
        ----------
        words : callable, optional
            Returns settings as whoever trains writes them; without it, as options of
            ``inknet train``.

        Returns
        -------
        tuple of str
            Three lines.
        """
        return (
            f"{self.severity} [{self.identifier}] {self.title}: {self.evidence}",
            f"why it matters: {self.reason}",
            f"what helps: {self._help(words)}",
        )

    def sentences(self, words: Callable[[Sequence[str]], str] | None = None) -> str:
        """Return what is wrong, why it matters, and what helps, as three sentences on one line.

        Parameters
        ----------
        words : callable, optional
            As for `lines`.

        Returns
        -------
        str
            With the identifier in brackets after them.
        """
        parts = (f"{self.title}: {self.evidence}", self.reason, self._help(words))
        return f"{' '.join(map(_sentence, parts))} [{self.identifier}]"

    def _help(self, words: Callable[[Sequence[str]], str] | None) -> str:
        setting = self.setting if words is None else words(self.settings)
        return f"{self.advice}: {setting}" if setting else self.advice

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        """Return the three lines for a notebook."""
        from html import escape

        first, *others = (escape(line) for line in self.lines())
        return f"<p><b>{first}</b><br>{'<br>'.join(others)}</p>"

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as values that JSON can hold.

        Returns
        -------
        dict
            The attributes by their names.
        """
        return {**asdict(self), "settings": list(self.settings), "rows": list(self.rows)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Finding:
        """Return the finding that `to_dict` wrote.

        Parameters
        ----------
        values : dict
            The attributes by their names.

        Returns
        -------
        Finding
            The same finding.

        Raises
        ------
        ValueError
            If they are not those of a finding.
        """
        known = {field.name for field in fields(cls)}
        texts = ("identifier", "title", "evidence", "reason", "advice")
        settings, rows = values.get("settings"), values.get("rows")
        is_finding = (
            set(values) == known
            and all(isinstance(values[name], str) for name in texts)
            and values["severity"] in SEVERITIES
            and isinstance(settings, list)
            and all(isinstance(setting, str) for setting in settings)
            and isinstance(rows, list)
            and all(type(row) is int for row in (*rows, values["epoch"]))
        )
        if not is_finding:
            raise ValueError("not a finding of the doctor")
        return cls(**{**values, "settings": tuple(settings or ()), "rows": tuple(rows or ())})


def _sentence(text: str) -> str:
    """Return a text with a large first letter and a full stop; a name keeps its own letter."""
    first = text.partition(" ")[0].rstrip(",:;")
    is_word = first.isalpha() and (len(first) > 1 or first == "a")
    text = text[:1].upper() + text[1:] if is_word else text
    return text if text.endswith((".", "?", "!", "…")) else f"{text}."


def _for_a_shell(setting: str) -> str:
    return f"'{setting}'" if any(one in setting for one in '"[] ') else setting


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings with the worst first; within a severity the order stays."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
