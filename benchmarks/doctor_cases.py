"""Trainings for the doctor's benchmark: broken ones, each with its cause, and sound ones.

The broken trainings are recreated, by kind and cause, in inknet's own terms from published
collections of faults; no code of theirs is used:

- DeepFD: Cao and others, "DeepFD: automated fault diagnosis and localization for deep learning
  programs", ICSE 2022. Kinds: learning rate, epochs, optimizer, loss, activation.
- AutoTrainer: Zhang and others, "AUTOTRAINER: an automatic DNN training problem detection and
  repair system", ICSE 2021. Five symptoms: vanishing gradient, exploding gradient, dying ReLU,
  oscillating loss, slow convergence.
- TheDeepChecker: Ben Braiek and Khomh, "Testing feedforward neural networks training programs",
  TOSEM 2023. Kinds: untrained or symmetric parameters, poor start, unscaled inputs, wrong labels,
  saturation, regularization.
- UMLAUT: Schoop, Huang and Hartmann, "UMLAUT: debugging deep learning programs using program
  structure and model behavior", CHI 2021. Heuristics: input range, softmax, rate, dropout,
  overfitting.
- Defects4ML: Morovati and others, "Bugs in machine learning-based systems: a faultload benchmark",
  EMSE 2023. Kinds: data preparation, shapes of labels, hyper-parameters.
- The study that inknet grew out of, and its list of mistakes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet import MLP
from inknet.nn.activations import ACTIVATIONS
from inknet.nn.layers import Activation, Layer
from inknet.training.history import History

DEEPFD, AUTOTRAINER, CHECKER = "DeepFD", "AutoTrainer", "TheDeepChecker"
UMLAUT, DEFECTS, STUDY = "UMLAUT", "Defects4ML", "the original study"
KEPT_OUT = 3
"""Every third training, by the digest of its name, is kept out of the choice of rules."""


@dataclass
class Trial:
    """One training.

    Attributes
    ----------
    name : str
    X, y, X_val, y_val : arrays
    network, training : dict
        Arguments of `MLP` and of `MLP.train`.
    causes : tuple of str
        The identifiers that name the cause rightly; empty for a sound training.
    source : str
        The collection in which the kind of fault is found.
    change : callable or None
        Changes the new model before it is trained.
    harms : bool
        Whether accuracy suffers, so that its sound twin must be better.
    """

    name: str
    X: NDArray[Any]
    y: NDArray[Any]
    X_val: NDArray[Any]
    y_val: NDArray[Any]
    network: dict[str, Any]
    training: dict[str, Any]
    causes: tuple[str, ...] = ()
    source: str = ""
    change: Callable[[MLP], None] | None = None
    harms: bool = True
    kind: str = ""
    twin: Trial | None = field(default=None, repr=False)

    @property
    def is_kept_out(self) -> bool:
        """Whether it is judged once, at the end."""
        return zlib.crc32(self.name.encode()) % KEPT_OUT == 0

    def model(self) -> MLP:
        """Return the model before its training."""
        d = self.X.shape[1]
        n_classes = int(max(self.y.max(), self.y_val.max())) + 1
        network = dict(self.network)
        hidden = network.pop("hidden")
        activation = network.pop("activation", "leaky_relu")
        keep = network.pop("keep", 1.0)
        model = MLP(
            [d, *hidden, n_classes],
            [activation] * len(hidden) + ["softmax"],
            [keep] * len(hidden) + [1.0],
            **network,
        )
        if self.change is not None:
            self.change(model)
        return model

    def train(self, **options: Any) -> tuple[MLP, History]:
        """Train, and return the model with its history, also if it diverges."""
        from inknet.errors import DivergedError

        model = self.model()
        with suppress(DivergedError):
            model.train(self.X, self.y, self.X_val, self.y_val, **self.training, **options)
        assert model.history is not None
        return model, model.history


# -- data ------------------------------------------------------------------------------------------


@cache
def data(name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return features and labels as they come, in random order."""
    from sklearn import datasets

    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name == "sample":
        from inknet import load_arrays

        X, y = load_arrays("sample")[:2]
        X, y = np.asarray(X).reshape(len(X), -1)[:2000], np.asarray(y)[:2000]
    elif name in ("digits", "wine", "cancer", "iris"):
        loader = {"cancer": "breast_cancer"}.get(name, name)
        X, y = getattr(datasets, f"load_{loader}")(return_X_y=True)
    elif name == "moons":
        X, y = datasets.make_moons(1200, noise=0.2, random_state=0)
    elif name == "blobs":
        X, y = datasets.make_blobs(1500, 12, centers=6, cluster_std=3.0, random_state=0)
    elif name == "mixed":
        X, y = datasets.make_classification(
            2000,
            20,
            n_informative=12,
            n_classes=8,
            n_clusters_per_class=1,
            class_sep=1.6,
            random_state=0,
        )
    elif (
        name == "hard"
    ):  # classes that overlap: no model is right more often than four of five times
        X, y = datasets.make_classification(
            1500, 10, n_informative=6, flip_y=0.15, class_sep=0.9, random_state=1
        )
    else:
        raise ValueError(name)
    order = rng.permutation(len(y))
    return X[order], y[order]


