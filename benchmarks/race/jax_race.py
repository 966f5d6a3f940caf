"""JAX: all steps of an epoch in one jitted scan, batch normalization, Adam, one-cycle rate."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, nn

from benchmarks.race import load

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
MOMENTUM = 0.1
WIDTHS = ((784, 256), (256, 128), (128, 10))


def forward(parameters: Any, x: Any, running: Any) -> tuple[Any, Any]:
    """Return logits, and mean and variance of each hidden layer; with running ones, use them."""
    statistics = []
    for i, (weight, gamma, beta) in enumerate(parameters[:-1]):
        z = x @ weight
        mean, variance = (z.mean(0), z.var(0)) if running is None else running[i]
        statistics.append((mean, variance))
        x = nn.leaky_relu(gamma * (z - mean) * lax.rsqrt(variance + 1e-5) + beta)
    weight, bias = parameters[-1]
    return x @ weight + bias, statistics


def objective(parameters: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Return the cross-entropy with smoothed labels."""
    logits, statistics = forward(parameters, x, None)
    targets = nn.one_hot(y, 10) * 0.95 + 0.005
    return -(targets * nn.log_softmax(logits)).sum(1).mean(), statistics


def one_cycle(step: Any, total: int, rate: float) -> Any:
    """Return the rate of a step: up for 30 % of the training, then down, along cosines."""
    part = step / total
    up = 0.04 + 0.96 * (1 - jnp.cos(jnp.pi * part / 0.3)) / 2
    down = (1 + jnp.cos(jnp.pi * (part - 0.3) / 0.7)) / 2
    return rate * jnp.where(part < 0.3, up, down)


@partial(jax.jit, static_argnums=(4, 5), donate_argnums=0)
def epoch(state: Any, X: Any, y: Any, batches: Any, total: int, rate: float) -> Any:
    """Take a step for each row of ``batches``."""

    def step(state: Any, rows: Any) -> tuple[Any, None]:
        parameters, first, second, running, n = state
        gradients, found = jax.grad(objective, has_aux=True)(parameters, X[rows], y[rows])
        n += 1
        first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, gradients)
        second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, gradients)
        now = one_cycle(n - 1, total, rate) * jnp.sqrt(1 - BETA2**n) / (1 - BETA1**n)
        parameters = jax.tree.map(
            lambda p, m, v: p - now * m / (jnp.sqrt(v) + EPSILON), parameters, first, second
        )
        running = jax.tree.map(lambda old, new: old + MOMENTUM * (new - old), running, found)
        return (parameters, first, second, running, n), None

    return lax.scan(step, state, batches)[0]


def main(seed: int, epochs: int, rate: float, batch_size: int) -> float:
    """Train; return the accuracy on the test images."""
    generator = np.random.default_rng(seed)
    X_train, y_train, X_test, y_test = map(jnp.asarray, load())
    weights = [
        jnp.asarray(generator.normal(0, np.sqrt(2 / fans[0]), fans), jnp.float32) for fans in WIDTHS
    ]
    parameters: list[Any] = [
        (weight, jnp.ones(weight.shape[1]), jnp.zeros(weight.shape[1])) for weight in weights
    ]
    parameters[-1] = (weights[-1], jnp.zeros(10))
    running = [(jnp.zeros(w.shape[1]), jnp.ones(w.shape[1])) for w in weights[:-1]]
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    state = (parameters, zeros, jax.tree.map(jnp.copy, zeros), running, jnp.float32(0))
    n_steps = len(X_train) // batch_size  # the short batch at the end is left out: one compilation
    for _ in range(epochs):
        order = generator.permutation(len(X_train))[: n_steps * batch_size]
        batches = order.reshape(n_steps, batch_size)
        state = epoch(state, X_train, y_train, batches, epochs * n_steps, rate)
    classes = forward(state[0], X_test, state[3])[0].argmax(1)
    return float((classes == y_test).mean())


if __name__ == "__main__":
    print(main(**json.loads(sys.argv[1])), flush=True)
