"""Prediction of one sample, or of many, as fast as possible.

A network is simpler at inference than in training. Batch normalization multiplies and adds fixed
numbers, which can be folded into the weights and biases next to it; dropout does nothing. Only
products and activations are left.
"""

import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inknet.errors import InputError, InputWarning
from inknet.nn.activations import Elementwise
from inknet.nn.arrays import Floats
from inknet.nn.layers import Affine, Scaling
from inknet.nn.network import Network
from inknet.nn.ops import NumpyOps
from inknet.nn.ops.contract import FoldedLayer
from inknet.scale import PIXELS, Deslanting, Scale

BYTES = np.dtype(np.uint8)
SURE, LEVEL = 16, 31
"""If one of the first samples has a larger level than this, all are surely pixels."""
Answers: TypeAlias = Callable[[NDArray[Any]], Floats]


class Predictor:
    """Predicts the probabilities of samples; safe from many threads.

    It is a copy: it does not change when the network learns more.

    Parameters
    ----------
    network : Network
        The network to predict with.
    ops : NumpyOps
        The operations to compute with.
    scale : Scale, optional
        What the features stand for, see docs/inputs.md. Without it, uint8 pixels are divided by
        255, and other numbers are used unchanged.
    temperature : float
        What the logits are divided by, see `inknet.training.temperature`.
    deslanting : Deslanting, optional
        How images are deslanted before the network gets them, if they are.
    """

    def __init__(
        self,
        network: Network,
        ops: NumpyOps,
        scale: Scale | None = None,
        temperature: float = 1.0,
        deslanting: Deslanting | None = None,
    ) -> None:
        dims = network.architecture.layer_dims
        self.n_features, self.n_classes = dims[0], dims[-1]
        self._dtype, self._scale, self._deslanting = network.dtype, scale, deslanting
        layers = fold(network, temperature)
        self._predict: Answers = ops.answers(layers)
        self._takes_bytes = scale is None or scale == PIXELS
        # what is surely on the scale is predicted at once; all else goes through the whole rule
        low, high, factor = (
            (-np.inf, np.inf, 1.0) if scale is None else (*scale.usual, scale.factor)
        )
        self._factor = None if factor == 1 else self._dtype.type(factor)
        is_limited = low > -np.inf or high < np.inf
        self._predict_usual = (
            ops.answers(layers, low * factor, high * factor) if is_limited else self._predict
        )

    def __call__(self, x: NDArray[Any]) -> Floats:
        """Return the probability of each class, for one sample or for many.

        Features stand for what they stand for in `MLP.predict`.

        Parameters
        ----------
        x : (n_features,), or (n, n_features)

        Returns
        -------
        (n_classes,), or (n, n_classes)

        Raises
        ------
        ValueError
            If the shape is another, or a feature is not a finite number or on another scale.
        """
        if isinstance(x, np.ma.MaskedArray):
            raise InputError("x is a masked array; fill in or leave out what is masked")
        if x.shape == (self.n_features,):
            of_one: Floats = self._of_rows(x[None], True)[0]
            return of_one
        if x.ndim != 2 or x.shape[1] != self.n_features:
            raise ValueError(
                f"x is {x.shape}; expected one sample, ({self.n_features},), or (n, "
                f"{self.n_features})"
            )
        return self._of_rows(x, False)

    def _of_rows(self, X: NDArray[Any], is_one: bool) -> Floats:
        if X.dtype == self._dtype and self._deslanting is None:
            probabilities = self._predict_usual(X if self._factor is None else X * self._factor)
            # only NaN differs from itself
            if (probabilities[0, 0] == probabilities[0, 0]) if is_one else _is_whole(probabilities):
                return probabilities
        # bytes that are only 0 and 1 are in doubt, and so are many that are all dark
        is_sure = X.dtype == BYTES and self._takes_bytes
        if is_sure and is_one:  # this is the fastest way to see it
            is_sure = bool(X.tobytes().lstrip(b"\0\1"))
        elif is_sure:
            is_sure = bool((X[:SURE] > LEVEL).any())
        if not is_sure:
            X = self._rescaled(X)
        if self._deslanting is not None:
            X = self._deslanting.apply(X)
        probabilities = self._predict(X)
        if not _is_whole(probabilities):
            raise ValueError("the probabilities of x are not numbers; expected finite features")
        return probabilities

    def _rescaled(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return samples on the scale of the network, of its type or uint8."""
        if X.dtype.kind not in "biuf":
            raise ValueError(f"x is of type {X.dtype}; expected numbers")
        if len(X) == 0:
            raise ValueError("x holds no samples")
        largest = np.finfo(self._dtype).max
        if X.dtype.kind == "f" and not (np.isfinite(X).all() and np.abs(X).max() <= largest):
            raise ValueError(
                f"x has features that are not finite numbers within the range of {self._dtype}"
            )
        if self._scale is not None:
            try:
                X, doubt = self._scale.apply(X, self._dtype)
            except ValueError as error:
                raise InputError(f"x: {error}") from None
            if doubt:
                warnings.warn(f"x: {doubt}", InputWarning, stacklevel=4)
        return X if X.dtype == np.uint8 else X.astype(self._dtype, copy=False)


def _is_whole(probabilities: Floats) -> bool:
    """Return whether there are rows, and none of them is NaN."""
    return len(probabilities) > 0 and bool((probabilities[:, 0] == probabilities[:, 0]).all())


@np.errstate(under="ignore")
def fold(network: Network, temperature: float = 1.0) -> list[FoldedLayer]:
    """Return weight, bias and activation of each dense layer, batch normalization folded in.

    Before an activation, ``(x @ W + b) · s + t = x @ (W · s) + (b · s + t)``; after it, the next
    layer's ``(a · s + t) @ W + b = a @ (s · W) + (t @ W + b)``, where s and t are the scale and
    shift of the normalization. The weights and biases of the last layer are divided by the
    temperature, and so the logits are.

    Raises
    ------
    ValueError
        If the network has any other operation, or its outputs are not classes.
    """
    network.architecture.require_softmax()
    folded: list[FoldedLayer] = []
    pending: Scaling | None = None
    operations = [(layer, operation) for layer in network.layers for operation in layer.in_use()]
    for owner, operation in operations:
        bare = bool(folded) and folded[-1].function is None  # the last product has no activation
        if isinstance(operation, Affine):
            weight, bias = operation.weight.copy(), operation.bias.copy()
            if pending is not None:
                bias += pending.shift @ weight
                weight *= pending.scale[:, None]
                pending = None
            folded.append(FoldedLayer(weight, bias, None))
        elif isinstance(operation, Scaling) and bare:
            folded[-1].weight[:] *= operation.scale
            folded[-1].bias[:] *= operation.scale
            folded[-1].bias[:] += operation.shift
        elif isinstance(operation, Scaling) and folded and pending is None:
            pending = operation
        elif isinstance(operation, Elementwise) and bare:
            folded[-1] = folded[-1]._replace(function=operation)
        else:
            raise ValueError(f"{owner!r} cannot be predicted or exported where it is: {network!r}")
    if pending is not None or folded[-1].function is not None:
        raise ValueError(f"expected a dense layer at the end: {network!r}")
    if temperature != 1:
        folded[-1].weight[:] /= temperature
        folded[-1].bias[:] /= temperature
    return folded
