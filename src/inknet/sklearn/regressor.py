"""`MLPRegressor`: scikit-learn's estimator of that name, with inknet's network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from inknet.nn.arrays import Floats, Labels
from inknet.sklearn import losses  # noqa: F401, adds them to the table
from inknet.sklearn.parameters import CONSTRAINTS, Activation, described
from inknet.sklearn.perceptron import Perceptron, fits_by_steps
from inknet.sklearn.rows import Matrix
from inknet.sklearn.samples import given_for_validation

if TYPE_CHECKING:
    from inknet.training.callbacks import Callback


@described({})
class MLPRegressor(RegressorMixin, Perceptron):
    """A multi-layer perceptron with the parameters of ``sklearn.neural_network.MLPRegressor``.

    Parameters, attributes and methods with the same name mean the same. The parameters from
    ``dropout`` on are inknet's. docs/from-scikit-learn.md lists the few differences.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, default="squared_error"
        What is minimized: half of the squared error, for any numbers; or half of the Poisson
        deviance, for counts and other numbers that are not negative, of which the network then
        computes the logarithm. `inknet.sklearn.losses` derives both.
    COMMON PARAMETERS

    Attributes
    ----------
    out_activation_ : {"identity", "exp"}
        The activation of the last layer: exp with the loss ``"poisson"``.
    COMMON ATTRIBUTES
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **CONSTRAINTS,
        "loss": [StrOptions({"squared_error", "poisson"})],
    }
    _has_numbers: ClassVar[bool] = True

    def __init__(
        self,
        loss: Literal["squared_error", "poisson"] = "squared_error",
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: Activation | Sequence[Activation] = "relu",
        *,
        solver: Literal["lbfgs", "sgd", "adam", "adamw"] = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Literal["constant", "invscaling", "adaptive"] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int | float = 10,
        max_fun: int = 15000,
        dropout: float | Sequence[float] = 0.0,
        batch_norm: Literal["none", "before", "after"] = "none",
        weight_decay: float = 0.0,
        clip: float | None = None,
        schedule: str | None = None,
        scoring: str | Callable[..., float] | None = None,
        callbacks: Sequence[Callback] | None = None,
    ) -> None:
        self._set_parameters(locals())

    # -- training ---------------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Matrix | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> MLPRegressor:
        """Learn from samples with numbers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,), or (n_samples, n_outputs)
            Numbers; with the loss ``"poisson"``, 0 or more.
        sample_weight : array-like of shape (n_samples,), optional
            How much each sample counts.
        X_val : as X, optional
            Samples to validate on after each epoch; with ``early_stopping``, they replace
            ``validation_fraction`` of the training samples. A pipeline transforms ``X_val`` as it
            does X if it has ``transform_input=["X_val"]``.
        y_val : as y, optional
            What they are.
        sample_weight_val : array-like of shape (n_val,), optional
            How much each of them counts.
        groups : array-like of shape (n_samples,), optional
            The group of each sample, such as the person whom it is of. With ``early_stopping``,
            whole groups are held back to validate on; without it, they are not used. To get them
            through a pipeline or a search, route them with ``set_fit_request(groups=True)``.

        Returns
        -------
        self : MLPRegressor
            Fitted.

        Raises
        ------
        ValueError
            If a parameter, the samples or their numbers are not as described.
        """
        validation = given_for_validation(X_val, y_val, sample_weight_val, None, groups)
        return self._fit(X, y, sample_weight, validation, incremental=False, groups=groups)

    @available_if(fits_by_steps)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> MLPRegressor:
        """Continue training: one epoch over these samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,), or (n_samples, n_outputs)
            Numbers.
        sample_weight : array-like of shape (n_samples,), optional
            How much each sample counts.

        Returns
        -------
        self : MLPRegressor
            Fitted for one more epoch.

        Raises
        ------
        ValueError
            As for `fit`; or if a parameter needs all samples or all epochs.
        """
        self._check_partial_fit()
        return self._fit(X, y, sample_weight, None, incremental=True)

    def _checked_targets(self, y: Any, incremental: bool) -> Any:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self._refuse_negative(y)
        if hasattr(self, "coefs_") and (self.warm_start or incremental):
            self._check_validation_targets(y)
        return y

    def _check_validation_targets(self, y: Any) -> None:
        self._refuse_negative(y)
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        if n_outputs != self.n_outputs_:
            raise ValueError(
                f"`y` has {n_outputs} columns; expected {self.n_outputs_}, as in the first fit."
            )

    def _refuse_negative(self, y: Any) -> None:
        if self.loss == "poisson" and y.min() < 0:
            raise ValueError(
                f"`y` has a negative value, {y.min():g}; the loss 'poisson' is for numbers of 0 "
                "or more."
            )

    def _targets(self, y: Any, dtype: np.dtype[np.floating[Any]]) -> Floats:
        targets: Floats = y.reshape(len(y), -1).astype(dtype)
        return targets

    def _answers(self, targets: Labels | Floats) -> NDArray[Any]:
        return targets.ravel() if targets.shape[1] == 1 else targets

    def _outputs(self, y: Any) -> tuple[int, str]:
        return 1 if y.ndim == 1 else y.shape[1], "exp" if self.loss == "poisson" else "identity"

    # -- inference --------------------------------------------------------------------------------

    @np.errstate(over="ignore", under="ignore")
    def predict(self, X: Matrix) -> Floats:
        """Return the number, or numbers, of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_outputs)
            In the units of ``y``.
        """
        outputs = self._logits(X)
        if self.out_activation_ == "exp":
            np.exp(outputs, out=outputs)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs
