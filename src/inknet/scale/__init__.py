"""What the numbers in features stand for, decided by their values; docs/inputs.md has the rule.

A model learns from features that were divided by their *full scale*: 255 for pixels, the largest
value for other whole numbers from 0 that share a scale, and 1 for all else. `deciding` finds it in
the training data, and the model keeps it; `rescaling` brings everything that comes later to it.
`deslanting` lets images stand upright, for models that learned from such.
"""

from inknet.scale.deciding import PIXELS, Scale, decided
from inknet.scale.deslanting import Deslanting

__all__ = ["PIXELS", "Deslanting", "Scale", "decided"]
