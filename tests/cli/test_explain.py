"""``inknet explain`` prints a walk in 80 columns, and refuses what it cannot walk in one line."""

import csv
import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import inknet
from inknet.cli.paper import Paper, error_of
from inknet.data.example import write_example
from inknet.explain.checking import LIMIT, checked
from inknet.nn.layers import Dense
from inknet.recipes import load_recipe
from inknet.runs import train_run

PACKAGE = Path(inknet.__file__).parent


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a run of digits, a run of a table, that table, and a picture."""
    folder = tmp_path_factory.mktemp("explained")
    generator = np.random.default_rng(0)
    with (folder / "plants.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["height [cm]", "width", "label"])
        for kind, centre in (("oak", 3.0), ("fir", -2.0)):
            for _ in range(40):
                writer.writerow([*(generator.normal(size=2) + centre).round(3), kind])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inknet.runs.results._draw", lambda *_: [])
        small = ["network.hidden=[12, 8]", "network.batch_norm=none", "training.epochs=3"]
        digits = load_recipe("digits", [*small, "data.limit=500"], source="sample")
        train_run(digits, folder / "runs/digits")
        table = load_recipe("digits", small, source=str(folder / "plants.csv"))
        train_run(table, folder / "runs/plants")
    write_example(folder / "seven.png", "7")
    write_example(folder / "many.png", "123")
    Image.new("L", (60, 60), 255).save(folder / "blank.png")
    (folder / "text.png").write_text("no picture")
    return folder


@pytest.fixture
def here(trained, monkeypatch):
    monkeypatch.chdir(trained)
    return trained


@pytest.mark.parametrize(
    "words",
    [
        ("runs/digits", "--step"),
        ("runs/digits", "--image", "seven.png", "--true", "4"),
        ("runs/plants", "--step"),
        ("runs/plants", "--data", "plants.csv", "--row", "79"),
        ("pretrained", "--image", "seven.png"),
    ],
    ids=" ".join,
)
def test_all_gradients_agree_and_all_lines_fit(called, here, words):
    code, printed, complaints = called("explain", *words)
    assert (code, complaints) == (0, [])
    lines = printed.splitlines()
    assert re.search(r"✓ [\d,]+ gradients agree", lines[-1])
    wide = [line for line in lines if len(line) > 80 and str(PACKAGE) not in line]
    assert wide == []
    assert "\x1b" not in printed  # no colours where it is no terminal
    assert "✗" not in printed
    titles = [line.split("──")[1].strip() for line in lines if line.startswith("── ")]
    assert len(titles) == 3 + ("--step" in words)


def test_no_error_that_is_printed_is_larger_than_the_last_line_says(called, here):
    for words in (("runs/digits", "--step"), ("runs/plants", "--step")):
        _, printed, _ = called("explain", *words)
        errors = [float(e) for e in re.findall(r" (\d+e-\d+) ✓$", printed, re.MULTILINE)]
        assert len(errors) > 10
        assert max(errors) <= float(re.search(r"within (\S+) of their size", printed)[1])


def test_an_error_that_rounding_leaves_is_called_so():
    value, gradient = np.array([1.0]), np.array([1e-9])
    # of a sum as large as 1, differences of 2e-5 show 5 or 6 digits of a slope of 1e-9 at most
    check = checked("x", lambda: float(1 + 1e-9 * value[0]), value, gradient, np.arange(1))
    assert check.error > LIMIT and check.is_right
    assert error_of(check) == "rounding"
    clear = checked("x", lambda: float(1 + value[0]), value, np.array([1.0]), np.arange(1))
    assert float(error_of(clear)) < LIMIT


def test_layers_have_one_number_everywhere(called, here):
    _, printed, _ = called("explain", "runs/digits", "--step")
    blocks = re.split(r"^ layer (\d): ", printed, flags=re.MULTILINE)[1:]
    assert [int(number) for number in blocks[::2]] == [1, 1, 2, 2, 3, 3, 2, 2, 1, 1]
    for number, text in list(zip(blocks[::2], blocks[1::2], strict=True))[:4]:
        title = text.split("\n")[2]
        assert f"in layer {number} = " in title
    assert set(re.findall(r"of layer (\d)", printed)) == {"1", "2", "3"}


def test_each_line_of_code_is_in_its_file_where_it_is_said_to_be(called, here):
    _, printed, _ = called("explain", "runs/digits", "--step")
    found = re.findall(r"^ +([\w/]+\.py):(\d+)  (.+)$", printed, re.MULTILINE)
    assert len(found) > 20
    for file, number, code in found:
        line = (PACKAGE / file).read_text("utf-8").splitlines()[int(number) - 1].strip()
        assert line.startswith(code.rstrip("…"))


def test_the_terms_that_are_printed_add_up(called, here):
    _, printed, _ = called("explain", "runs/digits")
    sums = re.findall(r" = (\S+)\n +y = Σ x · weight \+ bias\n((?:.*\n){5})", printed)
    assert len(sums) == 3
    for value, terms in sums:
        numbers = [float(line.split()[-1].replace("−", "-")) for line in terms.splitlines()]
        assert float(value.replace("−", "-")) == pytest.approx(sum(numbers), abs=2e-3)


def test_names_of_columns_and_classes_are_shown(called, here):
    _, printed, _ = called("explain", "runs/plants", "--row", "0")
    assert "height [cm]: " in printed
    assert re.search(r"logit of (oak|fir) = ", printed)
    _, printed, _ = called("explain", "runs/plants", "--true", "oak")
    assert "the one that counts most for oak" in printed


def test_without_a_run_the_newest_is_explained(called, here):
    _, printed, _ = called("explain")
    assert printed.startswith("runs/plants: 2-12-8-2, ")


def test_a_wrong_backward_is_seen_and_the_exit_code_is_1(called, here, monkeypatch):
    right = Dense.backward

    def wrong(layer, gradient):
        returned = right(layer, gradient)
        layer.weight_gradient *= 1.1
        return returned

    monkeypatch.setattr(Dense, "backward", wrong)
    code, printed, _ = called("explain", "runs/digits")
    assert code == 1
    assert printed.splitlines()[-1].startswith("✗ 3 of ")
    rows = [line for line in printed.splitlines() if line.startswith("    dJ/dweight[")]
    assert [row[-1] for row in rows] == ["✗"] * 3
    others = [line for line in printed.splitlines() if line.startswith("    dJ/dx[")]
    assert others and all(line[-1] == "✓" for line in others)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("nowhere",), "nowhere: no such run folder"),
        (("runs",), "runs: not a finished run"),
        (("seven.png",), "seven.png: a file; expected a run folder"),
        (("runs/plants", "--image", "seven.png"), "this model was not trained on images"),
        (("runs/digits", "--image", "text.png"), "text.png: "),
        (("runs/digits", "--image", "missing.png"), "missing.png: "),
        (("runs/digits", "--image", "blank.png"), "blank.png: is blank; expected a picture of one"),
        (("runs/digits", "--image", "many.png"), "many.png: has 3 characters; expected"),
        (("runs/digits", "--image", "seven.png", "--row", "2"), "--image is a sample; "),
        (("runs/digits", "--row", "50"), "--row 50: the test data of sample has 50 rows"),
        (("runs/digits", "--row", "-1"), "--row"),
        (("runs/digits", "--true", "x"), "--true x: no class of the model (0, 1, 2, "),
        (("runs/digits", "--data", "plants.csv"), "the model was trained on 784"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_explained_is_refused_in_one_line(called, here, words, what):
    code, printed, complaints = called("explain", *words)
    assert (code, printed) == (2, "")
    (line,) = complaints
    assert what in line


def test_a_run_whose_data_were_changed_is_refused(called, here, tmp_path, monkeypatch):
    table = Path("plants.csv").read_text()
    try:
        Path("plants.csv").write_text(table.replace("oak", "elm"))
        code, _, complaints = called("explain", "runs/plants")
    finally:
        Path("plants.csv").write_text(table)
    assert code == 2
    assert "was changed since runs/plants was trained" in complaints[0]


@pytest.mark.parametrize(
    ("encoding", "line"),
    [("ascii", "-- y = -1.5 x 2 > 3 +"), ("cp1252", "-- y = -1.5 × 2 > 3 +")],
)
def test_a_minus_is_not_lost_where_the_terminal_has_no_sign_for_it(monkeypatch, encoding, line):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")
    monkeypatch.setattr(sys, "stdout", stream)
    Paper().line(("── ", "bold"), "y = −1.5 × 2 → 3 ", ("✓", "color(34)"))
    stream.flush()
    assert stream.buffer.getvalue().decode(encoding).rstrip("\n") == line
