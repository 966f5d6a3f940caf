"""Run the planned runs that are missing, and save each as soon as it ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import FrameType

from inknet.errors import StudyStopped
from inknet.experiments.backends import Backend
from inknet.experiments.plan import Plan
from inknet.experiments.results import Result, StudyFolder
from inknet.experiments.same_data import SameData
from inknet.training.ending import HUNG_UP, SIGNALS, listened_to

Report = Callable[[Plan, Result, int, int], object]
"""Called with plan and result of a finished run, how many of all are done, and of how many."""


def run_plans(
    plans: Sequence[Plan],
    root: Path,
    backend: Backend,
    *,
    changes: Sequence[str] = (),
    retry: bool = False,
    report: Report = lambda plan, result, done, total: None,
) -> list[StudyFolder]:
    """Run what is missing of some studies, all of them in one queue.

    Parameters
    ----------
    plans
        The studies and their runs.
    root
        Where their folders are, each called as its study.
    backend
        Where the runs are done; see `inknet.experiments.backends`.
    changes
        What the plans were changed by, to be saved with the results.
    retry
        Try runs again that failed before.
    report
        Called as each run ends.

    Raises
    ------
    InputError
        If a folder is not of its plan, or another process is at work in it; or if the data were
        changed since its first run.
    StudyStopped
        After a signal; the same call continues.
    """
    by_name = {plan.study.name: plan for plan in plans}
    folders = {name: StudyFolder(root / name) for name in by_name}
    with ExitStack() as stack:
        signalled = stack.enter_context(_stoppable())
        for name, plan in by_name.items():
            stack.enter_context(folders[name].at_work(plan, list(changes)))
        present = {name: folder.results() for name, folder in folders.items()}
        jobs = [
            job
            for name, plan in by_name.items()
            for job in plan.jobs
            if (known := present[name].get(job.name)) is None
            or (retry and known.outcome == "failed")
        ]
        same_data = {
            name: SameData(folders[name].folder, plan, present[name])
            for name, plan in by_name.items()
        }
        for name, same in same_data.items():
            same.check_sources(job for job in jobs if job.study == name)
        total = sum(len(plan.jobs) for plan in plans)
        done = total - len(jobs)
        if not jobs:
            return list(folders.values())
        results = stack.enter_context(closing(backend(jobs)))
        for result in results:
            if result["outcome"] in {ending.text for ending in SIGNALS.values()}:
                raise StudyStopped(result["outcome"])
            same_data[result["study"]].check(result["name"], result.get("data"))
            kept = folders[result["study"]].put(result)
            done += 1
            report(by_name[result["study"]], kept, done, total)
            if signalled:  # where Python could not raise, as in the end of an object's life
                raise StudyStopped(signalled[0])
    return list(folders.values())


@contextmanager
def _stoppable() -> Iterator[list[str]]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into `StudyStopped`, at once, wherever the main thread waits.

    Gives a list that then holds what happened.
    """
    signalled: list[str] = []
    if threading.current_thread() is not threading.main_thread():
        yield signalled
        return

    def stop(number: int, frame: FrameType | None) -> None:
        ending = SIGNALS[signal.Signals(number)]
        signalled.append(ending.text)
        if ending is HUNG_UP:  # it often comes twice, see `InterruptFlag`
            signal.signal(number, signal.SIG_IGN)
        raise StudyStopped(signalled[0])

    previous = listened_to()
    for number in previous:
        signal.signal(number, stop)
    try:
        yield signalled
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
