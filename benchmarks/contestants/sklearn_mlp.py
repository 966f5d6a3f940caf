"""scikit-learn's MLPClassifier: ReLU and no dropout, for it has neither leaky ReLU nor dropout."""

from __future__ import annotations

from time import perf_counter

import numpy as np
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from benchmarks.task import Task, load_images, scaled


class SklearnTraining:
    """``partial_fit`` is one epoch over what it is given, in a new order each time."""

    def __init__(self, task: Task, threads: int) -> None:
        self.images = load_images(task.n_images)
        self.X_train = scaled(self.images.X_train)
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

    def accuracy(self) -> float:
        """Return the accuracy on the test images."""
        return float(self.model.score(scaled(self.images.X_test), self.images.y_test))
