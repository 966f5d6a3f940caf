"""Why a training ended: one of five causes, or a reason that a callback gives."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Ending:
    """Why a training ended; equal to its text.

    Attributes
    ----------
    text : str
        In words, as in ``metrics.json``.
    own_words : bool
        Whether a callback gave the text. So a callback that says ``"interrupted"`` is not taken for
        Ctrl-C.
    """

    text: str
    own_words: bool = False

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Ending):
            return (self.text, self.own_words) == (other.text, other.own_words)
        return self.text == other

    def __hash__(self) -> int:
        return hash(self.text)

    @classmethod
    def of(cls, reason: Ending | str) -> Ending:
        """Return the ending for what was set as `Session.stop_reason`.

        Parameters
        ----------
        reason : Ending or str
            What a callback gave.

        Returns
        -------
        Ending
            The reason itself, or one with the text as a callback's own words.
        """
        return reason if isinstance(reason, Ending) else cls(str(reason), own_words=True)

    @property
    def by_signal(self) -> bool:
        """Whether a signal ended it: such a training can be resumed."""
        return self in SIGNALS.values()


FINISHED = Ending("finished")
EARLY_STOPPING = Ending("early stopping")
INTERRUPTED = Ending("interrupted")
TERMINATED = Ending("terminated")
HUNG_UP = Ending("hung up")
FAILED = Ending("failed")
"""An error came out of the training, or it diverged."""

SIGNALS = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}
"""The signals that end a training, and the endings they give."""
if hasattr(signal, "SIGHUP"):  # not on Windows
    SIGNALS[signal.SIGHUP] = HUNG_UP


def listened_to() -> dict[signal.Signals, Any]:
    """Return the handlers of the signals that may end a training now.

    A signal that is ignored stays ignored: that is how ``nohup`` and background jobs work. So does
    a handler that Python did not install, since it could not be restored; and a program's own
    handler of SIGHUP, which often means something else.
    """
    found = {number: signal.getsignal(number) for number in SIGNALS}
    return {
        number: handler
        for number, handler in found.items()
        if handler not in (signal.SIG_IGN, None)
        and (SIGNALS[number] is not HUNG_UP or handler == signal.SIG_DFL)
    }
