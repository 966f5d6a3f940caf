"""Files appear whole, with the permissions their folder's users expect, on every system."""

import os
import stat
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from inknet import MLP, InputError
from inknet.files import lock_in, refuse_link_out_of, write_text_whole

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


@pytest.mark.parametrize("name", ["x" * 251 + ".txt", "é" * 125 + ".txt", "." + "y" * 254])
def test_a_file_with_the_longest_name_there_is_is_written_too(name, tmp_path):
    write_text_whole(tmp_path / name, "new")
    assert [path.name for path in tmp_path.iterdir()] == [name]


# -- links ----------------------------------------------------------------------------------------

LINKS = pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")


@LINKS
@pytest.mark.parametrize("link", ["inner", "inner/file"])
def test_a_path_below_a_link_out_of_a_folder_is_refused(link, tmp_path):
    outside = tmp_path / "outside"
    (outside / "inner").mkdir(parents=True)
    (outside / "inner/file").write_text("mine")
    folder = tmp_path / "folder"
    (folder / link).parent.mkdir(parents=True)
    (folder / link).symlink_to(outside / link)
    with pytest.raises(InputError, match="a link that leads out of"):
        refuse_link_out_of(folder, folder / "inner/file")
    (tmp_path / "name").symlink_to(outside)  # the folder itself may be one
    refuse_link_out_of(tmp_path / "name", tmp_path / "name/inner/file")
    refuse_link_out_of(outside, outside / "inner/not-there-yet")


@LINKS
def test_a_link_is_replaced_and_not_written_through(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    write_text_whole(tmp_path / "link", "new")
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "link").read_text() == "new"


def test_the_oldest_filelock_that_is_allowed_follows_no_links():
    """GHSA-w853-jp5j-5j7f is fixed in 3.20.1, and GHSA-qmgc-5h2g-mvrw in 3.20.3."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    requirements = map(Requirement, project["project"]["dependencies"])
    (filelock,) = (one for one in requirements if one.name == "filelock")
    for version in ("3.13", "3.20.0", "3.20.1", "3.20.2"):
        assert version not in filelock.specifier
    assert "3.20.3" in filelock.specifier


@LINKS
def test_a_lock_follows_no_link(tmp_path):
    from filelock import FileLock

    (tmp_path / "precious").write_text("mine")
    (tmp_path / "lock").symlink_to("precious")
    with pytest.raises(OSError, match="symbolic links"), FileLock(tmp_path / "lock", timeout=0):
        pass
    assert (tmp_path / "precious").read_text() == "mine"


@LINKS
def test_a_lock_that_is_a_second_name_of_another_file_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    with lock_in(tmp_path / "folder"):
        assert (tmp_path / "folder/lock").is_file()
    (tmp_path / "folder/lock").unlink(missing_ok=True)
    (tmp_path / "precious").write_text("mine")
    os.link(tmp_path / "precious", tmp_path / "folder/lock")
    with pytest.raises(InputError, match="lock: a second name of another file"):
        lock_in(tmp_path / "folder")
    assert (tmp_path / "precious").read_text() == "mine"
