"""What the numbers say about a claim, in two lines that follow from the numbers alone.

A pair of rows is decided when every run of one lies above every run of the other: with three runs
each, chance alone does that to one side in one of twenty cases. Otherwise, and with fewer runs, it
is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

from inknet.experiments.catalogue import FIGURE_NAMES, FOLD, Claim, Figure, Pair
from inknet.experiments.summary import RowSummary, Spread, StudySummary, percent

Verdict = Literal["for", "against", "open"]

LEAST_RUNS = 3
"""Of a row, to decide anything."""


@dataclass(frozen=True)
class Comparison:
    """A pair of rows and what their runs say."""

    pair: Pair
    higher: Spread
    lower: Spread
    verdict: Verdict


def claim_lines(summary: StudySummary) -> list[str]:
    """Return two lines: the figures, and whether they bear the claim out; none without a claim."""
    claim = summary.study.claim
    if claim is None:
        return []
    comparisons = [_compare(summary, pair, claim.figure) for pair in claim.pairs]
    known = [item for item in comparisons if item is not None]
    if len(known) < len(comparisons):
        return [
            f"{_upper_first(FIGURE_NAMES[claim.figure])}: not all runs are there yet.",
            "So far the numbers say nothing about the claim.",
        ]
    return [_figures_line(claim, known), _verdict_line(known)]


def choice_lines(summary: StudySummary) -> list[str]:
    """Return which row of a study of one's own validation data choose, and whether that is sure.

    It is compared with each other row by the rule of claims.
    """
    if _is_of_folds(summary):
        return _fold_lines(summary)
    chosen = summary.chosen
    if not summary.is_own or chosen is None or len(summary.rows) < 2:
        return []
    validation, test = chosen.validation, chosen.figure("test")
    lines = [
        f"Chosen by validation: {chosen.row.name}, {percent(validation)}; "
        f"its test accuracy is {percent(test)}."
    ]
    others = [row for row in summary.rows if row is not chosen and row.is_complete]
    if len(others) + 1 < len(summary.rows):
        lines.append("Not all runs are there yet.")
        return lines
    assert validation is not None, "a row without it is not chosen"
    if min(len(row.results) for row in summary.rows) < LEAST_RUNS:
        return [*lines, f"With fewer than {LEAST_RUNS} runs of a row, that may be chance."]
    verdicts = choice_verdicts(summary)
    ties = [row.row.name for row in others if verdicts[row.row.name] == "tie"]
    unknown = [row.row.name for row in others if verdicts[row.row.name] == "open"]
    if ties:
        lines.append(f"A tie with {', '.join(ties)}: their runs overlap, so that may be chance.")
    if unknown:
        lines.append(
            f"Not compared with {', '.join(unknown)}: fewer than {LEAST_RUNS} runs finished."
        )
    if not ties and not unknown:
        lines.append("Every run of it is above every run of all others: that is no chance.")
    return lines


def choice_verdicts(summary: StudySummary) -> dict[str, str]:
    """Return what validation data say of each row of a study of one's own, by its name.

    ``chosen``; ``below``, if every run is below every run of the chosen row; ``tie``, if runs of
    the two overlap; ``open``, if one has too few runs that finished for the rule of claims; or
    nothing, as long as runs are missing, and of folds, which are not to be chosen among.
    """
    chosen, verdicts = summary.chosen, {row.row.name: "" for row in summary.rows}
    if (
        _is_of_folds(summary)
        or not summary.is_own
        or chosen is None
        or len(summary.rows) < 2
        or not summary.is_complete
    ):
        return verdicts
    assert chosen.validation is not None, "a row without it is not chosen"
    for row in summary.rows:
        values = row.validation.values if row.validation else ()
        if row is chosen:
            verdict = "chosen"
        elif min(len(values), len(chosen.validation.values)) < LEAST_RUNS:
            verdict = "open"
        else:
            verdict = "below" if _verdict(chosen.validation.values, values) == "for" else "tie"
        verdicts[row.row.name] = verdict
    return verdicts


def _is_of_folds(summary: StudySummary) -> bool:
    return summary.is_own and all(FOLD in row.row.set for row in summary.rows)


def _fold_lines(summary: StudySummary) -> list[str]:
    """Return the mean over the folds of each combination, and its standard error.

    A fold counts with the mean over its seeds; the standard error is the standard deviation of the
    folds divided by the root of their number.
    """
    found: dict[str, list[RowSummary]] = {}
    for row in summary.rows:
        others = [f"{key}={value}" for key, value in row.row.set.items() if key != FOLD]
        found.setdefault(", ".join(others), []).append(row)
    lines = []
    for settings, rows in found.items():
        which = f" with {settings}" if settings else ""
        means = [row.validation.mean for row in rows if row.is_complete and row.validation]
        if len(means) < len(rows):
            lines.append(f"Cross-validation{which}: {len(means)} of {len(rows)} folds are there.")
            continue
        spread = Spread(tuple(means))
        error = spread.deviation / sqrt(len(means))
        lines.append(
            f"Cross-validation{which}: validation accuracy {spread.mean:.2%}, the mean of "
            f"{len(means)} folds; its standard error is {100 * error:.2f} points."
        )
    return lines


def _compare(summary: StudySummary, pair: Pair, figure: Figure) -> Comparison | None:
    rows = summary.row(pair.higher), summary.row(pair.lower)
    higher, lower = (row.figure(figure) if row.is_complete else None for row in rows)
    if higher is None or lower is None:
        return None
    return Comparison(pair, higher, lower, _verdict(higher.values, lower.values))


def _verdict(higher: Sequence[float], lower: Sequence[float]) -> Verdict:
    if min(len(higher), len(lower)) < LEAST_RUNS:
        return "open"
    if min(higher) > max(lower):
        return "for"
    return "against" if max(higher) < min(lower) else "open"


def _figures_line(claim: Claim, comparisons: list[Comparison]) -> str:
    spreads = {item.pair.higher: item.higher for item in comparisons}
    spreads |= {item.pair.lower: item.lower for item in comparisons}
    figures = "; ".join(f"{name}: {percent(spread)}" for name, spread in spreads.items())
    return f"{_upper_first(FIGURE_NAMES[claim.figure])} in percent: {figures}."


def _verdict_line(comparisons: list[Comparison]) -> str:
    if any(min(len(j.higher.values), len(j.lower.values)) < LEAST_RUNS for j in comparisons):
        return f"With fewer than {LEAST_RUNS} runs of a row the numbers do not decide the claim."
    if len(comparisons) == 1:
        pair = comparisons[0].pair
        return {
            "for": f"Every run of {pair.higher} is above every run of {pair.lower}: "
            "the numbers bear the claim out.",
            "against": f"Every run of {pair.higher} is below every run of {pair.lower}: "
            "the numbers contradict the claim.",
            "open": f"The runs of {pair.higher} and {pair.lower} overlap: "
            "the numbers do not decide the claim.",
        }[comparisons[0].verdict]
    parts = []
    for verdict, says in (
        ("for", "bear the claim out"),
        ("against", "contradict it"),
        ("open", "leave it open"),
    ):
        count = sum(item.verdict == verdict for item in comparisons)
        if count == len(comparisons):
            return f"In all {count} comparisons the numbers {says.replace(' it', ' the claim')}."
        if count:
            which = "; ".join(
                f"{item.pair.higher} and {item.pair.lower}"
                for item in comparisons
                if item.verdict == verdict
            )
            parts.append(f"{says} in {count} of {len(comparisons)} ({which})")
    return f"The numbers {', '.join(parts[:-1])} and {parts[-1]}.".replace(
        "numbers contradict it", "numbers contradict the claim"
    )


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
