"""The digest of a dataset: whether data are still those that a run was trained on.

A split depends on the order and number of the samples. If a file grew, shrank or was shuffled, the
samples that a run held back are others, and some of them were trained on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inknet.data.dataset import Dataset
from inknet.data.mapped import fetch, rows_in_order

BLOCK = 1 << 24  # bytes that are read at once


def digest_of(dataset: Dataset) -> str:
    """Return the SHA-256 of the selected samples: features, labels and class names, in their order.

    The name of the source does not count: the same content in another place, or in another kind of
    file that gives numbers of the same type, has the same digest.
    """
    names = "\n".join(dataset.class_names)
    features = dataset.features
    digest = hashlib.sha256(
        f"{len(dataset)} {features.shape[1]} {features.dtype.str[1:]}\n{names}\n".encode()
    )
    digest.update(dataset.targets.astype("<i8").tobytes())
    for block in _blocks(dataset):
        in_order = np.ascontiguousarray(block, block.dtype.newbyteorder("<"))
        digest.update(in_order.data.cast("B"))
    return digest.hexdigest()


def source_digest(part: Dataset) -> str:
    """Return the digest of all samples of the source that a dataset is a part of.

    How many of them are the source's own test set counts too.
    """
    whole = Dataset(part.features, part.labels, part.class_names, part.image_shape, part.name)
    text = f"{digest_of(whole)} {part.n_official_test}"
    return hashlib.sha256(text.encode()).hexdigest()


def _blocks(dataset: Dataset) -> Iterator[NDArray[Any]]:
    """Yield the features of the selected samples, some rows at a time."""
    features, rows = dataset.features, dataset.rows
    n_rows = max(1, BLOCK // max(1, features[0].nbytes))
    for start in range(0, len(dataset), n_rows):
        if rows is None:
            yield rows_in_order(features, start, min(start + n_rows, len(features)))
        else:
            yield fetch(features, rows[start : start + n_rows])
