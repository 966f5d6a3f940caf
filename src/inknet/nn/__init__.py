"""The mathematics: everything between a batch of numbers and its gradient.

Read it in this order: `activations`, `initializers`, `layers`, `ops.contract` and `ops.formulas`
(what layers leave to the hot loops, the loss above all), `losses`, `network`, `optimizers`,
`schedules`, `predictor`, and `gradcheck`, which proves the rest; `ops.numba` last, or never. Rows
are samples throughout: a batch is ``(n, d)``, a weight matrix ``(fan_in, fan_out)``, and a layer
computes ``x @ weight + bias``.
"""

from inknet.nn.network import Architecture, Network

__all__ = ["Architecture", "Network"]
