"""How many threads a training uses: one of the BLAS library, and as many of its own as it may.

BLAS libraries and inknet take turns, so the bound that a user sets for the former, by
``OPENBLAS_NUM_THREADS`` or threadpoolctl, holds for the latter too. See `inknet.nn.ops.parallel`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

from threadpoolctl import ThreadpoolController

from inknet.nn.ops.parallel import at_most, n_cores

_lock = Lock()
_n_trainings = 0
_n_allowed: int | None = None
_keeper: Thread | None = None
_over = Event()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit the BLAS library to one thread, and what is split here to as many as that had before.

    The last of overlapping trainings lifts the limit; the bound of the first holds for all.
    """
    global _n_trainings, _n_allowed, _keeper, _over
    with _lock:
        if _n_trainings == 0:
            _n_allowed = _threads_of_blas()
            limited, _over = Event(), Event()
            _keeper = Thread(target=_limit, args=(limited, _over), name="inknet-blas", daemon=True)
            _keeper.start()
            limited.wait()
        _n_trainings += 1
    try:
        # some libraries count threads for each calling thread: the keeper does not limit this one
        with ThreadpoolController().limit(limits=1, user_api="blas"), at_most(allowed_threads()):
            yield
    finally:
        with _lock:
            _n_trainings -= 1
            if _n_trainings == 0:
                _n_allowed = None
                _over.set()
                if _keeper is not None:
                    _keeper.join()


def allowed_threads() -> int:
    """Return how many threads may compute: the cores, or the bound that holds for this training."""
    bound = _n_allowed  # read once: another thread may change it
    return n_cores() if bound is None else min(n_cores(), bound)


def _threads_of_blas() -> int | None:
    """Return how many threads the BLAS libraries may use; None if none of them has threads."""
    libraries = ThreadpoolController().select(user_api="blas").info()
    return min(
        (one["num_threads"] for one in libraries if one.get("threading_layer") != "disabled"),
        default=None,
    )


def _after_fork() -> None:
    """Begin anew in a forked process: the thread that keeps the limit is not there."""
    global _lock, _n_trainings, _n_allowed, _keeper
    _lock, _n_trainings, _n_allowed, _keeper = Lock(), 0, None, None


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
