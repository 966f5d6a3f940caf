"""A signal ends a training after its current step, not in the middle of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable
from types import FrameType, TracebackType
from typing import Any

from inknet.errors import StudyStopped, TrainingStopped
from inknet.training.ending import HUNG_UP, SIGNALS, Ending, listened_to


class InterruptFlag:
    """While active, the first signal of `SIGNALS` only sets a flag; a second one acts as usual.

    A flag inside another shares its state: both see a signal that came before the inner one, or
    while both are active. When the outermost flag ends, the signal is delivered to the handler from
    before. So Ctrl-C raises `KeyboardInterrupt`, and SIGTERM ends the program, with the training in
    a sound state. Outside the main thread Python delivers no signals, and no flag is set.

    Parameters
    ----------
    deliver
        Whether the signal is delivered in the end. If not, whoever holds the flag must respond to
        its `reason`. It is not delivered either if `TrainingStopped` or `StudyStopped` is raised:
        these tell the caller.
    """

    _active: InterruptFlag | None = None
    """The outermost flag of the main thread, which listens for all flags inside it."""

    def __init__(self, *, deliver: bool = True) -> None:
        self.deliver = deliver
        self._number: signal.Signals | None = None
        self._outer: InterruptFlag | None = None
        self._previous: dict[signal.Signals, Any] = {}

    @property
    def reason(self) -> Ending | None:
        """The ending that a signal gives, once it has come."""
        if self._outer is not None:
            return self._outer.reason
        return None if self._number is None else SIGNALS[self._number]

    def __enter__(self) -> InterruptFlag:
        """Start listening."""
        if threading.current_thread() is threading.main_thread():
            self._outer = InterruptFlag._active
            if self._outer is None:
                InterruptFlag._active = self
                self._previous = listened_to()
                for number in self._previous:
                    signal.signal(number, self._set)
        return self

    def _set(self, number: int, frame: FrameType | None) -> None:
        if self._number is None:
            self._number = signal.Signals(number)
        # a shell that loses its terminal passes SIGHUP on, so that it often comes twice
        self._restore([each for each in self._previous if SIGNALS[each] is not HUNG_UP])

    def _restore(self, numbers: Iterable[signal.Signals]) -> None:
        for number in list(numbers):
            signal.signal(number, self._previous.pop(number))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening, and deliver the signal that came."""
        if InterruptFlag._active is not self:
            return
        InterruptFlag._active = None
        self._restore(self._previous)
        is_known = isinstance(error, (TrainingStopped, StudyStopped, KeyboardInterrupt))
        if self._number is not None and self.deliver and not is_known:
            signal.raise_signal(self._number)
