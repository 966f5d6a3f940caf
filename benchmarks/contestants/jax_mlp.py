"""JAX: shuffling, dropout and all steps of an epoch in one jitted function around a scan."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, nn, random

from benchmarks.task import N_MEASURED, PIXEL_SCALE, Task, arrays_for

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class JaxTraining:
    """The whole state is donated, so that each epoch overwrites the one before.

    Parameters
    ----------
    task
        What to train; batch normalization is not among what this contestant does.
    random_bits
        JAX's generator: ``threefry2x32`` (its default), ``rbg`` or ``unsafe_rbg``.
    pixels
        Whether batches are fetched from uint8 and scaled, rather than from float32.
    """

    def __init__(self, task: Task, random_bits: str, pixels: bool = False) -> None:
        *arrays, self.y_test = arrays_for(task, pixels)
        self.task = task
        self.X_train, self.y_train, X_val, y_val, self.X_test = map(jnp.asarray, arrays)
        self.measured = [
            (self.X_train[:N_MEASURED], self.y_train[:N_MEASURED]),
            (X_val, y_val),
        ]
        self.measure = jax.jit(self._measure)
        key = random.key(0, impl=random_bits)
        parameters = [
            (
                random.normal(random.fold_in(key, i), shape) * np.sqrt(2 / shape[0]),
                jnp.zeros(shape[1]),
            )
            for i, shape in enumerate(task.fans)
        ]
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        self.state = (parameters, zeros, jax.tree.map(jnp.copy, zeros), jnp.float32(0), key)
        self.train = jax.jit(self._train, donate_argnums=0)
        self.classify = jax.jit(lambda parameters, x: self._logits(parameters, x, None).argmax(1))

    def _logits(self, parameters: Any, x: Any, key: Any) -> Any:
        """Return the logits; with a key, as in training."""
        if x.dtype == jnp.uint8:
            x = x.astype(jnp.float32) * PIXEL_SCALE
        *hidden, (last_weight, last_bias) = parameters
        for i, (weight, bias) in enumerate(hidden):
            x = nn.leaky_relu(x @ weight + bias, self.task.negative_slope)
            if key is not None and self.task.keep_prob < 1:
                kept = random.bernoulli(random.fold_in(key, i), self.task.keep_prob, x.shape)
                x = jnp.where(kept, x / self.task.keep_prob, 0)
        return x @ last_weight + last_bias

    def _loss(self, parameters: Any, x: Any, labels: Any, key: Any) -> Any:
        log_probabilities = nn.log_softmax(self._logits(parameters, x, key))
        n_classes, smoothing = self.task.layer_dims[-1], self.task.label_smoothing
        targets = nn.one_hot(labels, n_classes) * (1 - smoothing) + smoothing / n_classes
        return -(targets * log_probabilities).sum(axis=1).mean()

    def _measure(self, parameters: Any, x: Any, labels: Any) -> Any:
        """Return the mean loss and the accuracy."""
        logits = self._logits(parameters, x, None)
        losses = -jnp.take_along_axis(nn.log_softmax(logits), labels[:, None], axis=1)
        return losses.mean(), (logits.argmax(1) == labels).mean()

    def _train(self, state: Any, X: Any, y: Any) -> Any:
        """Return the state after one epoch."""

        def step(state: Any, rows: Any) -> tuple[Any, None]:
            parameters, first, second, n_steps, key = state
            key, dropout_key = random.split(key)
            gradients = jax.grad(self._loss)(parameters, X[rows], y[rows], dropout_key)
            n_steps += 1
            first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, gradients)
            second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, gradients)
            rate = self.task.learning_rate * jnp.sqrt(1 - BETA2**n_steps) / (1 - BETA1**n_steps)
            parameters = jax.tree.map(
                lambda p, m, v: p - rate * m / (jnp.sqrt(v) + EPSILON), parameters, first, second
            )
            return (parameters, first, second, n_steps, key), None

        *others, key = state
        key, shuffling_key = random.split(key)
        order = random.permutation(shuffling_key, len(X))
        n_full, rest = divmod(len(X), self.task.batch_size)
        full, last = order[: len(X) - rest], order[len(X) - rest :]
        state, _ = lax.scan(step, (*others, key), full.reshape(n_full, self.task.batch_size))
        if rest:
            state, _ = step(state, last)
        return state

    def epoch(self) -> float:
        """Train for one epoch; return its seconds."""
        started = perf_counter()
        self.state = self.train(self.state, self.X_train, self.y_train)
        jax.block_until_ready(self.state)
        return perf_counter() - started

    def measured_epoch(self) -> float:
        """Train for one epoch and measure; return its seconds."""
        started = perf_counter()
        self.state = self.train(self.state, self.X_train, self.y_train)
        for x, labels in self.measured:
            [float(number) for number in self.measure(self.state[0], x, labels)]
        return perf_counter() - started

    def accuracy(self) -> float:
        """Return the accuracy on the test images."""
        classes = np.asarray(self.classify(self.state[0], self.X_test))
        return float((classes == self.y_test).mean())
