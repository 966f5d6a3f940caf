"""`MLPClassifier`: scikit-learn's estimator of that name, with inknet's network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels

from inknet.nn.activations import softmax
from inknet.nn.arrays import Floats, Labels
from inknet.recipes.options import StepOptions
from inknet.sklearn.parameters import (
    CONSTRAINTS,
    SHARED_OPTIONS,
    Activation,
    constraint_of,
    described,
)
from inknet.sklearn.perceptron import Perceptron, fits_by_steps
from inknet.sklearn.rows import Matrix
from inknet.sklearn.samples import given_for_validation, weights_of_classes

if TYPE_CHECKING:
    from inknet.training.callbacks import Callback


@described(SHARED_OPTIONS)
class MLPClassifier(ClassifierMixin, Perceptron):
    """A multi-layer perceptron with the parameters of ``sklearn.neural_network.MLPClassifier``.

    Parameters, attributes and methods with the same name mean the same. The parameters from
    ``dropout`` on are inknet's. docs/from-scikit-learn.md lists the few differences.

    Parameters
    ----------
    COMMON PARAMETERS
    class_weight : dict, list of dict, "balanced" or None, default=None
        How much the samples of each class count, as everywhere in scikit-learn; in training and
        in validation. ``"balanced"`` counts the classes of the training samples.
    doctor : bool, default=False
        Whether `fit` looks for what is wrong with the training, and warns of it; see
        `inknet.doctor`. It then measures loss and accuracy after each epoch; not with ``lbfgs``.
    SHARED OPTIONS

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    out_activation_ : {"softmax", "logistic"}
        The activation of the last layer: logistic for two classes, and for several labels.
    findings_ : list of Finding
        What the doctor said of the last `fit`, the worst first; only with ``doctor``.
    COMMON ATTRIBUTES
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **CONSTRAINTS,
        **{name: constraint_of(field) for name, field in SHARED_OPTIONS.items()},
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "doctor": ["boolean"],
    }
    _shared = SHARED_OPTIONS

    _label_binarizer: LabelBinarizer

    def __init__(
        self,
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
        class_weight: dict[Any, float] | list[dict[Any, float]] | Literal["balanced"] | None = None,
        doctor: bool = False,
        **options: Unpack[StepOptions],
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
        validation_data: tuple[Any, ...] | None = None,
        groups: ArrayLike | None = None,
    ) -> MLPClassifier:
        """Learn from labelled samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,), or (n_samples, n_labels) of 0 and 1
            Labels of any kind; or for each label whether a sample has it.
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
        validation_data : (X, y) or (X, y, sample_weight), optional
            Deprecated: no pipeline can transform it. Use ``X_val``, ``y_val`` and
            ``sample_weight_val``.
        groups : array-like of shape (n_samples,), optional
            The group of each sample, such as the person whom it is of. With ``early_stopping``,
            whole groups are held back to validate on; without it, they are not used. To get them
            through a pipeline or a search, route them with ``set_fit_request(groups=True)``.

        Returns
        -------
        self : MLPClassifier
            Fitted.

        Raises
        ------
        ValueError
            If a parameter, the samples or their labels are not as described.
        """
        validation = given_for_validation(X_val, y_val, sample_weight_val, validation_data, groups)
        return self._fit(X, y, sample_weight, validation, incremental=False, groups=groups)

    @available_if(fits_by_steps)
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
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,), or (n_samples, n_labels) of 0 and 1
            Labels; or for each label whether a sample has it.
        sample_weight : array-like of shape (n_samples,), optional
            How much each sample counts.
        classes : array-like of shape (n_classes,)
            All labels that will occur; needed in the first call.

        Returns
        -------
        self : MLPClassifier
            Fitted for one more epoch.

        Raises
        ------
        ValueError
            As for `fit`; or if a parameter needs all samples or all epochs.
        """
        self._check_partial_fit()
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit: it needs all samples. "
                "Pass the weights as a dict"
            )
        if _check_partial_fit_first_call(self, classes):
            many = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if many else classes)
        return self._fit(X, y, sample_weight, None, incremental=True)

    # -- labels -----------------------------------------------------------------------------------

    def _checked_targets(self, y: Any, incremental: bool) -> Any:
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

    def _check_validation_targets(self, y: Any) -> None:
        self._refuse_unknown(y, unique_labels(y))

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

    def _answers(self, targets: Labels | Floats) -> NDArray[Any]:
        if targets.ndim == 1:
            return np.asarray(self.classes_[targets])
        rows = targets.ravel() if targets.shape[1] == 1 else targets
        return np.asarray(self._label_binarizer.inverse_transform(rows))

    def _weights(self, X: Matrix, y: Any, sample_weight: Any, y_train: Any) -> Floats | None:
        """Return the weight of each sample, times that of its class; None if all are equal."""
        weights = super()._weights(X, y, sample_weight, y_train)
        if self.class_weight is None:
            return weights
        of_class = weights_of_classes(self.class_weight, y, y_train)
        with np.errstate(over="ignore"):  # what is too large is refused with the sum
            weights = of_class if weights is None else weights * of_class
            return np.asarray(weights, X.dtype)

    def _outputs(self, y: Any) -> tuple[int, str]:
        kind = self._label_binarizer.y_type_
        n_outputs = 1 if kind == "binary" else len(self.classes_)
        return n_outputs, "softmax" if kind == "multiclass" else "logistic"

    # -- inference --------------------------------------------------------------------------------

    @np.errstate(under="ignore")  # what is too small for a number counts as 0
    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return the label of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_labels) of 0 and 1
            Labels of `classes_`.
        """
        scores = self._logits(X)
        if self.out_activation_ == "logistic":
            scores = expit(scores)
        labels: NDArray[Any] = self._label_binarizer.inverse_transform(
            scores.ravel() if self.n_outputs_ == 1 else scores
        )
        return labels

    @np.errstate(under="ignore")
    def predict_proba(self, X: Matrix) -> Floats:
        """Return the probability of each class, in the order of `classes_`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            From 0 to 1; each row sums to 1, except for samples with several labels.
        """
        logits = self._logits(X)
        if self.out_activation_ == "softmax":
            softmax(logits, logits)
            return logits
        if self.n_outputs_ == 1:  # not 1 - p, which is 0 where p is almost 1
            logits = np.hstack([-logits, logits])
        probabilities: Floats = expit(logits)
        return probabilities

    def predict_log_proba(self, X: Matrix) -> Floats:
        """Return the logarithms of `predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Minus infinity where the probability is 0.
        """
        probabilities = self.predict_proba(X)
        with np.errstate(divide="ignore", under="ignore"):
            return np.log(probabilities, out=probabilities)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
