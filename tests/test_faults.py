"""Full disks, limits and folders that cannot be written: one line, and the last checkpoint is whole."""

import errno
import os
import re
import shutil
import signal
import subprocess

import pytest

from commands import content, finish, inknet, running, wait_for
from inknet import InputError, files
from inknet.recipes import load_recipe
from inknet.report import plots
from inknet.runs import resume_run, train_run
from inknet.runs.folder import FILES
from inknet.training.checkpoint import NEWEST, PREVIOUS, Checkpoint
from trainings import interrupted, options, outcome

SHORT = {"training__batch_size": 20, "training__epochs": 12, "training__patience": 11}
KILOBYTE = 1024


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The outcome of a training that had all the room it needs."""
    folder = tmp_path_factory.mktemp("whole")
    inknet("train", *options(**SHORT), "--out", "run", folder=folder)
    return outcome(folder / "run")


def go_on(run, whole):
    """Whatever happened: checkpoints are whole or absent, and the run comes to its right end."""
    unfinished = run / "unfinished"
    checkpoints = [path for path in unfinished.glob("*") if path.name in (NEWEST, PREVIOUS)]
    for path in checkpoints:
        assert Checkpoint.load(path).values["history"]["ops"] == "numpy"
    if checkpoints:
        inknet("train", "--resume", run, folder=run.parent)
    elif not (run / "report.html").exists():  # what is written last
        inknet("train", *options(**SHORT), "--out", run, "--force", folder=run.parent)
    assert outcome(run) == whole
    return len(checkpoints)


def no_traceback(result, codes):
    """Hold an exit code and complaints against what is allowed; return the last complaint."""
    assert result.returncode in codes, result.stdout + result.stderr
    lines = result.stderr.splitlines()
    assert all(line.startswith("inknet: ") for line in lines), result.stderr
    assert len(lines) == len(set(lines)), "it repeats itself"
    assert (result.returncode == 0) or lines
    return lines[-1] if lines else ""


# -- the size of files is limited ------------------------------------------------------------------


def fill_up_to(n_bytes, folder, whole):
    run = folder / "run"
    arguments = ["train", *options(**SHORT), "--out", "run"]
    result = finish(*arguments, folder=folder, file_size=n_bytes, drawn=True)
    complaint = no_traceback(result, (0, 2))
    if result.returncode == 2:
        assert "cannot be written" in complaint or "diverged" in complaint
        if not run.exists():
            assert list(folder.iterdir()) == []
    return go_on(run, whole), result.returncode


# in bytes: the recipe, the model, a checkpoint at first and later, the report
@pytest.mark.parametrize("n_bytes", [400, 30_000, 330_000])
def test_a_limit_on_the_size_of_files_costs_no_checkpoint(n_bytes, whole, tmp_path):
    fill_up_to(n_bytes, tmp_path, whole)


@pytest.mark.slow
@pytest.mark.parametrize("n_bytes", range(10_000, 350_000, 10_000))
def test_any_limit_on_the_size_of_files_costs_no_checkpoint(n_bytes, whole, tmp_path):
    fill_up_to(n_bytes, tmp_path, whole)


def test_a_limit_that_comes_later_leaves_the_checkpoint_from_before(whole, tmp_path):
    run = tmp_path / "run"
    interrupted(run, signal.SIGINT, wait=" 4/", **SHORT)
    before = content(run)
    arguments = ["train", "--resume", "run", "--checkpoint-seconds", "0"]
    result = finish(*arguments, folder=tmp_path, file_size=20_000)
    no_traceback(result, (2,))
    assert "checkpoint.safetensors: cannot be written" in result.stderr
    assert "the checkpoint before it, if any, is still whole" in result.stderr
    after = content(run)  # and results that were begun, which the next start clears
    assert {name: after[name] for name in before} == before
    go_on(run, whole)


# -- a small disk ----------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path):
    """Returns a function that mounts a small disk, or gives it another size."""
    place, mounted = tmp_path / "disk", []
    place.mkdir()

    def mount(*settings):
        again = ["remount"] if mounted else []
        words = ["mount", "-t", "tmpfs", "-o", ",".join([*again, *settings]), "none", place]
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("needs mount")
        if done.returncode != 0:
            pytest.skip("needs the right to mount a disk")
        mounted.append(place)
        return place

    yield mount
    if mounted:
        subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize(
    "n_kilobytes",
    [
        4,
        290,
        *[
            pytest.param(size, marks=pytest.mark.slow)
            for size in (*range(8, 64, 8), *range(64, 1200, 32))
        ],
    ],
)
def test_a_full_disk_costs_no_checkpoint(n_kilobytes, whole, disk):
    folder = disk(f"size={n_kilobytes}k")
    result = finish("train", *options(**SHORT), "--out", "run", folder=folder, drawn=True)
    complaint = no_traceback(result, (0, 1, 2))
    if result.returncode:
        assert "o space left on device" in complaint
    disk("size=20m")
    go_on(folder / "run", whole)


def test_a_read_only_disk_is_refused_in_one_line_and_costs_no_checkpoint(whole, disk):
    folder = disk("size=20m")
    interrupted(folder / "run", signal.SIGINT, wait=" 4/", **SHORT)
    before = content(folder)
    disk("ro")
    for arguments in (["--resume", "run"], [*options(**SHORT), "--out", "other"]):
        (line,) = inknet("train", *arguments, folder=folder, expect=2).stderr.splitlines()
        assert "cannot be written: Read-only file system" in line
    assert content(folder) == before
    disk("rw")
    go_on(folder / "run", whole)


# -- every write in turn ---------------------------------------------------------------------------


class FullFrom:
    """A disk on which nothing can be written from one moment on: the beginning of the nth file."""

    def __init__(self, n, patch):
        self.n, self.so_far = n, 0
        make = files._new_file_next_to

        def new_file(path):
            self.so_far += 1
            if self.so_far >= self.n:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return make(path)

        patch.setattr(files, "_new_file_next_to", new_file)


@pytest.fixture
def recipe(monkeypatch, no_pictures):  # they are written like all others
    monkeypatch.setenv("INKNET_OPS", "numpy")
    changes = ["data.limit=300", "network.hidden=[6]", "training.epochs=5"]
    return load_recipe("digits", changes, source="sample")


def test_a_disk_that_fills_at_any_write_of_a_run_costs_no_checkpoint(recipe, tmp_path, monkeypatch):
    expected = train_run(recipe, tmp_path / "whole").folder
    model = (expected / "model.safetensors").read_bytes()
    n_failed = 0
    for n in range(1, 40):
        run = tmp_path / f"run{n}"
        with monkeypatch.context() as patch:
            disk = FullFrom(n, patch)
            try:
                train_run(recipe, run)
            except InputError as error:
                assert str(error).endswith("cannot be written: No space left on device")
                n_failed += 1
            else:
                if disk.so_far < n:
                    break
                # but for the report, all is there
                assert {path.name for path in run.iterdir()} >= {*ESSENTIAL, "unfinished"}
                assert not (run / "report.html").exists()
        checkpoints = [run / "unfinished" / name for name in (NEWEST, PREVIOUS)]
        there = [path for path in checkpoints if path.exists()]
        steps = [Checkpoint.load(path).values["step"] for path in there]
        assert steps == sorted(steps, reverse=True)
        if there:
            resume_run(run)
        else:
            assert not run.exists()
            train_run(recipe, run)
        assert (run / "model.safetensors").read_bytes() == model
        assert not (run / "unfinished").exists()
    # the recipe; a checkpoint or more; recipe, model, history and metrics among results
    assert n_failed >= 6


# -- room for the model, and not for a picture -----------------------------------------------------

ESSENTIAL = {"recipe.toml", "model.safetensors", "history.csv", "metrics.json"}
DRAWN = {
    "loss.png",
    "confusion_matrix.png",
    "weights.png",
    "mistakes.png",
    "reliability.png",
    "report.html",
}


def test_with_room_for_the_model_alone_the_run_is_complete_but_for_its_pictures(whole, tmp_path):
    # below a checkpoint's 150 kB and the sizes of pictures and report
    words = ["train", *options(**SHORT), "--out", "run"]
    result = finish(*words, folder=tmp_path, file_size=46 * KILOBYTE, drawn=True)
    complaints = result.stderr.splitlines()
    assert result.returncode == 0, result.stderr
    assert "checkpoint.safetensors: cannot be written" in complaints[0]
    there = {path.name for path in (tmp_path / "run").iterdir()}
    missing = DRAWN - there
    assert there >= ESSENTIAL and "report.html" in missing and len(missing) >= 2
    for name, line in zip(sorted(missing), sorted(complaints[1:]), strict=True):
        expected = (
            f"inknet: {name}: cannot be written: File too large; the run is complete without it"
        )
        assert line == expected
    assert (tmp_path / "run/model.safetensors").read_bytes() == whole["model"]
    assert "look at" not in result.stdout


def test_a_picture_that_fails_costs_neither_the_run_nor_the_others(tmp_path, monkeypatch):
    monkeypatch.setenv("INKNET_OPS", "numpy")
    monkeypatch.setattr(plots, "plot_confusion", plots.plot_confusion.__wrapped__)  # is drawn
    changes = ["data.limit=300", "network.hidden=[6]", "training.epochs=2"]
    recipe = load_recipe("digits", changes, source="sample")
    lines = []
    for n, error in enumerate(
        (RuntimeError("latex\nwas not found"), MemoryError(), InputError("no"))
    ):
        run = tmp_path / f"run{n}"
        with monkeypatch.context() as patch:

            def fail(*_, error=error):
                raise error

            patch.setattr("inknet.report.plots.confusion_figure", fail)
            train_run(recipe, run, warn=lines.append)
        there = {path.name for path in run.iterdir()}
        assert there == {*FILES, "unfinished"} - {"confusion_matrix.png"}
        page = (run / "report.html").read_text()
        assert page.count('<img src="data:image/png') == 4
        assert resume_run(run).metrics["training"]["epochs"] == 2
        assert {path.name for path in run.iterdir()} == set(FILES)
    without = "the run is complete without it"
    kept = "the checkpoint is kept: --resume"
    assert [line.rpartition(" /")[0] if kept in line else line for line in lines] == [
        rf"confusion_matrix.png: cannot be drawn: RuntimeError: latex\nwas not found; {without}",
        kept,
        f"confusion_matrix.png: cannot be drawn: MemoryError: ; {without}",
        kept,
        f"confusion_matrix.png: no; {without}",
        kept,
    ]


def test_a_model_whose_results_cannot_be_written_is_kept_where_there_is_no_checkpoint(
    recipe, tmp_path, monkeypatch
):
    expected = (train_run(recipe, tmp_path / "whole").folder / "model.safetensors").read_bytes()
    make = files._new_file_next_to
    for place in ("history.csv", "metrics.json"):
        run = tmp_path / place

        def new_file(path, place=place):
            if path.name in ("checkpoint.safetensors", place):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return make(path)

        with monkeypatch.context() as patch:
            patch.setattr(files, "_new_file_next_to", new_file)
            with pytest.raises(
                InputError, match=f"{place}: cannot be written: .*model is in "
            ) as said:
                train_run(recipe, run)
        path = run / "unfinished/best-so-far.safetensors"
        assert str(said.value).endswith(f"; the trained model is in {path}")
        assert path.read_bytes() == expected
        train_run(recipe, run)
        assert (run / "model.safetensors").read_bytes() == expected
        assert not (run / "unfinished").exists()


def test_a_study_whose_picture_fails_is_printed_all_the_same(tmp_path):
    arguments = ["--recipe", "digits", "--set", "data.source=sample", "--set", "data.limit=200"]
    arguments += ["--grid", "training.epochs=1", "--seeds", "0", "--name", "mine"]
    words = ["experiment", "run", *arguments]
    result = finish(*words, folder=tmp_path, file_size=20 * KILOBYTE, drawn=True)
    assert result.returncode == 0, result.stderr
    (line,) = result.stderr.splitlines()
    assert "study.png: cannot be written: File too large; the results are complete" in line
    assert "1/1" in result.stdout


# -- folders ---------------------------------------------------------------------------------------


def test_a_run_folder_that_cannot_be_made_is_refused_before_anything_is_loaded(tmp_path):
    (tmp_path / "file").write_text("mine")
    for place in ("file", "file/run", "/proc/run", "/dev/null/run", "a" * 300):
        arguments = ["train", *options(**SHORT), "--out", place]
        (line,) = inknet(*arguments, folder=tmp_path, expect=2).stderr.splitlines()
        assert place in line
        assert content(tmp_path) == {"file": b"mine"}


@pytest.mark.parametrize("what", ["run", "run/unfinished"])
def test_a_folder_deleted_while_training_leads_to_one_line(what, whole, tmp_path):
    longer = options(training__batch_size=20, training__epochs=40)
    with running("train", *longer, "--out", "run", folder=tmp_path) as process:
        wait_for(process, " 8/40")
        while (tmp_path / what).exists():  # a checkpoint may come in between
            shutil.rmtree(tmp_path / what, ignore_errors=True)
        _, complaint = process.communicate(timeout=60)
    lines = complaint.splitlines()
    assert process.returncode == 2, complaint
    assert all(line.startswith("inknet: ") for line in lines), complaint
    assert "cannot be written: No such file or directory" in lines[-1]
    assert not any((tmp_path / "run").glob("**/*"))
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    inknet("train", *options(**SHORT), "--out", "run", folder=tmp_path)
    assert outcome(tmp_path / "run") == whole


@pytest.mark.parametrize("name", ["metrics.json", "loss.png"])
def test_a_folder_in_place_of_a_file_is_refused_before_the_training(tmp_path, name):
    inknet("train", *options(**SHORT), "--out", "run", folder=tmp_path)
    (tmp_path / "run" / name).unlink()
    (tmp_path / "run" / name).mkdir()
    again = ["train", *options(**SHORT), "--out", "run", "--force"]
    result = finish(*again, folder=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.endswith(f"{name}: a folder, where a file of the run belongs")


def test_the_results_that_are_there_stay_until_the_new_ones_are(tmp_path):
    inknet("train", *options(**SHORT), "--out", "run", folder=tmp_path)
    before = content(tmp_path / "run")
    assert set(before) == set(FILES)
    again = ["train", *options(**SHORT), "--out", "run", "--force", "--seed", "5"]
    result = finish(*again, folder=tmp_path, file_size=20_000)
    assert re.search(r"cannot be written", no_traceback(result, (2,)))
    after = content(tmp_path / "run")
    assert {name: after[name] for name in before} == before
