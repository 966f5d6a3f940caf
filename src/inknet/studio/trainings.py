"""Trainings that the studio starts: each a process of its own, one at a time."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from inknet.data.sources import source_names
from inknet.errors import InputError
from inknet.files import cut_to_bytes, lock_in, write_text_whole
from inknet.recipes import Recipe, load_recipe, recipe_names
from inknet.runs.unfinished import NAME, Unfinished
from inknet.studio.live import BEGINS, ENDS, Log

PLACE = ".studio"
"""In the folder of the runs: the logs of trainings."""
PAUSE_SECONDS = 20.0
"""How long a training may take to come to its end after it was told to pause."""
UNTOUCHED = ("data.source", "name")
"""Keys that a request gives otherwise, or not at all."""


class BusyError(InputError):
    """Another training is in progress."""


class Trainings:
    """Starts, pauses, resumes and stops trainings in a folder of runs.

    Parameters
    ----------
    root
        The folder of the runs.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def log(self, run: str) -> Log:
        """Return the log of a training."""
        return Log(self.root / PLACE / f"{run}.jsonl")

    def current(self) -> str | None:
        """Return the run that is being trained, also if another studio started it."""
        with suppress(OSError):
            for path in sorted((self.root / PLACE).glob("*.pid")):
                if self.is_training(path.stem):
                    return path.stem
        return None

    def is_training(self, run: str) -> bool:
        """Return whether a process is training into the folder of a run."""
        process = self._processes.get(run)
        is_there = self._is_alive(run) if process is None else process.poll() is None
        return is_there and self.log(run).state not in ENDS  # it may need a moment to end

    def state(self, run: str) -> tuple[str, str]:
        """Return what a training does now, and a sentence about it."""
        logged = self.log(run).state
        if logged in ENDS or self.is_training(run):
            return logged or "training", ""
        if Unfinished(self.root / run).has_checkpoint:
            return "paused", ""
        return "failed", "It was ended before its first checkpoint."

    def _is_alive(self, run: str) -> bool:
        """Return whether the process that another studio started is still there."""
        path = self.root / PLACE / f"{run}.pid"
        try:
            pid = int(path.read_text("ascii"))
        except (OSError, ValueError):
            return False
        try:
            os.kill(pid, 0)
        except OSError:
            path.unlink(missing_ok=True)
            return False
        return self._is_locked(run)

    def _is_locked(self, run: str) -> bool:
        """Return whether a process works in the folder of a run: a number may be used again."""
        from filelock import Timeout

        folder = self.root / run / NAME
        if not folder.is_dir():
            return self.log(run).state not in (*ENDS, "paused")
        lock = lock_in(folder)
        try:
            lock.acquire()
        except (Timeout, OSError):
            return True
        lock.release()
        return False

    # -- requests ---------------------------------------------------------------------------------

    def recipe(self, request: Mapping[str, Any]) -> Recipe:
        """Return the recipe that is asked for.

        Raises
        ------
        InputError
            Naming what is wrong with it.
        """
        name, source = request.get("recipe", "digits"), request.get("source")
        if name not in recipe_names():
            raise InputError(f"No recipe is called {str(name)[:100]!r}.")
        settings = request.get("settings") or {}
        if not isinstance(settings, dict):
            raise InputError('The settings are expected as {"table.key": value}.')
        for key, value in settings.items():
            if key in UNTOUCHED or isinstance(value, dict):
                raise InputError(f"{key[:100]} is not a setting here.")
        if source is not None and source not in source_names():
            raise InputError(f"The studio trains on {', '.join(source_names())}.")
        return load_recipe(str(name), settings=settings, source=source)

    def start(self, request: Mapping[str, Any]) -> str:
        """Start a training; return its run.

        Raises
        ------
        InputError
            If it is not valid; `BusyError` if another one is in progress.
        """
        recipe = self.recipe(request)
        with self._lock:
            self._refuse_if_busy()
            run = self._new_run(str(request.get("name") or recipe.name))
            path = self.place() / f"{run}.toml"
            write_text_whole(path, recipe.to_toml())
            self._spawn(run, ["train"], ["--recipe", str(path)])
        return run

    def learn(self, base: Path | None, corrections: Path, name: str) -> str:
        """Start a training of a model on its corrections; return the new run."""
        with self._lock:
            self._refuse_if_busy()
            run = self._new_run(name)
            options = ["--corrections", str(corrections)]
            self._spawn(run, ["learn"], options + (["--base", str(base)] if base else []))
        return run

    def resume(self, run: str) -> None:
        """Resume a paused training."""
        with self._lock:
            self._refuse_if_busy()
            Unfinished(self.root / run).recipe()  # raises if there is nothing to resume
            self._spawn(run, ["resume"], [])

    def pause(self, run: str) -> None:
        """End the process of a training, and keep its checkpoint."""
        self._refuse_unless_training(run)
        end = monotonic() + PAUSE_SECONDS
        while self.log(run).is_about_to_begin and self.is_training(run) and monotonic() < end:
            sleep(0.05)  # before it trains, it would end without a checkpoint
        self._signal(run, signal.SIGTERM)
        while self.is_training(run) and monotonic() < end:
            sleep(0.05)

    def stop(self, run: str) -> None:
        """End a training after its current step; what it has learned becomes a run."""
        self._refuse_unless_training(run)
        (self.place() / f"{run}.stop").touch()

    # -- processes --------------------------------------------------------------------------------

    def _refuse_if_busy(self) -> None:
        if (busy := self.current()) is not None:
            raise BusyError(f"{busy} is being trained; pause or stop it first.")

    def _refuse_unless_training(self, run: str) -> None:
        if not self.is_training(run):
            raise InputError(f"{run[:100]} is not being trained.")

    def place(self) -> Path:
        """Return the folder of the logs; make it if it is not there."""
        place = self.root / PLACE
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.root} cannot be written: {error.strerror}.") from None
        return place

    def _new_run(self, name: str) -> str:
        """Return an identifier that no run has: the time and a name."""
        plain = cut_to_bytes(re.sub(r"[^\w.-]+", "-", name), 80).strip("-.") or "run"
        stem = f"{datetime.now():%Y%m%d-%H%M%S}-{plain}"
        names = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
        # one that was ended before it had a folder has a log
        return next(
            one
            for one in names
            if not (self.root / one).exists() and not self.log(one).path.exists()
        )

    def _spawn(self, run: str, what: Sequence[str], options: Sequence[str]) -> None:
        place = self.place()
        (place / f"{run}.stop").unlink(missing_ok=True)
        log = place / f"{run}.jsonl"
        if what[0] != "resume":
            log.unlink(missing_ok=True)
        Log(log).write("state", state="training", message=BEGINS)
        command = [sys.executable, "-m", "inknet.studio.process", *what]
        with (place / f"{run}.err").open("wb") as complaints:
            process = subprocess.Popen(
                [*command, str(self.root / run), str(log), *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                start_new_session=True,  # it outlives the studio, and its Ctrl-C
            )
        self._processes[run] = process
        (place / f"{run}.pid").write_text(str(process.pid), "ascii")
        threading.Thread(target=self._await, args=(run, process), daemon=True).start()

    def _await(self, run: str, process: subprocess.Popen[bytes]) -> None:
        """Wait for the end of a process; log it, if it could not do so itself."""
        process.wait()
        with self._lock:
            if self._processes.get(run) is not process:  # it was resumed
                return
            (self.root / PLACE / f"{run}.pid").unlink(missing_ok=True)
        log = self.log(run)
        if log.state not in (*ENDS, "paused"):
            state, message = self.state(run)
            log.write("state", state=state, message=message)

    def _signal(self, run: str, number: signal.Signals) -> None:
        process = self._processes.get(run)
        pid = process.pid if process is not None else self._pid(run)
        if pid is not None:
            with suppress(OSError):
                os.kill(pid, number)

    def _pid(self, run: str) -> int | None:
        try:
            return int((self.root / PLACE / f"{run}.pid").read_text("ascii"))
        except (OSError, ValueError):
            return None
