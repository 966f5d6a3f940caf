"""Which operations a training runs on."""

from inknet.errors import InputError
from inknet.nn.ops import NumpyOps, fastest


def fastest_ops() -> NumpyOps:
    """Return the fastest operations, or raise `InputError` if ``INKNET_OPS`` cannot be had."""
    try:
        return fastest()
    except ValueError as error:
        raise InputError(str(error)) from None
