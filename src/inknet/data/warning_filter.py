"""Ignore the warnings of libraries that read files, in any thread."""

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_lock = threading.RLock()
_depth = 0
_filters: Any = None
"""The filters of the program, while others are in place."""


@contextmanager
def warnings_ignored() -> Iterator[None]:
    """Ignore all warnings inside the ``with`` block.

    Python keeps one list of warning filters for all threads. Two threads that change it at the same
    time could leave it changed permanently, so one waits for the other.
    """
    global _depth, _filters
    with _lock:
        if _depth == 0:
            _filters = warnings.filters
        _depth += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            _depth -= 1


def _after_fork() -> None:
    """Begin with a free lock and the filters of the program: who changed them is not here."""
    global _lock, _depth
    _lock = threading.RLock()
    if _depth:
        _depth = 0
        setattr(warnings, "filters", _filters)  # noqa: B010, its type says that it cannot be set
        warnings.simplefilter("default", append=True)  # what holds anyway; makes Python look again


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
