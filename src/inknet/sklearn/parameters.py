"""The parameters of `MLPClassifier`: allowed values, and the options that come from the recipe."""

from __future__ import annotations

import inspect
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np
from pydantic.fields import FieldInfo
from sklearn.utils._param_validation import Interval, Options, StrOptions

from inknet.nn.architecture import BATCH_NORM_PLACES
from inknet.nn.schedules import SCHEDULES
from inknet.recipes import TrainingRecipe
from inknet.recipes.options import StepOptions

Estimator = TypeVar("Estimator")

ACTIVATIONS = {
    "identity": "identity",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "leaky_relu": "leaky_relu",
}
"""scikit-learn's names of the hidden activations, and one more, with inknet's."""

OUTPUTS = {"softmax": "softmax", "logistic": "sigmoid", "identity": "identity", "exp": "exp"}
"""The same for the activation of the outputs."""

SHARED_OPTIONS = {name: TrainingRecipe.model_fields[name] for name in StepOptions.__annotations__}
"""Parameters that are also keys of a recipe, which has their defaults, ranges and descriptions."""

STOCHASTIC_SOLVERS = ("sgd", "adam")


def _constraint(field: FieldInfo) -> list[Any]:
    """Return scikit-learn's constraint for a number with limits; the recipe checks all others."""
    limits = {
        kind: getattr(limit, kind)
        for limit in field.metadata
        for kind in ("ge", "gt", "le", "lt")
        if hasattr(limit, kind)
    }
    if not limits:
        return ["no_validation"]
    closed = ("left" if "ge" in limits else "") + ("right" if "le" in limits else "")
    low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
    sides = {"": "neither", "leftright": "both"}
    return [Interval(Real, low, high, closed=sides.get(closed, closed))]


CONSTRAINTS: dict[str, Any] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "solver": [StrOptions({"lbfgs", *STOCHASTIC_SOLVERS})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {np.inf}),
    ],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "dropout": ["array-like", Interval(Real, 0, 1, closed="left")],
    "batch_norm": [StrOptions(set(BATCH_NORM_PLACES))],
    **{name: _constraint(field) for name, field in SHARED_OPTIONS.items()},
    "clip": [Interval(Real, 0, None, closed="neither"), None],
    "class_weight": [dict, list, StrOptions({"balanced"}), None],
    "schedule": [StrOptions(set(SCHEDULES)), None],
    "callbacks": [list, tuple, None],
}


def with_shared_options(estimator: type[Estimator]) -> type[Estimator]:
    """Give an estimator's signature and docstring the parameters that come from the recipe."""
    init: Any = estimator.__init__
    *others, _ = inspect.signature(init).parameters.values()
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=field.default)
        for name, field in SHARED_OPTIONS.items()
    ]
    init.__signature__ = inspect.Signature([*others, *shared])
    described = "".join(
        f"{name} : {getattr(field.annotation, '__name__', 'optional')}, default={field.default}\n"
        f"        {' '.join((field.description or '').split())}\n    "
        for name, field in SHARED_OPTIONS.items()
    )
    if estimator.__doc__:  # python -OO has none
        estimator.__doc__ = estimator.__doc__.replace("SHARED OPTIONS\n    ", described)
    return estimator
