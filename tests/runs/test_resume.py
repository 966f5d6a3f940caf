"""However a training is ended, it goes on to the same bits, and leaves nothing lying about."""

import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from commands import content, default_signals, environment, inknet, refusal, running, wait_for
from inknet import InputError
from inknet.data import load
from inknet.training.checkpoint import NEWEST, PREVIOUS, Checkpoint
from trainings import interrupted, options, outcome, pictures

SLOW_LOADING = Path(__file__).parents[1] / "slow_loading.py"


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The folder of a training that was never interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    inknet("train", *options(), "--out", "run", folder=folder, drawn=True)
    return folder / "run"


@pytest.fixture(scope="module")
def whole(uninterrupted):
    """The outcome of that training."""
    return outcome(uninterrupted)


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A folder with a training that was ended by Ctrl-C; to be copied."""
    run = tmp_path_factory.mktemp("ended") / "run"
    interrupted(run, signal.SIGINT)
    assert {path.name for path in (run / "unfinished").iterdir()} == {
        "recipe.toml",
        "lock",
        NEWEST,
        PREVIOUS,
    }
    return run


@pytest.fixture
def run(ended, tmp_path):
    """A copy of that folder."""
    shutil.copytree(ended, tmp_path / "run")
    return tmp_path / "run"


# -- killed ----------------------------------------------------------------------------------------


def half_written(folder):
    """Whether there is a file of a checkpoint that is not yet in its place."""
    try:
        return any(name.startswith((".checkpoint", ".tmp")) for name in os.listdir(folder))  # noqa: PTH208, it is quick
    except FileNotFoundError:
        return False


class Kills:
    """Starts a training, kills it at a random moment and lets it go on, again and again."""

    def __init__(self, folder, seed):
        self.folder, self.random = folder, random.Random(seed)
        self.kills = self.while_writing = self.from_previous = self.after_training = 0

    def run_until_it_ends(self, most_kills):
        """Kill up to so many times; then wait for the end."""
        unfinished = self.folder / "run/unfinished"
        while True:
            there = [name for name in (NEWEST, PREVIOUS) if (unfinished / name).exists()]
            if there:
                arguments = ["--resume", "run", "--checkpoint-seconds", "0"]
                if PREVIOUS in there and self.random.random() < 0.2:
                    arguments.append("--previous")
                    self.from_previous += 1
            else:
                arguments = [*options(), "--out", "run"]
            with running("train", *arguments, folder=self.folder, drawn=True) as process:
                if self.kills < most_kills:
                    line = process.stdout.readline()
                    if line:
                        longest = 0.5 if self.random.random() < 0.85 else 2.0
                        time.sleep(self.random.uniform(0, longest))
                        if self.random.random() < 0.7:  # not before a checkpoint is half written
                            end = time.monotonic() + 0.5
                            while not half_written(unfinished) and time.monotonic() < end:
                                pass
                    killed = process.poll() is None
                    process.kill()
                    printed, complaint = process.communicate()
                    if killed:
                        self.kills += 1
                        self.while_writing += half_written(unfinished)
                        self.after_training += "80/80" in printed
                        continue
                else:
                    printed, complaint = process.communicate(timeout=120)
                if process.returncode == 2:  # it was killed when all was done but the tidying up
                    if not there:
                        assert "holds a run already" in complaint
                        with running("train", "--resume", "run", folder=self.folder) as tidying:
                            _, complaint = tidying.communicate(timeout=120)
                    assert "this run is finished" in complaint
                else:
                    assert (process.returncode, complaint) == (0, "")
                return


def kill(folder, n_kills, seed, uninterrupted):
    kills = Kills(folder, seed)
    while kills.kills < n_kills:
        kills.run_until_it_ends(min(n_kills, kills.kills + 8))
        assert outcome(folder / "run") == outcome(uninterrupted)
        assert pictures(folder / "run") == pictures(uninterrupted)
        assert [path.name for path in folder.iterdir()] == ["run"]
        shutil.rmtree(folder / "run")
    assert kills.while_writing >= n_kills // 10, "too few hit the writing of a checkpoint"


@pytest.mark.first
def test_a_training_killed_at_random_moments_ends_with_the_same_bits(uninterrupted, tmp_path):
    kill(tmp_path, 12, 0, uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_a_training_killed_at_many_more_moments_ends_with_the_same_bits(
    uninterrupted, tmp_path, seed
):
    kill(tmp_path, 20, seed, uninterrupted)


def test_the_outcome_of_another_training_differs(whole, tmp_path):
    inknet("train", *options(training__epochs=30), "--out", "run", folder=tmp_path)
    other = outcome(tmp_path / "run")
    assert other["model"] != whole["model"] and other["history"] != whole["history"]


# -- ended by a signal -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (signal.SIGINT, "run"),
        (signal.SIGTERM, "a run's folder"),
        pytest.param(signal.SIGHUP, "run", marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_a_training_with_a_command_that_goes_on(
    uninterrupted, tmp_path, number, name
):
    line = interrupted(tmp_path / name, number)
    said = {2: "interrupted", 15: "terminated", 1: "hung up"}[number]
    assert line.startswith(f"inknet: {said}; resume with: inknet train --resume ")
    assert [path.name for path in (tmp_path / name).iterdir()] == ["unfinished"]
    listed = inknet("runs", ".", folder=tmp_path).stdout
    command = line.split("resume with: ")[1]
    assert command in listed
    program, *arguments = shlex.split(command)
    assert program == "inknet"
    printed = inknet(*arguments, folder=tmp_path, drawn=True).stdout
    assert re.search(r"resuming after step [\d,]+ of 1,600", printed)
    assert outcome(tmp_path / name) == outcome(uninterrupted)
    assert pictures(tmp_path / name) == pictures(uninterrupted)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_step_is_finished_and_nothing_after_it_is_begun(tmp_path):
    interrupted(tmp_path / "run", signal.SIGINT)
    newest = Checkpoint.load(tmp_path / "run/unfinished" / NEWEST)
    assert newest.values["stop_reason"]["text"] == "interrupted"
    assert newest.values["step"] == newest.values["steps_taken"]
    assert 8 <= len(newest.values["history"]["records"]) < 80


def start_slowly(place, *arguments, folder):
    """Start a command that is slow at one place, and return when it has come there."""
    process = subprocess.Popen(
        [sys.executable, SLOW_LOADING, place, *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=default_signals,
    )
    assert process.stdout.readline() == "now\n", process.communicate()[1]
    return process


@pytest.mark.parametrize(
    ("number", "code", "says"),
    [(signal.SIGINT, 130, "inknet: interrupted\n"), (signal.SIGTERM, -signal.SIGTERM, "")],
)
def test_a_signal_while_data_are_loaded_leaves_nothing(tmp_path, number, code, says):
    with start_slowly("loading", "train", *options(), "--out", "run", folder=tmp_path) as process:
        process.send_signal(number)
        assert (process.communicate(timeout=60)[1], process.returncode) == (says, code)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "code", "says"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_while_a_training_that_goes_on_loads_its_data_changes_nothing(
    run, number, code, says
):
    before = content(run)
    with start_slowly("loading", "train", "--resume", "run", folder=run.parent) as process:
        process.send_signal(number)
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == code
    assert complaint == f"inknet: {says}; resume with: inknet train --resume run\n"
    assert content(run) == before


def test_a_signal_while_results_are_written_lets_them_be_written(whole, tmp_path):
    with start_slowly("writing", "train", *options(), "--out", "run", folder=tmp_path) as process:
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0
    assert outcome(tmp_path / "run") == whole


def test_a_signal_while_the_results_of_a_member_are_written_ends_the_ensemble(tmp_path):
    np.savez(
        tmp_path / "data.npz",
        x_train=np.arange(200, dtype=np.uint8).repeat(9).reshape(200, 3, 3),
        y_train=np.arange(200) % 2,
        x_test=np.ones((20, 3, 3), np.uint8),
        y_test=np.arange(20) % 2,
    )
    words = ["train", *options(training__epochs=2), "--data", "data.npz", "--out", "all"]
    words += ["--ensemble", "3"]
    with start_slowly("writing", *words, folder=tmp_path) as process:
        process.send_signal(signal.SIGTERM)
        complaint = process.communicate(timeout=60)[1]
    assert "terminated; finished runs are kept, the same command resumes" in complaint
    assert process.returncode == 143
    assert [path.name for path in (tmp_path / "all").iterdir()] == ["seed-0"]
    assert outcome(tmp_path / "all/seed-0")
    inknet(*words, folder=tmp_path)
    assert len(list((tmp_path / "all").glob("seed-*/metrics.json"))) == 3
    words[words.index("all")] = "more"
    words += ["--set", "training.epochs=100000", "--set", "training.patience=100000"]
    with running(*words, folder=tmp_path) as process:  # the command for the member alone is not all
        wait_for(process, " 1/")
        process.send_signal(signal.SIGINT)
        complaint = process.communicate(timeout=60)[1]
    assert complaint == "inknet: interrupted; finished runs are kept, the same command resumes\n"


def test_a_training_on_distorted_images_with_averaged_weights_goes_on_too(tmp_path):
    changes = {
        "augment.rotation": 15,
        "augment.elastic_alpha": 36,
        "augment.swap": 0.1,
        "augment.fade": 0.5,
        "network.batch_norm": "before",
        "training.optimizer": "adamw",
        "training.weight_decay": 0.1,
        "training.average_decay": 0.99,
        "training.warmup": 0.1,
        "training.max_norm": 2,
        "training.epochs": 15,
        "training.patience": 14,
    }
    inknet("train", *options(**changes), "--out", "whole", folder=tmp_path)
    interrupted(tmp_path / "run", signal.SIGINT, wait=" 3/", **changes)
    inknet("train", "--resume", "run", folder=tmp_path)
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


# -- two at once -----------------------------------------------------------------------------------


def is_stopped(number):
    """Whether all threads of a process are stopped; True where the system cannot say."""
    states = Path("/proc").glob(f"{number}/task/*/stat")
    return all(state.read_text().rpartition(")")[2].split()[0] == "T" for state in states)


def test_a_second_process_on_a_run_folder_is_refused_and_the_first_is_unharmed(whole, tmp_path):
    with running("train", *options(), "--out", "run", folder=tmp_path) as first:
        wait_for(first, " 4/80")
        first.send_signal(signal.SIGSTOP)  # so that it is still at work when the others come
        try:
            while not is_stopped(first.pid):  # a thread that is writing stops later
                time.sleep(0.01)
            for arguments, says in (
                (["--out", "run"], "holds an unfinished training"),
                (["--out", "run", "--force"], "another process is training into this folder"),
            ):
                assert says in refusal("train", *options(), *arguments, folder=tmp_path)
            line = refusal("train", "--resume", "run", folder=tmp_path)
            assert "another process is training into this folder" in line
        finally:
            first.send_signal(signal.SIGCONT)
        assert first.communicate(timeout=60)[1] == ""
        assert first.returncode == 0
    assert outcome(tmp_path / "run") == whole


# -- refused ---------------------------------------------------------------------------------------


def damage(path, how="zeros"):
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + (bytes(len(content) - half) if how == "zeros" else b""))


@pytest.mark.parametrize("how", [pytest.param("zeros", marks=pytest.mark.slow), "cut"])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_it_offered_and_good(run, whole, how):
    damage(run / "unfinished" / NEWEST, how)
    line = refusal("train", "--resume", "run", folder=run.parent)
    assert f"{run / 'unfinished' / NEWEST}: damaged" in line
    assert "--previous" in line
    inknet("train", "--resume", "run", "--previous", folder=run.parent)
    assert outcome(run) == whole


def test_where_both_are_damaged_nothing_is_offered(run):
    for name in (NEWEST, PREVIOUS):
        damage(run / "unfinished" / name)
    line = refusal("train", "--resume", "run", folder=run.parent)
    assert f"{run / 'unfinished' / NEWEST}: damaged" in line
    assert "--previous" not in line
    line = refusal("train", "--resume", "run", "--previous", folder=run.parent)
    assert f"{run / 'unfinished' / PREVIOUS}: damaged" in line


def test_without_the_newest_it_goes_on_from_the_one_before(run, whole):
    (run / "unfinished" / NEWEST).unlink()
    inknet("train", "--resume", "run", folder=run.parent)
    assert outcome(run) == whole


def test_a_checkpoint_of_another_recipe_is_refused_by_name(run):
    path = run / "unfinished/recipe.toml"
    path.write_text(path.read_text().replace("learning_rate = 0.01", "learning_rate = 0.02"))
    line = refusal("train", "--resume", "run", folder=run.parent)
    assert f"{run / 'unfinished' / NEWEST}: was made with another recipe" in line
    assert "--previous" not in line
    path.write_text("learning_rate = ")
    assert f"{path}: not valid TOML" in refusal("train", "--resume", "run", folder=run.parent)


def test_a_checkpoint_of_other_data_is_refused_by_name(tmp_path):
    sample = load("sample")
    pixels, labels = sample.features[::5].copy(), sample.labels[::5]
    np.savez(tmp_path / "data.npz", X=pixels, y=labels)
    run = tmp_path / "run"
    interrupted_on = [*options(), "--data", "data.npz", "--out", "run"]
    with running("train", *interrupted_on, folder=tmp_path) as process:
        wait_for(process, " 4/80")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    for changed in (255 - pixels, pixels[:-10]):
        np.savez(tmp_path / "data.npz", X=changed, y=labels[: len(changed)])
        line = refusal("train", "--resume", "run", folder=tmp_path)
        assert f"{run / 'unfinished' / NEWEST}: was made with other data" in line
    np.savez(tmp_path / "data.npz", X=pixels, y=(labels + 1) % 10)
    assert "other data" in refusal("train", "--resume", "run", folder=tmp_path)
    (tmp_path / "data.npz").unlink()
    assert "data.npz: no such file" in refusal("train", "--resume", "run", folder=tmp_path)
    np.savez(tmp_path / "data.npz", X=pixels, y=labels)
    inknet("train", "--resume", "run", folder=tmp_path)


def test_where_there_is_nothing_to_go_on_with_it_says_so(whole, run, tmp_path):
    inknet("train", "--resume", "run", folder=tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "part/unfinished").mkdir(parents=True)
    (tmp_path / "part/unfinished" / NEWEST).write_text("")
    for arguments, says in (
        (["part"], "part/unfinished/recipe.toml: is missing, so the training cannot be resumed"),
        (["run"], "run: this run is finished, there is nothing to do"),
        (["empty"], "empty: holds no training to resume"),
        (["nowhere"], "nowhere: holds no training to resume"),
        (["file"], "file: holds no training to resume"),
        (["file/run"], "file/run: holds no training to resume"),
    ):
        assert says in refusal("train", "--resume", *arguments, folder=tmp_path)


def test_to_go_on_takes_no_other_options(run):
    for other in (
        ["--data", "sample"],
        ["--recipe", "digits"],
        ["--out", "other"],
        ["--seed", "1"],
        ["--set", "training.epochs=3"],
        ["--force"],
    ):
        line = refusal("train", "--resume", "run", *other, folder=run.parent)
        assert "--resume keeps the recipe of the run" in line
    line = refusal("train", "--data", "sample", "--previous", folder=run.parent)
    assert "--previous needs --resume" in line
    for seconds in ("-1", "soon"):
        line = refusal(
            "train", "--resume", "run", "--checkpoint-seconds", seconds, folder=run.parent
        )
        assert "--checkpoint-seconds" in line


def test_an_unfinished_training_is_replaced_only_by_force(whole, run):
    line = refusal("train", *options(), "--out", "run", folder=run.parent)
    assert f"holds an unfinished training; resume it with --resume {run}" in line
    assert "--force" in line
    printed = inknet("train", *options(), "--out", "run", "--force", folder=run.parent).stdout
    assert "going on" not in printed
    assert outcome(run) == whole


def test_links_out_of_an_unfinished_training_are_not_followed(run, tmp_path):
    for name in (NEWEST, "recipe.toml"):
        path = run / "unfinished" / name
        moved = path.rename(tmp_path / name)
        path.symlink_to(moved)
        line = refusal("train", "--resume", "run", folder=tmp_path)
        assert f"{path}: a link that leads out of" in line
        path.unlink()
        moved.rename(path)
    (run / "unfinished").rename(tmp_path / "elsewhere")
    (run / "unfinished").symlink_to(tmp_path / "elsewhere")
    for arguments in (["--resume", "run"], [*options(), "--out", "run", "--force"]):
        line = refusal("train", *arguments, folder=tmp_path)
        assert "link" in line


@pytest.mark.parametrize("names", [["thesis.tex"], ["results/thesis.tex"], ["lock", "thesis.tex"]])
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_folder_called_unfinished_that_is_not_of_a_training_is_left_alone(tmp_path, names, force):
    for name in names:
        path = tmp_path / "papers/unfinished" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    line = refusal("train", *options(), "--out", "papers", *force, folder=tmp_path)
    assert f"{tmp_path / 'papers/unfinished'}: holds " in line
    assert "which does not belong to a training" in line


def test_a_training_that_began_between_the_check_and_the_start_is_not_lost(run):
    """Another process may begin a training, and be ended, while this one loads its data."""
    from inknet.recipes import load_recipe
    from inknet.runs.lifecycle import train_run
    from inknet.runs.prepare import prepare

    ours, aside = run / "unfinished", run.parent / "aside"
    ours.rename(aside)

    def meanwhile(recipe):
        aside.rename(ours)
        return prepare(recipe)

    recipe = load_recipe("digits", ["data.limit=300"], source="sample")
    with pytest.raises(InputError, match="holds an unfinished training"):
        train_run(recipe, run, start_from=meanwhile)
    assert Checkpoint.load(ours / NEWEST).values["step"] > 0


@pytest.mark.parametrize(
    ("ops", "expected"), [("fortran", "expected numpy or numba"), ("numba", "cannot be imported")]
)
def test_ops_that_cannot_be_had_are_refused_in_one_line(run, ops, expected):
    (run.parent / "numba.py").write_text("raise ImportError('none here')\n")
    line = refusal(
        "train",
        "--resume",
        run,
        folder=run.parent,
        fresh=True,
        INKNET_OPS=ops,
        PYTHONPATH=_first(run.parent),
        PYTHONDONTWRITEBYTECODE="1",  # for it would leave what it compiled
    )
    assert f"INKNET_OPS is {ops!r}" in line and expected in line


def _first(folder):
    """A search path for modules on which a folder comes first."""
    return os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])


def test_it_says_so_if_it_goes_on_with_other_loops(tmp_path):
    longer = options(training__batch_size=20)  # compiled loops are quick
    with running("train", *longer, "--out", "run", folder=tmp_path, INKNET_OPS="numba") as process:
        wait_for(process, " 4/80")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    result = inknet("train", "--resume", "run", folder=tmp_path)
    (line,) = result.stderr.splitlines()
    assert "began on numba ops, continues on numpy: the last bits may differ" in line
    assert json.loads((tmp_path / "run/metrics.json").read_text())["training"]["epochs"] == 80


def test_the_next_start_clears_what_a_kill_left(run, whole):
    unfinished = run / "unfinished"
    for name in (
        ".checkpoint-abc123.safetensors",
        ".recipe-x.toml",
        ".checkpoint-previous.safetensors",
        ".tmpa1B2c3",
    ):
        (unfinished / name).write_bytes(b"half")
    (unfinished / "results").mkdir()
    (unfinished / "results/.model-q1.safetensors").write_bytes(b"half")
    inknet("train", "--resume", "run", folder=run.parent)
    assert outcome(run) == whole


def test_what_a_kill_left_of_a_finished_run_is_cleared_too(run, tmp_path):
    inknet("train", "--resume", "run", folder=tmp_path)
    (run / "unfinished").mkdir()
    for name in ("lock", "recipe.toml"):
        (run / "unfinished" / name).write_text("")
    (line,) = inknet("train", "--resume", "run", folder=tmp_path, expect=2).stderr.splitlines()
    assert "this run is finished" in line
    outcome(run)
