"""The command ``inknet studio``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inknet.cli.console import complain, say
from inknet.errors import InputError


def studio(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RUN]", help="The run folder that is shown first; by default, the newest."
        ),
    ] = None,
    runs: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the run folders are.")] = Path(
        "runs"
    ),
    experiments: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the folders of the studies are.")
    ] = Path("experiments"),
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes any that is free.")] = 8017,
    host: Annotated[
        str, typer.Option(help="For others to reach it, who then need its token.")
    ] = "127.0.0.1",
    browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in a browser.")
    ] = True,
) -> None:
    """Draw, watch a network learn, follow its numbers, compare runs: a page in the browser.

    Without any run, one is trained on the spot by the recipe digits.
    """
    try:
        from inknet.studio import serve
    except ImportError as error:
        raise InputError(str(error)) from None
    from inknet.runs import Run
    from inknet.studio.folders import Folders, source_of_package
    from inknet.studio.trainings import Trainings

    root, shown = runs, None
    if run is not None:
        Run.open(run)
        folder = run.absolute()
        root, shown = folder.parent, folder.name
    root = root.absolute()
    trainings = Trainings(root)

    def ready(address: str) -> None:
        if not Folders(root, trainings.is_training).ids() and trainings.current() is None:
            source = source_of_package()
            name = trainings.start({"recipe": "digits", "source": source})
            say(f"there is no run in {runs}, so {name} is trained on {source}")
        say(f"the studio is at {address}; Ctrl-C ends it")
        if browser:
            _open(address)

    serve(
        root, run=shown, studies_root=experiments.absolute(), host=host, port=port, on_ready=ready
    )


def _open(address: str) -> None:
    """Open the page once the server answers; a machine without a browser does without."""
    import threading
    import webbrowser

    def later() -> None:
        try:
            webbrowser.open(address)
        except Exception as error:  # of whatever browser there is
            complain(f"no browser could be opened: {error}")

    threading.Timer(0.8, later).start()
