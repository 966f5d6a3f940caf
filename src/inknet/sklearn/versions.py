"""Pickles of estimators: by which versions they were written, and whether these can read them."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import sklearn
from sklearn.exceptions import InconsistentVersionWarning

import inknet

BEFORE = "0.2.0 or earlier"
"""What wrote a pickle that does not say so."""


class OtherVersionWarning(InconsistentVersionWarning):
    """An estimator is unpickled by another version of inknet or scikit-learn than pickled it.

    A subclass of scikit-learn's warning, so that who makes an error of that one gets both.

    Attributes
    ----------
    estimator_name : str
    original_inknet_version, current_inknet_version : str
    original_sklearn_version, current_sklearn_version : str
    """

    def __init__(self, estimator_name: str, original: dict[str, str]) -> None:
        self.estimator_name = estimator_name
        self.original_inknet_version = original["_inknet_version"]
        self.original_sklearn_version = original["_sklearn_version"]
        self.current_inknet_version = inknet.__version__
        self.current_sklearn_version = sklearn.__version__

    def __str__(self) -> str:
        """Return one line with all versions."""
        return (
            f"{self.estimator_name} was pickled by inknet {self.original_inknet_version} with "
            f"scikit-learn {self.original_sklearn_version}, and is read by inknet "
            f"{self.current_inknet_version} with scikit-learn {self.current_sklearn_version}; it "
            "may not work, or give other answers. A file written by "
            "inknet.exchange.from_sklearn(estimator).save(path) can be read by later versions."
        )


def these_versions() -> dict[str, str]:
    """Return what a pickle says of the versions that wrote it."""
    return {"_inknet_version": inknet.__version__, "_sklearn_version": sklearn.__version__}


def taken_from(state: dict[str, Any]) -> dict[str, str]:
    """Remove what `these_versions` added to a pickled state, and return it."""
    return {name: str(state.pop(name, BEFORE)) for name in these_versions()}


def warn_of_others(estimator: object, versions: dict[str, str]) -> None:
    """Warn if a pickle was not written by these versions."""
    if versions != these_versions():
        warnings.warn(OtherVersionWarning(type(estimator).__name__, versions), stacklevel=3)


def with_new_parameters(estimator: object, state: dict[str, Any]) -> dict[str, Any]:
    """Return a state in which parameters that came after it was pickled have their defaults."""
    parameters = inspect.signature(type(estimator)).parameters.values()
    defaults = {one.name: one.default for one in parameters if one.default is not one.empty}
    return defaults | state
