"""A share of the cores: several trainings at once, and the same bits on machines with more or fewer."""

import threading

import numpy as np
from splitting import split_among

from inknet.nn.ops import NumpyOps
from inknet.nn.ops.parallel import at_most, in_parts


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
            with at_most(3):
                assert n_parts() == 3
            assert n_parts() == 1
        assert n_parts() == 4
    assert elsewhere == [4]


def test_a_product_on_one_thread_is_that_of_a_machine_with_one_core() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(101, 37)), generator.normal(size=(37, 19))
    products = []
    for n_cores, share in ((1, 1), (4, 1), (5, 1)):
        out = np.empty((101, 19))
        with split_among(n_cores), at_most(share):
            NumpyOps(parallel=True).matmul(a, b, out)
        products.append(out.tobytes())
    assert len(set(products)) == 1
