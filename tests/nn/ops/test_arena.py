import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from inknet import MLP, InputError
from inknet.nn.ops import arena
from inknet.nn.ops.arena import HUGE_PAGE, Arena

SHAPES = st.lists(
    st.one_of(st.tuples(), st.tuples(st.integers(0, 300)), st.tuples(*[st.integers(0, 60)] * 2)),
    min_size=1,
    max_size=12,
)
DTYPES = st.sampled_from([np.dtype("float32"), np.dtype("float64")])


@given(shapes=SHAPES, dtype=DTYPES)
@settings(max_examples=60, deadline=None)
def test_arrays_are_zeros_of_their_shape_and_do_not_overlap(shapes, dtype):
    arena = Arena(dtype)
    arrays = [arena.zeros(*shape) for shape in shapes]
    for shape, array in zip(shapes, arrays, strict=True):
        assert array.shape == shape
        assert array.dtype == dtype
        assert array.flags.c_contiguous
        assert array.size == 0 or array.ctypes.data % 64 == 0, "each begins a cache line"
        assert_array_equal(array, 0)
    for number, array in enumerate(arrays, 1):
        array[...] = number
    for number, array in enumerate(arrays, 1):
        assert_array_equal(array, number, "nothing else was written here")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_pages", [0.5, 1, 1.5, 2, 3])
def test_large_arrays_follow_one_another_over_the_end_of_a_block(dtype, n_pages):
    arena = Arena(np.dtype(dtype))
    size = int(n_pages * HUGE_PAGE) // arena.dtype.itemsize + 1
    arrays = [arena.zeros(size) for _ in range(6)]
    for number, array in enumerate(arrays, 1):
        assert array.ctypes.data % 64 == 0
        assert_array_equal(array, 0)
        array[:] = number
    for number, array in enumerate(arrays, 1):
        assert_array_equal(array, number)


def test_a_block_begins_a_huge_page_and_small_arrays_lie_side_by_side():
    arena = Arena(np.dtype("float32"))
    first, second = arena.zeros(100), arena.zeros(3, 7)
    assert first.ctypes.data % HUGE_PAGE == 0
    assert second.ctypes.data - first.ctypes.data == 448  # 400 bytes, and up to the next 64


def test_an_array_that_no_training_could_hold_is_refused(monkeypatch):
    monkeypatch.setattr(arena, "memory", lambda: 4_000)
    assert len(Arena(np.dtype("float32")).zeros(250)) == 250
    with pytest.raises(MemoryError):
        Arena(np.dtype("float32")).zeros(251)
    with pytest.raises(MemoryError):
        Arena(np.dtype("float64")).zeros(5, 26)


def test_a_network_that_does_not_fit_is_refused_before_it_is_made(monkeypatch):
    with pytest.raises(InputError, match=r"a network of [\d,]+ parameters does not fit in memory"):
        MLP([784, int(arena.memory()) // 784, 10])  # a quarter of what it takes is there
    monkeypatch.setattr(arena, "memory", lambda: 16 * 108)
    assert MLP([5, 12, 2]).network.n_parameters == 98
    with pytest.raises(InputError, match="a network of 114 parameters does not fit in memory"):
        MLP([5, 14, 2])


def test_the_memory_of_this_machine_is_known():
    assert 2**28 < arena.memory() < 2**50
