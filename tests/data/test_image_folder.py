"""Folders of class folders: classes sorted by name, pictures unchanged or fitted, errors named."""

import numpy as np
import pytest
from making import refusal
from PIL import Image

from inknet import MLP
from inknet.data import image_folder, load
from inknet.data.images import fit_image
from inknet.recipes import training_recipe
from inknet.runs.other_data import matched


def picture(path, grey):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(grey, np.uint8)).save(path)
    return path


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 100, shape, dtype=np.uint8)


def test_small_pictures_of_one_size_are_used_unchanged(tmp_path):
    pictures = [noise((5, 64), seed) for seed in range(3)]
    picture(tmp_path / "b" / "1.png", pictures[2])
    picture(tmp_path / "a" / "2.bmp", pictures[1])
    picture(tmp_path / "a" / "1.png", pictures[0])
    picture(tmp_path / "a" / ".hidden.png", noise((9, 9)))
    (tmp_path / ".git").mkdir()
    (tmp_path / "README.txt").write_text("belongs to no class")
    dataset = load(str(tmp_path))
    np.testing.assert_array_equal(dataset.images(np.arange(3)), pictures)
    assert dataset.class_names == ("a", "b")
    assert dataset.targets.tolist() == [0, 0, 1]
    assert dataset.image_shape == (5, 64)
    assert dataset.n_official_test == 0


@pytest.mark.parametrize("light", [False, True])
def test_the_background_is_seen_at_the_edges(tmp_path, light):
    for name in "ab":
        digit = noise((9, 9))
        digit[[0, -1]] = digit[:, [0, -1]] = 20
        picture(tmp_path / name / "1.png", 255 - digit if light else digit)
    assert load(tmp_path).light_background is light


def test_edges_of_medium_grey_are_no_clear_background(tmp_path):
    for name, grey in (("a", 110), ("b", 150)):
        picture(tmp_path / name / "1.png", np.full((9, 9), grey, np.uint8))
    assert load(tmp_path).light_background is None


@pytest.mark.parametrize("shapes", [((30, 20), (28, 28)), ((65, 65), (65, 65))])
def test_other_pictures_become_light_ink_on_a_dark_background(tmp_path, shapes):
    greys = []
    for name, shape in zip("ab", shapes, strict=True):
        grey = np.full(shape, 250, np.uint8)
        grey[10:20, 12:15] = 5
        greys.append(grey)
        picture(tmp_path / name / "1.png", grey)
    dataset = load(tmp_path)
    assert dataset.image_shape == (28, 28)
    assert not dataset.light_background
    np.testing.assert_array_equal(dataset.images(np.arange(2)), [fit_image(grey) for grey in greys])


def scene(label, shape, seed):
    """A picture without a background; its left or its right half is lighter."""
    grey = np.random.default_rng(seed).uniform(20, 120, (4, 4))
    grey[:, 2 * label : 2 * label + 2] += 110
    return np.asarray(Image.fromarray(grey.astype(np.uint8)).resize(shape[::-1]))


