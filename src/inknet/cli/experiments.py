"""The commands about many trainings: ``inknet experiment …`` and ``inknet search``."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inknet.cli.console import complain, complaining, new_table, print_rich, say, say_text
from inknet.errors import InputError

if TYPE_CHECKING:
    from inknet.experiments.backends import Backend
    from inknet.experiments.catalogue import Study
    from inknet.experiments.plan import Plan
    from inknet.experiments.results import Result, StudyFolder
    from inknet.experiments.summary import StudySummary

DEFAULT_ROOT = Path("experiments")

Root = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Where the folders of the studies are.")
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key of all runs. Repeatable."),
]


class TableFormat(StrEnum):
    """How tables are printed."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    CSV = "csv"


def list_studies(root: Root = DEFAULT_ROOT) -> None:
    """List the studies of the catalogue and your own, with their progress."""
    from inknet.experiments.catalogue import load_study, study_names
    from inknet.experiments.results import StudyFolder, study_folders

    table = new_table(["study", "group", "what"], ["runs done"])
    names = study_names()
    own = [folder for folder in study_folders(root) if folder.folder.name not in names]
    for folder in [*(StudyFolder(root / name) for name in names), *own]:
        name = folder.folder.name
        with complaining():
            study = load_study(name) if name in names else folder.study()
            try:
                done = f"{_summary(study, folder).n_done} of {study.n_runs}"
            except InputError:
                table.add_row(study.name, study.group, study.what, "not readable")
                raise
            table.add_row(study.name, study.group, study.what, done)
    print_rich(table)


def run(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]…", help="Studies, or a group: published, claims, all."),
    ] = None,
    root: Root = DEFAULT_ROOT,
    recipe: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Your own study: the recipe that is varied."),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE,…",
            help="What varies: training.batch_size=32,64. Repeatable: every combination.",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(min=2, max=1000, help="Cross-validate: hold back each of so many parts."),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="N,…", help="The seeds; without it, 0,1,2, and 0 with --folds."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The name of your own study.")] = None,
    changes: Changes = None,
    jobs: Annotated[int, typer.Option(min=1, help="How many processes share the runs.")] = 1,
    dask: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Share the runs among the workers of a Dask cluster."),
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Repeat runs that failed before.")] = False,
) -> None:
    """Run the missing runs of some studies; an interrupted study resumes where it stopped."""
    from inknet.experiments.plan import plan_study
    from inknet.experiments.runner import run_plans

    if dask is not None and jobs > 1:
        raise InputError("--jobs and --dask cannot be combined: choose one of them")
    studies = _studies(names or [], recipe, grid or [], _seeds(seeds), name, folds)
    plans = [plan_study(study, changes or []) for study in studies]
    with _backend(jobs, dask) as backend:
        folders = run_plans(
            plans, root, backend, changes=changes or [], retry=retry, report=_report
        )
    summaries = [_conclude(folder) for folder in folders]
    for summary in summaries:
        if len(summary.failures) == summary.study.n_runs:
            raise InputError(
                f"study {summary.study.name}: all of its runs failed; the first: "
                f"{summary.failures[0].error}"
            )


def _studies(
    names: list[str],
    recipe: str | None,
    grid: list[str],
    seeds: list[int] | None,
    name: str | None,
    folds: int | None,
) -> list[Study]:
    """Return the studies that were asked for, by name or as a grid."""
    from inknet.experiments.catalogue import grid_study, load_studies

    if recipe is None and not grid and folds is None:
        if not names:
            raise InputError(
                "no study is named; see inknet experiment list, or give a --grid or --folds"
            )
        if name is not None:
            raise InputError("--name needs --recipe or --grid; other studies have a name")
        studies = load_studies(names)
        return [study.model_copy(update={"seeds": seeds}) if seeds else study for study in studies]
    if names:
        raise InputError(
            "--recipe, --grid and --folds make a study; they cannot be combined with a NAME"
        )
    default = [0, 1, 2] if folds is None else [0]
    return [grid_study(recipe or "digits", grid, seeds or default, name, folds)]


