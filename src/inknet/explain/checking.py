"""Gradients checked against finite differences, in networks too large to check every number.

Of each array some numbers are checked: those with the largest gradients, and others at random, as a
gradient that is wrongly 0 is not among the largest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.data import Dataset
from inknet.explain.tracing import SEED, Values
from inknet.nn.gradcheck import STEP, differences
from inknet.nn.network import Network
from inknet.recipes import TrainingRecipe

LIMIT = 1e-6
"""A right gradient has a smaller relative error in float64; one that is 10 % too large 0.05."""
SMALLER_STEP = STEP / 16
"""Where two estimates differ, the wider one may lie on both sides of the kink of a ReLU."""


@dataclass(frozen=True)
class Check:
    """Some numbers of a gradient, computed twice.

    Attributes
    ----------
    name : str
        What the objective was differentiated with respect to.
    shape : tuple of int
        Of the whole array.
    places : (n,)
        Which numbers of the flattened array these are.
    analytic, numerical : (n,)
        By back-propagation, and by finite differences.
    rounding : (n,)
        The error that rounding may leave in each of the numerical ones.
    """

    name: str
    shape: tuple[int, ...]
    places: NDArray[np.intp]
    analytic: Values
    numerical: Values
    rounding: Values

    @property
    def first(self) -> Check:
        """The check of the first number alone."""
        return replace(
            self,
            places=self.places[:1],
            analytic=self.analytic[:1],
            numerical=self.numerical[:1],
            rounding=self.rounding[:1],
        )

    @property
    def error(self) -> float:
        """The relative error ``|a - b| / (|a| + |b|)`` of both as vectors; 0 where both are."""
        return self._relative(np.abs(self.analytic - self.numerical))

    @property
    def is_zero(self) -> bool:
        """Whether all of it is 0, as far as rounding lets one see."""
        larger = np.maximum(np.abs(self.analytic), np.abs(self.numerical))
        return bool((larger <= self.rounding).all())

    @property
    def is_right(self) -> bool:
        """Whether both agree, but for what rounding explains."""
        return self._relative(_excess(self.analytic, self.numerical, self.rounding)) <= LIMIT

    @property
    def is_rounding(self) -> bool:
        """Whether it is right although its error is larger than `LIMIT`: rounding explains it."""
        return self.is_right and self.error > LIMIT

    def _relative(self, distances: Values) -> float:
        distance = float(np.linalg.norm(distances))
        if not np.isfinite(distance):
            return np.inf
        size = float(np.linalg.norm(self.analytic) + np.linalg.norm(self.numerical))
        return distance / size if distance else 0.0


def checked(
    name: str,
    objective: Callable[[], float],
    values: Values,
    gradient: Values,
    places: NDArray[np.intp],
) -> Check:
    """Compare some numbers of a gradient with finite differences.

    Parameters
    ----------
    name
        What the array is called.
    objective
        Reads ``values``, in float64.
    values, gradient
        Of one shape; the values are changed, and restored.
    places
        Which numbers, in the flattened array.
    """
    analytic = gradient.reshape(-1)[places]
    # the objective is right to a few units of its last digit
    unit = 4 * 2.0**-52 * max(1.0, abs(objective()))
    numerical, rounding = np.empty(len(places)), np.full(len(places), unit / STEP)
    for i, place in enumerate(places):
        one = values[tuple(slice(k, k + 1) for k in np.unravel_index(place, values.shape))]
        numerical[i] = differences(objective, one).item()
        if _excess(analytic[i], numerical[i], rounding[i]) > LIMIT * abs(analytic[i]):
            again, wider = differences(objective, one, SMALLER_STEP).item(), unit / SMALLER_STEP
            if _excess(analytic[i], again, wider) <= LIMIT * abs(analytic[i]):
                numerical[i], rounding[i] = again, wider
    return Check(name, values.shape, places, analytic, numerical, rounding)


def _excess(analytic: Any, numerical: Any, rounding: Any) -> Any:
    """Return the distances that rounding does not explain."""
    return np.maximum(np.abs(analytic - numerical) - rounding, 0)


def some_places(gradient: Values, most: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Return the places of the largest numbers of an array, and of as many others at random."""
    if gradient.size <= most:
        return np.arange(gradient.size)
    order = np.argsort(-np.abs(gradient), axis=None, kind="stable")
    largest, others = order[: most - most // 2], order[most - most // 2 :]
    return np.concatenate([largest, generator.choice(others, most // 2, replace=False)])


def checks_of(
    network: Network,
    x: Values,
    labels: NDArray[np.intp],
    settings: TrainingRecipe,
    most: int,
) -> list[Check]:
    """Check the gradient of every learned array of a network, on one batch.

    Parameters
    ----------
    network
        In float64; its gradients and running statistics change.
    x, labels : (n, n_features), (n,)
    settings
        Label smoothing and penalty of the objective.
    most
        So many numbers of each array.
    """
    l2 = network.l2(settings.l2_lambda, on_biases=settings.l2_on_biases)
    options: dict[str, Any] = {"label_smoothing": settings.label_smoothing}
    network.loss_and_gradients(x, labels, np.random.default_rng(SEED), **options)
    l2.add_gradient(len(x))

    def objective() -> float:
        logits = network.forward(x, np.random.default_rng(SEED))  # the same masks of dropout
        return network.loss(logits, labels, np.empty_like(logits), **options) + l2.value(len(x))

    generator = np.random.default_rng(SEED)
    return [
        checked(
            f"{number} {layer!r} {array.name}",
            objective,
            getattr(layer, array.name),
            gradient := getattr(layer, f"{array.name}_gradient").copy(),
            some_places(gradient, most, generator),
        )
        for number, layer in enumerate(network.layers)
        for array in layer.learned
        if array.kind != "statistic"
    ]


def inputs_of(dataset: Dataset) -> Values:
    """Return scaled samples ``(n, n_features)`` as a network in float64 gets them."""
    stored = dataset.stored()
    return stored / np.float64(255) if stored.dtype == np.uint8 else stored.astype(np.float64)
