"""The recipe: all settings of a training run, typed, read from TOML.

A recipe has six parts: ``seed``, ``[data]``, ``[augment]``, ``[network]``, ``[training]`` and
``[guard]``.
Every key has a default, an unknown key is refused, and each run keeps its recipe in its folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import tomli_w
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from inknet.nn.architecture import Architecture
from inknet.output import html_table

Fraction: TypeAlias = Annotated[float, Field(ge=0, lt=1)]
Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
LARGEST_INTEGER = (1 << 63) - 1  # the range that TOML guarantees
Count: TypeAlias = Annotated[int, Field(ge=1, le=LARGEST_INTEGER)]
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=1_000)]
FoldText: TypeAlias = Annotated[str, Field(pattern=r"^[1-9]\d{0,3}/[1-9]\d{0,3}$")]
Unset = BeforeValidator(lambda value: None if value == "none" else value)
"""Lets ``--set key=none`` unset a key, since TOML has no null."""
HiddenActivation: TypeAlias = Literal["relu", "leaky_relu", "sigmoid", "tanh"]


class Part(BaseModel):
    """A table of a recipe: immutable, without unknown keys, with values of the given types.

    Recipes of older runs may have keys that were retired since, if these have the value that does
    nothing: `RETIRED` has these values.
    """

    RETIRED: ClassVar[dict[str, Any]] = {}

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _skip_retired_keys(cls, table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        for name, value in cls.RETIRED.items():
            if table.get(name, value) != value:
                raise ValueError(
                    f"{name} is {table[name]!r}; this key was retired, inknet 0.1 can use it"
                )
        return {name: value for name, value in table.items() if name not in cls.RETIRED}

    def _repr_html_(self) -> str:
        return html_table(("key", "value", "default", "meaning"), self._rows(""))

    def _rows(self, prefix: str) -> Iterator[tuple[str, object, object, str]]:
        """Return each key with its value, its default if that is another, and its meaning."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if isinstance(value, Part):
                yield from value._rows(f"{prefix}{name}.")
            else:
                meaning = " ".join((field.description or "").replace("``", "").split())
                default = "" if value == field.default else field.default
                yield prefix + name, value, default, meaning


class DataRecipe(Part):
    """Which samples, and how they are divided."""

    source: str = "mnist"
    """``mnist``, ``sample`` or another name that ``inknet data list`` shows, or the path of a file
    or folder."""
    label: Annotated[Name | None, Unset] = None
    """Which column of a table has the labels: its name, ``first`` or ``last``; without it, the one
    that names and values show to be the label."""
    transpose: Annotated[bool | None, Unset] = None
    """Whether rows and columns of images are exchanged; without it, where the name of the source
    is known to need it."""
    class_names: Annotated[list[Name] | None, Unset] = None
    """Names for the classes, in the order of their labels; without it, those of the source."""
    groups: Annotated[Name | None, Unset] = None
    """What has the group of each sample, such as the person whom it is of: a column of a table,
    which is then no feature, or an array of an ``.npz``; without it, the array ``groups`` if there
    is one."""
    holdout: Annotated[Literal["samples", "groups", "writers"] | None, Unset] = None
    """What is held back to validate and to test: single samples, whole groups, or ``writers``, the
    groups that ``mnist`` and ``qmnist`` know; without it, groups if there are any."""
    fold: Annotated[FoldText | None, Unset] = None
    """``2/6`` validates on the second of six parts of equal size, in place of the fraction
    `validation`: with the same seed, the six are all samples that are not for testing."""
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Fraction of the samples held back to validate the training, and to stop it early."""
    test: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Fraction of the samples held back to evaluate the result."""
    official_test: bool = True
    """Evaluate on the official test set of the source, if it has one."""
    stratified: bool = False
    """Give every part its share of each class."""
    limit: Annotated[Count | None, Unset] = None
    """Use at most this many samples, drawn at random; without it, all."""
    sorted_by_class: bool = False
    """Sort the training samples by class; it matters only with `shuffle = false`."""

    @model_validator(mode="after")
    def _leaves_some_for_training(self) -> DataRecipe:
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation {self.validation:g} and test {self.test:g} together leave nothing "
                "to train on; expected a sum below 1"
            )
        return self

    @model_validator(mode="after")
    def _holds_back_what_there_is(self) -> DataRecipe:
        if self.holdout == "writers" and self.groups not in (None, "writers"):
            raise ValueError(
                f"groups is {self.groups!r} and holdout writers; expected one of them, or holdout "
                "groups"
            )
        return self

    @property
    def named_groups(self) -> str | None:
        """What the groups are called in the source; None if nothing names them."""
        return "writers" if self.holdout == "writers" else self.groups


