import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import inknet
from inknet.nn import ops
from inknet.nn.ops import NUMPY, VARIABLE, NumpyOps, fastest


@pytest.fixture
def no_numba(monkeypatch):
    """As where numba is not installed."""
    import_again(monkeypatch)
    monkeypatch.setitem(sys.modules, "numba", None)


def import_again(monkeypatch):
    """Let the compiled ops be imported as if for the first time."""
    for name in [name for name in sys.modules if name.startswith("inknet.nn.ops.numba")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(ops, "_numba", ops._numba.__wrapped__)
    monkeypatch.setattr(ops, "_tell", ops._tell.__wrapped__)


@pytest.mark.parametrize(
    ("value", "name"), [(None, "numba"), ("", "numba"), ("numba", "numba"), ("numpy", "numpy")]
)
def test_the_variable_chooses_and_numba_is_the_default(monkeypatch, value, name):
    monkeypatch.delenv(VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(VARIABLE, value)
    chosen = fastest()
    assert chosen.name == name
    assert chosen.parallel, "training keeps the BLAS library to one thread"
    assert not NUMPY.parallel


@pytest.mark.parametrize("value", ["NumPy", "jax", " numba"])
def test_another_value_is_refused_in_one_line(monkeypatch, value):
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(ValueError) as caught:
        fastest()
    assert str(caught.value) == f"INKNET_OPS is {value!r}; expected numpy or numba"


@pytest.mark.parametrize("value", [None, "", "numpy"])
def test_without_numba_it_is_numpy(monkeypatch, no_numba, value, capsys):
    monkeypatch.delenv(VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(VARIABLE, value)
    assert type(fastest()) is NumpyOps
    assert fastest().parallel
    assert capsys.readouterr().err == "", "numba is an extra"


@pytest.mark.parametrize("is_missing", ["a module", "an attribute"])
def test_numba_that_is_there_and_broken_is_named_in_one_line(monkeypatch, capsys, is_missing):
    monkeypatch.delenv(VARIABLE, raising=False)
    import_again(monkeypatch)
    if is_missing == "a module":
        monkeypatch.setitem(sys.modules, "inknet.nn.ops.numba.kernel", None)
    else:
        monkeypatch.delattr("numba.njit")
    assert type(fastest()) is NumpyOps
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("inknet: numba cannot be imported, so training is slower: ")


def test_numba_that_was_asked_for_and_is_not_there_is_an_error(monkeypatch, no_numba):
    monkeypatch.setenv(VARIABLE, "numba")
    with pytest.raises(ValueError) as caught:
        fastest()
    message = str(caught.value)
    assert "\n" not in message
    for word in ("INKNET_OPS", "'numba'", "cannot be imported"):
        assert word in message


# -- compiled, and kept -----------------------------------------------------------------------------

PREPARE = """
import numpy as np
from inknet.nn.ops.numba import NumbaOps
ops = NumbaOps()
ops.prepare(np.dtype("float32"))
sums = np.zeros(2, "f4")
ops.column_sums(np.array([[1, 2], [3, 4]], "f4"), sums)
print(sums.tolist())
"""


def run_python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )


def test_the_loops_are_compiled_once_and_kept(tmp_path):
    first, second = (run_python(PREPARE, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2))
    assert first.stderr.startswith("inknet: compiling the fast loops")
    assert len(first.stderr.splitlines()) == 1
    assert second.stderr == ""
    assert first.stdout == second.stdout == "[4.0, 6.0]\n"


def test_where_nothing_can_be_kept_they_are_compiled_all_the_same(tmp_path):
    # a file stands where each of numba's folders would be: not even root can write there
    package = tmp_path / "inknet"
    shutil.copytree(
        Path(inknet.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    blocked = package / "nn/ops/numba/__pycache__"
    blocked.write_text("no folder")
    code = """
import inknet, numpy as np
from inknet.nn.ops.numba import NumbaOps, loops
sums = np.zeros(2, "f4")
NumbaOps().column_sums(np.array([[1, 2], [3, 4]], "f4"), sums)
print(inknet.__file__)
print(sums.tolist(), loops.column_sums.stats.cache_path)
"""
    printed = run_python(
        code,
        PYTHONPATH=str(tmp_path),
        **dict.fromkeys(("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"), str(blocked)),
    ).stdout
    assert printed == f"{package / '__init__.py'}\n[4.0, 6.0] None\n"
