"""Divergence: a loss that is no longer finite, which layer broke first, and going back."""

from __future__ import annotations

import numpy as np

from inknet.errors import DivergedError
from inknet.nn.network import Network
from inknet.training.state import (
    MOST_ROLLBACKS,
    Arrays,
    Copies,
    Resumable,
    moment_of,
    restore_moment,
)
from inknet.training.weights import learned_arrays


class ReturnPoint:
    """Keeps the state at the beginning of each epoch, and goes back to it.

    A training that only stops keeps what it leaves in the network, and nothing else.
    """

    def __init__(self) -> None:
        self._copies = Copies()
        self._weights: Arrays = {}

    def remember(self, training: Resumable) -> None:
        """Keep the current state, to go back to or to stop with if the training diverges."""
        if training.settings.on_divergence == "stop":
            self._weights = self._copies.of(_weights(training))
            return
        arrays, moment = moment_of(training)
        training.safe = self._copies.of(arrays), moment

    def go_back(self, training: Resumable, error: DivergedError) -> None:
        """Restore the state that was kept; return if the training continues from it.

        Raises
        ------
        DivergedError
            The same error, if the settings say to stop, or going back did not help.
        """
        if training.safe is None:
            for name, array in _weights(training).items():
                array[:] = self._weights[name]
            raise error
        arrays, moment = training.safe
        restore_moment(training, arrays, moment)
        tried = training.history.rollbacks
        if tried == MOST_ROLLBACKS:
            raise DivergedError(
                f"{error}; it went back {tried} times, with lower and lower rates, without success"
            )
        training.history.rollbacks = tried + 1


def _weights(training: Resumable) -> Arrays:
    """Return the arrays that the training may leave in the network."""
    arrays: Arrays = dict(learned_arrays(training.network))
    for number, callback in enumerate(training.callbacks):
        if callback.keeps_weights:
            arrays |= {f"{number}.{name}": array for name, array in callback.state()[0].items()}
    return arrays


def diverged(training: Resumable, loss: float, what: str) -> DivergedError:
    """Return the error for a loss that is not finite: where it happened, and what helps.

    Parameters
    ----------
    training
        As it is now.
    loss, what
        The loss, and what to call it in the message.
    """
    goes_back = training.settings.on_divergence == "go_back"
    going_back = "" if goes_back else ', or on_divergence = "go_back"'
    return DivergedError(
        f"training diverged: {what} in epoch {len(training.history) + 1} is {loss}; "
        f"{_what_broke(training.network)}; "
        f"try a lower learning_rate than {training.base_rate:g}, or clip_norm{going_back}"
    )


def _what_broke(network: Network) -> str:
    broken = network.first_broken_layer()
    if broken is not None:
        return f"layer {broken[0]} was the first, its {broken[1]} are not finite"
    if not np.isfinite(network.statistics).all():
        return "the running statistics of batch normalization are not finite"
    return "every layer's weights and outputs are finite, only the loss is not"
