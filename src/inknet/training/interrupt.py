"""Ctrl-C and SIGTERM end a training after its current step, not in the middle of it."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from inknet.training.ending import SIGNALS, Ending


class InterruptFlag:
    """While active, the first Ctrl-C or SIGTERM only sets a flag; a second one acts as usual.

    A flag inside another shares its state: both see a signal that came before the inner one, or
    while both are active. Outside the main thread Python delivers no signals, and no flag is set.
    """

    _active: InterruptFlag | None = None
    """The outermost flag of the main thread, which listens for all flags inside it."""

    def __init__(self) -> None:
        self._reason: Ending | None = None
        self._outer: InterruptFlag | None = None
        self._previous: dict[signal.Signals, Any] = {}

    @property
    def reason(self) -> Ending | None:
        """`INTERRUPTED` or `TERMINATED`, once it has happened."""
        return self._reason if self._outer is None else self._outer.reason

    def __enter__(self) -> InterruptFlag:
        """Start listening."""
        if threading.current_thread() is threading.main_thread():
            self._outer = InterruptFlag._active
            if self._outer is None:
                InterruptFlag._active = self
                self._previous = {number: signal.signal(number, self._set) for number in SIGNALS}
        return self

    def _set(self, number: int, frame: FrameType | None) -> None:
        self._reason = SIGNALS[signal.Signals(number)]
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        if InterruptFlag._active is self:
            InterruptFlag._active = None
        self._restore()
