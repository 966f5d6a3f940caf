"""Studies as a user runs them: continued, interrupted, spread, refused, and never run twice."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from studying import processes, runs, words

from commands import inknet, refusal, running, wait_for
from inknet import InputError
from inknet.cli.app import main
from inknet.experiments import backends
from inknet.experiments.plan import Job
from trainings import options

NAMES = [f"{size}.seed-{seed}" for size in (20, 40) for seed in (0, 1)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study of four runs, done by one process."""
    folder = tmp_path_factory.mktemp("whole")
    result = inknet(*words(), folder=folder, drawn=True)
    assert result.stdout.count("after 4 epochs") == 4
    return folder / "experiments/own"


def test_every_run_of_a_study_is_there_once_with_history_and_recipe(whole):
    found = runs(whole)
    assert sorted(found) == NAMES
    for name, run in found.items():
        size, _, seed = name.partition(".seed-")
        assert f"batch_size = {size}" in run["recipe"]
        assert run["seed"] == int(seed)
        assert len(run["history"]["val_accuracy"]) == run["epochs"] == 4
        assert run["ops"] == "numpy"
    assert len({run["weights"] for run in found.values()}) == 4
    assert (whole / "study.png").read_bytes()[:4] == b"\x89PNG"


def test_a_run_of_a_study_is_the_same_as_the_training_of_its_recipe(whole, tmp_path):
    run = runs(whole)["40.seed-1"]
    (tmp_path / "one.toml").write_text(run["recipe"])
    inknet("train", "--recipe", "one.toml", "--out", "run", folder=tmp_path)
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    assert metrics["test"]["accuracy"] == run["test"]["accuracy"]
    assert metrics["test"]["errors"] == run["test"]["errors"]
    assert metrics["validation"]["accuracy"] == run["validation_accuracy"]


def test_two_processes_give_the_same_bits_as_one(whole, tmp_path):
    inknet(*words(), "--jobs", "2", folder=tmp_path)
    study = tmp_path / "experiments/own"
    assert runs(study) == runs(whole)
    assert len(set(processes(study).values())) <= 2  # one may do all before the other has begun


def meet(job):
    """Wait until another process does this, too; in place of a run."""
    folder = Path(job.recipe)
    (folder / job.name).touch()
    end = time.monotonic() + 90
    while len(list(folder.iterdir())) < 2:
        assert time.monotonic() < end, "nobody else came"
        time.sleep(0.02)
    return {"study": job.study, "name": job.name, "process": os.getpid()}


def test_two_processes_work_at_the_same_time(tmp_path, monkeypatch):
    monkeypatch.setattr(backends, "execute", meet)
    jobs = [Job("own", name, name, 0, str(tmp_path), "numpy", "1") for name in ("one", "two")]
    results = list(backends.on_processes(2)(jobs))
    assert sorted(result["name"] for result in results) == ["one", "two"]
    assert len({result["process"] for result in results} | {os.getpid()}) == 3


@pytest.mark.parametrize(
    ("jobs", "number"),
    [
        ("1", signal.SIGTERM),
        pytest.param("2", signal.SIGINT, marks=pytest.mark.slow),
        ("2", signal.SIGKILL),
    ],
)
def test_a_study_that_was_stopped_continues_with_what_is_missing(whole, tmp_path, jobs, number):
    long, killed = words(training__epochs=120), number == signal.SIGKILL
    with running(*long, "--jobs", jobs, folder=tmp_path) as process:
        wait_for(process, "1/4")
        if killed:
            os.killpg(process.pid, number)  # as when the power goes
        else:
            process.send_signal(number)
        _, complaint = process.communicate(timeout=60)
    study = tmp_path / "experiments/own"
    before = runs(study, killed=killed)
    assert 1 <= len(before) < 4
    if killed:
        assert process.returncode == -number
    else:
        assert process.returncode == 128 + number
        assert len(complaint.splitlines()) == 1, complaint
        assert "the same command resumes" in complaint
    kept = {name: (study / f"runs/{name}.json").stat().st_mtime_ns for name in before}
    result = inknet(*long, "--jobs", jobs, folder=tmp_path)
    assert result.stdout.count("after 120 epochs") == 4 - len(before)
    assert sorted(runs(study, killed=killed)) == NAMES
    for name, written in kept.items():
        assert (study / f"runs/{name}.json").stat().st_mtime_ns == written


def test_a_study_that_is_whole_is_not_run_again(whole):
    before = runs(whole), processes(whole)
    assert "epochs," not in inknet(*words(), folder=whole.parent.parent).stdout
    assert (runs(whole), processes(whole)) == before


