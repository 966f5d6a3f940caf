"""Nothing is written through a link inside the folder of a run, an ensemble or a study."""

import os
import shutil
from contextlib import suppress

import numpy as np
import pytest

from inknet import InputError
from inknet.experiments.backends import in_this_process
from inknet.experiments.catalogue import grid_study
from inknet.experiments.plan import plan_study
from inknet.experiments.runner import run_plans
from inknet.recipes import load_recipe
from inknet.runs import train_run
from inknet.runs.ensemble import train_ensemble
from inknet.runs.folder import FILES

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")

QUICK = ["training.epochs=1", "network.hidden=[2]"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "data.npz"
    labels = np.arange(60) % 2
    x = np.eye(2)[labels].repeat(2, axis=1)
    np.savez(path, x_train=x, y_train=labels, x_test=x[:10], y_test=labels[:10])
    return path


@pytest.fixture
def elsewhere(tmp_path):
    """A folder with a file that is not inknet's."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "precious").write_text("mine")
    return folder


def link(path, elsewhere, kind):
    """Put a link at a path, to the folder or the file elsewhere."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(elsewhere if kind == "folder" else elsewhere / "precious")


def check_untouched(elsewhere):
    assert [path.name for path in elsewhere.iterdir()] == ["precious"]
    assert (elsewhere / "precious").read_text() == "mine"


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """A finished run, to be replaced."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    train_run(load_recipe("digits", QUICK, source=str(data)), folder)
    return folder


@pytest.mark.parametrize("kind", ["folder", "file"])
@pytest.mark.parametrize("name", ["unfinished", "unfinished/lock", "unfinished/results", *FILES])
def test_a_run_is_not_written_through_a_link(data, finished, tmp_path, elsewhere, name, kind):
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    if name.startswith("unfinished/"):
        (run / "unfinished").mkdir()
        shutil.copy(run / "recipe.toml", run / "unfinished/recipe.toml")
    link(run / name, elsewhere, kind)
    with suppress(InputError):
        train_run(load_recipe("digits", QUICK, source=str(data)), run, force=True)
    check_untouched(elsewhere)


STUDY_FILES = ("own", "own/runs", "own/lock", "own/study.toml", "own/manifest.json")


@pytest.mark.parametrize("kind", ["folder", "file"])
@pytest.mark.parametrize("name", STUDY_FILES)
@pytest.mark.parametrize("begun", [False, True])
def test_a_study_is_not_written_through_a_link(data, tmp_path, elsewhere, name, kind, begun):
    changes = [*QUICK, f"data.source={data}"]
    root = tmp_path / "experiments"

    def run(seeds):
        study = grid_study("digits", ["training.batch_size=20"], seeds, "own")
        run_plans([plan_study(study, changes)], root, in_this_process, changes=changes)

    if begun:
        run([0])
        (result,) = (root / "own/runs").iterdir()
        result.unlink()
    link(root / name, elsewhere, kind)
    with suppress(InputError):
        run([0])
    check_untouched(elsewhere)


@pytest.mark.parametrize("kind", ["folder", "file"])
@pytest.mark.parametrize("name", ["seed-1", "seed-1/unfinished", "ensemble.json"])
def test_an_ensemble_is_not_written_through_a_link(data, tmp_path, elsewhere, name, kind):
    link(tmp_path / "two" / name, elsewhere, kind)
    recipe = load_recipe("digits", QUICK, source=str(data))
    with suppress(InputError):
        train_ensemble(recipe, tmp_path / "two", 2, train_run, train_run)
    check_untouched(elsewhere)


def test_what_is_refused_is_named_before_anything_is_trained(data, tmp_path, elsewhere):
    link(tmp_path / "two/seed-1", elsewhere, "folder")
    recipe = load_recipe("digits", QUICK, source=str(data))
    with pytest.raises(InputError, match="seed-1: a link that leads out of"):
        train_ensemble(recipe, tmp_path / "two", 2, train_run, train_run)
    assert [path.name for path in (tmp_path / "two").iterdir()] == ["seed-1"]