def scaled(name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the data, of tables with columns that are standardized."""
    X, y = data(name)
    if name in ("sample", "digits"):
        return X, y
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def split(
    X: NDArray[Any], y: NDArray[Any], share: float = 0.3
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return what to learn from, and what to validate on: the last rows."""
    n = round(len(y) * (1 - share))
    return X[:n], y[:n], X[n:], y[n:]


# what each set of data is learned with, well
BASE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "sample": ({"hidden": [64, 32]}, {"learning_rate": 0.003, "num_epochs": 12, "batch_size": 64}),
    "digits": ({"hidden": [64, 32]}, {"learning_rate": 0.005, "num_epochs": 25, "batch_size": 32}),
    "wine": ({"hidden": [16]}, {"learning_rate": 0.01, "num_epochs": 40, "batch_size": 16}),
    "cancer": ({"hidden": [16]}, {"learning_rate": 0.005, "num_epochs": 25, "batch_size": 32}),
    "iris": ({"hidden": [16]}, {"learning_rate": 0.01, "num_epochs": 60, "batch_size": 16}),
    "moons": ({"hidden": [32, 16]}, {"learning_rate": 0.01, "num_epochs": 25, "batch_size": 32}),
    "blobs": ({"hidden": [32]}, {"learning_rate": 0.01, "num_epochs": 15, "batch_size": 32}),
    "mixed": ({"hidden": [64, 32]}, {"learning_rate": 0.005, "num_epochs": 25, "batch_size": 32}),
    "hard": ({"hidden": [32]}, {"learning_rate": 0.005, "num_epochs": 15, "batch_size": 32}),
}


def sound(name: str, label: str = "", **changes: Any) -> Trial:
    """Return a training that learns its data well; ``changes`` go to network and training."""
    network, training = (dict(part) for part in BASE[name])
    for key, value in changes.items():
        (network if key in NETWORK_KEYS else training)[key] = value
    return Trial(f"sound {name} {label}".strip(), *split(*scaled(name)), network, training)


NETWORK_KEYS = {
    *("hidden", "activation", "keep", "l2_lambda", "random_seed", "batch_norm", "initializer"),
    *("bias_start", "dtype"),
}


# -- broken trainings ------------------------------------------------------------------------------

Break = Callable[[Trial], Trial]


class _Softmax(Layer):
    """Softmax as a layer of its own, before the one that the loss has."""

    def forward(self, x: Any, generator: Any = None) -> Any:
        self._input = x
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self._output = e / e.sum(axis=1, keepdims=True)
        return self._output

    def backward(self, gradient: Any) -> Any:
        p = self._output
        return p * (gradient - (gradient * p).sum(axis=1, keepdims=True))

    def in_use(self) -> list[Any]:
        return []

    def infer(self, x: Any) -> Any:
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)


