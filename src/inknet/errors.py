"""The errors that inknet raises."""

import re
from pathlib import Path
from unicodedata import category

JOINERS = "\u200c\u200d"
LONGEST_QUOTE = 500  # characters; longer quotes only fill screens and logs


class InputError(ValueError):
    """An input of inknet is not valid.

    The message is one line that says what was given, where, and what was expected. The command
    line prints it and exits with code 2; a library user catches it as a ``ValueError``.
    """


class InputWarning(UserWarning):
    """It cannot be known what an input means; the message, one line, says how it was taken.

    The command line prints it.
    """


class FindingWarning(UserWarning):
    """The doctor found a fault in the training of an estimator; the message says which."""


class DivergedError(InputError):
    """The loss or the gradients are no longer finite, most often from too high a learning rate."""


class TrainingStopped(Exception):  # noqa: N818, not an error
    """A training was ended by a signal, after its current step or when its run was complete.

    Attributes
    ----------
    reason : str
        ``"interrupted"`` (Ctrl-C), ``"terminated"`` (SIGTERM) or ``"hung up"`` (SIGHUP).
    folder : Path
        The folder of the run.
    resumable : bool
        Whether there is a checkpoint to resume from.
    complete : bool
        Whether the signal came so late that the run is complete.
    """

    def __init__(self, reason: str, folder: Path, resumable: bool, complete: bool = False) -> None:
        super().__init__(f"{reason}, {folder}")
        self.reason, self.folder = reason, folder
        self.resumable, self.complete = resumable, complete


class StudyStopped(Exception):  # noqa: N818, not an error
    """A study or an ensemble was ended by a signal; finished runs are kept.

    Attributes
    ----------
    reason : str
        ``"interrupted"``, ``"terminated"`` or ``"hung up"``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def quoted(text: object) -> str:
    """Return a text from a foreign source in a form that is safe in a message.

    Line breaks and everything else that could control a terminal are written as Python escapes.
    Text that is too long is cut.
    """
    start = str(text)[: LONGEST_QUOTE + 1]
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in start[:LONGEST_QUOTE])
    return shown + "…" if len(start) > LONGEST_QUOTE else shown


def printable(text: str) -> str:
    """Return a text with every character that could control a terminal as its Python escape.

    These are control and format characters, line breaks, and what is not valid Unicode, such as the
    bytes of a file name that is not UTF-8. Spaces of all kinds, and the two joiners that many
    scripts and emoji need, are kept.
    """
    return "".join(
        c if c.isprintable() or c in JOINERS or category(c) == "Zs" else repr(c)[1:-1] for c in text
    )


def without_passwords(text: str) -> str:
    """Return a text with ``***`` for the passwords in its URLs, as in ``mysql://me:***@host/db``.

    Those among the options of a URL too, as in ``?password=***``.
    """
    # up to the last @ before a blank: a password may have an @, a slash or a colon in it
    hidden = re.sub(r"(\w://[^\s:@/]*):[^\s]*@", r"\1:***@", text)
    return re.sub(
        r"(?i)([?&;](?:password|passwd|pwd|pass|token|secret)=)(?!\*\*\*)[^&;\s]*", r"\1***", hidden
    )
