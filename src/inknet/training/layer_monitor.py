"""A callback that watches the layers: the norms of their gradients, and their active neurons."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from inknet.training.callbacks import Callback
from inknet.training.weights import unfit

if TYPE_CHECKING:
    from inknet.nn.arrays import Floats
    from inknet.training.session import Session


class LayerMonitor(Callback):
    """Samples gradient norms and active neurons of each layer, every tenth step.

    A tenth of the steps is enough for the mean, at a tenth of the cost. The first step of an epoch
    is always among them, so every epoch has a mean.
    """

    name = "layer monitor"
    INTERVAL = 10

    def __init__(self) -> None:
        self._norms: list[list[float]] = []
        self._active: list[list[float]] = []

    def on_train_begin(self, trainer: Session) -> None:
        """If the training resumes, refuse samples of another number of layers."""
        network = trainer.network
        for samples, layers in (
            (self._norms, network.dense_layers),
            (self._active, network.activation_layers),
        ):
            if samples and len(samples[0]) != len(layers):
                raise unfit(f"samples of {len(samples[0])} layers; expected {len(layers)}")

    def on_rollback(self, trainer: Session, problem: str) -> None:
        """Check the samples again: those of the beginning of the epoch are from the checkpoint."""
        self.on_train_begin(trainer)

    def on_gradients(self, trainer: Session) -> None:
        """Take a sample."""
        if trainer.step % self.INTERVAL == 0 or not self._norms:
            layers = trainer.network.dense_layers
            self._norms.append([_norm(d.weight_gradient, d.bias_gradient) for d in layers])
            self._active.append(
                [layer.active_fraction() for layer in trainer.network.activation_layers]
            )

    def state(self) -> tuple[dict[str, Floats], dict[str, Any]]:
        """Return the samples of the epoch so far."""
        return {}, {"norms": self._norms, "active": self._active}

    def restore(self, arrays: dict[str, Floats], values: dict[str, Any]) -> None:
        """Continue with these samples."""
        norms, active = values["norms"], values["active"]
        if not (_is_matrix(norms) and _is_matrix(active) and len(norms) == len(active)):
            raise ValueError("the samples of the layers are not rows of numbers")
        self._norms, self._active = norms, active

    def measurements(self, trainer: Session) -> Mapping[str, Any]:
        """Return the means of the epoch's samples, and forget the samples."""
        if not self._norms:
            return {}
        means = {
            "gradient_norms": tuple(np.mean(self._norms, axis=0).tolist()),
            "active_fractions": tuple(np.mean(self._active, axis=0).tolist()),
        }
        self._norms, self._active = [], []
        return means


def _norm(*arrays: Floats) -> float:
    """Return the Euclidean norm of all the arrays' elements together."""
    return sqrt(sum(float(np.dot(flat, flat)) for flat in (array.ravel() for array in arrays)))


def _is_matrix(rows: object) -> bool:
    """Whether a value from a file is a list of lists of numbers, all of one length."""
    return (
        isinstance(rows, list)
        and all(isinstance(row, list) and len(row) == len(rows[0]) for row in rows)
        and all(type(value) is float for row in rows for value in row)
    )