def test_photographs_of_other_sizes_are_resized_whole_in_training_and_in_evaluation(tmp_path):
    for place, sizes in (("mixed", (70, 100)), ("small", (24, 24)), ("large", (120, 120))):
        for number in range(40):
            label, size = number % 2, sizes[number // 2 % 2]
            grey = scene(label, (size, size), number)
            picture(tmp_path / place / "lr"[label] / f"{number}.png", grey)
    mixed = load(tmp_path / "mixed")
    assert (mixed.image_shape, mixed.light_background) == ((28, 28), None)
    first = scene(0, (70, 70), 0)
    resized = Image.fromarray(first).resize((28, 28), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(mixed.images(np.array([0]))[0], resized)

    small = load(tmp_path / "small")
    model = MLP([576, 8, 2], class_names=small.class_names)
    model.train_on(small, None, training_recipe(epochs=20, learning_rate=0.01))
    large = load(tmp_path / "large", model.picture_reader())
    assert large.image_shape == (24, 24)
    assert model.evaluate_on(matched(large, model)).accuracy > 0.95


def test_a_file_that_is_not_a_picture_is_named(tmp_path):
    picture(tmp_path / "a" / "1.png", noise((9, 9)))
    wrong = tmp_path / "a" / "notes.txt"
    wrong.write_text("not a picture")
    assert refusal(load, tmp_path).startswith(f"{wrong}: not an image")


def test_a_broken_picture_is_named(tmp_path):
    broken = picture(tmp_path / "a" / "1.png", noise((20, 20)))
    broken.write_bytes(broken.read_bytes()[:200])
    assert refusal(load, tmp_path).startswith(f"{broken}: ")


def test_an_empty_class_is_named(tmp_path):
    picture(tmp_path / "a" / "1.png", noise((9, 9)))
    (tmp_path / "b").mkdir()
    assert refusal(load, tmp_path) == f"{tmp_path / 'b'}: a class folder without images"


def test_a_folder_without_classes_is_refused(tmp_path):
    assert refusal(load, tmp_path).startswith(f"{tmp_path}: expected folders of images")


def test_too_many_classes_are_refused_before_any_picture_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(image_folder, "MOST_CLASSES", 2)
    for name in "ab":
        picture(tmp_path / name / "1.png", noise((9, 9)))
    assert len(load(tmp_path)) == 2
    (tmp_path / "c").mkdir()
    expected = f"{tmp_path}: 3 folders of images, expected at most 2, one for each class"
    assert refusal(load, tmp_path) == expected


def test_links_are_followed_only_inside_the_folder(tmp_path):
    outside = picture(tmp_path / "outside.png", noise((9, 9)))
    inside = picture(tmp_path / "data" / "a" / "1.png", noise((9, 9)))
    (tmp_path / "data" / "a" / "2.png").symlink_to(inside)
    assert len(load(tmp_path / "data")) == 2
    link = tmp_path / "data" / "a" / "3.png"
    link.symlink_to(outside)
    assert refusal(load, tmp_path / "data").startswith(f"{link}: a link that leads out")
    link.unlink()
    link = tmp_path / "data" / "b"
    link.symlink_to(tmp_path)
    assert refusal(load, tmp_path / "data").startswith(f"{link}: a link that leads out")


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("training", "testing")])
def test_folders_of_a_split_give_an_official_test_set(tmp_path, train, test):
    made = {}
    for number, place in enumerate((f"{train}/a", f"{train}/b", f"{test}/b", f"{test}/a", "val/a")):
        made[place] = noise((9, 9), number)
        picture(tmp_path / place / "1.png", made[place])
    dataset = load(tmp_path)
    assert (len(dataset), dataset.n_official_test, dataset.class_names) == (5, 2, ("a", "b"))
    order = [f"{train}/a", f"{train}/b", "val/a", f"{test}/a", f"{test}/b"]
    np.testing.assert_array_equal(dataset.images(np.arange(5)), [made[place] for place in order])
    assert dataset.targets.tolist() == [0, 1, 0, 0, 1]


def test_classes_may_be_called_train_and_test(tmp_path):
    for number, name in enumerate(("train", "test", "bus")):
        picture(tmp_path / name / "1.png", noise((9, 9), number))
    assert load(tmp_path).class_names == ("bus", "test", "train")
    (tmp_path / "bus" / "1.png").rename(tmp_path / "train" / "2.png")
    (tmp_path / "bus").rmdir()
    assert load(tmp_path).class_names == ("test", "train")


def test_what_windows_and_a_mac_leave_is_passed_over(tmp_path):
    for name in "ab":
        picture(tmp_path / name / "1.png", noise((9, 9)))
        for leftover in ("Thumbs.db", "desktop.ini", "._1.png", ".DS_Store"):
            (tmp_path / name / leftover).write_bytes(b"not a picture")
    (tmp_path / "__MACOSX" / "a").mkdir(parents=True)
    dataset = load(tmp_path)
    assert (len(dataset), dataset.class_names) == (2, ("a", "b"))


@pytest.mark.parametrize("ending", ["pgm", "ppm", "pbm"])
def test_the_formats_of_netpbm_are_read(tmp_path, ending):
    grey = np.where(noise((9, 9)) > 50, 255, 0) if ending == "pbm" else noise((9, 9))
    for name in "ab":
        (tmp_path / name).mkdir()
        image = Image.fromarray(grey.astype(np.uint8))
        mode = {"pgm": "L", "ppm": "RGB", "pbm": "1"}[ending]
        image.convert(mode).save(tmp_path / name / f"1.{ending}")
    np.testing.assert_array_equal(load(tmp_path).images(np.arange(2)), [grey, grey])


@pytest.mark.parametrize("colour", [0, 255])
@pytest.mark.parametrize("paper", [None, 0, 255])
def test_ink_on_transparency_is_seen_whatever_its_colour_is(tmp_path, colour, paper):
    colours = np.zeros((20, 20, 4), np.uint8)
    if paper is not None:
        colours[2:18, 1:19] = (paper, paper, paper, 255)  # only the edges are transparent
    colours[5:15, 8:11] = (colour, colour, colour, 255)
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.fromarray(colours).save(tmp_path / name / "1.png")
    grey = load(tmp_path).images(np.array([0]))[0]
    assert (grey[5:15, 8:11] == colour).all()
    expected = 255 - colour if paper is None else paper
    assert (np.delete(grey, np.s_[5:15], axis=0) == expected).all()