class AugmentRecipe(Part):
    """How training images are distorted, again in every epoch; see `inknet.data.augment`."""

    RETIRED = {"gentle_classes": []}

    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    """The largest angle, in degrees."""
    shear: Annotated[float, Field(ge=0, le=60)] = 0.0
    """The largest slant, in degrees."""
    scale: Fraction = 0.0
    """The largest change of height, and of width, as a fraction."""
    shift: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """The largest shift in each direction, in pixels."""
    elastic_alpha: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """The largest displacement of a pixel before smoothing; 0 for no elastic distortion."""
    elastic_sigma: Annotated[float, Field(ge=0.5, le=1000)] = 5.5
    """How far the smoothing reaches, in pixels."""
    swap: Fraction = 0.0
    """Probability that a pixel is replaced by that of another image of the batch: noise that is
    independent of the positions of pixels."""
    stroke: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The largest change of a stroke's width on each side, in pixels."""
    blur: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How far an image is blurred or sharpened: the largest share of a 3 × 3 binomial filter."""
    habits: Fraction = 0.0
    """Probability that a 1 gets a flag or a foot, a 7 a bar or a serif, an 8 a gap. It needs data
    whose first ten classes are 0 to 9."""
    forms: Fraction = 0.0
    """Probability that a digit is replaced by another of its class, drawn in one of the forms that
    `inknet.data.hands` knows. It needs data whose first ten classes are 0 to 9, and does not
    fade."""
    fade: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The fraction of the epochs, at the end, in which all distortions but `forms` become weaker.
    In the last epoch there are none of these, as the network will be used on undistorted
    images."""

    @property
    def moves_pixels(self) -> bool:
        """Whether there are any distortions."""
        return any((self.rotation, self.shear, self.scale, self.shift, self.elastic_alpha))

    @property
    def is_on(self) -> bool:
        """Whether images are changed in any way."""
        return self.moves_pixels or self.changes_strokes or bool(self.swap)

    @property
    def changes_strokes(self) -> bool:
        """Whether strokes are changed in width or sharpness, or some are added."""
        return any((self.stroke, self.blur, self.habits, self.forms))


class NetworkRecipe(Part):
    """The hidden layers; the widths of input and output follow from the data."""

    hidden: Annotated[list[Count], Field(max_length=999)] = [256, 128]
    """Width of each hidden layer."""
    activations: HiddenActivation | list[HiddenActivation] = "leaky_relu"
    """One for all hidden layers, or a list with one for each."""
    keep_probs: float | list[float] = 1.0
    """Probability that dropout keeps a neuron, above 0 and up to 1: one for all hidden layers, or a
    list. What others call a dropout of 0.2 is 0.8 here."""
    batch_norm: Literal["none", "before", "after"] = "none"
    """Batch normalization before or after the activation of each hidden layer."""
    initializer: Literal["he", "glorot", "normal"] = "he"
    """How the initial weights are drawn."""
    bias_start: float = 0.01
    """Initial biases of layers with an activation of the ReLU family, within ±1,000,000."""
    dtype: Literal["float32", "float64"] = "float32"
    """Type of all numbers in the network."""

    @model_validator(mode="after")
    def _fits_together(self) -> NetworkRecipe:
        """Let the architecture check the keys together."""
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


