import multiprocessing
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from splitting import split_among

from inknet.nn.ops import NUMPY, NumpyOps, parallel
from inknet.nn.ops.numba import NumbaOps
from inknet.nn.ops.parallel import LEAST_WORK, in_parts


def parts_of(n, n_multiplications):
    """The parts that the work is cut into, and the threads that did them."""
    seen = []
    in_parts(lambda a, b: seen.append((a, b, threading.get_ident())), n, n_multiplications)
    return sorted(seen)


@given(n=st.integers(0, 200), n_multiplications=st.integers(0, 400), n_cores=st.integers(1, 5))
@settings(max_examples=200, deadline=None)
def test_the_parts_are_the_whole_without_a_gap_or_an_overlap(n, n_multiplications, n_cores):
    with split_among(n_cores):
        parts = parts_of(n, n_multiplications)
    assert [first for first, _, _ in parts] == [0, *(last for _, last, _ in parts[:-1])]
    assert parts[-1][1] == n
    assert len(parts) == max(1, min(n, n_multiplications, n_cores))
    sizes = [last - first for first, last, _ in parts]
    assert max(sizes) - min(sizes) <= 1


def test_little_work_stays_in_the_thread_that_has_it(monkeypatch):
    monkeypatch.setattr(parallel, "n_cores", lambda: 4)
    assert parts_of(100, 2 * LEAST_WORK - 1) == [(0, 100, threading.get_ident())]


def test_the_caller_takes_one_part_and_other_threads_the_rest():
    barrier = threading.Barrier(3, timeout=30)  # which only three threads at once can pass
    threads = set()

    def part(first, last):
        threads.add(threading.get_ident())
        barrier.wait()

    with split_among(3):
        in_parts(part, 3, 3)
    assert len(threads) == 3
    assert threading.get_ident() in threads


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("error", [ValueError("not today"), KeyboardInterrupt("not today")])
def test_an_error_in_any_part_reaches_the_caller_and_the_next_work_is_done(number, error):
    def fail(first, last):
        if first <= number < last:
            raise error

    with split_among(4):
        with pytest.raises(type(error), match="not today"):
            in_parts(fail, 4, 4)
        assert len(parts_of(4, 4)) == 4


def products(ops, seed):
    """A product split among threads, and the same from NumPy in one piece."""
    generator = np.random.default_rng(seed)
    a, b = generator.normal(size=(23, 7)), generator.normal(size=(7, 9))
    out = np.empty((23, 9))
    ops.matmul(a, b, out)
    return out, a @ b


@pytest.mark.parametrize("ops", [NumpyOps(parallel=True), NumbaOps(parallel=True)])
def test_many_threads_may_split_their_work_at_once(ops):
    with split_among(3), ThreadPoolExecutor(8) as pool:
        for found, expected in pool.map(lambda seed: products(ops, seed), range(200)):
            assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_only_who_asks_for_it_is_split(monkeypatch):
    def refuse(*args):
        raise AssertionError("split")

    monkeypatch.setattr("inknet.nn.ops.formulas.in_parts", refuse)
    products(NUMPY, 0)
    with pytest.raises(AssertionError, match="split"):
        products(NumpyOps(parallel=True), 0)


def split_in_child():
    ops = NumbaOps(parallel=True)
    for seed in range(5):
        found, expected = products(ops, seed)
        assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    vector = np.ones(40)
    ops.add_scaled(np.arange(40.0), 2.0, vector)
    assert_allclose(vector, 1 + 2 * np.arange(40.0))


@pytest.mark.skipif(sys.platform != "linux", reason="forks are made on Linux")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    with split_among(3):
        products(NumpyOps(parallel=True), 0)  # the parent's threads are there
        child = multiprocessing.get_context("fork").Process(target=split_in_child)
        child.start()
        child.join(60)
        is_stuck = child.is_alive()
        child.kill()
        child.join()
        assert not is_stuck
        assert child.exitcode == 0
        products(NumpyOps(parallel=True), 0)  # and still there
