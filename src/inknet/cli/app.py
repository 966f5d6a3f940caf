"""The command line as a process: its output, an early Ctrl-C, and its exit code.

Nothing heavy is imported here: Ctrl-C must end the process in one line from the beginning. What the
commands do is in `inknet.cli.commands`.
"""

import os
import signal
import sys
import threading
from types import FrameType

from inknet.cli.problems import system_problem
from inknet.output import unfailing_streams

EXIT_INTERRUPTED = 128 + signal.SIGINT
EXIT_SYSTEM = 1


def main() -> None:
    """Run the command line.

    The exit code is 0, or 2 for a problem with the input, 1 for one of the system, 128 and its
    number after a signal. A training whose lines cannot be printed continues. If the output of a
    command that did its work is lost, the code is 1; a reader that stopped reading, as in ``|
    head``, wanted no more of it.
    """
    with unfailing_streams() as output:
        code = _run()
        output.flush()
        lost = output.error
        if code == 0 and lost is not None and not isinstance(lost, BrokenPipeError):
            reason = getattr(lost, "strerror", None) or lost
            print(f"inknet: the output could not be written: {reason}", file=sys.stderr)
            code = EXIT_SYSTEM
    sys.exit(code)


def _run() -> int:
    is_usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    waits = is_usual and threading.current_thread() is threading.main_thread()
    if waits:
        signal.signal(signal.SIGINT, _end_at_once)
    try:
        from inknet.cli.commands import run
    except Exception as error:
        problem = system_problem(error)
        if problem is None:
            raise
        print(f"inknet: {problem}", file=sys.stderr)
        return EXIT_SYSTEM
    if waits:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return run()


def _end_at_once(number: int, frame: FrameType | None) -> None:
    """End the process while modules are loaded: an error in there could be taken for another."""
    os.write(2, b"inknet: interrupted\n")
    os._exit(EXIT_INTERRUPTED)
