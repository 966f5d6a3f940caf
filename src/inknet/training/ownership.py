"""Which training a callback belongs to: one at a time, and a new one starts without its past."""

from __future__ import annotations

import os
from collections.abc import Sequence
from threading import Lock

from inknet.errors import InputError
from inknet.training.callbacks import Callback, settings_of

_owned: set[int] = set()
"""The callbacks of all trainings in progress, by `id`."""
_lock = Lock()


def _after_fork() -> None:
    """Begin with a free lock in a forked process, in which no other training goes on."""
    global _lock
    _lock = Lock()
    _owned.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def assign(callbacks: Sequence[Callback], training: str) -> None:
    """Let callbacks start afresh, unless their last training has this identity."""
    for callback in callbacks:
        past = callback._past
        if past.training != training:
            callback.start_afresh()
            past.training, past.at_begin, past.at_end = training, settings_of(callback), None


class Ownership:
    """The callbacks of one training, from its beginning until they are released.

    Parameters
    ----------
    callbacks
        All callbacks of the training.
    training
        Its identity.

    Raises
    ------
    InputError
        If a callback that has attributes is in another training at this time: it would mix both.
    """

    def __init__(self, callbacks: Sequence[Callback], training: str) -> None:
        self._callbacks = list(callbacks)
        with _lock:
            for callback in callbacks:
                has_attributes = len(vars(callback)) > 1  # each has `_past`
                if id(callback) in _owned and has_attributes:
                    raise InputError(
                        f"the callback {type(callback).__name__} is in another training at the "
                        "same time; give each training its own"
                    )
            self._added = {id(callback) for callback in callbacks} - _owned
            _owned.update(self._added)
        try:
            assign(callbacks, training)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Remember the settings that the training leaves, and let others have the callbacks."""
        for callback in self._callbacks:
            callback._past.at_end = settings_of(callback)
        with _lock:
            _owned.difference_update(self._added)
