"""Files appear whole or not at all."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from inknet.errors import InputError


def refuse_link_out_of(folder: Path, path: Path) -> None:
    """Raise `InputError` if a path in a folder is a link to somewhere else.

    A folder that came from someone else could otherwise point to any file of this machine.
    """
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a link to itself; RuntimeError until Python 3.13
        raise InputError(f"{path}: a link that leads nowhere") from None
    if path.is_symlink() and not inside:
        raise InputError(f"{path}: a link that leads out of {folder}, which is not followed")


def write_whole(
    path: Path,
    write: Callable[[Path], object],
    before_replacing: Callable[[], object] = lambda: None,
) -> None:
    """Let ``write`` fill a file beside ``path``, then put it in place in one step.

    Whatever happens on the way (a full disk, a kill, a power cut), ``path`` afterwards is either
    as it was before or complete: the new bytes are on the disk before the name points to them.

    Parameters
    ----------
    path
        Where the file shall appear; its folder exists.
    write
        Called with the path of an empty file in the same folder, with the same suffix.
    before_replacing
        Called when the new file is whole, and the old one still there.

    Raises
    ------
    InputError
        If the folder does not exist or takes no files, or the disk is full.
    """
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent
        )
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    os.close(handle)
    beside = Path(name)
    try:
        write(beside)
        beside.chmod(0o644)  # mkstemp makes files that only their owner can read
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        before_replacing()
        beside.replace(path)
    except BaseException as error:
        beside.unlink(missing_ok=True)
        if isinstance(error, OSError):  # which often does not say what file it is about
            raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_text_whole(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, whole or not at all."""
    write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8", newline="\n"))
