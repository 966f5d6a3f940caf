"""The command ``inknet explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inknet.cli.console import SOURCE_HELP

EXIT_WRONG = 1


def explain(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RUN]",
            help="A run folder, or `pretrained` for the model in the package. Without it, the "
            "newest run in runs/, and if there is none, the model in the package.",
        ),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A picture of one character, as for inknet predict."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help=f"Rows of another source than the test data of the run, as a CSV. {SOURCE_HELP}",
        ),
    ] = None,
    row: Annotated[
        int, typer.Option(min=0, help="Which row of the data, from 0: an image or a line.")
    ] = 0,
    true: Annotated[
        str | None,
        typer.Option(
            "--true",
            metavar="CLASS",
            help="The right class, if the data do not say it, or another to see what would change. "
            "Without it, that of the row; of a picture, the answer of the network.",
        ),
    ] = None,
    step: Annotated[
        bool,
        typer.Option("--step", help="Take one step of training too: gradient, clipping, update."),
    ] = False,
) -> None:
    """Walk one digit, or one row of a table, through a network and back.

    The way there: shapes and real numbers at every layer, to the loss. The way back: the gradients,
    each compared with finite differences. One number of each layer is followed and written out,
    always the one that counts most for the right class, with the lines of inknet that compute it.

    The exit code is 1 if a gradient differs from the finite differences.
    """
    from inknet.cli.walking import Page
    from inknet.explain.learning import learned
    from inknet.explain.subject import subject_of
    from inknet.explain.walk import walked

    subject = subject_of(run, Path("runs"), image=image, data=data, row=row, true=true)
    walk = walked(subject)
    page = Page(walk)
    page.opening()
    page.forward()
    page.loss()
    page.backward()
    checks = [one.check for one in walk.gradients]
    if step:
        taken = learned(walk)
        page.step(taken)
        checks += [change.check for change in taken.changes]
    if not page.verdict(checks):
        raise typer.Exit(EXIT_WRONG)
