"""docs/from-scikit-learn.md is true: its program runs, and it has every parameter and attribute."""

import re
from pathlib import Path

import pytest
from numpy.testing import assert_array_equal
from onnxruntime import InferenceSession
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import from_scikit_learn, real_tables
from inknet import MLP, MLPClassifier

PAGE = (Path(__file__).parents[2] / "docs/from-scikit-learn.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PROGRAM = [code for code in BLOCKS if "torch" not in code and "skl2onnx" not in code]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_its_program_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert len(PROGRAM) == 4
    names: dict[str, object] = {}
    exec("\n".join(PROGRAM), names)
    score, n_epochs = capsys.readouterr().out.split()
    assert float(score) > 0.9
    assert int(n_epochs) == names["model"].n_iter_
    assert len(MLP.load("model.safetensors").facts.class_names) == 10
    assert (tmp_path / "model.py").is_file()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_its_conversion_to_onnx_runs():
    pytest.importorskip("skl2onnx")
    (code,) = (code for code in BLOCKS if "skl2onnx" in code)
    X_train, y_train = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(max_iter=3)).fit(X_train, y_train)
    names: dict[str, object] = {"pipeline": pipeline, "X_train": X_train}
    exec(code, names)
    features = X_train.astype("float32")
    session = InferenceSession(names["onnx_model"].SerializeToString())
    labels, _ = session.run(None, {"X": features})
    assert_array_equal(labels, pipeline.predict(features))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_it_has_every_parameter_and_every_attribute():
    model = MLPClassifier(max_iter=30, early_stopping=True).fit(*load_iris(return_X_y=True))
    attributes = [name for name in vars(model) if name.endswith("_") and not name.startswith("_")]
    for name in [*model.get_params(), *attributes]:
        assert f"`{name}`" in PAGE, name


def test_its_figures_come_from_the_script_and_keep_what_is_promised():
    figures = PAGE.split("<!-- figures: begin -->")[1].split("<!-- figures: end -->")[0]
    assert "Measured by `python -m benchmarks.from_scikit_learn`" in figures
    apart = [abs(float(points)) for points in re.findall(r"([+-]\d\.\d\d) points", figures)]
    assert len(apart) == 4
    assert max(apart) <= from_scikit_learn.MOST_POINTS_APART
    ratios = re.findall(r"until it stops \| as installed \|.*\| (\d+\.\d) ×", figures)
    assert len(ratios) == 2
    assert min(map(float, ratios)) >= from_scikit_learn.LEAST_RATIO


def test_on_ten_real_tables_of_each_kind_predictions_are_those_of_scikit_learn():
    tables = PAGE.split(real_tables.MARKS[0])[1].split(real_tables.MARKS[1])[0]
    assert "Compared by `python -m benchmarks.real_tables`" in tables
    rows = re.findall(r"^\| ([^|]+) \| [\d,]+ × \d+ \| (.+) \|$", tables, re.MULTILINE)
    found = [[float(one) for one in figures.split(", ")] for _, figures in rows]
    counts = [row for row in found if len(row) == len(real_tables.SOLVERS_FOR_CLASSES)]
    apart = [row for row in found if len(row) == len(real_tables.SOLVERS_FOR_NUMBERS)]
    assert len(counts) >= 10 and len(apart) >= 10
    assert max(map(max, counts)) == 0
    assert max(map(max, apart)) <= real_tables.LARGEST_DIFFERENCE
