"""All rules, in the order in which causes are named: samples, start, layers, steps, results."""

from __future__ import annotations

from collections.abc import Sequence

from inknet.doctor import (
    rules_of_data,
    rules_of_layers,
    rules_of_restraints,
    rules_of_results,
    rules_of_steps,
)
from inknet.doctor.case import Case
from inknet.doctor.rule import Rule
from inknet.training.findings import Finding, ranked

RULES: tuple[Rule, ...] = (
    *rules_of_data.RULES,
    *rules_of_layers.AT_THE_START,
    *rules_of_steps.FIRST,
    *rules_of_restraints.RULES,
    *rules_of_steps.RULES,
    *rules_of_layers.LATER,
    *rules_of_results.RULES,
)
"""Causes before what follows from them; within a severity, findings are said in this order."""


def diagnose(case: Case, before: Sequence[Finding] = ()) -> list[Finding]:
    """Return what all rules find, the worst first, without what follows from another finding.

    What was found before stays, unless it follows from something that is known now.
    """
    found: dict[str, Finding] = {}
    explained: set[str] = set()
    for rule in RULES:
        finding = None if rule.identifier in explained else rule.finding(case)
        if finding is None:
            continue
        found[rule.identifier] = finding
        if finding.is_alarm:
            explained.update(rule.explains)
    known = [f for f in before if f.identifier not in explained and f.identifier not in found]
    return ranked([*found.values(), *known])
