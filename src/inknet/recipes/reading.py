"""Reading recipes: from TOML, by name or path, with changed keys, and checked."""

from __future__ import annotations

import contextlib
import difflib
import tomllib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import ValidationError

from inknet.errors import InputError, printable, quoted
from inknet.files import as_path
from inknet.recipes.keys import HINTS
from inknet.recipes.schema import LARGEST_INTEGER, AugmentRecipe, Part, Recipe, TrainingRecipe

LARGEST_RECIPE = 1 << 16  # bytes
LONGEST_LINE = 10_000  # characters
MOST_DOTS = 300  # in a line: the time to parse a key grows with the square of its parts
DEEPEST_NESTING = 8
RETIRED = {"record": "strong"}
"""Recipes that are gone, and those that take their place until the version after the next."""

PartType = TypeVar("PartType", bound=Part)


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with inknet."""
    folder = resources.files("inknet.recipes")
    return sorted(
        Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".toml")
    )


def load_recipe(
    recipe: str,
    changes: Iterable[str] = (),
    *,
    settings: Mapping[str, Any] | None = None,
    source: str | None = None,
    seed: int | None = None,
) -> Recipe:
    """Read a recipe that ships with inknet, or a TOML file, and change some of its keys.

    Parameters
    ----------
    recipe
        A name from `recipe_names`, or the path of a file that ends in ``.toml``.
    changes
        ``"table.key=value"`` each, the value written as in TOML (a bare word is a string, and
        ``none`` unsets an optional key).
    settings
        Dotted keys and their values, set before the changes.
    source, seed
        Replace ``data.source`` and ``seed``, if given.

    Raises
    ------
    InputError
        Naming the key, its value and what is allowed.
    """
    if recipe in RETIRED:
        warnings.warn(
            f"the recipe {recipe} is retired; {RETIRED[recipe]} takes its place",
            FutureWarning,
            stacklevel=2,
        )
        recipe = RETIRED[recipe]
    if recipe in recipe_names():
        where = recipe
        text = (resources.files("inknet.recipes") / f"{recipe}.toml").read_text("utf-8")
    elif recipe.endswith(".toml"):
        where = recipe
        text = _read(as_path(recipe))
    else:
        raise InputError(
            f"no recipe is called {recipe!r}; expected {', '.join(recipe_names())} "
            "or the path of a .toml file"
        )
    table = _parsed(text, where)
    table.setdefault("name", printable(Path(where).stem))
    for key, value in (settings or {}).items():
        _set(table, key, value)
    for change in changes:
        _apply(table, change)
    if source is not None:
        _set(table, "data.source", source)
    if seed is not None:
        _set(table, "seed", seed)
    loaded = _validated(Recipe, table, where)
    check_readable(loaded)
    return loaded


def changed(recipe: Recipe, changes: Iterable[str]) -> Recipe:
    """Return a recipe with some keys changed, ``"table.key=value"`` each, as for `load_recipe`."""
    table = recipe.model_dump(exclude_none=True)
    for change in changes:
        _apply(table, change)
    found = _validated(Recipe, table, f"recipe {quoted(recipe.name)[:80]}")
    check_readable(found)
    return found


def refuse_overruled(changes: Sequence[str], by: Mapping[str, str]) -> None:
    """Raise `InputError` if one of some changes of a recipe would not count.

    Parameters
    ----------
    changes
        ``"key=value"`` each, as for `load_recipe`.
    by
        Keys that something else sets, and what does, as in ``{"seed": "--seed gives"}``.
    """
    for change in changes:
        key = change.partition("=")[0].strip()
        if key in by:
            raise InputError(f"--set {quoted(change)}: {key} is what {by[key]}")


def check_readable(recipe: Recipe) -> None:
    """Raise `InputError` if a recipe could not be read again from the file that a run keeps of it.

    So with a name of hundreds of dots, which is within its length, but not within those of a file.
    """
    where = f"recipe {quoted(recipe.name)[:80]}"
    _validated(Recipe, recipe.model_dump(exclude_none=True), where)  # a copy may be changed
    try:
        text = recipe.to_toml()
        if len(text.encode()) > LARGEST_RECIPE:
            raise InputError(f"{where}: takes more than {LARGEST_RECIPE:,} bytes as a file")
        again = _validated(Recipe, _parsed(text, where), where)
    except UnicodeEncodeError:
        raise InputError(f"{where}: holds text that is not UTF-8") from None
    if again != recipe:
        raise InputError(f"{where}: its values are not the same when read from a file")


def augment_recipe(settings: Mapping[str, Any]) -> AugmentRecipe:
    """Return checked distortions; raise `InputError` naming the key that is wrong."""
    return _validated(AugmentRecipe, dict(settings), "augment")


def training_recipe(**settings: Any) -> TrainingRecipe:
    """Return checked training settings; raise `InputError` naming the key that is wrong."""
    python_values = {
        key: value.item() if isinstance(value, np.generic) else value
        for key, value in settings.items()
    }
    return _validated(TrainingRecipe, python_values, "train")


def _read(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"{path}: no such recipe file")
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_RECIPE + 1)
        if len(content) > LARGEST_RECIPE:
            raise InputError(f"{path}: larger than any recipe, more than {LARGEST_RECIPE:,} bytes")
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not valid TOML: it is not UTF-8 text") from None


def _parsed(text: str, where: str) -> dict[str, Any]:
    """Parse TOML of reasonable size."""
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > LONGEST_LINE:
            raise InputError(
                f"{where}: line {number} has {len(line):,} characters, "
                f"expected at most {LONGEST_LINE:,}"
            )
        if line.count(".") > MOST_DOTS:
            raise InputError(f"{where}: line {number} has more than {MOST_DOTS} dots")
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise InputError(f"{where}: not valid TOML: nested too deep") from None
    except ValueError as error:  # invalid TOML, or numbers of thousands of digits
        raise InputError(f"{where}: not valid TOML: {quoted(error)}") from None
    _check_values(table, where)
    return table


def _check_values(table: dict[str, Any], where: str) -> None:
    """Refuse what no recipe has: deeply nested tables, and numbers too long to print."""
    level: list[Any] = [table]
    for _ in range(DEEPEST_NESTING):
        values = [
            value
            for parent in level
            for value in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if any(isinstance(value, int) and abs(value) > LARGEST_INTEGER for value in values):
            raise InputError(f"{where}: not valid TOML: an integer of more than 64 bits")
        level = [value for value in values if isinstance(value, (dict, list))]
    if level:
        raise InputError(f"{where}: not valid TOML: nested too deep")


def _apply(table: dict[str, Any], change: str) -> None:
    """Change one key of a table of tables, given as ``table.key=value``."""
    key, equals, text = change.partition("=")
    if not equals or not key.strip():
        raise InputError(f"--set {change}: expected key=value, such as training.batch_size=64")
    value: Any = text.strip()
    with contextlib.suppress(ValueError, RecursionError):
        parsed = tomllib.loads(f"value = {text}")
        value = parsed["value"] if len(parsed) == 1 else value
    _set(table, key.strip(), value)


def _set(table: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key in a table of tables."""
    *tables, last = key.split(".")
    for name in tables:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise InputError(f"{key}: {name} is not a table of the recipe")
    table[last] = value


