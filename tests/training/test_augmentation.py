"""Images are distorted on the way to a batch, again in every epoch, the same for the same seed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from samples import clouds, make_trainer, pictures, rows_of

from inknet import MLP, InputError
from inknet.data import Dataset, load
from inknet.nn.ops import NUMPY
from inknet.nn.ops.numba import NumbaOps
from inknet.recipes import AugmentRecipe
from inknet.training.augmentation import Augmentation, swap_pixels
from inknet.training.batches import BatchMaker
from inknet.training.callbacks import Callback

OPS = {ops.name: ops for ops in (NUMPY, NumbaOps())}
STRONG = AugmentRecipe(rotation=30, scale=0.2, shift=1.5, elastic_alpha=6, elastic_sigma=1.5)

MILD = AugmentRecipe(rotation=10, scale=0.1, shift=0.7, elastic_alpha=3, elastic_sigma=2)


def images_of(dataset, order, ops="numpy", settings=STRONG, **seed):
    """The images, as numbers from 0 to 255, and labels of all batches."""
    augmentation = Augmentation(settings, dataset, OPS[ops])
    maker = BatchMaker(dataset, 10, np.dtype("f8"), OPS[ops], augmentation=augmentation)
    rows, labels = [], []
    for x, y in maker.batches(order, **seed):
        rows.append(255 * rows_of(x, dataset.n_features))
        labels.append(y.copy())
    return np.concatenate(rows).round().astype(np.uint8), np.concatenate(labels)


@pytest.mark.parametrize("ops", sorted(OPS))
@pytest.mark.parametrize("ground", [0, 255])
def test_each_image_of_a_batch_is_another_version_of_the_one_that_was_asked_for(ops, ground):
    dataset = pictures(45, ground=ground)
    order = np.random.default_rng(0).permutation(45)
    found, labels = images_of(dataset, order, ops, MILD, key=1)
    assert_array_equal(labels, dataset.labels[order])
    originals = dataset.features[order]
    changed = (found != originals).any(axis=1)
    assert changed.all()
    # another version of this picture, and not of another class: most of its ink lies as before
    ink = np.abs(ground - originals.astype(int)), np.abs(ground - found.astype(int))
    of_class = [np.mean(ink[0][labels == c], axis=0) for c in range(3)]
    likeness = np.array([[a @ b / np.linalg.norm(b) for b in of_class] for a in ink[1]])
    assert (likeness.argmax(axis=1) == labels).mean() > 0.8
    # what comes in from outside is ground
    assert_allclose(np.median(found), ground, atol=10)


@pytest.mark.parametrize("rows_ahead", [1, 20, 1000])
def test_both_ops_make_the_same_images_however_many_batches_are_made_together(
    monkeypatch, rows_ahead
):
    dataset, order = pictures(61), np.random.default_rng(1).permutation(61)
    expected, _ = images_of(dataset, order, key=5)
    monkeypatch.setattr("inknet.training.batches.ROWS_AHEAD", rows_ahead)
    for ops in OPS:
        assert_array_equal(images_of(dataset, order, ops, key=5)[0], expected)
        rest, _ = images_of(dataset, order[30:], ops, key=5, first=3)
        assert_array_equal(rest, expected[30:])
        assert not np.array_equal(images_of(dataset, order, ops, key=6)[0], expected)


def test_a_mapped_file_gives_the_same_images(tmp_path):
    dataset, order = pictures(40), np.random.default_rng(2).permutation(40)
    np.save(tmp_path / "x.npy", dataset.features)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    same = Dataset(mapped, dataset.labels, dataset.class_names, (6, 7), "mapped")
    expected, _ = images_of(dataset, order, key=1)
    for ops in OPS:
        assert_array_equal(images_of(same, order, ops, key=1)[0], expected)


def test_the_validation_data_and_what_is_measured_stay_as_they_are():
    train, validation = pictures(30), pictures(12, seed=1)
    plain = make_trainer(train, validation, epochs=2, learning_rate=1e-9)
    distorted = make_trainer(
        train, validation, epochs=2, learning_rate=1e-9, augment={"rotation": 90.0}
    )
    for trainer in (plain, distorted):
        trainer.run()
    for one, other in zip(plain.history.records, distorted.history.records, strict=True):
        assert one.val_loss == pytest.approx(other.val_loss, rel=1e-6)
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-6)


class Batches(Callback):
    """Keeps what a trainer's batches hold."""

    def __init__(self):
        self.seen = []

    def on_train_begin(self, trainer):
        batches = trainer.batch_maker.batches

        def looked_at(*arguments, **keywords):
            for x, labels in batches(*arguments, **keywords):
                self.seen.append(rows_of(x, 42))
                yield x, labels

        trainer.batch_maker.batches = looked_at


def seen(seed=0, epochs=2, **settings):
    look = Batches()
    make_trainer(pictures(24), None, [look], seed=seed, epochs=epochs, **settings).run()
    return np.concatenate(look.seen)


def test_a_training_sees_each_image_distorted_anew_in_each_epoch_and_the_same_for_the_same_seed():
    augment = {"rotation": 20.0, "shift": 1.0}
    first = seen(augment=augment, shuffle=False)
    assert not (first[:24] == first[24:]).all(axis=1).any()
    assert_array_equal(seen(augment=augment, shuffle=False), first)
    assert not np.array_equal(seen(augment=augment, shuffle=False, seed=1), first)


