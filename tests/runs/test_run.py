"""A run folder may come from anyone: its files are read, and nothing outside of it."""

from pathlib import Path

import numpy as np
import pytest

from inknet import MLP, InputError
from inknet.cli.runs import runs
from inknet.recipes import load_recipe
from inknet.runs import Run, list_runs, train_run

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
