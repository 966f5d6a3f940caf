"""Attendance: which callbacks a training has, and that each begins with nothing of another one."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from inknet.errors import InputError
from inknet.training.callbacks import Callback, settings_of

_present: set[int] = set()
"""The callbacks of all trainings in progress, by `id`."""
_lock = Lock()


def start_in(training: str, callbacks: Sequence[Callback]) -> None:
    """Let callbacks start afresh, except those whose last training has this identity."""
    for callback in callbacks:
        past = callback._past
        if past.training != training:
            callback.start_afresh()
            past.training, past.at_begin, past.at_end = training, settings_of(callback), None


class Attendance:
    """The callbacks of one training, from its beginning to its end.

    Parameters
    ----------
    training
        The identity of the training.
    callbacks
        Its callbacks.

    Raises
    ------
    InputError
        If a callback that has attributes is in another training at this time: it would mix both.
    """

    def __init__(self, training: str, callbacks: Sequence[Callback]) -> None:
        self._callbacks = list(callbacks)
        with _lock:
            for callback in callbacks:
                if id(callback) in _present and len(vars(callback)) > 1:
                    raise InputError(
                        f"the callback {type(callback).__name__} is in another training at the "
                        "same time; give each training its own"
                    )
            self._added = {id(callback) for callback in callbacks} - _present
            _present.update(self._added)
        try:
            start_in(training, callbacks)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Note with which settings the training leaves the callbacks, and let go of them."""
        for callback in self._callbacks:
            callback._past.at_end = settings_of(callback)
        with _lock:
            _present.difference_update(self._added)
