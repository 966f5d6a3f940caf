"""The catalogue: what a study is, as readable TOML.

A study varies a recipe: each row sets some keys, and each row is run once for every seed. The file
holds the published figures next to the rows, and the claim that the numbers shall decide.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from importlib import resources
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from inknet.errors import InputError, quoted

Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Figure: TypeAlias = Literal["test", "train", "gap", "active", "finished"]
"""What is measured of a run: accuracy on the test data and on the training data, the second less
the first, the fraction of active neurons in the first epoch, and whether it ended without
diverging."""

FIGURE_NAMES: dict[Figure, str] = {
    "test": "test accuracy",
    "train": "training accuracy",
    "gap": "training less test accuracy",
    "active": "active neurons in the first epoch",
    "finished": "runs that did not diverge",
}

GROUPS = ("published", "claims")
NAME_FORM = re.compile(r"[\w.+-]{1,80}")
LARGEST_STUDY = 10_000
"""Runs of one study; more is a slip of the pen in a grid."""


class _Part(BaseModel):
    """A table of the catalogue: fixed once read, nothing unknown in it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _flat(settings: Any) -> Any:
    """Return tables in tables, as TOML reads ``training.epochs = 5``, with dotted keys instead."""
    if not isinstance(settings, dict):
        return settings
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{name}": inner for name, inner in _flat(value).items()}
        else:
            flat[key] = value
    return flat


Settings: TypeAlias = Annotated[dict[str, Any], BeforeValidator(_flat)]
"""Dotted recipe keys and their values."""


class Published(_Part):
    """What the original study reported of a row."""

    test: Share
    train: Share | None = None
    epochs: int | None = None
    """The epoch at which it stopped."""


