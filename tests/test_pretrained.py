"""The model in the package: it is small, reads digits, and its record says what it is."""

import csv
import json
import os
import re
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pytest

from inknet import MLP
from inknet.data import Dataset, load
from inknet.model_file import load_model
from inknet.photo import open_picture, prepare
from inknet.pretrained import NAME
from inknet.recipes import load_recipe

FOLDER = files("inknet.pretrained")
LARGEST = 1_000_000


def test_it_reads_digits_as_soon_as_inknet_is_installed() -> None:
    digits = load("sample").subset(np.arange(0, 5000, 5))
    model = MLP.pretrained()
    assert model.evaluate_on(digits).accuracy >= 0.99
    assert model.picture_reader() is not None
    assert model.predict_names(digits.features[:1]) == ["0"]


def test_it_is_small_and_leaves_room() -> None:
    assert len((FOLDER / NAME).read_bytes()) <= LARGEST
    assert MLP.pretrained().network.n_parameters <= 415_000


def test_its_record_is_that_of_the_recipe_in_the_package() -> None:
    recipe = load_recipe("handwriting")
    with as_file(FOLDER / "recipe.toml") as path:
        assert load_recipe(str(path)) == recipe
    metrics = json.loads((FOLDER / "metrics.json").read_text("utf-8"))
    assert metrics["training"]["parameters"] == MLP.pretrained().network.n_parameters
    lines = (FOLDER / "history.csv").read_text("utf-8").splitlines()
    assert len(lines) == 1 + recipe.training.epochs
    assert metrics["test"]["accuracy"] >= 0.993


def test_its_card_says_what_it_reads_of_the_official_test_set(mnist: Dataset) -> None:
    official = mnist.subset(np.arange(60_000, 70_000))
    evaluation = MLP.pretrained().evaluate_on(official)
    card = (FOLDER / "README.md").read_text("utf-8")
    found = re.search(r"official test set \| (\d+) errors in 10,000", card)
    assert found is not None
    # NumPy's products may differ in the last bits among machines
    assert abs(int(found[1]) - round(10_000 * (1 - evaluation.accuracy))) <= 1
    assert evaluation.accuracy >= 0.993


@pytest.mark.parametrize("batch_norm", ["none", "before"])
@pytest.mark.parametrize("on_official_test", [False, True])
def test_weights_of_float16_answer_as_those_of_float32(
    request, tmp_path, batch_norm, on_official_test
) -> None:
    data = load("sample")
    model = MLP([784, 100, 10], batch_norm=batch_norm, random_seed=0)
    model.train(data.stored(), data.targets, learning_rate=0.01, num_epochs=3)
    model.save(tmp_path / "half.safetensors", dtype="float16")
    model.save(tmp_path / "whole.safetensors")
    half, whole = (MLP.load(tmp_path / f"{name}.safetensors") for name in ("half", "whole"))
    images = data.stored()
    if on_official_test:
        images = request.getfixturevalue("mnist").features[60_000:]
    different = half.predict_proba(images) - whole.predict_proba(images)
    assert np.abs(different).max() < 0.005
    assert (half.predict(images) != whole.predict(images)).sum() <= 5
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("half", "whole")]
    assert 2 * sizes[0] < 1.05 * sizes[1]


def test_a_saved_copy_is_the_same_file(tmp_path) -> None:
    MLP.pretrained().save(tmp_path / "copy.safetensors", dtype="float16")
    network, facts = load_model(tmp_path / "copy.safetensors")
    model = MLP.pretrained()
    assert facts == model.facts
    assert network.parameters.tobytes() == model.network.parameters.tobytes()


@pytest.mark.skipif("INKNET_PHOTOS_DIR" not in os.environ, reason="needs INKNET_PHOTOS_DIR")
@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_it_reads_real_pictures_of_one_digit(step: int) -> None:
    folder = Path(os.environ["INKNET_PHOTOS_DIR"])
    with (folder / "truth.tsv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["kind"] != "several"]
    rows = rows[::step]
    images = np.stack([prepare(open_picture(folder / row["file"])) for row in rows])
    truth = [int(row["truth"]) for row in rows]
    assert (MLP.pretrained().predict(images) == truth).mean() >= 0.99


@pytest.mark.skipif("INKNET_DATA_DIR" not in os.environ, reason="needs MNIST")
def test_images_of_mnist_are_answered_by_read_as_by_predict():
    mnist, model = load("mnist"), MLP.pretrained()
    images = mnist.stored()[-mnist.n_official_test :].reshape(-1, 28, 28)
    _, familiar, _ = model._recognize(images)
    hardest = images[np.argsort(familiar)[:40]]
    answers = [model.read(image) for image in hardest]
    assert "".join(one.digits for one in answers) == "".join(
        map(str, model.predict(hardest.reshape(-1, 784)))
    )
    assert {one.verdict for one in answers} <= {"digit", "unsure"}
