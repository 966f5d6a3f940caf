"""Rows of features as masks and values, and the lists of pairs that are made of them.

A row is stored as one bit for each feature, set where it is not 0, in words of 64; and as its
nonzero values, in order. Whatever rows are made of, bytes or numbers, they become this first, so
all else is written once. Two rows are joined 64 features at a time, without looking at the zeros.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic
from numpy.typing import NDArray

from inknet.nn.arrays import Floats
from inknet.nn.ops.numba.kernel import Real, kernel

BITS = 64
"""Features in a word of a mask."""
SPARE = 2
"""How many more values there are than nonzero ones: some are read before it is known which."""
ONE, BYTE = np.uint64(1), np.uint64(7)
LOW_BITS = np.uint64(0x7F7F7F7F7F7F7F7F)
EACH_BYTE = np.uint64(0x0101010101010101)
TO_ONE_BYTE = np.uint64(0x0102040810204080)
"""A multiplication by it brings the lowest bits of eight bytes together, in the highest byte."""
HIGHEST_BYTE = np.uint64(56)
EVEN_BITS = np.uint64(0x5555555555555555)


def _lowest(context: Any, word: Any) -> Any:
    """Return the place of the lowest bit of a word that is not 0; one instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return numba.types.int64(numba.types.uint64), generate


lowest: Any = intrinsic(_lowest)  # numba has no type hints


