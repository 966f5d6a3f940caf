"""The mathematics: everything between a batch of numbers and its gradient.

Read it in this order: `activations`, `initializers`, `layers`, `ops.numpy_ops` (what the layers
leave to the hot loops, the loss above all), `losses`, `network`, `optimizers`, `schedules`,
`predictor`, and `gradcheck`, which proves the rest; `ops.numba_ops` last, or never. Rows are
samples throughout: a batch is ``(n, d)``, a weight matrix ``(fan_in, fan_out)``, and a layer
computes ``x @ weight + bias``.
"""

from inknet.nn.architecture import Architecture
from inknet.nn.network import Network

__all__ = ["Architecture", "Network"]
