"""The command line: one command, one function call, one printed answer.

The commands are plain functions in the modules next to this one; `COMMANDS` and `GROUPS` give their
names.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer
from typer.exceptions import TyperException

from inknet.cli import data, exchange, experiments, runs, train
from inknet.cli.console import how_to_resume
from inknet.cli.problems import system_problem
from inknet.errors import (
    InputError,
    StudyStopped,
    TrainingStopped,
    printable,
    without_passwords,
)
from inknet.training.ending import INTERRUPTED, SIGNALS

EXIT_BAD_INPUT = 2
EXIT_STOPPED = {ending.text: 128 + number for number, ending in SIGNALS.items()}
"""After a signal: 128 and its number."""

COMMANDS: dict[str, Callable[..., None]] = {
    "train": train.train,
    "evaluate": runs.evaluate,
    "predict": runs.predict,
    "runs": runs.runs,
    "search": experiments.search,
    "export": exchange.export,
    "import": exchange.import_,
}
GROUPS: dict[str, tuple[str, dict[str, Callable[..., None]]]] = {
    "data": (
        "Inspect sources of data.",
        {
            "list": data.list_sources,
            "fetch": data.fetch,
            "info": data.info,
            "show": data.show,
        },
    ),
    "experiment": (
        "Run studies of many trainings.",
        {
            "list": experiments.list_studies,
            "run": experiments.run,
            "table": experiments.table,
            "show": experiments.show,
        },
    ),
}


def main() -> None:
    """Run the command line; a problem with the input is one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without "×" prints "?"
    os.environ["MPLBACKEND"] = "agg"  # pictures go to files, whatever backend notebooks set
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        code = new_app()(standalone_mode=False)
        # typer's code for a Ctrl-C that nothing else handled
        if code == EXIT_STOPPED[INTERRUPTED.text]:
            _fail(INTERRUPTED.text, code)
        sys.exit(code)
    except TrainingStopped as stop:
        what = how_to_resume(stop.folder) if stop.resumable else "no checkpoint was saved"
        _fail(f"{stop.reason}; {what}", EXIT_STOPPED[stop.reason])
    except StudyStopped as stop:
        what = "finished runs are kept, the same command resumes"
        _fail(f"{stop.reason}; {what}", EXIT_STOPPED[stop.reason])
    except InputError as error:
        _fail(str(error))
    except TyperException as error:
        # `inknet` without a command has shown its help already
        _fail(f"{message} (see inknet --help)" if (message := error.format_message()) else "")
    except Exception as error:
        problem = system_problem(error)
        if problem is None:
            raise
        _fail(problem, code=1)


def _fail(message: str, code: int = EXIT_BAD_INPUT) -> None:
    if message:
        # messages quote input, which must neither break the line nor control a terminal
        print(f"inknet: {printable(without_passwords(message))}", file=sys.stderr)
    sys.exit(code)


def new_app() -> typer.Typer:
    """Return the command line with all its commands."""
    app = typer.Typer(
        name="inknet",
        help="A neural network you can read, that reads your handwriting.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback(invoke_without_command=True)(_root)
    for name, command in COMMANDS.items():
        app.command(name)(command)
    for group, (what, commands) in GROUPS.items():
        members = typer.Typer(help=what, no_args_is_help=True)
        for name, command in commands.items():
            members.command(name)(command)
        app.add_typer(members, name=group)
    return app


def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        import inknet

        print(f"inknet {inknet.__version__}")
        raise typer.Exit
