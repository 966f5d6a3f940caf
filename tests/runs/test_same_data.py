"""Whatever is judged, resumed or compared knows its data: changed data are never taken for them."""

import json
import shutil

import numpy as np
import pytest

from commands import inknet, refusal
from inknet import InputError
from inknet.data import load
from inknet.recipes import load_recipe
from inknet.runs import Run, resume_run, train_run
from inknet.runs.ensemble import train_ensemble
from inknet.training.callbacks import Callback
from inknet.training.ending import INTERRUPTED

QUICK = ["training.epochs=2", "network.hidden=[4]"]
SAMPLE = load("sample")
ORDER = np.random.default_rng(0).permutation(5000)[:1200]
PIXELS, LABELS = SAMPLE.features[ORDER], SAMPLE.labels[ORDER]


def save(path, pixels=PIXELS[:800], labels=LABELS[:800], n_test=0):
    if n_test:
        x, y = pixels.reshape(-1, 28, 28), labels
        parts = {"x_train": x[:-n_test], "y_train": y[:-n_test]}
        parts |= {"x_test": x[-n_test:], "y_test": y[-n_test:]}
    else:
        parts = {"X": pixels, "y": labels}
    np.savez(path, **parts)
    return path


def recipe(path, *changes, seed=0):
    return load_recipe("digits", [*QUICK, *changes], source=str(path), seed=seed)


def relabelled(n):
    labels = LABELS[:800].copy()
    labels[:n] = (labels[:n] + 1) % 10
    return labels


