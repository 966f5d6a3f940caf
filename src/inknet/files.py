"""Files appear whole or not at all, on Linux, macOS and Windows."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

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
    """Let ``write`` fill a file next to ``path``, then put it in place in one step.

    Whatever happens on the way (a full disk, a kill, a power cut), ``path`` afterwards is either
    as it was before or complete: the new bytes are on the disk before the name points to them.
    A new file has the permissions that the umask leaves; one that is replaced hands its own on.

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
        unfinished = _new_file_next_to(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        permissions = _permissions(path if path.exists() else unfinished)
        write(unfinished)
        with unfinished.open("r+b") as file:  # Windows syncs only what is open for writing
            os.fsync(file.fileno())
        unfinished.chmod(permissions)  # a library may have put a file of its own there
        before_replacing()
        unfinished.replace(path)
    except BaseException as error:
        with suppress(OSError):  # what is reported is what came first
            unfinished.unlink()
        if isinstance(error, OSError):  # which often does not say what file it is about
            raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
        raise
    _sync_folder(path.parent)


def _new_file_next_to(path: Path) -> Path:
    """Make an empty file in the same folder, with the same suffix, under a name of its own."""
    new = path.with_name(f".{path.stem}-{token_hex(6)}{path.suffix}")
    new.touch(exist_ok=False)
    return new


def _permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode) & 0o777


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk, where the system can: Windows syncs no folder.

    The file is in place and whole by now, so a folder that cannot be synced is no failure.
    """
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_text_whole(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, whole or not at all."""
    write_whole(path, lambda file: file.write_text(text, encoding="utf-8", newline="\n"))