@pytest.mark.parametrize("jobs", ["2"])
def test_a_failed_run_is_shown_without_losing_the_others_and_tried_again_when_asked(tmp_path, jobs):
    # with batch normalization, a batch of one sample cannot be learned from
    arguments = [*words("training.batch_size=1,40", network__batch_norm="before"), "--jobs", jobs]
    result = inknet(*arguments, folder=tmp_path)
    assert result.stdout.count("failed: batch_norm needs batches of 2 samples") == 2
    study = tmp_path / "experiments/own"
    outcomes = {name: run["outcome"] for name, run in runs(study).items()}
    assert outcomes == {
        "1.seed-0": "failed", "1.seed-1": "failed", "40.seed-0": "finished", "40.seed-1": "finished"
    }  # fmt: skip
    table = inknet("experiment", "table", folder=tmp_path).stdout
    assert "0/2, 2 failed" in table
    assert "failed: 1, seed 0: batch_norm needs" in table
    assert "1/4" not in inknet(*arguments, folder=tmp_path).stdout
    again = inknet(*arguments, "--retry", folder=tmp_path).stdout
    assert again.count(": failed: batch_norm") == 2
    assert "40, seed" not in again.split("own (with")[0]


def test_a_worker_process_that_dies_costs_nothing(whole, tmp_path):
    long = words(training__epochs=120)
    with running(*long, "--jobs", "2", folder=tmp_path) as process:
        wait_for(process, "1/4")
        study = tmp_path / "experiments/own"
        first = next(iter(processes(study).values()))  # the other may have ended a run, too
        os.kill(first, signal.SIGKILL)
        _, complaint = process.communicate(timeout=100)
        assert process.returncode == 0, complaint
        assert complaint == ""
    assert sorted(runs(study)) == NAMES
    assert len(set(processes(study).values())) > 1


def children(pid):
    """The processes below a process, and those below them."""
    listed = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    own = {child for child, parent in pairs if parent == pid}
    return own.union(*map(children, own))


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return state.stdout.strip()[:1] not in ("", "Z")


@pytest.mark.skipif(shutil.which("ps") is None, reason="needs ps")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_processes_end_within_seconds_when_the_one_that_leads_is_killed(tmp_path, number):
    long = words(training__epochs=3000)
    with running(*long, "--jobs", "3", folder=tmp_path) as process:
        deadline = time.monotonic() + 60
        while len(children(process.pid)) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)
        below = children(process.pid)
        assert len(below) >= 3
        os.kill(process.pid, number)
        deadline = time.monotonic() + 10
        while any(map(is_alive, below)) and time.monotonic() < deadline:
            time.sleep(0.1)
        left = [pid for pid in below if is_alive(pid)]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        process.communicate()
        assert left == []


def test_two_commands_do_not_work_on_one_study_at_once(tmp_path):
    long = words(training__epochs=400)
    with running(*long, folder=tmp_path) as process:
        wait_for(process, "1/4")
        (line,) = inknet(*long, folder=tmp_path, expect=2).stderr.splitlines()
        assert "another process is at work on this study" in line


def test_another_version_of_a_study_other_ops_and_strange_folders_are_refused(whole):
    root = whole.parent.parent
    assert "another version of the study own" in refusal(*words(training__epochs=5), folder=root)
    assert "begun on ops numpy, not numba" in refusal(*words(), folder=root, INKNET_OPS="numba")
    (root / "experiments/other").mkdir()
    (root / "experiments/other/letter.txt").write_text("dear")
    assert "letter.txt" in refusal(*words(name="other"), folder=root)


