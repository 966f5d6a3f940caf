"""The hot loops of training, behind one door.

`numpy_ops` is the definition of each, in NumPy that can be read; a faster implementation of the
same functions may take its place here, and nothing else in the code asks which one is in use.
"""

from inknet.nn.ops.numpy_ops import (
    adam_step,
    batch_norm_backward,
    batch_norm_forward,
    dropout_mask,
    gather_scaled,
    momentum_step,
    softmax_cross_entropy,
)

__all__ = [
    "adam_step",
    "batch_norm_backward",
    "batch_norm_forward",
    "dropout_mask",
    "gather_scaled",
    "momentum_step",
    "softmax_cross_entropy",
]
