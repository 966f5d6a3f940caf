"""Warnings that point at the line of the user that called an estimator."""

from __future__ import annotations

import sys
import warnings

INNER = {"inknet", "joblib", "sklearn"}
"""Packages whose lines say nothing to a user; a pipeline or a search calls estimators too."""


def warn_caller(message: str | Warning, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line outside of inknet and scikit-learn."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _package(frame.f_globals) in INNER:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _package(names: dict[str, object]) -> str:
    return str(names.get("__name__", "")).partition(".")[0]
