"""Compiled kernels on disk: compiled by one process for all, and never trusted when damaged.

numba keeps what it compiles in files, and trusts them: one that is damaged is an error, or ends the
process, each time again; and so does a disk that is full. Here a file ends with the digest of the
rest. What does not fit is passed over, and written again. While one process compiles a kernel, the
others wait for it.
"""

from __future__ import annotations

import os
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache

from inknet.nn.ops.notice import notice

DIGEST_SIZE = sha256().digest_size
LONGEST_WAIT = 60.0
"""Seconds that a process waits for another one that compiles the same kernel."""

_told: list[str] = []


def _tell(line: str) -> None:
    """Print a line once in a process."""
    if line not in _told:
        _told.append(line)
        notice(line)


def is_compiling(signature: Any) -> None:
    """Say that it takes some seconds now, once for float32 and once for float64."""
    _tell(f"compiling the fast loops for {'float64' if '64' in _real(signature) else 'float32'} …")


def _real(signature: Any) -> str:
    """Return the floating type in a signature; whole numbers are there too."""
    names = [str(getattr(kind, "dtype", kind)) for kind in signature]
    return next((name for name in names if name.startswith("float")), "float32")


class NoCache(NullCache):
    """Where nothing can be kept."""

    def load_overload(self, sig: Any, target_context: Any) -> None:
        """Find nothing."""
        is_compiling(sig)


class CheckedFiles(IndexDataCacheFile):
    """The files of one kernel: an index, and one for each signature."""

    def _load_index(self) -> Any:
        try:
            return super()._load_index()
        except Exception:  # whatever numba makes of a damaged file
            return {}  # it is written anew with the next signature

    def _load_data(self, name: str) -> Any:
        content = Path(self._data_path(name)).read_bytes()
        if sha256(content[:-DIGEST_SIZE]).digest() != content[-DIGEST_SIZE:]:
            raise OSError(f"{name} is damaged")  # numba takes it for missing
        return super()._load_data(name)  # which passes over what follows its own

    def _save_data(self, name: str, data: Any) -> None:
        content = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(content + sha256(content).digest())


class CodeCache(FunctionCache):
    """What is kept of one kernel."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        files = self._cache_file
        files.__class__ = CheckedFiles
        self._lock = _Lock(Path(files._index_path).with_suffix(".lock"))

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled kernel; None if this process is to compile it."""
        found = self._load(sig, target_context)
        if found is None and self._lock.wait():  # another process may have compiled it
            found = self._load(sig, target_context)
        if found is None:
            is_compiling(sig)
        else:
            self._lock.release()
        return found

    def _load(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # of whatever kind: it is compiled again, and written over
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel, if that is possible."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _tell(f"the compiled loops cannot be kept: {error.strerror or error}")
        finally:
            self._lock.release()


class _Lock:
    """A lock among processes, on systems that have one; it ends with the process."""

    def __init__(self, path: Path) -> None:
        self._path, self._descriptor = path, -1

    def wait(self) -> bool:
        """Take the lock; wait for it while another process has it. Say whether it was waited for.

        Without a lock, each process compiles by itself.
        """
        try:
            import fcntl

            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except (ImportError, OSError):
            return False
        began, has_waited = time.monotonic(), False
        while time.monotonic() - began < LONGEST_WAIT:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                has_waited = True
                time.sleep(0.02)
            except OSError:  # a file system without locks
                break
            else:
                return has_waited
        self.release()
        return has_waited

    def release(self) -> None:
        """Let others have it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
