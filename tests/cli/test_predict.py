"""What ``inknet predict`` says of each verdict, and which model answers."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inknet import MLP, InputError
from inknet.cli import predict
from inknet.photo import Character, Reading


def character(*probabilities, verdict="digit"):
    row = np.zeros(10)
    row[: len(probabilities)] = probabilities
    image = np.zeros((28, 28), np.uint8)
    return Character((0, 0, 9, 9), image, row, 1.0, str(row.argmax()), verdict)


def reading(verdict, *rows, reason=""):
    picture = np.zeros((9, 9, 3), np.uint8)
    return Reading(None, verdict, reason, list(rows), "0123456789", picture, (9, 9))


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (reading("digit", [character(0.03, 0.97)]), "1 (97.0%)"),
        (reading("digit", [character(0.00001, 0.99999)]), "1 (> 99.9%)"),
        (reading("digit", [character(0, 1)]), "1 (100.0%)"),
        (reading("digit", [character(0, 0, 0.9)] * 2, [character(0.9)]), "22 0 (72.9%)"),
        (
            reading("unsure", [character(0.6, 0.4, verdict="unsure")]),
            "unsure, 0 (60.0%) or 1 (40.0%)",
        ),
        (
            reading("unsure", [character(1), character(0.3, 0.5, 0.2, verdict="unsure")]),
            "unsure, perhaps 01 (50.0%): number 2 is 1 (50.0%) or 0 (30.0%)",
        ),
        (
            reading(
                "unsure",
                [character(1), character(1, verdict="not a digit"), character(0.2, 0.8)],
                reason="a part of it is odd",
            ),
            "unsure, perhaps 01 (80.0%): a part of it is odd",
        ),
        (reading("blank", reason="there is no ink on it"), "blank"),
        (
            reading("not a digit", [character(1, verdict="not a digit")], reason="it is odd"),
            "not a digit: it is odd",
        ),
    ],
)
def test_the_line_says_what_is_read_and_how_surely(answer, line):
    assert predict.in_a_line(answer) == line


def digit_on_paper():
    picture = np.full((120, 90), 250, np.uint8)
    picture[20:100, 42:50] = 30
    return Image.fromarray(picture)


@pytest.fixture
def one(tmp_path, monkeypatch):
    """A model in a folder and in a file, and a picture of a bar; both classes are 0 or 1."""
    model = MLP([784, 2], random_seed=0)
    images = np.zeros((20, 28, 28), np.uint8)
    images[::2, 4:24, 12:15] = 255
    images[1::2, 4:24, 4:24] = 255
    images[:, 8:12, 8:20] //= 2
    model.train(images, np.arange(20) % 2, num_epochs=20, learning_rate=0.01)
    (tmp_path / "run").mkdir()
    for place in ("run/model.safetensors", "other.safetensors"):
        model.save(tmp_path / place)
    digit_on_paper().save(tmp_path / "one.png")
    monkeypatch.chdir(tmp_path)
    return model


@pytest.mark.parametrize("first", ["run", "other.safetensors"])
def test_a_model_that_is_named_first_reads(one, first, capsys):
    predict.predict([Path(first), Path("one.png"), Path("one.png")])
    line = f"one.png: {predict.in_a_line(one.read('one.png'))}"
    assert capsys.readouterr().out.splitlines() == [line, line]


def test_without_a_model_the_one_in_the_package_reads(one, monkeypatch, capsys):
    monkeypatch.setattr(MLP, "pretrained", classmethod(lambda cls: one))
    predict.predict([Path("one.png")])
    assert capsys.readouterr().out == f"one.png: {predict.in_a_line(one.read('one.png'))}\n"


@pytest.mark.parametrize("names", [["rnu", "one.png"], ["run"], ["other.safetensors"]])
def test_a_model_without_a_picture_and_a_run_that_is_not_there_are_refused(one, names):
    with pytest.raises(InputError, match=f"^{names[0]}: no "):
        predict.predict([Path(name) for name in names])
