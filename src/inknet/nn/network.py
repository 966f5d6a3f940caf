"""The network: a list of layers over one flat vector of parameters."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.nn.activations import ACTIVATIONS
from inknet.nn.architecture import Architecture, Shape, parameter_shapes
from inknet.nn.arrays import Arena, Floats, Labels
from inknet.nn.initializers import INITIALIZERS
from inknet.nn.layers import Activation, BatchNorm, Dense, Dropout, FirstDense, Layer
from inknet.nn.losses import L2
from inknet.nn.ops import NUMPY, Batch, NumpyOps


class Network:
    """Layers in a row, over one flat vector of parameters and one of gradients.

    Each layer holds views into the two vectors, so an optimizer steps, a norm is taken and a
    checkpoint is written with whole-vector operations. The vector holds first all weights, then
    all biases, then the scales and shifts of batch normalization: what L2 applies to is a prefix.

    Attributes
    ----------
    architecture : Architecture
    parameters, gradients : (n_parameters,)
    statistics : (n_statistics,)
        The running means and variances of batch normalization: learned, but not by gradients.
    layers : list of Layer
        In the order of the forward pass; the softmax is taken with the loss.
    n_weights, n_biases : int
        The lengths of the first two parts of the parameter vector.

    Parameters
    ----------
    architecture
        What to build.
    generator
        Draws the initial weights; without it they are 0, for whoever fills them.
    dtype
        ``float32`` or ``float64``.

    Raises
    ------
    ValueError
        If it is another type.
    """

    def __init__(
        self,
        architecture: Architecture,
        generator: np.random.Generator | None,
        dtype: Any = np.float32,
    ) -> None:
        if dtype not in ("float32", "float64", np.float32, np.float64):
            raise ValueError(f"dtype is {dtype!r}; expected float32 or float64")
        self.architecture = architecture
        self.dtype: np.dtype[np.floating[Any]] = np.dtype(dtype)
        self._allocate()
        self.layers = self._build_layers()
        self._initialize(generator)
        self.use(NUMPY)

    def __repr__(self) -> str:
        layers = ", ".join(map(repr, self.layers))
        return f"Network({layers}; {self.n_parameters:,} parameters, {self.dtype})"

    @property
    def n_parameters(self) -> int:
        """How many numbers the network learns."""
        return len(self.parameters)

    @property
    def _first(self) -> FirstDense:
        first = self.layers[0]
        assert isinstance(first, FirstDense)
        return first

    @property
    def dense_layers(self) -> list[Dense]:
        """The layers with weights, in order."""
        return [layer for layer in self.layers if isinstance(layer, Dense)]

    @property
    def activation_layers(self) -> list[Activation]:
        """The hidden layers' activations, in order."""
        return [layer for layer in self.layers if isinstance(layer, Activation)]

    def use(self, ops: NumpyOps) -> None:
        """Compute with these operations from now on; the buffers are made anew."""
        self.ops = ops
        for layer in self.layers:
            layer.ops = ops
        self._prepared_for = 0
        self._batch = ops.new_batch(self.dtype)

    def release(self) -> None:
        """Give back the buffers of training, and the batch that is still in them."""
        for layer in self.layers:
            layer.release()
        self.use(self.ops)
        self._logits_gradient = np.empty((0, 0), self.dtype)

    def l2(self, l2_lambda: float, *, on_biases: bool = False) -> L2:
        """Return the price on this network's weights, or on its weights and biases."""
        end = self.n_weights + (self.n_biases if on_biases else 0)
        return L2(self.parameters[:end], self.gradients[:end], l2_lambda, self.ops)

    # -- forward and backward ---------------------------------------------------------------------

    def forward(self, x: NDArray[Any] | Batch, generator: np.random.Generator) -> Floats:
        """Return the logits ``(n, n_classes)`` of a batch, as in training.

        ``x`` are rows ``(n, n_features)``, uint8 pixels or numbers, or a `Batch` that was loaded
        with them. ``generator`` draws the dropout masks. The result is a buffer, good until the
        next call.
        """
        if not isinstance(x, Batch):
            self._batch.load(x)
            x = self._batch
        if len(x) > self._prepared_for:
            arena = Arena(self.dtype)
            for layer in self.layers:
                layer.prepare(len(x), arena)
            self._logits_gradient = arena.zeros(len(x), self.architecture.layer_dims[-1])
            self._prepared_for = len(x)
        signal = self._first.enter(x)
        for layer in self.layers[1:]:
            signal = layer.forward(signal, generator)
        return signal

    def backward(self, gradient: Floats) -> None:
        """Fill `gradients`, given the gradient of the loss with respect to the logits."""
        for layer in reversed(self.layers[1:]):
            gradient = layer.backward(gradient)
        self._first.leave(gradient)

    def loss_and_gradients(
        self,
        x: NDArray[Any] | Batch,
        labels: Labels | Floats,
        generator: np.random.Generator,
        *,
        label_smoothing: float = 0.0,
        sample_weight: Floats | None = None,
    ) -> float:
        """Go forward and backward once: fill `gradients`, return the mean loss of the batch.

        Parameters
        ----------
        x : (n, n_features), or a `Batch` of n rows
        labels : (n,); or (n, n_outputs), 0 or 1, if the outputs are sigmoids
        generator
            Draws the dropout masks.
        label_smoothing : float
            How much of each target is spread evenly over all classes.
        sample_weight : (n,), optional
            How much each sample counts; without them, all count the same.
        """
        logits = self.forward(x, generator)
        gradient = self._logits_gradient[: len(x)]
        loss = self.loss(logits, labels, label_smoothing, gradient, sample_weight)
        self.backward(gradient)
        return loss

    def loss(
        self,
        logits: Floats,
        labels: Labels | Floats,
        label_smoothing: float,
        gradient: Floats,
        sample_weight: Floats | None = None,
    ) -> float:
        """Return the mean loss of a batch, and write its gradient by the logits to ``gradient``."""
        if self.architecture.activations[-1] == "sigmoid":
            function: Callable[..., float] = self.ops.sigmoid_cross_entropy
        else:
            function = self.ops.softmax_cross_entropy
        return function(logits, labels, label_smoothing, gradient, sample_weight)

    def first_broken_layer(self) -> tuple[int, str] | None:
        """Return which dense layer, from 1, first has a number that is not finite, and where.

        Where is ``"weights"``, or ``"outputs"`` in the last forward pass; None if all are finite.
        """
        for number, layer in enumerate(self.dense_layers, 1):
            if not (np.isfinite(layer.weight).all() and np.isfinite(layer.bias).all()):
                return number, "weights"
        for number, layer in enumerate(self.dense_layers, 1):
            if not layer.outputs_are_finite():
                return number, "outputs"
        return None

    def infer(self, x: NDArray[Any] | Batch) -> Floats:
        """Return the logits ``(n, n_classes)`` of a batch, as in use. Safe from many threads."""
        if not isinstance(x, Batch):
            batch = self.ops.new_batch(self.dtype)
            batch.load(x, training=False)
            x = batch
        signal = np.empty((len(x), self.architecture.layer_dims[1]), self.dtype)
        x.times(self._first.weight, self._first.bias, signal)
        for layer in self.layers[1:]:
            signal = layer.infer(signal)
        return signal

    # -- construction -----------------------------------------------------------------------------

    def _allocate(self) -> None:
        """Make the vectors, and cut them into named views."""
        shapes = list(parameter_shapes(self.architecture))
        shapes.sort(key=lambda item: _VECTOR_ORDER[item[1]])
        n_parameters = sum(prod(shape) for _, _, shape in shapes)
        try:
            arena = Arena(self.dtype)
            self.parameters, self.gradients = arena.zeros(n_parameters), arena.zeros(n_parameters)
        except (MemoryError, ValueError, OverflowError):
            raise ValueError(
                f"layer_dims is {list(self.architecture.layer_dims)}; a network of "
                f"{n_parameters:,} parameters does not fit in memory"
            ) from None
        self._parameter_views = _cut(self.parameters, shapes)
        self._gradient_views = _cut(self.gradients, shapes)
        self.n_weights = sum(prod(shape) for _, kind, shape in shapes if kind == "weight")
        self.n_biases = sum(prod(shape) for _, kind, shape in shapes if kind == "bias")

        normed = [
            (layer, kind, shape)
            for kind in ("running_mean", "running_var")
            for layer, parameter, shape in shapes
            if parameter == "gamma"
        ]
        self.statistics = np.zeros(sum(prod(shape) for _, _, shape in normed), self.dtype)
        self._statistics_views = _cut(self.statistics, normed)

    def _build_layers(self) -> list[Layer]:
        """Return Dense, batch normalization and activation, dropout for each hidden layer."""
        a = self.architecture
        layers: list[Layer] = []
        settings = zip(pairwise(a.layer_dims), a.activations, a.keep_probs, strict=True)
        for number, ((_, width), activation, keep_prob) in enumerate(settings):
            values, gradients = self._parameter_views[number], self._gradient_views[number]
            dense = Dense if layers else FirstDense
            layers.append(
                dense(values["weight"], values["bias"], gradients["weight"], gradients["bias"])
            )
            if number == len(a.activations) - 1:
                break
            # dropout comes last: with the activation, unless batch normalization is in between
            apart = keep_prob < 1 and a.batch_norm == "after"
            function = ACTIVATIONS[activation]
            hidden: list[Layer] = [Activation(function, width, 1.0 if apart else keep_prob)]
            if a.batch_norm != "none":
                statistics = self._statistics_views[number]
                norm = BatchNorm(
                    values["gamma"],
                    values["beta"],
                    gradients["gamma"],
                    gradients["beta"],
                    statistics["running_mean"],
                    statistics["running_var"],
                )
                hidden = [norm, *hidden] if a.batch_norm == "before" else [*hidden, norm]
            layers += hidden
            if apart:
                layers.append(Dropout(keep_prob, width))
        return layers

    def _initialize(self, generator: np.random.Generator | None) -> None:
        for layer in self.layers:
            if isinstance(layer, BatchNorm):
                layer.gamma[:] = 1
                layer.running_var[:] = 1
        if generator is None:
            return
        a = self.architecture
        spread = INITIALIZERS[a.initializer]
        for dense, activation in zip(self.dense_layers, a.activations, strict=True):
            shape = dense.weight.shape
            # drawn in float64 whatever the type, so that both types start from the same network
            dense.weight[:] = generator.normal(0, spread(*shape), shape)
            if activation in ACTIVATIONS and ACTIVATIONS[activation].rectifies:
                dense.bias[:] = a.bias_start

    # -- names ------------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Floats]:
        """Return every learned array under its name in a PyTorch state dict.

        ``layers.N.weight`` and so on, N counting dense layers, batch normalizations, activations
        and dropouts, so that a matching ``nn.Sequential`` called ``layers`` takes them. The arrays
        are views: writing to them changes the network. A weight is given as PyTorch holds it,
        ``(fan_out, fan_in)``.
        """
        named: dict[str, Floats] = {}
        number = -1
        for layer in self.layers:
            number += 1
            if isinstance(layer, Dense):
                named[f"layers.{number}.weight"] = layer.weight.T
                named[f"layers.{number}.bias"] = layer.bias
            elif isinstance(layer, BatchNorm):
                named[f"layers.{number}.weight"] = layer.gamma
                named[f"layers.{number}.bias"] = layer.beta
                named[f"layers.{number}.running_mean"] = layer.running_mean
                named[f"layers.{number}.running_var"] = layer.running_var
            elif isinstance(layer, Activation) and layer.keep_prob < 1:
                number += 1  # its dropout is a layer of its own there
        return named


_VECTOR_ORDER = {"weight": 0, "bias": 1, "gamma": 2, "beta": 3}


def _cut(vector: Floats, shapes: list[Shape]) -> dict[int, dict[str, Floats]]:
    """Return views of the given shapes, one after the other, by layer and kind."""
    views: dict[int, dict[str, Floats]] = {}
    start = 0
    for number, kind, shape in shapes:
        end = start + prod(shape)
        views.setdefault(number, {})[kind] = vector[start:end].reshape(shape)
        start = end
    return views
