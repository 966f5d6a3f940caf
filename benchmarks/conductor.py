"""Lets contestants take turns: each in its own process, one measured at a time, round by round."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep
from types import TracebackType
from typing import Any

from benchmarks.task import Task

ROOT = Path(__file__).resolve().parent.parent
PAUSE = 0.3
"""Seconds between two turns, in which the threads of the last one go to sleep."""


@dataclass(frozen=True)
class Entry:
    """What to start in a process.

    Attributes
    ----------
    name : str
        As in the tables.
    family : str
        Entries of one family are ways to do the same; the fastest counts.
    make : str
        ``module:class``.
    options : dict
        What the class takes besides the task.
    environment : dict
        Environment variables that the process is to have.
    """

    name: str
    family: str
    make: str
    options: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


class WorkerError(Exception):
    """A contestant could not do what it was asked to."""


class Worker:
    """A contestant in its process.

    Raises
    ------
    WorkerError
        In one line, if the contestant cannot be built, or a call fails.
    """

    def __init__(self, entry: Entry, task: Task) -> None:
        self.entry = entry
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env={**os.environ, **entry.environment},
            text=True,
            encoding="utf-8",
        )
        try:
            order = {"make": entry.make, "task": task.to_json(), "options": entry.options}
            self._ask(order)
        except BaseException:
            self.close()
            raise

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of the contestant, and wait for what it returns."""
        return self._ask([method, arguments])

    def _ask(self, order: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            print(json.dumps(order), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerError(f"its process ended with code {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer["result"]

    @property
    def process(self) -> int:
        """The number of the process."""
        return self._process.pid

    def processor_seconds(self) -> float:
        """Return the processor time that the process used so far (Linux; elsewhere 0)."""
        try:
            text = Path(f"/proc/{self._process.pid}/stat").read_text("ascii")
        except OSError:
            return 0.0
        user, system = text.rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class Company:
    """All contestants of one study, warmed up; those that cannot take part are left out by name.

    Attributes
    ----------
    workers : dict of str to Worker
    missing : dict of str to str
        Why each of them is left out.
    busy_while_idle : float
        The largest share of a core that all the waiting processes took together during a turn.
    """

    def __init__(
        self, entries: Sequence[Entry], task: Task, warm_up: Sequence[tuple[Any, ...]]
    ) -> None:
        self.workers: dict[str, Worker] = {}
        self.missing: dict[str, str] = {}
        self.busy_while_idle = 0.0
        for entry in entries:
            started = perf_counter()
            try:
                worker = Worker(entry, task)
                self.workers[entry.name] = worker
                for call in warm_up:
                    worker.call(*call)
            except WorkerError as error:
                self._leave_out(entry.name, str(error))
            else:
                say(f"  {entry.name}: ready after {perf_counter() - started:.1f} s")

    def _leave_out(self, name: str, reason: str) -> None:
        say(f"  {name}: left out, {reason}")
        self.missing[name] = reason
        if name in self.workers:
            self.workers.pop(name).close()

    def rounds(self, n_rounds: int, *call: Any) -> dict[str, list[Any]]:
        """Let each make the call in turn, ``n_rounds`` times; return the results by name."""
        results: dict[str, list[Any]] = {name: [] for name in self.workers}
        for n in range(n_rounds):
            # every other round backwards: no one always follows the same neighbour
            for name in list(self.workers)[:: -1 if n % 2 else 1]:
                try:
                    results[name].append(self._turn(name, call))
                except WorkerError as error:
                    self._leave_out(name, str(error))
                    del results[name]
        return results

    def _turn(self, name: str, call: tuple[Any, ...]) -> Any:
        sleep(PAUSE)
        others = [worker for other, worker in self.workers.items() if other != name]
        before, started = sum(w.processor_seconds() for w in others), perf_counter()
        result = self.workers[name].call(*call)
        used = sum(w.processor_seconds() for w in others) - before
        self.busy_while_idle = max(
            self.busy_while_idle, used / max(perf_counter() - started, PAUSE)
        )
        return result

    def once(self, *call: Any) -> dict[str, Any]:
        """Let each make the call once; return the results by name."""
        results: dict[str, Any] = {}
        for name, worker in list(self.workers.items()):
            try:
                results[name] = worker.call(*call)
            except WorkerError as error:
                self._leave_out(name, str(error))
        return results

    def __enter__(self) -> Company:
        """Return the company."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all processes."""
        for worker in self.workers.values():
            worker.close()


def say(line: str) -> None:
    """Show the progress."""
    print(line, file=sys.stderr, flush=True)
