"""The parameters of the estimators: what they are, allowed values, and options of a recipe."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from numbers import Real
from textwrap import indent
from typing import Any, Literal, TypeAlias, TypeVar

from pydantic.fields import FieldInfo
from sklearn.metrics import get_scorer_names
from sklearn.neural_network import MLPClassifier as Peer
from sklearn.utils._param_validation import Interval, StrOptions

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

Activation: TypeAlias = Literal["identity", "logistic", "tanh", "relu", "leaky_relu"]

OUTPUTS = {"softmax": "softmax", "logistic": "sigmoid", "identity": "identity", "exp": "exp"}
"""The same for the activation of the outputs."""

SHARED_OPTIONS = {name: TrainingRecipe.model_fields[name] for name in StepOptions.__annotations__}
"""Parameters that are also keys of a recipe, which has their defaults, ranges and descriptions."""

STOCHASTIC_SOLVERS = ("sgd", "adam", "adamw")


def constraint_of(field: FieldInfo) -> list[Any]:
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


def for_each_layer(activation: str | Sequence[str], n_hidden: int) -> list[str]:
    """Return the activation of each hidden layer, by scikit-learn's names.

    Raises
    ------
    ValueError
        If there is not one for all, or one for each.
    """
    if isinstance(activation, str):
        return [activation] * n_hidden
    names = list(activation)
    if len(names) != n_hidden or not all(
        isinstance(name, str) and name in ACTIVATIONS for name in names
    ):
        raise ValueError(
            f"activation must be one of {', '.join(ACTIVATIONS)}, or a list with one for each of "
            f"the {n_hidden} hidden layers, got {activation!r}."
        )
    return names


CONSTRAINTS: dict[str, Any] = {
    **Peer._parameter_constraints,
    "activation": [StrOptions(set(ACTIVATIONS)), list, tuple],
    "dropout": ["array-like", Interval(Real, 0, 1, closed="left")],
    "batch_norm": [StrOptions(set(BATCH_NORM_PLACES))],
    "solver": [StrOptions({"lbfgs", *STOCHASTIC_SOLVERS})],
    "weight_decay": [Interval(Real, 0, 1, closed="both")],
    "clip": [Interval(Real, 0, None, closed="neither"), None],
    "schedule": [StrOptions(set(SCHEDULES)), None],
    "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
    "callbacks": [list, tuple, None],
}
"""scikit-learn's constraints, and those of what is more here."""

