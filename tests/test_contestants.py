"""Where a peer of the benchmarks cannot take part, it is left out."""

import sys
from pathlib import Path

import pytest

from benchmarks import conductor
from benchmarks.conductor import Entry
from benchmarks.studies import training
from benchmarks.task import EPOCH

FAKES = """
import os

class Able:
    def __init__(self, task):
        pass
    def epoch(self):
        return 1
    def accuracy(self):
        return 0.97

class Unable(Able):
    def __init__(self, task, call):
        if call == "build":
            raise FileNotFoundError("no file\\n'a compiler'")
        setattr(self, call, self.fail)
    def fail(self):
        raise ValueError("no more")

class Ended(Able):
    def epoch(self):
        os._exit(7)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the benchmarks need a Unix")
def test_a_study_is_measured_without_the_peers_that_cannot_take_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fake.py").write_text(FAKES)
    fake = {"PYTHONPATH": str(tmp_path)}
    monkeypatch.setattr(conductor, "PAUSE", 0.01)
    entries = [
        Entry("JAX, rbg", "JAX", "fake:Able", {}, fake),
        Entry("uninstalled", "a", "absent:Absent", {}, fake),
        Entry("without a compiler", "b", "fake:Unable", {"call": "build"}, fake),
        Entry("without a test", "c", "fake:Unable", {"call": "accuracy"}, fake),
        Entry("ended", "d", "fake:Ended", {}, fake),
    ]
    measured = training.measure(EPOCH, entries, 2)
    assert measured["seconds"] == {"JAX, rbg": [1, 1]}
    assert measured["families"] == {"JAX, rbg": "JAX"}
    assert measured["accuracy"] == {"JAX, rbg": 0.97}
    expected = {
        "uninstalled": "ModuleNotFoundError: No module named 'absent'",
        "without a compiler": "FileNotFoundError: no file 'a compiler'",
        "without a test": "ValueError: no more",
        "ended": "its process ended with code 7",
    }
    assert measured["missing"] == expected
    said = capsys.readouterr().err.splitlines()
    for name, reason in expected.items():
        assert f"  {name}: left out, {reason}" in said