class Row(_Part):
    """One setting of a study."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    set: Settings = {}
    published: Published | None = None
    at_most: Share | None = None
    """The published figure is a warning: its effect is shown where ours stays below this."""
    remark: str = ""
    """What the reader of the row must know."""


class Pair(_Part):
    """Two rows, of which the claim says that one has the higher figure."""

    higher: str
    lower: str


class Claim(_Part):
    """What the original study says, in a form that numbers can decide."""

    says: str
    figure: Figure = "test"
    pairs: Annotated[list[Pair], Field(min_length=1)]


class Study(_Part):
    """One study: a recipe, what varies, the seeds, and what is held against the results."""

    name: str
    title: str
    group: Literal["published", "claims", "own"]
    about: str = ""
    """What is known of the original, and what was chosen where nothing is known."""
    recipe: str
    set: Settings = {}
    """For all rows."""
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    varies: str
    """What the rows differ in, as the heading of their column."""
    rows: Annotated[list[Row], Field(min_length=1)]
    claim: Claim | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Study:
        for what, values in (
            ("rows", [row.name for row in self.rows]),
            ("seeds", list(map(str, self.seeds))),
        ):
            name, times = Counter(values).most_common(1)[0]
            if times > 1:
                raise ValueError(f"{what} has {name!r} twice")
        if self.n_runs > LARGEST_STUDY:
            raise ValueError(f"{self.n_runs:,} runs; expected at most {LARGEST_STUDY:,}")
        names = {row.name for row in self.rows}
        for pair in self.claim.pairs if self.claim else ():
            for name in (pair.higher, pair.lower):
                if name not in names:
                    raise ValueError(f"the claim names {name!r}, which is no row")
        return self

    @property
    def what(self) -> str:
        """What it is about, for a list of studies."""
        if self.group != "own":
            return self.title
        varied = "" if self.varies == "recipe" else f", {self.varies} varied"
        return f"Recipe {Path(self.recipe).stem}{varied}"

    @property
    def n_runs(self) -> int:
        """How many runs it takes."""
        return len(self.rows) * len(self.seeds)

    @property
    def figure(self) -> Figure:
        """The figure that its picture shows and its claim is about."""
        return self.claim.figure if self.claim else "test"


def study_names() -> list[str]:
    """Return the names of the studies that come with inknet, in the order of their files."""
    folder = resources.files("inknet.experiments") / "studies"
    files = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return [_name_of(file) for file in files]


def load_study(name: str) -> Study:
    """Return a study of the catalogue; raise `InputError` if there is none of this name."""
    folder = resources.files("inknet.experiments") / "studies"
    for entry in folder.iterdir():
        if entry.name.endswith(".toml") and _name_of(entry.name) == name:
            return read_study(entry.read_text("utf-8"), name)
    raise InputError(
        f"no study is called {quoted(name)!r}; expected {', '.join(study_names())}, "
        f"or a group: {', '.join([*GROUPS, 'all'])}"
    )


def load_studies(names: Sequence[str]) -> list[Study]:
    """Return the studies that names of studies and of groups stand for, each once."""
    chosen: dict[str, Study] = {}
    for name in names:
        if name in (*GROUPS, "all"):
            members = [load_study(other) for other in study_names()]
            chosen |= {s.name: s for s in members if name in (s.group, "all")}
        else:
            chosen[name] = load_study(name)
    return list(chosen.values())


def read_study(text: str, name: str, where: str | None = None) -> Study:
    """Return the study that a TOML text describes; `where` is the file, for messages."""
    where = where or f"study {name}"
    try:
        return Study.model_validate({"name": name, **tomllib.loads(text)})
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, problem["loc"]))
        raise InputError(quoted(f"{where}: {place or 'study'}: {_said(problem)}")) from None
    except (ValueError, RecursionError) as error:  # also a number of too many digits
        raise InputError(f"{where}: not valid TOML: {quoted(error)}") from None


FOLD = "data.fold"
"""The key that a cross-validation varies."""


def grid_study(
    recipe: str,
    grid: Sequence[str],
    seeds: Sequence[int],
    name: str | None = None,
    folds: int | None = None,
) -> Study:
    """Return a study of one's own: every combination of values of some recipe keys.

    Parameters
    ----------
    recipe
        A recipe's name, or the path of a TOML file.
    grid
        ``"table.key=value,value,…"`` each, the values written as in TOML; a bare word is a string.
    seeds
        Each combination is run once for each.
    name
        What the study is called; without it, the recipe and the keys.
    folds
        Validate each combination on each of so many parts of the data in turn, see `data.fold`.

    Raises
    ------
    InputError
        If a key has no values, or a name or number is not as it should be.
    """
    if folds is not None:
        grid = [*grid, f"{FOLD}=" + ",".join(f"{k}/{folds}" for k in range(1, folds + 1))]
    axes = [_axis(text) for text in grid]
    keys = [key for key, _ in axes]
    refuse_repeated("--grid", keys)
    n_runs = prod(len(values) for _, values in axes) * len(seeds)
    if n_runs > LARGEST_STUDY:  # before they are made
        raise InputError(f"--grid: {n_runs:,} runs; expected at most {LARGEST_STUDY:,}")
    shorts = [key.rpartition(".")[2] for key in keys]
    name = name or "-".join([Path(recipe).stem, *shorts])
    if not NAME_FORM.fullmatch(name) or name.startswith("."):
        raise InputError(
            f"study name {quoted(name)!r}: expected at most 80 letters, digits, '.', '+', '-', '_'"
        )
    if name in study_names():
        raise InputError(f"study name {name!r}: the catalogue has a study of this name")
    rows = [
        {
            "name": ", ".join(map(_word, values)) or "as it is",
            "set": dict(zip(keys, values, strict=True)),
        }
        for values in itertools.product(*(values for _, values in axes))
    ]
    try:
        return Study.model_validate(
            {
                "name": name,
                "title": name,
                "group": "own",
                "recipe": recipe,
                "seeds": list(seeds),
                "varies": ", ".join(shorts) or "recipe",
                "rows": rows,
            }
        )
    except ValidationError as error:
        raise InputError(
            f"study {name}: {quoted(_said(error.errors(include_url=False)[0]))}"
        ) from None


def _said(problem: Any) -> str:
    """Return what pydantic says of a problem, without its prefix of our own messages."""
    said: str = problem["msg"]
    return said.removeprefix("Value error, ")


def refuse_repeated(option: str, keys: Sequence[str]) -> None:
    """Raise `InputError` if an option names a key twice: one of them would not count."""
    for key, times in Counter(keys).items():
        if times > 1:
            raise InputError(f"{option} {quoted(key)}: is given twice")


def _axis(text: str) -> tuple[str, list[Any]]:
    """Return the key and the values of ``key=value,value,…``."""
    key, equals, listed = text.partition("=")
    if not equals or not key.strip() or not listed.strip():
        raise InputError(
            f"--grid {quoted(text)}: expected key=value,value, such as training.batch_size=32,64"
        )
    return key.strip(), values_of(listed)


def values_of(listed: str) -> list[Any]:
    """Return the values of a list written as in TOML but without its brackets."""
    try:
        parsed = tomllib.loads(f"values = [{listed}]")
        if len(parsed) == 1 and isinstance(parsed["values"], list):
            return parsed["values"]
    except (ValueError, RecursionError):
        pass
    return [_bare(word.strip()) for word in listed.split(",")]


def _bare(word: str) -> Any:
    """Return what a word among bare words means: a number, true, or itself."""
    try:
        parsed = tomllib.loads(f"value = {word}")
    except (ValueError, RecursionError):
        return word
    return parsed["value"] if len(parsed) == 1 else word


def _word(value: Any) -> str:
    """Return a value as a row is called by it."""
    return "-".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _name_of(file: str) -> str:
    """Return the name of a study: its file's without the number that orders it and the suffix."""
    return file.partition("-")[2].removesuffix(".toml")
