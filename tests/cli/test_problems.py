"""Problems of the system, too little memory or no working folder: one line, and no half of a run."""

import errno
import os
import subprocess
import sys
import zlib

import pytest

from commands import INKNET, default_signals, environment, inknet
from inknet import MLP
from inknet.cli.commands import run
from inknet.cli.problems import system_problem
from inknet.runs.folder import FILES
from trainings import options

MEMORY = {
    "Python": MemoryError(),
    "NumPy": MemoryError("Unable to allocate 6.00 MiB for an array with shape (1572864,)"),
    "a thread": RuntimeError("can't start new thread"),
    "the loader": ImportError("libXau.so.6: failed to map segment from shared object"),
    "fork": OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    "protobuf": Exception("Failed to serialize proto"),  # of onnx
    "zlib": zlib.error("Error -4 while decompressing data: out of memory"),
    "Pillow": OSError("encoder error -9 when writing image file: out of memory error"),
    "FreeType": RuntimeError("Can not load face (out of memory; error code 0x40)"),
    "C++": MemoryError("std::bad_alloc"),
}


@pytest.mark.parametrize("error", MEMORY.values(), ids=MEMORY)
def test_want_of_memory_is_known_whatever_says_so(error):
    assert system_problem(error).startswith("not enough memory")
    try:
        try:
            raise error
        except Exception:
            raise KeyError("a fault on the way out")  # noqa: B904, as it happens
    except KeyError as later:
        assert system_problem(later) == system_problem(error)


def test_a_fault_of_the_program_is_no_problem_of_the_system():
    for error in (KeyError("x"), ValueError("memory"), RuntimeError("x"), ImportError("no x")):
        assert system_problem(error) is None


def test_a_file_is_named_and_a_missing_working_folder_too(tmp_path, monkeypatch):
    error = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "x.csv")
    assert system_problem(error) == "x.csv: No such file or directory"
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert system_problem(error).endswith("; the working folder does not exist")


@pytest.mark.skipif(sys.platform != "linux", reason="needs limits on the address space")
@pytest.mark.parametrize(
    ("megabytes", "ops"),
    [
        *((megabytes, "numpy") for megabytes in (140, 260)),
        *((megabytes, "numba") for megabytes in (140, 560, 2000)),
        *(
            pytest.param(megabytes, ops, marks=pytest.mark.slow)
            for ops in ("numpy", "numba")
            for megabytes in range(110, 800, 30)
        ),
    ],
)
def test_with_too_little_memory_a_training_ends_in_one_line_and_leaves_no_half_of_a_run(
    tmp_path, megabytes, ops
):
    import resource

    def limit():
        default_signals()
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    result = subprocess.run(
        [INKNET, "train", *options(training__epochs=1), "--out", "run"],
        cwd=tmp_path,
        env=environment(INKNET_OPS=ops),
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=60,
    )
    left = sorted(path.name for path in tmp_path.glob("run/*"))
    if result.returncode == 0 and not result.stderr:
        assert left == sorted(FILES)
        return
    assert megabytes < 2000
    if result.returncode == 0:  # it sufficed for the training, and not for every picture
        *left_out, kept = result.stderr.splitlines()
        assert left_out and all("the run is complete without it" in line for line in left_out)
        assert "the checkpoint is kept" in kept
        assert {"metrics.json", "model.safetensors", "recipe.toml", "unfinished"} <= set(left)
    else:
        (line,) = result.stderr.splitlines()
        if "does not fit in memory" in line:  # the network itself
            assert result.returncode == 2
        else:
            assert result.returncode == 1
            starts = "inknet: not enough memory", "OpenBLAS error: Memory allocation"
            assert line.startswith(starts)
        assert len(line) < 300
        assert left in ([], ["unfinished"])
    if left:  # it is whole too: it is resumed where there is more memory
        resumed = inknet("train", "--resume", "run", folder=tmp_path, INKNET_OPS=ops)
        assert resumed.stderr == "" and "test accuracy" in resumed.stdout


def in_a_deleted_folder(tmp_path, *words):
    gone = tmp_path / "gone"
    gone.mkdir()
    command = ["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", str(INKNET), *map(str, words)]
    return subprocess.run(command, cwd=gone, env=environment(), capture_output=True, text=True)


@pytest.mark.parametrize(
    "words",
    [
        ["train", *options(training__epochs=1)],
        ["train", *options(training__epochs=1), "--ensemble", "2"],
        ["train", "--resume", "run"],
        ["evaluate", "run"],
        ["predict", "run", "x.png"],
        ["export", "run", "--onnx", "x.onnx"],
        ["import", "x.safetensors"],
        ["data", "info", "x.csv"],
        ["data", "show", "sample"],
        ["experiment", "run", "--grid", "training.epochs=1", "--seeds", "0"],
        ["experiment", "table"],
        ["search", "digits", "--trials", "1"],
    ],
    ids=" ".join,
)
def test_a_command_in_a_deleted_folder_says_one_line(tmp_path, words):
    result = in_a_deleted_folder(tmp_path, *words)
    (line,) = result.stderr.splitlines()
    assert result.returncode in (1, 2) and line.startswith("inknet: ")
    if words[0] == "train" and "--ensemble" not in words:
        assert line.endswith("the working folder does not exist")


def test_a_run_that_cannot_be_found_from_a_deleted_folder_is_not_called_a_link(tmp_path):
    inknet("train", *options(training__epochs=1), "--out", "run", folder=tmp_path)
    result = in_a_deleted_folder(tmp_path, "evaluate", "../run")
    assert result.returncode == 1
    assert result.stderr == (
        "inknet: No such file or directory; the working folder does not exist\n"
    )


def test_a_training_into_another_folder_needs_no_working_folder(tmp_path):
    run = tmp_path / "run"
    result = in_a_deleted_folder(tmp_path, "train", *options(training__epochs=1), "--out", run)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"everything is in {run}" in result.stdout


def test_a_package_that_does_not_fit_into_the_memory_is_not_called_missing(
    tmp_path, monkeypatch, capsys
):
    MLP([4, 3, 2]).save(tmp_path / "model.safetensors")
    words = ["export", tmp_path / "model.safetensors", "--onnx", tmp_path / "model.onnx"]
    monkeypatch.setattr("sys.argv", ["inknet", *map(str, words)])
    for said, code, complaint in (
        ("x.so: failed to map segment from shared object", 1, "inknet: not enough memory: x.so"),
        ("No module named 'onnx'", 2, "inknet: an ONNX file needs the package onnx"),
    ):
        monkeypatch.delitem(sys.modules, "onnx", raising=False)
        monkeypatch.setattr("sys.meta_path", [NoLoader(said), *sys.meta_path])
        assert run() == code
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(complaint)


class NoLoader:
    """Fails to import onnx."""

    def __init__(self, said):
        self.said = said

    def find_spec(self, name, path=None, target=None):
        if name == "onnx":
            raise ImportError(self.said)
