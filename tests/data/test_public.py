"""Public sets by name: as published, in whatever folder they are, upright and with their names."""

import csv
import gzip
import hashlib
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from making import idx_bytes, refusal, write_idx
from test_mnist import cache, serve  # noqa: F401

from commands import inknet
from inknet import MLP
from inknet.data import Dataset, load, public
from inknet.data.emnist import CLASS_NAMES
from inknet.data.public import PUBLISHED
from inknet.errors import InputError, InputWarning
from inknet.recipes import load_recipe
from inknet.recipes.schema import DataRecipe
from inknet.runs import train_run
from inknet.runs.other_data import load_as_trained, matched
from inknet.runs.submission import write_submission

SAMPLE = load("sample")
SPLITS = {"balanced": 47, "letters": 27, "digits": 10}


def small_emnist(folder: Path, split: str, monkeypatch, ending: str = ".gz") -> np.ndarray:
    """Write a few images for each class as EMNIST has them, and make their number the right one."""
    first, n_classes = int(split == "letters"), SPLITS[split]
    labels = np.arange(first, n_classes).repeat(6).astype(np.uint8)
    images = SAMPLE.features[labels % 10 * np.intp(500) + np.arange(len(labels)) % 500]
    images = images.reshape(-1, 28, 28)
    test = np.arange(len(labels)) % 6 == 0
    folder.mkdir(parents=True, exist_ok=True)
    for part, rows in (("train", ~test), ("test", test)):
        turned = images[rows].transpose(0, 2, 1)
        write_idx(folder / f"emnist-{split}-{part}-images-idx3-ubyte{ending}", turned)
        write_idx(folder / f"emnist-{split}-{part}-labels-idx1-ubyte{ending}", labels[rows])
    counts = int((~test).sum()), int(test.sum())
    name = f"emnist-{split}"
    monkeypatch.setitem(PUBLISHED, name, replace(PUBLISHED[name], counts=counts))
    return np.concatenate([images[~test], images[test]]).reshape(-1, 784)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("place", [".", "emnist", "EMNIST/raw", "gzip"])
def test_emnist_is_upright_and_its_classes_are_characters(tmp_path, monkeypatch, split, place):
    images = small_emnist(tmp_path / place, split, monkeypatch)
    monkeypatch.setenv("INKNET_DATA_DIR", str(tmp_path))
    for source in (f"emnist-{split}", str(tmp_path / place)):
        dataset = load(source)
        np.testing.assert_array_equal(dataset.features, images)
        assert (
            "".join(dataset.class_names)
            == {
                "balanced": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt",
                "letters": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                "digits": "0123456789",
            }[split]
        )
        assert dataset.n_official_test == dataset.n_classes
        as_stored = load(source, transpose=False)
        turned = images.reshape(-1, 28, 28).transpose(0, 2, 1)
        np.testing.assert_array_equal(as_stored.features, turned.reshape(-1, 784))


def test_the_classes_of_the_whole_of_emnist_are_those_of_its_mapping():
    # emnist-byclass-mapping.txt: a number and the code of its character
    assert [ord(name) for name in CLASS_NAMES["byclass"]] == [
        *range(48, 58),
        *range(65, 91),
        *range(97, 123),
    ]


def test_a_table_of_emnist_is_known_by_its_name(tmp_path):
    """As on Kaggle: no header, the label first, and each image by columns."""
    path = tmp_path / "emnist-letters-train.csv"
    images = SAMPLE.features[::100].reshape(-1, 28, 28)
    labels = np.arange(len(images)) % 26 + 1
    with path.open("w", newline="") as file:
        turned = images.transpose(0, 2, 1).reshape(len(images), -1)
        csv.writer(file).writerows(np.column_stack([labels, turned]).tolist())
    dataset = load(path, label="first")
    np.testing.assert_array_equal(dataset.features, images.reshape(-1, 784))
    assert dataset.class_names == tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("emnist-digits-train.npz", np.arange(50) % 10),  # by somebody's own program
        ("not-emnist-digits-train.npz", np.arange(50) % 10),
        ("emnist-digits-train.csv", np.arange(50) % 11),  # these are not its labels
    ],
)
def test_what_only_has_a_name_like_emnist_stays_as_it_is(tmp_path, name, labels):
    path, images = tmp_path / name, SAMPLE.features[::100]
    if name.endswith(".npz"):
        np.savez(path, X=images, y=labels)
    else:
        header = ",".join(["label", *(f"pixel{i}" for i in range(784))])
        table = np.column_stack([labels, images])
        np.savetxt(path, table, "%d", ",", header=header, comments="")
    np.testing.assert_array_equal(load(path).features, images)


