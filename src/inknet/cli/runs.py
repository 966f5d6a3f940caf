"""The commands about finished runs: ``inknet evaluate`` and ``inknet runs``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inknet.cli.completion import sources
from inknet.cli.console import (
    LABEL,
    SOURCE_HELP,
    TRANSPOSE,
    complain,
    how_to_resume,
    n_errors,
    new_table,
    print_json,
    print_rich,
    say,
    say_columns,
)
from inknet.errors import InputError

if TYPE_CHECKING:
    from inknet.data import Dataset
    from inknet.runs import Run


UNKNOWN_DATA = (
    "{}: does not say which data it was trained on, so it cannot be known whether they were changed"
)


def evaluate(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder; with --data also a model file.")
    ],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            autocompletion=sources,
            help="Without it, the test data of the run; with it, the official test set of the "
            f"source, or all of it if it has none. {SOURCE_HELP}",
        ),
    ] = None,
    label: Annotated[str | None, LABEL] = None,
    transpose: Annotated[bool | None, TRANSPOSE] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    copies: Annotated[
        int,
        typer.Option(
            min=0,
            max=10_000,
            help="Average the predictions over the image and N copies of it, distorted as in "
            "training. The result is not that of the network on the image only.",
        ),
    ] = 0,
) -> None:
    """Evaluate a trained network on its test data, or on another source."""
    from inknet.mlp import MLP
    from inknet.runs import Run
    from inknet.runs.other_data import evaluation_part, load_as_trained, matched, recipe_of

    n_learned_from = 0
    if data is None and (label is not None or transpose is not None):
        raise InputError("--label and --transpose say how --data is read; give it too")
    if data is None:
        opened = Run.open(run)
        model, samples = opened.model(), opened.test_data()
        if opened.data_digest is None:
            complain(UNKNOWN_DATA.format(run))
    else:
        model = MLP.load(run)
        recipe = recipe_of(run)
        samples = load_as_trained(data, model, recipe, label=label, transpose=transpose)
        samples = evaluation_part(samples)
        if samples.n_official_test and (run / "metrics.json").is_file():
            n_learned_from = Run.open(run).n_learned_from(samples)
    samples = matched(samples, model)
    if copies:
        result = model.evaluate_copies_on(samples, Run.open(run).recipe.augment, copies)
    else:
        result = model.evaluate_on(samples)
    if as_json:
        calibration = result.calibration and result.calibration.to_dict()
        print_json({**result.to_dict(), "calibration": calibration})
        return
    table = new_table(["class"], ["precision", "recall", "F1", "samples"])
    figures = zip(
        result.class_names, result.precision, result.recall, result.f1, result.support, strict=True
    )
    for name, precision, recall, f1, support in figures:
        table.add_row(name, f"{precision:.2%}", f"{recall:.2%}", f"{f1:.2%}", f"{support:,}")
    print_rich(table)
    which = "the test data of the run" if data is None else _which_part(samples)
    which += f", {n_learned_from:,} of which it learned from" if n_learned_from else ""
    which += f", with {copies} distorted copies of each image" if copies else ""
    say(
        f"{samples.name}, {which}: accuracy {result.accuracy:.2%} "
        f"({n_errors(result.n_errors)} in {result.n_samples:,}), loss {result.loss:.4f}"
    )
    say(f"its confidence: {result.calibration}")


def _which_part(samples: Dataset) -> str:
    """Return which part of a source was evaluated, as text."""
    if samples.n_official_test:
        return "its official test set"
    return "all of it, including what the model may have been trained on"


def runs(
    folder: Annotated[Path, typer.Argument(help="Where the run folders are.")] = Path("runs"),
) -> None:
    """List the finished runs, and the trainings that can be resumed."""
    from inknet.runs import list_runs, list_unfinished

    found, unfinished = list_runs(folder, complain), list_unfinished(folder)
    if found:
        _print_runs(found)
    else:
        say(f"no finished runs in {folder}")
    for path in unfinished:
        say(f"unfinished: {path}; {how_to_resume(path)}")


def _print_runs(found: list[Run]) -> None:
    names = ("run", "recipe", "data", "seed", "accuracy", "epochs", "seconds")
    rows = [names]
    for run in found:
        m = run.metrics
        rows.append(
            (
                str(run.folder),
                m["recipe"],
                Path(m["data"]["source"]).name,
                str(m["seed"]),
                f"{m['test']['accuracy']:.2%}",
                str(m["training"]["epochs"]),
                f"{m['training']['seconds']:.1f}",
            )
        )
    say_columns(rows, n_texts=3)
