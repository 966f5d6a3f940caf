"""Files designed to do harm: none runs code, none exhausts time or memory."""

import ast
import contextlib
import json
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hostile import HOSTILE, LARGE_BUT_SOUND, Harm, pickles

import inknet

FUZZ = Path(__file__).with_name("fuzz.py")
SOURCE = Path(inknet.__file__).parent


def read_each(reader: str, paths: list[Path]) -> dict[str, str]:
    """Read files in a separate process, under the limits; return the message of each refusal."""
    command = [sys.executable, str(FUZZ), reader, *map(str, paths)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if result.returncode == -signal.SIGPROF:
        raise TimeoutError(result.stderr)
    assert result.returncode == 0, result.stdout + result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {line["file"]: line["refused"] for line in lines if "file" in line}


@pytest.mark.parametrize("reader", sorted({reader for reader, _ in HOSTILE.values()}))
def test_files_made_to_exhaust_memory_or_time_are_refused(tmp_path, reader):
    files = {name: make for name, (kind, make) in HOSTILE.items() if kind == reader}
    for name, make in files.items():
        make(tmp_path / name)
    refused = read_each(reader, [tmp_path / name for name in files])
    assert refused.keys() == files.keys()
    for name, message in refused.items():
        assert message, f"{name} was read"


@pytest.mark.parametrize("reader", [pytest.param("image", marks=pytest.mark.slow), "photo"])
def test_pictures_of_the_largest_allowed_size_stay_within_the_memory(tmp_path, reader):
    # Other processes take their part of the caches, which can double the time of this work: the
    # reader's own time is the least of a few.
    for _ in range(4):
        for name, (_, make) in LARGE_BUT_SOUND.items():
            make(tmp_path / name)
        with contextlib.suppress(TimeoutError):
            refused = read_each(reader, [tmp_path / name for name in LARGE_BUT_SOUND])
            break
    else:
        pytest.fail("not once within the time allowed")
    assert refused == dict.fromkeys(LARGE_BUT_SOUND, "")


def test_no_reader_opens_a_pickle(tmp_path):
    trace = tmp_path / "trace"
    pickle.loads(pickle.dumps(Harm(trace)))
    assert trace.exists(), "the pickle does not work, so this test would prove nothing"
    trace.unlink()
    files = pickles(trace)
    for reader in sorted({reader for reader, _ in files.values()}):
        paths = []
        for name, (kind, content) in files.items():
            if kind == reader:
                paths.append(tmp_path / name)
                paths[-1].write_bytes(content)
        for name, message in read_each(reader, paths).items():
            assert message, f"{name} was read"
    assert not trace.exists()


# Modules that can run code from a file.
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml"}
# The parts of joblib that distribute work among processes; `joblib.load` must not be used.
SAFE_IN_JOBLIB = {"ProcessPoolExecutor"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__"}


def unsafe_places(tree: ast.AST) -> list[str]:
    """Return the names in a source file that could run code from other files."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
                found += [m for m in modules if m.split(".")[0] in UNSAFE_MODULES]
            case ast.ImportFrom(module=str(module), names=names):
                top = module.split(".")[0]
                if top == "joblib" and {alias.name for alias in names} <= SAFE_IN_JOBLIB:
                    continue
                if top in UNSAFE_MODULES:
                    found.append(module)
            case ast.Call(func=ast.Name(id=name)) if name in UNSAFE_CALLS:
                found.append(name)
            # np.load is safe only with allow_pickle=False, and not needed: zipfile opens archives
            case ast.Attribute(value=ast.Name(id="np"), attr="load"):
                found.append("np.load")
            case ast.keyword(arg="allow_pickle", value=value) if ast.unparse(value) != "False":
                found.append("allow_pickle")
    return found


def test_nothing_in_inknet_unpickles_or_evaluates():
    files = sorted(SOURCE.rglob("*.py"))
    assert len(files) > 30
    for file in files:
        assert not unsafe_places(ast.parse(file.read_text("utf-8"))), file


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "from joblib.externals.loky import ProcessPoolExecutor, load",
        "import joblib",
        "eval(text)",
        "np.load(path)",
        "read_array(file, allow_pickle=True)",
    ],
)
def test_the_search_finds_unsafe_code(line):
    assert unsafe_places(ast.parse(line))
