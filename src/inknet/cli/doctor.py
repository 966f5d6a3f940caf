"""The command ``inknet doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inknet.cli.console import LABEL, SOURCE_HELP, TRANSPOSE, print_json, say
from inknet.errors import InputError


def doctor(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN]", help="A run folder, finished or not."),
    ] = None,
    other: Annotated[
        Path | None,
        typer.Argument(metavar="[OTHER]", help="A second run: says whether the two differ."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE", help=f"Examine data and recipe before a training. {SOURCE_HELP}"
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="A recipe's name (digits), or a TOML file."),
    ] = None,
    label: Annotated[str | None, LABEL] = None,
    transpose: Annotated[bool | None, TRANSPOSE] = None,
    seed: Annotated[int | None, typer.Option(help="Decides everything random.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a key: training.epochs=5. Repeatable."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is wrong with a training, or with data and recipe before one."""
    from inknet.recipes import load_recipe
    from inknet.runs.doctoring import changed_by_doctor, compared, examine, findings_of_run

    checks: list[str] = []
    if run is not None:
        given = (data, recipe, label, transpose, seed, changes or None)
        if any(one is not None for one in given):
            raise InputError(
                "a run has its own data and recipe; --data, --recipe, --label, --transpose, --seed "
                "and --set cannot be combined with it"
            )
        findings = findings_of_run(run)
        if other is not None:
            findings = [compared(run, other)]
    elif data is None and recipe is None:
        raise InputError("expected a run folder, or --data SOURCE to examine before a training")
    else:
        read = {"data.label": label, "data.transpose": transpose}
        settings = {key: value for key, value in read.items() if value is not None}
        chosen = load_recipe(
            recipe or "digits", changes or [], settings=settings, source=data, seed=seed
        )
        findings, checks = examine(chosen)
    if as_json:
        print_json({"findings": [one.to_dict() for one in findings], "checks": checks})
        return
    from inknet.cli.findings import print_finding
    from inknet.cli.terminal import Terminal

    for check in checks:
        say(f"checked: {check}")
    for change in changed_by_doctor(run):
        say(f"changed by --doctor fix: {change}")
    console = Terminal(soft_wrap=True)
    for finding in findings:
        print_finding(console, finding)
    if other is None and not any(finding.is_alarm for finding in findings):
        say("nothing wrong was found")
