"""One seed decides everything random; each use has a separate stream.

Because the streams are separate, one use cannot disturb another: adding dropout does not change the
order of the samples.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Streams:
    """One random generator for each thing that is random."""

    split: np.random.Generator
    initialization: np.random.Generator
    shuffling: np.random.Generator
    dropout: np.random.Generator
    augmentation: np.random.Generator

    @classmethod
    def from_seed(cls, seed: int) -> "Streams":
        """Derive all streams from one whole number, 0 or more."""
        children = np.random.SeedSequence(seed).spawn(5)
        return cls(*(np.random.default_rng(child) for child in children))
