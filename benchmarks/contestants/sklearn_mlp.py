"""scikit-learn's MLPClassifier: ReLU and no dropout, for it has neither leaky ReLU nor dropout."""

from __future__ import annotations

from time import perf_counter

import numpy as np
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from benchmarks.task import N_MEASURED, Task, held_back, load_images, scaled


class SklearnTraining:
    """``partial_fit`` is one epoch over what it is given, in a new order each time."""

    def __init__(self, task: Task, threads: int) -> None:
        self.images = load_images(task.n_images)
        self.X_train = scaled(self.images.X_train)
        X_val, y_val = held_back(task)
        self.measured = [
            (self.X_train[:N_MEASURED], self.images.y_train[:N_MEASURED]),
            (scaled(X_val), y_val),
        ]
        self.limits = threadpool_limits(threads, "blas")
        self.model = MLPClassifier(
            hidden_layer_sizes=task.layer_dims[1:-1],
            activation="relu",
            solver="adam",
            alpha=0.0,
            batch_size=task.batch_size,
            learning_rate_init=task.learning_rate,
            shuffle=True,
            random_state=0,
        )
        self.classes = np.arange(task.layer_dims[-1])

    def epoch(self) -> float:
        """Train for one epoch; return its seconds."""
        started = perf_counter()
        self.model.partial_fit(self.X_train, self.images.y_train, classes=self.classes)
        return perf_counter() - started

    def measured_epoch(self) -> float:
        """Train for one epoch and measure; return its seconds."""
        started = perf_counter()
        self.epoch()
        for x, labels in self.measured:
            probabilities = self.model.predict_proba(x)
            log_loss(labels, probabilities, labels=self.classes)
            (probabilities.argmax(axis=1) == labels).mean()
        return perf_counter() - started

    def accuracy(self) -> float:
        """Return the accuracy on the test images."""
        return float(self.model.score(scaled(self.images.X_test), self.images.y_test))
