import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

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
