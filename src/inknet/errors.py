"""What inknet raises about what it was given."""


class InputError(ValueError):
    """Something given to inknet is not as it should be.

    The message is one line that says what was given, where, and what was expected. The command
    line prints it and exits with code 2; a library user catches it as a ``ValueError``.
    """


class DivergedError(InputError):
    """The loss or the gradients are no longer finite numbers: the settings were too bold."""
