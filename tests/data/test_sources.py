"""`load`: a source is a name, or a path whose suffix says how to read it."""

import pickle

import numpy as np
import pytest
from making import refusal, write_pair

from inknet import MLP, load_arrays
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


def test_the_arrays_of_a_source_keep_the_names_of_its_classes(tmp_path):
    lines = [f"{i},{i % 7},{'oak' if i % 2 else 'fir'}" for i in range(60)]
    (tmp_path / "trees.csv").write_text("\n".join(["height,width,kind", *lines]))
    arrays = load_arrays(tmp_path / "trees.csv", label="kind")
    assert len(arrays) == 6  # unpacked as before
    model = MLP([2, 4, 2], class_names=arrays.class_names)
    model.train(arrays.X_train, arrays.y_train, num_epochs=1)
    assert set(model.predict_names(arrays.X_test)) <= {"oak", "fir"}
    again = pickle.loads(pickle.dumps(arrays))
    assert again.class_names == arrays.class_names == ("fir", "oak")
    assert [arrays.class_names[label] for label in arrays.y_test[:3]] == [
        "oak" if height % 2 else "fir" for height in arrays.X_test[:3, 0]
    ]
