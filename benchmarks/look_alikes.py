"""Tables like well-known ones that no package brings along, drawn from a seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Table = tuple[Any, NDArray[np.intp]]
"""Features ``(n, d)`` float32, dense or CSR, and the class of each row."""


def cover_types(n: int = 4000) -> Table:
    """Return a table like that of the covertype data: measurements, and two sets of yes or no.

    Seven classes, as unequal as there, each with its own mean and spread of ten measurements and
    its own chances of 4 areas and 40 soils: 54 columns.
    """
    generator = np.random.default_rng(0)
    y = generator.choice(7, n, p=[0.36, 0.49, 0.06, 0.01, 0.02, 0.03, 0.03])
    means, spreads = generator.normal(size=(7, 10)), generator.uniform(0.7, 2, (7, 10))
    measured = means[y] + spreads[y] * generator.normal(size=(n, 10))

    def chosen(n_choices: int) -> NDArray[np.float64]:
        chances = generator.dirichlet(np.full(n_choices, 0.3), 7).cumsum(axis=1)
        choices = (generator.random((n, 1)) > chances[y]).sum(axis=1)
        columns: NDArray[np.float64] = np.eye(n_choices)[choices.clip(max=n_choices - 1)]
        return columns

    return np.hstack([measured, chosen(4), chosen(40)]).astype(np.float32), y


def newsgroups(n: int = 2500) -> Table:
    """Return texts like those of 20 newsgroups: 20 topics, 8,000 words by Zipf's law, sparse.

    Each topic has its own words besides those that all share; rows are tf-idf of unit length.
    """
    generator = np.random.default_rng(1)
    y = generator.integers(0, 20, n)
    zipf = 1 / np.arange(1, 8001)
    topics = np.stack([generator.permutation(zipf) for _ in range(20)])
    words = (0.6 * zipf + 0.4 * topics) / zipf.sum()
    counts = np.stack([generator.multinomial(generator.integers(20, 150), words[k]) for k in y])
    rows = counts * (np.log(n / (1 + (counts > 0).sum(axis=0))) + 1)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return sparse.csr_matrix(rows.astype(np.float32)), y
