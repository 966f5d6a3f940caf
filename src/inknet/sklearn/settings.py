"""What the parameters of an estimator ask for, in inknet's terms."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic.fields import FieldInfo
from sklearn.utils._param_validation import InvalidParameterError

from inknet.errors import InputError
from inknet.nn.architecture import Architecture
from inknet.nn.optimizers import Nesterov
from inknet.recipes import TrainingRecipe, training_recipe
from inknet.sklearn.calling import warn_caller
from inknet.sklearn.parameters import ACTIVATIONS, OUTPUTS, for_each_layer
from inknet.sklearn.record import Record
from inknet.sklearn.solvers import EpsilonHatAdam, EpsilonHatAdamW, Stepper
from inknet.training.callbacks import checked_callbacks

OPTIMIZER_PARAMETERS = (
    "solver",
    "learning_rate",
    "learning_rate_init",
    "power_t",
    "momentum",
    "nesterovs_momentum",
    "beta_1",
    "beta_2",
    "epsilon",
    "weight_decay",
)
"""The parameters of the optimizer; `partial_fit` continues with it until one of them changes."""


class Settings(Record):
    """The parameters, checked and translated."""

    _shared: ClassVar[dict[str, FieldInfo]] = {}
    """The parameters that are also keys of a recipe."""

    def _set_parameters(self, given: dict[str, Any]) -> None:
        """Keep the arguments of `__init__`, which are its local variables."""
        options = given.get("options", {})
        known = {name: field.default for name, field in self._shared.items()}
        if unknown := options.keys() - known.keys():
            raise TypeError(f"{type(self).__name__} has no parameter {min(unknown)!r}")
        names = given.keys() - {"self", "options", "__class__"}
        for name, value in ({name: given[name] for name in names} | known | options).items():
            setattr(self, name, value)

    def _hidden_widths(self) -> list[int]:
        """Return the widths of the hidden layers; refuse invalid combinations."""
        sizes = self.hidden_layer_sizes
        widths = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if any(width <= 0 for width in widths):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {widths}.")
        return widths

    def _check_callbacks(self) -> None:
        try:
            checked_callbacks(self.callbacks)
        except InputError as error:
            raise InvalidParameterError(
                f"The 'callbacks' parameter of {type(self).__name__} must be a list of "
                f"inknet.Callback, each once, or None: {error}"
            ) from None

    def _check_weight_decay(self) -> None:
        if self.weight_decay and self.solver != "adamw":
            raise ValueError(
                f"weight_decay={self.weight_decay!r} needs the solver 'adamw', not {self.solver!r}"
            )

    def _check_lbfgs(self, has_validation: bool) -> None:
        """Refuse what L-BFGS cannot do: it has no epochs, and an objective that stays the same."""
        for name, is_on in (
            ("dropout", np.any(self.dropout)),
            ("batch_norm", self.batch_norm != "none"),
            ("clip", self.clip is not None),
            ("adversarial", bool(getattr(self, "adversarial", 0))),
            ("schedule", self.schedule not in (None, "constant")),
            ("callbacks", bool(self.callbacks)),
            ("doctor", getattr(self, "doctor", False)),
            ("early_stopping", self.early_stopping and has_validation),
        ):
            if is_on:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} needs the solver 'sgd', 'adam' or 'adamw', "
                    "not 'lbfgs'"
                )
        if self.early_stopping:
            warn_caller("early_stopping has no effect with the solver 'lbfgs', as in scikit-learn.")

    def _settings(self, n_samples: int, epochs: int) -> TrainingRecipe:
        if self.batch_size == "auto":
            batch_size = min(200, n_samples)
        else:
            if self.batch_size > n_samples:
                warn_caller(
                    "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                    "clipped"
                )
            batch_size = min(int(self.batch_size), n_samples)
        if self.batch_norm != "none" and batch_size < 2:
            raise ValueError(
                f"batch_norm needs batches of 2 samples or more, got {batch_size} sample."
            )
        return training_recipe(
            epochs=epochs,
            batch_size=batch_size,
            shuffle=bool(self.shuffle),
            optimizer="momentum" if self.solver == "sgd" else self.solver,
            weight_decay=float(self.weight_decay),
            learning_rate=float(self.learning_rate_init),
            schedule=self.schedule or "constant",
            l2_lambda=float(self.alpha),
            clip_norm=None if self.clip is None else float(self.clip),
            **self._shared_options(),
        )

    def _shared_options(self) -> dict[str, Any]:
        """Return the options that have the same name in a recipe."""
        return {name: getattr(self, name) for name in self._shared}

    def _loss_options(self) -> dict[str, Any]:
        """Return those of them that are options of the loss."""
        return {n: value for n, value in self._shared_options().items() if n != "adversarial"}

    def _new_optimizer(self) -> Stepper:
        parameters = self._network.parameters
        if self.solver != "sgd":
            options = {"epsilon": self.epsilon, "beta1": self.beta_1, "beta2": self.beta_2}
            adam = EpsilonHatAdam(parameters, **options)
            if self.solver == "adamw":
                options |= {"weight_decay": self.weight_decay, "n_weights": self._network.n_weights}
                adam = EpsilonHatAdamW(parameters, **options)
            return Stepper(adam, self.learning_rate_init, "constant", self.power_t)
        sgd = Nesterov(parameters, beta=self.momentum, ahead=self.nesterovs_momentum)
        return Stepper(sgd, self.learning_rate_init, self.learning_rate, self.power_t)

    def _new_generator(self, random_state: np.random.RandomState) -> np.random.Generator:
        """Return the generator of a step; if it draws nothing, ``random_state`` is not used."""
        draws = bool(np.any(self.dropout)) or bool(getattr(self, "adversarial", 0))
        seed = random_state.randint(2**31) if draws else 0
        return np.random.default_rng(seed)

    def _architecture(self, dims: list[int]) -> Architecture:
        """Return what the parameters ask for, to train it."""
        n_hidden = len(dims) - 2
        dropout = np.atleast_1d(np.asarray(self.dropout, float))
        if len(dropout) not in (1, n_hidden) or not ((dropout >= 0) & (dropout < 1)).all():
            raise ValueError(
                f"dropout must be in [0, 1), one for all hidden layers or one for each of the "
                f"{n_hidden}, got {self.dropout!r}."
            )
        keep_probs = [1.0 - float(rate) for rate in np.broadcast_to(dropout, n_hidden)]
        return Architecture(
            layer_dims=dims,
            activations=[
                *(ACTIVATIONS[name] for name in for_each_layer(self.activation, n_hidden)),
                OUTPUTS[self.out_activation_],
            ],
            keep_probs=[*keep_probs, 1.0],
            batch_norm=self.batch_norm,
        )
