"""The search for hyperparameters: what it tries, what it prunes, and how it resumes."""

import tomllib

import optuna
import pytest
from studying import SMALL

from commands import inknet, refusal
from inknet import InputError
from inknet.experiments.search import Axis, axis_of

SETS = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
QUICK = ["search", "digits", *SETS, "--vary", "training.learning_rate=0.00001..0.1"]


def test_a_search_goes_on_where_it_stopped_and_its_best_recipe_reaches_what_it_says(tmp_path):
    first = inknet(*QUICK, "--trials", "6", folder=tmp_path).stdout
    second = inknet(*QUICK, "--trials", "3", folder=tmp_path).stdout
    assert [
        line.split(":")[0] for line in (first + second).splitlines() if line[:5] == "trial"
    ] == [f"trial {number}" for number in range(9)]
    study = optuna.load_study(study_name="digits", storage=f"sqlite:///{tmp_path}/search/digits.db")
    assert len(study.trials) == 9
    assert len({trial.params["training.learning_rate"] for trial in study.trials}) == 9
    # the median of those before is the least that goes on: bad rates are ended early
    pruned = [t for t in study.trials if t.state == optuna.trial.TrialState.PRUNED]
    assert all(len(trial.intermediate_values) < 4 for trial in pruned)
    recipe = tomllib.loads((tmp_path / "search/digits.toml").read_text())
    best = study.best_trial
    assert recipe["training"]["learning_rate"] == best.params["training.learning_rate"]
    assert best.value == max(best.intermediate_values.values())
    assert f"best validation accuracy {best.value:.2%}, of trial {best.number}" in second


def test_the_search_gives_the_training_of_its_recipe(tmp_path):
    inknet(*QUICK, "--trials", "1", folder=tmp_path)
    inknet("train", "--recipe", "search/digits.toml", "--out", "run", folder=tmp_path)
    study = optuna.load_study(study_name="digits", storage=f"sqlite:///{tmp_path}/search/digits.db")
    lines = (tmp_path / "run/history.csv").read_text().splitlines()
    column = lines[0].split(",").index("val_accuracy")
    assert study.best_value == max(float(line.split(",")[column]) for line in lines[1:])


def test_bad_input_is_one_line_and_leaves_nothing(tmp_path):
    for words, expected in (
        (["--vary", "training.rate=1..2"], "training.rate is not a recipe key"),
        (["--vary", "training.patience=0..5"], "training.patience is 0; expected"),
        (["--vary", "training.epochs=5..2"], "the lower end of the range first"),
        (["--vary", "training.schedule=a..b"], "expected numbers on both sides"),
        (["--vary", "training.epochs"], "expected key=low..high"),
        (["--storage", "nope://x"], "--storage nope://x: cannot be used"),
        (["--name", "../up"], "expected at most 80 letters"),
    ):
        assert expected in refusal("search", "digits", *words, folder=tmp_path)


def test_a_search_in_which_every_training_diverged_is_an_error_and_says_why(tmp_path):
    words = ["search", "digits", *SETS, "--set", "training.optimizer=gradient_descent"]
    words += ["--vary", "training.learning_rate=1e30..1e35", "--trials", "2"]
    for n_trials in (2, 4):  # the search may be resumed, and says so again
        (line,) = inknet(*words, folder=tmp_path, expect=2).stderr.splitlines()
        assert f"; {n_trials} diverged, the last: training diverged: the loss of step" in line
    assert not (tmp_path / "search/digits.toml").exists()


def test_another_search_of_the_same_name_is_refused(tmp_path):
    inknet(*QUICK, "--trials", "1", folder=tmp_path)
    line = refusal(*QUICK, "--trials", "1", "--seed", "5", folder=tmp_path)
    assert "another recipe or other ranges" in line


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("a.b=1..8", Axis("a.b", 1, 8)),
        ("a.b=0.5..1.0", Axis("a.b", 0.5, 1.0)),
        ("a.b=1e-4..1e-1", Axis("a.b", 1e-4, 1e-1)),
        ("a.b=.5..2", None),
        ("a.b=1,2", Axis("a.b", choices=(1, 2))),
        ("a.b=[1],[2, 3]", Axis("a.b", choices=([1], [2, 3]))),
        ("a.b=cosine", Axis("a.b", choices=("cosine",))),
    ],
)
def test_ranges_and_choices_are_read(text, axis):
    if axis is None:
        with pytest.raises(InputError):
            axis_of(text)
    else:
        assert axis_of(text) == axis


def test_a_wide_range_is_searched_by_orders_of_magnitude():
    narrow, wide = optuna.trial.FixedTrial({"k": 0.5}), optuna.trial.FixedTrial({"k": 0.5})
    assert Axis("k", 0.1, 1.0).suggest(narrow) == Axis("k", 0.001, 1.0).suggest(wide) == 0.5
    assert (narrow.distributions["k"].log, wide.distributions["k"].log) == (False, True)
