"""The innermost loop of the first layer, written for the vector registers of a processor.

Compilers turn a loop over numbers into one over vectors if they can prove that it is safe, and keep
sums in registers if they know how many there are. Here they can do neither, and lose half of the
speed. So this loop is written in the language that numba compiles to, LLVM's, which knows vectors
of any length and turns them into those that the machine has.

In Python, with ``a`` a block of columns, it would be ::

    for k in range(first, last):
        row = matrix[indices[k], a]
        even += values[k, 0] * row
        odd += values[k, 1] * row

Each piece of the matrix that is fetched serves two sums: fetching is what takes the time.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array
from numpy.typing import NDArray

from inknet.nn.arrays import Floats
from inknet.nn.ops.numba.kernel import kernel

as_array: Any = make_array  # numba has no type hints

VECTOR_BYTES = 64
"""As large as a register can be; where they are smaller, LLVM takes several."""

LARGEST_BLOCK = 8 if llvmlite.binding.get_host_cpu_features().get("avx512f") else 2
"""Vectors in a block. Two sums of each must fit into the registers, next to one row."""

STRIP_BYTES = 8 * VECTOR_BYTES
"""The part of each row of a matrix that is multiplied before the next part. For 784 rows this is
400 kB, which fits in a core's own cache; whole rows would come from the cache that cores share."""

_INDEX = ir.IntType(64)


def _index(number: int) -> ir.Constant:
    return ir.Constant(_INDEX, number)


def _adder(n_vectors: int) -> Any:
    """Return a function for kernels that computes two rows of a block of so many vectors."""

    @intrinsic
    def add_pair(
        context: Any,
        values: Any,
        indices: Any,
        first: Any,
        last: Any,
        matrix: Any,
        start: Any,
        column: Any,
        even: Any,
        odd: Any,
    ) -> Any:
        """Write ``start + sum(values[k] · matrix[indices[k]])`` to ``even`` and ``odd``.

        ``values`` is ``(n, 2)``, ``indices`` uint32 ``(n,)``, ``matrix`` ``(m, d)``, ``start``,
        ``even`` and ``odd`` ``(d,)``, all contiguous; k goes from ``first`` to ``last``. Columns
        are those from ``column`` on, as many as the block has. Nothing is checked.
        """
        arguments = values, indices, first, last, matrix, start, column, even, odd
        return types.void(*arguments), _generate

    def _generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        parts: list[Any] = [
            as_array(kind)(context, builder, argument)
            if isinstance(kind, types.Array)
            else argument
            for kind, argument in zip(signature.args, arguments, strict=True)
        ]
        values, indices, first, last, matrix, start, column, even, odd = parts
        itemsize = signature.args[4].dtype.bitwidth // 8
        lanes = VECTOR_BYTES // itemsize
        vector = ir.VectorType(values.data.type.pointee, lanes)
        nothing = ir.Constant(vector, ir.Undefined)
        first_lane = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
        width = builder.extract_value(matrix.shape, 1)
        blocks = range(n_vectors)

        def pointer(array: Any, place: Any, block: int) -> Any:
            place = builder.add(place, _index(block * lanes))
            return builder.bitcast(builder.gep(array.data, [place]), vector.as_pointer())

        def spread(number: Any) -> Any:
            one = builder.insert_element(nothing, number, ir.IntType(32)(0))
            return builder.shuffle_vector(one, nothing, first_lane)

        def plus_product(sums: Any, factor: Any, row: Any) -> Any:
            product = builder.fmul(factor, row, flags=("contract",))
            return builder.fadd(sums, product, flags=("contract",))

        before = builder.block
        head = builder.append_basic_block("head")
        body = builder.append_basic_block("body")
        end = builder.append_basic_block("end")
        starts = [builder.load(pointer(start, column, b), align=itemsize) for b in blocks]
        builder.branch(head)

        builder.position_at_end(head)
        k = builder.phi(_INDEX)
        k.add_incoming(first, before)
        sums = [[builder.phi(vector) for _ in blocks] for _ in range(2)]
        for of_row in sums:
            for total, begin in zip(of_row, starts, strict=True):
                total.add_incoming(begin, before)
        builder.cbranch(builder.icmp_signed("<", k, last), body, end)

        builder.position_at_end(body)
        index = builder.zext(builder.load(builder.gep(indices.data, [k])), _INDEX)
        place = builder.add(builder.mul(index, width), column)
        rows = [builder.load(pointer(matrix, place, b), align=itemsize) for b in blocks]
        for which, of_row in enumerate(sums):
            value = builder.add(builder.mul(k, _index(2)), _index(which))
            factor = spread(builder.load(builder.gep(values.data, [value])))
            for total, row in zip(of_row, rows, strict=True):
                total.add_incoming(plus_product(total, factor, row), body)
        k.add_incoming(builder.add(k, _index(1)), body)
        builder.branch(head)

        builder.position_at_end(end)
        for out, of_row in zip((even, odd), sums, strict=True):
            for b, total in enumerate(of_row):
                builder.store(total, pointer(out, column, b), align=itemsize)
        return context.get_dummy_value()

    return add_pair


add_pair_8, add_pair_4, add_pair_2, add_pair_1 = (_adder(n) for n in (8, 4, 2, 1))


@kernel
def one_pair(
    values: Floats,
    indices: NDArray[np.uint32],
    first: int,
    last: int,
    matrix: Floats,
    start: Floats,
    left: int,
    right: int,
    even: Floats,
    odd: Floats,
) -> None:
    """Write columns ``left`` to ``right`` of ``start + sparse @ matrix``, for one pair of rows.

    It goes by blocks, as large as possible. The last block may overlap the one before, and then
    writes the same numbers again.
    """
    d = matrix.shape[1]
    lanes = VECTOR_BYTES // matrix.itemsize
    j = left
    if LARGEST_BLOCK == 8:
        while right - j >= 8 * lanes:
            add_pair_8(values, indices, first, last, matrix, start, j, even, odd)
            j += 8 * lanes
        if right - j >= 4 * lanes:
            add_pair_4(values, indices, first, last, matrix, start, j, even, odd)
            j += 4 * lanes
    while right - j >= 2 * lanes:
        add_pair_2(values, indices, first, last, matrix, start, j, even, odd)
        j += 2 * lanes
    while right - j > 0 and d >= lanes:
        j = min(j, d - lanes)
        add_pair_1(values, indices, first, last, matrix, start, j, even, odd)
        j += lanes
    if d < lanes:
        for j in range(d):
            even[j] = odd[j] = start[j]
        for k in range(first, last):
            row = matrix[indices[k]]
            for j in range(d):
                even[j] += values[k, 0] * row[j]
                odd[j] += values[k, 1] * row[j]


@kernel
def product(
    values: Floats,
    indices: NDArray[np.uint32],
    starts: NDArray[np.uint32],
    matrix: Floats,
    start: Floats,
    first: int,
    last: int,
    out: Floats,
) -> None:
    """Write pairs of rows of ``start + sparse @ matrix``; see `product.plain`.

    It goes by strips of columns, so that the part of the matrix that is fetched repeatedly stays in
    the cache.
    """
    d = matrix.shape[1]
    strip = STRIP_BYTES // matrix.itemsize
    unused = np.empty(d, out.dtype)
    for left in range(0, d, strip):
        right = min(left + strip, d)
        for p in range(first, last):
            a, b = np.intp(starts[p]), np.intp(starts[p + 1])
            even, odd = out[2 * p], unused
            if 2 * p + 1 < len(out):
                odd = out[2 * p + 1]
            one_pair(values, indices, a, b, matrix, start, left, right, even, odd)
