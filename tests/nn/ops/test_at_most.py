"""A share of the cores: several trainings at once, and the same bits on machines with more or fewer."""

import threading

import joblib
import numpy as np
import pytest
from splitting import split_among

from inknet.nn.ops import NumpyOps, parallel
from inknet.nn.ops.parallel import at_most, in_parts, n_cores


def n_parts() -> int:
    seen: list[int] = []
    in_parts(lambda first, last: seen.append(first), 10, 10)
    return len(seen)


def test_work_is_split_among_the_share_of_the_calling_thread_alone() -> None:
    elsewhere: list[int] = []
    with split_among(4):
        with at_most(1):
            assert n_parts() == 1
            thread = threading.Thread(target=lambda: elsewhere.append(n_parts()))
            thread.start()
            thread.join()
            with at_most(3):  # who is bound cannot give more
                assert n_parts() == 1
            assert n_parts() == 1
        with at_most(3):
            assert n_parts() == 3
        assert n_parts() == 4
    assert elsewhere == [4]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", 1),
        ("3", 3),
        (" 2 ", 2),
        ("2,4", 2),
        ("64", 8),
        ("0", 8),
        ("-1", 8),
        ("all", 8),
        ("", 8),
    ],
)
def test_omp_num_threads_bounds_the_cores(monkeypatch, value, expected) -> None:
    monkeypatch.setattr(parallel.os, "cpu_count", lambda: 8)
    monkeypatch.setattr(parallel.os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert n_cores.__wrapped__() == expected
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert n_cores.__wrapped__() == 8


def test_joblib_bounds_the_threads_of_its_processes(monkeypatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # joblib leaves what is set
    with joblib.parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        assert joblib.Parallel()(joblib.delayed(n_cores)() for _ in range(3)) == [1] * 3


def test_a_product_on_one_thread_is_that_of_a_machine_with_one_core() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(101, 37)), generator.normal(size=(37, 19))
    products = []
    for cores, share in ((1, 1), (4, 1), (5, 1)):
        out = np.empty((101, 19))
        with split_among(cores), at_most(share):
            NumpyOps(parallel=True).matmul(a, b, out)
        products.append(out.tobytes())
    assert len(set(products)) == 1
