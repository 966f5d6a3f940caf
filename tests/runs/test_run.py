"""A run folder may come from anyone: its files are read, and nothing outside of it."""

from pathlib import Path

import numpy as np
import pytest

import inknet
from inknet import MLP, InputError
from inknet.cli.runs import runs
from inknet.errors import InputWarning
from inknet.recipes import load_recipe
from inknet.runs import Run, default_folder, folder, list_runs, results, train_run, unfinished
from inknet.runs.ensemble import train_ensemble
from inknet.runs.prepare import load_source

FILES = ("recipe.toml", "model.safetensors", "metrics.json")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The folder of a small finished run."""
    folder = tmp_path_factory.mktemp("made")
    labels = np.arange(60) % 2
    np.savez(folder / "data.npz", X=np.eye(2)[labels].repeat(2, axis=1), y=labels)
    changes = ["training.epochs=1", "network.hidden=[2]"]
    recipe = load_recipe("digits", changes, source=str(folder / "data.npz"))
    return train_run(recipe, folder / "run").folder


def copied(made: Path, folder: Path) -> Path:
    folder.mkdir()
    for name in FILES:
        (folder / name).write_bytes((made / name).read_bytes())
    return folder


def test_a_confusion_matrix_too_large_to_see_is_not_drawn(made, tmp_path, monkeypatch):
    assert (made / "confusion_matrix.png").exists()
    monkeypatch.setattr(results, "MOST_CLASSES_DRAWN", 1)
    run = train_run(load_recipe(str(made / "recipe.toml")), tmp_path / "run")
    assert not (tmp_path / "run/confusion_matrix.png").exists()
    assert len(run.metrics["test"]["confusion_matrix"]) == 2
    assert "confusion_matrix" not in (tmp_path / "run/report.html").read_text("utf-8")


@pytest.mark.parametrize("name", FILES)
def test_links_out_of_a_run_folder_are_not_followed(made, tmp_path, name):
    folder = copied(made, tmp_path / "run")
    assert Run.open(folder).metrics["recipe"] == "digits"
    opened = Run.open(folder)
    (folder / name).unlink()
    (folder / name).symlink_to(made / name)
    for action in (
        lambda: Run.open(folder),
        lambda: MLP.load(folder) if name.startswith("model") else Run.open(folder),
        lambda: (opened.recipe, opened.metrics, opened.model()),  # also if changed meanwhile
    ):
        with pytest.raises(InputError, match=f"{name}: a link that leads out of"):
            action()
    assert list_runs(tmp_path) == []


def test_links_inside_a_run_folder_are_followed(made, tmp_path):
    folder = copied(made, tmp_path / "run")
    (folder / "metrics.json").rename(folder / "kept.json")
    (folder / "metrics.json").symlink_to("kept.json")
    assert Run.open(folder).metrics["recipe"] == "digits"
    (folder / "kept.json").unlink()
    (folder / "kept.json").symlink_to("metrics.json")
    with pytest.raises(InputError, match="a link that leads nowhere"):
        Run.open(folder)


def test_a_listed_run_cannot_steer_the_terminal(made, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    folder = copied(made, tmp_path / "run")
    text = (folder / "metrics.json").read_text()
    (folder / "metrics.json").write_text(text.replace('"digits"', '"dig\\u001b[2Jits"'))
    runs(tmp_path)
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "dig\\x1b[2Jits" in printed


@pytest.mark.parametrize("fails", [False, True])
def test_a_system_that_removes_no_open_file_still_ends_with_a_tidy_folder(
    fails, tmp_path, monkeypatch
):
    """Windows keeps the lock for as long as it is held."""
    from filelock import FileLock

    held, unlink, acquire, release = set(), Path.unlink, FileLock.acquire, FileLock.release

    def unlink_unless_held(path, missing_ok=False):
        if str(path) in held:
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok=missing_ok)

    def acquire_and_hold(lock, *arguments, **keywords):
        found = acquire(lock, *arguments, **keywords)
        held.add(str(lock.lock_file))
        return found

    def release_and_let_go(lock, *arguments, **keywords):
        held.discard(str(lock.lock_file))
        release(lock, *arguments, **keywords)

    monkeypatch.setattr(unfinished, "KEEPS_OPEN_FILES", True)
    monkeypatch.setattr(Path, "unlink", unlink_unless_held)
    monkeypatch.setattr(FileLock, "acquire", acquire_and_hold)
    monkeypatch.setattr(FileLock, "release", release_and_let_go)
    recipe = load_recipe(
        "digits", ["data.limit=300", "network.hidden=[4]", "training.epochs=1"], source="sample"
    )

    def end(*_):
        raise InputError("it ends before there is a checkpoint")

    if fails:
        with pytest.raises(InputError, match="it ends"):
            train_run(recipe, tmp_path / "run", on_start=end)
        assert not (tmp_path / "run").exists()
    else:
        train_run(recipe, tmp_path / "run")
        assert {path.name for path in (tmp_path / "run").iterdir()} == set(folder.FILES)


def short(data, **keys):
    settings = {"training.epochs": 1, "network.hidden": [2], **keys}
    return load_recipe("digits", settings=settings, source=str(data))


@pytest.fixture(scope="module")
def data(made):
    return made.parent / "data.npz"


def test_a_recipe_that_could_not_be_read_again_is_not_trained(data, tmp_path):
    recipe = short(data)
    for changes in ({"seed": 2**63}, {"name": "." * 400}):
        with pytest.raises(InputError):
            train_run(recipe.model_copy(update=changes), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["é" * 400, "字" * 400, "x" * 900, "[{" * 400, "\x01" * 900, " "])
def test_whatever_a_run_is_called_it_can_be_read_again(name, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = short(data, name=name, seed=2**63 - 1)
    run = train_run(recipe, default_folder(recipe))
    assert (run.recipe.name, run.metrics["recipe"]) == (name, name)
    assert (run.recipe.seed, run.metrics["seed"]) == (2**63 - 1, 2**63 - 1)
    assert len(run.test_data()) > 0
    assert len(list_runs(tmp_path / "runs")) == 1


@pytest.mark.parametrize("length", [255, 256, 3_900, 4_080, 5_000])
def test_a_folder_is_refused_before_the_training_or_holds_the_whole_run(data, tmp_path, length):
    missing = length - len(str(tmp_path)) - 1
    folder = tmp_path / ("x" * length if length < 300 else "/".join(["y" * 99] * (missing // 100)))
    if length == 255:
        assert Run.open(train_run(short(data), folder).folder).metrics["recipe"] == "digits"
    else:
        with pytest.raises(InputError, match=r"File name too long|a path of"):
            train_run(short(data), folder)
        assert list(tmp_path.iterdir()) == []


def test_class_names_too_long_for_a_model_file_are_refused_before_the_training(tmp_path):
    labels = np.arange(60) % 2
    names = np.array(["a" * 2_000_000, "b" * 2_000_000])
    np.savez_compressed(tmp_path / "data.npz", X=np.eye(2)[labels], y=labels, class_names=names)
    with pytest.raises(InputError, match=r"data\.npz: the names of the classes"):
        train_run(short(tmp_path / "data.npz"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    for wrong, says in ((names, "too long"), (["a\n", "b"], "cannot be printed")):
        with pytest.raises(InputError, match=says):
            MLP([2, 2], class_names=wrong)


def test_an_ensemble_whose_last_seed_is_too_large_is_refused_before_anything_is_trained(tmp_path):
    labels = np.arange(60) % 2
    x = np.eye(2)[labels].repeat(2, axis=1)
    parts = {"x_train": x, "y_train": labels, "x_test": x[:9], "y_test": labels[:9]}
    np.savez(tmp_path / "data.npz", **parts)
    recipe = short(tmp_path / "data.npz", seed=2**63 - 2)
    with pytest.raises(InputError, match=f"{2**63}"):
        train_ensemble(recipe, tmp_path / "three", 3, train_run, train_run)
    assert not (tmp_path / "three").exists()


def test_classes_without_samples_are_named_and_left_out(tmp_path):
    labels = np.arange(60) % 2
    names = np.array(["never", "no", "perhaps", "yes"])
    np.savez(tmp_path / "data.npz", X=np.eye(2)[labels], y=2 * labels + 1, class_names=names)
    with pytest.warns(InputWarning, match="no sample of class never, perhaps; left out"):
        run = train_run(short(tmp_path / "data.npz"), tmp_path / "run")
    assert run.model().facts.class_names == ("no", "yes")


def test_a_recipe_says_how_a_table_is_read_and_what_its_classes_are_called(tmp_path):
    rows = "".join(f"{n % 2 * 6 + 1},{n},{n % 2 * 4}\n" for n in range(60))
    (tmp_path / "table.csv").write_text("kind,a,b\n" + rows)
    recipe = short(tmp_path / "table.csv")
    how = {"label": "kind", "class_names": ["one", "seven"]}
    recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update=how)})
    run = train_run(recipe, tmp_path / "run")
    assert run.model().facts.class_names == ("one", "seven")
    assert Run.open(tmp_path / "run").test_data().class_names == ("one", "seven")
    numbers = dict(how, class_names=[f"class {number}" for number in range(8)])
    recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update=numbers)})
    assert load_source(recipe.data).class_names == ("class 1", "class 7")
    wrong = dict(how, class_names=["one", "seven", "nine"])
    with pytest.raises(InputError, match="3 names for the 2 classes 1, 7; expected one for each"):
        load_source(recipe.data.model_copy(update=wrong))


def test_a_run_in_python_has_all_that_it_left(tmp_path, monkeypatch, no_pictures):
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe("digits", ["training.epochs=2", "data.limit=500"], source="sample")
    made = train_run(recipe, "run")
    run = inknet.Run.open("run")
    assert run.recipe.network == recipe.network
    assert len(run.history) == 2
    assert run.history["val_accuracy"][-1] == pytest.approx(made.metrics["validation"]["accuracy"])
    assert run.evaluate().accuracy == run.metrics["test"]["accuracy"]
    # what the source would give as test data otherwise, is not what this run kept out
    assert len(run.test_data()) == run.metrics["test"]["samples"] == 50


def test_the_figures_are_told_before_a_picture_is_drawn(tmp_path):
    told = []

    def look(metrics):
        drawn = list(tmp_path.rglob("*.png")) + list(tmp_path.rglob("report.html"))
        told.append((metrics, drawn, len(list(tmp_path.rglob("metrics.json")))))

    run = train_run(
        load_recipe("quick", ["data.source=sample", "training.epochs=1", "network.hidden=[4]"]),
        tmp_path / "run",
        on_evaluated=look,
    )
    ((metrics, drawn, n_written),) = told
    assert metrics == run.metrics
    assert drawn == []
    assert n_written == 1
    assert (run.folder / "loss.png").exists()
