"""One contestant in a process of its own, so that its threads idle while another is measured.

The first line on standard input is JSON that says what to build, ``{"make": "module:name", "task":
…, "options": …}``. Each further line, ``[method, arguments]``, calls a method of what was built.
Each line is answered by a line on standard output, ``{"result": …}`` or ``{"error": …}``.
The end of the input ends the process.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import import_module
from typing import Any, TextIO

from benchmarks.task import Task


def build(order: dict[str, Any]) -> Any:
    """Make the contestant that an order describes."""
    module, name = order["make"].split(":")
    return getattr(import_module(module), name)(Task.from_json(order["task"]), **order["options"])


def answer(answers: TextIO, **values: Any) -> None:
    """Send one line."""
    print(json.dumps(values), file=answers, flush=True)


def main() -> None:
    """Serve until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    contestant: Any = None
    for line in sys.stdin:
        try:
            order = json.loads(line)
            if contestant is None:
                contestant = build(order)
                answer(answers, result=None)
            else:
                method, arguments = order
                answer(answers, result=getattr(contestant, method)(*arguments))
        except Exception as error:
            traceback.print_exc()
            answer(answers, error=" ".join(f"{type(error).__name__}: {error}".split())[:300])


if __name__ == "__main__":
    main()
