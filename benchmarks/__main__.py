"""``python -m benchmarks``: measure all, or what is named, and write the page."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
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
    scaling,
    starting,
    step,
    training,
)
from inknet.experiments.machine import describe_machine

STUDIES: dict[str, Callable[[int], dict[str, Any]]] = {
    "epoch": training.measure_epoch,
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
) -> None:
    """Measure inknet against its peers, and write docs/performance.md."""
    from inknet.data.mnist import MnistUnavailableError, fetch_mnist

    chosen = [name for name in names or STUDIES if name != "page"]
    for name in chosen:
        if name not in STUDIES:
            sys.exit(f"no study is called {name!r}; expected {', '.join(STUDIES)} or page")
    if chosen:
        try:
            fetch_mnist()
        except MnistUnavailableError as error:
            sys.exit(str(error))
    results = json.loads(figures.read_text("utf-8")) if figures.exists() else {}
    for name in chosen:
        say(f"{name}:")
        results[name] = timed(name, rounds)
        figures.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    if not results:
        sys.exit(f"{figures}: no figures yet; name a study, or none for all of them")
    write_page(results, figures.with_suffix(".md"))
    say(f"wrote {figures.with_suffix('.md')}")


def timed(name: str, rounds: int) -> dict[str, Any]:
    """Run a study; return its figures with what they were measured on, when and how."""
    began, started = datetime.now(UTC), perf_counter()
    result = STUDIES[name](rounds)
    return {
        "command": shlex.join(["python", "-m", "benchmarks", name, "--rounds", str(rounds)]),
        "began": began.isoformat(timespec="seconds"),
        "seconds_measured": round(perf_counter() - started, 1),
        "machine": describe_machine(),
        "ops": digest(),
        "rounds": rounds,
        **result,
    }


if __name__ == "__main__":
    typer.run(main)
