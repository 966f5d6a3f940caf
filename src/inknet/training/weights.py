"""The weights of a network by name, and whether those of a checkpoint can be used in it."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from inknet.errors import InputError

if TYPE_CHECKING:
    from inknet.nn.arrays import Floats
    from inknet.nn.network import Network


def learned_arrays(network: Network) -> dict[str, Floats]:
    """Return what a network has learned, as a checkpoint names it; the arrays are not copies."""
    return {"parameters": network.parameters, "statistics": network.statistics}


def unfit(why: str) -> InputError:
    """Return the error for a checkpoint that a training cannot continue from."""
    return InputError(f"the checkpoint does not fit this training: {why}")


def refuse_other_kind(name: str, found: Floats, expected: Floats) -> None:
    """Raise `InputError` unless an array has the shape and type of another."""
    if (found.shape, found.dtype) != (expected.shape, expected.dtype):
        raise unfit(
            f"{name} are {found.dtype} {found.shape}; expected {expected.dtype} {expected.shape}"
        )


def refuse_unusable(
    whose: str, parameters: Floats, statistics: Floats, network: Network, *, finite: bool = True
) -> None:
    """Raise `InputError` unless a network could have learned these.

    Parameters
    ----------
    whose
        Comes before ``parameters`` and ``statistics`` in the message.
    parameters, statistics
        As the network's: of its shapes and types, finite, no variance below 0.
    network
        Stays as it is.
    finite
        Whether numbers that are not finite are refused.
    """
    refuse_other_kind(f"{whose}parameters", parameters, network.parameters)
    refuse_other_kind(f"{whose}statistics", statistics, network.statistics)
    if not finite:
        return
    twin = copy(network)
    twin.parameters[:], twin.statistics[:] = parameters, statistics
    for name, array in twin.tensors().items():
        if not np.isfinite(array).all():
            raise unfit(f"{whose}{name} has values that are not finite numbers")
        if name.endswith(".running_var") and (array < 0).any():
            raise unfit(f"{whose}{name} has variances below 0")
