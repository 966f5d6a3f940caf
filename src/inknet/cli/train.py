"""The command ``inknet train``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inknet.cli.completion import keys, recipes, sources
from inknet.cli.console import LABEL, SOURCE_HELP, TRANSPOSE, complain, n_errors, shortest
from inknet.errors import InputError, StudyStopped, TrainingStopped

if TYPE_CHECKING:
    from inknet.data import Splits
    from inknet.mlp import MLP
    from inknet.recipes import Recipe
    from inknet.runs import Run
    from inknet.training.callbacks import Callback


class DoctorChoice(StrEnum):
    """What the doctor does during a training."""

    ON = "on"
    OFF = "off"
    FIX = "fix"


def train(
    data: Annotated[
        str | None, typer.Option(metavar="SOURCE", help=SOURCE_HELP, autocompletion=sources)
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="A recipe's name (digits), or a TOML file.",
            autocompletion=recipes,
        ),
    ] = None,
    label: Annotated[str | None, LABEL] = None,
    transpose: Annotated[bool | None, TRANSPOSE] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The run folder; without it, runs/TIME-RECIPE."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Decides everything random.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a key: training.epochs=5. Repeatable.",
            autocompletion=keys,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the run in --out.")] = False,
    checkpoint_seconds: Annotated[
        float,
        typer.Option(min=0, help="Save a checkpoint this often, and after every epoch."),
    ] = 60,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Resume a training that was ended."),
    ] = None,
    previous: Annotated[
        bool, typer.Option("--previous", help="Resume from the checkpoint before the newest.")
    ] = False,
    ensemble: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=1_000,
            metavar="N",
            help="Train N networks with consecutive seeds, used together.",
        ),
    ] = None,
    doctor: Annotated[
        DoctorChoice,
        typer.Option(
            help="Say what is wrong with the training; fix: mend what has one safe remedy, and "
            "train again."
        ),
    ] = DoctorChoice.ON,
) -> None:
    """Train a network and save model, figures, pictures and a report in a run folder."""
    from inknet.data import MnistUnavailableError
    from inknet.recipes import load_recipe, refuse_overruled
    from inknet.runs import default_folder, resume_run, train_run
    from inknet.runs.mending import mend_and_train

    training = _Training(doctor)
    options: dict[str, Any] = {
        "on_start": training.introduce,
        "checkpoint_seconds": checkpoint_seconds,
        "warn": complain,
        "on_guard": training.guard_callbacks,
    }
    if resume is not None:
        if doctor is DoctorChoice.FIX:
            raise InputError("--doctor fix begins a training again; --resume continues one")
        others = (data, label, transpose, recipe, out, seed, changes or None, ensemble)
        if force or any(given is not None for given in others):
            raise InputError(
                "--resume keeps the recipe of the run; "
                "--data, --label, --transpose, --recipe, --out, --seed, --set, --force and "
                "--ensemble cannot be combined with it"
            )
        with _complete_anyway(training):
            options["callbacks"] = training.callbacks
            options["on_evaluated"] = training.evaluated
            training.conclude(resume_run(resume, previous=previous, **options))
        return
    if previous:
        raise InputError("--previous needs --resume")
    options_given = {
        "data.source": ("--data", data),
        "data.label": ("--label", label),
        "data.transpose": ("--transpose", transpose),
        "seed": ("--seed", seed),
    }
    by = {key: f"{name} gives" for key, (name, value) in options_given.items() if value is not None}
    refuse_overruled(changes or [], by)
    read = {"data.label": label, "data.transpose": transpose}
    settings = {key: value for key, value in read.items() if value is not None}

    def train_on(source: str | None) -> Run:
        chosen = load_recipe(
            recipe or "digits", changes or [], settings=settings, source=source, seed=seed
        )
        folder = out or default_folder(chosen)
        if doctor is DoctorChoice.FIX:
            return mend_and_train(
                chosen, folder, training.callbacks, training.console.print, force=force, **options
            )
        callbacks = training.callbacks(chosen)
        options["on_evaluated"] = training.evaluated
        return train_run(chosen, folder, force=force, callbacks=callbacks, **options)

    if ensemble is not None:
        if doctor is DoctorChoice.FIX:
            raise InputError(
                "--doctor fix mends one training; --ensemble cannot be combined with it"
            )
        if force:
            raise InputError("--ensemble keeps finished runs; --force cannot be combined with it")
        chosen = load_recipe(
            recipe or "digits", changes or [], settings=settings, source=data, seed=seed
        )
        training.together(chosen, out or default_folder(chosen), ensemble, options)
        return
    with _complete_anyway(training):
        try:
            run = train_on(data)
        except MnistUnavailableError as error:
            complain(f"continuing with the sample of 5,000 digits: {error}")
            run = train_on("sample")
        training.conclude(run)


@contextmanager
def _complete_anyway(training: _Training) -> Iterator[None]:
    """Conclude as usual if a signal came only when the results were written."""
    from inknet.runs import Run

    try:
        yield
    except TrainingStopped as stop:
        if not stop.complete:
            raise
        training.conclude(Run(stop.folder))


class _Training:
    """The printed output of a training."""

    def __init__(self, doctor: DoctorChoice) -> None:
        from inknet.cli.terminal import Terminal

        self.console, self.doctor = Terminal(soft_wrap=True), doctor
        self.has_evaluated = False

    def introduce(self, recipe: Recipe, model: MLP, parts: Splits) -> None:
        """Print what is about to be trained."""
        widths = "-".join(map(str, model.network.architecture.layer_dims))
        self.console.print(
            f"recipe {recipe.name}, seed {recipe.seed}: {widths}, "
            f"{model.network.n_parameters:,} parameters"
        )
        self.console.print(
            f"{recipe.data.source}: {len(parts.train):,} samples to train, "
            f"{len(parts.validation):,} to validate, {len(parts.test):,} to test"
        )

    def callbacks(self, recipe: Recipe) -> list[Callback]:
        """Return the callbacks that print during the training."""
        from inknet.cli.findings import print_finding
        from inknet.doctor.doctor import Doctor
        from inknet.training.callbacks import EpochLines
        from inknet.training.progress import ProgressBar

        lines = EpochLines(max(1, recipe.training.epochs // 20), self.console.print)
        shown: list[Callback] = [lines, ProgressBar(self.console)]
        if self.doctor is not DoctorChoice.OFF:
            show = partial(print_finding, self.console, whole=False)
            shown.append(Doctor(show, recipe.augment))
        return shown

    def guard_callbacks(self) -> list[Callback]:
        """Say that the guard is trained now, and return what shows how far it is."""
        from inknet.training.progress import ProgressBar

        self.console.print("now the guard, which tells characters from all else")
        return [ProgressBar(self.console)]

    def evaluated(self, metrics: dict[str, Any]) -> None:
        """Print the result."""
        test, training = metrics["test"], metrics["training"]
        self.has_evaluated = True
        self.console.print(
            f"test accuracy {test['accuracy']:.2%} ({n_errors(test['errors'])} in "
            f"{test['samples']:,}), trained for {training['seconds']:.1f} s",
            style="bold",
        )

    def conclude(self, run: Run) -> None:
        """Print where everything is; and the result, if it was not yet."""
        if not self.has_evaluated:
            self.evaluated(run.metrics)
        folder = Path(shortest(run.folder))
        report = folder / "report.html"
        look = f"; look at {report}" if report.exists() else ""
        self.console.print(f"everything is in {folder}{look}")

    def together(
        self, recipe: Recipe, folder: Path, n_members: int, options: dict[str, Any]
    ) -> None:
        """Train an ensemble; print the errors of one network, and of all together."""
        from inknet.runs import resume_run, train_run
        from inknet.runs.ensemble import train_ensemble

        def train(member: Recipe, place: Path) -> Run:
            return train_run(member, place, callbacks=self.callbacks(member), **options)

        def resume(place: Path) -> Run:
            return resume_run(place, callbacks=self.callbacks, **options)

        try:
            figures = train_ensemble(recipe, folder, n_members, train, resume, options["warn"])
        except TrainingStopped as stop:  # of one member; the same command goes on with it
            raise StudyStopped(stop.reason) from None
        each = figures["errors_of_each"]
        self.console.print(
            f"one network: {sum(each) / len(each):,.1f} errors in {figures['samples']:,} on average"
            f" ({', '.join(map(str, each))}); {n_members} together: {figures['errors_together']:,}",
            style="bold",
        )
        self.console.print(f"the runs are in {shortest(folder.absolute())}")
