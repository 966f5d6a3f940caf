"""The commands as a user types them: what they print, what they leave, how they refuse."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from PIL import Image

from commands import default_signals, finish, running, start, wait_for
from inknet import MLP
from inknet.data import load
from inknet.data.mnist import fetch_mnist
from inknet.recipes import Recipe
from inknet.runs import default_folder

QUICK = ["--data", "sample", "--set", "training.epochs=2"]


def inknet(
    *arguments: str | Path, folder: Path, expect: int = 0, **options: Any
) -> CompletedProcess[str]:
    """Run the command in a folder, on the fastest loops; hold its exit code against the expected."""
    options = {"COLUMNS": "100", "INKNET_OPS": "", **options}
    result = finish(*arguments, folder=folder, **options)
    assert result.returncode == expect, result.stdout + result.stderr
    return result


def refusal(*arguments: str | Path, folder: Path) -> str:
    """Return the one line with which a command refuses its input."""
    result = inknet(*arguments, folder=folder, expect=2)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("inknet: ")
    return line


def refusal_while_training(*arguments: str | Path, folder: Path) -> str:
    """Return the one line of complaint of a command that has begun to print already."""
    (line,) = inknet(*arguments, folder=folder, expect=2).stderr.splitlines()
    assert line.startswith("inknet: ")
    return line


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CompletedProcess[str]]:
    """A run of two epochs on the sample, and what the command printed."""
    folder = tmp_path_factory.mktemp("work") / "run"
    return folder, inknet("train", *QUICK, "--out", folder, folder=folder.parent, drawn=True)


@pytest.fixture(scope="module")
def run(trained: tuple[Path, CompletedProcess[str]]) -> Path:
    """The run alone."""
    return trained[0]


def test_train_leaves_everything_a_person_wants_to_look_at(run: Path) -> None:
    assert {path.name for path in run.iterdir()} == {
        "recipe.toml",
        "model.safetensors",
        "history.csv",
        "metrics.json",
        "loss.png",
        "confusion_matrix.png",
        "weights.png",
        "mistakes.png",
        "reliability.png",
        "report.html",
    }


def test_train_prints_the_accuracy_that_the_metrics_hold(
    trained: tuple[Path, CompletedProcess[str]],
) -> None:
    run, result = trained
    test = json.loads((run / "metrics.json").read_text())["test"]
    assert f"test accuracy {test['accuracy']:.2%} ({test['errors']} errors in 500)" in result.stdout
    assert result.stdout.count("epoch ") == 2
    assert result.stderr == ""


def test_train_names_its_folder_by_time_and_recipe(tmp_path: Path) -> None:
    inknet("train", *QUICK, folder=tmp_path)
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name.endswith("-digits")
    assert run.name in inknet("runs", folder=tmp_path).stdout


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(
    run: Path, tmp_path: Path
) -> None:
    # an interpreter of its own, with other hashes
    inknet("train", *QUICK, "--out", "again", folder=tmp_path, fresh=True)
    inknet("train", *QUICK, "--out", "other", "--seed", "1", folder=tmp_path)
    model = (run / "model.safetensors").read_bytes()
    assert (tmp_path / "again/model.safetensors").read_bytes() == model
    assert (tmp_path / "other/model.safetensors").read_bytes() != model


def test_a_runs_recipe_makes_the_run_again(run: Path, tmp_path: Path) -> None:
    inknet("train", "--recipe", run / "recipe.toml", "--out", "again", folder=tmp_path)
    for name in ("recipe.toml", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (run / name).read_bytes()


def test_evaluate_finds_the_test_data_of_the_run_again(run: Path, tmp_path: Path) -> None:
    answer = json.loads(inknet("evaluate", run, "--json", folder=tmp_path).stdout)
    metrics = json.loads((run / "metrics.json").read_text())
    kept = metrics["calibration"]
    assert answer == {**metrics["test"], "calibration": kept}
    assert kept["temperature"] == MLP.load(run).facts.temperature
    assert kept["bins"] == 15
    table = inknet("evaluate", run, folder=tmp_path).stdout
    assert f"its confidence: expected calibration error {kept['ece']:.2%}" in table
    assert f"accuracy {answer['accuracy']:.2%}" in table


def test_evaluate_takes_a_model_file_and_says_which_part_of_the_source_it_judged(
    run: Path, tmp_path: Path
) -> None:
    printed = inknet("evaluate", run / "model.safetensors", "--data", "sample", folder=tmp_path)
    assert "sample, all of it, including what the model may have been trained on" in printed.stdout
    assert "in 5,000)" in printed.stdout


def test_evaluate_takes_another_source_and_matches_classes_by_name(
    run: Path, tmp_path: Path
) -> None:
    sample = load("sample")
    for digit in (3, 8):  # not the first classes: their numbers differ from the model's
        (tmp_path / f"digits/{digit}").mkdir(parents=True)
        for number, row in enumerate(np.flatnonzero(sample.labels == digit)[:30]):
            # ink on white paper: the model has only seen the opposite
            picture = 255 - sample.features[row].reshape(28, 28)
            Image.fromarray(picture).save(tmp_path / f"digits/{digit}/{number}.png")
    answer = json.loads(
        inknet("evaluate", run, "--data", "digits", "--json", folder=tmp_path).stdout
    )
    assert answer["samples"] == 60
    assert answer["classes"]["3"]["support"] == answer["classes"]["8"]["support"] == 30
    assert answer["accuracy"] > 0.8


def test_predict_reads_pictures_of_any_size(run: Path, tmp_path: Path) -> None:
    sample = load("sample")
    digit = Image.fromarray(sample.features[2600].reshape(28, 28))  # a five
    digit.save(tmp_path / "small.png")
    paper = Image.new("L", (900, 700), 235)
    paper.paste(Image.eval(digit.resize((280, 280)), lambda v: 235 - v * 200 // 255), (500, 90))
    paper.convert("RGB").save(tmp_path / "large.jpg")
    answers = json.loads(
        inknet("predict", run, "small.png", "large.jpg", "--json", folder=tmp_path).stdout
    )
    assert [answer["digits"] for answer in answers] == ["5", "5"]
    assert [answer["image"] for answer in answers] == ["small.png", "large.jpg"]
    for answer in answers:
        (box,) = answer["boxes"]
        assert list(box["probabilities"]) == list("0123456789")
        assert sum(box["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    top, left, bottom, right = answers[1]["boxes"][0]["box"]
    assert 90 <= top < bottom <= 370 and 500 <= left < right <= 780
    (line,) = inknet(
        "predict", run / "model.safetensors", "small.png", folder=tmp_path
    ).stdout.splitlines()
    assert line.replace("unsure, ", "").startswith("small.png: 5 (")


def test_a_picture_that_cannot_be_read_does_not_silence_the_others(
    run: Path, tmp_path: Path
) -> None:
    sample = load("sample")
    names = ["text.png", "one.png", "missing.png", "two.png", "blank.png"]
    (tmp_path / "text.png").write_text("not a picture")
    Image.new("L", (40, 30), 200).save(tmp_path / "blank.png")
    for name, row in (("one.png", 2600), ("two.png", 10)):
        Image.fromarray(sample.features[row].reshape(28, 28)).save(tmp_path / name)
    for options in ([], ["--json"]):
        done = inknet("predict", run, *names, *options, folder=tmp_path, expect=2)
        problems = done.stderr.splitlines()
        assert [line.split(":")[1].strip() for line in problems] == ["text.png", "missing.png"]
        if options:
            answers = json.loads(done.stdout)
            assert [answer["image"] for answer in answers] == names
            for answer in answers:
                if answer["image"] in ("text.png", "missing.png"):
                    assert list(answer) == [*list(answers[1]), "error"]
                    assert answer["verdict"] == "unreadable"
                    assert answer["error"].startswith(answer["image"])
            assert [answer["digits"] for answer in answers] == ["", "5", "", "0", ""]
            assert answers[-1]["verdict"] == "blank"
        else:
            said = done.stdout.replace("unsure, ", "")  # as a model of two epochs may be
            assert [line.split(" (")[0] for line in said.splitlines()] == [
                "one.png: 5",
                "two.png: 0",
                "blank.png: blank",
            ]


def test_a_blank_picture_is_an_answer_and_no_error(run: Path, tmp_path: Path) -> None:
    Image.new("RGB", (90, 60), "ivory").save(tmp_path / "blank.png")
    answer = inknet("predict", run, "blank.png", folder=tmp_path)
    assert (answer.stdout, answer.stderr) == ("blank.png: blank\n", "")


def test_without_mnist_and_network_train_says_so_and_goes_on_with_the_sample(
    tmp_path: Path,
) -> None:
    (tmp_path / "empty").mkdir()
    nowhere = "http://127.0.0.1:9"  # every request of the child fails at once
    result = inknet(
        "train",
        *QUICK[2:],
        "--out",
        "run",
        folder=tmp_path,
        INKNET_DATA_DIR=str(tmp_path / "empty"),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
        http_proxy=nowhere,
        https_proxy=nowhere,
        no_proxy="",
    )
    (line,) = result.stderr.splitlines()
    assert "continuing with the sample of 5,000 digits" in line
    assert 'source = "sample"' in (tmp_path / "run/recipe.toml").read_text()


def test_data_info_counts_the_classes(tmp_path: Path) -> None:
    lines = inknet("data", "info", "sample", folder=tmp_path).stdout.splitlines()
    assert lines[0] == "Dataset(sample: 5,000 × 28×28 images, 10 classes)"
    assert sum("500" in line and "10.0%" in line for line in lines) == 10


def test_data_list_names_every_kind_of_source(tmp_path: Path) -> None:
    listed = inknet("data", "list", folder=tmp_path).stdout
    assert all(word in listed for word in ("mnist", "sample", ".csv", "IDX", ".npz", "FOLDER"))


def test_data_fetch_says_where_mnist_is(mnist: object, tmp_path: Path) -> None:
    folder = str(fetch_mnist().resolve())
    assert folder in inknet("data", "fetch", folder=tmp_path, INKNET_DATA_DIR=folder).stdout


def test_runs_says_when_there_are_none(tmp_path: Path) -> None:
    assert inknet("runs", folder=tmp_path).stdout == "no finished runs in runs\n"


def test_version(tmp_path: Path) -> None:
    assert inknet("--version", folder=tmp_path).stdout.startswith("inknet 0.")


# -- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--data", "nowhere.csv"], "nowhere.csv"),
        (["--recipe", "digit"], "no recipe is called 'digit'"),
        (["--set", "training.epochs=0"], "training.epochs is 0"),
        (["--set", "data.limit=5"], "part is empty"),
        (["--seed", "-1"], "seed is -1"),
        (["--sed", "1"], "No such option: --sed"),
        (["--seed", "one"], "--seed"),
    ],
)
def test_train_refuses_in_one_line_and_leaves_nothing(
    options: list[str], says: str, tmp_path: Path
) -> None:
    defaults = [] if "--data" in options else ["--data", "sample"]
    assert says in refusal("train", *defaults, *options, "--out", "run", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_train_never_overwrites_a_run_unless_forced(run: Path, tmp_path: Path) -> None:
    before = (run / "model.safetensors").stat().st_mtime_ns
    line = refusal("train", *QUICK, "--out", run, folder=tmp_path)
    assert str(run) in line and "--force" in line
    assert (run / "model.safetensors").stat().st_mtime_ns == before

    inknet("train", *QUICK, "--out", "run", folder=tmp_path)
    kept = tmp_path / "run/notes.txt"
    kept.write_text("mine")
    inknet("train", *QUICK, "--out", "run", "--force", "--seed", "9", folder=tmp_path)
    assert "seed = 9" in (tmp_path / "run/recipe.toml").read_text()
    assert kept.read_text() == "mine"


def test_train_never_writes_into_a_folder_that_is_no_run_even_if_forced(tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers/thesis.tex").write_text("mine")
    for force in ([], ["--force"]):
        assert "is not a run" in refusal(
            "train", *QUICK, "--out", "papers", *force, folder=tmp_path
        )
    assert [path.name for path in (tmp_path / "papers").iterdir()] == ["thesis.tex"]
    assert "is not a folder" in refusal(
        "train", *QUICK, "--out", "papers/thesis.tex", folder=tmp_path
    )


def test_evaluate_and_predict_refuse_in_one_line(run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.png").write_text("not a picture")
    np.savez(tmp_path / "small.npz", X=np.zeros((20, 64), np.uint8), y=np.arange(20) % 10)
    Image.new("L", (90, 60), 180).save(tmp_path / "blank.png")
    for pipe in ("pipe", "pipe.toml"):
        os.mkfifo(tmp_path / pipe)
    (tmp_path / "deep.toml").write_text("a = " + "[" * 5000)
    (tmp_path / "long.toml").write_text("seed = " + "9" * 5000)
    np.savez(tmp_path / "one.npz", X=np.zeros((20, 784), np.uint8), y=np.zeros(20, int))
    pixels, twice = np.zeros((20, 784), np.uint8), np.arange(20) % 2
    np.savez(tmp_path / "twins.npz", X=pixels, y=twice, class_names=["a", "a"])
    np.savez(tmp_path / "more.npz", X=np.zeros((20, 784), np.uint8), y=np.arange(20))
    cases = [
        (["evaluate", "nowhere"], "nowhere: no such run folder"),
        (["evaluate", "empty"], "empty: not a finished run"),
        (["evaluate", run / "model.safetensors"], "a file; expected a run folder"),
        (["train", "--data", "one.npz"], "one.npz: layer_dims ends with 1; expected 2 classes"),
        (["train", "--data", "twins.npz"], "twins.npz: two classes have the same name"),
        (
            ["train", "--data", "sample", "--set", "network.hidden=[1000000000]"],
            "does not fit in memory",
        ),
        (
            ["train", "--data", "sample", "--set", "network.hidden=[100000000000000000000]"],
            "network.hidden is 100000000000000000000; expected less than or equal to",
        ),
        (["evaluate", run, "--data", "small.npz"], "small.npz: has 64 features"),
        (["evaluate", run, "--data", "more.npz"], "more.npz: class '10' is not among"),
        (["predict", run, "missing.png"], "missing.png"),
        (["predict", run, "text.png"], "text.png"),
        (["predict", "nowhere", "text.png"], "nowhere: no such run folder, model file or picture"),
        (["predict", "no.safetensors", "text.png"], "no.safetensors: no such model file"),
        (
            ["predict", "empty", "text.png"],
            "empty: a folder without a model; expected a run folder",
        ),
        (["predict", run], "no IMAGE to read is named after the model"),
        (["predict"], "IMAGE"),
        (["predict", run, "pipe"], "pipe: not a file"),
        (["data", "info", "pipe"], "pipe: neither a file nor a folder"),
        (["train", "--recipe", "pipe.toml"], "pipe.toml: no such recipe file"),
        (["train", "--recipe", "deep.toml"], "deep.toml: not valid TOML: nested too deep"),
        (["train", "--recipe", "long.toml"], "long.toml: not valid TOML"),
        (["train", "--data", ""], "the source is empty"),
        (["data", "info", "two\nlines\x1b[31m"], "two\\nlines\\x1b[31m: no such file"),
        (["data", "info", "nowhere"], "nowhere"),
        (["frobnicate"], "No such command 'frobnicate'"),
    ]
    for arguments, says in cases:
        assert says in refusal(*arguments, folder=tmp_path), arguments


def test_a_forced_run_that_fails_leaves_the_old_one_as_it_was(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    wild = ["--set", "training.learning_rate=1e30", "--set", "training.optimizer=gradient_descent"]
    line = refusal_while_training("train", *QUICK, *wild, "--out", copy, "--force", folder=tmp_path)
    assert "training diverged" in line
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    for path in run.iterdir():
        assert (copy / path.name).read_bytes() == path.read_bytes()


def test_two_runs_at_once_never_overwrite_each_other(tmp_path: Path) -> None:
    trainings = []
    for _ in range(2):
        words = ["train", *QUICK, "--out", "run"]
        trainings.append(start(*words, folder=tmp_path, drawn=True, INKNET_OPS=""))
        time.sleep(0.2)  # so that both are at work, but do not end in the same instant
    complaints = [training.communicate()[1] for training in trainings]
    assert sorted(training.returncode for training in trainings) == [0, 2]
    refused = "".join(complaints)
    assert "another process is training into this folder" in refused or "holds a" in refused
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_runs_of_one_second_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return cls(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr("inknet.runs.folder.datetime", Stopped)
    monkeypatch.chdir(tmp_path)
    names = []
    for _ in range(3):
        names.append(default_folder(Recipe(name="my/recipe")))
        names[-1].mkdir(parents=True)
    stem = "runs/20260102-030405-my-recipe"
    assert [str(name) for name in names] == [stem, f"{stem}-2", f"{stem}-3"]


def test_a_second_ctrl_c_while_results_are_written_loses_nothing_that_was_learned(
    tmp_path: Path,
) -> None:
    endless = Path(__file__).parents[1] / "endless_saving.py"
    with subprocess.Popen(
        [sys.executable, endless, "run"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=default_signals,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "saving\n"
        process.send_signal(signal.SIGINT)  # is taken as a wish, while results are written
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    resume = "inknet: interrupted; resume with: inknet train --resume run"
    assert complaint.splitlines()[-1] == resume
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["unfinished"]
    inknet("train", "--resume", "run", folder=tmp_path)
    assert "unfinished" not in {path.name for path in (tmp_path / "run").iterdir()}
    inknet("evaluate", "run", folder=tmp_path)


def test_ctrl_c_while_results_are_written_loses_nothing(tmp_path: Path) -> None:
    words = ["train", *QUICK, "--out", "run"]
    with running(*words, folder=tmp_path, drawn=True, INKNET_OPS="") as process:
        wait_for(process, "epoch 2/2")
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    if process.returncode != 0:  # it still came in the training
        assert process.returncode == 130
        inknet("train", "--resume", "run", folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert "unfinished" not in {path.name for path in (tmp_path / "run").iterdir()}
    inknet("evaluate", "run", folder=tmp_path)


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    # a limit on the size of files stands in for the full disk: the model has 900 kB
    arguments = ["train", *QUICK, "--out", "run"]
    result = finish(*arguments, folder=tmp_path, file_size=300 * 1024, INKNET_OPS="")
    assert result.returncode == 2
    no_checkpoint, no_model = result.stderr.splitlines()
    assert "checkpoint.safetensors: cannot be written" in no_checkpoint
    assert "model.safetensors: cannot be written" in no_model
    assert list(tmp_path.iterdir()) == []


def test_dark_ink_on_white_is_the_same_in_a_folder_and_in_arrays(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 2
    pictures = np.full((60, 8, 8), 255, np.uint8)
    pictures[:, 2:6, 2:6] = generator.integers(0, 60, (60, 4, 4))
    pictures[labels == 1, 3:5, 2:6] = 255  # a bar and a blot
    for number, (label, picture) in enumerate(zip(labels, pictures, strict=True)):
        (tmp_path / f"blots/{label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(tmp_path / f"blots/{label}/{number}.png")
    np.savez(tmp_path / "blots.npz", images=pictures, labels=labels)
    epochs = ["--set", "training.epochs=30"]
    inknet("train", "--data", "blots", *epochs, "--out", "run", folder=tmp_path)
    for source in ("blots", "blots.npz"):
        printed = inknet("evaluate", "run", "--data", source, "--json", folder=tmp_path).stdout
        assert json.loads(printed)["accuracy"] == 1
    pictures = ["blots/0/0.png", "blots/1/1.png"]
    answers = json.loads(inknet("predict", "run", *pictures, "--json", folder=tmp_path).stdout)
    assert [answer["digits"] for answer in answers] == ["0", "1"]


def test_pictures_without_a_clear_ground_are_never_inverted(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(80) % 2  # grey and lighter grey, as the edges of photographs are
    photos = generator.integers(95, 125, (80, 8, 8)) + 40 * labels[:, None, None]
    np.savez(tmp_path / "all.npz", images=photos.astype(np.uint8), labels=labels)
    (tmp_path / "darker/0").mkdir(parents=True)
    for number in np.flatnonzero(labels == 0):
        picture = Image.fromarray(photos[number].astype(np.uint8))
        picture.save(tmp_path / f"darker/0/{number}.png")
    epochs = ["--set", "training.epochs=30"]
    inknet("train", "--data", "all.npz", *epochs, "--out", "run", folder=tmp_path)
    printed = inknet("evaluate", "run", "--data", "darker", "--json", folder=tmp_path).stdout
    assert json.loads(printed)["accuracy"] == 1
    printed = inknet("predict", "run", "darker/0/0.png", folder=tmp_path).stdout
    assert printed.startswith("darker/0/0.png: 0 (")


def test_a_run_finds_its_data_from_any_folder(tmp_path: Path) -> None:
    sample = load("sample")
    np.savez(tmp_path / "mine.npz", X=sample.features[::5], y=sample.labels[::5])
    inknet("train", "--data", "mine.npz", *QUICK[2:], "--out", "run", folder=tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "100" in inknet("evaluate", "../run", folder=elsewhere).stdout


def test_names_with_brackets_are_names_and_not_markup(tmp_path: Path) -> None:
    sample = load("sample")
    folder = tmp_path / "[bold]a[/red]"
    folder.mkdir(parents=True)
    np.savez(folder / "mine.npz", X=sample.features[::5], y=sample.labels[::5])
    source = "[bold]a[/red]/mine.npz"
    printed = inknet(
        "train", "--data", source, *QUICK[2:], "--out", "[i]run", folder=tmp_path
    ).stdout
    assert f"{source}: 800 samples" in printed
    assert "everything is in [i]run" in printed
    assert "[i]run" in inknet("runs", ".", folder=tmp_path).stdout


def test_runs_lists_whole_runs_only_and_never_cuts_their_names(run: Path, tmp_path: Path) -> None:
    name = "a-run-with-a-name-that-is-longer-than-usual-but-not-unheard-of"
    shutil.copytree(run, tmp_path / name)
    for stranger in ("{}", "[1]", "not json"):
        (tmp_path / f"stranger {len(stranger)}").mkdir()
        (tmp_path / f"stranger {len(stranger)}/metrics.json").write_text(stranger)
    printed = inknet("runs", ".", folder=tmp_path).stdout
    assert "stranger" not in printed
    header, line = printed.splitlines()
    assert header.split() == ["run", "recipe", "data", "seed", "accuracy", "epochs", "seconds"]
    assert line.split()[0] == name  # on one line, to be copied


def test_inknet_alone_shows_its_help(tmp_path: Path) -> None:
    result = inknet(folder=tmp_path, expect=2)
    assert "Usage: inknet" in result.stdout
    assert result.stderr == ""


def test_predict_says_that_a_model_of_table_data_reads_no_pictures(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    np.savez(
        tmp_path / "table.npz", X=generator.normal(size=(200, 5)), y=generator.integers(0, 3, 200)
    )
    inknet("train", "--data", "table.npz", *QUICK[2:], "--out", "run", folder=tmp_path)
    assert {path.name for path in (tmp_path / "run").glob("*.png")} == {
        "loss.png",
        "confusion_matrix.png",
        "reliability.png",
    }
    Image.new("L", (28, 28)).save(tmp_path / "a.png")
    assert "was not trained on images" in refusal("predict", "run", "a.png", folder=tmp_path)


def test_what_is_given_twice_is_refused(tmp_path: Path) -> None:
    for words, expected in (
        (["--seed", "1", "--set", "seed=2"], "--set seed=2: seed is what --seed gives"),
        (["--data", "sample", "--set", "data.source=x"], "data.source is what --data gives"),
    ):
        assert expected in refusal("train", *words, "--out", "run", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
    inknet("train", "--set", "data.source=sample", *QUICK[2:], folder=tmp_path)


def test_the_command_line_is_a_module_too(tmp_path):
    words = [sys.executable, "-m", "inknet", "train", "--data", "none.csv"]
    result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == refusal("train", "--data", "none.csv", folder=tmp_path) + "\n"
