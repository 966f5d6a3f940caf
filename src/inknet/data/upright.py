"""The images of a dataset, deslanted: see `inknet.scale.deslanting`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inknet.data.dataset import Dataset
from inknet.data.mapped import changed_rows
from inknet.scale import Deslanting


def upright(dataset: Dataset, deslanting: Deslanting | None) -> Dataset:
    """Return a dataset whose selected images stand upright.

    Parameters
    ----------
    dataset
        On the scale of a network. One that was deslanted already is returned unchanged.
    deslanting
        Of the model; None returns the dataset unchanged.

    Returns
    -------
    Dataset
        With the same rows, so that each keeps its number. Those not selected stay empty. Those of a
        large memory-mapped file are in another, temporary one.
    """
    if deslanting is None or dataset.is_deslanted:
        return dataset
    stored = dataset.features
    rows = np.arange(len(stored)) if dataset.rows is None else dataset.rows
    features = changed_rows(stored, rows, deslanting.apply)
    # the shape is said, for it may not be seen in rows that are empty
    return replace(dataset, features=features, image_shape=deslanting.shape, is_deslanted=True)
