"""The programs beside inknet do their task, and their page says what was measured; no time is asserted."""

import ast
import gzip
import random
import re
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from benchmarks.beside import __main__ as beside
from benchmarks.beside import page, running
from benchmarks.beside.counting import count_lines
from benchmarks.beside.installing import size
from benchmarks.beside.ways import PROGRAMS, WAYS, Way
from inknet import load_arrays
from inknet.data import load
from inknet.experiments.measured import MeasuredFile

IMPORTED = {"scikit-learn": "sklearn", "keras": "jax", "pytorch": "torch"}
"""What the program of a way imports besides NumPy and Matplotlib."""


# -- counting lines --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("", 0),
        ("x = 1\n", 1),
        ('"""What it is."""\n\n# why\nx = 1  # and how\n\n\ny = 2\n', 2),
        ('def f():\n    """Two\n\n    lines."""\n    return 1\n', 2),
        ('class A:\n    "A."\n\n    def f(self):\n        "F."\n', 2),
        ("f(\n    1,\n    # the second\n    2,\n\n)\n", 4),
        ('text = """one\n\ntwo"""\n', 2),
        ('x = 1\n"""a string, not a docstring"""\n', 2),
        ("if x:\n    # nothing yet\n    pass\nelse:\n    y = '#'\n", 4),
    ],
)
def test_lines_are_counted_that_a_person_writes(source, count):
    assert count_lines(source) == count


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.py")), ids=lambda path: path.stem)
def test_python_itself_writes_a_program_without_docstrings_in_as_many_lines_as_are_counted(path):
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            del node.body[0]
    written = ast.unparse(tree)  # no comments either, and a line for each statement
    assert count_lines(written) == sum(bool(line.strip()) for line in written.splitlines())
    assert count_lines(path.read_text("utf-8")) >= count_lines(written)


# -- the programs ----------------------------------------------------------------------------------


@pytest.fixture
def few_images(tmp_path):
    """Write 600 images to learn from and 200 to test on, as MNIST's files are."""
    sample = load("sample")
    rows = np.random.default_rng(0).permutation(len(sample))[:800]
    for part, chosen in (("train", rows[:600]), ("t10k", rows[600:])):
        pixels, labels = sample.stored()[chosen], sample.targets[chosen].astype(np.uint8)
        for name, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            head = bytes(8 if name == "labels-idx1" else 16)
            (tmp_path / f"{part}-{name}-ubyte.gz").write_bytes(
                gzip.compress(head + array.tobytes(), 1)
            )
    return tmp_path


@pytest.fixture
def pictures(tmp_path, few_images):
    folder = tmp_path / "a folder with spaces"
    folder.mkdir()
    return running.notes(folder)


@pytest.mark.parametrize("name", ["nielsen", "micrograd", "scikit-learn", "keras", "pytorch"])
def test_a_program_learns_tests_saves_loads_and_reads(name, few_images, pictures):
    if name in IMPORTED and not find_spec(IMPORTED[name]):
        pytest.skip(f"needs {IMPORTED[name]}")
    one = running.run(Path(sys.executable), WAYS[name], 1, pictures, few_images)
    assert one["seed"] == 1
    best = max(accuracy for _, accuracy, _ in one["curve"])
    assert best > (50 if name == "micrograd" else 80)
    assert one["test"] > (40 if name == "micrograd" else 75)
    assert one["read"]["notes"][1] == 10
    seconds = [moment for moment, *_ in one["curve"]]
    assert seconds == sorted(seconds) and one["done"] >= seconds[-1]


def test_the_program_of_inknet_learns_and_reads(tmp_path, pictures, monkeypatch, capsys):
    def sample(source, seed, validation):
        assert (source, round(validation * 60_000)) == ("mnist", 10_000)
        return load_arrays("sample", seed, limit=3000, validation=validation)

    monkeypatch.setattr("inknet.load_arrays", sample, raising=False)
    monkeypatch.setattr("sys.argv", ["", "1", *(str(p.path.resolve()) for p in pictures)])
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(WAYS["inknet"].path), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    one = running.understood([(float(i), line) for i, line in enumerate(lines)], pictures)
    assert max(accuracy for _, accuracy, _ in one["curve"]) > 90 and one["test"] > 90
    assert one["read"]["notes"][0] >= 8
    assert (tmp_path / "curve.png").is_file() and (tmp_path / "digits.safetensors").is_file()


def definitions(way: Way) -> dict:
    """Return the classes and functions of a program, which is not run."""
    tree = ast.parse(way.source)
    kept = ast.Import | ast.ImportFrom | ast.ClassDef | ast.FunctionDef
    tree.body = [
        node
        for node in tree.body
        if isinstance(node, kept) and getattr(node, "module", "") != "mnist"
    ]
    names: dict = {"__name__": way.program}
    exec(compile(tree, way.path, "exec"), names)
    return names


