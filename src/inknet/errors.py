"""What inknet raises about what it was given."""

from pathlib import Path

LONGEST_QUOTE = 500  # characters; what is longer says no more, and fills screens and logs


class InputError(ValueError):
    """Something given to inknet is not as it should be.

    The message is one line that says what was given, where, and what was expected. The command
    line prints it and exits with code 2; a library user catches it as a ``ValueError``.
    """


class DivergedError(InputError):
    """The loss or the gradients are no longer finite numbers: the settings were too bold."""


class TrainingStopped(Exception):  # noqa: N818, it is no error
    """A training was ended by Ctrl-C or SIGTERM, after its step.

    Attributes
    ----------
    reason : str
        ``"interrupted"`` or ``"terminated"``.
    folder : Path
        Of the run.
    resumable : bool
        Whether a checkpoint is there.
    """

    def __init__(self, reason: str, folder: Path, resumable: bool) -> None:
        super().__init__(f"{reason}, {folder}")
        self.reason, self.folder, self.resumable = reason, folder, resumable


class StudyStopped(Exception):  # noqa: N818, it is no error
    """A study was ended by Ctrl-C or SIGTERM; the runs that are over are kept.

    Attributes
    ----------
    reason : str
        ``"interrupted"`` or ``"terminated"``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def quoted(text: object) -> str:
    """Return a text that someone else wrote so that it can stand in a message.

    Its line breaks and whatever else could steer a terminal are written as Python escapes, and
    what is too long is cut.
    """
    start = str(text)[: LONGEST_QUOTE + 1]
    shown = printable(start[:LONGEST_QUOTE])
    return shown + "…" if len(start) > LONGEST_QUOTE else shown


def printable(text: str) -> str:
    """Return a text with every character that cannot be printed as its Python escape."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
