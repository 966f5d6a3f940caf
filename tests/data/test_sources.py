"""`load`: a source is a name, or a path whose suffix says how to read it."""

import numpy as np
import pytest
from making import refusal, write_pair

from inknet.data import load


def test_a_path_spelled_like_a_named_source_is_loaded_when_written_as_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample").mkdir()
    write_pair(tmp_path / "sample")
    assert len(load("sample")) == 5000
    assert len(load("./sample")) == 6


@pytest.mark.parametrize("source", ["", "nowhere", "MNIST", "/nowhere/at/all.csv"])
def test_a_missing_source_is_refused_with_the_list_of_possible_ones(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = refusal(load, source)
    assert "SOURCE" in message or "class" in message


def test_an_unknown_kind_of_file_is_refused_with_the_list_of_possible_ones(tmp_path):
    path = tmp_path / "data.parquet"
    path.write_bytes(b"PAR1")
    message = refusal(load, path)
    assert message.startswith(f"{path}: not a kind of file that inknet reads; a SOURCE is mnist, ")


def test_a_suffix_in_capitals_is_recognized(tmp_path):
    path = tmp_path / "DATA.NPZ"
    with path.open("wb") as file:
        np.savez(file, X=np.zeros((2, 4), np.uint8), y=np.array([0, 1]))
    assert len(load(path)) == 2