CHANGES = {
    "grown": (PIXELS[:1000], LABELS[:1000]),
    "grown by one": (PIXELS[:801], LABELS[:801]),
    "shrunk": (PIXELS[:700], LABELS[:700]),
    "shuffled": (PIXELS[:800][::-1], LABELS[:800][::-1]),
    "relabelled": (PIXELS[:800], relabelled(100)),
    "replaced": (PIXELS[400:], LABELS[400:]),
    "inverted": (255 - PIXELS[:800], LABELS[:800]),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run on 800 digits without a test set of their own."""
    folder = tmp_path_factory.mktemp("made")
    train_run(recipe(save(folder / "data.npz")), folder / "run")
    return folder


@pytest.mark.parametrize("change", CHANGES)
def test_a_run_is_not_evaluated_on_data_that_were_changed(made, change):
    run, data = Run(made / "run"), made / "data.npz"
    before = data.read_bytes()
    assert len(run.test_data()) == 80
    try:
        save(data, *CHANGES[change])
        with pytest.raises(InputError, match="was changed since"):
            run.test_data()
        line = refusal("evaluate", "run", folder=made)
        assert f"{data}: was changed since " in line and "run was trained" in line
        printed = inknet("evaluate", "run", "--data", "data.npz", folder=made).stdout
        assert "all of it, including what the model may have been trained on" in printed
    finally:
        data.write_bytes(before)
    printed = json.loads(inknet("evaluate", "run", "--json", folder=made).stdout)
    assert printed["accuracy"] == run.metrics["test"]["accuracy"]


def test_the_same_content_in_another_file_is_the_same_data(made):
    data, run = made / "data.npz", Run(made / "run")
    before = data.read_bytes()
    np.savez_compressed(data, images=PIXELS[:800].astype(int), labels=LABELS[:800])
    try:
        assert data.read_bytes() != before
        assert len(run.test_data()) == 80
    finally:
        data.write_bytes(before)


def test_changes_of_other_samples_do_not_matter_to_a_test_set_of_its_own(tmp_path):
    data = save(tmp_path / "data.npz", n_test=200)
    run = train_run(recipe(data), tmp_path / "run")
    more = np.concatenate([PIXELS[800:900], PIXELS[:800]])
    save(data, more, np.concatenate([LABELS[800:900], LABELS[:800]]), n_test=200)
    accuracy = run.model().evaluate_on(run.test_data()).accuracy
    assert accuracy == run.metrics["test"]["accuracy"]
    save(data, PIXELS[:801], LABELS[:801], n_test=201)
    with pytest.raises(InputError, match="was changed since"):
        run.test_data()


def test_it_is_said_if_a_model_learned_from_samples_of_an_official_test_set(tmp_path):
    data = save(tmp_path / "data.npz", n_test=200)
    train_run(recipe(data), tmp_path / "fair")
    train_run(recipe(data, "data.official_test=false"), tmp_path / "mixed")
    printed = inknet("evaluate", "fair", "--data", "data.npz", folder=tmp_path).stdout
    assert "data.npz, its official test set: accuracy" in printed
    printed = inknet("evaluate", "mixed", "--data", "data.npz", folder=tmp_path).stdout
    # nine tenths are not test data, the official test set or not
    n_learned_from = int(printed.split("official test set, ")[1].split(" of which it learned")[0])
    assert 160 < n_learned_from < 195


def forget_data(run):
    """Make a run look like one of inknet 0.2."""
    path = run / "metrics.json"
    metrics = json.loads(path.read_text())
    for name in ("digest", "test_digest"):
        metrics["data"].pop(name)
    path.write_text(json.dumps(metrics))


def test_a_run_of_an_older_inknet_is_evaluated_and_it_is_said_that_its_data_are_not_known(
    made, tmp_path
):
    shutil.copytree(made / "run", tmp_path / "old")
    forget_data(tmp_path / "old")
    done = inknet("evaluate", "old", folder=tmp_path)
    assert "the test data of the run: accuracy" in done.stdout
    assert "cannot be known whether they were changed" in done.stderr
    assert "cannot be known" not in inknet("evaluate", "run", folder=made).stderr


class Stop(Callback):
    """Ends a training as Ctrl-C does."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, trainer):
        if len(trainer.history) == self.epoch:
            trainer.stop_reason = INTERRUPTED


def begin(chosen, place):
    from inknet.errors import TrainingStopped

    with pytest.raises(TrainingStopped):
        train_run(chosen, place, callbacks=[Stop(1)])


def test_a_training_is_not_resumed_if_one_value_of_one_sample_was_changed(tmp_path):
    pixels = np.repeat(PIXELS, 3, axis=0)
    labels = np.repeat(LABELS, 3)
    data = save(tmp_path / "data.npz", pixels, labels)
    begin(recipe(data, "training.epochs=3"), tmp_path / "run")
    for row in (1, 1000, 2001):  # more than a thousand samples, of which some were compared
        other = pixels.copy()
        other[row, 300] ^= 1
        save(data, other, labels)
        with pytest.raises(InputError, match="was made with other data"):
            resume_run(tmp_path / "run", callbacks=lambda recipe: [Stop(9)])
    save(data, pixels, labels)
    assert resume_run(tmp_path / "run", callbacks=lambda recipe: [Stop(9)]).data_digest


# -- ensembles ------------------------------------------------------------------------------------


@pytest.fixture
def members(tmp_path):
    """The folder of an ensemble with one finished and one unfinished member of three."""
    data = save(tmp_path / "data.npz", n_test=200)
    train_run(recipe(data, seed=0), tmp_path / "three/seed-0")
    begin(recipe(data, seed=1), tmp_path / "three/seed-1")
    return tmp_path / "three"


def go_on(folder, *changes, data="data.npz", warn=print):
    def train(member, place):
        return train_run(member, place, callbacks=[Stop(9)])

    def resume(place):
        return resume_run(place, callbacks=lambda recipe: [Stop(9)])

    chosen = recipe(folder.parent / data, *changes)
    return train_ensemble(chosen, folder, 3, train, resume, warn)


def test_an_ensemble_goes_on_with_members_of_its_recipe_and_data(members):
    assert go_on(members)["seeds"] == [0, 1, 2]


@pytest.mark.parametrize("which", ["finished", "unfinished"])
def test_a_member_of_another_recipe_is_refused_by_name_before_anything_is_trained(members, which):
    (number, other) = (0, 1) if which == "finished" else (1, 0)
    shutil.rmtree(members / f"seed-{other}")
    with pytest.raises(InputError, match=f"seed-{number}: holds a run of another recipe"):
        go_on(members, "training.learning_rate=0.02")
    assert [path.name for path in members.iterdir()] == [f"seed-{number}"]


@pytest.mark.parametrize("which", ["finished", "unfinished"])
def test_a_member_that_was_trained_on_other_data_is_refused_by_name(members, which):
    (number, other) = (0, 1) if which == "finished" else (1, 0)
    shutil.rmtree(members / f"seed-{other}")
    save(members.parent / "data.npz", 255 - PIXELS[:800], LABELS[:800], n_test=200)
    with pytest.raises(InputError, match=f"seed-{number}: was trained on other data"):
        go_on(members)
    assert [path.name for path in members.iterdir()] == [f"seed-{number}"]


def test_the_same_data_in_another_place_are_the_same_data(members):
    shutil.rmtree(members / "seed-1")
    (members.parent / "data.npz").rename(members.parent / "moved.npz")
    assert go_on(members, data="moved.npz")["seeds"] == [0, 1, 2]


def test_a_member_of_an_older_inknet_is_kept_and_it_is_said_that_its_data_are_not_known(members):
    forget_data(members / "seed-0")
    lines = []
    go_on(members, warn=lines.append)
    assert len(lines) == 1
    assert "seed-0: does not say which data it was trained on" in lines[0]


# -- studies and searches -------------------------------------------------------------------------


def test_a_study_is_not_continued_on_other_data(tmp_path):
    data = save(tmp_path / "data.npz")
    sets = [word for change in QUICK for word in ("--set", change)]
    words = ["experiment", "run", *sets, "--set", f"data.source={data}", "--name", "own"]
    words += ["--recipe", "digits", "--grid", "training.batch_size=20,40", "--seeds"]
    inknet(*words, "0", folder=tmp_path)
    study = tmp_path / "experiments/own"
    (study / "runs/40.seed-0.json").unlink()
    before = data.read_bytes()
    save(data, *CHANGES["relabelled"])
    line = refusal(*words, "0", folder=tmp_path)
    assert f"own: {data} was changed since the study was begun" in line
    assert [path.name for path in (study / "runs").iterdir()] == ["20.seed-0.json"]
    data.write_bytes(before)
    inknet(*words, "0", folder=tmp_path)
    results = [json.loads(path.read_text()) for path in (study / "runs").iterdir()]
    assert len({result["data"] for result in results}) == 1


def test_a_search_is_not_continued_on_other_data(tmp_path):
    data = save(tmp_path / "data.npz")
    sets = [word for change in QUICK for word in ("--set", change)]
    words = ["search", "digits", *sets, "--set", f"data.source={data}", "--trials", "1"]
    words += ["--vary", "training.learning_rate=0.001..0.1"]
    inknet(*words, folder=tmp_path)
    save(data, *CHANGES["grown"])
    assert "data.npz: was changed since the search was begun" in refusal(*words, folder=tmp_path)