class TrainingRecipe(Part):
    """How the weights are found."""

    epochs: Count = 20
    """How often every training sample is used."""
    batch_size: Count | Literal["all"] = 128
    """Samples in a step; ``"all"`` is full-batch training."""
    shuffle: bool = True
    """Draw a new order of the samples in every epoch."""
    standardize: bool = False
    """Subtract from each feature its mean in the training samples, and divide it by its standard
    deviation, while the network trains. Then this becomes part of the first layer: the network
    takes features as they are."""
    deslant: bool = False
    """Shear each image so that it stands upright, in training and ever after: the model keeps this,
    also in a further training without it, and so does what is exported of it. For handwriting; see
    `inknet.scale.deslanting`."""
    optimizer: Literal["gradient_descent", "momentum", "adam", "adamw"] = "adam"
    """How gradients become steps."""
    weight_decay: Fraction = 0.0
    """In each step ``adamw`` shrinks each weight by this fraction times the learning rate."""
    learning_rate: Positive = 0.001
    """The highest rate of the schedule."""
    schedule: Literal["constant", "step", "cosine", "one_cycle"] = "cosine"
    """How the rate changes during training."""
    warmup: Fraction = 0.0
    """In this fraction of the steps, at the beginning, the rate rises from 0 to the schedule's."""
    label_smoothing: Fraction = 0.0
    """How much of each target is spread evenly over all classes."""
    adversarial: NotNegative = 0.0
    """Virtual adversarial training: the answers shall stay the same when the inputs are moved by
    this distance in the direction in which they change most. In units of the inputs as the network
    gets them: pixels are from 0 to 1. 0 is off; with it, a step takes three to four times as
    long."""
    l2_lambda: NotNegative = 0.0
    """Penalty on large weights: l2_lambda / (2 · batch size) · their squared sum."""
    l2_on_biases: bool = False
    """Whether the penalty applies to biases too."""
    clip_norm: Annotated[Positive | None, Unset] = None
    """Shorten gradients that are longer than this; without it, none."""
    clip_value: Annotated[Positive | None, Unset] = None
    """Force each component of the gradient into ± this; without it, none."""
    max_norm: Annotated[Positive | None, Unset] = None
    """The largest Euclidean norm of the weights into a hidden neuron; without it, any."""
    average_decay: Fraction = 0.0
    """Use a running average of the weights, with this decay per step; 0 uses no average."""
    measured_samples: Annotated[Count | Literal["all"] | None, Unset] = None
    """After an epoch, measure loss and accuracy on so many training samples, drawn once, or on
    ``"all"``; without it, as many as there are to validate on, or a tenth (up to 10,000) if there
    are none, but at least 1,000. At the end of the training, all are measured."""
    patience: Annotated[Count | None, Unset] = None
    """Stop after this many epochs without a better `monitor`, and keep the best weights."""
    monitor: Literal["val_loss", "val_accuracy"] = "val_accuracy"
    """The metric that decides which epoch was the best."""
    on_divergence: Literal["stop", "go_back"] = "stop"
    """When the loss is no longer a finite number: stop; or go back to the beginning of the epoch
    and continue with half the learning rate, up to ten times."""

    @model_validator(mode="after")
    def _decays_what_can_decay(self) -> TrainingRecipe:
        if self.weight_decay and self.optimizer != "adamw":
            raise ValueError(
                f"weight_decay is {self.weight_decay:g} and optimizer {self.optimizer}; "
                "it needs adamw"
            )
        return self


class GuardRecipe(Part):
    """Whether a second network learns what is no character, see `inknet.photo.others`."""

    epochs: Annotated[int, Field(ge=0, le=LARGEST_INTEGER)] = 0
    """How often it sees every sample; without any, there is no such network."""
    samples: Annotated[int, Field(ge=100, le=10_000_000)] = 40_000
    """It learns from at most so many characters, and as many images of something else."""
    hidden: Annotated[list[Count], Field(max_length=999)] = [112, 48]
    """Width of each hidden layer."""


class Recipe(Part):
    """All that decides a run."""

    name: Annotated[str, Field(max_length=1_000)] = "custom"
    """What the run is called in lists and reports."""
    seed: Annotated[int, Field(ge=0, le=LARGEST_INTEGER)] = 0
    """Decides everything that is random."""
    data: DataRecipe = DataRecipe()
    augment: AugmentRecipe = AugmentRecipe()
    network: NetworkRecipe = NetworkRecipe()
    training: TrainingRecipe = TrainingRecipe()
    guard: GuardRecipe = GuardRecipe()

    def to_toml(self) -> str:
        """Return the recipe as TOML, with all keys except those that are not set."""
        return tomli_w.dumps(self.model_dump(exclude_none=True))
