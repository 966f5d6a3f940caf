"""Warnings of the libraries that read files, ignored or made errors, from any thread."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def warnings_taken(action: Literal["ignore", "error"]) -> Iterator[None]:
    """Ignore all warnings for a while, or let them be errors.

    Python keeps one list of warning filters for all threads. Two threads that change it at once
    can leave it changed for good, so one waits for the other.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter(action)
        yield
