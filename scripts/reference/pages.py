"""The pages of ``docs/reference`` from the code: commands and options, recipe keys, and names."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterator
from inspect import Parameter, getdoc, signature
from pathlib import Path
from typing import Any

from typer.models import OptionInfo, ParameterInfo

from inknet.cli.commands import COMMANDS, GROUPS
from inknet.recipes import load_recipe, recipe_names
from inknet.recipes.keys import HINTS, Key, about, described_keys
from inknet.recipes.schema import Part, Recipe

from .docstrings import markdown
from .public import GROUPS_OF_NAMES, page_of

GENERATED = "<!-- Written by `make reference` from the code; changes here are lost. -->"


# -- commands and options --------------------------------------------------------------------------


def commands() -> dict[str, Callable[..., None]]:
    """Return every command by its words, such as ``data info``."""
    grouped = {
        f"{group} {name}": f for group, (_, all_) in GROUPS.items() for name, f in all_.items()
    }
    return {**COMMANDS, **grouped}


def parameters_of(command: Callable[..., None]) -> Iterator[tuple[Parameter, ParameterInfo, Any]]:
    """Go through the parameters of a command, each with what Typer knows of it and its type."""
    hints = typing.get_type_hints(command, include_extras=True)
    for name, parameter in signature(command).parameters.items():
        kind, info = typing.get_args(hints[name])[:2]
        yield parameter, info, kind


def option_name(parameter: Parameter, info: ParameterInfo) -> str:
    """Return the names of an option as they are typed, or the word that stands for an argument."""
    if not isinstance(info, OptionInfo):
        return info.metavar or f"[{parameter.name.upper()}]"
    # in an annotation, Typer takes the first name for the default
    given = [one for one in (info.default, *(info.param_decls or ())) if isinstance(one, str)]
    names = ", ".join(given or [f"--{parameter.name.replace('_', '-')}"])
    return names.replace("/", ", ")


def command_page() -> str:
    """Return the page of all commands."""
    lines = [
        "# Commands",
        "",
        "`inknet COMMAND --help` prints the same. The exit code is 0; 2 for a problem with what",
        "was given; 1 for one of the system (a full disk, too little memory); or 128 plus the",
        "number of the signal that ended it. A problem is one line on standard error.",
        "",
        "`inknet --version` prints the version. A path may begin with `~`.",
        "",
        "| command | what it does |",
        "|---|---|",
    ]
    for words, command in commands().items():
        summary = _described(command).partition("\n\n")[0].replace("\n", " ")
        lines.append(f"| [`inknet {words}`](#inknet-{words.replace(' ', '-')}) | {summary} |")
    for words, command in commands().items():
        lines += ["", f"## inknet {words}", "", *_usage(words, command), ""]
        lines += [_described(command), ""]
        for parameter, info, kind in parameters_of(command):
            lines += _option(parameter, info, kind)
    return "\n".join(lines)


def _usage(words: str, command: Callable[..., None]) -> list[str]:
    """Return the line that shows how a command is written."""
    written = [f"inknet {words}"]
    for parameter, info, kind in parameters_of(command):
        if isinstance(info, OptionInfo):
            if parameter.default is Parameter.empty:
                written.append(f"{option_name(parameter, info)} {_metavar(info, kind)}")
        else:
            more = "…" if _is_list(kind) and "…" not in (info.metavar or "") else ""
            written.append(option_name(parameter, info) + more)
    return ["```text", " ".join([*written, "[OPTIONS]"]), "```"]


def _option(parameter: Parameter, info: ParameterInfo, kind: Any) -> list[str]:
    """Return an option or an argument with its value, range, default and meaning."""
    name = option_name(parameter, info)
    takes_value = isinstance(info, OptionInfo) and _bare(kind) is not bool
    value = f" {_metavar(info, kind)}" if takes_value else ""
    facts = []
    if info.min is not None or info.max is not None:
        ends = (
            f"from {info.min:,}" if info.min is not None else "",
            f"to {info.max:,}" if info.max is not None else "",
        )
        facts.append(" ".join(filter(None, ends)))
    default = parameter.default
    if _is_list(kind) and isinstance(info, OptionInfo):
        facts.append("may be repeated")
    if default is True:
        facts.append(f"default `{name.split(', ')[0]}`")
    elif not any(default is nothing for nothing in (None, False, Parameter.empty)):
        facts.append(f"default `{default}`")
    behind = f" ({'; '.join(facts)})" if facts else ""
    return [f"- `{name}{value}`{behind}  ", f"  {_in_code(' '.join((info.help or '').split()))}"]


def _described(command: Callable[..., None]) -> str:
    return _in_code(markdown(getdoc(command) or ""))


def _in_code(text: str) -> str:
    """Return a text with the names of options in code; elsewhere two hyphens become a dash."""
    return re.sub(r"(?<![`\w-])--[a-z][\w-]*", lambda match: f"`{match[0]}`", text)


def _metavar(info: ParameterInfo, kind: Any) -> str:
    if info.metavar:
        return info.metavar
    bare = _bare(kind)
    if hasattr(bare, "__members__"):
        return "|".join(str(one) for one in bare)
    return {int: "N", float: "NUMBER", str: "TEXT", Path: "PATH"}[bare]


def _bare(kind: Any) -> Any:
    """Return a type without the None that stands for an option that is not given."""
    if typing.get_origin(kind) is list:
        return kind
    return next((one for one in typing.get_args(kind) if one is not type(None)), kind)


def _is_list(kind: Any) -> bool:
    return any(typing.get_origin(one) is list for one in (kind, *typing.get_args(kind)))


# -- recipes ---------------------------------------------------------------------------------------


def recipe_page() -> str:
    """Return the page of all keys of a recipe."""
    lines = [
        "# Recipe keys",
        "",
        "A recipe is a TOML file with all settings of a training. A key that it does not name has",
        "the default given here; an unknown key is refused. `inknet train --recipe NAME` takes one",
        "of the recipes below or a file, and `--set KEY=VALUE` changes a key; `--set KEY=none`",
        "unsets one. `inknet recipe show NAME` prints every key with its value in a recipe.",
        "",
        "In Python, `MLP.train` takes the keys of `[training]` as keyword arguments (there",
        "`epochs` is called `num_epochs`), and `augment=` a dictionary of those of `[augment]`.",
        "",
        "## Keys with other names elsewhere",
        "",
        "| elsewhere | here |",
        "|---|---|",
        *(f"| `{name}` | {_key_in_code(where)} |" for name, where in HINTS.items()),
    ]
    table = None
    for key in described_keys(Recipe()):
        group = key.name.rpartition(".")[0]
        if group != table:
            table = group
            lines += ["", f"## `[{group}]`" if group else "## Outside of all tables", ""]
            if group:
                lines += [markdown(getdoc(_part(group)) or ""), ""]
        lines += [
            f"### {key.name}",
            "",
            f"{_capital(allowed(key))}; default {_code(key.default)}.",
            "",
            markdown(description(key.name)),
            "",
        ]
    return "\n".join([*lines, *_recipes()])


def allowed(key: Key) -> str:
    """Return what a key may be, with words in code."""
    if key.choices:
        return ", ".join(f'`"{one}"`' for one in key.choices[:-1]) + f' or `"{key.choices[-1]}"`'
    return key.allowed


def description(name: str) -> str:
    """Return the meaning of a key, as the schema has it."""
    group, _, short = name.rpartition(".")
    return _part(group).model_fields[short].description or ""


def _part(group: str) -> type[Part]:
    return type(getattr(Recipe(), group)) if group else Recipe


def _recipes() -> list[str]:
    """Return what each recipe of the package is for, and which keys it sets."""
    lines = ["## The recipes of the package", ""]
    for name in recipe_names():
        keys = [key for key in described_keys(load_recipe(name)) if key.value != key.default]
        lines += [f"### {name}", "", _capital(markdown(about(name))), ""]
        changed = [f"{key.name} = {_toml(key.value)}" for key in keys if key.name != "name"]
        if changed:
            lines += ["It sets:", "", "```toml", *changed, "```", ""]
        else:
            lines += ["It sets nothing: every key has its default.", ""]
    return lines


def _toml(value: Any) -> str:
    """Return a value as TOML writes it; ``none`` if it is not set."""
    if value is None:
        return "none"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _code(value: Any) -> str:
    return f"`{_toml(value)}`"


def _key_in_code(hint: str) -> str:
    """Return a hint with its key in code."""
    return re.sub(r"^[\w.=]+", lambda match: f"`{match[0]}`", hint)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# -- pages -----------------------------------------------------------------------------------------


def pages() -> dict[str, str]:
    """Return every generated page by the name of its file."""
    bodies = {"commands.md": command_page(), "recipe-keys.md": recipe_page()}
    bodies |= {f"{group.file}.md": page_of(group) for group in GROUPS_OF_NAMES}
    return {
        name: f"{GENERATED}\n\n{re.sub(chr(10) + '{3,}', chr(10) * 2, body).strip()}\n"
        for name, body in bodies.items()
    }
