"""The keys of a recipe, each with what it means and what it may be, taken from the schema."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from importlib import resources
from types import NoneType
from typing import Any

from annotated_types import Ge, Gt, Le, Lt, MaxLen

from inknet.recipes.schema import LARGEST_INTEGER, Part, Recipe

HINTS = {
    "dropout": "network.keep_probs: dropout 0.2 is keep_probs 0.8",
    "lr": "training.learning_rate",
    "momentum": "training.optimizer=momentum",
    "batchnorm": "network.batch_norm=before",
    "hidden_layer_sizes": "network.hidden",
    "alpha": "training.l2_lambda",
    "max_iter": "training.epochs",
    "early_stopping": "training.patience, the number of epochs to wait",
}
"""What people call keys elsewhere, and what they are here."""


@dataclass(frozen=True)
class Key:
    """A key of a recipe.

    Attributes
    ----------
    name : str
        Dotted, as ``training.learning_rate``.
    value, default
        In a recipe, and if it is not set.
    allowed : str
        What it may be, in words.
    meaning : str
        A sentence or two.
    choices : tuple of str
        All that it may be, if these are a few words; otherwise none.
    """

    name: str
    value: Any
    default: Any
    allowed: str
    meaning: str
    choices: tuple[str, ...] = ()


def described_keys(recipe: Recipe) -> list[Key]:
    """Return all keys of a recipe, in the order of the schema."""
    return list(_keys(recipe, ""))


def about(name: str) -> str:
    """Return the comment with which the file of a recipe of inknet's begins, as one line."""
    text = (resources.files("inknet.recipes") / f"{name}.toml").read_text("utf-8")
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return " ".join(lines)


def _keys(part: Part, prefix: str) -> typing.Iterator[Key]:
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, Part):
            yield from _keys(value, f"{prefix}{name}.")
        else:
            meaning = " ".join((field.description or "").replace("``", "").split())
            allowed = _allowed(field.annotation, list(field.metadata))
            is_choice = typing.get_origin(field.annotation) is typing.Literal
            choices = tuple(typing.get_args(field.annotation)) if is_choice else ()
            yield Key(prefix + name, value, field.default, allowed, meaning, choices)


def _allowed(kind: Any, limits: list[Any]) -> str:
    """Return in words what a type allows, within limits."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        nested = [one for extra in arguments[1:] for one in getattr(extra, "metadata", [extra])]
        return _allowed(arguments[0], [*limits, *nested])
    if origin is typing.Literal:
        return " or ".join(map(str, arguments))
    if origin is list:
        return f"a list{_length(limits)}, each {_allowed(arguments[0], [])}"
    if arguments:  # a union
        return " or ".join(
            "none" if one is NoneType else _allowed(one, limits) for one in arguments
        )
    if kind in (int, float):
        return ("a whole number" if kind is int else "a number") + _range(limits)
    if kind is str:
        return f"a text{_length(limits, ' characters')}"
    return "true or false" if kind is bool else str(kind)


def _length(limits: list[Any], unit: str = "") -> str:
    longest = next((limit.max_length for limit in limits if isinstance(limit, MaxLen)), None)
    return "" if longest is None else f" of at most {longest:,}{unit}"


def _range(limits: list[Any]) -> str:
    words = []
    for limit in limits:
        if isinstance(limit, Ge):
            words.append(f"from {limit.ge:,}")
        elif isinstance(limit, Gt):
            words.append(f"above {limit.gt:,}")
        elif isinstance(limit, Lt):
            words.append(f"below {limit.lt:,}")
        elif isinstance(limit, Le) and limit.le != LARGEST_INTEGER:
            words.append(f"to {limit.le:,}")
    return f" {' and '.join(words)}".replace(" and to ", " to ") if words else ""
