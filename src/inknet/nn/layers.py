"""The layers: each knows how to go forward, and how to send a gradient back.

Every layer is a function ``y = f(x)`` of a batch. `forward` computes ``y`` and remembers what the
backward pass needs. `backward` is given ``dJ/dy``, the gradient of the objective with respect to
its output; it stores the gradients of its own parameters and returns ``dJ/dx``, which is ``dJ/dy``
for the layer before. That is the chain rule, and it is all there is to back-propagation.

A layer can be tried on its own:

>>> import numpy as np
>>> layer = Dense(3, 2)
>>> layer.forward(np.ones((4, 3))).shape
(4, 2)
>>> layer.backward(np.ones((4, 2))).shape
(4, 3)
>>> layer.bias_gradient
array([4., 4.])

`forward` and `backward` write into buffers that are allocated once and kept. A buffer's content is
valid until the next call; `backward` may overwrite the gradient it was given. `infer` is the
forward pass without remembering: it changes neither the layer nor its input, so many threads may
call it at the same time. Work on whole arrays is left to `ops`: NumPy, or a faster backend.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from inknet.nn.activations import ACTIVATIONS, ActivationFunction, Elementwise
from inknet.nn.arrays import Floats
from inknet.nn.initializers import Spread, he
from inknet.nn.ops import NUMPY, Batch, NumpyOps
from inknet.nn.ops.arena import Arena, LazyArray

BATCH_NORM_EPSILON = 1e-5
"""Added to the variance, so that a constant feature does not divide by zero."""

BATCH_NORM_MOMENTUM = 0.1
"""Weight of the newest batch in the running statistics."""

KINDS = ("weight", "bias", "other", "statistic")
"""The kinds of arrays, in the order of a network's vectors. L2 applies to weights, and to biases on
request; a statistic is learned, but not by gradients."""


class Learned(NamedTuple):
    """An array that a layer learns.

    Attributes
    ----------
    name : str
        The layer's attribute; ``NAME_gradient`` is its gradient, unless it is a statistic.
    shape : tuple of int
        ``(fan_in, fan_out)`` of a weight, ``(d,)`` of most others.
    kind : str
        One of `KINDS`.
    key : str
        Its name in a PyTorch state dict, which holds it transposed.
    start : float
        Its initial value.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    key: str
    start: float = 0.0

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


class Affine(NamedTuple):
    """A dense layer at inference: ``x @ weight + bias``, of ``(n, fan_in)`` to ``(n, fan_out)``."""

    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        """Apply it to a batch ``(n, d)``."""
        return x @ self.weight + self.bias


class Scaling(NamedTuple):
    """Batch normalization at inference: ``x · scale + shift``, both ``(d,)``."""

    scale: Floats
    shift: Floats

    def __call__(self, x: Floats) -> Floats:
        """Apply it to a batch ``(n, d)``."""
        return x * self.scale + self.shift


Operation: TypeAlias = Affine | Scaling | Elementwise
"""What a layer may compute at inference; prediction and exports translate these."""


class Layer(ABC):
    """One step of the network.

    Attributes
    ----------
    learned : tuple of Learned
        The arrays it learns. In a network they are views into the network's vectors; a layer
        outside any network allocates float64 arrays on first use.
    n_modules : int
        How many modules of a PyTorch ``nn.Sequential`` it corresponds to.
    rectifies : bool
        Whether its neurons can die; the biases before it then start above 0.
    ops : NumpyOps
        What it computes with.
    """

    learned: tuple[Learned, ...] = ()
    n_modules = 1
    rectifies = False
    ops: NumpyOps = NUMPY
    arena: Arena | None = None
    _input: Any
    _output: Floats

    def stand_alone(self) -> None:
        """Allocate float64 arrays, for a layer outside any network."""
        for array in self.learned:
            for attribute in (array.name, f"{array.name}_gradient"):
                setattr(self, attribute, self.ops.xp.zeros(array.shape))
        self.start(np.random.default_rng(0), he)

    def start(self, generator: np.random.Generator | None, spread: Spread) -> None:
        """Give the learned arrays their initial values.

        ``spread`` is one of `inknet.nn.initializers`. Without a ``generator``, nothing is drawn.
        """
        for array in self.learned:
            getattr(self, array.name)[:] = array.start

    def buffer(self, name: str, n: int, width: int) -> Floats:
        """Return the buffer called ``name``, ``(n, width)``; allocate it if necessary."""
        kept: Floats | None = self.__dict__.get(name)
        if kept is None or len(kept) < n:
            self.arena = self.arena or Arena(np.dtype("float64"), self.ops.xp)
            kept = self.arena.zeros(n, width)
            setattr(self, name, kept)
        return kept if len(kept) == n else kept[:n]

    def release(self) -> None:
        """Free the buffers: all attributes whose names begin with an underscore."""
        for name in [name for name in vars(self) if name.startswith("_")]:
            delattr(self, name)
        self.arena = None

    def __getstate__(self) -> dict[str, Any]:
        # a copy makes buffers of its own
        return {k: v for k, v in vars(self).items() if k != "arena" and not k.startswith("_")}

    def parameters(self) -> Iterator[tuple[Floats, Floats]]:
        """Return each parameter with its gradient, of the same shape."""
        for array in self.learned:
            if array.kind != "statistic":
                yield getattr(self, array.name), getattr(self, f"{array.name}_gradient")

    @abstractmethod
    def forward(self, x: Any, generator: np.random.Generator | None = None) -> Floats:
        """Return ``y`` for the batch ``x``, both ``(n, d)``, as in training.

        ``generator`` draws whatever is random, such as dropout masks.
        """

    @abstractmethod
    def backward(self, gradient: Floats) -> Floats:
        """Return ``dJ/dx``, given ``gradient = dJ/dy``, both ``(n, d)``; store its parameters'."""

    @abstractmethod
    def in_use(self) -> list[Operation]:
        """Return what it computes at inference, where nothing is random or remembered.

        `infer` does this; prediction and exports translate it. The arrays of an `Elementwise` are
        copies, so a prediction does not change with the layer.
        """

    def infer(self, x: Any) -> Floats:
        """Return ``y`` for the batch ``x``, both ``(n, d)``, in inference mode."""
        for operation in self.in_use():
            x = operation(x)
        y: Floats = x
        return y

    def active_fraction(self) -> float:
        """Return the fraction of the inputs of the last `forward` that were positive."""
        return float(self.ops.xp.count_nonzero(self._input > 0) / self._input.size)


class Dense(Layer):
    """Every output is a weighted sum of all inputs plus a bias: ``y = x @ weight + bias``.

    With ``G = dJ/dy``::

        dJ/dweight = x.T @ G      (each weight: its input times its output's gradient, summed)
        dJ/dbias   = G.sum(axis=0)
        dJ/dx      = G @ weight.T

    The first layer of a network gets a `Batch`, whose product may skip zeros. Nothing needs its
    ``dJ/dx``, so `backward` then returns no rows.

    Parameters
    ----------
    fan_in, fan_out : int
        The widths of its input and output.
    bias_start : float
        Initial value of the biases.

    Attributes
    ----------
    weight, bias : (fan_in, fan_out), (fan_out,)
    weight_gradient, bias_gradient
        Of the same shapes.
    """

    weight, bias = LazyArray(), LazyArray()
    weight_gradient, bias_gradient = LazyArray(), LazyArray()

    def __init__(self, fan_in: int, fan_out: int, bias_start: float = 0.0) -> None:
        self.fan_in, self.fan_out, self.bias_start = fan_in, fan_out, bias_start
        self.learned = (
            Learned("weight", (fan_in, fan_out), "weight", "weight"),
            Learned("bias", (fan_out,), "bias", "bias"),
        )

    def __repr__(self) -> str:
        return f"Dense({self.fan_in} → {self.fan_out})"

    def start(self, generator: np.random.Generator | None, spread: Spread) -> None:
        super().start(generator, spread)
        if generator is not None:
            # drawn in float64 for either type, so that both start from the same network
            drawn = generator.normal(0, spread(self.fan_in, self.fan_out), self.weight.shape)
            self.weight[:] = self.ops.xp.asarray(drawn)
            self.bias[:] = self.bias_start

    def forward(self, x: Floats | Batch, generator: np.random.Generator | None = None) -> Floats:
        self._input = x
        return self._times(x, self.buffer("_output", len(x), self.fan_out))

    def backward(self, gradient: Floats) -> Floats:
        x = self._input
        self.ops.column_sums(gradient, self.bias_gradient)
        if isinstance(x, Batch):
            x.transposed_times(gradient, self.weight_gradient)
            return gradient[:0]
        self.ops.matmul(x.T, gradient, self.weight_gradient)
        input_gradient = self.buffer("_input_gradient", *x.shape)
        self.ops.matmul(gradient, self.weight.T, input_gradient)
        return input_gradient

    def infer(self, x: Floats | Batch) -> Floats:
        return self._times(x, self.ops.xp.empty((len(x), self.fan_out), self.weight.dtype))

    def in_use(self) -> list[Operation]:
        return [Affine(self.weight, self.bias)]

    def _times(self, x: Floats | Batch, output: Floats) -> Floats:
        if isinstance(x, Batch):
            x.times(self.weight, self.bias, output)
        else:
            self.ops.matmul(x, self.weight, output)
            output += self.bias
        return output


