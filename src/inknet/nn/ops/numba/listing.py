"""Lists of pairs, made of the arrays of a CSR matrix, which estimators are given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inknet.nn.arrays import Floats
from inknet.nn.ops.numba.kernel import kernel


@kernel
def list_rows(
    features: Floats, values: Floats, columns: NDArray[np.uint32], starts: NDArray[np.int64]
) -> None:
    """List single rows; ``values`` and ``columns`` have one spare element."""
    k = 0
    for i in range(len(features)):
        starts[i] = k
        for j in range(features.shape[1]):
            # always written, kept if nonzero: faster than a branch that is hard to predict
            values[k], columns[k] = features[i, j], j
            k += features[i, j] != 0
    starts[len(features)] = k


@kernel
def pair_samples(
    all_values: Floats,
    all_columns: NDArray[np.uint32],
    all_starts: NDArray[np.int64],
    rows: NDArray[np.intp],
    places: NDArray[np.int64],
    values: Floats,
    columns: NDArray[np.uint32],
    starts: NDArray[np.uint32],
) -> None:
    """Make a list by pairs of samples out of lists of single rows; ``places`` is scratch."""
    k = 0
    places[:] = -1
    for i in range(len(rows)):
        if i % 2 == 0:
            starts[i // 2] = k
        for source in range(all_starts[rows[i]], all_starts[rows[i] + 1]):
            column = all_columns[source]
            if places[column] < starts[i // 2]:  # neither sample has a value there yet
                places[column], columns[k] = k, column
                values[k, 0] = values[k, 1] = 0
                k += 1
            values[places[column], i % 2] += all_values[source]
    starts[(len(rows) + 1) // 2] = k


@kernel
def pair_pixels(
    all_values: Floats,
    all_columns: NDArray[np.uint32],
    all_starts: NDArray[np.int64],
    rows: NDArray[np.intp],
    places: NDArray[np.int64],
    values: Floats,
    samples: NDArray[np.uint32],
    starts: NDArray[np.uint32],
) -> None:
    """Make a list by pairs of pixels; ``starts`` has one spare element."""
    starts[:] = 0
    places[:] = -1  # for each pair, the last sample with a value there
    for i in range(len(rows)):
        for source in range(all_starts[rows[i]], all_starts[rows[i] + 1]):
            pair = all_columns[source] // 2
            starts[pair + 2] += places[pair] != i
            places[pair] = i
    for pair in range(2, len(starts)):
        starts[pair] += starts[pair - 1]
    places[:] = -1
    for i in range(len(rows)):
        for source in range(all_starts[rows[i]], all_starts[rows[i] + 1]):
            pair, which = all_columns[source] // 2, all_columns[source] % 2
            if places[pair] != i:
                k = starts[pair + 1]
                starts[pair + 1] = k + 1
                places[pair], samples[k] = i, i
                values[k, 0] = values[k, 1] = 0
            values[starts[pair + 1] - 1, which] += all_values[source]


@kernel
def pair_listed(
    all_values: Floats,
    all_columns: NDArray[np.uint32],
    all_starts: NDArray[np.int64],
    rows: NDArray[np.intp],
    batch_size: int,
    places: NDArray[np.int64],
    values: Floats,
    columns: NDArray[np.uint32],
    starts: NDArray[np.uint32],
    pixel_values: Floats,
    samples: NDArray[np.uint32],
    pixel_starts: NDArray[np.uint32],
) -> None:
    """Make the lists of several batches; each begins where the one before ends at the latest."""
    begin = 0
    for b in range((len(rows) + batch_size - 1) // batch_size):
        of_batch = rows[b * batch_size : (b + 1) * batch_size]
        pair_samples(
            all_values,
            all_columns,
            all_starts,
            of_batch,
            places,
            values[begin:],
            columns[begin:],
            starts[b],
        )
        if len(pixel_starts) > 0:
            pair_pixels(
                all_values,
                all_columns,
                all_starts,
                of_batch,
                places,
                pixel_values[begin:],
                samples[begin:],
                pixel_starts[b],
            )
        for row in of_batch:
            begin += all_starts[row + 1] - all_starts[row]
