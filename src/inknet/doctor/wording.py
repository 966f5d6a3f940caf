"""What mends a training, in the words of whoever trains it: options of a command, or arguments."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any

OF_TRAIN = {"epochs": "num_epochs"}
"""Keys of ``[training]`` that `MLP.train` has under another name."""
OF_MODEL = {"keep_probs", "activations", "batch_norm", "initializer", "bias_start", "dtype"}
OF_ESTIMATOR = {
    "training.learning_rate": "learning_rate_init",
    "training.epochs": "max_iter",
    "training.batch_size": "batch_size",
    "training.shuffle": "shuffle",
    "training.l2_lambda": "alpha",
    "training.clip_norm": "clip",
    "training.patience": "n_iter_no_change",
    "training.label_smoothing": "label_smoothing",
    "network.hidden": "hidden_layer_sizes",
    "network.batch_norm": "batch_norm",
    "network.activations": "activation",
}


def value_of(setting: str) -> tuple[str, Any]:
    """Return the key and the value of ``training.epochs=20``; None for ``none``."""
    key, _, text = setting.partition("=")
    return key, None if text == "none" else tomllib.loads(f"value = {text}")["value"]


def for_python(settings: Sequence[str]) -> str:
    """Return settings as arguments of `MLP` and of `MLP.train`."""
    model: list[str] = []
    train: list[str] = []
    others: list[tuple[str, Any]] = []
    for setting in settings:
        key, value = value_of(setting)
        table, _, name = key.partition(".")
        if table == "training":
            (model if name == "l2_lambda" else train).append(
                f"{OF_TRAIN.get(name, name)}={value!r}"
            )
        elif name == "hidden":
            model.append(f"layer_dims=[n_features, {', '.join(map(str, value))}, n_classes]")
        elif table == "network" and name in OF_MODEL:
            each = name in ("keep_probs", "activations")
            model.append(f"{name}=[{value!r}, …]" if each else f"{name}={value!r}")
        elif table == "augment":
            others.append((name, value))
    if others:
        train.append(f"augment={dict(others)!r}")
    parts = [f"MLP(…, {', '.join(model)})"] if model else []
    parts += [f"train(…, {', '.join(train)})"] if train else []
    return " and ".join(parts)


def for_estimator(settings: Sequence[str]) -> str:
    """Return settings as parameters of `MLPClassifier`."""
    parts = []
    for setting in settings:
        key, value = value_of(setting)
        if key == "training.standardize":
            parts.append("a StandardScaler before it, in a pipeline")
        elif key == "network.keep_probs":
            parts.append(f"dropout={round(1 - value, 3)!r}")
        elif key in OF_ESTIMATOR:
            parts.append(f"{OF_ESTIMATOR[key]}={value!r}")
        if key == "training.patience":
            parts.append("early_stopping=True")
    return ", ".join(parts)