def test_a_table_for_submission_is_turned_as_the_training_was(tmp_path):
    images = SAMPLE.features[::5]
    turned = images.reshape(-1, 28, 28).transpose(0, 2, 1).reshape(-1, 784)
    model = MLP([784, 8, 10], random_seed=0)
    model.train(images, SAMPLE.targets[::5], num_epochs=1)
    expected = model.predict(images)
    header = ",".join(f"pixel{i}" for i in range(784))
    answers = {}
    for name in ("test", "emnist-digits-test"):
        np.savetxt(tmp_path / f"{name}.csv", turned, "%d", ",", header=header, comments="")
        for source in ("mnist", "emnist-digits"):
            out = tmp_path / "out.csv"
            data = DataRecipe(source=source)
            write_submission(model, tmp_path / f"{name}.csv", out, data=data)
            found = np.loadtxt(out, int, delimiter=",", skiprows=1)[:, 1]
            answers[name, source] = bool((found == expected).all())
    assert answers == {
        ("test", "mnist"): False,
        ("test", "emnist-digits"): True,
        ("emnist-digits-test", "mnist"): True,
        ("emnist-digits-test", "emnist-digits"): True,
    }
    write_submission(model, tmp_path / "emnist-digits-test.csv", out)
    np.testing.assert_array_equal(np.loadtxt(out, int, delimiter=",", skiprows=1)[:, 1], expected)


@pytest.mark.skipif(sys.platform == "win32", reason="commands are started as on POSIX")
def test_letters_are_trained_by_the_recipe_for_handwriting(tmp_path, monkeypatch):
    small_emnist(tmp_path / "emnist", "balanced", monkeypatch)
    changes = ["--set", "training.epochs=1", "--set", "network.hidden=[8]"]
    arguments = ["--data", str(tmp_path / "emnist"), "--recipe", "handwriting", *changes]
    inknet("train", *arguments, "--out", "run", folder=tmp_path)
    report = inknet("evaluate", "run", folder=tmp_path).stdout
    assert [line.split()[0] for line in report.splitlines()[3:50]] == [*CLASS_NAMES["balanced"]]


def test_emnist_is_taken_out_of_its_archive_once(tmp_path, monkeypatch, cache, serve):  # noqa: F811
    folder, names = tmp_path / "published" / "gzip", ("emnist-letters", "emnist-digits")
    for name in names:
        small_emnist(folder, name.removeprefix("emnist-"), monkeypatch)
    with zipfile.ZipFile(tmp_path / "published" / "gzip.zip", "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"gzip/{path.name}")
    packed = (tmp_path / "published" / "gzip.zip").read_bytes()
    known_hash = f"sha256:{hashlib.sha256(packed).hexdigest()}"
    changes = {"known_hash": known_hash, "mirrors": (serve(tmp_path / "published"),)}
    archive = replace(public.EMNIST_ARCHIVE, size=len(packed), **changes)
    for name in names:
        contents = {file: (folder / f"{file}.gz").read_bytes() for file in PUBLISHED[name].hashes}
        md5 = {
            file: f"md5:{hashlib.md5(content).hexdigest()}" for file, content in contents.items()
        }
        one = replace(PUBLISHED[name], archive=archive, hashes=md5)
        monkeypatch.setitem(PUBLISHED, name, one)
    assert load("emnist-letters").n_classes == 26
    place = cache.parent / "emnist"
    assert sorted(path.name for path in place.iterdir()) == sorted(
        path.name for path in folder.iterdir()
    )
    (tmp_path / "published" / "gzip.zip").unlink()
    assert load("emnist-digits").n_classes == 10  # without a second download
    (place / "emnist-digits-test-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    message = refusal(load, "emnist-digits")
    assert message.startswith("emnist-digits: its four files are not in ")
    assert "gzip.zip cannot be downloaded (127.0.0.1" in message
    assert "run `inknet data fetch emnist-digits` with a network connection" in message


@pytest.mark.parametrize("name", ["fashion", "kmnist", "qmnist"])
def test_a_set_that_is_not_there_is_asked_for(name, cache, monkeypatch):  # noqa: F811
    monkeypatch.setitem(PUBLISHED, name, replace(PUBLISHED[name], system=None))
    message = refusal(load, name)
    assert message.startswith(f"{name}: its four files are not in {cache.parent / name}")
    where = "itself or in qmnist" if name == "qmnist" else name
    assert message.endswith(f"set INKNET_DATA_DIR to a folder that has them, in {where}")


def test_downloads_have_the_published_hashes(tmp_path, monkeypatch, cache, serve):  # noqa: F811
    folder, hashes = tmp_path / "published", {}
    folder.mkdir()
    for file in PUBLISHED["kmnist"].hashes:
        values = np.zeros((20, 28, 28)) if "images" in file else np.arange(20) % 10
        packed = gzip.compress(idx_bytes(values))
        (folder / f"{file}.gz").write_bytes(packed)
        hashes[file] = f"sha256:{hashlib.sha256(packed).hexdigest()}"
    changes = {"hashes": hashes, "counts": (20, 20), "mirrors": (serve(folder),)}
    monkeypatch.setitem(PUBLISHED, "kmnist", replace(PUBLISHED["kmnist"], **changes))
    dataset = load("kmnist")
    assert dataset.class_names == ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    assert "kmnist" in str(public.fetch_published(PUBLISHED["kmnist"]))


def test_another_set_in_its_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("INKNET_DATA_DIR", str(tmp_path))
    (tmp_path / "kmnist").mkdir()
    for file in PUBLISHED["kmnist"].hashes:
        values = np.zeros((20, 28, 28)) if "images" in file else np.arange(20) % 5
        write_idx(tmp_path / "kmnist" / file, values)
    assert "not Kuzushiji-MNIST, expected 60,000 + 10,000 images" in refusal(load, "kmnist")


@pytest.fixture(scope="module")
def fashion():
    """Fashion-MNIST, from the package dataset-fashion-mnist of Debian."""
    if not Path("/usr/share/datasets/fashion-mnist").is_dir():
        pytest.skip("needs the package dataset-fashion-mnist of Debian")
    return load("fashion")


def test_fashion_is_found_where_debian_has_it(fashion):
    assert (len(fashion), fashion.n_official_test) == (70_000, 10_000)
    assert fashion.class_names[0] == "T-shirt/top"
    assert np.bincount(fashion.targets).tolist() == [7_000] * 10
    first = fashion.features[0].reshape(28, 28)
    assert fashion.class_names[fashion.targets[0]] == "Ankle boot"
    assert not first[:3].any()


def small_fashion(folder: Path, monkeypatch) -> None:
    """Write 20 images for each class as Fashion-MNIST has them: a fourth of them for testing."""
    labels = np.arange(10).repeat(20).astype(np.uint8)
    images = SAMPLE.features[labels * np.intp(500) + np.arange(200) % 20].reshape(-1, 28, 28)
    test = np.arange(200) % 4 == 0
    folder.mkdir()
    for part, rows in (("train", ~test), ("t10k", test)):
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images[rows])
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels[rows])
    monkeypatch.setitem(PUBLISHED, "fashion", replace(PUBLISHED["fashion"], counts=(150, 50)))


