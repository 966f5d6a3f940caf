"""The network of a fitted estimator: kept in its attributes, and what predictions are made from."""

from __future__ import annotations

from operator import getitem, is_
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

import inknet
from inknet.nn.architecture import Architecture
from inknet.nn.arrays import Floats
from inknet.nn.layers import Affine, BatchNorm, Operation, Scaling
from inknet.nn.network import Network
from inknet.sklearn.parameters import ACTIVATIONS, OUTPUTS, for_each_layer
from inknet.sklearn.rows import Matrix
from inknet.sklearn.versions import taken_from, these_versions, warn_of_others, with_new_parameters

AT_ONCE, SPARSE_AT_ONCE = 1024, 2048
"""Rows that go through the network together: what is between the layers stays in the cache.

More of a sparse matrix, of which it takes some time to take a part."""
IN_PLACE = ("identity", "relu", "sigmoid", "tanh")
"""Activations that may be written over their input: new memory takes longer than they do."""
NORM_PARTS = ("gamma", "beta", "running_mean", "running_var")


class FittedNetwork(BaseEstimator):
    """The part of an estimator that computes outputs; its attributes are described there.

    After a fit it reads no parameters: these may have been changed.
    """

    coefs_: list[Floats]
    intercepts_: list[Floats]
    norms_: list[dict[str, Floats]]
    activation_: str | list[str]
    batch_norm_: str
    n_outputs_: int
    out_activation_: str

    def _keep(self, network: Network) -> None:
        """Make the fitted attributes views into this network."""
        self._network = network
        self.__dict__.update(attributes_of(network))
        norms = [values for parts in self.norms_ for values in parts.values()]
        self._views = [*self.coefs_, *self.intercepts_, *norms]

    def _current_network(self) -> Network:
        """Return the network of the fitted attributes.

        They may be new arrays: set by the user, or just unpickled.
        """
        network: Network | None = self.__dict__.get("_network")
        if network is not None and self._is_current():
            return network
        n_hidden = len(self.coefs_) - 1
        activation, batch_norm = (
            # without a fit, all attributes were set by hand
            getattr(self, f"{name}_", getattr(self, name))
            for name in ("activation", "batch_norm")
        )
        architecture = Architecture(
            layer_dims=[len(self.coefs_[0]), *map(len, self.intercepts_)],
            activations=[
                *(ACTIVATIONS[name] for name in for_each_layer(activation, n_hidden)),
                OUTPUTS[self.out_activation_],
            ],
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

    def _is_current(self) -> bool:
        """Return whether the fitted attributes are the arrays of the network that was kept."""
        norms = [parts[name] for parts in self.norms_ for name in NORM_PARTS]
        now, kept = [*self.coefs_, *self.intercepts_, *norms], self._views
        return len(now) == len(kept) and all(map(is_, now, kept))

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the network, whose arrays are in the fitted attributes."""
        state: dict[str, Any] = dict(super().__getstate__())
        for name in ("_network", "_views"):
            state.pop(name, None)
        return state | these_versions()

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        versions = taken_from(state)
        warn_of_others(self, versions)
        super().__setstate__(with_new_parameters(self, state))
        if "coefs_" in state:
            try:
                self._keep(self._current_network())
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"this {type(self).__name__}, which inknet {versions['_inknet_version']} "
                    f"pickled, cannot be read by inknet {inknet.__version__}: {error}"
                ) from error

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there are weights; scikit-learn looks through all names otherwise."""
        return "coefs_" in self.__dict__

    # -- inference --------------------------------------------------------------------------------

    def _logits(self, X: Matrix) -> Floats:
        """Return the logits, ``(n, n_outputs)``."""
        check_is_fitted(self)
        return self._computed(X, -1)

    def _computed(self, X: Matrix, layer: int) -> Floats:
        """Return what a dense layer and those before it compute in use, ``(n, width)``.

        Its activation is left out if it is the last layer, -1; it is in for the one before, -2.
        """
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        network = self._current_network()
        layers = network.layers[: len(network.layers) + layer + 1]
        operations = [one for layer in layers for one in layer.in_use()]
        n_rows = X.shape[0]
        part, at_once = (_rows_of_sparse, SPARSE_AT_ONCE) if issparse(X) else (getitem, AT_ONCE)
        if n_rows <= at_once:
            return _applied(operations, X, network.dtype)
        X = X.tocsr() if issparse(X) else X
        outputs = np.empty((n_rows, network.architecture.layer_dims[layer]), network.dtype)
        for start in range(0, n_rows, at_once):
            rows = slice(start, start + at_once)
            outputs[rows] = _applied(operations, part(X, rows), network.dtype)
        return outputs


def _applied(operations: list[Operation], x: Matrix, dtype: np.dtype[np.floating[Any]]) -> Floats:
    """Return what layers compute in use, given rows ``(n, d)`` of any type, dense or sparse."""
    if x.dtype != dtype:
        x = x.astype(dtype)
    for operation in operations:
        if isinstance(operation, Affine):
            x = x @ operation.weight  # a new array, so the rest may be done in place
            x += operation.bias
        elif isinstance(operation, Scaling):
            x *= operation.scale
            x += operation.shift
        elif operation.name in IN_PLACE:
            operation.value(x, x)
        else:
            x = operation(x)
    result: Floats = x
    return result


def _rows_of_sparse(X: Any, rows: slice) -> Any:
    """Return some rows of a CSR matrix that share its values, where SciPy would copy them."""
    starts = X.indptr[rows.start : rows.stop + 1]
    values = slice(starts[0], starts[-1])
    part = type(X)((len(starts) - 1, X.shape[1]), dtype=X.dtype)
    # set, not passed: what is passed is copied if it is less than half of a larger array
    part.data, part.indices, part.indptr = X.data[values], X.indices[values], starts - starts[0]
    return part


def attributes_of(network: Network) -> dict[str, Any]:
    """Return the fitted attributes whose arrays are views into a network."""
    return {
        "coefs_": [dense.weight for dense in network.dense_layers],
        "intercepts_": [dense.bias for dense in network.dense_layers],
        "norms_": [
            {name: getattr(norm, name) for name in NORM_PARTS} for norm in norms_of(network)
        ],
    }


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
