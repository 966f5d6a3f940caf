"""How good a classifier is: accuracy, the confusion matrix, and figures for each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.errors import InputError


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model's predictions compared with the true classes.

    Attributes
    ----------
    confusion : (n_classes, n_classes) int64
        How often class ``row`` was predicted as class ``column``.
    loss : float
        Mean cross-entropy, without label smoothing and L2.
    class_names : tuple of str
        The names of the classes.
    """

    confusion: NDArray[np.int64]
    loss: float
    class_names: tuple[str, ...]

    @property
    def n_samples(self) -> int:
        """How many samples were evaluated."""
        return int(self.confusion.sum())

    @property
    def n_errors(self) -> int:
        """How many of them were predicted wrongly."""
        return self.n_samples - int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """Fraction of correct predictions, 0 to 1."""
        return int(np.trace(self.confusion)) / self.n_samples

    @property
    def support(self) -> NDArray[np.int64]:
        """How many samples of each class there are, ``(n_classes,)``."""
        support: NDArray[np.int64] = self.confusion.sum(axis=1)
        return support

    @property
    def precision(self) -> NDArray[np.float64]:
        """Of the predictions of class c, the fraction that was correct; 0 where there were none."""
        return _ratio(np.diag(self.confusion), self.confusion.sum(axis=0))

    @property
    def recall(self) -> NDArray[np.float64]:
        """Of the samples of class c, the fraction that was found; 0 where there were none."""
        return _ratio(np.diag(self.confusion), self.support)

    @property
    def f1(self) -> NDArray[np.float64]:
        """The harmonic mean of precision and recall of each class, ``(n_classes,)``."""
        return _ratio(2 * np.diag(self.confusion), self.confusion.sum(axis=0) + self.support)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values, ready for JSON."""
        figures = zip(
            self.class_names, self.precision, self.recall, self.f1, self.support, strict=True
        )
        return {
            "accuracy": self.accuracy,
            "loss": self.loss,
            "samples": self.n_samples,
            "errors": self.n_errors,
            "classes": {
                name: {
                    "precision": float(precision),
                    "recall": float(recall),
                    "f1": float(f1),
                    "support": int(support),
                }
                for name, precision, recall, f1, support in figures
            },
            "confusion_matrix": self.confusion.tolist(),
        }


@np.errstate(under="ignore")  # a small loss is 0, even where NumPy is set to raise
def evaluate(
    logits: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    class_names: tuple[str, ...],
) -> Evaluation:
    """Compare a model's predictions with the true classes.

    Parameters
    ----------
    logits : (n, n_classes) floating
        The input of softmax; the logarithms of probabilities are valid too.
    labels : (n,) integer
        The true classes.
    class_names
        The name of each class.

    Raises
    ------
    InputError
        If a label is no class, or the three do not fit together.
    """
    n_classes = len(class_names)
    fits = labels.ndim == 1 and logits.shape == (len(labels), n_classes)
    if not fits or labels.dtype.kind not in "iu":
        raise InputError(
            f"the labels are {labels.dtype} of shape {labels.shape}, the outputs of shape "
            f"{logits.shape}; expected whole numbers (n,), and (n, {n_classes})"
        )
    if len(labels) == 0 or labels.min() < 0 or labels.max() >= n_classes:
        found = f"from {labels.min()} to {labels.max()}" if len(labels) else "none"
        raise InputError(f"the labels are {found}; expected classes from 0 to {n_classes - 1}")
    predicted = logits.argmax(axis=1)
    # Labels may be stored as uint8, which cannot number the cells of 17 classes.
    cells = labels.astype(np.intp) * n_classes + predicted
    confusion = np.bincount(cells, minlength=n_classes**2)
    # Not from probabilities: a small one, rounded to 0, would have an infinite logarithm.
    wide = logits.astype(np.float64)
    losses = np.logaddexp.reduce(wide, axis=1) - wide[np.arange(len(labels)), labels]
    return Evaluation(
        confusion.reshape(n_classes, n_classes).astype(np.int64), float(losses.mean()), class_names
    )


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide element by element; 0 where the whole is 0, as scikit-learn's zero_division=0."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
