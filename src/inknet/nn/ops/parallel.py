"""Several threads for one large piece of work.

BLAS libraries have their own threads, which wait for one another in busy loops. If another program
needs a core too, that makes training ten times slower. So training limits the library to one thread
and splits large work itself, among threads that sleep while they wait.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from queue import SimpleQueue
from threading import Thread
from typing import TypeAlias

LEAST_WORK = 16_000_000
"""The fewest multiplications for which waking a thread pays off; they take some 0.3 ms."""

_Done: TypeAlias = SimpleQueue[BaseException | None]
_Job: TypeAlias = tuple[Callable[[int, int], None], int, int, _Done]
_share: ContextVar[int] = ContextVar("_share", default=sys.maxsize)


def in_parts(part: Callable[[int, int], None], n: int, n_multiplications: int) -> None:
    """Call ``part(first, last)`` until 0 to ``n`` is done, on as many cores as there is work for.

    ``part`` runs in several threads at once, so it must write only to its own part. How the work
    is split depends on its size and on the number of cores (or the share of them that `at_most`
    leaves), never on how busy they are.
    """
    n_parts = min(n_multiplications // LEAST_WORK, n_cores(), _share.get(), n)
    if n_parts < 2:
        part(0, n)
        return
    bounds = [n * k // n_parts for k in range(n_parts + 1)]
    done: _Done = SimpleQueue()
    for k in range(1, n_parts):
        _jobs().put((part, bounds[k], bounds[k + 1], done))
    try:
        part(0, bounds[1])
    finally:  # also after an error, no thread may be left writing
        errors = [done.get() for _ in range(1, n_parts)]
    for error in filter(None, errors):
        raise error


@contextmanager
def at_most(n_threads: int) -> Iterator[None]:
    """Split the work of the calling thread among no more threads than that; a bound can be lowered.

    For several trainings in parallel, each with its share of the cores. Also for the same bits on
    machines with different numbers of cores: the last bits of a product depend on its split.
    """
    token = _share.set(min(n_threads, _share.get()))
    try:
        yield
    finally:
        _share.reset(token)


@cache
def n_cores() -> int:
    """Return how many cores this process may use: those of the system, at most OMP_NUM_THREADS.

    joblib sets that variable for its processes, as do the schedulers of clusters.
    """
    if sys.platform == "linux":
        n_available = len(os.sched_getaffinity(0))
    else:
        n_available = os.cpu_count() or 1
    # OpenMP 5.2, section 21.1.2: one number for each level of nesting, the first is the outermost
    bound = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if bound.isdecimal() and int(bound) > 0:
        return min(n_available, int(bound))
    return n_available


@cache
def _jobs() -> SimpleQueue[_Job]:
    """Start a thread for each core but one; return the queue from which they take their jobs."""
    jobs: SimpleQueue[_Job] = SimpleQueue()
    for _ in range(n_cores() - 1):
        Thread(target=_work, args=(jobs,), name="inknet-ops", daemon=True).start()
    return jobs


def _work(jobs: SimpleQueue[_Job]) -> None:
    while True:
        part, first, last, done = jobs.get()
        error = None
        try:
            part(first, last)
        except BaseException as raised:  # the caller raises it
            error = raised
        done.put(error)


if hasattr(os, "register_at_fork"):  # a forked process inherits the queue, but no threads
    os.register_at_fork(after_in_child=_jobs.cache_clear)
