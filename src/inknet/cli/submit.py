"""The command ``inknet submit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inknet.cli.console import TRANSPOSE, say


def submit(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder or a model file.")],
    test: Annotated[
        Path, typer.Argument(metavar="TEST.csv", help="A table with the features, no labels.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE.csv", help="The file to write.")
    ] = Path("submission.csv"),
    transpose: Annotated[bool | None, TRANSPOSE] = None,
) -> None:
    """Write a submission to Kaggle's digit recognizer: ImageId, from 1, and Label."""
    from inknet.mlp import MLP
    from inknet.runs.other_data import recipe_of
    from inknet.runs.submission import write_submission

    model, recipe = MLP.load(run), recipe_of(run)
    data = recipe.data if recipe else None
    n_rows = write_submission(model, test, out, data=data, transpose=transpose)
    say(f"{out}: {n_rows:,} rows")
