"""The recipe: all that decides a training run, typed, read from TOML.

A recipe has five parts: ``seed``, ``[data]``, ``[augment]``, ``[network]`` and ``[training]``.
Every key has a default, every key that is not known is refused, and the recipe that a run was
made with is kept in its folder.
"""

from __future__ import annotations

import contextlib
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import numpy as np
import tomli_w
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from inknet.errors import InputError, quoted
from inknet.nn.network import Architecture

Fraction: TypeAlias = Annotated[float, Field(ge=0, lt=1)]
Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count: TypeAlias = Annotated[int, Field(ge=1)]
Unset = BeforeValidator(lambda value: None if value == "none" else value)
"""Lets ``--set key=none`` take a key back, since TOML has no word for nothing."""
HiddenActivation: TypeAlias = Literal["relu", "leaky_relu", "sigmoid", "tanh"]


LARGEST_RECIPE = 1 << 16  # bytes
LONGEST_LINE = 10_000  # characters
MOST_DOTS = 300  # in a line: the time to parse a key grows with the square of its parts
DEEPEST_NESTING = 8
LARGEST_INTEGER = (1 << 63) - 1  # all that TOML promises to hold


class _Part(BaseModel):
    """A table of a recipe: fixed once read, nothing unknown in it, no value of another type."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


class DataRecipe(_Part):
    """Which samples, and how they are divided."""

    source: str = "mnist"
    """``mnist``, ``sample``, or the path of a file or folder."""
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Fraction of the samples held back to watch the training and to stop it."""
    test: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Fraction of the samples held back to judge the result."""
    official_test: bool = True
    """Judge on the test set that the source itself sets apart, if it has one."""
    stratified: bool = False
    """Give every part its share of each class."""
    limit: Annotated[Count | None, Unset] = None
    """Use at most this many samples, drawn at random; without it, all."""
    sorted_by_class: bool = False
    """Put the training samples in the order of their classes; seen with `shuffle = false` alone."""

    @model_validator(mode="after")
    def _leaves_some_for_training(self) -> DataRecipe:
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation {self.validation:g} and test {self.test:g} together leave nothing "
                "to train on; expected a sum below 1"
            )
        return self


class AugmentRecipe(_Part):
    """How training images are distorted, anew in every epoch; see `inknet.data.augment`."""

    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    """The largest angle, in degrees."""
    shear: Annotated[float, Field(ge=0, le=60)] = 0.0
    """The largest slant, in degrees."""
    scale: Fraction = 0.0
    """The largest change of height, and of width, as a fraction."""
    shift: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """The furthest way in each direction, in pixels."""
    elastic_alpha: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """The largest displacement of a pixel before neighbours' are smoothed; 0 for no such field."""
    elastic_sigma: Annotated[float, Field(ge=0.5, le=1000)] = 5.5
    """How far the smoothing reaches, in pixels."""
    gentle_classes: list[str] = []
    """Names of classes that are rotated and slanted half as far, since they may become others."""
    swap: Fraction = 0.0
    """Probability that a pixel is that of another image of the batch: noise that knows nothing of
    where pixels lie."""
    fade: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The last part of all epochs, as a fraction, in which all this grows weaker; the last epoch
    sees the images as they are, since the network will be asked to read such."""

    @property
    def moves_pixels(self) -> bool:
        """Whether there are any distortions."""
        return any((self.rotation, self.shear, self.scale, self.shift, self.elastic_alpha))

    @property
    def is_on(self) -> bool:
        """Whether images are changed in any way."""
        return self.moves_pixels or bool(self.swap)


class NetworkRecipe(_Part):
    """The hidden layers; the widths of input and output follow from the data."""

    hidden: Annotated[list[Count], Field(max_length=999)] = [256, 128]
    """Width of each hidden layer."""
    activations: HiddenActivation | list[HiddenActivation] = "leaky_relu"
    """One for all hidden layers, or a list with one for each."""
    keep_probs: float | list[float] = 1.0
    """Probability that dropout keeps a neuron: one for all hidden layers, or a list."""
    batch_norm: Literal["none", "before", "after"] = "none"
    """Batch normalization before or after the activation of each hidden layer."""
    initializer: Literal["he", "glorot", "normal"] = "he"
    """How the weights start."""
    bias_start: float = 0.01
    """Where the biases of the ReLU family start."""
    dtype: Literal["float32", "float64"] = "float32"
    """Type of all numbers in the network."""

    @model_validator(mode="after")
    def _fits_together(self) -> NetworkRecipe:
        """Let the architecture check what concerns more than one key."""
        self.architecture(n_features=1, n_classes=2)
        return self

    def architecture(self, n_features: int, n_classes: int) -> Architecture:
        """Return the architecture for data of this many features and classes."""
        n_hidden = len(self.hidden)
        activations = (
            [self.activations] * n_hidden if isinstance(self.activations, str) else self.activations
        )
        keep_probs = (
            [self.keep_probs] * n_hidden if isinstance(self.keep_probs, float) else self.keep_probs
        )
        for name, values in (("activations", activations), ("keep_probs", keep_probs)):
            if len(values) != n_hidden:
                raise ValueError(
                    f"{name} has {len(values)} entries; expected {n_hidden}, "
                    "one for each hidden layer"
                )
        return Architecture(
            layer_dims=[n_features, *self.hidden, n_classes],
            activations=[*activations, "softmax"],
            keep_probs=[*keep_probs, 1.0],
            batch_norm=self.batch_norm,
            initializer=self.initializer,
            bias_start=self.bias_start,
        )


class TrainingRecipe(_Part):
    """How the weights are found."""

    epochs: Count = 20
    """How often every training sample is used."""
    batch_size: Count | Literal["all"] = 128
    """Samples in a step; ``"all"`` is full-batch training."""
    shuffle: bool = True
    """Draw a new order of the samples in every epoch."""
    optimizer: Literal["gradient_descent", "momentum", "adam", "adamw"] = "adam"
    """How gradients become steps."""
    weight_decay: Fraction = 0.0
    """What part of each weight ``adamw`` takes away in a step, times the learning rate."""
    learning_rate: Positive = 0.001
    """The highest rate of the schedule."""
    schedule: Literal["constant", "step", "cosine", "one_cycle"] = "cosine"
    """How the rate changes on the way."""
    warmup: Fraction = 0.0
    """In this part of the steps, the first ones, the rate rises from 0 to the schedule's."""
    label_smoothing: Fraction = 0.0
    """How much of each target is spread evenly over all classes."""
    l2_lambda: NotNegative = 0.0
    """Price on large weights: l2_lambda / (2 · batch size) · their squared sum."""
    l2_on_biases: bool = False
    """Whether biases pay it too."""
    clip_norm: Annotated[Positive | None, Unset] = None
    """Shorten gradients that are longer than this; without it, none."""
    clip_value: Annotated[Positive | None, Unset] = None
    """Force each component of the gradient into ± this; without it, none."""
    max_norm: Annotated[Positive | None, Unset] = None
    """The largest Euclidean norm of the weights into a hidden neuron; without it, any."""
    average_decay: Fraction = 0.0
    """Use a running average of the weights, which keeps this much of itself in a step; 0 uses the
    weights themselves."""
    measured_samples: Annotated[Count | None, Unset] = None
    """After an epoch, measure loss and accuracy on this many training samples; without it, all."""
    patience: Annotated[Count | None, Unset] = None
    """Stop after this many epochs without a better `monitor`, and keep the best weights."""
    monitor: Literal["val_loss", "val_accuracy"] = "val_accuracy"
    """The metric that decides which epoch was the best."""
    on_divergence: Literal["stop", "go_back"] = "stop"
    """When the loss is no longer a finite number: stop; or go back to the beginning of the epoch
    and on with half the learning rate, up to ten times."""

    @model_validator(mode="after")
    def _decays_what_can_decay(self) -> TrainingRecipe:
        if self.weight_decay and self.optimizer != "adamw":
            raise ValueError(
                f"weight_decay is {self.weight_decay:g} and optimizer {self.optimizer}; "
                "it goes with adamw"
            )
        return self


