"""The one door: a name, or a path and what it ends in."""

import numpy as np
import pytest
from making import refusal, write_pair

from inknet.data import load


def test_a_path_with_a_name_of_ours_is_meant_when_written_as_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample").mkdir()
    write_pair(tmp_path / "sample")
    assert len(load("sample")) == 5000
    assert len(load("./sample")) == 6


@pytest.mark.parametrize("source", ["", "nowhere", "MNIST", "/nowhere/at/all.csv"])
def test_what_is_not_there_is_refused_with_what_a_source_may_be(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = refusal(load, source)
    assert "SOURCE" in message or "class" in message


def test_an_unknown_kind_of_file_is_refused_with_what_a_source_may_be(tmp_path):
    path = tmp_path / "data.parquet"
    path.write_bytes(b"PAR1")
    message = refusal(load, path)
    assert message.startswith(f"{path}: not a kind of file that inknet reads; a SOURCE is mnist, ")


def test_a_suffix_in_capitals_is_a_suffix(tmp_path):
    path = tmp_path / "DATA.NPZ"
    with path.open("wb") as file:
        np.savez(file, X=np.zeros((2, 4), np.uint8), y=np.array([0, 1]))
    assert len(load(path)) == 2
