"""A run holds back whole groups, says so, and its model is used on tables with or without them."""

import json

import numpy as np
import pytest

from commands import inknet, refusal
from inknet import InputError
from inknet.recipes import load_recipe
from inknet.runs import train_run
from inknet.runs.prepare import prepare

SMALL = ["training.epochs=2", "network.hidden=[4]", "data.label=kind"]


def write_table(path, columns=("subject", "height", "weight", "kind")):
    random = np.random.default_rng(0)
    lines = [",".join(columns)]
    for i in range(120):
        row = {
            "subject": f"p{i % 12}",
            "height": f"{random.normal():.2f}",
            "weight": f"{random.normal():.2f}",
            "kind": "ab"[i % 2],
        }
        lines.append(",".join(row[column] for column in columns))
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    write_table(folder / "people.csv")
    changes = [*SMALL, "data.groups=subject"]
    recipe = load_recipe("digits", changes, source=str(folder / "people.csv"))
    return train_run(recipe, folder / "run")


def test_metrics_and_report_say_how_many_groups_each_part_has(run):
    holdout = run.metrics["data"]["holdout"]
    assert holdout["by"] == "groups" and holdout["name"] == "subject"
    assert sum(holdout["groups"].values()) == 12
    assert set(holdout["shared"].values()) == {0}
    assert holdout == json.loads((run.folder / "metrics.json").read_text())["data"]["holdout"]
    counts = holdout["groups"]
    said = f"subject: {counts['train']} to train, {counts['validation']} to validate"
    assert said in (run.folder / "report.html").read_text("utf-8")


def test_samples_may_be_held_back_although_groups_are_named(run, tmp_path):
    changes = ["data.holdout=samples"]
    recipe = load_recipe(str(run.folder / "recipe.toml"), changes)
    holdout = train_run(recipe, tmp_path / "run").metrics["data"]["holdout"]
    assert holdout["by"] == "samples" and holdout["shared"]["train and validation"] > 0
    parts = prepare(recipe).parts
    assert parts.train.n_features == 2, "the column is no feature in either case"


def test_a_model_is_used_on_tables_with_and_without_the_groups(run, tmp_path):
    for number, columns in enumerate(
        (("kind", "weight", "height", "subject"), ("height", "weight", "kind"))
    ):
        table = write_table(tmp_path / f"{number}.csv", columns)
        said = inknet("evaluate", str(run.folder), "--data", str(table), folder=tmp_path).stdout
        assert "120" in said
    for number, columns in enumerate((("subject", "height", "weight"), ("height", "weight"))):
        table = write_table(tmp_path / f"test-{number}.csv", columns)
        inknet("submit", str(run.folder), str(table), folder=tmp_path)
        assert len((tmp_path / "submission.csv").read_text().splitlines()) == 121


def test_each_fold_holds_back_other_groups(run):
    held_back = []
    for number in range(1, 5):
        changes = [f"data.fold={number}/4"]
        recipe = load_recipe(str(run.folder / "recipe.toml"), changes)
        parts = prepare(recipe).parts
        held_back.append(set(parts.validation.own_groups.tolist()))
        assert not held_back[-1] & set(parts.train.own_groups.tolist())
        assert not held_back[-1] & set(parts.test.own_groups.tolist())
    assert sum(map(len, held_back)) == len(set.union(*held_back))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["data.groups=person"], "no column is called 'person'; found subject, height"),
        (["data.holdout=groups"], "no groups to hold back are known"),
        (["data.holdout=writers"], "no column is called 'writers'"),
        (["data.holdout=writers", "data.groups=subject"], "expected one of them"),
        (["data.groups=subject", "data.fold=5/4"], "fold is '5/4'"),
        (["data.fold=half"], "data.fold"),
        (["data.source=sample", "data.label=none", "data.groups=subject"], "has no groups"),
        (["data.source=sample", "data.label=none", "data.holdout=writers"], "writers are not kn"),
    ],
)
def test_what_cannot_be_held_back_is_one_line(run, changes, says):
    folder, said = run.folder.parent, " ".join(changes)
    write_table(folder / "plain.csv", ("height", "weight", "kind"))
    table = "people.csv" if "data.groups" in said else "plain.csv"
    settings = {"data.source": str(folder / table), "data.label": "kind"}
    with pytest.raises(InputError) as refused:
        prepare(load_recipe("digits", changes, settings=settings))
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_a_cross_validation_is_one_command_with_mean_and_standard_error(run, tmp_path):
    words = ["experiment", "run", "--recipe", str(run.folder / "recipe.toml"), "--folds", "3"]
    said = inknet(*words, "--name", "folds", folder=tmp_path).stdout
    found = [
        json.loads(path.read_text())["validation_accuracy"]
        for path in sorted((tmp_path / "experiments/folds/runs").glob("*.json"))
    ]
    assert len(found) == 3
    error = np.std(found, ddof=1) / np.sqrt(3)
    expected = (
        f"Cross-validation: validation accuracy {np.mean(found):.2%}, the mean of 3 folds; its "
        f"standard error is {100 * error:.2f} points."
    )
    assert expected in " ".join(said.split())
    assert "Chosen by validation" not in said
    grid = ["--grid", "training.learning_rate=0.01,0.001", "--name", "rates"]
    said = " ".join(inknet(*words, *grid, folder=tmp_path).stdout.split())
    for rate in ("0.01", "0.001"):
        assert f"Cross-validation with training.learning_rate={rate}: validation" in said


def test_folds_are_a_study_of_their_own(tmp_path):
    said = refusal("experiment", "run", "layers", "--folds", "3", folder=tmp_path)
    assert "they cannot be combined with a NAME" in said


def test_info_counts_the_groups(tmp_path):
    write_table(tmp_path / "people.csv")
    words = ["data", "info", "people.csv", "--label", "kind", "--groups", "subject"]
    assert "groups by subject: 12, of 10 samples each" in inknet(*words, folder=tmp_path).stdout