KEYS = ("epochs", "batch_size", "learning_rate", "l2_lambda", "label_smoothing", "warmup")
KEYS += ("weight_decay", "clip_norm", "clip_value", "max_norm")
HUGE_GRID = [
    word for key in KEYS for word in ("--grid", f"training.{key}={','.join(map(str, range(100)))}")
]
HUGE_GRID += ["--seeds", "0"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "nonsense"], "no study is called 'nonsense'; expected models, batch-size"),
        (["run"], "no study is named"),
        (["show", "nonsense"], "no study is called"),
        (["show", "../x"], "no study is called"),
        (["table"], "holds no study"),
        (["run", "layers", "--set", "training.epoch=3"], "did you mean training.epochs?"),
        (["run", "--grid", "training.batchsize=3"], "training.batch_size"),
        (["run", "--grid", "training.batch_size"], "expected key=value,value"),
        (["run", "--grid", "training.batch_size=a,b"], "training.batch_size is 'a'; expected"),
        (["run", "layers", "--grid", "seed=1"], "they cannot be combined with a NAME"),
        (["run", "layers", "--seeds", "0,x"], "expected whole numbers from 0"),
        (["run", "layers", "--seeds", "1,1"], "twice"),
        (["run", "layers", "--jobs", "2", "--dask", "x"], "cannot be combined"),
        (["run", "layers", "--name", "x"], "--name needs"),
        (["run", "--grid", "seed=1,1"], "seed: rows has '1' twice"),
        (["run", "--grid", "seed=1,2", "--seeds", "0"], "rows 1 and 2 are the same training"),
        (["run", "--grid", "training.epochs=1", "--grid", "training.epochs=2"], "is given twice"),
        (["run", "--grid", "training.epochs=2", "--set", "training.epochs=1"], "what the study var"),
        (["run", "layers", "--set", "seed=1"], "--set seed=1: seed is what --seeds gives"),
        (["run", "learning-rate", "--set", "training.learning_rate=1"], "are the same training"),
        (["run", *HUGE_GRID], "100,000,000,000,000,000,000 runs; expected at most 10,000"),
        (["run", "--recipe", "digits", "--name", "../up"], "expected at most 80 letters"),
        (["run", "--recipe", "digits", "--name", "layers"], "the catalogue has a study"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_leaves_nothing(
    arguments, expected, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["inknet", "experiment", *arguments])
    monkeypatch.setenv("MPLBACKEND", "agg")
    with pytest.raises(SystemExit, match="2"):
        main()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("inknet: ")
    assert expected in line
    assert list(tmp_path.iterdir()) == []


def test_damaged_files_of_a_study_are_named(whole, tmp_path):
    inknet(*words(seeds="0"), folder=tmp_path)
    study = tmp_path / "experiments/own"
    run = study / "runs/20.seed-0.json"
    sound = run.read_text()
    for damaged in ("{", sound.replace('"accuracy": ', '"accuracy": "x" '), "[]", '{"format": 1}'):
        run.write_text(damaged)
        assert "20.seed-0.json: " in refusal("experiment", "table", folder=tmp_path)
    run.write_text(sound)
    (study / "manifest.json").write_text("{}")
    assert "manifest.json: format" in refusal("experiment", "table", folder=tmp_path)


def test_one_broken_study_or_run_is_named_and_the_others_are_listed(whole, tmp_path):
    studies = tmp_path / "experiments"
    for name in ("good", "no-manifest", "no-study", "layers"):
        shutil.copytree(whole, studies / name)
        text = (whole / "study.toml").read_text()
        (studies / name / "study.toml").write_text(text.replace('"own"', f'"{name}"', 1))
    (studies / "no-manifest/manifest.json").write_text("[" * 100_000)
    (studies / "no-study/study.toml").write_text(f"seeds = [{'9' * 5_000}]")
    (studies / "layers/runs/20.seed-0.json").write_bytes(b"\xff\0")
    result = inknet("experiment", "list", folder=tmp_path)
    listed = {line.split()[0]: line for line in result.stdout.splitlines() if line.split()}
    assert "4 of 4" in listed["good"]
    assert "not readable" in listed["no-manifest"] and "not readable" in listed["layers"]
    for name in ("no-manifest/manifest", "no-study/study.toml", "layers/runs/20.seed-0.json"):
        assert sum(name in line for line in result.stderr.splitlines()) == 1
    table = inknet("experiment", "table", "--format", "csv", folder=tmp_path, expect=2)
    assert table.stdout.count("\ngood,") == 2
    assert len(table.stderr.splitlines()) == 3
    for name, text in {"good": None, "bad": "{", "none": "null"}.items():
        run = tmp_path / "runs" / name
        inknet("train", *options(training__epochs=1), "--out", run, folder=tmp_path)
        if text is not None:
            (run / "metrics.json").write_text(text)
    result = inknet("runs", folder=tmp_path)
    assert "runs/good" in result.stdout and "runs/bad" not in result.stdout
    assert len(result.stderr.splitlines()) == 2
    assert "bad/metrics.json" in result.stderr and "none/metrics.json" in result.stderr


def test_a_table_as_markdown_and_as_csv_has_the_means_of_the_runs(whole):
    root = whole.parent.parent
    accuracies = [runs(whole)[f"20.seed-{seed}"]["test"]["accuracy"] for seed in (0, 1)]
    mean = sum(accuracies) / 2
    listed = ["experiment", "table", "own", "--format"]
    lines = inknet(*listed, "csv", folder=root).stdout.splitlines()
    header, row = lines[0].split(","), lines[1].split(",")
    assert float(row[header.index("test_mean")]) == pytest.approx(mean, abs=1e-15)
    assert row[header.index("runs")] == "2"
    validation = [runs(whole)[f"20.seed-{seed}"]["validation_accuracy"] for seed in (0, 1)]
    markdown = inknet(*listed, "markdown", folder=root).stdout
    (line,) = (line for line in markdown.splitlines() if line.startswith("| 20 |"))
    cells = [float(cell.split(" ± ")[0]) for cell in line.split("|")[2:4]]
    assert cells == pytest.approx([50 * sum(validation), 100 * mean], abs=0.005)


def test_list_and_show_tell_how_far_a_study_is(whole):
    root = whole.parent.parent
    listed = inknet("experiment", "list", folder=root).stdout
    assert "4 of 4" in listed
    assert "0 of 21" in listed
    shown = inknet("experiment", "show", "layers", folder=root).stdout
    assert "21 of 21 runs have no result yet" in shown
    assert "784-256-128-64-32-10" in shown
    assert "experiments/own/study.png" in inknet("experiment", "show", "own", folder=root).stdout


def test_rows_with_long_names_in_any_script_have_files(tmp_path):
    from inknet.experiments.catalogue import Row, grid_study
    from inknet.experiments.plan import plan_study

    study = grid_study("digits", ["training.batch_size=20,40"], [0], "own")
    rows = [Row(name="字" * 150 + end) for end in "ab"]
    with pytest.raises(InputError, match="make one file name"):
        plan_study(study.model_copy(update={"rows": rows}))
    (job,) = plan_study(study.model_copy(update={"rows": rows[:1]})).jobs
    assert len(f"{job.name}.json".encode()) < 200
