"""The search for hyperparameters: what it tries, what it prunes, and how it resumes."""

import sqlite3
import tomllib
from contextlib import closing

import optuna
import pytest
from studying import SMALL

from commands import inknet, refusal
from inknet import InputError
from inknet.errors import without_passwords
from inknet.experiments.search import Axis, axis_of, open_search

SETS = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
EPOCHS = ["--set", "training.epochs=1"]
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
        (["--vary", "training.epochs=1..2", *EPOCHS], "is what the search varies"),
        (["--vary", "training.epochs=1,2", "--vary", "training.epochs=3..4"], "is given twice"),
        (["--set", "data.source=no.csv"], "no.csv: no such file or folder"),
        (["--vary", "data.source='sample','no.csv'"], "no.csv: no such file or folder"),
        (["--out", "best.txt"], "--out best.txt: expected the name of a .toml file"),
        (["--out", "."], "--out .: expected the name of a .toml file"),
        (["--set", "seed=1"], "--set seed=1: seed is what --seed gives"),
        (["--vary", "seed=1,2"], "have the seed that --seed gives"),
        (["--set", "data.source=sample", "--storage", "nope://x"], "--storage nope://x: cannot be"),
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


def test_a_search_in_which_no_trial_was_finished_is_an_error(tmp_path):
    diverging = ["network.batch_norm=none", "training.optimizer=gradient_descent"]
    sets = [word for change in diverging for word in ("--set", change)]
    result = inknet(
        *["search", "digits", *SETS, *sets, "--vary", "training.learning_rate=1e20..1e30"],
        *["--trials", "2"],
        folder=tmp_path,
        expect=2,
    )
    assert "trial 1: pruned" in result.stdout
    (line,) = result.stderr.splitlines()
    assert "no trial was finished" in line and "2 pruned" in line
    assert not (tmp_path / "search/digits.toml").exists()


SECRET = "p%40ss/w:rd"


@pytest.mark.parametrize(
    "storage",
    [
        f"mysql://me:{SECRET}@127.0.0.1/x",
        f"nonsense://me:{SECRET}@h/x",
        f"postgresql+psycopg2://me:{SECRET}@127.0.0.1:1/x",
        f"redis://:{SECRET}@127.0.0.1:1/0",
        f"postgresql://h/x?user=me&password={SECRET}",
        f"me:{SECRET}@h/x",
        f"mysql://me:{SECRET}@h:no-port/x",
    ],
)
def test_a_password_of_a_database_is_never_shown_or_written(storage, tmp_path):
    line = refusal("search", "digits", *SETS, "--storage", storage, folder=tmp_path)
    for secret in (SECRET, "p@ss", "ss/w", "w:rd"):
        assert secret not in line
    assert "***" in line and "cannot be used" in line
    # nor where the command line itself is wrong
    for words in (["--trials", "x", "--storage", storage], [f"http://{storage}"]):
        assert "w:rd" not in refusal("search", "digits", *words, folder=tmp_path)


def test_a_password_is_hidden_up_to_the_last_at_sign_and_all_else_is_shown():
    for text, shown in {
        "mysql://me:secret@h:3306/x": "mysql://me:***@h:3306/x",
        "a://u:p@ss@h/x is not b://u:q@h": "a://u:***@h/x is not b://u:***@h",
        "postgresql://h/x?Password=secret&ssl=on": "postgresql://h/x?Password=***&ssl=on",
        "sqlite:///search/a.db": "sqlite:///search/a.db",
        "tcp://127.0.0.1:8786": "tcp://127.0.0.1:8786",
        "mail me@there: now": "mail me@there: now",
    }.items():
        assert without_passwords(text) == shown
        assert without_passwords(shown) == shown


def test_a_database_that_fails_during_a_search_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("INKNET_OPS", "numpy")
    changes = [f"{key}={value}" for key, value in SMALL.items()]
    storage = f"sqlite:///{tmp_path}/a.db"
    vary = ["training.learning_rate=0.001..0.1"]
    search = open_search("digits", changes, vary, 0, name="a", storage=storage)
    assert storage not in repr(search)

    def drop_all(trial):
        with closing(sqlite3.connect(tmp_path / "a.db")) as database:
            database.execute("drop table trials")

    with pytest.raises(InputError) as caught:
        search.run(3, drop_all)
    assert str(caught.value).isprintable()
    assert "cannot be used" in str(caught.value)
