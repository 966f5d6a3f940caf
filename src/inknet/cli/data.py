"""The commands about sources of data: ``inknet data …``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inknet.cli.completion import recipes, sources
from inknet.cli.console import LABEL, SOURCE_HELP, TRANSPOSE, new_table, print_rich, say
from inknet.errors import InputError

N_SHOWN = 40
N_VERSIONS = 16
"""How many images `inknet data show` draws, and how many versions of one."""


def list_sources() -> None:
    """List the sources of data."""
    from inknet.data.public import PUBLISHED

    table = new_table(["SOURCE", "what it is"], [])
    table.add_row("mnist", "70,000 digits; from INKNET_DATA_DIR, the cache, or downloaded")
    table.add_row("sample", "5,000 of them, inside the package; needs no network")
    for name, one in PUBLISHED.items():
        table.add_row(name, f"{one.title}: {sum(one.counts):,} images, found in the same way")
    table.add_row("FILE.csv", "a table of numbers with a column of labels; also .tsv, .csv.gz")
    table.add_row("FILE or FOLDER", "IDX images and labels as MNIST has them, compressed or not")
    table.add_row("FILE.npz", "NumPy arrays x_train, y_train, x_test, y_test; or X, y")
    table.add_row("FOLDER", "a folder for each class, with pictures in it (any size)")
    print_rich(table)


def fetch(
    source: Annotated[
        str, typer.Argument(metavar="[SOURCE]", help="A name that `inknet data list` shows.")
    ] = "mnist",
) -> None:
    """Download a public set into the cache, if it is not on this machine yet."""
    from inknet.data.mnist import fetch_mnist
    from inknet.data.public import PUBLISHED, fetch_published

    if source == "mnist":
        say(f"MNIST is in {fetch_mnist()}")
    elif source in PUBLISHED:
        say(f"{PUBLISHED[source].title} is in {fetch_published(PUBLISHED[source])}")
    else:
        names = ", ".join(["mnist", *PUBLISHED])
        raise InputError(f"{source!r} is not downloaded; expected {names}")


def example(
    out: Annotated[
        Path, typer.Argument(metavar="[FILE]", help="Where it goes, .jpg or .png.")
    ] = Path("note.jpg"),
    digits: Annotated[
        str, typer.Option(help="What is written on it; a space begins a new row.")
    ] = "2026 1126",
) -> None:
    """Write an example picture: a photo of a note with handwritten digits."""
    from inknet.data.example import write_example

    write_example(out, digits)
    say(f"{out}: a note that says {digits}")


def info(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help=SOURCE_HELP, autocompletion=sources)
    ],
    label: Annotated[str | None, LABEL] = None,
    transpose: Annotated[bool | None, TRANSPOSE] = None,
    groups: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="What has the group of each sample; or writers."),
    ] = None,
) -> None:
    """Print what a source contains."""
    import numpy as np

    from inknet.data import load

    dataset = load(source, label=label, transpose=transpose, groups=groups)
    say(str(dataset))
    if dataset.groups is not None:
        sizes = np.bincount(dataset.groups[dataset.groups >= 0])
        smallest, largest = int(sizes.min()), int(sizes.max())
        each = f"{smallest:,}" if smallest == largest else f"{smallest:,} to {largest:,}"
        say(f"groups by {dataset.group_name}: {len(sizes):,}, of {each} samples each")
    if dataset.n_official_test:
        say(f"official test set: the last {dataset.n_official_test:,}")
    table = new_table(["class"], ["samples", "share"])
    counts = np.bincount(dataset.targets, minlength=dataset.n_classes)
    for name, count in zip(dataset.class_names, counts, strict=True):
        table.add_row(name, f"{count:,}", f"{count / len(dataset):.1%}")
    print_rich(table)


def show(
    source: Annotated[
        str, typer.Argument(metavar="[SOURCE]", help=SOURCE_HELP, autocompletion=sources)
    ] = "sample",
    out: Annotated[Path, typer.Option(metavar="FILE.png", help="Where the picture goes.")] = Path(
        "digits.png"
    ),
    augment: Annotated[
        bool, typer.Option("--augment", help="Sixteen distorted versions of one image.")
    ] = False,
    recipe: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE", help="Whose distortions, with --augment.", autocompletion=recipes
        ),
    ] = "strong",
    number: Annotated[
        int | None, typer.Option(min=0, help="Which image, from 0; without it, drawn at random.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides everything random.")] = 0,
    label: Annotated[str | None, LABEL] = None,
    transpose: Annotated[bool | None, TRANSPOSE] = None,
) -> None:
    """Draw images of a source, or with --augment distorted versions of one, as in training."""
    import numpy as np

    from inknet.data import load
    from inknet.data.inputs import on_scale, scale_of
    from inknet.data.layout import image_facts
    from inknet.data.upright import upright
    from inknet.model_file import ModelFacts
    from inknet.nn.ops import NUMPY
    from inknet.recipes import load_recipe
    from inknet.report.images import plot_images, plot_versions
    from inknet.seeds import Streams
    from inknet.training.augmentation import Augmentation

    if out.suffix.lower() != ".png":
        raise InputError(f"--out {out}: expected the name of a .png file")
    streams, dtype = Streams.from_seed(seed), np.dtype(np.float32)
    dataset = load(source, label=label, transpose=transpose)
    dataset = on_scale(dataset, scale_of(dataset, dtype), dtype)
    if number is not None and number >= len(dataset):
        raise InputError(f"--number {number}: {dataset.name} has {len(dataset):,} images")
    order = streams.shuffling.permutation(len(dataset))[:N_SHOWN]
    if number is not None:
        order = np.arange(number, min(number + N_SHOWN, len(dataset)))
    if not augment:
        names = [dataset.class_names[label] for label in dataset.subset(order).targets]
        plot_images(dataset.images(order), names, out)
    else:
        chosen = load_recipe(recipe)
        settings = chosen.augment
        if chosen.training.deslant:
            facts = ModelFacts(dataset.class_names, deslant=True, **image_facts(dataset))
            dataset = upright(dataset, facts.upright)
        if not settings.is_on:
            raise InputError(f"the recipe {recipe} distorts nothing; choose one with [augment]")
        versions = Augmentation(settings, dataset, NUMPY).versions(
            dataset, int(order[0]), N_VERSIONS, int(streams.augmentation.integers(2**63))
        )
        plot_versions(dataset.images(order[:1])[0], versions, out)
    say(f"written: {out}")
