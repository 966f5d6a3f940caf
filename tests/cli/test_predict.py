"""What ``inknet predict`` says of each verdict, and which model answers."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from inknet import MLP, InputError
from inknet.cli import predict
from inknet.photo import Character, Reading


def character(*probabilities, verdict="digit"):
    row = np.zeros(10)
    row[: len(probabilities)] = probabilities
    image = np.zeros((28, 28), np.uint8)
    return Character((0, 0, 9, 9), image, row, label=str(row.argmax()), verdict=verdict)


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
        (
            replace(
                reading(
                    "unsure",
                    [replace(character(1), cell=(0, 1))],
                    [replace(character(0.5, 0.3, verdict="unsure"), cell=(1, 0))],
                ),
                grid=(2, 3),
            ),
            "unsure, perhaps .0. 0.. (50.0%): row 2, column 1 is 0 (50.0%) or 1 (30.0%)",
        ),
        (reading("blank", reason="there is no ink on it"), "blank"),
        (
            reading("not a digit", [character(1, verdict="not a digit")], reason="it is odd"),
            "not a digit: it is odd",
        ),
    ],
)
def test_the_line_says_what_is_read_and_how_surely(answer, line):
    assert answer.in_a_line() == line


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
    line = f"one.png: {one.read('one.png').in_a_line()}"
    assert capsys.readouterr().out.splitlines() == [line, line]


def test_without_a_model_the_one_in_the_package_reads(one, monkeypatch, capsys):
    monkeypatch.setattr(MLP, "pretrained", classmethod(lambda cls: one))
    predict.predict([Path("one.png")])
    assert capsys.readouterr().out == f"one.png: {one.read('one.png').in_a_line()}\n"


@pytest.mark.parametrize("names", [["rnu", "one.png"], ["run"], ["other.safetensors"]])
def test_a_model_without_a_picture_and_a_run_that_is_not_there_are_refused(one, names):
    with pytest.raises(InputError, match=f"^{names[0]}: no "):
        predict.predict([Path(name) for name in names])


# -- pictures of the steps -------------------------------------------------------------------------


def sizes(*paths):
    found = []
    for path in paths:
        with Image.open(path) as image:
            found.append(image.size)
    return found


def test_the_steps_go_into_a_file_or_for_many_into_a_folder(one, tmp_path):
    (tmp_path / "other").mkdir()
    digit_on_paper().save(tmp_path / "other/one.png")
    names = [Path("run"), Path("one.png")]
    predict.predict(names, show=Path("steps.png"))
    predict.predict(names, show=Path("new/folder"))
    predict.predict([*names, Path("other/one.png")], show=Path("new"))
    found = sorted(str(path.relative_to("new")) for path in Path("new").rglob("*.png"))
    assert found == ["folder/one-steps.png", "one-steps-2.png", "one-steps.png"]
    assert len(set(sizes("steps.png", *Path("new").rglob("*.png")))) == 1


@pytest.mark.parametrize(
    ("images", "show", "says"),
    [
        (["one.png", "one.png"], "steps.png", "steps.png: one file, expected a folder"),
        (["one.png"], "one.png", "one.png: a picture that is read"),
        (["one.png"], "other.safetensors/x", "other.safetensors/x: cannot be made a folder"),
    ],
)
def test_a_place_for_steps_that_cannot_be_is_refused_before_anything_is_written(
    one, images, show, says, tmp_path
):
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(InputError, match=says):
        predict.predict([Path("run"), *map(Path, images)], show=Path(show))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_steps_that_cannot_be_written_do_not_silence_the_answer(one, capsys):
    with pytest.raises(typer.Exit) as ended:
        predict.predict([Path("run"), Path("one.png")], as_json=True, show=Path("steps.nothing"))
    said = capsys.readouterr()
    assert json.loads(said.out)[0]["image"] == "one.png"
    assert said.err.startswith("inknet: steps.nothing: cannot be drawn")
    assert ended.value.exit_code == 2


# -- sheets of squares -----------------------------------------------------------------------------


@pytest.mark.parametrize("grid", ["1x1", "1X1", "1×1"])
def test_a_grid_is_rows_and_columns(one, grid, capsys):
    predict.predict([Path("run"), Path("one.png")], grid=grid, as_json=True)
    ((box,),) = (answer["boxes"] for answer in json.loads(capsys.readouterr().out))
    assert (box["row"], box["column"]) == (0, 0)


@pytest.mark.parametrize(
    "grid", ["4", "4x", "x", "4x10x2", "-1x3", "ax3", "0x3", f"{'9' * 5000}x3"]
)
def test_another_grid_is_refused(one, grid):
    predicted = [Path("run"), Path("one.png")]
    with pytest.raises(InputError, match="grid is"):
        predict.predict(predicted, grid=grid)


# -- what cannot be read ---------------------------------------------------------------------------


def write_broken(folder):
    """Write files that are no pictures; return their names and what is said of each."""
    whole = digit_on_paper().convert("RGB")
    for suffix in ("png", "jpg", "webp", "gif", "tif"):
        path = folder / f"cut.{suffix}"
        whole.save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("not a picture")
    (folder / "folder").mkdir()
    Image.new("1", (60_000, 1_000)).save(folder / "huge.png")
    Image.new("1", (110_000, 9)).save(folder / "long.png")
    not_finite = np.full((30, 30), np.nan, np.float32)
    Image.fromarray(not_finite).save(folder / "nan.tif")
    return {
        "cut.png": "cannot be read as an image",
        "cut.jpg": "cannot be read as an image",
        "cut.webp": "cannot be read as an image",
        "cut.gif": "cannot be read as an image",
        "cut.tif": "cannot be read as an image",
        "empty.png": "not an image, expected one of PNG, JPEG",
        "text.jpg": "not an image, expected one of PNG, JPEG",
        "folder": "not a file, expected an image",
        "missing.png": "No such file",
        "huge.png": "60,000×1,000 are too many pixels",
        "long.png": "expected at most 100,000 on a side",
        "nan.tif": "its pixels are not finite",
    }


def test_each_file_that_is_no_picture_is_named_in_one_line(one, tmp_path, capsys):
    said = write_broken(tmp_path)
    names = [Path("run"), *map(Path, said), Path("one.png")]
    for as_json in (False, True):
        with pytest.raises(typer.Exit) as ended:
            predict.predict(names, as_json=as_json)
        assert ended.value.exit_code == 2
        printed = capsys.readouterr()
        lines = printed.err.splitlines()
        assert len(lines) == len(said)
        for line, (name, reason) in zip(lines, said.items(), strict=True):
            assert line.startswith(f"inknet: {name}: ")
            assert reason in line
        if as_json:
            *errors, answer = json.loads(printed.out)
            assert [error["image"] for error in errors] == list(said)
            assert all(error["verdict"] == "unreadable" for error in errors)
            assert all({*answer, "error"} == {*error} for error in errors)
            assert answer["image"] == "one.png" and "error" not in answer
        else:
            assert printed.out == f"one.png: {one.read('one.png').in_a_line()}\n"


def test_the_same_is_refused_in_python(one, tmp_path):
    for name, reason in write_broken(tmp_path).items():
        with pytest.raises(InputError, match=f"^{name}: .*") as refused:
            one.read(name)
        assert reason in str(refused.value) and "\n" not in str(refused.value)


def test_a_line_of_pixels_is_no_trouble(one):
    for shape in ((1, 3_000_000), (3_000_000, 1), (1, 1), (2, 70_000)):
        assert one.read(np.full(shape, 77, np.uint8)).verdict == "blank"