COMMON_PARAMETERS = """\
hidden_layer_sizes : int or sequence of int, default=(100,)
    Width of each hidden layer.
activation : {"identity", "logistic", "tanh", "relu", "leaky_relu"} or list, default="relu"
    The activation of all hidden layers, or a list with that of each.
solver : {"lbfgs", "sgd", "adam", "adamw"}, default="adam"
    How weights are found: steps on batches by momentum, Adam, or Adam with ``weight_decay``; or
    L-BFGS on all samples.
alpha : float, default=0.0001
    Penalty on large weights: ``alpha / (2 n)`` times their squared sum, n the batch's size.
batch_size : int or "auto", default="auto"
    Samples in a step; ``"auto"`` is 200, or all if these are fewer.
learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
    How the rate of ``sgd`` changes: not at all; as ``learning_rate_init / t ** power_t``, t
    counting samples; or divided by 5 each time nothing improves.
learning_rate_init : float, default=0.001
    The rate at the beginning; not with ``lbfgs``.
power_t : float, default=0.5
    See ``learning_rate``.
max_iter : int, default=200
    Most epochs; with ``lbfgs``, most iterations.
shuffle : bool, default=True
    Whether each epoch takes the samples in a new order.
random_state : int, RandomState instance or None, default=None
    Decides initial weights, order of the samples, validation part and dropout.
tol : float, default=1e-4
    What counts as an improvement of the loss, or of the validation score with
    ``early_stopping``; with ``lbfgs``, the largest gradient at the end.
verbose : bool or int, default=False
    Whether to print a line an epoch.
warm_start : bool, default=False
    Whether `fit` continues from the current weights.
momentum : float, default=0.9
    How much of its velocity ``sgd`` keeps in a step.
nesterovs_momentum : bool, default=True
    Whether that momentum looks ahead.
early_stopping : bool, default=False
    Whether to hold back ``validation_fraction`` of the samples (or to take ``X_val`` of `fit`),
    stop when the score on them has not improved for ``n_iter_no_change`` epochs, and restore
    the best weights.
validation_fraction : float, default=0.1
    The part of the samples that is held back. See ``early_stopping``.
beta_1 : float, default=0.9
    How much ``adam`` and ``adamw`` keep of their mean gradient in a step.
beta_2 : float, default=0.999
    How much ``adam`` and ``adamw`` keep of their mean squared gradient in a step.
epsilon : float, default=1e-8
    Keeps ``adam`` and ``adamw`` from dividing by 0.
n_iter_no_change : int or inf, default=10
    Epochs without an improvement after which training ends. What must improve is the training
    loss; with ``dropout`` or ``batch_norm``, which make it noisy, its mean over the last
    ``2 * n_iter_no_change`` epochs; with ``early_stopping``, the validation score.
max_fun : int, default=15000
    Most evaluations of the objective by ``lbfgs``.
dropout : float or sequence of float, default=0.0
    The probability that a neuron is dropped in a step: for all hidden layers, or for each.
batch_norm : {"none", "before", "after"}, default="none"
    Batch normalization of each hidden layer, before or after its activation.
weight_decay : float, default=0.0
    In each step, ``adamw`` shrinks each weight by this fraction times the learning rate, besides
    what ``alpha`` does; no other solver has it.
clip : float or None, default=None
    Shorten gradients that are longer than this; not with ``lbfgs``.
schedule : str or None, default=None
    The name of one of inknet's schedules (``"constant"``, ``"step"``, ``"cosine"``,
    ``"one_cycle"``), a factor on the learning rate over ``max_iter`` epochs; not with
    ``lbfgs``.
scoring : str, callable or None, default=None
    How validation data are scored: by the estimator's own score (None); by the mean loss, which is
    to fall (``"loss"``); or by one of scikit-learn's scorers.
callbacks : sequence of inknet.Callback or None, default=None
    Called at each event; may end the training; not with ``lbfgs``. They start afresh with each
    `fit`, and continue with `partial_fit`.
"""
COMMON_ATTRIBUTES = """\
coefs_ : list of ndarray, each of shape (fan_in, fan_out)
    The weights of each layer.
intercepts_ : list of ndarray, each of shape (fan_out,)
    The biases of each layer.
norms_ : list of dict of ndarray, each of shape (fan_out,)
    For each hidden layer ``gamma``, ``beta``, ``running_mean`` and ``running_var`` of its batch
    normalization; empty without one.
loss_ : float
    The mean objective of the batches of the last epoch, each before its step.
loss_curve_ : list of float
    The objective in each epoch.
best_loss_ : float or None
    The lowest of them; None with ``early_stopping``.
validation_scores_ : list of float or None
    The score on the validation data after each epoch; None without such data. By default the
    accuracy of a classifier, the R² of a regressor; with ``scoring="loss"``, the loss times -1.
best_validation_score_ : float or None
    The highest of them.
validation_loss_curve_ : list of float or None
    The mean loss on the validation data after each epoch, without penalty.
t_ : int
    How many samples training has seen.
n_iter_ : int
    How many epochs, or iterations, the last fit took.
activation_ : str or list of str
    The parameter ``activation`` as it was in the last fit; predictions are made with it.
batch_norm_ : str
    The same of ``batch_norm``.
n_layers_ : int
    The number of layers, with the input.
n_outputs_ : int
    The width of the last layer.
n_features_in_ : int
    Features seen during `fit`.
feature_names_in_ : ndarray of shape (n_features_in_,)
    Their names, if X has names that are all strings.
"""


def described(shared: dict[str, FieldInfo]) -> Callable[[type[Estimator]], type[Estimator]]:
    """Give an estimator the descriptions of what it shares with others, and options of a recipe.

    In its docstring, ``COMMON PARAMETERS``, ``SHARED OPTIONS`` and ``COMMON ATTRIBUTES`` stand for
    them; its signature gets the options.
    """

    def describe(estimator: type[Estimator]) -> type[Estimator]:
        init: Any = estimator.__init__
        parameters = [
            one for one in inspect.signature(init).parameters.values() if one.name != "options"
        ]
        options = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=field.default)
            for name, field in shared.items()
        ]
        init.__signature__ = inspect.Signature([*parameters, *options])
        of_options = "".join(
            f"{name} : {getattr(field.annotation, '__name__', 'optional')}, "
            f"default={field.default}\n    {' '.join((field.description or '').split())}\n"
            for name, field in shared.items()
        )
        for place, text in (
            ("COMMON PARAMETERS", COMMON_PARAMETERS),
            ("SHARED OPTIONS", of_options),
            ("COMMON ATTRIBUTES", COMMON_ATTRIBUTES),
        ):
            own = estimator.__doc__ or ""  # python -OO has none
            # lines of a docstring are indented, but not since Python 3.13
            if found := re.search(rf"^( *){place}\n", own, re.MULTILINE):
                estimator.__doc__ = own.replace(found[0], indent(text, found[1]))
        return estimator

    return describe
