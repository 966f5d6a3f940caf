"""The network of a fitted estimator: kept in its attributes, and what predictions are made from."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from inknet.nn.architecture import Architecture
from inknet.nn.arrays import Floats
from inknet.nn.layers import BatchNorm
from inknet.nn.network import Network
from inknet.sklearn.parameters import ACTIVATIONS, OUTPUTS
from inknet.sklearn.rows import Matrix, Rows

NORM_PARTS = ("gamma", "beta", "running_mean", "running_var")


class FittedNetwork(BaseEstimator):
    """The part of an estimator that computes outputs; its attributes are described there.

    After a fit it reads no parameters: these may have been changed.
    """

    coefs_: list[Floats]
    intercepts_: list[Floats]
    norms_: list[dict[str, Floats]]
    activation_: str
    batch_norm_: str
    n_outputs_: int
    out_activation_: str

    def _keep(self, network: Network) -> None:
        """Make the fitted attributes views into this network."""
        self._network = network
        self.coefs_ = [dense.weight for dense in network.dense_layers]
        self.intercepts_ = [dense.bias for dense in network.dense_layers]
        self.norms_ = [
            {name: getattr(norm, name) for name in NORM_PARTS} for norm in norms_of(network)
        ]

    def _current_network(self) -> Network:
        """Return the network of the fitted attributes.

        They may be new arrays: set by the user, or just unpickled.
        """
        network: Network | None = self.__dict__.get("_network")
        if network is not None and self._is_in(network):
            return network
        n_hidden = len(self.coefs_) - 1
        activation, batch_norm = (
            # without a fit, all attributes were set by hand
            getattr(self, f"{name}_", getattr(self, name))
            for name in ("activation", "batch_norm")
        )
        architecture = Architecture(
            layer_dims=[len(self.coefs_[0]), *map(len, self.intercepts_)],
            activations=[ACTIVATIONS[activation]] * n_hidden + [OUTPUTS[self.out_activation_]],
            keep_probs=[1.0] * (n_hidden + 1),
            batch_norm=batch_norm,
        )
        network = Network(architecture, None, np.result_type(np.float32, self.coefs_[0].dtype))
        for dense, weight, bias in zip(
            network.dense_layers, self.coefs_, self.intercepts_, strict=True
        ):
            dense.weight[:], dense.bias[:] = weight, bias
        for norm, parts in zip(norms_of(network), getattr(self, "norms_", ()), strict=True):
            for name in NORM_PARTS:
                getattr(norm, name)[:] = parts[name]
        return network

    def _is_in(self, network: Network) -> bool:
        """Return whether the fitted attributes are the arrays of this network."""
        denses, norms = network.dense_layers, norms_of(network)
        if (len(denses), len(norms)) != (len(self.coefs_), len(self.norms_)):
            return False
        layers = zip(denses, self.coefs_, self.intercepts_, strict=True)
        return all(dense.weight is w and dense.bias is b for dense, w, b in layers) and all(
            getattr(norm, name) is parts[name]
            for norm, parts in zip(norms, self.norms_, strict=True)
            for name in NORM_PARTS
        )

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the network, whose arrays are in the fitted attributes."""
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("_network", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "coefs_" in state:
            self._keep(self._current_network())

    # -- inference --------------------------------------------------------------------------------

    def _logits(self, X: Matrix) -> Floats:
        """Return the logits, ``(n, n_outputs)``."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        network = self._current_network()
        rows = Rows(X.astype(network.dtype, copy=False), network.ops)
        return network.infer(rows.all(training=False))


def norms_of(network: Network) -> list[BatchNorm]:
    """Return the layers of batch normalization, in their order."""
    return [layer for layer in network.layers if isinstance(layer, BatchNorm)]


def with_architecture(network: Network, architecture: Architecture) -> Network:
    """Return a network with this architecture and the weights of another with the same widths.

    Batch normalization that is new starts with its initial values.
    """
    if network.architecture == architecture:
        return network
    changed = Network(architecture, None, network.dtype)
    for new, old in zip(changed.dense_layers, network.dense_layers, strict=True):
        new.weight[:], new.bias[:] = old.weight, old.bias
    for norm, other in zip(norms_of(changed), norms_of(network), strict=False):
        for name in NORM_PARTS:
            getattr(norm, name)[:] = getattr(other, name)
    return changed
