"""Problems of the system, not of the input: what to say of them in one line.

Only the standard library is imported here: where memory is short, nothing else may load.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

LONGEST_DETAIL = 200  # characters
WANT_OF_MEMORY = (
    "cannot allocate memory",
    "can't start new thread",
    "failed to map segment",
    "failed to serialize proto",
    "memory allocation failed",
    "not enough memory",
    "out of memory",
    "unable to allocate",
)
"""How libraries and the loader of shared ones say it, in errors of many types."""


def system_problem(error: BaseException) -> str | None:
    """Return what to say of an error that the system caused; None if it is a fault of a program.

    Parameters
    ----------
    error
        Want of memory shows in errors of many types, often in one that came before.
    """
    said = [str(one) for one in _with_causes(error) if _is_want_of_memory(one)]
    if said:
        detail = " ".join(said[-1].split())[:LONGEST_DETAIL]
        return f"not enough memory{f': {detail}' if detail else ''}"
    if not isinstance(error, OSError):
        return None
    place = f"{error.filename}: " if error.filename else ""
    reason = f"{place}{error.strerror or error}"
    return reason if _has_working_folder() else f"{reason}; the working folder does not exist"


def _is_want_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    text = str(error).lower()
    return any(words in text for words in WANT_OF_MEMORY)


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error and those it came of, the newest first."""
    known: set[int] = set()
    while error is not None and id(error) not in known:
        known.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _has_working_folder() -> bool:
    try:
        return Path(os.getcwd()).is_dir()  # noqa: PTH109, as it is what fails
    except OSError:
        return False
