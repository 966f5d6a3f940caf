"""Work split into parts on any machine, however small the work and however few the cores."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from inknet.nn.ops import parallel

MOST_CORES = 5


@contextmanager
def split_among(n_cores: int) -> Iterator[None]:
    """Let `in_parts` believe in that many cores, and split whatever has two rows."""
    assert n_cores <= MOST_CORES
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "LEAST_WORK", 1)
        patch.setattr(parallel, "n_cores", lambda: MOST_CORES)
        if parallel._jobs not in _with_all_threads:
            parallel._jobs.cache_clear()
            _with_all_threads.append(parallel._jobs)
        parallel._jobs()
        patch.setattr(parallel, "n_cores", lambda: n_cores)
        yield


_with_all_threads: list[object] = []


class GivenBits:
    """In place of a generator: draws the given bits, ``(n, d)`` uint16, every time."""

    def __init__(self, bits):
        self.bits, self.bit_generator = bits, self

    def random_raw(self, n):
        padded = np.zeros(4 * n, np.uint16)
        padded[: self.bits.size] = self.bits.ravel()
        return padded.view(np.uint64)
