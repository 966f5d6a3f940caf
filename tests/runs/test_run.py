"""A run folder may come from anyone: its files are read, and nothing outside of it."""

from pathlib import Path

import numpy as np
import pytest

from inknet import MLP, InputError
from inknet.cli.runs import runs
from inknet.recipes import load_recipe
from inknet.runs import Run, folder, list_runs, results, train_run, unfinished

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
