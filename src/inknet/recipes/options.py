"""Options of training as keyword arguments: names and types. Everything else is in the schema.

A test compares them with the fields of `TrainingRecipe`, where an option has its default, its range
and its description.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypedDict


class StepOptions(TypedDict, total=False):
    """Options that `inknet.MLP.train` and `inknet.MLPClassifier` share under one name."""

    label_smoothing: float
    adversarial: float


class TrainingOptions(StepOptions, total=False):
    """Options of `inknet.MLP.train`, besides those that have a place in its signature."""

    shuffle: bool
    standardize: bool
    deslant: bool
    optimizer: Literal["gradient_descent", "momentum", "adam", "adamw"]
    weight_decay: float
    schedule: Literal["constant", "step", "cosine", "one_cycle"] | Callable[[float], float]
    warmup: float
    l2_on_biases: bool
    clip_norm: float | None
    clip_value: float | None
    max_norm: float | None
    average_decay: float
    measured_samples: int | Literal["all"] | None
    monitor: Literal["val_loss", "val_accuracy"]
    on_divergence: Literal["stop", "go_back"]
