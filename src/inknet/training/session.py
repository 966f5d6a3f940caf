"""The session: what a callback may read of any training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from inknet.nn.network import Network
from inknet.nn.optimizers import Optimizer
from inknet.training.ending import Ending
from inknet.training.history import History

if TYPE_CHECKING:
    from inknet.recipes import TrainingRecipe


class Session(Protocol):
    """A training as callbacks see it; `MLP` and `MLPClassifier` both train in one.

    Attributes
    ----------
    stop_reason : str, Ending or None
        Set it to end the training after the current step.
    """

    stop_reason: Ending | str | None

    @property
    def network(self) -> Network:
        """The layers and their parameters; changed in place."""

    @property
    def settings(self) -> TrainingRecipe:
        """How it is trained."""

    @property
    def optimizer(self) -> Optimizer:
        """What changes the parameters."""

    @property
    def history(self) -> History:
        """What was measured; grows by one record an epoch."""

    @property
    def step(self) -> int:
        """Steps taken so far: 0 when the first gradients are known, 1 when the first step ends."""

    @property
    def total_steps(self) -> int:
        """The number of steps at which the schedule ends."""

    @property
    def epoch(self) -> int:
        """The epoch of the newest step, counted from 1."""

    @property
    def base_rate(self) -> float:
        """The rate that the schedule multiplies: the highest learning rate, as it is now."""

    @property
    def learning_rate(self) -> float:
        """The rate of the newest step."""

    @property
    def loss(self) -> float:
        """Mean cross-entropy, in nats, of the newest batch before its step; without the penalty."""
