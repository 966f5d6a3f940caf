"""Whether rows are images: pictures that others made are, tables of any kind are not."""

import csv
import warnings

import numpy as np
import pytest
from sklearn import datasets

from inknet import MLP, InputError
from inknet.data import load
from inknet.data.layout import image_shape_of
from inknet.errors import InputWarning
from inknet.runs.other_data import matched

GENERATOR = np.random.default_rng(0)
TURNS = np.linspace(0, 2 * np.pi, 256)


def bytes_of(values):
    """Each column stretched to 0 to 255."""
    low, high = values.min(axis=0), values.max(axis=0)
    return ((values - low) * (255 / np.maximum(high - low, 1e-9))).astype(np.uint8)


TABLES = {
    "unrelated": GENERATOR.integers(0, 256, (300, 784)),
    "two values": GENERATOR.integers(0, 2, (300, 64)) * 255,
    "mostly zero": GENERATOR.poisson(0.1, (300, 100)),
    "a few common causes": GENERATOR.normal(size=(300, 3)) @ GENERATOR.normal(size=(3, 64)),
    "one common cause": GENERATOR.normal(size=(300, 1)) + GENERATOR.normal(size=(300, 64)),
    "random walks": GENERATOR.normal(size=(300, 256)).cumsum(axis=1),
    "waves": np.sin(TURNS * GENERATOR.integers(1, 6, (300, 1)) + GENERATOR.random((300, 1)) * 6),
    "a wave a row": np.sin(TURNS * 16 + GENERATOR.random((300, 1)) * 6),
    "days of 28 hours": np.sin(np.arange(784) / 28 * 2 * np.pi + GENERATOR.random((300, 1)) * 6)
    + GENERATOR.normal(0, 0.3, (300, 784)),
    "cells": datasets.load_breast_cancer().data[:, :25],
    "wines": datasets.load_wine().data[:, :9],
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_with_a_square_number_of_columns_is_no_image(name):
    assert image_shape_of(bytes_of(TABLES[name])) is None


@pytest.mark.parametrize("n", [5, 20, 1797])
def test_pictures_are_recognized_without_names(n):
    digits = datasets.load_digits().data[:: 1797 // n]
    assert image_shape_of(digits.astype(np.uint8)) == (8, 8)
    sample = load("sample").features[:: 5000 // n]
    assert image_shape_of(sample) == (28, 28)
    assert image_shape_of(255 - sample) == (28, 28)
    shuffled = GENERATOR.permutation(784)
    assert image_shape_of(sample[:, shuffled]) is None


def test_pictures_that_reach_the_edges_are_recognized():
    sample = load("sample").features[::10].reshape(-1, 28, 28)
    assert image_shape_of(sample[:, 7:21, 7:21].reshape(-1, 196)) == (14, 14)
    photo = datasets.load_sample_image("flower.jpg").mean(axis=2)
    parts = [
        photo[row : row + 24, column : column + 24]
        for row in range(0, 400, 24)
        for column in range(0, 616, 24)
    ]
    assert image_shape_of(np.reshape(parts, (-1, 576))) == (24, 24)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([f"pixel{i}" for i in range(64)], (8, 8)),
        ([f"pixel_{i // 8}_{i % 8}" for i in range(64)], (8, 8)),
        ([f"{1 + i // 8}x{1 + i % 8}" for i in range(64)], (8, 8)),
        ([str(i) for i in range(64)], None),
        ([f"feature_{i}" for i in range(64)], None),
        ([f"V{i}" for i in range(64)], None),
    ],
)
def test_names_of_pixels_decide_and_numbers_leave_it_to_the_values(names, expected):
    assert image_shape_of(bytes_of(TABLES["two values"]), names) == expected


def test_columns_with_names_of_their_own_are_no_pixels():
    sample = load("sample").features[::100]
    assert image_shape_of(sample, [str(i) for i in range(784)]) == (28, 28)
    assert image_shape_of(sample, ["age", "income", *map(str, range(782))]) is None


def write_table(path, n, n_light):
    """Two classes of 16 numbers, low ones and high ones."""
    labels = (np.arange(n) < n_light).astype(int)
    middle = np.where(labels, 160, 90)[:, None]
    rows = np.clip(GENERATOR.normal(middle, 60, (n, 16)), 0, 255).astype(int)
    rows[:, :4] = np.where(labels, 235, 20)[:, None] + GENERATOR.integers(-15, 15, (n, 4))
    rows[:, -12:] = rows[:, :4].repeat(3, axis=1)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", *(f"x{i}" for i in range(16))])
        writer.writerows(np.column_stack([labels, rows]).tolist())


@pytest.mark.filterwarnings("ignore::inknet.errors.InputWarning")  # they may be pixels
def test_a_table_is_evaluated_as_it_is_whatever_lies_along_the_edges_of_a_square(tmp_path):
    write_table(tmp_path / "train.csv", 400, 60)
    write_table(tmp_path / "later.csv", 400, 360)
    train, later = load(tmp_path / "train.csv"), load(tmp_path / "later.csv")
    model = MLP([16, 8, 2])
    model.train_on(train, None, _settings())
    assert (model.facts.image_shape, model.facts.light_background) == (None, None)
    np.testing.assert_array_equal(matched(later, model).features, model.scaled(later).features)
    expected = (model.predict(later.features) == later.targets).mean()
    assert model.evaluate_on(matched(later, model)).accuracy == expected > 0.9


def _settings():
    from inknet.recipes import training_recipe

    return training_recipe(epochs=20, learning_rate=0.01, patience=None)


def test_digits_in_a_csv_without_names_of_pixels_are_still_pictures(tmp_path):
    from PIL import Image

    sample = load("sample")
    rows = np.column_stack([sample.labels, sample.features])[GENERATOR.permutation(5000)]
    for ending, values in (("dark", rows), ("light", np.c_[rows[:, :1], 255 - rows[:, 1:]])):
        header = ",".join(["label", *map(str, range(784))])
        np.savetxt(tmp_path / f"{ending}.csv", values[:1500], "%d", ",", header=header, comments="")
    dark, light = load(tmp_path / "dark.csv"), load(tmp_path / "light.csv")
    model = MLP([784, 32, 10])
    model.train_on(dark, None, _settings())
    assert model.facts.image_shape == (28, 28)
    assert model.evaluate_on(matched(light, model)).accuracy > 0.99
    picture = tmp_path / "photo.png"
    Image.fromarray(light.features[7].reshape(28, 28)).resize((200, 200)).save(picture)
    assert model.read_images([picture]).argmax() == light.labels[7]


KINDS = {
    "uint8": lambda pixels: pixels,
    "int64": lambda pixels: pixels.astype(int),
    "float32 from 0 to 1": lambda pixels: (pixels / 255).astype(np.float32),
    "float64 from 0 to 255": lambda pixels: pixels.astype(float),
    "bool": lambda pixels: pixels > 127,
}


@pytest.mark.parametrize("trained_on", ["uint8", "float32 from 0 to 1", "bool"])
@pytest.mark.parametrize("shape", [(-1, 784), (-1, 28, 28)])
def test_light_pictures_of_any_type_are_evaluated_as_the_dark_ones_are(tmp_path, trained_on, shape):
    sample = load("sample")
    order = GENERATOR.permutation(5000)[:1500]
    pixels, labels = sample.features[order], sample.targets[order]
    model = MLP([784, 32, 10])
    model.train(KINDS[trained_on](pixels).reshape(shape), labels, num_epochs=5)
    n_compared = 0
    for kind in KINDS.values():
        reached = []
        for some in (pixels, 255 - pixels):
            np.savez(tmp_path / "data.npz", X=kind(some).reshape(shape), y=labels)
            try:
                data = matched(load(tmp_path / "data.npz"), model)
            except InputError:  # pixels, for a model of numbers from 0 to 1: said, not guessed
                continue
            reached.append(model.evaluate_on(data).accuracy)
        if reached:
            assert reached == pytest.approx(reached[:1] * 2, abs=0.005)
            n_compared += 1
    assert n_compared >= 2


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("is_light", [False, True])
def test_images_on_the_other_background_are_warned_of(kind, is_light):
    sample = load("sample")
    order = GENERATOR.permutation(5000)
    own, other = (sample.features, 255 - sample.features)[:: -1 if is_light else 1]
    model = MLP([784, 16, 10])
    model.train(kind(own[order[:1500]]), sample.targets[order[:1500]], num_epochs=1)
    later, labels = order[1500:], sample.targets[order[1500:]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.evaluate(kind(own[later]), labels)
        model.predict(kind(other[later[:3]]))  # too few to say
    for use in (model.predict, lambda X: model.evaluate(X, labels)):
        with pytest.warns(InputWarning, match="images on a (light|dark) background, but the model"):
            use(kind(other[later]))
