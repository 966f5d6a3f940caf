"""Connected parts, compared with SciPy's."""

import numpy as np
from scipy import ndimage

from inknet.photo.parts import connected_parts


def test_parts_are_those_of_scipy():
    generator = np.random.default_rng(0)
    for _ in range(200):
        shape = generator.integers(1, 40, 2)
        mask = generator.random(shape) < generator.random()
        labels, n = ndimage.label(mask, np.ones((3, 3)))
        parts = connected_parts(mask)
        assert len(parts) == n
        assert np.array_equal(parts.labels, labels - 1)
        assert np.array_equal(parts.areas, np.bincount(labels.ravel(), minlength=n + 1)[1:])
        for box, (rows, columns) in zip(parts.boxes, ndimage.find_objects(labels), strict=True):
            assert tuple(box) == (rows.start, columns.start, rows.stop, columns.stop)


def test_chosen_parts_become_a_mask():
    mask = np.array([[1, 0, 1], [1, 0, 0], [0, 0, 1]], bool)
    parts = connected_parts(mask)
    assert np.array_equal(parts.mask(np.array([False, True, True])), mask & [False, False, True])
