"""Compiled kernels on disk: damaged, not writable, on a full disk, wanted by several processes."""

import os
import subprocess
import sys

import pytest

CODE = """
import numpy as np
from inknet.nn.ops.numba import NumbaOps
sums = np.zeros(2, "f4")
NumbaOps().column_sums(np.array([[1, 2], [3, 4]], "f4"), sums)
print(sums.tolist())
"""
NO_ROOM = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
NO_ROOM += "resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))\n"
NOTICE = "inknet: compiling the fast loops for float32 …\n"
SUMS = "[4.0, 6.0]\n"


def start(folder, code=CODE):
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"NUMBA_CACHE_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder, code=CODE):
    process = start(folder, code)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert out == SUMS
    return err


def files_of(folder, suffix):
    return sorted(folder.rglob(f"*.{suffix}"))


def cut(content):
    return content[: len(content) // 2]


def empty(content):
    return b""


def flip(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


@pytest.mark.first
def test_damaged_files_are_passed_over_and_mended(tmp_path):
    assert run(tmp_path) == NOTICE
    for suffix, damage in (("nbc", cut), ("nbc", flip), ("nbi", cut), ("nbi", empty)):
        (file,) = files_of(tmp_path, suffix)
        file.write_bytes(damage(file.read_bytes()))
        assert run(tmp_path) == NOTICE
        assert run(tmp_path) == ""


def test_a_file_that_is_missing_is_made_again(tmp_path):
    run(tmp_path)
    (file,) = files_of(tmp_path, "nbc")
    file.unlink()
    assert run(tmp_path) == NOTICE
    assert run(tmp_path) == ""


@pytest.mark.skipif(sys.platform == "win32", reason="limits processes as POSIX does")
def test_a_full_disk_ends_nothing(tmp_path):
    said = run(tmp_path, NO_ROOM + CODE)
    assert said == f"{NOTICE}inknet: the compiled loops cannot be kept: File too large\n"
    assert not files_of(tmp_path, "nbc")
    assert run(tmp_path) == NOTICE, "there is room again"
    assert run(tmp_path) == ""


@pytest.mark.skipif(sys.platform == "win32", reason="locks files as POSIX does")
def test_several_processes_compile_once(tmp_path):
    processes = [start(tmp_path) for _ in range(3)]
    results = [process.communicate(timeout=300) for process in processes]
    assert [out for out, _ in results] == [SUMS] * 3
    assert sorted(err for _, err in results) == ["", "", NOTICE]


def test_where_the_parts_of_numba_have_moved_it_keeps_code_by_itself(tmp_path):
    moved = "import sys; sys.modules['inknet.nn.ops.numba.code_cache'] = None\n"
    assert run(tmp_path, moved + CODE) == ""
    assert files_of(tmp_path, "nbc")
    assert run(tmp_path) == NOTICE, "a file without a digest is not trusted"
