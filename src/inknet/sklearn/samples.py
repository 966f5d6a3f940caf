"""Samples with targets and weights, to learn from or to validate on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import train_test_split

from inknet.nn.arrays import Floats, Labels
from inknet.sklearn.rows import Matrix


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


def hold_back(
    samples: Samples, fraction: float, random_state: np.random.RandomState
) -> tuple[Samples, Samples]:
    """Return samples to learn from, and a fraction that is held back for validation."""
    targets = samples.targets
    # as scikit-learn does: only two classes are stratified
    stratify = targets.astype(bool) if targets.ndim == 2 and targets.shape[1] == 1 else None
    rows = train_test_split(
        np.arange(len(samples)), random_state=random_state, test_size=fraction, stratify=stratify
    )
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
    return train, validation
