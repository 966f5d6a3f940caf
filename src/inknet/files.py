"""Files that are written whole or not at all, on Linux, macOS and Windows."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from inknet.errors import InputError, quoted

if TYPE_CHECKING:
    from filelock import FileLock

LONGEST_NAME = 255  # bytes; of a file, on the usual file systems
LONGEST_PATH = 3_800  # bytes, of a folder; the files in it have to stay within Linux's 4,096


def as_path(path: str | os.PathLike[str]) -> Path:
    """Return a path that a user gave, with the folder of ``~`` or ``~user`` put in.

    A shell does this only where ``~`` begins a word: not in ``--out=~/run``, and never in a recipe.
    A file whose name is ``~`` has an absolute path.

    Raises
    ------
    InputError
        If it is not a path.
    """
    try:
        found = Path(path)
    except TypeError:
        raise InputError(f"{path!r} is not a path; expected a str or a Path") from None
    try:
        return found.expanduser()
    except RuntimeError:  # there is no such user
        return found


def refuse_link_out_of(folder: Path, path: Path) -> None:
    """Raise `InputError` if a path in a folder leads out of it, because a part of it is a link.

    Otherwise a folder from elsewhere could point to any file of this machine, to be read or
    replaced. The folder itself may be a link.
    """
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except FileNotFoundError:  # not what is missing at the path, but the working folder
        raise
    except (OSError, RuntimeError):  # a link to itself; RuntimeError until Python 3.13
        raise InputError(f"{path}: a link that leads nowhere") from None
    if not inside:
        raise InputError(f"{path}: a link that leads out of {folder}, which is not followed")


def lock_in(folder: Path) -> FileLock:
    """Return a lock that one process can hold in a folder: a file called ``lock``.

    Raises
    ------
    InputError
        If that file is a link, or a second name of another file: taking the lock could empty it.
    """
    from filelock import FileLock

    path = folder / "lock"
    refuse_link_out_of(folder, path)
    if path.is_file() and path.stat().st_nlink > 1:
        raise InputError(f"{path}: a second name of another file, which is not written to")
    return FileLock(path, timeout=0)


def refuse_long_path(folder: Path) -> None:
    """Raise `InputError` if the files of a run or a study in a folder would have too long paths."""
    if (n_bytes := len(os.fsencode(folder.absolute()))) > LONGEST_PATH:
        raise InputError(
            f"{quoted(folder)}: a path of {n_bytes:,} bytes; expected at most {LONGEST_PATH:,}"
        )


def cut_to_bytes(name: str, most: int) -> str:
    """Return as many of the first characters of a name as fit in so many bytes of UTF-8."""
    return name.encode(errors="surrogateescape")[:most].decode(errors="ignore")


WRITTEN_BY = {
    ".safetensors": "MLP.save",
    ".onnx": "inknet.exchange.export_onnx",
    ".py": "inknet.exchange.export_numpy",
    ".html": "inknet.exchange.export_html",
}
"""What writes a model in which format."""
NEVER_WRITTEN = (
    *(".npz", ".npy", ".pt", ".pth", ".ckpt", ".h5", ".hdf5", ".keras", ".tflite", ".pb"),
    *(".pkl", ".pickle", ".joblib", ".skops", ".json", ".csv", ".txt", ".zip", ".png"),
)
"""Names of formats in which no model is written."""


def refuse_other_format(path: Path, written: str) -> None:
    """Raise `InputError` if a model is to be written under a name of another format.

    Parameters
    ----------
    path
        Where the model goes.
    written
        The suffix of the format in which it would be written.
    """
    suffix = path.suffix.lower()
    if suffix in WRITTEN_BY and suffix != written:
        raise InputError(
            f"{path}: {WRITTEN_BY[written]} writes {written} files; "
            f"use {WRITTEN_BY[suffix]} for {suffix}"
        )
    if suffix in NEVER_WRITTEN:
        others = " and ".join(f"{name} ({place})" for name, place in WRITTEN_BY.items())
        raise InputError(f"{path}: models are not written as {suffix}; expected {others}")


def write_whole(
    path: str | os.PathLike[str],
    write: Callable[[Path], object],
    before_replacing: Callable[[], object] = lambda: None,
) -> None:
    """Let ``write`` fill a file next to ``path``, then put it in place in one step.

    After a full disk, a kill or a power cut, ``path`` is either as it was before or complete: the
    new bytes are on the disk before the name points to them. A new file has the permissions that
    the umask leaves. A file that replaces another gets the permissions of the old one. A link is
    replaced, and what it points to is left alone.

    Parameters
    ----------
    path
        Where the file goes, see `as_path`; its folder exists.
    write
        Called with the path of an empty file in the same folder, with the same suffix.
    before_replacing
        Called when the new file is complete and the old one is still in place.

    Raises
    ------
    InputError
        If the folder does not exist or cannot be written to, or the disk is full.
    """
    path = as_path(path)
    try:
        temporary = _new_file_next_to(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        permissions = _permissions(path if path.exists() else temporary)
        temporary.chmod(permissions & 0o600)  # until it is complete, only its owner reads it
        write(temporary)
        with temporary.open("r+b") as file:  # Windows syncs only what is open for writing
            os.fsync(file.fileno())
        temporary.chmod(permissions)  # a library may have replaced the file by another
        before_replacing()
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):  # the first error is the one to report
            temporary.unlink()
        if isinstance(error, OSError):  # which often does not name the file
            raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
        raise
    _sync_folder(path.parent)


def _new_file_next_to(path: Path) -> Path:
    """Make an empty file in the same folder, with the same suffix, under a new name."""
    # a name may have 255 bytes; that of the final file may take all of them
    stem = cut_to_bytes(path.stem, max(0, LONGEST_NAME - 14 - len(os.fsencode(path.suffix))))
    new = path.with_name(f".{stem}-{token_hex(6)}{path.suffix}")
    new.touch(exist_ok=False)
    return new


def _permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode) & 0o777


def _sync_folder(folder: Path) -> None:
    """Write the new name to the disk, if the system can: Windows cannot sync folders.

    The file is complete and in place by now, so failing to sync the folder is no error.
    """
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_text_whole(path: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, whole or not at all; see `write_whole`."""
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError as error:
        wrong = quoted(text[max(0, error.start - 20) : error.end])
        raise InputError(f"{path}: cannot be written: {wrong} is not valid Unicode") from None
    write_whole(path, lambda file: file.write_bytes(content))
