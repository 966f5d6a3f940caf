"""The command line: one command, one function call, one printed answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import TyperException

from inknet.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from inknet.recipe import Recipe

app = typer.Typer(
    name="inknet",
    help="A neural network you can read, that reads your handwriting.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
data_app = typer.Typer(help="Look at sources of data.", no_args_is_help=True)
app.add_typer(data_app, name="data")

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130

SOURCE_HELP = "mnist, sample, or a path: CSV, IDX file or folder, .npz, folder of class folders."


def main() -> None:
    """Run the command line; a problem with what was given is one line and exit code 2."""
    try:
        sys.exit(app(standalone_mode=False))
    except InputError as error:
        _fail(str(error))
    except TyperException as error:
        _fail(f"{error.format_message()} (see inknet --help)")
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{error.strerror or error}", code=1)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", code=EXIT_INTERRUPTED)


def _fail(message: str, code: int = EXIT_BAD_INPUT) -> None:
    print(f"inknet: {message}", file=sys.stderr)
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
        str, typer.Option(metavar="NAME|FILE", help="A recipe's name, or a TOML file.")
    ] = "digits",
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
) -> None:
    """Train a network and leave model, figures, pictures and a report in a run folder."""
    from inknet.data import MnistUnavailableError
    from inknet.recipe import load_recipe

    changes = list(changes or [])
    if data is not None:
        changes.append(f"data.source={json.dumps(data, ensure_ascii=False)}")
    if seed is not None:
        changes.append(f"seed={seed}")
    chosen = load_recipe(recipe, changes)
    try:
        code = _train(chosen, out, force)
    except MnistUnavailableError as error:
        print(f"inknet: {error}; going on with the sample of 5,000 digits", file=sys.stderr)
        code = _train(load_recipe(recipe, [*changes, "data.source=sample"]), out, force)
    raise typer.Exit(code)


def _train(recipe: Recipe, out: Path | None, force: bool) -> int:
    """Train, print the result, and return the exit code."""
    from rich.console import Console

    from inknet.data import Splits
    from inknet.mlp import MLP
    from inknet.run import default_folder, train_run
    from inknet.training.progress import ProgressBar

    console = Console(highlight=False, soft_wrap=True)

    def introduce(model: MLP, parts: Splits) -> None:
        widths = "-".join(map(str, model.network.architecture.layer_dims))
        console.print(
            f"{recipe.name}: {widths}, {model.network.n_parameters:,} parameters; "
            f"{recipe.data.source}: {len(parts.train):,} training, {len(parts.validation):,} "
            f"validation, {len(parts.test):,} test samples; seed {recipe.seed}"
        )

    interval = max(1, recipe.training.epochs // 20)
    run = train_run(
        recipe,
        out or default_folder(recipe),
        force=force,
        callbacks=[ProgressBar(console, interval)],
        on_start=introduce,
    )
    metrics = run.metrics
    test, training = metrics["test"], metrics["training"]
    ending = {
        "finished": f"after {training['epochs']} epochs",
        "early stopping": f"stopped early after {training['epochs']} epochs, "
        f"weights of epoch {training['best_epoch']}",
        "interrupted": f"interrupted after {training['epochs']} epochs",
    }[training["stopped"]]
    console.print(
        f"[bold]test accuracy {test['accuracy']:.2%}[/bold] "
        f"({test['errors']:,} errors in {test['samples']:,}), {ending}, {training['seconds']:.1f} s"
    )
    console.print(
        f"everything is in {run.folder}; look at {run.folder / 'report.html'}", markup=False
    )
    return EXIT_INTERRUPTED if training["stopped"] == "interrupted" else 0


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    data: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help=f"Without it, the run's own test data. {SOURCE_HELP}"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Judge a trained network on its own test data, or on another source."""
    from inknet.data import load
    from inknet.run import Run, evaluation_part, matched

    opened = Run.open(run)
    model = opened.model()
    samples = opened.test_data() if data is None else evaluation_part(load(data))
    result = model.evaluate_on(matched(samples, model))
    if as_json:
        print(json.dumps(result.to_dict(), indent=2))
        return
    table = _table("class", "precision", "recall", "F1", "samples")
    figures = zip(
        result.class_names, result.precision, result.recall, result.f1, result.support, strict=True
    )
    for name, precision, recall, f1, support in figures:
        table.add_row(name, f"{precision:.2%}", f"{recall:.2%}", f"{f1:.2%}", f"{support:,}")
    _print(table)
    print(
        f"{samples.name}: accuracy {result.accuracy:.2%} "
        f"({result.n_errors:,} errors in {result.n_samples:,}), loss {result.loss:.4f}"
    )


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder or a model file.")],
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE…", help="Pictures of one character.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is written in pictures of any size."""
    import numpy as np

    from inknet.data.images import fit_image, read_image
    from inknet.mlp import MLP

    model = MLP.load(run)
    facts = model.facts
    if facts.image_shape is None:
        raise InputError(f"{run}: this model was not trained on images")
    pixels = np.stack(
        [fit_image(read_image(path), facts.image_shape, facts.light_background) for path in images]
    )
    probabilities = model.predict_proba(pixels)
    if as_json:
        answers = [
            {
                "image": str(path),
                "class": facts.class_names[row.argmax()],
                "probabilities": dict(zip(facts.class_names, row.tolist(), strict=True)),
            }
            for path, row in zip(images, probabilities, strict=True)
        ]
        print(json.dumps(answers, indent=2, ensure_ascii=False))
        return
    for path, row in zip(images, probabilities, strict=True):
        first, second = np.argsort(-row)[:2]
        print(
            f"{path}: {facts.class_names[first]} ({row[first]:.1%}, "
            f"then {facts.class_names[second]} {row[second]:.1%})"
        )


@app.command()
def runs(
    folder: Annotated[Path, typer.Argument(help="Where the run folders are.")] = Path("runs"),
) -> None:
    """List the finished runs."""
    from inknet.run import list_runs

    found = list_runs(folder)
    if not found:
        print(f"no finished runs in {folder}")
        return
    table = _table("run", "recipe", "data", "seed", "test accuracy", "epochs", "seconds")
    for run in found:
        m = run.metrics
        table.add_row(
            str(run.folder),
            m["recipe"],
            m["data"]["source"],
            str(m["seed"]),
            f"{m['test']['accuracy']:.2%}",
            f"{m['training']['epochs']} ({m['training']['stopped']})",
            f"{m['training']['seconds']:.1f}",
        )
    _print(table)


@data_app.command("list")
def data_list() -> None:
    """List the sources and what each takes."""
    table = _table("SOURCE", "what it is")
    table.add_row("mnist", "70,000 digits; from INKNET_DATA_DIR, the cache, or downloaded")
    table.add_row("sample", "5,000 of them, inside the package; needs no network")
    table.add_row("FILE.csv", "Kaggle digit recognizer: label,pixel0,pixel1,…; also .csv.gz")
    table.add_row("FILE or FOLDER", "IDX images and labels as MNIST has them, gzipped or not")
    table.add_row("FILE.npz", "NumPy arrays x_train, y_train, x_test, y_test; or X, y")
    table.add_row("FOLDER", "a folder for each class, with images in it")
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
    table = _table("class", "samples", "share")
    counts = np.bincount(dataset.targets, minlength=dataset.n_classes)
    for name, count in zip(dataset.class_names, counts, strict=True):
        table.add_row(name, f"{count:,}", f"{count / len(dataset):.1%}")
    _print(table)


def _table(*columns: str) -> Table:
    """Return a table whose first column is text and whose others are figures."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for number, column in enumerate(columns):
        numeric = number and column not in ("what it is", "recipe", "data")
        table.add_column(column, justify="right" if numeric else "left")
    return table


def _print(renderable: Any) -> None:
    from rich.console import Console

    Console(highlight=False, markup=False).print(renderable)