@kernel
def mark(
    features: NDArray[Any],
    eights: NDArray[np.uint64],
    masks: NDArray[np.uint64],
    starts: NDArray[np.int64],
) -> None:
    """Set the bits of ``masks``, ``(n, words)``, and say where the values of each row begin.

    ``eights`` is the same memory as numbers of 64 bits, as many for eight features as a feature has
    bytes: most eights are 0 and are skipped. Where rows cannot be cut like this it is ``(n, 0)``.
    """
    d, size = features.shape[1], features.itemsize
    n_eights = eights.shape[1] // size
    k = np.int64(0)
    for i in range(len(features)):
        starts[i] = k
        masks[i] = 0
        for e in range(n_eights):
            any_bit = eights[i, e * size]
            for q in range(1, size):
                any_bit |= eights[i, e * size + q]
            if any_bit == 0:
                continue
            bits = np.uint64(0)
            if size == 1:
                # the highest bit of a byte is set by a carry, or was set: then it is not 0
                found = ((((any_bit & LOW_BITS) + LOW_BITS) | any_bit) >> BYTE) & EACH_BYTE
                bits = (found * TO_ONE_BYTE) >> HIGHEST_BYTE
                k += np.int64((found * EACH_BYTE) >> HIGHEST_BYTE)
            else:
                for j in range(8):
                    bit = np.uint64(features[i, 8 * e + j] != 0)  # not so for -0.0
                    bits |= bit << np.uint64(j)
                    k += np.int64(bit)
            masks[i, e // 8] |= bits << np.uint64(8 * (e % 8))
        for w in range(8 * n_eights // BITS, masks.shape[1]):
            word = masks[i, w]
            for j in range(max(BITS * w, 8 * n_eights), min(BITS * (w + 1), d)):
                bit = np.uint64(features[i, j] != 0)
                word |= bit << np.uint64(j % BITS)
                k += np.int64(bit)
            masks[i, w] = word
    starts[len(features)] = k


@kernel
def gather(features: NDArray[Any], masks: NDArray[np.uint64], scale: Real, values: Floats) -> None:
    """Write the features whose bits are set, times ``scale``, one row after the other."""
    k = 0
    for i in range(len(features)):
        for w in range(masks.shape[1]):
            word = masks[i, w]
            while word != 0:
                values[k] = features[i, BITS * w + lowest(word)] * scale
                k += 1
                word &= word - ONE


@kernel
def pair_by_samples(
    all_values: Floats,
    masks: NDArray[np.uint64],
    all_starts: NDArray[np.int64],
    rows: NDArray[np.intp],
    values: Floats,
    columns: NDArray[np.uint32],
    starts: NDArray[np.uint32],
) -> None:
    """List pairs of samples. If the last one has no partner, its partner is all zeros."""
    zero = values.dtype.type(0)
    k = 0
    for p in range((len(rows) + 1) // 2):
        starts[p] = k
        even, has_odd = rows[2 * p], 2 * p + 1 < len(rows)
        odd = rows[2 * p + 1] if has_odd else even
        a, b = all_starts[even], all_starts[odd]
        for w in range(masks.shape[1]):
            of_even, of_odd = masks[even, w], masks[odd, w] if has_odd else np.uint64(0)
            word = of_even | of_odd
            while word != 0:
                j = lowest(word)
                in_even, in_odd = (of_even >> np.uint64(j)) & ONE, (of_odd >> np.uint64(j)) & ONE
                # both are read in any case: a branch would be taken at random
                of_a, of_b = all_values[a], all_values[b]
                values[k, 0] = of_a if in_even != 0 else zero
                values[k, 1] = of_b if in_odd != 0 else zero
                a, b = a + np.int64(in_even), b + np.int64(in_odd)
                columns[k] = BITS * w + j
                k += 1
                word &= word - ONE
    starts[(len(rows) + 1) // 2] = k


@kernel
def pair_by_pixels(
    all_values: Floats,
    masks: NDArray[np.uint64],
    all_starts: NDArray[np.int64],
    rows: NDArray[np.intp],
    values: Floats,
    samples: NDArray[np.uint32],
    starts: NDArray[np.uint32],
) -> None:
    """List pairs of pixels; ``starts`` has one spare element. First count, then fill."""
    zero = values.dtype.type(0)
    starts[:] = 0
    for i in range(len(rows)):
        for w in range(masks.shape[1]):
            of_row = masks[rows[i], w]
            word = (of_row | (of_row >> ONE)) & EVEN_BITS
            while word != 0:
                starts[(BITS * w + lowest(word)) // 2 + 2] += 1
                word &= word - ONE
    for p in range(2, len(starts)):
        starts[p] += starts[p - 1]
    # now starts[p + 1] is where pair p begins; each sample moves it on, to where p ends
    for i in range(len(rows)):
        a = all_starts[rows[i]]
        for w in range(masks.shape[1]):
            of_row = masks[rows[i], w]
            word = (of_row | (of_row >> ONE)) & EVEN_BITS
            while word != 0:
                j = lowest(word)
                p = (BITS * w + j) // 2
                k = starts[p + 1]
                starts[p + 1] = k + 1
                left, right = (of_row >> np.uint64(j)) & ONE, (of_row >> np.uint64(j + 1)) & ONE
                of_left, of_right = all_values[a], all_values[a + np.int64(left)]
                values[k, 0] = of_left if left != 0 else zero
                values[k, 1] = of_right if right != 0 else zero
                a += np.int64(left) + np.int64(right)
                samples[k] = i
                word &= word - ONE


@kernel
def pair_group(
    all_values: Floats,
    masks: NDArray[np.uint64],
    all_starts: NDArray[np.int64],
    rows: NDArray[np.intp],
    batch_size: int,
    values: Floats,
    columns: NDArray[np.uint32],
    starts: NDArray[np.uint32],
    pixel_values: Floats,
    samples: NDArray[np.uint32],
    pixel_starts: NDArray[np.uint32],
) -> None:
    """Take rows, cut into batches, and list each by samples and by pixels.

    The first axis of all lists is the batch. Without ``pixel_starts``, there are none by pixels.
    The rows of a batch are copied first: read twice from all over the memory, they take longer.
    """
    largest = of_batch_so_far = 0
    for i in range(len(rows)):
        if i % batch_size == 0:
            of_batch_so_far = 0
        of_batch_so_far += all_starts[rows[i] + 1] - all_starts[rows[i]]
        largest = max(largest, of_batch_so_far)
    near = np.empty(largest + SPARE, all_values.dtype)
    near_masks = np.empty((batch_size, masks.shape[1]), np.uint64)
    near_starts = np.empty(batch_size + 1, np.int64)
    order = np.arange(batch_size)
    near[:SPARE] = near[largest:] = 0
    for b in range((len(rows) + batch_size - 1) // batch_size):
        of_batch = rows[b * batch_size : (b + 1) * batch_size]
        n, k = len(of_batch), 0
        for i in range(n):
            near_starts[i] = k
            for w in range(masks.shape[1]):
                near_masks[i, w] = masks[of_batch[i], w]
            for place in range(all_starts[of_batch[i]], all_starts[of_batch[i] + 1]):
                near[k] = all_values[place]
                k += 1
        lists = values[b], columns[b], starts[b]
        pair_by_samples(near, near_masks, near_starts, order[:n], *lists)
        if len(pixel_starts) > 0:
            of_pixels = pixel_values[b], samples[b], pixel_starts[b]
            pair_by_pixels(near, near_masks, near_starts, order[:n], *of_pixels)
