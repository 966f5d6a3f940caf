"""The ops as loops that numba compiles."""

from inknet.nn.ops.numba.backend import NumbaOps

__all__ = ["NumbaOps"]