class Recipe(_Part):
    """All that decides a run."""

    name: Annotated[str, Field(max_length=1_000)] = "custom"
    """What the run is called in lists and reports."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Decides everything that is random."""
    data: DataRecipe = DataRecipe()
    augment: AugmentRecipe = AugmentRecipe()
    network: NetworkRecipe = NetworkRecipe()
    training: TrainingRecipe = TrainingRecipe()

    def to_toml(self) -> str:
        """Return the recipe as TOML, every key written out but those that are not set."""
        return tomli_w.dumps(self.model_dump(exclude_none=True))


PartType = TypeVar("PartType", bound=_Part)


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with inknet."""
    folder = resources.files("inknet") / "recipes"
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
        ``none`` takes an optional key back).
    settings
        Dotted keys and their values, set before the changes.
    source, seed
        What takes the place of ``data.source`` and ``seed``, if given.

    Raises
    ------
    InputError
        Naming the key, its value and what is allowed.
    """
    if recipe in recipe_names():
        where = recipe
        text = (resources.files("inknet") / "recipes" / f"{recipe}.toml").read_text("utf-8")
    elif recipe.endswith(".toml"):
        where = recipe
        text = _read(Path(recipe))
    else:
        raise InputError(
            f"no recipe is called {recipe!r}; expected {', '.join(recipe_names())} "
            "or the path of a .toml file"
        )
    table = _parsed(text, where)
    table.setdefault("name", Path(where).stem)
    for key, value in (settings or {}).items():
        _set(table, key, value)
    for change in changes:
        _apply(table, change)
    if source is not None:
        _set(table, "data.source", source)
    if seed is not None:
        _set(table, "seed", seed)
    return _validated(Recipe, table, where)


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
        return content.decode("utf-8").replace("\r\n", "\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not valid TOML: it is not UTF-8 text") from None


