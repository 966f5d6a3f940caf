"""`MLPClassifier`: scikit-learn's estimator of that name, with inknet's network."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import _check_sample_weight, validate_data

from inknet.nn.architecture import Architecture
from inknet.nn.arrays import Floats, Labels
from inknet.nn.network import Network
from inknet.nn.optimizers import Nesterov
from inknet.output import print_if_possible
from inknet.recipes import TrainingRecipe, training_recipe
from inknet.recipes.options import StepOptions
from inknet.sklearn.fitted import FittedNetwork, with_architecture
from inknet.sklearn.parameters import (
    ACTIVATIONS,
    CONSTRAINTS,
    SHARED_OPTIONS,
    STOCHASTIC_SOLVERS,
    with_shared_options,
)
from inknet.sklearn.rows import Matrix, Rows
from inknet.sklearn.samples import (
    ForValidation,
    Samples,
    given_for_validation,
    hold_back,
    warn_of_another_scale,
    weights_of_classes,
)
from inknet.sklearn.solvers import (
    EpsilonHatAdam,
    Stepper,
    StochasticTraining,
    measure,
    minimize_lbfgs,
    ops_for,
)
from inknet.training.callbacks import checked_callbacks

if TYPE_CHECKING:
    from inknet.training.callbacks import Callback

RECORD = (
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
    "validation_loss_curve_",
    "_best_mean_loss",
    "_best",
)
"""The attributes in which a fit keeps what its epochs measured."""


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
)
"""The parameters of the optimizer; `partial_fit` continues with it until one of them changes."""


def _fits_by_steps(estimator: MLPClassifier) -> bool:
    if estimator.solver not in STOCHASTIC_SOLVERS:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{estimator.solver} is not stochastic."
        )
    return True


@with_shared_options
class MLPClassifier(FittedNetwork):
    """A multi-layer perceptron with the parameters of ``sklearn.neural_network.MLPClassifier``.

    Parameters, attributes and methods with the same name mean the same. The parameters from
    ``dropout`` on are inknet's. docs/from-scikit-learn.md lists the few differences.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Width of each hidden layer.
    activation : {"identity", "logistic", "tanh", "relu", "leaky_relu"}, default="relu"
        The activation of all hidden layers.
    solver : {"lbfgs", "sgd", "adam"}, default="adam"
        How weights are found: steps on batches by momentum or Adam, or L-BFGS on all samples.
    alpha : float, default=0.0001
        Penalty on large weights: ``alpha / (2 n)`` times their squared sum, n the batch's size.
    batch_size : int or "auto", default="auto"
        Samples in a step; ``"auto"`` is 200, or all if these are fewer.
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        How the rate of ``sgd`` changes: not at all; as ``learning_rate_init / t ** power_t``, t
        counting samples; or divided by 5 each time nothing improves.
    learning_rate_init : float, default=0.001
        The rate at the beginning, of ``sgd`` and ``adam``.
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
        stop when the accuracy on them has not improved for ``n_iter_no_change`` epochs, and restore
        the best weights.
    validation_fraction : float, default=0.1
        See ``early_stopping``.
    beta_1, beta_2 : float, default=0.9, 0.999
        How much ``adam`` keeps of its mean gradient and mean square.
    epsilon : float, default=1e-8
        Keeps ``adam`` from dividing by 0.
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
    SHARED OPTIONS
    clip : float or None, default=None
        Shorten gradients that are longer than this; not with ``lbfgs``.
    class_weight : dict, list of dict, "balanced" or None, default=None
        How much the samples of each class count, as everywhere in scikit-learn; in training and
        in validation. ``"balanced"`` counts the classes of the training samples.
    schedule : str or None, default=None
        The name of one of inknet's schedules (``"constant"``, ``"step"``, ``"cosine"``,
        ``"one_cycle"``), a factor on the learning rate over ``max_iter`` epochs; not with
        ``lbfgs``.
    callbacks : sequence of inknet.Callback or None, default=None
        Called at each event; may end the training; not with ``lbfgs``. They start afresh with each
        `fit`, and continue with `partial_fit`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    coefs_, intercepts_ : list of ndarray, shapes (fan_in, fan_out) and (fan_out,)
        Weights and biases of each layer.
    norms_ : list of dict of ndarray, each of shape (fan_out,)
        For each hidden layer ``gamma``, ``beta``, ``running_mean`` and ``running_var`` of its batch
        normalization; empty without one.
    loss_ : float
        The mean objective of the batches of the last epoch, each before its step.
    loss_curve_ : list of float
        The objective in each epoch.
    best_loss_ : float or None
        The lowest of them; None with ``early_stopping``.
    validation_scores_, best_validation_score_ : list of float and float, or None
        The accuracy on the validation data after each epoch; None without such data.
    validation_loss_curve_ : list of float or None
        The mean cross-entropy on the validation data after each epoch, without penalty.
    t_ : int
        How many samples training has seen.
    n_iter_ : int
        How many epochs, or iterations, the last fit took.
    activation_, batch_norm_ : str
        These parameters as they were in the last fit; predictions are made with them.
    n_layers_, n_outputs_ : int
        The number of layers, with the input; and the width of the last.
    out_activation_ : {"softmax", "logistic"}
        The activation of the last layer: logistic for two classes, and for several labels.
    n_features_in_ : int
        Features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X has names that are all strings.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS

    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    validation_loss_curve_: list[float] | None
    _no_improvement_count: int
    _best_mean_loss: float = np.inf
    _best: tuple[Floats, Floats]

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: Literal["identity", "logistic", "tanh", "relu", "leaky_relu"] = "relu",
        *,
        solver: Literal["lbfgs", "sgd", "adam"] = "adam",
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
        clip: float | None = None,
        class_weight: dict[Any, float] | list[dict[Any, float]] | Literal["balanced"] | None = None,
        schedule: str | None = None,
        callbacks: Sequence[Callback] | None = None,
        **options: Unpack[StepOptions],
    ) -> None:
        unknown = options.keys() - SHARED_OPTIONS.keys()
        if unknown:
            raise TypeError(f"MLPClassifier has no parameter {min(unknown)!r}")
        for name, field in SHARED_OPTIONS.items():
            setattr(self, name, options.get(name, field.default))
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.clip = clip
        self.class_weight = class_weight
        self.schedule = schedule
        self.callbacks = callbacks

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
        validation_data: tuple[Any, ...] | None = None,
    ) -> MLPClassifier:
        """Learn from labelled samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), or (n_samples, n_labels) of 0 and 1
        sample_weight : array-like of shape (n_samples,), optional
            How much each sample counts.
        X_val, y_val : as X and y, optional
            Samples to validate on after each epoch; with ``early_stopping``, they replace
            ``validation_fraction`` of the training samples. A pipeline transforms ``X_val`` as it
            does X if it has ``transform_input=["X_val"]``.
        sample_weight_val : array-like of shape (n_val,), optional
            How much each of them counts.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Deprecated: no pipeline can transform it. Use ``X_val``, ``y_val`` and
            ``sample_weight_val``.

        Returns
        -------
        self
        """
        validation = given_for_validation(X_val, y_val, sample_weight_val, validation_data)
        return self._fit(X, y, sample_weight, validation, incremental=False)

    @available_if(_fits_by_steps)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> MLPClassifier:
        """Continue training: one epoch over these samples.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array-like of shape (n_classes,)
            All labels that will occur; needed in the first call.

        Returns
        -------
        self
        """
        for parameter, reason in (
            ("early_stopping", "early_stopping=True"),
            ("schedule", "a schedule: it does not know how many epochs there will be"),
        ):
            if getattr(self, parameter):
                raise ValueError(f"partial_fit does not support {reason}")
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit: it needs all samples. "
                "Pass the weights as a dict"
            )
        if _check_partial_fit_first_call(self, classes):
            many = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if many else classes)
        return self._fit(X, y, sample_weight, None, incremental=True)

    def _fit(
        self,
        X: Matrix,
        y: Any,
        sample_weight: ArrayLike | None,
        given: ForValidation | None,
        *,
        incremental: bool,
    ) -> MLPClassifier:
        before = dict(self.__dict__)
        try:
            train, validation, random_state = self._prepare(X, y, sample_weight, given, incremental)
            training = None
            if self.solver != "lbfgs":
                training = self._new_training(train, validation, random_state, incremental)
        except BaseException:  # what is refused leaves a fitted estimator as it was
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        try:
            if training is None:
                self._fit_lbfgs(train, validation)
            else:
                self._fit_by_steps(training, incremental)
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
        checked_callbacks(self.callbacks)
        if self.solver == "lbfgs":
            self._check_lbfgs(has_validation=given is not None)
        from_scratch = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=(np.float64, np.float32),
            reset=from_scratch,
        )
        y = self._check_labels(y, incremental)
        weights = self._weights(X, y, sample_weight, y)
        random_state = check_random_state(self.random_state)
        if from_scratch:
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
        self.activation_, self.batch_norm_ = self.activation, self.batch_norm
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
                self._score_improved(*measure(self._network, validation, rows))

        result = minimize_lbfgs(
            network,
            train,
            self.alpha,
            self._shared_options()["label_smoothing"],
            {"maxfun": self.max_fun, "maxiter": self.max_iter, "gtol": self.tol},
            ops_for(len(train) * network.n_parameters * self.max_iter),
            after_iteration,
        )
        self._network.parameters[:] = network.parameters
        if result.status != 0:
            warnings.warn(
                f"lbfgs failed to converge after {result.nit} iteration(s) (status="
                f"{result.status}): {result.message}. Increase max_iter or max_fun, or scale the "
                "data.",
                ConvergenceWarning,
                stacklevel=3,
            )
        self.n_iter_ = min(int(result.nit), self.max_iter)
        self.loss_ = float(result.fun)

    def _new_training(
        self,
        train: Samples,
        validation: Samples | None,
        random_state: np.random.RandomState,
        incremental: bool,
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
            train, validation = hold_back(train, self.validation_fraction, random_state)
        epochs = 1 if incremental else self.max_iter
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
            self.callbacks or (),
            ops_for(len(train) * network.n_parameters * epochs),
        )

    def _fit_by_steps(self, training: StochasticTraining, incremental: bool) -> None:
        """Find the weights by steps on batches."""
        network = self._network
        best = self.__dict__.get("_best")
        if self.early_stopping and (best is None or len(best[0]) != network.n_parameters):
            self._best = network.parameters.copy(), network.statistics.copy()
        self.n_iter_ = 0
        try:
            with training:
                for _ in range(training.settings.epochs):
                    self._after_epoch(training.run_epoch(), training)
                    if training.stop_reason is not None or (
                        self._no_improvement_count > self.n_iter_no_change and self._is_to_stop()
                    ):
                        break
                else:
                    if not incremental:
                        warnings.warn(
                            f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached "
                            "and the optimization hasn't converged yet.",
                            ConvergenceWarning,
                            stacklevel=3,
                        )
        finally:  # also after Ctrl-C or an error: the classifier can be used
            if self.early_stopping:
                network.parameters[:], network.statistics[:] = self._best

    def _after_epoch(self, loss: float, training: StochasticTraining) -> None:
        """Record the results of the epoch, and whether they improved."""
        self.n_iter_ += 1
        self.t_ += len(training.train)
        self.loss_ = loss
        self.loss_curve_.append(loss)
        if self.verbose:
            print_if_possible(f"Iteration {self.n_iter_}, loss = {loss:.8f}")
        improved = False
        if training.validation is not None:
            best = self.best_validation_score_
            improved = self._score_improved(*training.validated())
            if self.early_stopping and self.best_validation_score_ != best:
                self._best = training.measured_weights()
        if not self.early_stopping:
            improved = self._loss_improved(loss)
        self._no_improvement_count = 0 if improved else self._no_improvement_count + 1
        self._optimizer.iteration_ends(self.t_)

    def _loss_improved(self, loss: float) -> bool:
        """Return whether the training loss is lower by `tol`.

        With dropout or batch normalization, the loss of an epoch depends on masks and batches that
        are drawn. Then the mean over twice the epochs that are waited for counts.
        """
        best = np.inf if self.best_loss_ is None else self.best_loss_
        if loss < best:
            self.best_loss_ = loss
        if np.any(self.dropout) or self.batch_norm != "none":
            n_recent = int(min(2 * self.n_iter_no_change, len(self.loss_curve_)))
            loss, best = float(np.mean(self.loss_curve_[-n_recent:])), self._best_mean_loss
            if loss < best:
                self._best_mean_loss = loss
        return bool(loss <= best - self.tol)

    def _score_improved(self, loss: float, score: float) -> bool:
        """Record the validation results; return whether the score is better by `tol`."""
        if self.validation_scores_ is not None and self.validation_loss_curve_ is not None:
            self.validation_scores_.append(score)
            self.validation_loss_curve_.append(loss)
        if self.verbose:
            print_if_possible(f"Validation score: {score:f}")
        best = -np.inf if self.best_validation_score_ is None else self.best_validation_score_
        if score > best:
            self.best_validation_score_ = score
        return bool(score >= best + self.tol)

    def _is_to_stop(self) -> bool:
        """Return whether a training that does not improve is over, or continues at a lower rate."""
        what = "Validation score" if self.early_stopping else "Training loss"
        message = (
            f"{what} did not improve more than tol={self.tol:f} for {self.n_iter_no_change} "
            "consecutive epochs."
        )
        if self._optimizer.trigger_stopping(message, bool(self.verbose)):
            return True
        self._no_improvement_count = 0
        return False

    # -- before training --------------------------------------------------------------------------

    def _hidden_widths(self) -> list[int]:
        """Return the widths of the hidden layers; refuse invalid combinations."""
        sizes = self.hidden_layer_sizes
        widths = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if any(width <= 0 for width in widths):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {widths}.")
        return widths

    def _check_lbfgs(self, has_validation: bool) -> None:
        """Refuse what L-BFGS cannot do: it has no epochs, and an objective that stays the same."""
        for name, is_on in (
            ("dropout", np.any(self.dropout)),
            ("batch_norm", self.batch_norm != "none"),
            ("clip", self.clip is not None),
            ("schedule", self.schedule not in (None, "constant")),
            ("callbacks", bool(self.callbacks)),
            ("early_stopping", self.early_stopping and has_validation),
        ):
            if is_on:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} needs the solver 'sgd' or 'adam', not 'lbfgs'"
                )
        if self.early_stopping:
            warnings.warn(
                "early_stopping has no effect with the solver 'lbfgs', as in scikit-learn.",
                stacklevel=6,
            )

    def _check_labels(self, y: Any, incremental: bool) -> Any:
        """Find out which labels there are, or check that these are known."""
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
            return y
        found = unique_labels(y)
        if self.warm_start and set(found) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {found}"
            )
        self._refuse_unknown(y, found)
        return y

    def _refuse_unknown(self, y: Any, labels: NDArray[Any]) -> None:
        many = self._label_binarizer.y_type_.startswith("multilabel")
        if many != (y.ndim == 2):
            expected = f"(n, {len(self.classes_)}): one column for each label" if many else "(n,)"
            raise ValueError(f"`y` has shape {y.shape}; expected {expected}, as in the first fit.")
        if len(np.setdiff1d(labels, self.classes_, assume_unique=True)):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {labels}."
            )

    def _targets(self, y: Any, dtype: np.dtype[np.floating[Any]]) -> Labels | Floats:
        """Return the number of each sample's class, or 0 and 1 for each output."""
        if self._label_binarizer.y_type_ == "multiclass":
            labels: Labels = np.searchsorted(self.classes_, y).astype(np.intp)
            return labels
        targets: Floats = self._label_binarizer.transform(y).astype(dtype)
        return targets

    def _weights(self, X: Matrix, y: Any, sample_weight: Any, y_train: Any) -> Floats | None:
        """Return the weight of each sample, times that of its class; None if all are equal."""
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X)
        if self.class_weight is not None:
            of_class = weights_of_classes(self.class_weight, y, y_train)
            weights = of_class if weights is None else weights * of_class
        with np.errstate(over="ignore"):  # what is too large is refused with the sum
            return None if weights is None else np.asarray(weights, X.dtype)

    def _validation_samples(
        self, given: ForValidation | None, y_train: Any, dtype: np.dtype[np.floating[Any]]
    ) -> Samples | None:
        if given is None:
            return None
        X, y, sample_weight = given
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=dtype, reset=False
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self._refuse_unknown(y, unique_labels(y))
        weights = self._weights(X, y, sample_weight, y_train)
        return Samples(X, self._targets(y, dtype), weights).checked("validation samples")

    def _settings(self, n_samples: int, epochs: int) -> TrainingRecipe:
        if self.batch_size == "auto":
            batch_size = min(200, n_samples)
        else:
            if self.batch_size > n_samples:
                warnings.warn(
                    "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                    "clipped",
                    stacklevel=4,
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
            optimizer="adam" if self.solver == "adam" else "momentum",
            learning_rate=float(self.learning_rate_init),
            schedule=self.schedule or "constant",
            l2_lambda=float(self.alpha),
            clip_norm=None if self.clip is None else float(self.clip),
            **self._shared_options(),
        )

    def _shared_options(self) -> dict[str, Any]:
        """Return the options that have the same name in a recipe."""
        return {name: getattr(self, name) for name in SHARED_OPTIONS}

    def _new_optimizer(self) -> Stepper:
        parameters = self._network.parameters
        if self.solver == "adam":
            adam = EpsilonHatAdam(
                parameters, epsilon=self.epsilon, beta1=self.beta_1, beta2=self.beta_2
            )
            return Stepper(adam, self.learning_rate_init, "constant", self.power_t)
        sgd = Nesterov(parameters, beta=self.momentum, ahead=self.nesterovs_momentum)
        return Stepper(sgd, self.learning_rate_init, self.learning_rate, self.power_t)

    def _new_generator(self, random_state: np.random.RandomState) -> np.random.Generator:
        """Return the generator of dropout; without dropout, ``random_state`` is not used."""
        seed = random_state.randint(2**31) if np.any(self.dropout) else 0
        return np.random.default_rng(seed)

    # -- the network ------------------------------------------------------------------------------

    def _initialize(
        self,
        n_features: int,
        hidden: list[int],
        dtype: np.dtype[np.floating[Any]],
        random_state: np.random.RandomState,
    ) -> None:
        """Start from scratch: weights and biases as scikit-learn draws them, and an empty record.

        Glorot and Bengio 2010, equation 16, and for logistic units a third of that variance.
        """
        kind = self._label_binarizer.y_type_
        self.n_outputs_ = 1 if kind == "binary" else len(self.classes_)
        self.out_activation_ = "softmax" if kind == "multiclass" else "logistic"
        dims = [n_features, *hidden, self.n_outputs_]
        network = Network(self._architecture(dims), None, dtype)
        for dense in network.dense_layers:
            bound = np.sqrt(
                (2.0 if self.activation == "logistic" else 6.0) / sum(dense.weight.shape)
            )
            dense.weight[:] = random_state.uniform(-bound, bound, dense.weight.shape)
            dense.bias[:] = random_state.uniform(-bound, bound, dense.bias.shape)
        self._keep(network)
        self.n_layers_ = len(dims)
        self.n_iter_ = self.t_ = 0

    def _begin_record(self) -> None:
        """Start with an empty record of what the epochs measured; L-BFGS keeps none."""
        for name in RECORD:
            self.__dict__.pop(name, None)
        if self.solver in STOCHASTIC_SOLVERS:
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.best_loss_ = None if self.early_stopping else np.inf
            self.validation_scores_ = self.best_validation_score_ = None
            self.validation_loss_curve_ = None

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
            activations=[ACTIVATIONS[self.activation]] * n_hidden
            + ["softmax" if self.out_activation_ == "softmax" else "sigmoid"],
            keep_probs=[*keep_probs, 1.0],
            batch_norm=self.batch_norm,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags
