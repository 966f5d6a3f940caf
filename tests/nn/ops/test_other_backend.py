"""A library with NumPy's interface is a backend by one class.

The library here is NumPy behind a wall, with the rules of CuPy: its arrays never become NumPy's
by themselves nor mix with them, have no address in this process's memory, and are made by its
own functions alone.
"""

import numpy as np
import pytest
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.testing import assert_array_equal

from inknet.nn.network import Architecture, Network
from inknet.nn.ops import NUMPY, NumpyOps
from inknet.nn.optimizers import (
    Adam,
    AdamW,
    GradientDescent,
    Momentum,
    Nesterov,
    clip_by_norm,
    clip_by_value,
    limit_norms,
)
from inknet.predictor import Predictor


class FarArray(NDArrayOperatorsMixin):
    """An array of the other library."""

    def __init__(self, hidden):
        self.hidden = hidden

    def __array__(self, *args, **kwargs):
        raise TypeError("no implicit conversion to a NumPy array")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if method != "__call__":
            raise TypeError(f"{ufunc.__name__}.{method} is not in the other library")
        return call(ufunc, inputs, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        if function is np.einsum and "out" in kwargs:
            raise NotImplementedError("einsum has no out")
        return call(function, args, kwargs)

    def __getattr__(self, name):
        if name.startswith("__") or name in {"ctypes", "data", "base", "flags", "view", "tobytes"}:
            raise AttributeError(f"{name}: this memory cannot be seen from here")
        value = getattr(self.hidden, name)
        if callable(value) and not isinstance(value, type):
            return lambda *args, **kwargs: call(value, args, kwargs)
        return far(value)

    def __len__(self):
        return len(self.hidden)

    def __getitem__(self, key):
        return far(self.hidden[near(key)])

    def __setitem__(self, key, value):
        self.hidden[near(key)] = near(value)

    def __bool__(self):
        return bool(self.hidden)

    def __float__(self):
        return float(self.hidden)

    def get(self):
        """Return the same as a NumPy array; the one way back, as in CuPy."""
        return self.hidden.copy()


def far(value):
    return FarArray(np.asarray(value)) if isinstance(value, (np.ndarray, np.generic)) else value


def near(value):
    """Take a value behind the wall; no array of NumPy's may come along."""
    if isinstance(value, FarArray):
        return value.hidden
    if isinstance(value, np.ndarray):
        raise TypeError("an array of NumPy's, not of the other library")
    if isinstance(value, (tuple, list)):
        return type(value)(near(item) for item in value)
    return value


def call(function, args, kwargs):
    out = kwargs.get("out")
    out = out[0] if isinstance(out, tuple) else out
    result = function(*near(args), **{key: near(value) for key, value in kwargs.items()})
    return out if out is not None else far(result)


class FarLibrary:
    """Its functions have the names of NumPy's; those that make arrays make its own."""

    def __getattr__(self, name):
        function = getattr(np, name)
        return lambda *args, **kwargs: call(function, args, kwargs)

    @staticmethod
    def asarray(value):
        return value if isinstance(value, FarArray) else far(np.array(value))


class FarOps(NumpyOps):
    name, xp = "far", FarLibrary()


FAR = FarOps()


def on_host(array):
    return array.get() if isinstance(array, FarArray) else array


# -- the wall ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mix",
    [
        np.asarray,
        np.array,
        lambda x: np.add(x, np.ones(3)),
        lambda x: np.ones(3) @ x,
        lambda x: np.ones(3) + x,
        lambda x: np.dot(x, np.ones(3)),
        lambda x: np.concatenate([x, np.ones(3)]),
        lambda x: np.add(np.ones(3), 1, out=x),
        lambda x: np.ones(3).__setitem__(slice(None), x),
        lambda x: x.__setitem__(slice(None), np.ones(3)),
        lambda x: x[np.arange(2)],
        lambda x: x.ctypes.data,
        lambda x: memoryview(x),
    ],
)
def test_the_other_library_does_not_mix_with_numpy(mix):
    with pytest.raises((TypeError, AttributeError)):
        mix(FAR.xp.ones(3))
    assert isinstance(np.sqrt(FAR.xp.ones(3)), FarArray)


# -- the backend ------------------------------------------------------------------------------------

OPTIMIZERS = {
    "adam": Adam,
    "adamw": AdamW,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "gradient descent": GradientDescent,
}


def trained(ops, *, optimizer="adam", batch_norm="before", outputs="softmax", dtype="float32"):
    """Train for some steps; return all that came of it, as NumPy's arrays."""
    hidden = ["leaky_relu", "tanh", "sigmoid", "relu"]
    architecture = Architecture(
        [12, 9, 8, 7, 6, 4], [*hidden, outputs], [0.8, 0.7, 1, 1, 1], batch_norm
    )
    network = Network(architecture, np.random.default_rng(0), dtype, ops)
    rule, l2 = OPTIMIZERS[optimizer](network.parameters, ops), network.l2(0.1, on_biases=True)
    generator = np.random.default_rng(1)
    x = generator.integers(0, 256, (60, 12), dtype=np.uint8)
    labels = generator.integers(0, 4, 60)
    targets = np.eye(4, dtype=dtype)[labels] if outputs == "sigmoid" else labels
    sample_weight = generator.uniform(0.5, 2, 60).astype(dtype)
    group, objectives = ops.new_group(3, 20, 12, network.dtype, x), []
    for _ in range(4):
        rows = generator.permutation(60)
        for number, batch in enumerate(group.load(x, rows)):
            of_batch = rows[20 * number : 20 * (number + 1)]
            loss = network.loss_and_gradients(
                batch,
                targets[of_batch],
                generator,
                label_smoothing=0.1,
                sample_weight=sample_weight[of_batch] if number else None,
            )
            objectives.append(loss + l2.value(20))
            l2.add_gradient(20)
            clip_by_value(network.gradients, 0.5)
            clip_by_norm(network.gradients, 0.2)
            rule.step(network.parameters, network.gradients, 0.01)
            for layer in network.dense_layers:
                limit_norms(layer.weight, 1.0)
    average = ops.xp.zeros(network.n_parameters, network.dtype)
    ops.average_step(average, network.parameters, 0.1)
    assert network.first_broken_layer() is None
    results = [
        network.parameters,
        network.statistics,
        average,
        *rule.arrays().values(),
        *network.tensors().values(),
        network.infer(x),
        *[layer.active_fraction() for layer in network.activation_layers],
        *objectives,
    ]
    if outputs == "softmax":  # a predictor gives the probabilities of classes
        results.append(Predictor(network, ops)(x[0]))
    network.release()
    return [type(result) for result in results], [on_host(result) for result in results]


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"dtype": "float64"},
        {"batch_norm": "after"},
        {"batch_norm": "none"},
        {"outputs": "sigmoid"},
        *({"optimizer": name} for name in OPTIMIZERS),
    ],
    ids=str,
)
def test_a_network_trains_on_another_library_to_the_same_bits(how):
    types, found = trained(FAR, **how)
    _, expected = trained(NUMPY, **how)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert_array_equal(one, other)
    assert set(types) == {FarArray, float}, "no array left the library"
