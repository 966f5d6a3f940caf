"""Ignore the warnings of libraries that read files, or turn them into errors, in any thread."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

_LOCK = threading.RLock()


@contextmanager
def warning_filter(action: Literal["ignore", "error"]) -> Iterator[None]:
    """Ignore all warnings inside the ``with`` block, or raise them as errors.

    Python keeps one list of warning filters for all threads. Two threads that change it at the same
    time could leave it changed permanently, so one waits for the other.
    """
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter(action)
        yield
