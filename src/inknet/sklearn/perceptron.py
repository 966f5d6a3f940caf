"""The perceptron of both estimators: how a network is fitted by scikit-learn's parameters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from inknet.errors import FindingWarning
from inknet.nn.arrays import Floats, Labels
from inknet.nn.network import Network
from inknet.output import print_if_possible
from inknet.sklearn.calling import warn_caller
from inknet.sklearn.fitted import with_architecture
from inknet.sklearn.measuring import measure, score
from inknet.sklearn.parameters import STOCHASTIC_SOLVERS, for_each_layer
from inknet.sklearn.rows import Matrix, Rows
from inknet.sklearn.samples import ForValidation, Samples, hold_back, warn_of_another_scale
from inknet.sklearn.settings import OPTIMIZER_PARAMETERS, Settings
from inknet.sklearn.solvers import (
    Stepper,
    StochasticTraining,
    minimize_lbfgs,
    ops_for,
)
from inknet.sklearn.tasks import STOPPED, CallbackSupport, Tasks
from inknet.training.callbacks import Callback


def fits_by_steps(estimator: Perceptron) -> bool:
    """Return True if `partial_fit` is possible; raise `AttributeError` if not."""
    if estimator.solver not in STOCHASTIC_SOLVERS:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{estimator.solver} is not stochastic."
        )
    return True


class Perceptron(CallbackSupport, ClassNamePrefixFeaturesOutMixin, TransformerMixin, Settings):
    """What `MLPClassifier` and `MLPRegressor` share: all but their targets."""

    _has_numbers: ClassVar[bool] = False
    """Whether the targets are numbers, and not labels."""

    # -- the targets of an estimator --------------------------------------------------------------

    @abstractmethod
    def _checked_targets(self, y: Any, incremental: bool) -> Any:
        """Return the targets ``y`` if they can be learned; find out what there is to know."""

    @abstractmethod
    def _check_validation_targets(self, y: Any) -> None:
        """Raise `ValueError` if targets are not like those of the training."""

    @abstractmethod
    def _targets(self, y: Any, dtype: np.dtype[np.floating[Any]]) -> Labels | Floats:
        """Return targets as the loss takes them."""

    @abstractmethod
    def _answers(self, targets: Labels | Floats) -> NDArray[Any]:
        """Return the ``y`` that `_targets` was given, as scorers take it."""

    @abstractmethod
    def _outputs(self, y: Any) -> tuple[int, str]:
        """Return how many outputs these targets need, and their activation."""

    def _weights(self, X: Matrix, y: Any, sample_weight: Any, y_train: Any) -> Floats | None:
        """Return the weight of each sample; None if all are equal."""
        if sample_weight is None:
            return None
        with np.errstate(over="ignore"):  # what is too large is refused with the sum
            return np.asarray(_check_sample_weight(sample_weight, X), X.dtype)

    # -- training ---------------------------------------------------------------------------------

    def _check_partial_fit(self) -> None:
        for parameter, reason in (
            ("early_stopping", "early_stopping=True"),
            ("schedule", "a schedule: it does not know how many epochs there will be"),
        ):
            if getattr(self, parameter):
                raise ValueError(f"partial_fit does not support {reason}")

    def _fit(
        self,
        X: Matrix,
        y: Any,
        sample_weight: ArrayLike | None,
        given: ForValidation | None,
        *,
        incremental: bool,
        groups: ArrayLike | None = None,
    ) -> Self:
        before = dict(self.__dict__)
        try:
            train, validation, random_state = self._prepare(X, y, sample_weight, given, incremental)
            training = None
            if self.solver != "lbfgs":
                training = self._new_training(train, validation, random_state, incremental, groups)
        except BaseException:  # what is refused leaves a fitted estimator as it was
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        try:
            n_epochs = 0 if training is None else training.settings.epochs
            tasks = Tasks(self, X, y, sample_weight, n_epochs)
            if training is None:
                self._fit_lbfgs(train, validation)
            else:
                self._fit_by_steps(training, incremental, tasks)
            tasks.end()
        finally:
            self._network.release()
        if not np.isfinite(self._network.parameters).all():
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                "values and need to be preprocessed."
            )
        return self

    def _prepare(
        self,
        X: Matrix,
        y: Any,
        sample_weight: ArrayLike | None,
        given: ForValidation | None,
        incremental: bool,
    ) -> tuple[Samples, Samples | None, np.random.RandomState]:
        """Check everything, and set up the network; return what to train and validate on."""
        hidden = self._hidden_widths()
        self._check_callbacks()
        self._check_weight_decay()
        if self.solver == "lbfgs":
            self._check_lbfgs(has_validation=given is not None)
        from_scratch = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=self._has_numbers,
            dtype=(np.float64, np.float32),
            reset=from_scratch,
        )
        y = self._checked_targets(y, incremental)
        weights = self._weights(X, y, sample_weight, y)
        random_state = check_random_state(self.random_state)
        if from_scratch:
            self.n_outputs_, self.out_activation_ = self._outputs(y)
            self._initialize(X.shape[1], hidden, X.dtype, random_state)
        else:
            network = self._current_network()
            dims = list(network.architecture.layer_dims)
            if dims[1:-1] != hidden:
                raise ValueError(
                    f"hidden_layer_sizes is {hidden}, and the network to continue with has "
                    f"{dims[1:-1]}. Use fit without warm_start for another network."
                )
            self._keep(with_architecture(network, self._architecture(dims)))
        if from_scratch or not hasattr(self, "loss_curve_") or self.solver == "lbfgs":
            self._begin_record()
        one_for_all = isinstance(self.activation, str)
        self.activation_ = self.activation if one_for_all else list(self.activation)
        self.batch_norm_ = self.batch_norm
        dtype = self._network.dtype
        train = Samples(X.astype(dtype, copy=False), self._targets(y, dtype), weights)
        validation = self._validation_samples(given, y, dtype)
        if validation is not None:
            warn_of_another_scale(train, validation)
        return train.checked(), validation, random_state

    def _fit_lbfgs(self, train: Samples, validation: Samples | None) -> None:
        """Find the weights with L-BFGS, in float64 for any type of the features."""
        network = self._network
        if network.dtype != np.float64:
            network = Network(network.architecture, None, np.float64)
            network.parameters[:] = self._network.parameters
            train = Samples(train.features.astype(np.float64), train.targets, train.sample_weight)
        self.validation_scores_ = self.best_validation_score_ = self.validation_loss_curve_ = None
        if validation is not None:
            self.validation_scores_, self.validation_loss_curve_ = [], []
            rows = Rows(validation.features, self._network.ops)
        n_done = 0

        def after_iteration(loss: float) -> None:
            nonlocal n_done
            n_done += 1
            if self.verbose:
                print_if_possible(f"Iteration {n_done}, loss = {loss:.8f}")
            if validation is not None:
                self._network.parameters[:] = network.parameters
                loss, own = measure(self._network, validation, rows)
                self._score_improved(loss, score(self, self._answers, validation, loss, own))

        result = minimize_lbfgs(
            network,
            train,
            self.alpha,
            self._loss_options(),
            {"maxfun": self.max_fun, "maxiter": self.max_iter, "gtol": self.tol},
            ops_for(len(train) * network.n_parameters * self.max_iter),
            after_iteration,
        )
        self._network.parameters[:] = network.parameters
        if result.status != 0:
            warn_caller(
                f"lbfgs failed to converge after {result.nit} iteration(s) (status="
                f"{result.status}): {result.message}. Increase max_iter or max_fun, or scale the "
                "data.",
                ConvergenceWarning,
            )
        self.n_iter_ = min(int(result.nit), self.max_iter)
        self.loss_ = float(result.fun)

    def _new_training(
        self,
        train: Samples,
        validation: Samples | None,
        random_state: np.random.RandomState,
        incremental: bool,
        groups: ArrayLike | None,
    ) -> StochasticTraining:
        """Return a training by steps on batches."""
        network = self._network
        kept: Stepper | None = self.__dict__.get("_optimizer")
        settings = network.n_parameters, *(getattr(self, name) for name in OPTIMIZER_PARAMETERS)
        if kept is None or not incremental or getattr(kept, "made_for", ()) != settings:
            self._optimizer = self._new_optimizer()
            self._optimizer.made_for = settings
            self._generator = self._new_generator(random_state)
        if self.early_stopping and validation is None:
            is_stratified, fraction = not self._has_numbers, self.validation_fraction
            train, validation = hold_back(
                train, fraction, random_state, stratified=is_stratified, groups=groups
            )
        epochs = 1 if incremental else self.max_iter
        of_epoch = len(train) * network.n_parameters
        if validation is not None and self.validation_scores_ is None:
            self.validation_scores_, self.validation_loss_curve_ = [], []
        return StochasticTraining(
            self,
            network,
            self._optimizer,
            train,
            validation,
            self._settings(len(train), epochs),
            random_state,
            self._generator,
            self._callbacks_with_doctor(incremental),
            partial(score, self, self._answers),
            # partial_fit is called again and again
            ops_for(of_epoch * epochs, of_epoch * self.max_iter),
        )

    def _callbacks_with_doctor(self, incremental: bool) -> Sequence[Callback]:
        """Return the callbacks, with a doctor for a whole fit if one is wanted."""
        given = self.callbacks or ()
        if incremental or not getattr(self, "doctor", False):
            return given
        from inknet.doctor.doctor import Doctor

        return [*given, Doctor()]

    def _tell_findings(self, training: StochasticTraining) -> None:
        """Keep what the doctor found, and warn of its faults."""
        from inknet.doctor.wording import for_estimator

        self.findings_ = list(training.history.findings)
        for finding in self.findings_:
            if finding.is_alarm:
                warn_caller(finding.sentences(for_estimator), FindingWarning)

    def _fit_by_steps(self, training: StochasticTraining, incremental: bool, tasks: Tasks) -> None:
        """Find the weights by steps on batches."""
        network = self._network
        if self.early_stopping:
            self._best = network.parameters.copy(), network.statistics.copy()
        self.n_iter_ = 0
        try:
            with training:
                for _ in range(training.settings.epochs):
                    tasks.begin_epoch()
                    self._after_epoch(training.run_epoch(), training)
                    if tasks.end_epoch(network, self._best if self.early_stopping else None):
                        training.stop_reason = training.stop_reason or STOPPED
                    if training.stop_reason is not None or (
                        self._no_improvement_count > self.n_iter_no_change and self._is_to_stop()
                    ):
                        break
                else:
                    if not incremental:
                        warn_caller(
                            f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached "
                            "and the optimization hasn't converged yet.",
                            ConvergenceWarning,
                        )
        finally:  # also after Ctrl-C or an error: the classifier can be used
            if self.early_stopping:
                network.parameters[:], network.statistics[:] = self._best
                del self._best  # they are the network's now, and not pickled twice
        if not incremental and getattr(self, "doctor", False):
            self._tell_findings(training)

    def _validation_samples(
        self, given: ForValidation | None, y_train: Any, dtype: np.dtype[np.floating[Any]]
    ) -> Samples | None:
        if given is None:
            return None
        X, y, sample_weight = given
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=self._has_numbers,
            dtype=dtype,
            reset=False,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self._check_validation_targets(y)
        weights = self._weights(X, y, sample_weight, y_train)
        return Samples(X, self._targets(y, dtype), weights).checked("validation samples")

    # -- hidden layers ----------------------------------------------------------------------------

    @np.errstate(under="ignore")
    def transform(self, X: Matrix) -> Floats:
        """Return what the last hidden layer gives to the outputs: features that were learned.

        After its activation and batch normalization, if it has one.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, width of the last hidden layer)
            The outputs of the neurons of that layer.

        Raises
        ------
        ValueError
            If there is no hidden layer.
        """
        check_is_fitted(self)
        if len(self.coefs_) < 2:
            raise ValueError(f"this {type(self).__name__} has no hidden layer, so no features")
        return self._computed(X, -2)

    @property
    def _n_features_out(self) -> int:
        """The number of columns that `transform` gives, for `get_feature_names_out`."""
        return len(self.coefs_[-1])

    # -- the network ------------------------------------------------------------------------------

    def _initialize(
        self,
        n_features: int,
        hidden: list[int],
        dtype: np.dtype[np.floating[Any]],
        random_state: np.random.RandomState,
    ) -> None:
        """Start from scratch: weights and biases as scikit-learn draws them, and an empty record.

        Glorot and Bengio 2010, equation 16, and for logistic units a third of that variance. The
        outputs are drawn as the last hidden layer is.
        """
        dims = [n_features, *hidden, self.n_outputs_]
        network = Network(self._architecture(dims), None, dtype)
        activations = for_each_layer(self.activation, len(hidden))
        activations.append((activations or [self.activation])[-1])
        for dense, activation in zip(network.dense_layers, activations, strict=True):
            bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / sum(dense.weight.shape))
            dense.weight[:] = random_state.uniform(-bound, bound, dense.weight.shape)
            dense.bias[:] = random_state.uniform(-bound, bound, dense.bias.shape)
        self._keep(network)
        self.n_layers_ = len(dims)
        self.n_iter_ = self.t_ = 0

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