def _settings(**changes: Any) -> Break:
    def change(trial: Trial) -> Trial:
        network, training = dict(trial.network), dict(trial.training)
        for key, value in changes.items():
            (network if key in NETWORK_KEYS else training)[key] = value
        return replace(trial, network=network, training=training)

    return change


def _model(change: Callable[[MLP], None], **settings: Any) -> Break:
    return lambda trial: replace(_settings(**settings)(trial), change=change)


def _scale_weights(factor: float) -> Callable[[MLP], None]:
    def change(model: MLP) -> None:
        for dense in model.network.dense_layers:
            dense.weight *= factor

    return change


def _constant_weights(value: float) -> Callable[[MLP], None]:
    def change(model: MLP) -> None:
        for dense in model.network.dense_layers:
            dense.weight[:] = value

    return change


def _append(make: Callable[[], Layer]) -> Callable[[MLP], None]:
    def change(model: MLP) -> None:
        layer = make()
        layer.ops = model.network.ops
        model.network.layers.append(layer)

    return change


def _data(change: Callable[[Trial, np.random.Generator], dict[str, Any]]) -> Break:
    def broken(trial: Trial) -> Trial:
        rng = np.random.default_rng(zlib.crc32(trial.name.encode()))
        return replace(trial, **change(trial, rng))

    return broken


def _grey_floats(trial: Trial, rng: np.random.Generator) -> dict[str, Any]:
    def grey(X: NDArray[Any]) -> NDArray[np.float32]:
        levels = X.astype(np.float64) * 255 / X.max() * 0.999
        return np.asarray(levels + rng.normal(0, 0.3, X.shape), np.float32)

    return {"X": grey(trial.X), "X_val": grey(trial.X_val)}


def _raw(trial: Trial, rng: np.random.Generator) -> dict[str, Any]:
    X, _, X_val, _ = split(*data(trial.name.split()[-1]))
    return {"X": X, "X_val": X_val}


def _large_column(trial: Trial, rng: np.random.Generator) -> dict[str, Any]:
    factors = np.ones(trial.X.shape[1])
    factors[rng.integers(len(factors))] = 3000.0
    return {"X": trial.X * factors, "X_val": trial.X_val * factors}


def _scrambled(trial: Trial, rng: np.random.Generator) -> dict[str, Any]:
    return {"y": rng.permutation(trial.y), "y_val": rng.permutation(trial.y_val)}


def _off_by_one(trial: Trial, rng: np.random.Generator) -> dict[str, Any]:
    return {"y": trial.y + 1, "y_val": trial.y_val + 1}


def _numbers(n_levels: int) -> Callable[[Trial, np.random.Generator], dict[str, Any]]:
    def change(trial: Trial, rng: np.random.Generator) -> dict[str, Any]:
        weights = rng.normal(size=trial.X.shape[1])
        values = np.concatenate([trial.X, trial.X_val]) @ weights
        ranks = (values.argsort().argsort() * n_levels) // len(values)
        return {"y": ranks[: len(trial.y)], "y_val": ranks[len(trial.y) :]}

    return change


def _imbalanced(trial: Trial, rng: np.random.Generator) -> dict[str, Any]:
    # the classes 0 and 1 alone, of the second a handful; made harder, as rare things are
    out: dict[str, Any] = {}
    for features, labels, rare in (("X", "y", 5), ("X_val", "y_val", 4)):
        X, y = getattr(trial, features), getattr(trial, labels)
        rows = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:rare]])
        rows = rng.permutation(rows)
        X = X[rows] + rng.normal(0, 1.0, (len(rows), X.shape[1])) * np.std(X)
        out |= {features: X, labels: y[rows]}
    return out


def _sorted(trial: Trial, rng: np.random.Generator) -> dict[str, Any]:
    order = np.argsort(trial.y, kind="stable")
    return {"X": trial.X[order], "y": trial.y[order]}


def _leak(share: float) -> Callable[[Trial, np.random.Generator], dict[str, Any]]:
    def change(trial: Trial, rng: np.random.Generator) -> dict[str, Any]:
        X_val, y_val = trial.X_val.copy(), trial.y_val.copy()
        put = rng.permutation(len(y_val))[: max(1, round(share * len(y_val)))]
        rows = rng.choice(len(trial.y), len(put), replace=False)
        X_val[put], y_val[put] = trial.X[rows], trial.y[rows]
        return {"X_val": X_val, "y_val": y_val}

    return change


def _wrong_labels(share: float) -> Callable[[Trial, np.random.Generator], dict[str, Any]]:
    def change(trial: Trial, rng: np.random.Generator) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for labels in ("y", "y_val"):
            y = getattr(trial, labels).copy()
            k = int(y.max()) + 1
            rows = rng.random(len(y)) < share
            y[rows] = (y[rows] + rng.integers(1, k, rows.sum())) % k
            out[labels] = y
        return out

    return change


def _other_validation(trial: Trial, rng: np.random.Generator) -> dict[str, Any]:
    if trial.X_val.dtype == np.uint8:
        return {"X": trial.X / 255.0, "X_val": 1 - trial.X_val / 255.0}
    return {"X_val": trial.X_val * 12 + 40}


def _parts_in_order(trial: Trial, rng: np.random.Generator) -> dict[str, Any]:
    X, y = np.concatenate([trial.X, trial.X_val]), np.concatenate([trial.y, trial.y_val])
    order = np.argsort(y, kind="stable")
    n = len(trial.y)
    return {
        "X": X[order[:n]],
        "y": y[order[:n]],
        "X_val": X[order[n:]],
        "y_val": y[order[n:]],
    }


def _few_rows(n: int) -> Callable[[Trial, np.random.Generator], dict[str, Any]]:
    def change(trial: Trial, rng: np.random.Generator) -> dict[str, Any]:
        noise = 8.0 if trial.X.dtype != np.uint8 and trial.X.max() > 8 else 1.5
        X, X_val = (
            X.astype(np.float64) + rng.normal(0, noise, X.shape) * (60 if X.max() > 100 else 1)
            for X in (trial.X, trial.X_val)
        )
        return {"X": X[:n] / X.std(), "y": trial.y[:n], "X_val": X_val / X.std()}

    return change


TABLES = ("wine", "cancer", "moons", "blobs", "mixed")
ALL = ("sample", "digits", "wine", "cancer", "moons", "blobs", "mixed")
LARGER = ("sample", "digits", "moons", "blobs", "mixed")
HIGH = ("rate-too-high", "diverged")

