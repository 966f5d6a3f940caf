"""Averaging: a running mean of the weights over recent steps.

Steps on batches wander around a minimum; the mean of many weights on the way is nearer to it than
the last weights. Polyak and Juditsky 1992, "Acceleration of stochastic approximation by averaging";
this mean is exponential, so old weights are forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inknet.training.callbacks import Callback
from inknet.training.weights import learned_arrays, refuse_other_kind, unfit

if TYPE_CHECKING:
    from inknet.nn.arrays import Floats
    from inknet.training.session import Session

INTERVAL = 8
"""Steps between two updates: an eighth of the cost, as good for a mean over hundreds of steps."""


class WeightAverage(Callback):
    """Keeps exponential moving averages of parameters and running statistics.

    After each step ``a = d · a + (1 - d) · p``, applied for `INTERVAL` steps at a time. At first d
    is at most ``(1 + step) / (10 + step)``, so that the first weights are soon forgotten (the rule
    of TensorFlow's ``ExponentialMovingAverage``).

    Parameters
    ----------
    decay
        d, from 0 to 1.
    """

    name = "weight average"
    keeps_weights = True
    only_one = True

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.arrays: dict[str, Floats] = {}
        self._kept: dict[str, Floats] = {}

    def on_train_begin(self, trainer: Session) -> None:
        """Start from the current weights, unless the training resumes."""
        own = learned_arrays(trainer.network)
        if not self.arrays:
            if trainer.step:
                raise unfit("the average of the weights is missing")
            self.arrays = {name: array.copy() for name, array in own.items()}
            return
        found, self.arrays = self.arrays, {}  # not used if they are refused
        for name, array in own.items():
            refuse_other_kind(f"the average {name}", found[name], array)
        self.arrays = found

    def on_step_end(self, trainer: Session) -> None:
        """Update the averages with the new weights."""
        if trainer.step % INTERVAL:
            return
        decay = min(self.decay, (1 + trainer.step) / (10 + trainer.step))
        for name, array in learned_arrays(trainer.network).items():
            trainer.network.ops.average_step(self.arrays[name], array, 1 - decay**INTERVAL)

    def on_measure_begin(self, trainer: Session) -> None:
        """Put the averages into the network; keep the weights that it trains with."""
        own = learned_arrays(trainer.network)
        for name, average in self.arrays.items():
            self._kept[name] = own[name].copy()
            own[name][:] = average

    def on_measure_end(self, trainer: Session) -> None:
        """Restore the weights that the network trains with."""
        own = learned_arrays(trainer.network)
        for name, kept in self._kept.items():
            own[name][:] = kept

    def state(self) -> tuple[dict[str, Floats], dict[str, Any]]:
        """Return the averages."""
        return dict(self.arrays), {}

    def restore(self, arrays: dict[str, Floats], values: dict[str, Any]) -> None:
        """Continue with these averages; there are none before the first step."""
        if set(arrays) not in (set(), {"parameters", "statistics"}):
            raise ValueError("the average of the weights is not parameters and statistics")
        self.arrays = dict(arrays)
