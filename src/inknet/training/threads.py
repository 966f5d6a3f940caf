"""One thread for the BLAS library while a network trains; see `inknet.nn.ops.parallel`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

from threadpoolctl import ThreadpoolController

_lock = Lock()
_n_trainings = 0
_keeper: Thread | None = None
_over = Event()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit the BLAS library to one thread; the last of overlapping trainings lifts the limit."""
    global _n_trainings, _keeper, _over
    with _lock:
        if _n_trainings == 0:
            limited, _over = Event(), Event()
            _keeper = Thread(target=_limit, args=(limited, _over), name="inknet-blas", daemon=True)
            _keeper.start()
            limited.wait()
        _n_trainings += 1
    try:
        # some libraries count threads for each calling thread: the keeper does not limit this one
        with ThreadpoolController().limit(limits=1, user_api="blas"):
            yield
    finally:
        with _lock:
            _n_trainings -= 1
            if _n_trainings == 0:
                _over.set()
                if _keeper is not None:
                    _keeper.join()


def _after_fork() -> None:
    """Begin anew in a forked process: the thread that keeps the limit is not there."""
    global _lock, _n_trainings, _keeper
    _lock, _n_trainings, _keeper = Lock(), 0, None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _limit(limited: Event, over: Event) -> None:
    """Limit, and lift the limit when all is over: both must be done by the same thread."""
    try:
        with ThreadpoolController().limit(limits=1, user_api="blas"):
            limited.set()
            over.wait()
    finally:
        limited.set()  # nobody may wait for a limit that could not be set