def _validated(part: type[PartType], table: dict[str, Any], where: str) -> PartType:
    _refuse_other_bytes(table, where)
    try:
        return part.model_validate(table)
    except ValidationError as error:
        raise InputError(f"{where}: {quoted(_first_problem(part, error))}") from None


def _refuse_other_bytes(table: Mapping[str, Any], where: str) -> None:
    """Raise `InputError` for a path that is not UTF-8: TOML could not hold it."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            _refuse_other_bytes(value, where)
        elif isinstance(value, str) and not value.isprintable():
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                raise InputError(
                    f"{where}: {key} is {quoted(value)}; a recipe cannot hold a name that is not "
                    "UTF-8: rename the file, or give a link to it"
                ) from None


def _first_problem(part: type[Part], error: ValidationError) -> str:
    """Say in one line which key has which value, and what is allowed."""
    problems = error.errors(include_url=False)
    first = problems[0]
    names = [str(name) for name in first["loc"]]
    if first["type"] == "extra_forbidden":
        known = _keys(part)
        table = ".".join([*names[:-1], ""])
        siblings = dict.fromkeys(
            key.removeprefix(table).split(".")[0] for key in known if key.startswith(table)
        )
        near = difflib.get_close_matches(names[-1], siblings, n=1)
        elsewhere = [key for key in known if key.endswith(f".{names[-1]}")]
        if names[-1] in HINTS:
            hint = f"it is {HINTS[names[-1]]}"
        elif near or elsewhere:
            hint = f"did you mean {table + near[0] if near else elsewhere[0]}?"
        else:
            hint = f"expected one of {', '.join(siblings)}"
        return f"{'.'.join(names)} is not a recipe key; {hint}"
    if first["type"] == "value_error":  # from the schema's checks, which name the key themselves
        table = f"[{names[0]}] " if names else ""
        return table + str(first["ctx"]["error"])
    # a key of several possible types gives one problem for each; they share the key's path
    depth = next(
        (i for i in range(len(names), 0, -1) if ".".join(names[:i]) in _keys(part)), len(names)
    )
    allowed = dict.fromkeys(
        _lower_first(p["msg"].removeprefix("Input should be "))
        for p in problems
        if [str(name) for name in p["loc"][:depth]] == names[:depth]
    )
    value = quoted(repr(first["input"]))[:200]
    return f"{'.'.join(names[:depth])} is {value}; expected {' or '.join(allowed)}"


def _keys(part: type[Part], prefix: str = "") -> list[str]:
    """Return every key of a table and its tables, dotted."""
    keys: list[str] = []
    for name, field in part.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Part):
            keys += _keys(kind, f"{prefix}{name}.")
        else:
            keys.append(f"{prefix}{name}")
    return keys


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