def _parsed(text: str, where: str) -> dict[str, Any]:
    """Parse TOML of a sane extent."""
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
    except ValueError as error:  # TOML's own, and Python's for numbers of thousands of digits
        raise InputError(f"{where}: not valid TOML: {quoted(error)}") from None
    _check_values(table, where)
    return table


def _check_values(table: dict[str, Any], where: str) -> None:
    """Refuse what no recipe has: tables in tables without end, and numbers too long to print."""
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
    try:
        return part.model_validate(table)
    except ValidationError as error:
        raise InputError(f"{where}: {quoted(_first_problem(part, error))}") from None


def _first_problem(part: type[_Part], error: ValidationError) -> str:
    """Say in one line which key has which value, and what is allowed."""
    problems = error.errors(include_url=False)
    first = problems[0]
    names = [str(name) for name in first["loc"]]
    if first["type"] == "extra_forbidden":
        known = _keys(part)
        table = ".".join([*names[:-1], ""])
        beside = dict.fromkeys(
            key.removeprefix(table).split(".")[0] for key in known if key.startswith(table)
        )
        near = difflib.get_close_matches(names[-1], beside, n=1)
        hint = f"did you mean {table}{near[0]}?" if near else f"expected one of {', '.join(beside)}"
        return f"{'.'.join(names)} is not a recipe key; {hint}"
    if first["type"] == "value_error":  # from our own checks, which name the key themselves
        table = f"[{names[0]}] " if names else ""
        return table + str(first["ctx"]["error"])
    # a key that takes one of several types yields a problem for each; they share the key's path
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


def _keys(part: type[_Part], prefix: str = "") -> list[str]:
    """Return every key of a table and its tables, dotted."""
    keys: list[str] = []
    for name, field in part.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, _Part):
            keys += _keys(kind, f"{prefix}{name}.")
        else:
            keys.append(f"{prefix}{name}")
    return keys


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