def _seeds(listed: str | None) -> list[int] | None:
    if listed is None:
        return None
    numbers = [number.strip() for number in listed.split(",")]
    if not all(number.isdecimal() and len(number) < 19 for number in numbers):
        raise InputError(f"--seeds {listed!r}: expected whole numbers from 0, such as 0,1,2")
    if len(set(map(int, numbers))) < len(numbers):
        raise InputError(f"--seeds {listed!r}: a number is given twice")
    return [int(number) for number in numbers]


@contextmanager
def _backend(jobs: int, dask: str | None) -> Generator[Backend, None, None]:
    from inknet.experiments.backends import in_this_process, on_cluster, on_processes

    if dask is not None:
        with on_cluster(dask) as backend:
            yield backend
    else:
        yield on_processes(jobs) if jobs > 1 else in_this_process


def _report(plan: Plan, result: Result, done: int, total: int) -> None:
    """Print the result of a run on one line."""
    if result.outcome == "failed":
        what = f"failed: {result.error}"
    else:
        reached = f"{result.test.accuracy:.2%}" if result.test else ""
        ending = "diverged" if result.outcome == "diverged" else reached
        epochs = f"{result.epochs} epoch{'' if result.epochs == 1 else 's'}"
        what = f"{ending} after {epochs}, {result.seconds:.1f} s"
    number = f"{done:{len(str(total))}d}/{total}"
    line = f"{number}  {plan.study.name}, {result.row}, seed {result.seed}: {what}"
    say(line)


def _conclude(folder: StudyFolder) -> StudySummary:
    """Draw the picture of a study, print its results, and return them."""
    from inknet.experiments.pictures import plot_study
    from inknet.experiments.results import PICTURE

    summary = _summary(folder.study(), folder)
    picture = folder.folder / PICTURE
    look = f"; look at {picture}"
    try:
        plot_study(summary, picture)
    except InputError as error:
        complain(f"{error}; the results are complete without it")
        look = ""
    _print_study(summary)
    say(f"everything is in {folder.folder}{look}")
    return summary


def table(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]…", help="Studies or groups; by default, all begun ones."),
    ] = None,
    root: Root = DEFAULT_ROOT,
    form: Annotated[TableFormat, typer.Option("--format", help="How to print it.")] = (
        TableFormat.TERMINAL
    ),
) -> None:
    """Print the tables of studies: ours next to the published figures."""
    from inknet.experiments.claims import choice_lines
    from inknet.experiments.tables import csv_text, markdown, markdown_text

    summaries, n_broken = _begun(names or [], root)
    if form is TableFormat.CSV:
        say_text(csv_text(summaries))
    elif form is TableFormat.MARKDOWN:
        for number, summary in enumerate(summaries):
            choice = " ".join(map(markdown_text, choice_lines(summary)))
            parts = [f"## {markdown_text(summary.study.title)}", markdown(summary), choice]
            say_text("\n" * (number > 0) + "\n\n".join(filter(None, parts)))
    else:
        for summary in summaries:
            _print_study(summary)
    if n_broken:
        raise typer.Exit(2)


def _begun(names: list[str], root: Path) -> tuple[list[StudySummary], int]:
    """Return the results of some studies, or of all that were begun; how many are broken."""
    from inknet.experiments.results import study_folders

    if names:
        return [_known(name, root) for name in _expand(names)], 0
    folders: list[StudyFolder] = study_folders(root)
    if not folders:
        raise InputError(f"{root}: holds no study; begin one with inknet experiment run NAME")
    summaries = []
    for folder in folders:
        with complaining():
            summaries.append(_summary(folder.study(), folder))
    return summaries, len(folders) - len(summaries)


def _expand(names: list[str]) -> list[str]:
    """Return the names of studies, with each group replaced by its studies."""
    from inknet.experiments.catalogue import GROUPS, load_studies

    groups = (*GROUPS, "all")
    expanded = [
        member
        for name in names
        for member in ([s.name for s in load_studies([name])] if name in groups else [name])
    ]
    return list(dict.fromkeys(expanded))


