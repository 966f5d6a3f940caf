"""The network: a list of layers over one flat vector of parameters."""

from typing import Any

import numpy as np

from inknet.nn.architecture import Architecture
from inknet.nn.arrays import Floats, Labels
from inknet.nn.initializers import INITIALIZERS
from inknet.nn.layers import KINDS, BatchNorm, Dense, Dropout, Layer, Learned
from inknet.nn.losses import L2, LOSSES
from inknet.nn.ops import NUMPY, Batch, NumpyOps, Rows
from inknet.nn.ops.arena import Arena


class Network:
    """A sequence of layers over one flat vector of parameters and one of gradients.

    Each layer holds views into the two vectors, so an optimizer, a norm and a checkpoint need only
    whole-vector operations. The vector holds first all weights, then all biases, then the scales
    and shifts of batch normalization: what L2 applies to is a prefix.

    Attributes
    ----------
    architecture : Architecture
        What it was built from.
    parameters, gradients : (n_parameters,)
        What it learns, and the gradient of the loss with respect to it.
    statistics : (n_statistics,)
        The running means and variances of batch normalization: learned, but not by gradients.
    layers : list of Layer
        In the order of the forward pass; the output's softmax or sigmoid is part of the loss.
    n_parameters, n_weights, n_biases : int
        The lengths of the parameter vector and of its first two parts.

    Parameters
    ----------
    architecture : Architecture
        What to build.
    generator : numpy.random.Generator or None
        Draws the initial weights; without it they are 0, to be filled later.
    dtype : {"float32", "float64"}
        Of all numbers, also as types of NumPy.
    ops : NumpyOps
        The operations it computes with, until `use` changes them.

    Raises
    ------
    ValueError
        If ``dtype`` is another type, or the network does not fit in memory.
    """

    def __init__(
        self,
        architecture: Architecture,
        generator: np.random.Generator | None,
        dtype: Any = np.float32,
        ops: NumpyOps = NUMPY,
    ) -> None:
        if dtype not in ("float32", "float64", np.float32, np.float64):
            raise ValueError(f"dtype is {dtype!r}; expected float32 or float64")
        self.dtype: np.dtype[np.floating[Any]] = np.dtype(dtype)
        self.architecture, self.layers = architecture, architecture.layers()
        self.use(ops)
        self._allocate()
        for layer in self.layers:
            layer.start(generator, INITIALIZERS[architecture.initializer])

    def __repr__(self) -> str:
        layers = ", ".join(map(repr, self.layers))
        return f"Network({layers}; {self.n_parameters:,} parameters, {self.dtype})"

    def __reduce__(self) -> tuple[Any, ...]:
        # a copy needs views of its own vectors, not copies of the views
        made_from = self.architecture, None, self.dtype, self.ops
        return _copy, (type(self), made_from, self.parameters, self.statistics)

    @property
    def dense_layers(self) -> list[Dense]:
        """The layers with weights, in order."""
        return [layer for layer in self.layers if isinstance(layer, Dense)]

    @property
    def activation_layers(self) -> list[Layer]:
        """The hidden layers' activations, in order."""
        return [one for one in self.layers if not isinstance(one, (Dense, BatchNorm, Dropout))]

    def use(self, ops: NumpyOps) -> None:
        """Compute with ``ops`` from now on, in new buffers."""
        for layer in self.layers:
            layer.ops = ops
        self.ops, self._prepared_for, self._batch = ops, 0, ops.new_batch(self.dtype)

    def release(self) -> None:
        """Free the buffers of training, and the batch in them."""
        for layer in self.layers:
            layer.release()
        self.use(self.ops)

    def l2(self, l2_lambda: float, *, on_biases: bool = False) -> L2:
        """Return the penalty of strength ``l2_lambda`` on weights, or ``on_biases`` too."""
        end = self.n_weights + (self.n_biases if on_biases else 0)
        return L2(self.parameters[:end], self.gradients[:end], l2_lambda, self.ops)

    # -- forward and backward ---------------------------------------------------------------------

    def forward(self, x: Rows, generator: np.random.Generator) -> Floats:
        """Return the logits ``(n, n_classes)`` of a batch, as in training.

        ``x`` are rows ``(n, n_features)``, uint8 pixels or numbers, or a `Batch` that was loaded
        with them. ``generator`` draws the dropout masks. The result is a buffer, valid until the
        next call.
        """
        if not isinstance(x, Batch):
            self._batch.load(x)
            x = self._batch
        if len(x) > self._prepared_for:
            self._prepared_for, arena = len(x), Arena(self.dtype, self.ops.xp)
            for layer in self.layers:
                layer.release()
                layer.arena = arena
        signal = self.layers[0].forward(x, generator)
        for layer in self.layers[1:]:
            signal = layer.forward(signal, generator)
        return signal

    def backward(self, gradient: Floats) -> None:
        """Fill `gradients`, given ``gradient`` of the loss by the logits, ``(n, n_classes)``."""
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient)

    def loss_and_gradients(
        self, x: Rows, labels: Labels | Floats, generator: np.random.Generator, **options: Any
    ) -> float:
        """Go forward and backward once: fill `gradients`, return the mean loss of the batch.

        Parameters
        ----------
        x : (n, n_features), or a `Batch` of n rows
            As for `forward`.
        labels : (n,); or (n, n_outputs), 0 or 1, if the outputs are sigmoids
            The classes.
        generator : numpy.random.Generator
            Draws the dropout masks.
        **options
            ``label_smoothing`` and ``sample_weight``, see `inknet.nn.losses`.

        Returns
        -------
        float
            Without the penalty of `l2`.
        """
        logits = self.forward(x, generator)
        gradient = self.layers[-1].buffer("_output_gradient", *logits.shape)
        loss = self.loss(logits, labels, gradient, **options)
        self.backward(gradient)
        return loss

    def loss(
        self, logits: Floats, labels: Labels | Floats, gradient: Floats, **options: Any
    ) -> float:
        """Return the mean loss of a batch; write its gradient with respect to the logits.

        ``logits`` and ``gradient`` are ``(n, K)``; ``labels`` as in `loss_and_gradients`.
        """
        loss = LOSSES[self.architecture.activations[-1]]
        return loss(logits, labels, gradient, ops=self.ops, **options)

    def first_broken_layer(self) -> tuple[int, str] | None:
        """Return the first dense layer with a number that is not finite, counted from 1, and where.

        Where is ``"weights"``, for all parameters up to the next dense layer, or ``"outputs"``, for
        those of the last forward pass. None if all are finite.
        """
        number = 0
        for layer in self.layers:
            number += isinstance(layer, Dense)
            if not all(self.ops.xp.isfinite(values).all() for values, _ in layer.parameters()):
                return number, "weights"
        for number, dense in enumerate(self.dense_layers, 1):
            if not self.ops.xp.isfinite(dense._output).all():
                return number, "outputs"
        return None

    def infer(self, x: Rows) -> Floats:
        """Return the logits ``(n, n_classes)`` of ``x`` at inference. Safe from many threads."""
        if not isinstance(x, Batch):
            batch = self.ops.new_batch(self.dtype)
            batch.load(x, training=False)
            x = batch
        signal = self.layers[0].infer(x)
        for layer in self.layers[1:]:
            signal = layer.infer(signal)
        return signal

    # -- the arrays of all layers -----------------------------------------------------------------

    def _allocate(self) -> None:
        """Allocate the vectors, and give each layer its views into them."""
        arrays = [(layer, array) for layer in self.layers for array in layer.learned]
        # within a kind, arrays of one name lie together: all scales, then all shifts
        names = list(dict.fromkeys(array.name for _, array in arrays))
        arrays.sort(key=lambda pair: (KINDS.index(pair[1].kind), names.index(pair[1].name)))
        sizes = {kind: sum(a.size for _, a in arrays if a.kind == kind) for kind in KINDS}
        self.n_weights, self.n_biases = sizes["weight"], sizes["bias"]
        self.n_parameters = n = sum(sizes.values()) - sizes["statistic"]
        arena = Arena(self.dtype, self.ops.xp)
        try:
            self.parameters, self.gradients = arena.zeros(n), arena.zeros(n)
        except (MemoryError, ValueError, OverflowError):
            dims, claim = list(self.architecture.layer_dims), f"a network of {n:,} parameters"
            raise ValueError(f"layer_dims is {dims}; {claim} does not fit in memory") from None
        self.statistics: Floats = self.ops.xp.zeros(sizes["statistic"], self.dtype)
        parameters = [pair for pair in arrays if pair[1].kind != "statistic"]
        _assign_views(self.parameters, parameters)
        _assign_views(self.gradients, parameters, "_gradient")
        _assign_views(self.statistics, arrays[len(parameters) :])

    def tensors(self) -> dict[str, Floats]:
        """Return every learned array under its name in a PyTorch state dict.

        ``layers.N.weight`` and so on, N counting dense layers, batch normalizations, activations
        and dropouts, so that a matching ``nn.Sequential`` called ``layers`` can load them. The
        arrays are views: writing to them changes the network. A weight is given as PyTorch holds
        it, ``(fan_out, fan_in)``.
        """
        named: dict[str, Floats] = {}
        number = 0
        for layer in self.layers:
            for array in layer.learned:
                named[f"layers.{number}.{array.key}"] = getattr(layer, array.name).T
            number += layer.n_modules
        return named


def _copy(kind: type[Network], made_from: tuple[Any, ...], *vectors: Floats) -> Network:
    network = kind(*made_from)
    network.parameters[:], network.statistics[:] = vectors
    return network


def _assign_views(vector: Floats, arrays: list[tuple[Layer, Learned]], suffix: str = "") -> None:
    """Give each layer a view of the vector for each of its arrays, one after the other."""
    end = 0
    for layer, array in arrays:
        start, end = end, end + array.size
        setattr(layer, array.name + suffix, vector[start:end].reshape(array.shape))
