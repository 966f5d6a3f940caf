"""What the operations have to say: a line on the standard error, if it can be printed."""

import sys
from contextlib import suppress


def notice(line: str) -> None:
    """Print a line; if that fails, whoever computes is not disturbed."""
    if sys.stderr is not None:  # print would take the standard output instead
        with suppress(OSError, ValueError):
            print(f"inknet: {line}", file=sys.stderr, flush=True)