class Activation(Layer):
    """``y = f(x)`` for each element, so ``dJ/dx = dJ/dy · f'(x)``; optionally with dropout.

    Dropout sets each output to 0 with probability ``1 - keep_prob``, so that no neuron becomes
    indispensable: ``y = f(x) · mask`` where the mask is 0 or ``1 / keep_prob``. The division keeps
    the expected value, so inference needs no scaling ("inverted" dropout). The gradient takes the
    same mask: ``dJ/dx = dJ/dy · f'(x) · mask``. Probabilities are exact to 2^-17. Srivastava et al.
    2014, "Dropout: a simple way to prevent neural networks from overfitting".

    Parameters
    ----------
    function
        One of `inknet.nn.activations.ACTIVATIONS`.
    keep_prob : float
        In ``(0, 1]``; below 1, `forward` needs its generator.
    """

    def __init__(self, function: ActivationFunction, keep_prob: float = 1.0) -> None:
        self.function, self.keep_prob = function, keep_prob
        self.rectifies, self.n_modules = function.rectifies, 1 if keep_prob == 1 else 2

    def __repr__(self) -> str:
        dropout = f", {Dropout(self.keep_prob)}" if self.keep_prob < 1 else ""
        return f"Activation({self.function.name}){dropout}"

    def forward(self, x: Floats, generator: np.random.Generator | None = None) -> Floats:
        self._input = x
        output, slope = self.buffer("_output", *x.shape), self.buffer("_slope", *x.shape)
        if self.keep_prob == 1:
            self.ops.activate(self.function, x, output, slope)
        elif generator is None:
            raise ValueError("dropout draws at random; expected a generator")
        else:
            self.ops.activate_and_drop(self.function, generator, self.keep_prob, x, output, slope)
        return output

    def backward(self, gradient: Floats) -> Floats:
        gradient *= self.buffer("_slope", *gradient.shape)
        return gradient

    def in_use(self) -> list[Operation]:
        return [self.function]


class Dropout(Activation):
    """Dropout without an activation function: its `Activation` is the identity."""

    def __init__(self, keep_prob: float) -> None:
        super().__init__(ACTIVATIONS["identity"], keep_prob)
        self.n_modules = 1

    def __repr__(self) -> str:
        return f"Dropout(keep {self.keep_prob:g})"

    def in_use(self) -> list[Operation]:
        return []


class BatchNorm(Layer):
    """Normalize each feature over the batch, then apply a scale and a shift that it learns.

    ``normalized = (x - mean) / sqrt(variance + epsilon)``, ``y = gamma · normalized + beta``. At
    inference the result must not depend on the batch, so `infer` uses the running mean and variance
    that training collected. Ioffe and Szegedy 2015, "Batch normalization", algorithms 1 and 2.

    Parameters
    ----------
    width : int
        The number of features, d.

    Attributes
    ----------
    gamma, beta, gamma_gradient, beta_gradient : (d,)
    running_mean, running_var : (d,)
        The variance is the unbiased estimate.
    """

    gamma, beta, running_mean, running_var = LazyArray(), LazyArray(), LazyArray(), LazyArray()
    gamma_gradient, beta_gradient = LazyArray(), LazyArray()

    def __init__(self, width: int) -> None:
        self.width = width
        self.learned = (
            Learned("gamma", (width,), "other", "weight", start=1.0),
            Learned("beta", (width,), "other", "bias"),
            Learned("running_mean", (width,), "statistic", "running_mean"),
            Learned("running_var", (width,), "statistic", "running_var", start=1.0),
        )

    def __repr__(self) -> str:
        return f"BatchNorm({self.width})"

    def forward(self, x: Floats, generator: np.random.Generator | None = None) -> Floats:
        normalized, output = self.buffer("_normalized", *x.shape), self.buffer("_output", *x.shape)
        self._deviation = self.ops.xp.empty_like(self.gamma)
        own = self.gamma, self.beta, self.running_mean, self.running_var
        constants = BATCH_NORM_MOMENTUM, BATCH_NORM_EPSILON
        self.ops.batch_norm_forward(x, *own, *constants, normalized, self._deviation, output)
        return output

    def backward(self, gradient: Floats) -> Floats:
        normalized, deviation = self.buffer("_normalized", *gradient.shape), self._deviation
        own = self.gamma, self.gamma_gradient, self.beta_gradient
        self.ops.batch_norm_backward(gradient, normalized, deviation, *own)
        return gradient

    def in_use(self) -> list[Operation]:
        scale = self.gamma / self.ops.xp.sqrt(self.running_var + BATCH_NORM_EPSILON)
        return [Scaling(scale, self.beta - self.running_mean * scale)]


def _layer_for(function: ActivationFunction) -> Callable[[int], Layer]:
    return lambda width: Activation(function)


HIDDEN = {name: _layer_for(function) for name, function in ACTIVATIONS.items()}
"""What may follow a hidden dense layer of a given width, by the names that recipes use."""
