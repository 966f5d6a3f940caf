"""The commands: one command, one function call, one printed answer.

The commands are plain functions in the modules next to this one; `COMMANDS` and `GROUPS` give their
names.
"""

from __future__ import annotations

import functools
import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from inknet.cli import (
    data,
    doctor,
    exchange,
    experiments,
    explain,
    gradcheck,
    predict,
    recipes,
    runs,
    studio,
    submit,
    train,
)
from inknet.cli.console import EXIT_BAD_INPUT, complain, how_to_resume, say
from inknet.cli.problems import system_problem
from inknet.errors import InputError, StudyStopped, TrainingStopped
from inknet.files import as_path
from inknet.training.ending import INTERRUPTED, SIGNALS

EXIT_STOPPED = {ending.text: 128 + number for number, ending in SIGNALS.items()}
"""After a signal: 128 and its number."""

COMMANDS: dict[str, Callable[..., None]] = {
    "train": train.train,
    "doctor": doctor.doctor,
    "evaluate": runs.evaluate,
    "predict": predict.predict,
    "submit": submit.submit,
    "runs": runs.runs,
    "explain": explain.explain,
    "gradcheck": gradcheck.gradcheck,
    "studio": studio.studio,
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
            "example": data.example,
            "info": data.info,
            "show": data.show,
        },
    ),
    "recipe": (
        "Look at recipes: all settings of a training.",
        {"list": recipes.list_recipes, "show": recipes.show},
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


def run() -> int:
    """Run the command of `sys.argv`; return its exit code, after one line about any problem."""
    os.environ["MPLBACKEND"] = "agg"  # pictures go to files, whatever backend notebooks set
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _complain_of
            code = int(new_app()(standalone_mode=False) or 0)
        # typer's code for a Ctrl-C that nothing else handled
        return _failed(INTERRUPTED.text, code) if code == EXIT_STOPPED[INTERRUPTED.text] else code
    except KeyboardInterrupt:
        return _failed(INTERRUPTED.text, EXIT_STOPPED[INTERRUPTED.text])
    except TrainingStopped as stop:
        what = how_to_resume(stop.folder) if stop.resumable else "no checkpoint was saved"
        return _failed(f"{stop.reason}; {what}", EXIT_STOPPED[stop.reason])
    except StudyStopped as stop:
        what = "finished runs are kept, the same command resumes"
        return _failed(f"{stop.reason}; {what}", EXIT_STOPPED[stop.reason])
    except InputError as error:
        cause = error.__context__  # a package may seem to be missing where memory is short
        problem = system_problem(cause) if isinstance(cause, ImportError) else None
        return _failed(str(error)) if problem is None else _failed(problem, code=1)
    except TyperException as error:
        # `inknet` without a command has shown its help already
        message = error.format_message()
        return _failed(f"{message} (see inknet --help)") if message else EXIT_BAD_INPUT
    except Exception as error:
        problem = system_problem(error)
        if problem is None:
            raise
        return _failed(problem, code=1)


def _failed(message: str, code: int = EXIT_BAD_INPUT) -> int:
    complain(message)
    return code


def _complain_of(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning of Python as one of our own."""
    complain(str(message))


def new_app() -> typer.Typer:
    """Return the command line with all its commands."""
    app = typer.Typer(
        name="inknet",
        help="A neural network you can read, that reads your handwriting.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(_root)
    for name, command in COMMANDS.items():
        app.command(name)(_with_paths(command))
    for group, (what, commands) in GROUPS.items():
        members = typer.Typer(help=what, no_args_is_help=True)
        for name, command in commands.items():
            members.command(name)(_with_paths(command))
        app.add_typer(members, name=group)
    return app


def _with_paths(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command, called with the home folders in its paths put in; see `as_path`."""

    @functools.wraps(command)
    def call(**values: Any) -> None:
        command(**{name: _expanded(value) for name, value in values.items()})

    return call


def _expanded(value: Any) -> Any:
    if isinstance(value, list):
        return [_expanded(each) for each in value]
    return as_path(value) if isinstance(value, Path) else value


def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        import inknet

        say(f"inknet {inknet.__version__}")
        raise typer.Exit
