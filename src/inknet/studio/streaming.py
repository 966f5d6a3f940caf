"""The log of a training as a stream of server-sent events: first all so far, then live."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool

from inknet.studio.live import ENDS, Log

ALL = ("epoch", "finding")
"""Events of which each counts, and not the last alone."""
LOOKED_SECONDS, ASKED_SECONDS, BEAT_SECONDS = 0.25, 2.0, 15.0
"""How often the log of a training is looked at; after how long without news it is asked whether
the training is still there; and how long an open stream may be silent."""


async def events_of(
    log: Log,
    start: int,
    state: Callable[[], tuple[str, str]],
    is_gone: Callable[[], Awaitable[bool]],
) -> AsyncIterator[str]:
    """Yield the events of a log, and what is added to it, until the training ends.

    Of what happened before, all epochs and findings are told, and of the rest what was last.
    """
    before = await run_in_threadpool(lambda: list(log.read(start)))
    last = {event: place for place, event, _ in before if event not in ALL}
    said, lines = None, []
    for place, event, data in before:
        start = place
        if event in ALL or last[event] == place:
            said = data.get("state") if event == "state" else said
            lines.append(_as_text(place, event, data))
    if said not in ENDS:
        said, message = await run_in_threadpool(state)
        lines.append(_as_text(start, "state", {"state": said, "message": message}))
    yield "".join(lines)
    silent = 0.0
    while said not in ENDS and not await is_gone():
        await asyncio.sleep(LOOKED_SECONDS)
        silent, lines = silent + LOOKED_SECONDS, []
        for place, event, data in log.read(start):
            start, silent = place, 0.0
            said = data.get("state") if event == "state" else said
            lines.append(_as_text(place, event, data))
        if said == "training" and silent and silent % ASKED_SECONDS == 0:
            said, message = await run_in_threadpool(state)  # it may have been killed
            if said != "training":
                lines.append(_as_text(start, "state", {"state": said, "message": message}))
        if silent and silent % BEAT_SECONDS == 0:
            lines.append(": still here\n\n")
        if lines:
            yield "".join(lines)


def _as_text(place: int, event: str, data: dict[str, Any]) -> str:
    return f"id: {place}\nevent: {event}\ndata: {json.dumps(data)}\n\n"
