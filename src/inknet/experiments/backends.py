"""Where the runs are done: in this process, on several of this machine, or on a cluster.

All do the same with a list of jobs: yield the result of each as it ends, in any order. What a
worker does is `inknet.experiments.work.execute`; it writes nothing, so a run that is begun twice
because a worker died is still kept once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import Any, TypeAlias

from inknet.errors import InputError, StudyStopped, quoted, without_passwords
from inknet.experiments.plan import Job
from inknet.experiments.work import execute, failed

Results: TypeAlias = Generator[dict[str, Any], None, None]
Backend: TypeAlias = Callable[[Sequence[Job]], Results]

ANY_ERROR = (Exception, asyncio.CancelledError)
MOST_DEATHS = 3
"""How often processes may die before the study is given up."""
CONNECT_SECONDS = 5.0
"""How long to wait for the scheduler of a cluster to answer."""
WORKER_SECONDS = 60.0
"""How long to wait for a worker, when a cluster has none."""
ANSWER_SECONDS = 30.0
"""How long a scheduler may take to say which workers it has."""
LOOK_SECONDS = 2.0
"""How often to see whether the cluster still has workers."""
IDLE_SECONDS = 300.0
"""When a process without work ends."""
PARENT_SECONDS = 0.5
"""How often a process sees whether the one that leads the study is still there."""
ONE_THREAD = dict.fromkeys(
    [
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"),
        *("VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
    ],
    "1",
)
"""For libraries that are loaded before `execute`, which keeps to one thread too."""


def in_this_process(jobs: Sequence[Job]) -> Results:
    """Do one run after the other."""
    for job in jobs:
        yield execute(job)


def on_processes(n_processes: int) -> Backend:
    """Return a backend of so many processes of this machine, by joblib's executor.

    They end with this process, however that ends.

    Raises
    ------
    InputError
        If joblib is not installed. While it runs: if processes die again and again.
    """
    try:
        from joblib.externals.loky import ProcessPoolExecutor
    except ImportError:
        raise InputError("--jobs needs joblib: pip install 'inknet[experiments]'") from None

    def run(jobs: Sequence[Job]) -> Results:
        left = {(job.study, job.name): job for job in jobs}
        deaths = 0
        while left:
            try:
                executor = ProcessPoolExecutor(
                    min(n_processes, len(left)),
                    timeout=IDLE_SECONDS,
                    initializer=_end_with,
                    initargs=(os.getpid(),),
                    env=ONE_THREAD,
                )
                for result in _results(executor, list(left.values())):
                    del left[result["study"], result["name"]]
                    yield result
            except BrokenProcessPool:
                deaths += 1
                if deaths == MOST_DEATHS:
                    raise InputError(
                        f"processes died {deaths} times, perhaps for want of memory; "
                        f"{len(left)} runs are left, the same command continues with them"
                    ) from None

    return run


def _results(executor: Any, jobs: list[Job]) -> Results:
    """Yield the result of each job, from processes that end with the generator."""
    try:
        for future in as_completed([executor.submit(execute, job) for job in jobs]):
            yield future.result()
    finally:
        executor.shutdown(wait=True, kill_workers=True)


def _end_with(leader: int) -> None:
    """End this process soon after its parent, which may be killed and then ends nothing.

    Windows does not say that a parent has ended; there it ends when it has had no work for a while.
    """
    if os.name == "nt":
        return

    def watch() -> None:
        while os.getppid() == leader:
            sleep(PARENT_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="inknet-parent", daemon=True).start()


@contextmanager
def on_cluster(address: str) -> Generator[Backend, None, None]:
    """Connect to the scheduler of a Dask cluster, and give a backend of all its workers.

    A run whose worker dies is done again by another one; if that happens again and again, it is a
    failed run.

    Raises
    ------
    InputError
        If dask.distributed is not installed, no scheduler answers at the address, or the cluster
        has no worker for a minute. While it runs: if the scheduler ends or no longer answers.
    """
    try:
        from distributed import Client
        from distributed.comm.core import connect
    except ImportError:
        raise InputError("--dask needs dask.distributed: pip install 'inknet[cluster]'") from None

    async def knock() -> None:
        connecting = connect(address, timeout=CONNECT_SECONDS)
        (await asyncio.wait_for(connecting, CONNECT_SECONDS)).abort()

    for name in logging.root.manager.loggerDict:  # it is said in one line if a connection is lost
        if name.partition(".")[0] in ("asyncio", "distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        asyncio.run(knock())  # a client that finds nobody keeps trying after its error
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError):  # TimeoutError is an OSError
        shown = quoted(without_passwords(address))
        raise InputError(f"--dask {shown}: no Dask scheduler answers there") from None
    try:
        yield lambda jobs: _gather(client, address, jobs)
    finally:
        with suppress(*ANY_ERROR):  # of a connection that is lost already
            client.close(timeout=CONNECT_SECONDS)


def _gather(client: Any, address: str, jobs: Sequence[Job]) -> Results:
    """Submit all jobs, and yield each result; what is left in the end is cancelled."""
    from distributed import wait

    shown, futures = quoted(without_passwords(address)), {}
    try:
        futures = {client.submit(execute, job, pure=False): job for job in jobs}
        seen = monotonic()
        while futures:
            try:
                with client.as_current():
                    done = wait(list(futures), LOOK_SECONDS, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                done = set()
            identity = client.sync(client.scheduler.identity, callback_timeout=ANSWER_SECONDS)
            if identity.get("workers"):
                seen = monotonic()
            elif monotonic() - seen > WORKER_SECONDS and not done:
                raise InputError(
                    f"--dask {shown}: the cluster has had no worker for "
                    f"{WORKER_SECONDS:.0f} s; {len(futures)} runs are left, the same command goes "
                    "on with them"
                )
            for future in done:
                result = _result(future, futures[future])
                del futures[future]
                yield result
    except (InputError, StudyStopped):
        raise
    except ANY_ERROR as error:  # each way to lose a connection has an error of its own
        left = len(futures) or len(jobs)
        futures.clear()  # nobody is there to cancel them
        raise InputError(
            f"--dask {shown}: the scheduler does not answer any more ({type(error).__name__}); "
            f"{left} runs are left, the same command goes on with them"
        ) from None
    finally:
        if futures:
            with suppress(*ANY_ERROR):
                client.cancel(list(futures))


def _result(future: Any, job: Job) -> dict[str, Any]:
    """Return what a worker returned, or a failed run if that never came."""
    if future.status == "finished":
        result: dict[str, Any] = future.result()
        return result
    if future.status != "error":  # cancelled or lost, with the scheduler
        raise ConnectionError(future.status)
    reason = future.exception()
    return failed(job, f"no worker finished it: {type(reason).__name__}: {reason}")