KINDS: list[tuple[str, tuple[str, ...], str, Sequence[str], Break]] = [
    (
        "grey levels as fractions of 255",
        ("features-not-scaled",),
        UMLAUT,
        ("sample", "digits"),
        _data(_grey_floats),
    ),
    ("columns as they come", ("features-not-scaled",), CHECKER, ("wine", "cancer"), _data(_raw)),
    (
        "one column thousands of times another",
        ("features-not-scaled",),
        DEFECTS,
        TABLES,
        _data(_large_column),
    ),
    ("labels of other rows", ("labels-unrelated",), CHECKER, ALL, _data(_scrambled)),
    (
        "labels that begin at 1",
        ("class-missing",),
        DEFECTS,
        ("digits", "wine", "blobs", "mixed"),
        _data(_off_by_one),
    ),
    (
        "numbers as classes",
        ("regression-target",),
        DEEPFD,
        ("blobs", "mixed", "cancer"),
        _data(_numbers(120)),
    ),
    (
        "one class is rare",
        ("class-imbalance",),
        DEFECTS,
        ("digits", "cancer", "moons", "mixed"),
        _data(_imbalanced),
    ),
    (
        "sorted and not shuffled",
        ("rows-in-label-order",),
        STUDY,
        ("sample", "digits", "blobs", "mixed"),
        lambda t: _settings(shuffle=False)(_data(_sorted)(t)),
    ),
    (
        "training samples in the validation data",
        ("leak",),
        DEFECTS,
        ("sample", "digits", "blobs", "mixed"),
        _data(_leak(0.4)),
    ),
    (
        "a few training samples in the validation data",
        ("leak",),
        DEFECTS,
        ("sample", "mixed"),
        _data(_leak(0.1)),
    ),
    (
        "a fifth of the labels wrong",
        ("labels-probably-wrong",),
        DEFECTS,
        ("sample", "digits", "blobs", "mixed"),
        _data(_wrong_labels(0.2)),
    ),
    (
        "a third of the labels wrong",
        ("labels-probably-wrong",),
        CHECKER,
        ("sample", "digits", "blobs"),
        _data(_wrong_labels(0.33)),
    ),
    (
        "validation prepared otherwise",
        ("validation-differs",),
        UMLAUT,
        ("sample", "wine", "blobs", "mixed"),
        _data(_other_validation),
    ),
    (
        "parts taken in order",
        ("parts-differ", "class-missing"),
        STUDY,
        ("sample", "digits", "wine", "blobs", "mixed"),
        _data(_parts_in_order),
    ),
    (
        "biases far below 0",
        ("dead-neurons",),
        AUTOTRAINER,
        ("sample", "digits", "blobs", "mixed"),
        _settings(activation="relu", bias_start=-40.0),
    ),
    (
        "large weights before sigmoid",
        ("saturated-neurons",),
        CHECKER,
        ("sample", "digits", "cancer", "mixed"),
        _model(_scale_weights(60.0), activation="sigmoid"),
    ),
    (
        "large weights before tanh",
        ("saturated-neurons",),
        CHECKER,
        ("sample", "digits", "mixed"),
        _model(_scale_weights(40.0), activation="tanh"),
    ),
    (
        "six layers of sigmoid",
        ("vanishing-gradients",),
        AUTOTRAINER,
        LARGER,
        _settings(
            activation="sigmoid", hidden=[32] * 7, initializer="glorot", optimizer="momentum"
        ),
    ),
    (
        "small weights in six layers",
        ("wrong-initializer", "vanishing-gradients"),
        CHECKER,
        LARGER,
        _settings(activation="relu", hidden=[32] * 6, initializer="normal", bias_start=0.0),
    ),
    (
        "all weights equal",
        ("symmetric-start",),
        CHECKER,
        ("digits", "wine", "blobs", "mixed"),
        _model(_constant_weights(0.05)),
    ),
    (
        "all weights 0",
        ("symmetric-start",),
        CHECKER,
        ("sample", "digits", "moons"),
        _model(_constant_weights(0.0), bias_start=0.0),
    ),
    (
        "weights ten times too large",
        ("exploding-gradients", "wrong-initializer"),
        AUTOTRAINER,
        LARGER,
        _model(_scale_weights(12.0), hidden=[32] * 5, activation="relu"),
    ),
    (
        "a layer of one neuron",
        ("bottleneck",),
        DEEPFD,
        ("sample", "digits", "blobs", "mixed"),
        _settings(hidden=[32, 1, 32]),
    ),
    (
        "sigmoid before the softmax",
        ("squashed-logits",),
        DEEPFD,
        ("sample", "digits", "mixed"),
        _model(_append(lambda: Activation(ACTIVATIONS["sigmoid"]))),
    ),
    (
        "softmax twice",
        ("squashed-logits",),
        UMLAUT,
        ("sample", "digits", "mixed", "wine"),
        _model(_append(_Softmax)),
    ),
    ("Adam with a rate of 1", HIGH, DEEPFD, ALL, _settings(learning_rate=1.0)),
    (
        "Adam with a rate of 0.2, constant",
        HIGH,
        AUTOTRAINER,
        ("sample", "digits", "mixed"),
        _settings(learning_rate=0.2, schedule="constant"),
    ),
    (
        "descent with a rate of 30",
        HIGH,
        DEEPFD,
        ("sample", "digits", "cancer", "mixed"),
        _settings(learning_rate=30.0, optimizer="gradient_descent", schedule="constant"),
    ),
    (
        "momentum with a rate of 5",
        HIGH,
        AUTOTRAINER,
        ("sample", "digits", "mixed", "wine"),
        _settings(learning_rate=5.0, optimizer="momentum"),
    ),
    ("Adam with a rate of 0.000001", ("rate-too-low",), DEEPFD, ALL, _settings(learning_rate=1e-6)),
    (
        "descent with a rate of 0.0003",
        ("rate-too-low",),
        AUTOTRAINER,
        ("sample", "digits", "blobs", "mixed"),
        _settings(learning_rate=3e-4, optimizer="gradient_descent"),
    ),
    (
        "warmup to the end",
        ("rate-too-low",),
        UMLAUT,
        ("digits", "mixed"),
        _settings(learning_rate=2e-5, warmup=0.9),
    ),
    (
        "one epoch",
        ("too-few-epochs",),
        DEEPFD,
        ("sample", "digits", "wine", "mixed"),
        _settings(num_epochs=1, learning_rate=0.001),
    ),
    (
        "two epochs",
        ("too-few-epochs",),
        DEEPFD,
        ("wine", "cancer", "mixed"),
        _settings(num_epochs=2, learning_rate=0.001),
    ),
    (
        "all samples in a step",
        ("batch-too-large",),
        STUDY,
        ("sample", "digits", "wine", "mixed"),
        _settings(batch_size="all", learning_rate=0.001),
    ),
    (
        "batches of two with batch normalization",
        ("batch-too-small",),
        UMLAUT,
        ("digits", "wine", "mixed"),
        _settings(batch_size=2, batch_norm="before", learning_rate=0.003, num_epochs=4),
    ),
    (
        "dropout of 0.95",
        ("dropout-too-strong",),
        UMLAUT,
        ("sample", "digits", "blobs", "mixed"),
        _settings(keep=0.05),
    ),
    (
        "dropout of 0.85 in narrow layers",
        ("dropout-too-strong",),
        UMLAUT,
        ("digits", "mixed", "moons"),
        _settings(keep=0.15, hidden=[16, 16]),
    ),
    (
        "L2 of 30",
        ("penalty-too-strong",),
        CHECKER,
        ("sample", "digits", "blobs", "mixed"),
        _settings(l2_lambda=60.0),
    ),
    (
        "weight decay of 0.9",
        ("penalty-too-strong",),
        CHECKER,
        ("sample", "digits", "mixed"),
        _settings(optimizer="adamw", weight_decay=0.99, learning_rate=0.3),
    ),
    (
        "clipped to 0.00001",
        ("clipping-too-strong",),
        CHECKER,
        ("sample", "digits", "mixed"),
        _settings(clip_norm=1e-5, optimizer="gradient_descent", learning_rate=0.1),
    ),
    (
        "components clipped to 0.0000001",
        ("clipping-too-strong",),
        CHECKER,
        ("digits", "mixed"),
        _settings(clip_value=1e-7, optimizer="momentum", learning_rate=0.1),
    ),
    (
        "weights limited to 0.02",
        ("max-norm-too-small",),
        CHECKER,
        ("sample", "digits", "mixed"),
        _settings(max_norm=0.02),
    ),
    (
        "a large network on few noisy rows",
        ("overfitting",),
        UMLAUT,
        ("sample", "digits", "mixed", "blobs"),
        lambda t: _settings(
            hidden=[256, 128], num_epochs=60, schedule="constant", learning_rate=0.003
        )(_data(_few_rows(120))(t)),
    ),
    (
        "two neurons",
        ("bottleneck", "underfitting"),
        DEEPFD,
        ("sample", "digits", "mixed"),
        _settings(hidden=[2]),
    ),
    (
        "stopped while the rate is high",
        ("stopped-before-rate-fell",),
        UMLAUT,
        ("digits", "mixed", "sample"),
        _settings(
            patience=1, schedule="one_cycle", learning_rate=0.05, num_epochs=40, batch_norm="before"
        ),
    ),
    (
        "averaged over too many steps",
        ("average-too-slow",),
        CHECKER,
        ("digits", "mixed", "wine"),
        _settings(average_decay=0.99999),
    ),
    (
        "distorted beyond recognition",
        ("distortions-too-strong",),
        DEFECTS,
        ("sample",),
        _settings(augment={"rotation": 180.0, "shift": 12.0, "scale": 0.9}),
    ),
    (
        "exploding steps",
        (*HIGH, "exploding-gradients"),
        STUDY,
        ("sample", "mixed"),
        _settings(
            hidden=[64] * 8, activation="relu", optimizer="gradient_descent", learning_rate=2.0
        ),
    ),
]
"""Name, right identifiers, collection, data, and what breaks a sound training."""