def _known(name: str, root: Path) -> StudySummary:
    """Return the results of a study: one that was begun, or one of the catalogue without runs."""
    from inknet.experiments.catalogue import NAME_FORM, load_study
    from inknet.experiments.results import StudyFolder

    if NAME_FORM.fullmatch(name) and (folder := StudyFolder(root / name)).exists:
        return _summary(folder.study(), folder)
    return _summary(load_study(name), None)


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A study.")],
    root: Root = DEFAULT_ROOT,
) -> None:
    """Print what a study is about, its results, and where its picture is."""
    from inknet.experiments.results import PICTURE

    summary = _known(name, root)
    _print_study(summary, about=True)
    picture = root / name / PICTURE
    if picture.is_file():
        say(f"picture: {picture}")
    if not summary.is_complete:
        left = summary.study.n_runs - sum(len(row.results) for row in summary.rows)
        say(f"{left} of {summary.study.n_runs} runs have no result yet")


def _print_study(summary: StudySummary, *, about: bool = False) -> None:
    """Print title, table, notes and claim of a study."""
    from inknet.experiments.claims import choice_lines, claim_lines
    from inknet.experiments.tables import notes, terminal

    study = summary.study
    changed = f" (with {', '.join(summary.changes)})" if summary.changes else ""
    say(f"{study.title}{changed}", style="bold")
    if about and study.about:
        for line in study.about.strip().splitlines():
            print_rich(line)
    print_rich(terminal(summary))
    for line in notes(summary):
        print_rich(f"  {line}")
    if study.claim is not None:
        say(f"The claim: {study.claim.says}")
    for line in [*claim_lines(summary), *choice_lines(summary)]:
        say(line)
    print_rich("")


def search(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A recipe's name, or a TOML file.")
    ],
    trials: Annotated[int, typer.Option(min=1, help="How many trials to run now.")] = 20,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=LOW..HIGH",
            help="What is searched, a range or KEY=VALUE,…; repeatable. Without it: learning "
            "rate, batch size, label smoothing, L2 and dropout.",
        ),
    ] = None,
    changes: Changes = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of all trainings.")] = 0,
    name: Annotated[
        str | None, typer.Option(help="The name of the search; without it, that of the recipe.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A database; without it, SQLite in search/NAME.db."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The best recipe; without it, search/NAME.toml."),
    ] = None,
) -> None:
    """Search for better hyperparameters; the same command resumes the search."""
    from inknet.experiments.catalogue import NAME_FORM
    from inknet.experiments.search import open_search
    from inknet.files import write_text_whole

    name = name or Path(recipe).stem
    if not NAME_FORM.fullmatch(name) or name.startswith("."):
        raise InputError(
            f"--name {name!r}: expected at most 80 letters, digits, '.', '+', '-', '_'"
        )
    path = out or Path("search") / f"{name}.toml"
    if path.suffix != ".toml" or path.is_dir():
        raise InputError(f"--out {path}: expected the name of a .toml file")
    found = open_search(
        recipe,
        changes or [],
        vary or [],
        seed,
        name=name,
        storage=storage or f"sqlite:///search/{name}.db",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    found.run(trials, _report_trial)
    best = found.best_recipe()
    write_text_whole(path, best.to_toml())
    number = found.study.best_trial.number
    say(f"best validation accuracy {found.study.best_value:.2%}, of trial {number}")
    say(f"its recipe is {path}; train with: inknet train --recipe {path}")


def _report_trial(trial: Any) -> None:
    """Print the settings and the result of a trial on one line."""
    reached = f"{trial.value:.2%}" if trial.state.name == "COMPLETE" else trial.state.name.lower()
    tried = ", ".join(
        f"{key.rpartition('.')[2]} {value:.3g}"
        if isinstance(value, float)
        else f"{key.rpartition('.')[2]} {value}"
        for key, value in trial.params.items()
    )
    say(f"trial {trial.number}: {reached}  {tried}")


def _summary(study: Study, folder: StudyFolder | None) -> StudySummary:
    from inknet.experiments.summary import summarize

    return summarize(study, folder)
