"""tinygrad: the whole step, from fetching the batch to Adam, in one `TinyJit`."""

from __future__ import annotations

from functools import partial
from time import perf_counter

import numpy as np
from tinygrad import Context, Tensor, TinyJit, UOp, Variable, dtypes, nn

from benchmarks.task import N_MEASURED, PIXEL_SCALE, Task, arrays_for


class TinygradTraining:
    """A step is captured once for each size of a batch, and replayed from its third time on.

    The environment variables ``DEV`` and ``CC`` choose the device and the compiler, which has to be
    Clang.

    Parameters
    ----------
    task
        What to train; batch normalization is not among what this contestant does.
    pixels
        Whether batches are fetched from uint8 and scaled, rather than from float32.
    beam
        How many candidates for each kernel of a full batch's step a search keeps; 0 is no search.
        What it finds, after minutes, is kept on disk.
    """

    def __init__(self, task: Task, pixels: bool = False, beam: int = 0) -> None:
        Tensor.manual_seed(0)
        self.task, self.beam = task, beam
        self.generator = np.random.default_rng(0)
        *arrays, self.y_test = arrays_for(task, pixels)
        tensors = [Tensor(array).realize() for array in arrays]
        self.X_train, self.y_train, X_val, y_val, self.X_test = tensors
        self.measured = [
            (Tensor(arrays[0][:N_MEASURED]).realize(), Tensor(arrays[1][:N_MEASURED]).realize()),
            (X_val, y_val),
        ]
        self.layers = [nn.Linear(fan_in, fan_out) for fan_in, fan_out in task.fans]
        self.adam = nn.optim.Adam(nn.state.get_parameters(self.layers), lr=task.learning_rate)
        self.start = Variable("start", 0, task.n_images - 1)
        self.steps = {n: TinyJit(partial(self._step, n)) for n in set(task.batch_sizes)}
        self.measure = TinyJit(self._measure)

    def _logits(self, x: Tensor) -> Tensor:
        """Return the logits; dropout is at work in the context of training alone."""
        if x.dtype == dtypes.uint8:
            x = x.cast(dtypes.float32) * float(PIXEL_SCALE)
        for layer in self.layers[:-1]:
            x = layer(x).leaky_relu(self.task.negative_slope).dropout(1 - self.task.keep_prob)
        return self.layers[-1](x)

    def _step(self, batch_size: int, order: Tensor, start: UOp) -> Tensor:
        """Take the step of the batch that begins at a place of the order; return its loss."""
        rows = order[start : start + batch_size]
        with Context(TRAINING=1):
            self.adam.zero_grad()
            loss = self._logits(self.X_train[rows]).sparse_categorical_crossentropy(
                self.y_train[rows], label_smoothing=self.task.label_smoothing
            )
            return loss.backward().realize(*self.adam.schedule_step())

    def _measure(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss and the accuracy."""
        logits = self._logits(x)
        loss = logits.sparse_categorical_crossentropy(labels)
        accuracy = (logits.argmax(axis=1) == labels).mean()
        return loss.realize(accuracy), accuracy

    def epoch(self) -> float:
        """Train for one epoch; return its seconds."""
        started = perf_counter()
        order = Tensor(self.generator.permutation(self.task.n_images).astype(np.int32)).realize()
        start = 0
        for batch_size in self.task.batch_sizes:
            with Context(BEAM=self.beam if batch_size == self.task.batch_size else 0):
                loss = self.steps[batch_size](order, self.start.bind(start))
            start += batch_size
        loss.item()  # waits for the last step
        return perf_counter() - started

    def measured_epoch(self) -> float:
        """Train for one epoch and measure; return its seconds."""
        started = perf_counter()
        self.epoch()
        for x, labels in self.measured:
            [number.item() for number in self.measure(x, labels)]
        return perf_counter() - started

    def accuracy(self) -> float:
        """Return the accuracy on the test images."""
        classes = self._logits(self.X_test).argmax(axis=1).numpy()
        return float((classes == self.y_test).mean())
