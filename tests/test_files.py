"""Files appear whole, with the permissions their folder's users expect, on every system."""

import os
import stat
from pathlib import Path

import pytest

from inknet import MLP
from inknet.files import write_text_whole

POSIX = pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o077, 0o022, 0o002], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@POSIX
def test_a_new_file_has_the_permissions_that_open_would_give_it(umask, tmp_path):
    (tmp_path / "opened").touch()
    write_text_whole(tmp_path / "text", "new")
    MLP([3, 2]).save(tmp_path / "model.safetensors")  # a library writes a file of its own here
    expected = permissions(tmp_path / "opened")
    assert expected == 0o666 & ~umask
    assert permissions(tmp_path / "text") == expected
    assert permissions(tmp_path / "model.safetensors") == expected


@POSIX
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_a_file_that_is_replaced_keeps_its_permissions(mode, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_text("old")
    path.chmod(mode)
    MLP([3, 2]).save(path)
    assert permissions(path) == mode
    assert MLP.load(path).network.n_parameters == 8


def opens_no_folder(path, flags, *others, **keywords):
    """Stand in for `os.open` of Windows, which opens files alone."""
    if Path(path).is_dir():
        raise PermissionError(13, "Permission denied", str(path))
    return OPEN(path, flags, *others, **keywords)


OPEN = os.open


def test_a_system_that_opens_no_folder_saves_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "open", opens_no_folder)
    write_text_whole(tmp_path / "text", "new")
    assert (tmp_path / "text").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["text"]


def test_a_file_is_synced_by_a_descriptor_that_may_write(tmp_path, monkeypatch):
    """As Windows demands."""
    fcntl = pytest.importorskip("fcntl")
    sync, modes = os.fsync, []

    def fsync(descriptor):
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            modes.append(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE)
        return sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_text_whole(tmp_path / "text", "new")
    assert modes == [os.O_RDWR]
