"""Samples with targets and weights, to learn from or to validate on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split
from sklearn.utils import compute_sample_weight

from inknet.groups.dividing import divide, numbered_groups
from inknet.nn.arrays import Floats, Labels
from inknet.sklearn.calling import warn_caller
from inknet.sklearn.rows import Matrix

MOST_OUTSIDE = 0.25
"""How many more validation features than is to be expected may be out of the training range."""


@dataclass
class Samples:
    """Samples to learn from, or to validate on.

    Attributes
    ----------
    features : (n, d)
    targets : (n,) of classes; or (n, n_outputs) of 0 and 1
    sample_weight : (n,) or None
        How much each sample counts.
    """

    features: Matrix
    targets: Labels | Floats
    sample_weight: Floats | None = None

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.targets)

    @property
    def total_weight(self) -> float:
        """The sum of the sample weights; their number if there are none."""
        return len(self) if self.sample_weight is None else float(self.sample_weight.sum())

    def checked(self, name: str = "samples") -> Samples:
        """Return these samples; raise `ValueError` if their weights leave nothing."""
        with np.errstate(over="ignore"):
            total = self.total_weight
        if not 0 < total < np.inf:
            raise ValueError(
                f"The weights of the {name} sum to {total:g}; expected a finite sum above 0."
            )
        return self


def weights_of_classes(class_weight: Any, y: Any, y_train: Any) -> Floats:
    """Return the weight of each sample by its class; for "balanced", as often as in ``y_train``."""
    both = np.concatenate(
        [labels.toarray() if issparse(labels) else labels for labels in (y_train, y)]
    )
    n_train = y_train.shape[0]
    counted = np.arange(n_train) if isinstance(class_weight, str) else None
    weights: Floats = compute_sample_weight(class_weight, both, indices=counted)[n_train:]
    return weights


class ForValidation(NamedTuple):
    """What a user gives to validate on, not yet checked."""

    X: Matrix
    y: Any
    sample_weight: Any


def given_for_validation(
    X_val: Matrix | None, y_val: Any, sample_weight_val: Any, validation_data: Any, groups: Any
) -> ForValidation | None:
    """Return the validation samples of `MLPClassifier.fit`; refuse a part of them alone."""
    if groups is not None and not (X_val is None and validation_data is None):
        raise ValueError(
            "groups decide what is held back, and X_val is given to validate on; pass one of them."
        )
    if validation_data is None:
        if X_val is None and y_val is None:
            if sample_weight_val is not None:
                raise ValueError("sample_weight_val is provided, but X_val and y_val were not.")
            return None
        for name, value, other in (("X_val", X_val, "y_val"), ("y_val", y_val, "X_val")):
            if value is None:
                raise ValueError(f"{other} is provided, but {name} was not provided.")
        return ForValidation(X_val, y_val, sample_weight_val)
    if not (X_val is None and y_val is None and sample_weight_val is None):
        raise ValueError("validation_data and X_val, y_val are the same; pass one of them.")
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
        raise ValueError("validation_data must be (X, y) or (X, y, sample_weight).")
    warn_caller(
        "validation_data is deprecated: in a pipeline, the steps before do not transform it. Pass "
        "X_val, y_val and sample_weight_val, and make the pipeline with "
        'transform_input=["X_val"].',
        FutureWarning,
    )
    X, y, *rest = validation_data
    return ForValidation(X, y, rest[0] if rest else None)


def warn_of_another_scale(train: Samples, validation: Samples) -> None:
    """Warn if many validation features lie outside of the range of the training features.

    Of samples from the same distribution, ``2 / (n + 1)`` are to be expected, n the number of
    training samples.
    """
    if issparse(train.features) or issparse(validation.features):
        return
    low, high = train.features.min(axis=0), train.features.max(axis=0)
    outside = ((validation.features < low) | (validation.features > high)).mean()
    if outside > MOST_OUTSIDE + 2 / (len(train) + 1):
        warn_caller(
            f"{outside:.0%} of the validation features lie outside of the range of the training "
            'features. A pipeline transforms X_val only with transform_input=["X_val"].'
        )


def hold_back(
    samples: Samples,
    fraction: float,
    random_state: np.random.RandomState,
    *,
    stratified: bool = True,
    groups: ArrayLike | None = None,
) -> tuple[Samples, Samples]:
    """Return samples to learn from, and a fraction that is held back for validation.

    If ``stratified``, both have as many of each of two classes, as in scikit-learn. With groups,
    the samples of each stay together, and with ``stratified`` any classes are balanced.
    """
    targets, numbers = samples.targets, np.arange(len(samples))
    are_two = stratified and targets.ndim == 2 and targets.shape[1] == 1
    stratify = targets.astype(bool) if are_two else None
    if groups is None:
        rows = train_test_split(
            numbers, random_state=random_state, test_size=fraction, stratify=stratify
        )
    else:
        codes = numbered_groups(groups, len(samples), "groups")
        are_labels = stratified and targets.ndim == 1
        labels = stratify.ravel().astype(np.intp) if stratify is not None else None
        labels = targets.astype(np.intp) if are_labels else labels
        part = divide(codes, labels, [1 - fraction, fraction], random_state, "groups")
        rows = [numbers[part == 0], numbers[part == 1]]
    if len(rows[1]) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    sample_weight = samples.sample_weight
    features = samples.features.tocsr() if hasattr(samples.features, "tocsr") else samples.features
    train, validation = (
        Samples(
            features[part], targets[part], None if sample_weight is None else sample_weight[part]
        )
        for part in rows
    )
    return train.checked(), validation.checked("validation samples")
