"""Whether two models differ by more than chance, on the same test samples."""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

from inknet.training.findings import Finding

EXACT = 1_000
"""Up to so many samples that one alone has right, the binomial sum is taken; beyond, its normal
approximation."""
LEVEL = 0.05


def sign_test(first: int, second: int) -> float:
    """Return the probability of a split at least as uneven as this, if each side is as likely.

    McNemar 1947, in its exact form: a two-sided binomial test.
    """
    n, least = first + second, min(first, second)
    if n == 0:
        return 1.0
    if n <= EXACT:
        tail = sum(comb(n, k) for k in range(least + 1)) / 2**n
        return float(min(1.0, 2 * tail))
    from math import erfc, sqrt

    return float(erfc((n / 2 - least - 0.5) / sqrt(n / 4) / sqrt(2)))


def comparison(
    name: str, other: str, right: NDArray[np.bool_], right_too: NDArray[np.bool_]
) -> Finding:
    """Return what can be said of two models from which samples each has right."""
    alone, other_alone = int((right & ~right_too).sum()), int((right_too & ~right).sum())
    p = sign_test(alone, other_alone)
    accuracies = f"{right.mean():.2%} and {right_too.mean():.2%} of {len(right):,} samples"
    chance = f"{p:.1%}" if p >= 0.001 else "less than 0.1%"
    evidence = (
        f"{name} and {other} have {accuracies} right; {alone} only the first, {other_alone} only "
        f"the second, which chance does in {chance} of such pairs"
    )
    if p >= LEVEL:
        return Finding(
            "same-but-for-noise",
            "note",
            "these two are not different",
            evidence,
            "the difference is no larger than that of two seeds or of another draw of test samples",
            "compare over several seeds: inknet experiment run --seeds",
        )
    better = name if alone > other_alone else other
    return Finding(
        "different",
        "note",
        f"{better} is better on these samples",
        evidence,
        "another draw of test samples would not explain the difference; another seed may",
        "compare over several seeds: inknet experiment run --seeds",
    )
