"""What training makes small: the loss on a batch, and a price on large weights.

The objective of a batch of n samples is ``J = loss + l2_lambda / (2 n) · sum of squared weights``.
The loss is softmax cross-entropy with label smoothing, see
`inknet.nn.ops.NumpyOps.softmax_cross_entropy`.
"""

import numpy as np

from inknet.nn.arrays import Floats
from inknet.nn.ops import NUMPY, NumpyOps


class L2:
    """The price on large weights: ``l2_lambda / (2 n) · sum(w²)`` for a batch of n samples.

    Parameters
    ----------
    decayed, gradients : (n_decayed,)
        The parameters that pay, and the same part of the gradient vector; both are views.
    l2_lambda : float
        How much they pay; at 0 nothing is computed. Since the price of a batch is divided by its
        size and the loss is a mean, one value means the same at every batch size only if it is
        multiplied by it. With Adam, which divides each gradient by its typical size, this is not
        the weight decay of AdamW.
    """

    def __init__(
        self, decayed: Floats, gradients: Floats, l2_lambda: float, ops: NumpyOps = NUMPY
    ) -> None:
        self.decayed, self.gradients, self.l2_lambda = decayed, gradients, l2_lambda
        self.ops = ops

    def __repr__(self) -> str:
        return f"L2({self.l2_lambda:g})"

    def value(self, n: float) -> float:
        """Return the price in a batch of n samples, or of samples that together weigh n."""
        return self.l2_lambda / (2 * n) * float(np.dot(self.decayed, self.decayed))

    def add_gradient(self, n: float) -> None:
        """Add ``l2_lambda / n · w``, the derivative of `value`, to the gradients."""
        if self.l2_lambda:
            self.ops.add_scaled(self.decayed, self.l2_lambda / n, self.gradients)
