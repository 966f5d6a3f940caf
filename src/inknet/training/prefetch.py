"""The prefetcher: a thread that loads the next batches while the network uses the current ones."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from inknet.training.threads import allowed_threads

ROWS_AHEAD = 1024
"""How many rows are loaded at a time."""

Part = TypeVar("Part")
Loaded = TypeVar("Loaded")


def prefetch(
    load: Callable[[int, Part], Loaded], parts: Sequence[Part]
) -> Generator[Loaded, None, None]:
    """Yield ``load(slot, part)`` for each part; slots 0 and 1 take turns.

    While one part is in use, a thread loads the next one into the other slot. A single part is
    loaded without a thread, and so are all if only one may compute. A caller that stops early must
    close the generator, which ends the thread.
    """
    if len(parts) < 2 or allowed_threads() < 2:
        for number, part in enumerate(parts):
            yield load(number % 2, part)
        return
    with ThreadPoolExecutor(1, "inknet-batches") as thread:
        coming = thread.submit(load, 0, parts[0])
        for number in range(1, len(parts)):
            ready = coming.result()
            coming = thread.submit(load, number % 2, parts[number])
            yield ready
        yield coming.result()