def test_files_of_a_set_without_names_of_classes_fit_a_model_that_knows_them(
    tmp_path, monkeypatch, no_pictures
):
    folder = tmp_path / "fashion"
    small_fashion(folder, monkeypatch)
    monkeypatch.setenv("INKNET_DATA_DIR", str(tmp_path))
    run = train_run(
        load_recipe("digits", ["training.epochs=3"], source="fashion"), tmp_path / "run"
    )
    model, named = run.model(), load("fashion")
    assert named.class_names[6] == "Shirt"
    plain = load(folder)
    assert plain.class_names[6] == "6"
    with pytest.warns(InputWarning, match="numbers without names; .* 0 for 'T-shirt/top'"):
        fitted = matched(plain, model)
    np.testing.assert_array_equal(fitted.targets, named.targets)
    assert fitted.class_names == named.class_names
    assert model.evaluate_on(fitted).loss == model.evaluate_on(matched(named, model)).loss
    # some classes alone: the number is still the position
    some = np.flatnonzero((named.targets == 3) | (named.targets == 8))
    np.savez(tmp_path / "some.npz", x=plain.stored()[some], y=plain.targets[some])
    with pytest.warns(InputWarning, match="3 for 'Dress'"):
        fitted = matched(load_as_trained(str(tmp_path / "some.npz"), model, run.recipe), model)
    np.testing.assert_array_equal(fitted.targets, named.targets[some])


@pytest.mark.parametrize(
    ("known", "labels"),
    [
        (("one", "two", "three"), ("1", "2", "3")),  # from 1: no position for the last
        (("A", "B", "1"), ("0", "1")),  # numbers among the names are other numbers
        (("cat", "dog"), ("0", "fish")),
        (("1", "7"), ("0", "1")),
    ],
)
def test_numbers_that_may_be_other_classes_are_refused(known, labels):
    rows = np.zeros((len(labels), 4), np.float32)
    model = MLP([4, len(known)])
    model.facts = replace(model.facts, class_names=known)
    dataset = Dataset(rows, np.arange(len(labels)), labels, None, "table.csv")
    with pytest.raises(InputError, match="is not among the model's classes"):
        matched(dataset, model)


@pytest.mark.parametrize("place", ["fashion", "fashion-mnist"])
def test_fashion_is_found_where_the_how_to_says(tmp_path, monkeypatch, place):
    page = Path(__file__).parents[2] / "docs/howto/own-images.md"
    text = " ".join(page.read_text("utf-8").split())
    assert f"lays the four files in `{PUBLISHED['fashion'].system}`" in text
    assert f"`DIR/{place}`" in text and "`INKNET_DATA_DIR=DIR`" in text
    small_fashion(tmp_path / place, monkeypatch)
    own = replace(PUBLISHED["fashion"], system=tmp_path / "debian")
    monkeypatch.setitem(PUBLISHED, "fashion", own)
    monkeypatch.setenv("INKNET_DATA_DIR", str(tmp_path))
    assert len(load("fashion")) == 200
    (tmp_path / place).rename(tmp_path / "debian")  # then Debian's place is the only one
    assert len(load("fashion")) == 200
