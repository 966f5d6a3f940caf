"""Trainings that the studio starts: watched, paused, resumed, stopped, killed and outlived."""

import csv
import json
import os
import shutil
import signal
import socket
import time

import numpy as np
import pytest

from inknet.recipes import load_recipe
from inknet.runs import Run, train_run
from inknet.runs.unfinished import Unfinished
from inknet.studio.folders import SORTED_BY, Folders
from tests.commands import refusal
from tests.studio.serving import (
    LONG,
    SHORT,
    base64_of,
    client,
    events_in,
    free_port,
    sentence,
    serving,
    wait_until,
)

EVENTS = "/api/trainings/events"
ENDS = ("finished", "stopped", "failed")
BITS = SHORT | {"training.epochs": 30}
"""Settings of a training of some seconds, so that it can be paused in between."""


def ok(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()


def start(studio, settings=SHORT, **more):
    body = {"recipe": "digits", "source": "sample", "settings": settings, **more}
    return ok(studio.post("/api/trainings", json=body))["run"]


def told(studio, run, **headers):
    """Return all events of a training that has ended."""
    answer = studio.get(EVENTS, params={"run": run}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return list(events_in(answer.text.split("\n")))


def logged(root, run):
    """Return the events that are in the log of a training."""
    path = root / ".studio" / f"{run}.jsonl"
    if not path.is_file():
        return []
    lines = path.read_text("utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def epochs(root, run):
    return [one["data"]["epoch"] for one in logged(root, run) if one["event"] == "epoch"]


def state(root, run):
    return [one["data"]["state"] for one in logged(root, run) if one["event"] == "state"][-1]


# -- from the beginning to the end -----------------------------------------------------------------


@pytest.fixture(scope="module")
def watched(trained, tmp_path_factory):
    """A training that was started by the studio and has ended: the client, its folder, its run."""
    root = tmp_path_factory.mktemp("watched") / "runs"
    shutil.copytree(trained, root)
    studio = client(root)
    run = start(studio, name='a <b>"name"</b> / of ..')
    assert ok(studio.get("/api/state"))["training"] == run
    body = {"recipe": "digits", "source": "sample", "settings": SHORT}
    assert run in sentence(studio.post("/api/trainings", json=body), 409)
    wait_until(lambda: state(root, run) in ENDS)
    assert ok(studio.get("/api/state"))["training"] is None
    wait_until(lambda: not list((root / ".studio").glob("*.pid")))  # the process has ended, too
    return studio, root, run


def test_its_events_are_what_its_history_says(watched):
    studio, root, run = watched
    found = told(studio, run)
    with (root / run / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    rows = [data for _, event, data in found if event == "epoch"]
    assert len(rows) == len(history) == 2
    for row, line in zip(rows, history, strict=True):
        for name in ("epoch", "train_loss", "val_loss", "val_accuracy", "learning_rate"):
            assert row[name] == pytest.approx(float(line[name]))
    assert found[-1][1:] == ("state", {"state": "finished", "message": ""})


def test_it_begins_with_what_is_trained_and_shows_the_first_layer(watched):
    studio, root, run = watched
    found = {event: data for _, event, data in told(studio, run)}
    recipe = Run.open(root / run).recipe
    assert found["begin"]["classes"] == list("0123456789")
    assert found["begin"]["epochs"] == 2 and found["begin"]["shape"] == [28, 28]
    n_train, n_val = found["begin"]["n_train"], found["begin"]["n_val"]
    steps = -(-n_train // recipe.training.batch_size)
    assert found["begin"]["total_steps"] == 2 * steps
    picture = found["picture"]
    assert (len(picture["neurons"]), picture["height"], picture["width"]) == (12, 28, 28)
    assert np.sum(picture["confusion"]) == min(n_val, 500)


def test_what_the_doctor_finds_is_told_once_each(watched):
    studio, root, run = watched
    found = [data for _, event, data in told(studio, run) if event == "finding"]
    identifiers = [one["identifier"] for one in found]
    assert len(set(identifiers)) == len(identifiers)
    assert {one.identifier for one in Run.open(root / run).findings} == set(identifiers) != set()


def test_it_leaves_the_same_run_as_the_command_would(watched, trained, tmp_path):
    _, root, run = watched
    ours, theirs = (
        (folder / "model.safetensors").read_bytes() for folder in (root / run, trained / "one")
    )
    assert ours == theirs  # both are trained by SHORT, here with a log of what happens
    assert "/" not in run and "<" not in run and ".." not in run
    assert {path.name for path in (root / ".studio").iterdir()} == {
        f"{run}.toml",
        f"{run}.jsonl",
        f"{run}.err",
    }


def test_a_stream_goes_on_after_the_last_event_that_was_seen(watched):
    studio, _, run = watched
    found = told(studio, run)
    ids = [one[0] for one in found]
    assert ids == sorted(set(ids))
    for place in range(len(found) - 1):
        again = told(studio, run, **{"last-event-id": str(ids[place])})
        seen = [one for one in again if one[1] == "epoch"]
        assert seen == [one for one in found[place + 1 :] if one[1] == "epoch"]
        assert again[-1] == found[-1]


@pytest.mark.parametrize("last", ["end", "999999999", "-1", "many", "1" * 30])
def test_a_stream_of_a_training_that_is_over_ends_whatever_was_seen(watched, last):
    studio, root, run = watched
    if last == "end":
        last = str((root / ".studio" / f"{run}.jsonl").stat().st_size)
    answer = studio.get(EVENTS, params={"run": run}, headers={"last-event-id": last})
    assert answer.status_code in (200, 204)  # with 204, a browser does not connect again


def test_what_is_not_trained_can_neither_be_paused_nor_stopped_nor_resumed(watched):
    studio, _, run = watched
    for call in ("pause", "stop", "resume"):
        sentence(studio.post(f"/api/trainings/{call}", params={"run": run}), 400, 409)
        sentence(studio.post(f"/api/trainings/{call}", params={"run": "none"}), 404)


@pytest.mark.parametrize(
    "body",
    [
        {"recipe": "none"},
        {"recipe": ["digits"]},
        {"recipe": {"digits": 1}},
        {"recipe": None},
        {"recipe": "/etc/passwd"},
        {"recipe": "digits", "source": "/etc"},
        {"recipe": "digits", "source": ["sample"]},
        {"recipe": "digits", "source": {"a": 1}},
        {"recipe": "digits", "settings": [1]},
        {"recipe": "digits", "settings": "a"},
        {"recipe": "digits", "settings": {"training.learning_rate": "fast"}},
        {"recipe": "digits", "settings": {"training.learning_rate": None}},
        {"recipe": "digits", "settings": {"training.epochs": 1e308}},
        {"recipe": "digits", "settings": {"training": {"epochs": {"a": [1]}}}},
        {"recipe": "digits", "settings": {"data.source": "/etc"}},
        {"recipe": "digits", "settings": {"data": {"source": "/etc"}}},
        {"recipe": "digits", "settings": {"no.such": 1}},
        {"recipe": "digits", "settings": {"": 1}},
        {"recipe": "digits", "settings": {"network.hidden": ["\ud800"]}},
        {"recipe": "digits", "settings": {"\ud800.\0": "\0"}},
    ],
)
def test_a_training_that_cannot_be_is_refused_before_it_begins(studio, root, body):
    sent = {"content": json.dumps(body), "headers": {"content-type": "application/json"}}
    sentence(studio.post("/api/trainings", **sent), 400, 422)
    answer = ok(studio.post("/api/trainings/check", **sent))
    assert answer["ok"] is False and answer["error"]
    assert not (root / ".studio").exists()


# -- pause, resume, stop ---------------------------------------------------------------------------


@pytest.mark.slow
def test_paused_and_resumed_it_comes_to_the_same_bits(studio, root, tmp_path, no_pictures):
    run = start(studio, BITS)
    wait_until(lambda: len(epochs(root, run)) >= 3)
    assert ok(studio.post("/api/trainings/pause", params={"run": run}))["state"] == "paused"
    assert state(root, run) == "paused" and ok(studio.get("/api/state"))["training"] is None
    assert ok(studio.get("/api/run", params={"run": run}))["state"] == "unfinished"
    at_pause = epochs(root, run)
    time.sleep(0.3)
    assert epochs(root, run) == at_pause and len(at_pause) < 30
    assert ok(studio.post("/api/trainings/resume", params={"run": run}))["state"] == "training"
    train_run(load_recipe("digits", settings=BITS, source="sample"), tmp_path / "whole")
    wait_until(lambda: state(root, run) in ENDS)
    assert state(root, run) == "finished"
    assert sorted(set(epochs(root, run))) == list(range(1, 31))
    whole, resumed = (
        (folder / "model.safetensors").read_bytes() for folder in (tmp_path / "whole", root / run)
    )
    assert whole == resumed


def test_killed_it_is_resumed_and_stopped_it_leaves_a_run_of_what_was_learned(studio, root):
    run = start(studio, LONG)
    checkpoint = Unfinished(root / run)
    wait_until(lambda: epochs(root, run) and checkpoint.has_checkpoint)
    os.kill(int((root / ".studio" / f"{run}.pid").read_text()), signal.SIGKILL)
    wait_until(lambda: state(root, run) == "paused")
    assert ok(studio.get("/api/state"))["training"] is None
    ok(studio.post("/api/trainings/resume", params={"run": run}))
    before = len(epochs(root, run))
    wait_until(lambda: len(epochs(root, run)) > before)
    assert state(root, run) == "training"
    ok(studio.post("/api/trainings/stop", params={"run": run}))
    wait_until(lambda: state(root, run) in ENDS)
    assert state(root, run) == "stopped"
    assert 2 <= Run.open(root / run).metrics["training"]["epochs"] < 100_000
    with (root / run / "history.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(set(epochs(root, run)))
    wait_until(lambda: ok(studio.get("/api/state"))["training"] is None)
    listed = ok(studio.get("/api/runs"))["runs"]
    assert {one["id"]: one["state"] for one in listed} == {"one": "finished", run: "finished"}


def test_killed_before_its_first_checkpoint_a_training_says_so(studio, root):
    run = start(studio, LONG)
    os.kill(int((root / ".studio" / f"{run}.pid").read_text()), signal.SIGKILL)
    wait_until(lambda: state(root, run) == "failed")
    assert "before its first checkpoint" in told(studio, run)[-1][2]["message"]
    assert ok(studio.get("/api/state"))["training"] is None
    sentence(studio.post("/api/trainings/resume", params={"run": run}), 400, 404)
    again = start(studio, LONG)  # another one can be started
    assert again != run
    answer = studio.post("/api/trainings/pause", params={"run": again})  # before it trains
    assert ok(answer)["state"] == "paused"
    assert ok(studio.get("/api/state"))["training"] is None


@pytest.mark.slow
def test_one_that_diverges_says_so_and_the_next_can_begin_at_once(studio, root):
    run = start(studio, SHORT | {"training.learning_rate": 1e20})
    wait_until(lambda: state(root, run) in ENDS)
    again = start(studio)
    assert state(root, run) == "failed"
    message = told(studio, run)[-1][2]["message"]
    assert message.startswith("Training diverged: ") and message.endswith(".")
    wait_until(lambda: state(root, again) in ENDS)
    (row,) = [one for one in ok(studio.get("/api/runs"))["runs"] if one["id"] == again]
    assert row["state"] == "finished"


# -- corrections -----------------------------------------------------------------------------------


def test_a_model_learns_from_its_corrections_and_says_what_changed(studio, root, digits):
    images, labels = digits
    model = Run.open(root / "one").model()
    wrong = np.flatnonzero(model.predict(images).astype(int) != labels)[:5]
    sentence(studio.post("/api/corrections/learn", params={"run": "one"}), 400)
    for row in wrong:
        body = {"image": base64_of(images[row]), "label": str(labels[row])}
        ok(studio.post("/api/corrections", params={"run": "one"}, json=body))
    run = ok(studio.post("/api/corrections/learn", params={"run": "one"}))["run"]
    wait_until(lambda: state(root, run) in ENDS)
    shown = ok(studio.get("/api/run", params={"run": run}))
    assert shown["corrected_from"] == "one" and shown["state"] == "finished"
    before, after = model.predict_proba(images), Run.open(root / run).model().predict_proba(images)
    assert len(shown["changes"]) == len(wrong)
    for row, change in zip(wrong, shown["changes"], strict=True):
        assert change["label"] == str(labels[row])
        assert change["image"] == base64_of(images[row])
        for name, probabilities in (("before", before), ("after", after)):
            assert change[name]["label"] == str(probabilities[row].argmax())
            largest = float(probabilities[row].max())
            assert change[name]["probability"] == pytest.approx(largest, abs=1e-5)
    learned = (after.argmax(axis=1) == labels)[wrong].sum()
    assert learned > 0 == (before.argmax(axis=1) == labels)[wrong].sum()


# -- a server of its own ---------------------------------------------------------------------------


def test_a_training_outlives_the_server_and_is_found_again(root):
    with serving("--runs", root, folder=root.parent) as server:
        run = start(server.client, LONG)
        stream = server.events(run)
        while next(stream)[1] != "epoch":
            pass
        stream.close()  # a closed page costs nothing
        before = len(epochs(root, run))
        wait_until(lambda: len(epochs(root, run)) > before)
        stream = server.events(run)
        next(stream)
        begun = time.monotonic()  # an open page does not keep the server
        server.process.send_signal(signal.SIGINT)
        _, complaints = server.process.communicate(timeout=10)
        assert complaints == "inknet: interrupted\n" and time.monotonic() - begun < 5
    with serving("--runs", root, folder=root.parent) as server:
        assert ok(server.client.get("/api/state"))["training"] == run
        (row,) = [one for one in ok(server.client.get("/api/runs"))["runs"] if one["id"] == run]
        assert row["state"] == "training"
        body = {"recipe": "digits", "source": "sample", "settings": SHORT}
        sentence(server.client.post("/api/trainings", json=body), 409)
        stream = server.events(run)
        rows = []
        while len(rows) < 3:
            _, event, data = next(stream)
            rows += [data["epoch"]] if event == "epoch" else []
        assert rows == [1, 2, 3]  # the whole curve
        # killed, while a page looks on and the server that began it is gone
        os.kill(int((root / ".studio" / f"{run}.pid").read_text()), signal.SIGKILL)
        end = time.monotonic() + 20
        for _, event, data in stream:
            assert time.monotonic() < end
            if event == "state" and data["state"] == "paused":
                break
        else:
            raise AssertionError("the stream ended without a word")
        assert ok(server.client.get("/api/state"))["training"] is None


def test_without_any_run_one_is_trained_on_the_spot(tmp_path):
    with serving(folder=tmp_path, INKNET_DATA_DIR=str(tmp_path / "none")) as server:
        told = ok(server.client.get("/api/state"))
        assert told["training"] is not None and told["run"] == told["training"]
        ok(server.client.post("/api/trainings/pause", params={"run": told["training"]}))


def test_a_port_in_use_and_a_run_that_is_none_are_refused_in_one_line(root):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = refusal("studio", "--no-open", "--port", str(port), folder=root.parent)
        assert str(port) in line and "--port" in line
    line = refusal("studio", "none", "--no-open", "--port", str(free_port()), folder=root.parent)
    assert "none" in line
    line = refusal("studio", "--host", "no.such.host", "--no-open", folder=root.parent)
    assert "no.such.host" in line


# -- folders that change ---------------------------------------------------------------------------


BROKEN = {
    "empty": "",
    "no JSON": "{",
    "a list": "[]",
    "other": '{"format": 99}',
    "binary": "\0\x01",
    "nested": "[" * 100_000,
}


def test_broken_runs_are_listed_as_such_and_disturb_no_others(root, studio):
    text = (root / "one" / "metrics.json").read_text()
    made = {f"broken-{number}": content for number, content in enumerate(BROKEN.values())}
    metrics = json.loads(text)
    for number, (table, key) in enumerate(
        [("training", "seconds"), ("test", "accuracy"), ("data", "source"), (None, "recipe")]
    ):
        for value in (None, [], {}, "\ud800", 1e999, "1"):
            changed = json.loads(text)
            (changed if table is None else changed[table])[key] = value
            made[f"odd-{number}-{value!r}".replace("/", "-")[:40]] = json.dumps(changed)
    for name, content in made.items():
        (root / name.encode("ascii", "replace").decode()).mkdir(exist_ok=True)
        (root / name.encode("ascii", "replace").decode() / "metrics.json").write_text(content)
    (root / "folder" / "metrics.json").mkdir(parents=True)
    (root / "no run").mkdir()
    (root / "file").write_text("")
    (root / "begun" / "unfinished").mkdir(parents=True)
    (root / "begun" / "unfinished" / "recipe.toml").write_text("no recipe")
    quiet = client(root, raises=False)
    for key in SORTED_BY:
        listed = ok(quiet.get("/api/runs", params={"sort": key, "limit": 1000}))
        states = {one["id"]: one["state"] for one in listed["runs"]}
        assert states["one"] == "finished" and states["begun"] == "broken"
        assert {states[f"broken-{number}"] for number in range(len(BROKEN))} == {"broken"}
    for name in states:
        if name == "one":
            continue
        for path in ("/api/run", "/api/model", "/api/mistakes", "/api/corrections"):
            answer = quiet.get(path, params={"run": name})
            assert answer.status_code < 500, (name, path)
            if answer.status_code >= 400:
                sentence(answer)
    assert metrics["recipe"] == "digits"


@pytest.mark.parametrize(
    "gone", ["model.safetensors", "metrics.json", "recipe.toml", "history.csv"]
)
def test_a_file_that_disappears_or_is_damaged_gets_a_sentence(root, gone):
    for spoil in (lambda path: path.unlink(), lambda path: path.write_bytes(b"\0" * 50)):
        shutil.copytree(root / "one", root / "two")
        spoil(root / "two" / gone)
        studio = client(root, raises=False)
        for path in ("/api/run", "/api/model", "/api/mistakes", "/api/runs", "/api/state"):
            answer = studio.get(path, params={"run": "two"})
            assert answer.status_code < 500, path
            if answer.status_code >= 400:
                sentence(answer)
        shutil.rmtree(root / "two")


def test_a_run_that_disappears_while_it_is_listed_is_only_not_there(root, studio, monkeypatch):
    shutil.copytree(root / "one", root / "two")
    ids = Folders.ids

    def listed(self):
        found = ids(self)
        shutil.rmtree(root / "two", ignore_errors=True)
        return found

    monkeypatch.setattr(Folders, "ids", listed)
    found = ok(studio.get("/api/runs"))["runs"]
    assert {one["id"] for one in found if one["state"] == "finished"} == {"one"}
    monkeypatch.undo()
    assert [one["id"] for one in ok(studio.get("/api/runs"))["runs"]] == ["one"]
    sentence(studio.get("/api/run", params={"run": "two"}), 404)
    sentence(studio.post("/api/predict", params={"run": "two"}, content=b"x"), 404)


def test_a_thousand_runs_are_all_listed_and_each_is_read_once(root, studio, monkeypatch):
    content = (root / "one" / "metrics.json").read_bytes()
    for number in range(999):
        (root / f"run-{number:03}").mkdir()
        (root / f"run-{number:03}" / "metrics.json").write_bytes(content)
    first = ok(studio.get("/api/runs", params={"limit": 1000}))
    assert first["total"] == len(first["runs"]) == 1000
    monkeypatch.setattr("inknet.studio.folders.read_metrics", None)  # calling it would fail
    assert ok(studio.get("/api/runs", params={"limit": 1000})) == first


def test_names_that_are_no_text_are_left_out(root, studio):
    os.mkdir(os.fsencode(root) + b"/\xff\xfe")  # noqa: PTH102
    shutil.copy(root / "one" / "metrics.json", os.fsencode(root) + b"/\xff\xfe/metrics.json")
    assert [one["id"] for one in ok(studio.get("/api/runs"))["runs"]] == ["one"]
