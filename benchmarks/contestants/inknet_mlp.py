"""inknet, through its public face.

Which ops it uses is decided by the environment variable ``INKNET_OPS``, how many threads by inknet.
"""

from __future__ import annotations

from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.task import Task, held_back, load_images, scaled
from inknet import MLP, Callback
from inknet.data import load

if TYPE_CHECKING:
    from inknet.training.session import Session

ENDLESS = 1_000_000


def build_mlp(task: Task, seed: int = 0) -> MLP:
    """Return the task's network, untrained."""
    n_hidden = len(task.layer_dims) - 2
    return MLP(
        layer_dims=task.layer_dims,
        activations=["leaky_relu"] * n_hidden + ["softmax"],
        keep_probs=[task.keep_prob] * n_hidden + [1.0],
        batch_norm="before" if task.batch_norm else "none",
        random_seed=seed,
    )


class InknetTraining:
    """One long training in a thread, let go for an epoch at a time.

    Parameters
    ----------
    task
        What to train.
    images
        An IDX file to learn from, memory-mapped, in place of MNIST's images.
    kind
        ``uint8``, or ``float32`` for pixels that were scaled in advance.
    measured
        Whether it validates after each epoch, on images that were held back.
    """

    def __init__(
        self,
        task: Task,
        images: str | None = None,
        kind: str = "uint8",
        measured: bool = False,
    ) -> None:
        self.images = load_images(1 if images else task.n_images)
        self.X_train: NDArray[Any] = self.images.X_train
        self.y_train: NDArray[Any] = self.images.y_train
        if images:
            dataset = load(images)
            self.X_train, self.y_train = dataset.features, np.asarray(dataset.labels)
        self.X_val: NDArray[Any] | None = None
        self.y_val: NDArray[Any] | None = None
        if measured:
            self.X_val, self.y_val = held_back(task)
        self.X_test: NDArray[Any] = self.images.X_test
        if kind == "float32":
            self.X_test = scaled(self.X_test)
            self.X_train = scaled(self.X_train)
            self.X_val = None if self.X_val is None else scaled(self.X_val)
        self.task = task
        self.mlp = build_mlp(task)
        self.gate = EpochGate()
        Thread(target=self._train, args=(task,), daemon=True).start()

    def _train(self, task: Task) -> None:
        try:
            self.mlp.train(
                self.X_train,
                self.y_train,
                self.X_val,
                self.y_val,
                learning_rate=task.learning_rate,
                num_epochs=ENDLESS,
                batch_size=task.batch_size,
                schedule="constant",
                label_smoothing=task.label_smoothing,
                callbacks=[self.gate],
            )
        except Exception as error:
            self.gate.seconds.put(error)

    def warm_up(self) -> None:
        """Have everything compiled by another network, where an epoch takes too long for that."""
        n = 4 * self.task.batch_size
        build_mlp(self.task).train(self.X_train[:n], self.y_train[:n], num_epochs=1)

    def epoch(self) -> float:
        """Train for one epoch; return the seconds of its steps, without inknet's measuring."""
        return self.gate.let_one_pass()[0]

    def measured_epoch(self) -> float:
        """Train for one epoch; return its seconds, with all that follows the last step."""
        return self.gate.let_one_pass()[1]

    def measuring_share(self) -> float:
        """Train for one epoch; return the part of its time that follows the last step."""
        steps, whole = self.gate.let_one_pass()
        return 1 - steps / whole

    def accuracy(self) -> float:
        """Return the accuracy on the test images."""
        return float(self.mlp.evaluate(self.X_test, self.images.y_test).accuracy)


class EpochGate(Callback):
    """Holds the training back before each epoch, and takes the time of its steps."""

    def __init__(self) -> None:
        self.permits: SimpleQueue[None] = SimpleQueue()
        self.seconds: SimpleQueue[tuple[float, float] | Exception] = SimpleQueue()
        self._started = self._ended = 0.0

    def let_one_pass(self) -> tuple[float, float]:
        """Let one epoch pass; return the seconds from its shuffling to its last step, and end."""
        self.permits.put(None)
        seconds = self.seconds.get()
        if isinstance(seconds, Exception):
            raise seconds
        return seconds

    def on_train_begin(self, trainer: Session) -> None:
        """Wait for the first permit."""
        self._wait()

    def on_step_end(self, trainer: Session) -> None:
        """Take the time; that of the epoch's last step stands."""
        self._ended = perf_counter()

    def on_epoch_end(self, trainer: Session) -> None:
        """Tell the time, and wait for the next permit."""
        self.seconds.put((self._ended - self._started, perf_counter() - self._started))
        self._wait()

    def _wait(self) -> None:
        self.permits.get()
        self._started = perf_counter()
