"""Mathematics written a second time, plainly, for the tests to compare with."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy.special import expit, log_softmax

from inknet.nn.architecture import Architecture
from inknet.nn.network import Network

ACTIVATION_VALUES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda z: np.where(z > 0, z, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "sigmoid": expit,
    "tanh": np.tanh,
    "identity": lambda z: z,
}


def central_difference(
    function: Callable[[], float], x: np.ndarray, step: float = 1e-5
) -> np.ndarray:
    """Return the derivative of ``function()`` by each element of the array it reads."""
    gradient = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        value = x[index]
        x[index] = value + step
        above = function()
        x[index] = value - step
        below = function()
        x[index] = value
        gradient[index] = (above - below) / (2 * step)
    return gradient


def smoothed_cross_entropy(logits: np.ndarray, labels: np.ndarray, smoothing: float) -> float:
    """Return the mean of ``- sum_k t_k log p_k``, with every target written out."""
    n_classes = logits.shape[1]
    targets = (1 - smoothing) * np.eye(n_classes)[labels] + smoothing / n_classes
    return float(-(targets * log_softmax(logits, axis=1)).sum() / len(logits))


def batch_norm(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Normalize over the batch, as in Ioffe and Szegedy 2015, algorithm 1."""
    return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5) + beta


def bits_of_16(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return random numbers below 2^16, four from each draw of 64 bits, the lowest bits first."""
    size = int(np.prod(shape))
    draws = map(int, generator.bit_generator.random_raw((size + 3) // 4))
    bits = [draw >> shift & 0xFFFF for draw in draws for shift in (0, 16, 32, 48)]
    return np.array(bits[:size]).reshape(shape)


def training_logits(network: Network, x: np.ndarray, seed: int) -> np.ndarray:
    """Return the logits in training, from the network's tensors and architecture alone."""
    architecture, tensors = network.architecture, network.tensors()
    generator = np.random.default_rng(seed)
    place = 0

    def normalized(x: np.ndarray) -> np.ndarray:
        nonlocal place
        name = f"layers.{place}"
        place += 1
        return batch_norm(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"])

    settings = zip(architecture.activations, architecture.keep_probs, strict=True)
    for activation, keep_prob in settings:
        x = x @ tensors[f"layers.{place}.weight"].T + tensors[f"layers.{place}.bias"]
        place += 1
        if activation == "softmax":
            break
        if architecture.batch_norm == "before":
            x = normalized(x)
        x = ACTIVATION_VALUES[activation](x)
        place += 1
        if architecture.batch_norm == "after":
            x = normalized(x)
        if keep_prob < 1:
            x = x * (bits_of_16(generator, x.shape) < keep_prob * 2**16) / keep_prob
            place += 1
    return x


def objective(
    network: Network,
    x: np.ndarray,
    labels: np.ndarray,
    *,
    label_smoothing: float = 0.0,
    l2_lambda: float = 0.0,
    l2_on_biases: bool = False,
    seed: int = 0,
) -> float:
    """Return loss plus L2 of a batch, from the network's tensors and architecture alone."""
    loss = smoothed_cross_entropy(training_logits(network, x, seed), labels, label_smoothing)
    decayed = [
        array
        for layer in network.dense_layers
        for array in ([layer.weight, layer.bias] if l2_on_biases else [layer.weight])
    ]
    return loss + l2_lambda / (2 * len(x)) * sum(float((array**2).sum()) for array in decayed)


def make_network(
    layer_dims: list[int],
    activation: str = "leaky_relu",
    keep_prob: float = 1.0,
    batch_norm: str = "none",
    dtype: str = "float64",
    seed: int = 0,
) -> Network:
    """Return a network whose parameters are all different from 0, biases and scales too."""
    n_hidden = len(layer_dims) - 2
    architecture = Architecture(
        layer_dims,
        [activation] * n_hidden + ["softmax"],
        [keep_prob] * n_hidden + [1.0],
        batch_norm,
    )
    generator = np.random.default_rng(seed)
    network = Network(architecture, generator, dtype)
    network.parameters += generator.normal(0, 0.3, network.n_parameters)
    return network


def make_batch(network: Network, n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return a batch of normally distributed features, and labels."""
    generator = np.random.default_rng(seed)
    n_features, *_, n_classes = network.architecture.layer_dims
    x = generator.normal(size=(n, n_features)).astype(network.dtype)
    return x, generator.integers(0, n_classes, n)


def count_parameters(architecture: Architecture) -> int:
    """Return how many numbers the architecture learns, by counting."""
    dims = architecture.layer_dims
    dense = sum(fan_in * fan_out + fan_out for fan_in, fan_out in pairwise(dims))
    return dense + (0 if architecture.batch_norm == "none" else 2 * sum(dims[1:-1]))
