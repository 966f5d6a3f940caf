"""Measured figures in a JSON file, such as ``docs/record.json``: an entry for each measurement.

The file is written whole after each measurement, so work that was stopped at any moment continues
with the entries that are missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

from inknet.errors import InputError, quoted
from inknet.experiments.machine import describe_machine
from inknet.files import write_text_whole

FORMAT = 1
Entry: TypeAlias = dict[str, Any]


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write values as JSON, whole or not at all; `ValueError` for a number that is not finite."""
    write_text_whole(path, json.dumps(values, indent=1, allow_nan=False) + "\n")


def measured(measure: Callable[[], Entry]) -> Entry:
    """Measure; return the figures with when, how long, on what and besides how much other work."""
    load = os.getloadavg()[0]
    began, started = datetime.now(UTC), perf_counter()
    figures = measure()
    return {
        "began": began.isoformat(timespec="seconds"),
        "seconds_measured": round(perf_counter() - started, 1),
        "load_before": round(load, 1),
        "machine": describe_machine(),
        **figures,
    }


class MeasuredFile:
    """A file of measurements, which need not exist.

    Parameters
    ----------
    path
        ``{"format": 1, "entries": {NAME: {...}}}``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> dict[str, Entry]:
        """Return what was measured so far, by name; `InputError` if the file is another one."""
        if not self.path.exists():
            return {}
        try:
            values = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"{self.path}: cannot be read: {quoted(error)}") from None
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise InputError(f"{self.path}: expected measurements of format {FORMAT}")
        entries = values.get("entries")
        if not isinstance(entries, dict) or not all(isinstance(e, dict) for e in entries.values()):
            raise InputError(f"{self.path}: expected a table of entries")
        return entries

    def put(self, name: str, entry: Entry) -> None:
        """Keep a measurement, next to those that others have added meanwhile."""
        write_json(self.path, {"format": FORMAT, "entries": {**self.entries(), name: entry}})