HARMLESS = {"leak", "validation-differs", "class-imbalance", "class-missing", "parts-differ"}
"""Faults of the data that make a figure meaningless instead of low."""


def broken_trials() -> Iterator[Trial]:
    """Yield all broken trainings: each kind on its data, with the usual network and another."""
    for kind, causes, source, names, change in KINDS:
        for name in names:
            for variant in ("", " B"):
                changes = {} if not variant else _another(f"{kind} {name}")
                twin = sound(name, variant.strip(), **changes)
                trial = change(replace(twin, name=f"{kind}{variant} {name}"))
                harms = not set(causes) & HARMLESS
                yield replace(
                    trial, causes=causes, source=source, kind=kind, twin=twin, harms=harms
                )


def _another(name: str) -> dict[str, Any]:
    """Return settings of a network that is not the usual one, decided by a name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    width = int(rng.choice([24, 40, 80, 128]))
    return {
        "hidden": [width, width // 2][: int(rng.integers(1, 3))],
        "activation": str(rng.choice(["relu", "leaky_relu", "tanh"])),
        "schedule": str(rng.choice(["cosine", "one_cycle", "constant"])),
        "batch_size": int(rng.choice([16, 32, 64])),
        "random_seed": int(rng.integers(1, 1000)),
    }


# -- sound trainings -------------------------------------------------------------------------------

N_SOUND = 240


def sound_trials() -> Iterator[Trial]:
    """Yield sound trainings: data, seed and settings drawn at random from reasonable ones."""
    rng = np.random.default_rng(20)
    names = sorted(BASE)
    for number in range(N_SOUND):
        name = names[number % len(names)]
        training = BASE[name][1]
        width = int(rng.choice([16, 24, 32, 48, 64, 96, 128]))
        depth = int(rng.choice([1, 1, 2, 2, 3]))
        optimizer = str(rng.choice(["adam", "adam", "adamw", "momentum"]))
        factor = float(rng.choice([0.5, 1.0, 1.0, 2.0]))
        rate = training["learning_rate"] * factor * (20.0 if optimizer == "momentum" else 1.0)
        changes: dict[str, Any] = {
            "hidden": [max(8, width // 2**layer) for layer in range(depth)],
            "activation": str(rng.choice(["relu", "leaky_relu", "leaky_relu", "tanh"])),
            "keep": float(rng.choice([1.0, 1.0, 0.9, 0.8])),
            "batch_norm": str(rng.choice(["none", "none", "before"])),
            "optimizer": optimizer,
            "learning_rate": rate,
            "batch_size": int(rng.choice([16, 32, 64])),
            "num_epochs": round(training["num_epochs"] * float(rng.choice([0.8, 1.0, 1.5, 2.5]))),
            "schedule": str(rng.choice(["cosine", "cosine", "one_cycle", "constant", "step"])),
            "label_smoothing": float(rng.choice([0.0, 0.0, 0.1])),
            "l2_lambda": float(rng.choice([0.0, 0.0, 0.001, 0.01])),
            "patience": None if rng.random() < 0.6 else int(rng.choice([8, 12])),
            "random_seed": number,
        }
        if rng.random() < 0.2:
            changes["clip_norm"] = 5.0
        if rng.random() < 0.15:
            changes["average_decay"] = 0.95
        yield sound(name, f"{number}", **changes)


FIGURES = {
    "sample": 0.90,
    "digits": 0.955,
    "wine": 0.90,
    "cancer": 0.945,
    "iris": 0.91,
    "moons": 0.95,
    "blobs": 0.93,
    "mixed": 0.86,
    "hard": 0.78,
}
"""The validation accuracy that a sound training reaches."""