@pytest.mark.parametrize("augment", [{"shift": 3.0}, {"swap": 0.4}])
def test_what_fades_is_weaker_from_epoch_to_epoch_and_gone_in_the_last(augment):
    each = {"epochs": 8, "shuffle": False}
    whole = seen(augment=augment, **each).reshape(8, -1)
    fading = seen(augment={**augment, "fade": 0.5}, **each).reshape(8, -1)
    images = pictures(24).features.ravel() / 255
    assert_array_equal(fading[:4], whole[:4])  # the first half is as ever
    away = np.abs(fading - images).mean(axis=1)
    assert away[:4].mean() > away[4:6].mean() > away[6] > away[7]
    assert_allclose(fading[7], images, atol=1e-6)
    assert np.abs(whole[7] - images).mean() > away[6]


def test_without_any_distortion_the_images_and_the_streams_are_as_ever():
    assert_array_equal(seen(augment={}), seen())
    plain, off = (make_trainer(pictures(24), augment=a) for a in (None, {"elastic_sigma": 3.0}))
    before = plain.streams.augmentation.bit_generator.state
    for trainer in (plain, off):
        trainer.run()
        assert trainer.streams.augmentation.bit_generator.state == before


def test_distortions_help_a_network_that_has_few_digits_to_learn_from():
    sample = load("sample")
    order = np.random.default_rng(0).permutation(len(sample))
    train, test = sample.subset(order[:500]), sample.subset(order[3000:])
    settings = {
        "hidden": (64,),
        "activation": "relu",
        "dtype": "float32",
        "epochs": 40,
        "batch_size": 50,
        "optimizer": "adam",
        "learning_rate": 0.003,
        "schedule": "cosine",
    }
    accuracies = []
    for augment in ({}, {"rotation": 10.0, "scale": 0.1, "shift": 1.0, "elastic_alpha": 30.0}):
        trainer = make_trainer(train, test, augment=augment, **settings)
        trainer.run()
        accuracies.append(trainer.history[-1].val_accuracy)
    plain, distorted = accuracies
    assert distorted > plain + 0.02


@pytest.mark.parametrize(
    ("dataset", "settings", "says"),
    [
        (clouds(12), {"shift": 1.0}, "clouds: augment distorts only images of uint8 pixels"),
        (
            Dataset(np.zeros((9, 42), np.uint8), np.arange(9) % 3, ("a", "b", "c"), None, "rows"),
            {"shift": 1.0},
            "rows: augment distorts only images of uint8 pixels",
        ),
    ],
)
def test_what_cannot_be_distorted_is_refused_in_one_line(dataset, settings, says):
    with pytest.raises(InputError) as caught:
        make_trainer(dataset, augment=settings)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_mlp_takes_distortions_by_name_and_refuses_others():
    images, labels = pictures(30).features.reshape(-1, 6, 7), pictures(30).labels
    model = MLP([42, 8, 3], random_seed=0)
    model.train(images, labels, num_epochs=1, augment={"shift": 1.0})
    with pytest.raises(InputError, match="tilt is not a recipe key"):
        model.train(images, labels, num_epochs=1, augment={"tilt": 1.0})
    with pytest.raises(InputError, match="rotation is -1"):
        model.train(images, labels, num_epochs=1, augment={"rotation": -1.0})


def test_swapped_pixels_come_from_other_images_at_the_same_place():
    generator = np.random.default_rng(0)
    # the image's number in every pixel, plus what tells the place
    images = (np.arange(100)[:, None] + 100 * (np.arange(500) % 2)).astype(np.uint8)
    before = images.copy()
    swap_pixels(images, 0.25, generator)
    assert_array_equal(images >= 100, before >= 100)
    changed = images != before
    assert abs(changed.mean() - 0.25) < 0.01
    assert_allclose(changed.mean(axis=0), 0.25, atol=0.25)
    for image, was, there in zip(images, before, changed, strict=True):
        assert len(np.unique(image[there] % 100)) <= 1, "one other image"
        assert (image[there] % 100 != was[0] % 100).all()


def test_versions_of_one_image_swap_pixels_with_those_of_other_images():
    features = np.repeat(np.arange(50, dtype=np.uint8)[:, None], 36, axis=1)
    dataset = Dataset(features, np.zeros(50, np.intp), ("a",), (6, 6), "")
    augmentation = Augmentation(AugmentRecipe(swap=0.4), dataset, NUMPY)
    versions = augmentation.versions(dataset, 0, 60, key=1)
    assert versions.shape == (60, 6, 6)
    # where nothing is swapped it is 0, and a fifth of the batch is this image too
    assert abs(np.mean(versions > 0) - 0.4 * 240 / 300) < 0.05
    assert len(np.unique(versions)) > 30


def test_swapping_knows_nothing_of_where_pixels_lie():
    dataset, order = pictures(40), np.arange(40)
    places = np.random.default_rng(0).permutation(42)
    shuffled = Dataset(
        np.ascontiguousarray(dataset.features[:, places]),
        dataset.labels,
        ("a", "b", "c"),
        (6, 7),
        "",
    )
    noise = AugmentRecipe(swap=0.3)
    for ops in OPS:
        found, _ = images_of(dataset, order, ops, noise, key=2)
        other, _ = images_of(shuffled, order, ops, noise, key=2)
        assert 0.02 < (found != dataset.features).mean() < 0.3
        # other pixels are swapped, but every pixel has the same values as before in all
        for seen, was in ((found, dataset.features), (other, shuffled.features)):
            for column, values in zip(seen.T, was.T, strict=True):
                assert set(column) <= set(values)
