"""How far confidence can be trusted: whether 90 of 100 answers at 90 % are right.

The confidence of an answer is the probability of the class that is answered. Answers are sorted by
it into 15 bins of equal width. The expected calibration error is the difference between the mean
confidence and the accuracy of a bin, averaged over all answers:
Naeini, Cooper & Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI
2015; with 15 bins as in Guo, Pleiss, Sun & Weinberger, "On calibration of modern neural networks",
ICML 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

N_BINS = 15


@dataclass(frozen=True, eq=False)
class Reliability:
    """Confidence and accuracy of the answers in each bin, see this module.

    Attributes
    ----------
    counts : (15,) int64
        How many answers have a confidence above ``i / 15`` and up to ``(i + 1) / 15``.
    confidence : (15,) float64
        Their mean confidence, 0 to 1; 0 where there is none.
    accuracy : (15,) float64
        The fraction of them that is right; 0 where there is none.
    """

    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def error(self) -> float:
        """The expected calibration error, 0 to 1."""
        differences = np.abs(self.accuracy - self.confidence)
        return float((self.counts * differences).sum() / self.counts.sum())


@dataclass(frozen=True, eq=False)
class Calibration:
    """What the temperature of a model does for its confidence.

    Attributes
    ----------
    temperature : float
        What the model divides its logits by.
    before, after : Reliability
        Without it, and with it.
    """

    temperature: float
    before: Reliability
    after: Reliability

    def to_dict(self) -> dict[str, Any]:
        """Return the figures, ready for JSON.

        Returns
        -------
        dict
            ``temperature``, ``bins``, and the expected calibration errors ``ece_before`` and
            ``ece``, 0 to 1.
        """
        return {
            "temperature": self.temperature,
            "bins": N_BINS,
            "ece_before": self.before.error,
            "ece": self.after.error,
        }

    def __str__(self) -> str:
        text = f"expected calibration error {self.after.error:.2%}"
        if self.temperature == 1:
            return text
        return f"{text} at temperature {self.temperature:.3f}, {self.before.error:.2%} without"


def calibration(
    logits: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]], temperature: float
) -> Calibration:
    """Measure how far the confidence of ``softmax(logits / temperature)`` can be trusted.

    Parameters
    ----------
    logits : (n, n_classes)
        The outputs of a network; the logarithms of probabilities are valid too.
    labels : (n,) integer
        The true classes.
    temperature
        From `inknet.MLP.calibrate`; 1 changes nothing.
    """
    is_right = logits.argmax(axis=1) == labels
    below = logits.astype(np.float64)
    below -= below.max(axis=1, keepdims=True)
    before = reliability(_confidence(below, 1.0), is_right)
    after = before if temperature == 1 else reliability(_confidence(below, temperature), is_right)
    return Calibration(temperature, before, after)


def reliability(confidence: NDArray[np.floating[Any]], is_right: NDArray[np.bool_]) -> Reliability:
    """Sort answers into bins by their confidence ``(n,)``; ``is_right`` ``(n,)`` says which are."""
    bins = np.clip(np.ceil(confidence * N_BINS).astype(np.intp) - 1, 0, N_BINS - 1)
    counts = np.bincount(bins, minlength=N_BINS)
    means = [
        np.bincount(bins, values, N_BINS) / np.maximum(counts, 1)
        for values in (confidence, is_right)
    ]
    return Reliability(counts.astype(np.int64, copy=False), *means)


@np.errstate(under="ignore")
def _confidence(below: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return the largest probability of each row, of logits whose largest is 0."""
    confidence: NDArray[np.float64] = 1 / np.exp(below / temperature).sum(axis=1)
    return confidence
