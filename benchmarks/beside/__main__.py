"""``python -m benchmarks.beside``: measure all ways, or those named, and write the page."""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.beside import running
from benchmarks.beside.installing import CannotInstallError, install
from benchmarks.beside.page import PAGE, write_page
from benchmarks.beside.ways import WAYS, Way
from benchmarks.conductor import say
from inknet.data.mnist import fetch_mnist
from inknet.errors import InputError
from inknet.experiments.measured import MeasuredFile, measured

FIGURES = PAGE.with_suffix(".json")


def main(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WAY]…", help=f"Of {', '.join(WAYS)}; or page alone."),
    ] = None,
    figures: Annotated[Path, typer.Option(help="Where the raw figures are kept.")] = FIGURES,
    seeds: Annotated[int | None, typer.Option(min=1, help="Runs of each way, for a trial.")] = None,
) -> None:
    """Measure the same task in each way, and write docs/beside.md."""
    chosen = [name for name in names or WAYS if name != "page"]
    for name in chosen:
        if name not in WAYS:
            sys.exit(f"no way is called {name!r}; expected {', '.join(WAYS)} or page")
    kept = MeasuredFile(figures)
    try:
        data = fetch_mnist() if chosen else Path()
        pythons = {}
        for name in chosen:
            say(f"{name}: installing")
            try:
                pythons[name] = install(name, WAYS[name])
            except CannotInstallError as error:
                kept.put(name, {"left_out": str(error)})
        for name, (python, facts) in pythons.items():
            way = WAYS[name]
            say(f"{name}: {len(facts['packages'])} packages, {facts['megabytes']:.0f} MB")
            measure = partial(measure_way, name, way, way.seeds[:seeds], python, data)
            kept.put(name, facts | {"program": way.digest()} | measured(measure))
        results = kept.entries()
    except (InputError, running.ProgramError) as error:
        sys.exit(str(error))
    write_page(results, figures.with_suffix(".md"))
    say(f"wrote {figures.with_suffix('.md')}")


def measure_way(
    name: str, way: Way, seeds: tuple[int, ...], python: Path, data: Path
) -> dict[str, Any]:
    """Run a way once for each seed."""
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        pictures = [*running.notes(Path(folder)), *running.photographs()]
        for seed in seeds:
            runs.append(running.run(python, way, seed, pictures, data))
            running.say_run(name, runs[-1])
    return {"runs": runs}


if __name__ == "__main__":
    typer.run(main)
