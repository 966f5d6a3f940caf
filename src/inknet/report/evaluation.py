"""How good a classifier is: accuracy, the confusion matrix, and figures for each class."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.errors import InputError
from inknet.report.calibration import Calibration, calibration
from inknet.report.tables import evaluation_html

MOST_CLASSES = 10_000
"""The confusion matrix of these has a hundred million numbers."""


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
    calibration : Calibration or None
        How far its confidence can be trusted, if that was measured.
    """

    confusion: NDArray[np.int64]
    loss: float
    class_names: tuple[str, ...]
    calibration: Calibration | None = None

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
        """Of the predictions of each class, the fraction that was correct, ``(n_classes,)``.

        From 0 to 1; 0 where there were none.
        """
        return _ratio(np.diag(self.confusion), self.confusion.sum(axis=0))

    @property
    def recall(self) -> NDArray[np.float64]:
        """Of the samples of each class, the fraction that was found, ``(n_classes,)``.

        From 0 to 1; 0 where there were none.
        """
        return _ratio(np.diag(self.confusion), self.support)

    @property
    def f1(self) -> NDArray[np.float64]:
        """The harmonic mean of precision and recall of each class, ``(n_classes,)``."""
        return _ratio(2 * np.diag(self.confusion), self.confusion.sum(axis=0) + self.support)

    def figures_of_classes(self) -> dict[str, dict[str, float]]:
        """Return the figures of each class.

        Returns
        -------
        dict of dict
            ``precision``, ``recall``, ``f1`` (0 to 1) and ``support`` by the name of the class.
        """
        figures = zip(
            self.class_names, self.precision, self.recall, self.f1, self.support, strict=True
        )
        return {
            name: {
                "precision": float(precision),
                "recall": float(recall),
                "f1": float(f1),
                "support": int(support),
            }
            for name, precision, recall, f1, support in figures
        }

    def _repr_html_(self) -> str:
        return evaluation_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the calibration, ready for JSON.

        Returns
        -------
        dict
            ``accuracy``, ``loss``, ``samples``, ``errors``, ``classes`` and ``confusion_matrix``.
        """
        return {
            "accuracy": self.accuracy,
            "loss": self.loss,
            "samples": self.n_samples,
            "errors": self.n_errors,
            "classes": self.figures_of_classes(),
            "confusion_matrix": self.confusion.tolist(),
        }


def json_text(value: Any, indent: str = "", ensure_ascii: bool = True) -> str:
    """Return plain Python values as JSON, a line for each, but for each row of numbers only one.

    A confusion matrix of thousands of classes has millions of numbers.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    inner = indent + "  "
    plain = partial(json.dumps, ensure_ascii=ensure_ascii, allow_nan=False)
    if isinstance(value, dict) and value:
        items = [
            f"{plain(key)}: {json_text(item, inner, ensure_ascii)}" for key, item in value.items()
        ]
    elif isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        items = [json_text(item, inner, ensure_ascii) for item in value]
    else:
        return plain(value)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    lines = f",\n{inner}".join(items)
    return f"{opening}\n{inner}{lines}\n{indent}{closing}"


@np.errstate(under="ignore")  # a small loss is 0, even where NumPy is set to raise
def evaluate(
    logits: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    class_names: tuple[str, ...],
    temperature: float = 1.0,
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
    temperature
        What the model divides its logits by; it changes the calibration alone.

    Raises
    ------
    InputError
        If a label is no class, there are more than 10,000 classes, or the three do not fit
        together.
    """
    n_classes = len(class_names)
    if n_classes > MOST_CLASSES:
        raise InputError(f"{n_classes:,} classes; expected at most {MOST_CLASSES:,} to evaluate")
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
    confusion = np.bincount(cells, minlength=n_classes**2).astype(np.int64, copy=False)
    # Not from probabilities: a small one, rounded to 0, would have an infinite logarithm.
    wide = logits.astype(np.float64)
    losses = np.logaddexp.reduce(wide, axis=1) - wide[np.arange(len(labels)), labels]
    return Evaluation(
        confusion.reshape(n_classes, n_classes),
        float(losses.mean()),
        class_names,
        calibration(wide, labels, temperature),
    )


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide element by element; 0 where the whole is 0, as scikit-learn's zero_division=0."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
