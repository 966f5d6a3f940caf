"""Loss and score of a network on samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring, r2_score

from inknet.nn.network import Network
from inknet.sklearn.rows import Rows
from inknet.sklearn.samples import Samples

MEASURED_AT_ONCE = 1024


@np.errstate(under="ignore")
def measure(network: Network, samples: Samples, rows: Rows) -> tuple[float, float]:
    """Return mean loss and score in inference mode, with sample weights.

    The score of classes is the accuracy; with several labels, a sample is right if all of its
    labels are right. That of numbers is R², as scikit-learn's ``r2_score`` has it.
    """
    if network.architecture.activations[-1] in ("identity", "exp"):
        return _measure_numbers(network, samples, rows)
    loss = right = 0.0
    starts = range(0, len(samples), MEASURED_AT_ONCE)
    batches = rows.batches(np.arange(len(samples)), MEASURED_AT_ONCE, training=False)
    for start, batch in zip(starts, batches, strict=True):
        part = slice(start, start + MEASURED_AT_ONCE)
        targets = samples.targets[part]
        sample_weight = None if samples.sample_weight is None else samples.sample_weight[part]
        n = len(targets) if sample_weight is None else float(sample_weight.sum())
        if n <= 0:
            continue
        logits = network.infer(batch)
        if targets.ndim == 1:
            hits = logits.argmax(axis=1) == targets
        else:
            hits = ((logits > 0) == (targets > 0)).all(axis=1)
        hits &= np.isfinite(logits).all(axis=1)
        right += float(hits.sum() if sample_weight is None else sample_weight @ hits)
        gradient = np.empty_like(logits)
        loss += n * network.loss(logits, targets, gradient, sample_weight=sample_weight)
    return loss / samples.total_weight, right / samples.total_weight


def _measure_numbers(network: Network, samples: Samples, rows: Rows) -> tuple[float, float]:
    outputs = np.empty(np.shape(samples.targets), network.dtype)
    starts = range(0, len(samples), MEASURED_AT_ONCE)
    batches = rows.batches(np.arange(len(samples)), MEASURED_AT_ONCE, training=False)
    for start, batch in zip(starts, batches, strict=True):
        outputs[start : start + MEASURED_AT_ONCE] = network.infer(batch)
    weight = samples.sample_weight
    loss = network.loss(outputs, samples.targets, np.empty_like(outputs), sample_weight=weight)
    numbers = np.exp(outputs) if network.architecture.activations[-1] == "exp" else outputs
    if not np.isfinite(numbers).all():
        return loss, np.nan
    score = float(r2_score(samples.targets, numbers, sample_weight=weight))
    return loss / outputs_of_loss(network), score


def score(
    estimator: BaseEstimator,
    answers: Callable[[Any], NDArray[Any]],
    samples: Samples,
    loss: float,
    own: float,
) -> float:
    """Return by what an estimator that is being fitted judges its network.

    Parameters
    ----------
    estimator
        Its parameter ``scoring`` decides.
    answers
        Returns the labels or numbers that targets stand for.
    samples
        Samples for validation.
    loss, own
        What `measure` returned of them.
    """
    if estimator.scoring is None:
        return own
    if isinstance(estimator.scoring, str) and estimator.scoring == "loss":
        return -loss
    if not np.isfinite([loss, own]).all():  # scorers refuse predictions that are not finite
        return np.nan
    # a twin that was given no names of columns, since the samples have none any more
    seen = object.__new__(type(estimator))
    seen.__dict__ = {k: v for k, v in vars(estimator).items() if k != "feature_names_in_"}
    weights = {} if samples.sample_weight is None else {"sample_weight": samples.sample_weight}
    scorer = check_scoring(estimator, estimator.scoring)
    return float(scorer(seen, samples.features, answers(samples.targets), **weights))


def outputs_of_loss(network: Network) -> int:
    """Return by how many outputs scikit-learn divides the loss that it reports.

    Of squared errors that is their number, and of all other losses none: but the gradient is that
    of the sum in any case.
    """
    architecture = network.architecture
    return architecture.layer_dims[-1] if architecture.activations[-1] == "identity" else 1
