"""Write docs/experiments.md and its pictures from the folders of the studies.

``make experiments`` runs all studies first; nothing on the page is written by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

from inknet.experiments.catalogue import load_study, study_names
from inknet.experiments.claims import claim_lines
from inknet.experiments.machine import describe_machine, in_words
from inknet.experiments.pictures import plot_study
from inknet.experiments.plan import plan_study
from inknet.experiments.results import StudyFolder
from inknet.experiments.summary import StudySummary, summarize
from inknet.experiments.tables import LEGEND, markdown, notes

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

HEAD = """# The experiments

Written by `make experiments` from the folders of the studies; nothing here is by hand.

inknet grew out of a study of five models, tables over batch size, learning rate and depth, and a
list of claims. Every row is a recipe, trained from scratch with each of {seeds} seeds. Each study
is a file in [the catalogue](../src/inknet/experiments/studies), to be read, changed and run again:

    inknet experiment list
    inknet experiment run published --jobs 2
    inknet experiment show layers
    inknet experiment run --recipe digits --grid training.batch_size=32,64 --seeds 0,1,2
    inknet search digits --trials 20

A run of a study leaves one JSON file with its recipe, figures, history and the digest of its
weights, and no model or pictures; `inknet train` with that recipe makes all of it, to the same
figures. Each run computes on one thread, wherever it is: one process, `--jobs`, and `--dask` (a
cluster whose scheduler and workers are trusted: they run each other's code) give the same bits on
the same kind of machine.

{legend}
A claim is decided where every run of one row lies above every run of the other.

Measured on {machine}, on {ops} ops.
"""


def main() -> None:
    """Write the page from the folders below the one that is given, or ``experiments``."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "experiments"
    summaries = [summarize(load_study(name), StudyFolder(root / name)) for name in study_names()]
    for summary in summaries:
        folder = StudyFolder(root / summary.study.name)
        if folder.exists and folder.manifest().digest != plan_study(summary.study).digest:
            sys.exit(f"{folder.folder}: is of another version of the study")
    if changed := [summary.study.name for summary in summaries if summary.changes]:
        sys.exit(f"{root}: run with changes, which the page does not say: {', '.join(changed)}")
    seeds = {len(summary.study.seeds) for summary in summaries}
    ops = {summary.ops for summary in summaries if summary.ops}
    head = HEAD.format(
        seeds=" to ".join(map(str, sorted(seeds))),
        legend=LEGEND,
        machine=in_words(describe_machine()),
        ops=" and ".join(sorted(ops)),
    )
    parts = [head, *outcome(summaries)]
    for group, title in (("published", "The published tables"), ("claims", "The claims")):
        parts.append(f"## {title}\n")
        parts += [section(summary) for summary in summaries if summary.study.group == group]
    (DOCS / "experiments.md").write_text("\n".join(parts).rstrip() + "\n", "utf-8")


def outcome(summaries: list[StudySummary]) -> list[str]:
    """Say how many of the published rows are reached, and which are not."""
    rows = [(s.study, row) for s in summaries for row in s.rows if row.row.published is not None]
    good = ("reached", "same effect")
    missed = [
        f"- {study.title}, {row.row.name}"
        + (
            ""
            if row.is_complete
            else f": only {len(row.results)} of {row.n_planned} runs are there"
        )
        for study, row in rows
        if row.verdict not in good
    ]
    seconds = sum(
        result.seconds
        for s in summaries
        if s.study.group == "published"
        for row in s.rows
        for result in row.results
    )
    lines = [
        f"Of {len(rows)} published rows {len(rows) - len(missed)} are reached or show the same "
        f"effect. Their trainings took {seconds / 60:.0f} minutes in all, on one thread each.\n"
    ]
    if missed:
        lines += ["Not reached:\n", *missed, ""]
    return lines


def section(summary: StudySummary) -> str:
    """Return what the page says of a study, and draw its picture."""
    study = summary.study
    lines = [f"### {study.title}\n", study.about.strip(), "", markdown(summary), ""]
    lines += [f"- {note}" for note in notes(summary)]
    while lines[-1] == "":
        lines.pop()
    if study.claim is not None:
        lines += ["", f"**The claim:** {study.claim.says}\n", "  \n".join(claim_lines(summary))]
    if summary.n_done:
        picture = DOCS / "pictures" / f"experiment-{study.name}.png"
        plot_study(summary, picture)
        lines += ["", f"![{study.title}: the rows and their curves](pictures/{picture.name})"]
    lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