def slopes(loss, arrays, step=1e-6):
    """Return central differences of a function of no arguments over every number of arrays."""
    found = []
    for array in arrays:
        slope = np.empty_like(array)
        for index in np.ndindex(array.shape):
            kept = array[index]
            array[index] = kept + step
            above = loss()
            array[index] = kept - step
            slope[index] = (above - loss()) / (2 * step)
            array[index] = kept
        found.append(slope)
    return found


def test_the_step_in_nielsens_style_is_against_the_finite_differences():
    rng = np.random.default_rng(0)
    network = definitions(WAYS["nielsen"])["Network"]([5, 4, 3], rng)
    network.weights = [w.astype(float) for w in network.weights]
    network.biases = [b.astype(float) for b in network.biases]
    X, Y = rng.random((6, 5)), np.eye(3)[[0, 1, 2, 0, 1, 2]]

    def cross_entropy():
        p = network.forward(X.T)[-1].T
        return -np.mean(np.sum(Y * np.log(p) + (1 - Y) * np.log(1 - p), axis=1))

    before = [w.copy() for w in (*network.weights, *network.biases)]
    expected = slopes(cross_entropy, (*network.weights, *network.biases))
    decay = [0.1, 0.1, 0.0, 0.0]
    network.step(X, Y, rate=0.5, decay=0.1)
    after = (*network.weights, *network.biases)
    for old, new, slope, share in zip(before, after, expected, decay, strict=True):
        np.testing.assert_allclose(new, old * (1 - 0.5 * share) - 0.5 * slope, rtol=1e-7, atol=1e-9)


def test_the_values_in_micrograds_style_have_the_slopes_of_finite_differences():
    random.seed(0)  # the program draws its weights there
    network = definitions(WAYS["micrograd"])["Network"](5, 4, 3)
    pixels, digit = [0.0, 0.3, 1.0, 0.7, 0.2], 2
    before = np.array([value.data for value in network.values])
    numbers = before.copy()

    def cross_entropy():
        hidden = numbers[: 4 * 6].reshape(4, 6)
        output = numbers[4 * 6 :].reshape(3, 5)
        signals = np.maximum(hidden[:, :5] @ pixels + hidden[:, 5], 0)
        scores = output[:, :4] @ signals + output[:, 4]
        return np.log(np.exp(scores).sum()) - scores[digit]

    (expected,) = slopes(cross_entropy, [numbers])
    network.learn(pixels, digit, rate=0.25)
    after = np.array([value.data for value in network.values])
    np.testing.assert_allclose(after, before - 0.25 * expected, rtol=1e-7, atol=1e-9)
    assert np.count_nonzero(expected) > 10


# -- measuring -------------------------------------------------------------------------------------


def test_a_program_that_fails_or_leaves_nothing_is_refused_in_a_line(
    tmp_path, pictures, monkeypatch
):
    monkeypatch.setattr("benchmarks.beside.ways.PROGRAMS", tmp_path)
    way = Way("a way", "program", (), ())
    for text, complaint in (
        ("raise ValueError('no such digit')", "program.py, seed 3: ValueError: no such digit"),
        ("print('test: 98.00%')", "program.py, seed 3: left no curve or no model"),
    ):
        way.path.write_text(text)
        with pytest.raises(running.ProgramError) as raised:
            running.run(Path(sys.executable), way, 3, pictures, tmp_path)
        assert str(raised.value) == complaint


def test_what_a_program_says_is_understood_and_what_it_leaves_out_is_noticed(pictures):
    said = [
        (1.0, "a warning that nobody asked for"),
        (2.0, "epoch 1: 97.50% of the validation images"),
        (3.0, "epoch 2: 98.00% of the validation images"),
        (3.5, "test: 97.90%"),
        *((4.0 + i, f"{p.path.resolve()} {p.digit if i else ''}") for i, p in enumerate(pictures)),
    ]
    assert running.understood(said, pictures) == {
        "curve": [[2.0, 97.5, "epoch 1"], [3.0, 98.0, "epoch 2"]],
        "test": 97.9,
        "done": 4.0,
        "read": {"notes": [9, 10]},
    }
    for left_out in (said[:1] + said[3:], said[:3] + said[4:], said[:-1], said[:4]):
        with pytest.raises(running.ProgramError, match="expected"):
            running.understood(left_out, pictures)


def test_the_photographs_are_those_of_one_digit_on_paper(tmp_path, monkeypatch):
    rows = ["a.jpg\t7\tphoto\tsingle-large", "b.jpg\t12\tphoto\tseveral", "c.png\t7\tscan\tsingle"]
    (tmp_path / "truth.tsv").write_text("\n".join(["file\ttruth\tmedium\tkind", *rows]))
    monkeypatch.setenv("INKNET_PHOTOS_DIR", str(tmp_path))
    assert running.photographs() == [running.Picture(tmp_path / "a.jpg", "7", "photographs")]
    monkeypatch.delenv("INKNET_PHOTOS_DIR")
    assert running.photographs() == []


