"""The command line: one command, one function call, one printed answer."""

from __future__ import annotations

import io
import json
import logging
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import TyperException

from inknet.cli.exchange import add_commands
from inknet.cli.experiments import experiment_app, search
from inknet.errors import InputError, StudyStopped, TrainingStopped, printable
from inknet.training.ending import INTERRUPTED, SIGNALS

if TYPE_CHECKING:
    from rich.table import Table

    from inknet.data import Dataset, Splits
    from inknet.mlp import MLP
    from inknet.recipes import Recipe
    from inknet.runs.lifecycle import Run
    from inknet.training.callbacks import Callback

app = typer.Typer(
    name="inknet",
    help="A neural network you can read, that reads your handwriting.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
data_app = typer.Typer(help="Look at sources of data.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(experiment_app, name="experiment")
app.command()(search)

EXIT_BAD_INPUT = 2
EXIT_STOPPED = {ending.text: 128 + number for number, ending in SIGNALS.items()}
"""After a signal: 128 and its number."""

N_SHOWN = 40
N_VERSIONS = 16
"""How many images `inknet data show` draws, and how many versions of one."""

SOURCE_HELP = "mnist, sample, or a path: CSV, IDX file or folder, .npz, folder of class folders."


def main() -> None:
    """Run the command line; a problem with what was given is one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no "×" prints "?"
    os.environ["MPLBACKEND"] = "agg"  # pictures go to files, whatever notebooks are set up for
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        code = app(standalone_mode=False)
        if (
            code == EXIT_STOPPED[INTERRUPTED.text]
        ):  # typer's word for a Ctrl-C that nobody else took
            _fail(INTERRUPTED.text, code)
        sys.exit(code)
    except TrainingStopped as stop:
        what = _how_to_go_on(stop.folder) if stop.resumable else "no checkpoint was saved"
        _fail(f"{stop.reason}; {what}", EXIT_STOPPED[stop.reason])
    except StudyStopped as stop:
        what = "the runs that are over are kept, the same command goes on"
        _fail(f"{stop.reason}; {what}", EXIT_STOPPED[stop.reason])
    except InputError as error:
        _fail(str(error))
    except TyperException as error:
        # `inknet` alone has shown its help, and has nothing to add
        _fail(f"{message} (see inknet --help)" if (message := error.format_message()) else "")
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{error.strerror or error}", code=1)


def _fail(message: str, code: int = EXIT_BAD_INPUT) -> None:
    if message:
        # what was given is quoted in messages, and must neither break the line nor steer a terminal
        print(f"inknet: {printable(message)}", file=sys.stderr)
    sys.exit(code)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        import inknet

        print(f"inknet {inknet.__version__}")
        raise typer.Exit


@app.command()
def train(
    data: Annotated[str | None, typer.Option(metavar="SOURCE", help=SOURCE_HELP)] = None,
    recipe: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="A recipe's name (digits), or a TOML file."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The run folder; without it, runs/TIME-RECIPE."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Decides everything random.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a key: training.epochs=5. Repeatable."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the run in --out.")] = False,
    checkpoint_seconds: Annotated[
        float,
        typer.Option(min=0, help="Save a checkpoint this often, besides after every epoch."),
    ] = 60,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Go on with a training that was ended."),
    ] = None,
    previous: Annotated[
        bool, typer.Option("--previous", help="Go on from the checkpoint before the newest.")
    ] = False,
    ensemble: Annotated[
        int | None,
        typer.Option(
            min=2, metavar="N", help="Train N networks, with seeds in a row, that answer together."
        ),
    ] = None,
) -> None:
    """Train a network and leave model, figures, pictures and a report in a run folder."""
    from inknet.data import MnistUnavailableError
    from inknet.recipes import load_recipe
    from inknet.runs.lifecycle import default_folder, resume_run, train_run

    training = _Training()
    options: dict[str, Any] = {
        "on_start": training.introduce,
        "checkpoint_seconds": checkpoint_seconds,
        "warn": lambda line: print(f"inknet: {line}", file=sys.stderr),
    }
    if resume is not None:
        others = (data, recipe, out, seed, changes or None, ensemble)
        if force or any(given is not None for given in others):
            raise InputError(
                "--resume goes on with the recipe of the run; "
                "--data, --recipe, --out, --seed, --set, --force and --ensemble do not go with it"
            )
        run = resume_run(resume, previous=previous, callbacks=training.callbacks, **options)
        training.conclude(run)
        return
    if previous:
        raise InputError("--previous goes with --resume")

    def train_on(source: str | None) -> Run:
        chosen = load_recipe(recipe or "digits", changes or [], source=source, seed=seed)
        folder = out or default_folder(chosen)
        callbacks = training.callbacks(chosen)
        return train_run(chosen, folder, force=force, callbacks=callbacks, **options)

    if ensemble is not None:
        if force:
            raise InputError("--ensemble keeps what is finished; --force does not go with it")
        chosen = load_recipe(recipe or "digits", changes or [], source=data, seed=seed)
        training.together(chosen, out or default_folder(chosen), ensemble, options)
        return
    try:
        run = train_on(data)
    except MnistUnavailableError as error:
        print(f"inknet: going on with the sample of 5,000 digits: {error}", file=sys.stderr)
        run = train_on("sample")
    training.conclude(run)


class _Training:
    """What is printed about a training."""

    def __init__(self) -> None:
        from rich.console import Console

        # names of files are printed as they are: a bracket in one is not markup
        self.console = Console(highlight=False, markup=False, soft_wrap=True)

    def introduce(self, recipe: Recipe, model: MLP, parts: Splits) -> None:
        """Say what is about to be trained."""
        widths = "-".join(map(str, model.network.architecture.layer_dims))
        self.console.print(
            f"recipe {printable(recipe.name)}, seed {recipe.seed}: {widths}, "
            f"{model.network.n_parameters:,} parameters"
        )
        self.console.print(
            f"{printable(recipe.data.source)}: {len(parts.train):,} samples to train, "
            f"{len(parts.validation):,} to validate, {len(parts.test):,} to test"
        )

    def callbacks(self, recipe: Recipe) -> list[Callback]:
        """Return what prints while the training goes on."""
        from inknet.training.callbacks import EpochLines
        from inknet.training.progress import ProgressBar

        lines = EpochLines(max(1, recipe.training.epochs // 20), self.console.print)
        return [lines, ProgressBar(self.console)]

    def conclude(self, run: Run) -> None:
        """Say how it ended, and where everything is."""
        test, training = run.metrics["test"], run.metrics["training"]
        folder = Path(_shortest(run.folder))
        self.console.print(
            f"test accuracy {test['accuracy']:.2%} ({_errors(test['errors'])} in "
            f"{test['samples']:,}), trained for {training['seconds']:.1f} s",
            style="bold",
        )
        self.console.print(f"everything is in {folder}; look at {folder / 'report.html'}")

    def together(
        self, recipe: Recipe, folder: Path, n_members: int, options: dict[str, Any]
    ) -> None:
        """Train an ensemble, and say what one network reaches and what all do."""
        from inknet.runs.ensemble import train_ensemble
        from inknet.runs.lifecycle import resume_run, train_run

        def train(member: Recipe, place: Path) -> Run:
            return train_run(member, place, callbacks=self.callbacks(member), **options)

        def resume(place: Path) -> Run:
            return resume_run(place, callbacks=self.callbacks, **options)

        figures = train_ensemble(recipe, folder, n_members, train, resume)
        each = figures["errors_of_each"]
        self.console.print(
            f"one network: {sum(each) / len(each):,.1f} errors in {figures['samples']:,} on average"
            f" ({', '.join(map(str, each))}); {n_members} together: {figures['errors_together']:,}",
            style="bold",
        )
        self.console.print(f"the runs are in {_shortest(folder.absolute())}")


def _how_to_go_on(folder: Path) -> str:
    return f"go on with: inknet train --resume {printable(shlex.quote(_shortest(folder)))}"


def _shortest(path: Path) -> str:
    """Return a path as it is called from here, if it is below here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


@app.command()
def evaluate(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder; with --data also a model file.")
    ],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Without it, the run's own test data; with it, the source's own test set, or all "
            f"of the source if it has none. {SOURCE_HELP}",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    copies: Annotated[
        int,
        typer.Option(
            min=0,
            help="Answer by the mean over the image and so many copies of it, distorted as in "
            "training. What this reaches is not the network alone.",
        ),
    ] = 0,
) -> None:
    """Judge a trained network on its own test data, or on another source."""
    from inknet.data import load
    from inknet.mlp import MLP
    from inknet.runs.lifecycle import Run, evaluation_part, matched

    if data is None:
        opened = Run.open(run)
        model, samples = opened.model(), opened.test_data()
    else:
        model, samples = MLP.load(run), evaluation_part(load(data))
    samples = matched(samples, model)
    if copies:
        result = model.evaluate_copies_on(samples, Run.open(run).recipe.augment, copies)
    else:
        result = model.evaluate_on(samples)
    if as_json:
        print(json.dumps(result.to_dict(), indent=2))
        return
    table = _table(["class"], ["precision", "recall", "F1", "samples"])
    figures = zip(
        result.class_names, result.precision, result.recall, result.f1, result.support, strict=True
    )
    for name, precision, recall, f1, support in figures:
        table.add_row(name, f"{precision:.2%}", f"{recall:.2%}", f"{f1:.2%}", f"{support:,}")
    _print(table)
    which = "the test data of the run" if data is None else _which_part(samples)
    which += f", with {copies} distorted copies of each image" if copies else ""
    print(
        f"{samples.name}, {which}: accuracy {result.accuracy:.2%} "
        f"({_errors(result.n_errors)} in {result.n_samples:,}), loss {result.loss:.4f}"
    )


def _which_part(samples: Dataset) -> str:
    """Say which part of a source was judged, and what to make of it."""
    if samples.n_official_test:
        return "its own test set"
    return "all of it, with what the model may have been trained on"


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder or a model file.")],
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE…", help="Pictures of one character.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is written in pictures of any size.

    A picture is cropped to its ink, scaled and centred as the digits of MNIST were; one that has
    the size of the training images already is taken as it is.
    """
    from inknet.mlp import MLP

    model = MLP.load(run)
    names = model.facts.class_names
    probabilities = model.read_images(images)
    if as_json:
        answers = [
            {
                "image": str(path),
                "class": names[row.argmax()],
                "probabilities": dict(zip(names, row.tolist(), strict=True)),
            }
            for path, row in zip(images, probabilities, strict=True)
        ]
        print(json.dumps(answers, indent=2, ensure_ascii=False))
        return
    for path, row in zip(images, probabilities, strict=True):
        second, first = row.argsort(kind="stable")[-2:]
        print(f"{path}: {names[first]} ({row[first]:.1%}, then {names[second]} {row[second]:.1%})")


@app.command()
def runs(
    folder: Annotated[Path, typer.Argument(help="Where the run folders are.")] = Path("runs"),
) -> None:
    """List the finished runs, and the trainings that can go on."""
    from inknet.runs.lifecycle import list_runs, list_unfinished

    found, unfinished = list_runs(folder), list_unfinished(folder)
    if found:
        _print_runs(found)
    else:
        print(f"no finished runs in {folder}")
    for path in unfinished:
        print(f"unfinished: {printable(str(path))}; {_how_to_go_on(path)}")


def _print_runs(found: list[Run]) -> None:
    table = _table(["run", "recipe", "data"], ["seed", "accuracy", "epochs", "seconds"])
    for run in found:
        m = run.metrics
        table.add_row(
            printable(str(run.folder)),
            printable(m["recipe"]),
            printable(Path(m["data"]["source"]).name),
            str(m["seed"]),
            f"{m['test']['accuracy']:.2%}",
            str(m["training"]["epochs"]),
            f"{m['training']['seconds']:.1f}",
        )
    _print(table)


@data_app.command("list")
def data_list() -> None:
    """List the sources and what each takes."""
    table = _table(["SOURCE", "what it is"], [])
    table.add_row("mnist", "70,000 digits; from INKNET_DATA_DIR, the cache, or downloaded")
    table.add_row("sample", "5,000 of them, inside the package; needs no network")
    table.add_row("FILE.csv", "Kaggle digit recognizer: label,pixel0,pixel1,…; also .csv.gz")
    table.add_row("FILE or FOLDER", "IDX images and labels as MNIST has them, gzipped or not")
    table.add_row("FILE.npz", "NumPy arrays x_train, y_train, x_test, y_test; or X, y")
    table.add_row("FOLDER", "a folder for each class, with pictures in it (any size)")
    _print(table)


@data_app.command("fetch")
def data_fetch() -> None:
    """Download MNIST into the cache, if it is not on this machine."""
    from inknet.data.mnist import fetch_mnist

    print(f"MNIST is in {fetch_mnist()}")


@data_app.command("info")
def data_info(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=SOURCE_HELP)],
) -> None:
    """Say what is in a source."""
    import numpy as np

    from inknet.data import load

    dataset = load(source)
    print(dataset)
    if dataset.n_official_test:
        print(f"its own test set: the last {dataset.n_official_test:,}")
    table = _table(["class"], ["samples", "share"])
    counts = np.bincount(dataset.targets, minlength=dataset.n_classes)
    for name, count in zip(dataset.class_names, counts, strict=True):
        table.add_row(name, f"{count:,}", f"{count / len(dataset):.1%}")
    _print(table)


@data_app.command("show")
def data_show(
    source: Annotated[str, typer.Argument(metavar="[SOURCE]", help=SOURCE_HELP)] = "sample",
    out: Annotated[Path, typer.Option(metavar="FILE.png", help="Where the picture goes.")] = Path(
        "digits.png"
    ),
    augment: Annotated[
        bool, typer.Option("--augment", help="Sixteen distorted versions of one image.")
    ] = False,
    recipe: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="Whose distortions, with --augment.")
    ] = "strong",
    number: Annotated[
        int | None, typer.Option(min=0, help="Which image, from 0; without it, drawn at random.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides everything random.")] = 0,
) -> None:
    """Draw images of a source, or with --augment what training makes of one of them."""
    import numpy as np

    from inknet.data import load
    from inknet.nn.ops import NUMPY
    from inknet.recipes import load_recipe
    from inknet.report.plots import plot_images, plot_versions
    from inknet.seeds import Streams
    from inknet.training.augmentation import Augmentation

    if out.suffix.lower() != ".png":
        raise InputError(f"--out {out}: expected the name of a .png file")
    dataset, streams = load(source), Streams.from_seed(seed)
    if number is not None and number >= len(dataset):
        raise InputError(f"--number {number}: {dataset.name} has {len(dataset):,} images")
    order = streams.shuffling.permutation(len(dataset))[:N_SHOWN]
    if number is not None:
        order = np.arange(number, min(number + N_SHOWN, len(dataset)))
    if not augment:
        names = [dataset.class_names[label] for label in dataset.subset(order).targets]
        plot_images(dataset.images(order), names, out)
    else:
        settings = load_recipe(recipe).augment
        if not settings.is_on:
            raise InputError(f"the recipe {recipe} distorts nothing; choose one with [augment]")
        versions = Augmentation(settings, dataset, NUMPY).versions(
            dataset, int(order[0]), N_VERSIONS, int(streams.augmentation.integers(2**63))
        )
        plot_versions(dataset.images(order[:1])[0], versions, out)
    print(f"written: {printable(str(out))}")


def _errors(count: int) -> str:
    return f"{count:,} error{'s' if count != 1 else ''}"


def _table(texts: list[str], figures: list[str]) -> Table:
    """Return a table with columns of text, then columns of figures."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for name in texts:
        table.add_column(name, overflow="fold")  # a name that is cut cannot be copied
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _print(renderable: Any) -> None:
    from rich.console import Console

    Console(highlight=False, markup=False).print(renderable)


add_commands(app)
