"""The command ``inknet submit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inknet.cli.console import say


def submit(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder or a model file.")],
    test: Annotated[
        Path, typer.Argument(metavar="TEST.csv", help="A table with the features, no labels.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE.csv", help="The file to write.")
    ] = Path("submission.csv"),
) -> None:
    """Write a submission to Kaggle's digit recognizer: ImageId, from 1, and Label."""
    from inknet.mlp import MLP
    from inknet.runs.submission import write_submission

    n_rows = write_submission(MLP.load(run), test, out)
    say(f"{out}: {n_rows:,} rows")