def test_the_size_of_a_folder_is_without_links_and_bytecode(tmp_path):
    (tmp_path / "package" / "__pycache__").mkdir(parents=True)
    for name, n in (("package/code.py", 300), ("package/__pycache__/code.pyc", 5000), ("data", 7)):
        (tmp_path / name).write_bytes(bytes(n))
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert size(tmp_path) == 307


def test_an_unknown_way_is_refused():
    with pytest.raises(SystemExit, match="no way is called 'tensorflow'"):
        beside.main(["tensorflow"])


# -- the page --------------------------------------------------------------------------------------


def measured(*runs, megabytes=100.0, packages=("numpy", "matplotlib")):
    """What a way might have left."""
    return {
        "packages": dict.fromkeys(packages, "1.0"),
        "megabytes": megabytes,
        "began": "2026-01-02T03:04:05+00:00",
        "load_before": 0.5,
        "machine": {
            "processor": "a processor",
            "cores": 2,
            "system": "Linux x86_64",
            "python": "3.11",
            "versions": {},
        },
        "runs": list(runs),
    }


def one_run(*curve, seed=0, test=98.0, done=20.0, right=1):
    return {
        "seed": seed,
        "curve": [list(moment) for moment in curve],
        "test": test,
        "done": done,
        "read": {"notes": [right, 10]},
    }


def test_the_page_in_docs_is_what_its_figures_say_and_these_are_of_the_programs_as_they_are():
    figures = MeasuredFile(beside.FIGURES).entries()
    assert page.PAGE.read_text("utf-8") == page.render(figures)
    assert (page.PAGE.parent / "pictures" / "beside.png").is_file()
    assert list(figures) == list(WAYS)
    for name, one in figures.items():
        assert one["program"] == WAYS[name].digest(), f'make beside ARGS="{name}"'
        assert [run["seed"] for run in one["runs"]] == list(WAYS[name].seeds)


@pytest.fixture
def results():
    first = one_run((3.0, 97.0, "epoch 1"), (6.0, 98.0, "epoch 2"), done=7.0, right=2)
    second = one_run((4.0, 98.1, "epoch 1"), seed=1, test=98.3, done=5.0)
    third = one_run((4.0, 97.1, "epoch 1"), seed=2, test=97.7, done=9.0)
    slow = one_run((10.0, 60.0, "1000 images"), (60.0, 80.0, "6000 images"), test=79.5)
    return {
        "keras": measured(first, second, third, megabytes=1234.4),
        "micrograd": measured(slow),
        "nielsen": measured(one_run((5.0, 97.0, "epoch 1"), (9.0, 98.0, "epoch 2"))),
        "pytorch": {"left_out": "no matching distribution found."},
    }


def rows(text):
    """Return the cells of every table row by its first cell."""
    cells = ([c.strip() for c in line.strip("|").split("|")] for line in text.splitlines())
    return {first: rest for first, *rest in reversed(list(cells)) if rest}


def test_the_page_has_medians_means_and_what_was_not_reached(results):
    text = page.render(results)
    table = rows(text)
    lines = [str(count_lines(WAYS[name].source)) for name in ("keras", "micrograd")]
    expected = ["2", "1,234", "5.0 (2 of 3 runs)", "7.0", "98.00 %", "1"]
    assert table["Keras, on JAX"] == [lines[0], *expected]
    expected = ["2", "100", "not reached (80.0 %)", "20.0", "79.50 %", "1"]
    assert table["micrograd's style"] == [lines[1], *expected]
    assert table[""][-1] == "notes read, of 10"
    assert "PyTorch" not in table
    assert "Left out: PyTorch (no matching distribution found)." in text
    assert "*Photographs*" not in text
    for name in ("keras", "micrograd", "nielsen"):
        assert WAYS[name].source in text
        assert all(f"- {what}" in text for what in WAYS[name].missing)


def test_one_number_at_a_time_is_extrapolated_by_its_speed_and_its_weights(results):
    text = page.render(results)
    said = re.search(
        r"from 6,000 images, (\d+) a second.*\((\d+) epochs\).*take ([\d.]+) hours", text
    )
    assert said is not None and said.groups() == ("100", "2", "0.3")
    assert "32 times as many weights, about 0 days" in text  # 407,050 / 12,730
    assert page.parameters(784, 512, 10) == 785 * 512 + 513 * 10
    results["nielsen"]["runs"][0]["curve"] *= 36
    assert "(72 epochs) would take 10.0 hours" in page.render(results)
    assert "about 13 days" in page.render(results)


def test_the_picture_has_a_line_for_each_run(results, tmp_path):
    from PIL import Image

    page.write_page(results, tmp_path / "beside.md")
    with Image.open(tmp_path / "pictures" / "beside.png") as picture:
        colours = {
            tuple(pixel[:3]) for pixel in np.asarray(picture).reshape(-1, 4) if pixel[3] > 250
        }
    for name in ("keras", "nielsen"):
        assert tuple(bytes.fromhex(page.COLOURS[name][1:])) in colours
    assert tuple(bytes.fromhex(page.COLOURS["inknet"][1:])) not in colours
