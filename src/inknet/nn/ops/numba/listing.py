"""Lists of the nonzero values in rows of features, by pairs of samples and by pairs of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.nn.arrays import Floats
from inknet.nn.ops.numba.kernel import Real, kernel


@kernel
def list_by_samples(
    features: NDArray[Any],
    eights: NDArray[np.uint64],
    rows: NDArray[np.intp],
    blank: NDArray[Any],
    blank_eights: NDArray[np.uint64],
    scale: Real,
    values: Floats,
    columns: NDArray[np.uint32],
    starts: NDArray[np.uint32],
) -> None:
    """List pairs of samples. If the last one has no partner, its partner is ``blank``, ``(1, d)``.

    ``eights`` are the same pixels, eight in one number: most of these are 0 and are skipped.
    """
    k = 0
    n_eights, d = eights.shape[1], features.shape[1]
    for p in range((len(rows) + 1) // 2):
        starts[p] = k
        row = rows[2 * p]
        even, even_eights, odd, odd_eights = features[row], eights[row], blank[0], blank_eights[0]
        if 2 * p + 1 < len(rows):
            row = rows[2 * p + 1]
            odd, odd_eights = features[row], eights[row]
        for w in range(n_eights):
            if even_eights[w] | odd_eights[w] != 0:
                for j in range(8 * w, 8 * w + 8):
                    # always written, kept if nonzero: faster than a branch that is hard to predict
                    values[k, 0], values[k, 1] = even[j] * scale, odd[j] * scale
                    columns[k] = j
                    k += (even[j] != 0) | (odd[j] != 0)
        for j in range(8 * n_eights, d):
            values[k, 0], values[k, 1] = even[j] * scale, odd[j] * scale
            columns[k] = j
            k += (even[j] != 0) | (odd[j] != 0)
    starts[(len(rows) + 1) // 2] = k


@kernel
def list_by_pixels(
    features: NDArray[Any],
    eights: NDArray[np.uint64],
    rows: NDArray[np.intp],
    scale: Real,
    values: Floats,
    samples: NDArray[np.uint32],
    starts: NDArray[np.uint32],
) -> None:
    """List pairs of pixels; ``starts`` has one spare element. First count, then fill."""
    n_eights, d = eights.shape[1], features.shape[1]
    starts[:] = 0
    for i in range(len(rows)):
        pixels, of_row = features[rows[i]], eights[rows[i]]
        for w in range(n_eights):
            if of_row[w] != 0:
                for p in range(4 * w, 4 * w + 4):
                    starts[p + 2] += (pixels[2 * p] != 0) | (pixels[2 * p + 1] != 0)
        for p in range(4 * n_eights, d // 2):
            starts[p + 2] += (pixels[2 * p] != 0) | (pixels[2 * p + 1] != 0)
        if d % 2 == 1:
            starts[d // 2 + 2] += pixels[d - 1] != 0
    for p in range(2, len(starts)):
        starts[p] += starts[p - 1]
    # now starts[p + 1] is where pair p begins; each sample moves it on, to where p ends
    for i in range(len(rows)):
        pixels, of_row = features[rows[i]], eights[rows[i]]
        for w in range(n_eights):
            if of_row[w] != 0:
                for p in range(4 * w, 4 * w + 4):
                    if (pixels[2 * p] != 0) | (pixels[2 * p + 1] != 0):
                        k = starts[p + 1]
                        starts[p + 1] = k + 1
                        values[k, 0] = pixels[2 * p] * scale
                        values[k, 1] = pixels[2 * p + 1] * scale
                        samples[k] = i
        for p in range(4 * n_eights, (d + 1) // 2):
            even = pixels[2 * p] * scale
            odd = pixels[2 * p + 1] * scale if 2 * p + 1 < d else scale * 0
            if (even != 0) | (odd != 0):
                k = starts[p + 1]
                starts[p + 1] = k + 1
                values[k, 0], values[k, 1] = even, odd
                samples[k] = i


@kernel
def list_group(
    features: NDArray[Any],
    eights: NDArray[np.uint64],
    rows: NDArray[np.intp],
    batch_size: int,
    scale: Real,
    values: Floats,
    columns: NDArray[np.uint32],
    starts: NDArray[np.uint32],
    pixel_values: Floats,
    samples: NDArray[np.uint32],
    pixel_starts: NDArray[np.uint32],
    blank: NDArray[Any],
    blank_eights: NDArray[np.uint64],
) -> None:
    """Fetch rows, cut into batches, and list each by samples and by pixels.

    The first axis of all lists is the batch. Without ``pixel_starts``, there are none by pixels.
    """
    for b in range((len(rows) + batch_size - 1) // batch_size):
        of_batch = rows[b * batch_size : (b + 1) * batch_size]
        list_by_samples(
            features, eights, of_batch, blank, blank_eights, scale, values[b], columns[b], starts[b]
        )
        if len(pixel_starts) > 0:
            list_by_pixels(
                features, eights, of_batch, scale, pixel_values[b], samples[b], pixel_starts[b]
            )


@kernel
def list_rows(
    features: Floats, values: Floats, columns: NDArray[np.uint32], starts: NDArray[np.int64]
) -> None:
    """List single rows; ``values`` and ``columns`` have one spare element."""
    k = 0
    for i in range(len(features)):
        starts[i] = k
        for j in range(features.shape[1]):
            values[k], columns[k] = features[i, j], j  # always written, as above
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
