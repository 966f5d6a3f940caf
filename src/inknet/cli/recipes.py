"""The commands about recipes: ``inknet recipe …``."""

from __future__ import annotations

from shutil import get_terminal_size
from textwrap import wrap
from typing import Annotated, Any

import typer

from inknet.cli.completion import keys, recipes
from inknet.cli.console import new_table, print_json, print_rich, say


def list_recipes() -> None:
    """List the recipes that come with inknet."""
    from inknet.recipes import load_recipe, recipe_names
    from inknet.recipes.keys import about

    table = new_table(["recipe", "what it is for"], ["hidden layers", "epochs"])
    for name in recipe_names():
        recipe = load_recipe(name)
        widths = "-".join(map(str, recipe.network.hidden))
        table.add_row(name, about(name), widths, str(recipe.training.epochs))
    print_rich(table)


def show(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="[RECIPE]", help="A name, or the path of a .toml file.", autocompletion=recipes
        ),
    ] = "digits",
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a key, as for inknet train.",
            autocompletion=keys,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every key of a recipe: its value there, its default, and what it means.

    A star marks keys that are not at their default.
    """
    from inknet.recipes import load_recipe
    from inknet.recipes.keys import described_keys

    keys = described_keys(load_recipe(recipe, changes or []))
    if as_json:
        print_json([vars(key) for key in keys])
        return
    table, width = "", min(100, get_terminal_size().columns)
    for key in keys:
        group = key.name.rpartition(".")[0]
        if group != table:
            say("")
            say(f"[{group}]")
            table = group
        mark = " " if key.value == key.default else "*"
        default = "" if key.value == key.default else f"   (default {_text(key.default)})"
        say(f"{mark} {key.name.rpartition('.')[2]} = {_text(key.value)}{default}")
        meaning = f"{key.meaning} [{key.allowed}]"
        for line in wrap(meaning, width, initial_indent="    ", subsequent_indent="    "):
            say(line)


def _text(value: Any) -> str:
    """Return a value as TOML writes it; ``none`` if it is not set."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_text, value))}]"
    return f'"{value}"' if isinstance(value, str) else f"{value}"
