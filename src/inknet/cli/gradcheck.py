"""The command ``inknet gradcheck``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from inknet.cli.console import LABEL, SOURCE_HELP, TRANSPOSE, complain, new_table, print_rich, say

if TYPE_CHECKING:
    from inknet.recipes import Recipe

EXIT_WRONG = 1


def gradcheck(
    recipe: Annotated[
        str, typer.Argument(metavar="[RECIPE]", help="A recipe's name (digits), or a TOML file.")
    ] = "digits",
    data: Annotated[str | None, typer.Option(metavar="SOURCE", help=SOURCE_HELP)] = None,
    label: Annotated[str | None, LABEL] = None,
    transpose: Annotated[bool | None, TRANSPOSE] = None,
    seed: Annotated[int | None, typer.Option(help="Decides everything random.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key, as for inknet train."),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=1, max=1_000, help="Training samples in the batch.")
    ] = 8,
    numbers: Annotated[
        int,
        typer.Option(
            min=1, help="Of each array, check so many: the largest gradients, others at random."
        ),
    ] = 40,
) -> None:
    """Check the gradients of a recipe's network against finite differences, in float64.

    The network has its initial weights, and gets a few training samples. Dropout, label smoothing
    and penalty are in the objective. Moving a number a little in both directions shows how the
    objective changes; back-propagation must say the same.

    The table has the largest gradient of each array, and the relative error of all that were
    checked. Both are 0 for a bias before batch normalization, which takes every shift away. The
    exit code is 1 if the gradient of an array is wrong.
    """
    from inknet.data import MnistUnavailableError
    from inknet.recipes import load_recipe, refuse_overruled

    given = {
        "data.source": ("--data", data),
        "data.label": ("--label", label),
        "data.transpose": ("--transpose", transpose),
        "seed": ("--seed", seed),
    }
    by = {key: f"{name} gives" for key, (name, value) in given.items() if value is not None}
    refuse_overruled(changes or [], by)
    settings = {"data.label": label, "data.transpose": transpose}
    settings = {key: value for key, value in settings.items() if value is not None}

    def check_on(source: str | None) -> bool:
        chosen = load_recipe(recipe, changes or [], settings=settings, source=source, seed=seed)
        return _check(chosen, samples, numbers)

    try:
        is_right = check_on(data)
    except MnistUnavailableError as error:
        complain(f"continuing with the sample of 5,000 digits: {error}")
        is_right = check_on("sample")
    if not is_right:
        raise typer.Exit(EXIT_WRONG)


def _check(recipe: Recipe, n_samples: int, most: int) -> bool:
    """Print the table of a recipe's checks; return whether all gradients are right."""
    import numpy as np

    from inknet.cli.paper import error_of
    from inknet.data.inputs import on_scale, scale_of
    from inknet.explain.checking import LIMIT, checks_of, inputs_of
    from inknet.explain.tracing import double
    from inknet.runs.prepare import prepare

    prepared = prepare(recipe)
    train, network = prepared.parts.train, double(prepared.model.network)
    batch = train.subset(np.arange(min(n_samples, len(train))))
    batch = on_scale(batch, scale_of(train, network.dtype), network.dtype)
    checks = checks_of(network, inputs_of(batch), batch.targets, recipe.training, most)
    widths = "-".join(map(str, network.architecture.layer_dims))
    say(f"recipe {recipe.name}, seed {recipe.seed}: {widths}, {len(batch)} samples of {batch.name}")
    table = new_table(["array", "shape"], ["checked", "largest", "error", "verdict"])
    for check in checks:
        layer, _, array = check.name.rpartition(" ")
        shape = " × ".join(map(str, check.shape))
        verdict = "right" if check.is_right else "WRONG"
        largest = np.abs(check.analytic).max()
        figures = ("0", "–") if check.is_zero else (f"{largest:.1e}", error_of(check))
        table.add_row(f"{layer} {array}", shape, f"{len(check.places):,}", *figures, verdict)
    print_rich(table)
    wrong = [check for check in checks if not check.is_right]
    n_numbers = sum(len(check.places) for check in checks)
    if wrong:
        worst = max(wrong, key=lambda check: check.error)
        say(
            f"{len(wrong)} of {len(checks)} arrays are wrong: the relative error of {worst.name} "
            f"is {worst.error:.1e}, expected at most {LIMIT:g}"
        )
    else:
        say(f"all {len(checks)} arrays are right: {n_numbers:,} numbers within {LIMIT:g}")
    return not wrong
