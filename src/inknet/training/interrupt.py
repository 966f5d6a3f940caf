"""Ctrl-C, taken as a wish to stop soon rather than as a blow."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class InterruptFlag:
    """While active, the first Ctrl-C only sets a flag; a second one interrupts as usual.

    Outside the main thread Python delivers no signals, and the flag stays down.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._previous: Any = None
        self._installed = False

    def __enter__(self) -> InterruptFlag:
        """Start listening."""
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._set)
            self._installed = True
        return self

    def _set(self, number: int, frame: FrameType | None) -> None:
        self.is_set = True
        signal.signal(signal.SIGINT, self._previous)
        self._installed = False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        if self._installed:
            signal.signal(signal.SIGINT, self._previous)
