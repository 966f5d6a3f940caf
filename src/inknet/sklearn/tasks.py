"""scikit-learn's own callbacks, from version 1.9 on: a fit is a task, an epoch a part of it."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from sklearn.base import BaseEstimator

from inknet.nn.arrays import Floats
from inknet.nn.network import Network
from inknet.sklearn.fitted import attributes_of


class NoCallbacks:
    """Without `set_callbacks`, in a version of scikit-learn that has no callbacks."""


CallbackSupport: Any = (
    import_module("sklearn.callback").CallbackSupportMixin
    if find_spec("sklearn.callback")
    else NoCallbacks
)
"""What gives an estimator `set_callbacks`."""

STOPPED = "stopped by a callback of scikit-learn"


class Tasks:
    """Tells the callbacks that were set by ``set_callbacks``; nothing is done without any.

    Parameters
    ----------
    estimator
        The estimator that is fitted.
    X, y, sample_weight
        As they were given to `fit`.
    n_epochs : int
        The most parts that the fit may have.
    """

    def __init__(
        self, estimator: BaseEstimator, X: Any, y: Any, sample_weight: Any, n_epochs: int
    ) -> None:
        self._estimator = estimator
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        self._given = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._fit: Any = None
        self._epoch: Any = None
        if getattr(estimator, "_skl_callbacks", None):
            self._fit = estimator._init_callback_context(max_subtasks=n_epochs)
            self._fit.call_on_fit_task_begin(**self._given)

    def begin_epoch(self) -> None:
        """Say that an epoch begins."""
        if self._fit is not None:
            self._epoch = self._fit.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(**self._given)

    def end_epoch(self, network: Network, best: tuple[Floats, Floats] | None) -> bool:
        """Say that it ended; return whether a callback wants to stop.

        ``best`` are the parameters and statistics that the network would get if it did.
        """
        if self._epoch is None:
            return False

        def fitted_now() -> dict[str, Any]:
            twin = Network(network.architecture, None, network.dtype)
            parameters, statistics = best or (network.parameters, network.statistics)
            twin.parameters[:], twin.statistics[:] = parameters, statistics
            return attributes_of(twin)

        return bool(
            self._epoch.call_on_fit_task_end(**self._given, reconstruction_attributes=fitted_now)
        )

    def end(self) -> None:
        """Say that the fit ended."""
        if self._fit is not None:
            self._fit.call_on_fit_task_end(**self._given, reconstruction_attributes={})
