"""A study on a Dask cluster: a real scheduler and real workers, as processes of their own."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from studying import processes, runs, words

from commands import environment, inknet, running, start, wait_for

DASK = Path(sys.executable).with_name("dask")


@contextmanager
def started(*arguments: str | Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [DASK, *arguments, "--no-dashboard", "--host", "127.0.0.1"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def cluster(folder: Path, n_workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and its workers, once all of them are there."""
    file = folder / "scheduler.json"
    with ExitStack() as stack:
        begin = stack.enter_context
        begin(started("scheduler", "--port", "0", "--scheduler-file", file, folder=folder))
        options = ["--scheduler-file", file, "--nthreads", "1", "--no-nanny"]
        workers = [begin(started("worker", *options, folder=folder)) for _ in range(n_workers)]
        for _ in range(600):
            time.sleep(0.1)
            if file.is_file() and file.stat().st_size:
                break
        address = json.loads(file.read_text())["address"]
        if n_workers:
            asyncio.run(all_there(address, n_workers))
        yield address, workers


async def all_there(address: str, n_workers: int) -> None:
    from distributed import Client

    async with Client(address, asynchronous=True, set_as_default=False) as client:
        await client.wait_for_workers(n_workers, timeout=60)


@pytest.mark.slow
def test_a_worker_killed_mid_study_costs_nothing_and_the_bits_are_those_of_one_process(tmp_path):
    several = words("training.batch_size=20,30,40", training__epochs=60)
    inknet(*several, folder=tmp_path)
    there = tmp_path / "there"
    there.mkdir()
    with cluster(tmp_path, 2) as (address, workers):
        with running(*several, "--dask", address, folder=there) as study:
            wait_for(study, "2/6")
            workers[0].send_signal(signal.SIGKILL)
            _, complaint = study.communicate(timeout=100)
        assert study.returncode == 0, complaint
        assert complaint == ""
        whole = there / "experiments/own"
        assert len(runs(whole)) == 6
        assert runs(whole) == runs(tmp_path / "experiments/own")
        done_by = set(processes(whole).values())
        assert done_by <= {worker.pid for worker in workers}
        assert workers[1].pid in done_by
        # what is whole asks nothing more of the cluster
        assert "epochs," not in inknet(*several, "--dask", address, folder=there).stdout


@pytest.mark.slow
def test_an_interrupted_study_on_a_cluster_goes_on_without_it(tmp_path):
    long = words(training__epochs=100)
    with cluster(tmp_path, 1) as (address, _):
        with running(*long, "--dask", address, folder=tmp_path) as study:
            wait_for(study, "1/4")
            study.send_signal(signal.SIGINT)
            _, complaint = study.communicate(timeout=60)
        assert study.returncode == 130
        (line,) = complaint.splitlines()
        assert "the same command resumes" in line
    own = tmp_path / "experiments/own"
    before = len(runs(own))
    assert 1 <= before < 4
    assert inknet(*long, folder=tmp_path).stdout.count("after 100 epochs") == 4 - before
    assert len(runs(own)) == 4


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.slow)]
)
def test_a_scheduler_that_dies_is_one_line_and_the_study_goes_on_without_it(tmp_path, number):
    long = words(training__epochs=150)
    file = tmp_path / "scheduler.json"
    with started("scheduler", "--port", "0", "--scheduler-file", file, folder=tmp_path) as first:
        options = ["--scheduler-file", file, "--nthreads", "1", "--no-nanny"]
        with started("worker", *options, folder=tmp_path):
            while not (file.is_file() and file.stat().st_size):
                time.sleep(0.1)
            address = json.loads(file.read_text())["address"]
            with running(*long, "--dask", address, folder=tmp_path) as study:
                wait_for(study, "1/4")
                first.send_signal(number)
                _, complaint = study.communicate(timeout=90)
    assert study.returncode == 2
    (line,) = complaint.splitlines()
    assert "the scheduler does not answer any more" in line
    own = tmp_path / "experiments/own"
    before = runs(own)
    assert 1 <= len(before) < 4
    assert {run["outcome"] for run in before.values()} == {"finished"}
    assert inknet(*long, folder=tmp_path).stdout.count("after 150 epochs") == 4 - len(before)


def test_workers_on_other_ops_make_failed_runs_not_mixed_results(tmp_path, monkeypatch):
    monkeypatch.setenv("INKNET_OPS", "numpy")
    with cluster(tmp_path, 1) as (address, _):
        numba = {"INKNET_OPS": "numba"}
        several = words(seeds="0")
        result = inknet(*several, "--dask", address, folder=tmp_path, expect=2, **numba)
    assert "all of its runs failed; the first: this process has numpy ops" in result.stderr
    assert result.stdout.count("failed: this process has numpy ops; the study is run on numba") == 2


@pytest.mark.slow
def test_an_address_where_no_scheduler_answers_is_one_line_and_leaves_nothing(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        nobody = (f"tcp://127.0.0.1:{port}", "tcp://127.0.0.1:1", "nonsense://x", "")
        # at once, as each waits for an answer
        trials = [start(*words(), "--dask", address, folder=tmp_path) for address in nobody]
        for trial in trials:
            (line,) = trial.communicate()[1].splitlines()
            assert trial.returncode == 2
            assert line.startswith("inknet: ") and "no Dask scheduler answers there" in line
    assert os.listdir(tmp_path) == []  # noqa: PTH208
