"""Keras, on the backend that the environment variable ``KERAS_BACKEND`` names, compiled."""

from __future__ import annotations

from time import perf_counter

import keras
from keras import layers

from benchmarks.task import Task, load_images, scaled


class KerasTraining:
    """``fit`` for an epoch at a time, without what it does before and after."""

    def __init__(self, task: Task) -> None:
        keras.utils.set_random_seed(0)
        self.images = load_images(task.n_images)
        n_classes = task.layer_dims[-1]
        self.X_train = scaled(self.images.X_train)
        self.targets = keras.utils.to_categorical(self.images.y_train, n_classes)
        self.model = keras.Sequential([keras.Input((task.layer_dims[0],))])
        for width in task.layer_dims[1:-1]:
            self.model.add(layers.Dense(width))
            if task.batch_norm:
                self.model.add(layers.BatchNormalization())
            self.model.add(layers.LeakyReLU(negative_slope=task.negative_slope))
            if task.keep_prob < 1:
                self.model.add(layers.Dropout(1 - task.keep_prob))
        self.model.add(layers.Dense(n_classes))
        self.model.compile(
            optimizer=keras.optimizers.Adam(task.learning_rate),
            loss=keras.losses.CategoricalCrossentropy(
                from_logits=True, label_smoothing=task.label_smoothing
            ),
            jit_compile=True,
        )
        self.batch_size = task.batch_size

    def epoch(self) -> float:
        """Train for one epoch; return its seconds."""
        times: list[float] = []
        watch = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: times.append(perf_counter()),
            on_epoch_end=lambda epoch, logs: times.append(perf_counter()),
        )
        self.model.fit(
            self.X_train,
            self.targets,
            batch_size=self.batch_size,
            shuffle=True,
            verbose=0,
            callbacks=[watch],
        )
        return times[1] - times[0]

    def accuracy(self) -> float:
        """Return the accuracy on the test images."""
        logits = self.model.predict(scaled(self.images.X_test), batch_size=1000, verbose=0)
        return float((logits.argmax(axis=1) == self.images.y_test).mean())
