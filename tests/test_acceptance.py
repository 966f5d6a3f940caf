"""What the shipped recipes reach; `make figures` measures the same over all seeds, with times."""

from pathlib import Path
from statistics import mean

import pytest

from inknet.data import Dataset
from inknet.recipes import load_recipe
from inknet.runs import train_run
from inknet.runs.folder import PICTURES
from inknet.training.callbacks import Callback
from inknet.training.loop import Trainer


def accuracy(folder: Path, recipe: str, *changes: str) -> float:
    """Train as a recipe says and return the accuracy on the test data."""
    run = train_run(load_recipe(recipe, changes), folder)
    return float(run.metrics["test"]["accuracy"])


@pytest.mark.first
@pytest.mark.usefixtures("no_pictures")
@pytest.mark.slow
def test_digits_reads_the_official_test_set_of_mnist(mnist: Dataset, tmp_path: Path) -> None:
    assert accuracy(tmp_path / "run", "digits") >= 0.984


@pytest.mark.first
@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_final_surpasses_the_study_it_comes_from(mnist: Dataset, tmp_path: Path) -> None:
    # the mean, as promised: where the last bits fall otherwise, patience may end one of them early
    runs = [train_run(load_recipe("final", seed=seed), tmp_path / str(seed)) for seed in range(3)]
    for run in runs:
        sizes = run.metrics["data"]
        assert (sizes["train"], sizes["validation"], sizes["test"]) == (33_600, 4_200, 4_200)
    assert mean(run.metrics["test"]["accuracy"] for run in runs) >= 0.96


@pytest.mark.first
@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("n_seeds", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_digits_needs_no_more_than_the_sample(tmp_path: Path, n_seeds: int) -> None:
    accuracies = [
        accuracy(tmp_path / str(seed), "digits", "data.source=sample", f"seed={seed}")
        for seed in range(n_seeds)
    ]
    assert mean(accuracies) >= 0.95


FILES = ("recipe.toml", "model.safetensors", "metrics.json", "history.csv", "report.html")


def test_a_run_is_written_inside_its_folder_if_that_is_there(tmp_path: Path) -> None:
    # it may be a mount of its own, on another disk than its parent
    folder, beside = tmp_path / "run", set()
    folder.mkdir()

    class Look(Callback):
        def on_epoch_end(self, trainer: Trainer) -> None:
            beside.update(path.name for path in tmp_path.iterdir())

    recipe = load_recipe("digits", ["data.source=sample", "training.epochs=1"])
    train_run(recipe, folder, callbacks=[Look()])
    assert beside == {"run"}
    assert {path.name for path in folder.iterdir()} == {*FILES, *PICTURES}


def test_a_run_that_cannot_be_trained_leaves_no_folder(tmp_path: Path) -> None:
    wild = ["training.learning_rate=1e30", "training.optimizer=gradient_descent"]
    recipe = load_recipe("digits", ["data.source=sample", "network.batch_norm=none", *wild])
    with pytest.raises(ValueError, match=r"training diverged: .*; try a lower learning_rate"):
        train_run(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()
