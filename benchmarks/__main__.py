"""``python -m benchmarks``: measure all, or what is named, and write the page."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.conductor import say
from benchmarks.page import write_page
from benchmarks.stale import FIGURES, digest
from benchmarks.studies import (
    installing,
    learning,
    many_images,
    predicting,
    racing,
    scaling,
    starting,
    step,
    training,
)
from inknet.errors import InputError
from inknet.experiments.backends import ONE_THREAD
from inknet.experiments.machine import describe_machine
from inknet.experiments.measured import MeasuredFile, measured

STUDIES: dict[str, Callable[[int], dict[str, Any]]] = {
    "epoch": training.measure_epoch,
    "user": training.measure_user,
    "user wide": training.measure_user_wide,
    "race": racing.measure,
    "step": step.measure,
    "bn": training.measure_batch_norm,
    "wide": training.measure_wide,
    "scaling": scaling.measure,
    "data": many_images.measure,
    "predict": predicting.measure,
    "startup": starting.measure,
    "size": installing.measure,
    "accuracy": learning.measure,
}


def main(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[STUDY]…", help=f"Of {', '.join(STUDIES)}; or page alone."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each contestant.")] = 9,
    figures: Annotated[Path, typer.Option(help="Where the raw figures are kept.")] = FIGURES,
    again: Annotated[bool, typer.Option(help="Measure also what is up to date.")] = False,
) -> None:
    """Measure inknet against its peers, and write docs/performance.md.

    What was measured of the code as it is now, on this machine, is kept.
    """
    from inknet.data.mnist import fetch_mnist

    chosen = [name for name in names or STUDIES if name != "page"]
    for name in chosen:
        if name not in STUDIES:
            sys.exit(f"no study is called {name!r}; expected {', '.join(STUDIES)} or page")
    kept = MeasuredFile(figures)
    try:
        results = kept.entries()
        if chosen := [name for name in chosen if again or not is_current(results.get(name))]:
            fetch_mnist()
    except InputError as error:
        sys.exit(str(error))
    for variable in ONE_THREAD:  # they bound some contestants, and others not
        os.environ.pop(variable, None)
    for name in chosen:
        say(f"{name}:")
        command = shlex.join(["python", "-m", "benchmarks", name, "--rounds", str(rounds)])
        heading = {"command": command, "ops": digest(), "rounds": rounds}
        kept.put(name, heading | measured(partial(STUDIES[name], rounds)))
    if not (results := kept.entries()):
        sys.exit(f"{figures}: no figures yet; name a study, or none for all of them")
    write_page(results, figures.with_suffix(".md"))
    say(f"wrote {figures.with_suffix('.md')}")


def is_current(study: dict[str, Any] | None) -> bool:
    """Say whether a study was measured of the operations as they are now, on this machine."""
    now = {"ops": digest(), "machine": describe_machine()}
    return study is not None and now.items() <= study.items()


if __name__ == "__main__":
    typer.run(main)
