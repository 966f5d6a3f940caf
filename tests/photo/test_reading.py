"""How models read pictures: `MLP.read_images`, `inknet predict` and folders that are evaluated."""

import numpy as np
import pytest
from PIL import Image

from inknet import MLP, InputError
from inknet.data.images import fit_image, read_image
from inknet.data.sources import load
from inknet.photo import open_picture, prepare
from inknet.runs.other_data import matched
from tests.photo import degradations
from tests.photo.conftest import STEP

N = 20


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Photographs of digits in a folder for each class; return their paths, in that order."""
    folder = tmp_path_factory.mktemp("pictures")
    digits = load("sample").subset(np.arange(0, 5000, STEP)[:N])
    images = digits.stored().reshape(-1, 28, 28)
    for number, (image, label) in enumerate(zip(images, digits.targets, strict=True)):
        picture = degradations.shadow(image, np.random.default_rng(number))
        (folder / str(label)).mkdir(exist_ok=True)
        Image.fromarray(picture).save(folder / str(label) / f"{number:02}.png")
    return folder, sorted(folder.rglob("*.png"))


def test_one_model_reads_a_picture_in_one_way_whoever_asks(model, pictures):
    folder, paths = pictures
    found = model.read_images(paths)
    images = np.stack([prepare(open_picture(path)) for path in paths])
    assert np.array_equal(found, model.predict_proba(images))
    truth = [int(path.parent.name) for path in paths]
    assert (found.argmax(axis=1) == truth).mean() >= 0.85
    samples = matched(load(folder, model.picture_reader()), model)
    assert model.evaluate_on(samples).accuracy == (found.argmax(axis=1) == truth).mean()


def test_a_model_of_dark_ink_reads_pictures_as_one_of_light_ink(model, pictures):
    digits = load("sample").subset(np.arange(2000))
    light = MLP([784, 10], random_seed=0)
    light.train(255 - digits.stored().reshape(-1, 28, 28), digits.targets, num_epochs=1)
    for path in pictures[1][:5]:
        assert np.array_equal(light.picture_reader()(path), 255 - model.picture_reader()(path))


def test_a_model_of_images_of_another_shape_crops_to_the_ink(pictures):
    digits = load("sample").subset(np.arange(500))
    small = digits.stored().reshape(-1, 28, 28)[:, 4:24, 4:24]
    padded = np.pad(small[:, ::2, ::2], ((0, 0), (4, 4), (4, 4)))
    model = MLP([18 * 18, 10], random_seed=0)
    model.train(padded, digits.targets, num_epochs=1)
    path = pictures[1][0]
    expected = fit_image(read_image(path), (18, 18), light_background=False)
    assert np.array_equal(model.picture_reader()(path), expected)


def test_a_model_of_a_table_reads_no_pictures(pictures):
    model = MLP([4, 3], random_seed=0)
    model.train(np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 3, num_epochs=1)
    with pytest.raises(InputError, match="was not trained on images"):
        model.picture_reader()


def test_no_pictures_are_refused_in_one_line(model):
    with pytest.raises(InputError, match="no pictures"):
        model.read_images([])
