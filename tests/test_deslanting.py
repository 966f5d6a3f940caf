"""Images that are made upright: by SciPy's interpolation, and the same wherever a model is used."""

import errno
import gc
import importlib.util
import json
import os
import signal
import tempfile
import warnings
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from matplotlib.image import BboxImage
from numpy.testing import assert_allclose, assert_array_equal
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from scipy import ndimage
from scipy.special import softmax

from commands import inknet
from inknet import MLP, Run
from inknet.data import Dataset, load, mapped
from inknet.data.upright import upright
from inknet.errors import InputError
from inknet.exchange import export_html, export_numpy, export_onnx
from inknet.model_file import load_model
from inknet.photo.drawing import reading_figure
from inknet.recipes import load_recipe
from inknet.runs import train_run
from inknet.runs.other_data import matched
from inknet.scale import Deslanting
from inknet.scale.deslanting import deslanted
from inknet.studio.folders import Folders
from inknet.studio.live import Live, Log
from tests.page.conftest import from_base64, model_in, modules, served  # noqa: F401
from tests.page.test_same_as_python import TO_BASE64
from trainings import interrupted, options

SIDE = (28, 28)


@pytest.fixture(scope="module")
def digits():
    data = load("sample")
    return data.stored()[::5], data.targets[::5]


def slant(image: np.ndarray) -> float:
    """How many columns the ink leans in a row: the weighted regression of x on y, by NumPy."""
    y, x = np.nonzero(image)
    weights = np.sqrt(image[y, x].astype(float))  # polyfit squares them
    return float(np.polyfit(y, x, 1, w=weights)[0])


def test_the_pixels_are_those_of_scipys_interpolation(digits):
    images = digits[0].reshape(-1, *SIDE)
    upright = deslanted(digits[0], SIDE, False).reshape(images.shape)
    for image, found in zip(images[:200], upright, strict=False):
        y, x = np.mgrid[:28, :28]
        (centre, _), lean = ndimage.center_of_mass(image.astype(float)), slant(image)
        expected = ndimage.map_coordinates(
            np.pad(image.astype(float), ((0, 0), (30, 30))),  # no ink beside it
            [y, x + 30 + lean * (y - centre)],
            order=1,
        )
        assert abs(found - expected).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("lean", [-0.6, -0.2, 0.1, 0.5])
def test_a_bar_that_was_sheared_is_upright_again(lean):
    y, x = np.mgrid[:28, :28]
    profile = np.exp(-(((x - 13.5 - lean * (y - 13.5)) / 2.0) ** 2)) * (abs(y - 13.5) < 8)
    bar = np.rint(255 * np.exp(-(((x - 13.5) / 2.0) ** 2)) * (abs(y - 13.5) < 8))
    sheared = np.rint(255 * profile).astype(np.uint8)
    assert slant(sheared) == pytest.approx(lean, abs=0.01)
    found = deslanted(sheared.reshape(1, -1), SIDE, False).reshape(SIDE)
    assert slant(found) == pytest.approx(0, abs=0.01)
    # interpolation between two pixels flattens a Gaussian by at most f'' / 8 = 2 / (8 · 2²)
    assert abs(found - bar).max() <= 255 / 16 + 2


def test_what_has_no_slant_stays_as_it_is():
    images = np.zeros((6, *SIDE), np.uint8)
    images[1] = 255  # all ink
    images[2, 5] = 90  # one row
    images[3, 20, 3] = 1  # one pixel
    images[4, 4:24, 10:14] = 200  # upright
    images[5, ::2] = 7
    rows = images.reshape(6, -1)
    assert_array_equal(deslanted(rows, SIDE, False), rows)
    assert_array_equal(deslanted(255 - rows, SIDE, True), 255 - rows)


def test_dark_ink_is_treated_as_light_ink(digits):
    images = digits[0]
    assert_array_equal(255 - deslanted(255 - images, SIDE, True), deslanted(images, SIDE, False))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_levels_from_0_to_1_are_sheared_as_bytes_are(digits, dtype):
    images = digits[0]
    levels = images.astype(dtype) / np.dtype(dtype).type(255)
    found = deslanted(levels, SIDE, False)
    assert found.dtype == dtype
    differences = abs(255 * found - deslanted(images, SIDE, False))
    # a pixel half way between two levels may be rounded to the other one
    assert differences.max() < 1.01 and (differences > 0.01).mean() < 1e-4


@pytest.mark.parametrize("is_light", [False, True])
@pytest.mark.parametrize("beyond", [0.01, 0.1])
def test_numbers_a_little_beyond_the_range_lean_as_those_within(digits, is_light, beyond):
    within = digits[0] / 255
    moved = 1 - within + beyond if is_light else within - beyond
    found = deslanted(moved, SIDE, is_light)
    ink = 1 - found if is_light else found
    least = deslanted(np.clip(within - beyond, 0, 1), SIDE, False)
    assert abs(ink - least).max() <= beyond + 1 / 255


def test_no_image_depends_on_the_others(digits):
    images = digits[0] / np.float32(255)
    together = deslanted(images, SIDE, False)
    for i in (0, 7, 63, 64, 511, 900):
        assert_array_equal(deslanted(images[i : i + 1], SIDE, False)[0], together[i])


def test_other_sizes_and_steep_strokes():
    image = np.zeros((5, 40), np.uint8)
    image[np.arange(5), np.arange(5) * 8 + 2] = 255  # leans by eight columns a row: one is the most
    found = deslanted(image.reshape(1, -1), (5, 40), False).reshape(5, 40)
    assert_array_equal(found.argmax(axis=1), [4, 11, 18, 25, 32])


def trained(images, labels, **more):
    model = MLP([784, 32, 10], ["relu", "softmax"], [1.0, 1.0], random_seed=1)
    settings = {"num_epochs": 6, "learning_rate": 0.005, "deslant": True, **more}
    half = len(images) // 2
    model.train(images[:half], labels[:half], images[half:], labels[half:], **settings)
    return model


def as_(kind: str, images: np.ndarray) -> np.ndarray:
    """The digits as other data may hold them."""
    images = images.reshape(-1, *SIDE)
    if "dark ink" in kind:
        images = 255 - images
    return images / np.float32(255) if "levels" in kind else images


KINDS = ("bytes", "levels", "dark ink", "levels of dark ink")


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_answers_the_same_wherever_it_is_used(digits, kind, tmp_path):
    images, labels = as_(kind, digits[0]), digits[1]
    model = trained(images, labels)
    expected = model.predict_proba(images)
    # the network itself, on images that were made upright before
    ready = deslanted(images.reshape(len(images), -1), SIDE, "dark" in kind)
    plain = MLP.from_parts(model.network, replace(model.facts, deslant=False), model._streams)
    assert_array_equal(plain.predict_proba(ready), expected)
    assert abs(plain.predict_proba(images) - expected).max() > 0.3

    predictor = model.predictor()
    assert_allclose(predictor(images.reshape(len(images), -1)), expected, atol=1e-5)
    assert_allclose(predictor(images[3].ravel()), expected[3], atol=1e-5)

    model.save(tmp_path / "m.safetensors")
    again = MLP.load(tmp_path / "m.safetensors")
    assert again.facts == model.facts
    assert_array_equal(again.predict_proba(images), expected)

    export_onnx(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    (given,) = session.get_inputs()
    assert_allclose(session.run(None, {given.name: images})[0], expected, atol=1e-5)

    export_numpy(model, tmp_path / "exported.py")
    spec = importlib.util.spec_from_file_location("exported", tmp_path / "exported.py")
    exported = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(exported)
    assert_allclose(exported.predict_proba(images), expected, atol=1e-6)


@pytest.mark.parametrize("is_light", [False, True])
def test_levels_from_0_to_16_are_sheared_on_the_scale_of_the_network(digits, is_light, tmp_path):
    levels = np.rint(digits[0].reshape(-1, *SIDE) / 255 * 16)
    images = (16 - levels if is_light else levels).astype(np.float32)
    model = trained(images, digits[1])
    assert (model.facts.scale.full, model.facts.light_background) == (16, is_light)
    expected = model.predict_proba(images)
    ready = deslanted(images.reshape(len(images), -1) / 16, SIDE, is_light)
    assert_allclose(softmax(model.network.infer(ready), axis=1), expected, atol=1e-5)
    export_onnx(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    assert_allclose(session.run(None, {"features": images})[0], expected, atol=1e-5)
    assert_allclose(model.predictor()(images.reshape(len(images), -1)), expected, atol=1e-5)


def test_numbers_beyond_the_range_have_the_same_answers_in_an_onnx_file(digits, tmp_path):
    images = (digits[0] / 255).astype(np.float32).reshape(-1, *SIDE)
    model = trained(images, digits[1])
    export_onnx(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    for moved in (images - np.float32(0.05), images + np.float32(0.05)):
        assert_allclose(
            session.run(None, {"features": moved})[0], model.predict_proba(moved), atol=1e-5
        )


def test_rows_that_do_not_say_that_they_are_images_are_distorted_too(digits, tmp_path):
    np.savez(tmp_path / "digits.npz", X=digits[0], y=digits[1])
    changes = ["training.deslant=true", "training.epochs=1", "augment.shift=1.0"]
    recipe = load_recipe("digits", changes, source=str(tmp_path / "digits.npz"))
    assert Run.open(train_run(recipe, tmp_path / "run").folder).model().facts.deslant


@pytest.mark.parametrize("kind", ["bytes", "dark ink"])
def test_a_page_makes_the_same_bytes(modules, digits, kind, tmp_path):  # noqa: F811
    page, data = modules
    images = as_(kind, digits[0])
    odd = np.random.default_rng(0).integers(0, 256, (100, *SIDE)).astype(np.uint8)
    model = trained(images, digits[1])
    images = np.concatenate([images, odd, np.zeros_like(odd[:1]), 255 + np.zeros_like(odd[:1])])
    export_html(model, tmp_path / "m.html")
    described = model_in((tmp_path / "m.html").read_text())
    assert described["deslant"] is True
    data["images"] = images.tobytes
    found = page.evaluate(
        """async (model) => {"""
        + TO_BASE64
        + """
            const { Reader } = await import("/reading.js");
            const { Network } = await import("/network.js");
            const bytes = new Uint8Array(await (await fetch("/data/images")).arrayBuffer());
            const reader = new Reader(model, new Network(model));
            reader.model.isPrepared = false; // the images are given as the model knows them
            const n = bytes.length / 784;
            const seen = new Uint8Array(bytes.length);
            const probabilities = [];
            for (let i = 0; i < n; i++) {
                const image = bytes.subarray(784 * i, 784 * (i + 1));
                seen.set(reader.seen(image), 784 * i);
                probabilities.push(...reader.classify([image])[0]);
            }
            return [base64(seen), probabilities];
        }""",
        described,
    )
    rows = images.reshape(len(images), -1)
    expected = deslanted(rows, SIDE, "dark" in kind)
    assert_array_equal(from_base64(found[0], np.uint8).reshape(rows.shape), expected)
    with warnings.catch_warnings(action="ignore"):  # half of the odd ones are light
        assert_allclose(np.reshape(found[1], (-1, 10)), model.predict_proba(images), atol=1e-5)


def test_what_older_versions_cannot_read_right_they_refuse(digits, tmp_path):
    path = tmp_path / "m.safetensors"
    trained(digits[0], digits[1], num_epochs=1).save(path)
    with safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["inknet"])
    assert header["format"] == 4 and header["deslant"] is True
    for change, words in (
        ({"deslant": 1}, "deslant is 1"),
        ({"deslant": None}, "deslant is None"),
        ({"image_shape": None}, "no images"),
        ({"scale": {"full": 1.0, "low": -2.0, "high": 2.0}, "pixels": False}, "no images"),
    ):
        damaged = tmp_path / "damaged.safetensors"
        save_file(load_file(path), damaged, {"inknet": json.dumps(header | change)})
        with pytest.raises(InputError, match=f"the network is damaged: .*{words}"):
            load_model(damaged)


def test_a_table_is_refused_and_the_model_stays_as_it_was():
    X, y = np.random.default_rng(0).normal(size=(200, 784)), np.arange(200) % 10
    model = MLP([784, 10], random_seed=0)
    before, facts = model.network.parameters.copy(), model.facts
    with pytest.raises(InputError, match=r"deslant is for images of pixels"):
        model.train(X, y, deslant=True)
    assert_array_equal(model.network.parameters, before)
    assert model.facts == facts


def test_a_model_goes_on_as_it_began(digits):
    model = trained(digits[0], digits[1], num_epochs=1)
    model.train(digits[0], digits[1], num_epochs=1)
    assert model.facts.deslant
    # and the other way: a further training may begin to
    other = trained(digits[0], digits[1], num_epochs=1, deslant=False)
    assert not other.facts.deslant
    other.train(digits[0], digits[1], num_epochs=1, deslant=True)
    assert other.facts.deslant


@pytest.mark.parametrize("is_float", [False, True])
def test_data_with_the_other_background_are_inverted_before_they_are_deslanted(
    digits, is_float, tmp_path
):
    images, labels = as_("levels" if is_float else "bytes", digits[0]), digits[1]
    model = trained(images, labels)
    sources = []
    for name, stored in (("same", images), ("other", images.dtype.type(255) - images)):
        if name == "other" and is_float:
            stored = 1 - images
        np.savez(tmp_path / f"{name}.npz", X=stored, y=labels)
        sources.append(matched(load(str(tmp_path / f"{name}.npz")), model))
    same, other = (model.logits_on(source) for source in sources)
    assert_allclose(other, same, atol=1e-4)


def test_a_model_does_not_go_on_with_what_cannot_be_deslanted(digits):
    model = trained(as_("levels", digits[0]), digits[1], num_epochs=1)
    before, facts = model.network.parameters.copy(), model.facts
    others = np.random.default_rng(0).normal(size=(500, 784))
    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises(InputError, match=r"the model deslants its images of pixels"),
    ):
        model.train(others, digits[1][:500], num_epochs=1)
    assert_array_equal(model.network.parameters, before)
    assert model.facts == facts


def test_a_large_file_is_deslanted_into_another_one(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(mapped, "LARGE_FILE", 1)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "scratch").mkdir()
    np.save(tmp_path / "X.npy", digits[0])
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    models = [trained(images, digits[1]) for images in (X, digits[0])]
    assert_array_equal(*(model.network.parameters for model in models))
    # the file goes with what was read from it, or with a failure
    gc.collect()
    assert not list((tmp_path / "scratch").iterdir())
    dataset = Dataset(X, digits[1], tuple("0123456789"), SIDE, "X", rows=np.arange(900)[::-2])
    ready = upright(dataset, Deslanting(SIDE, is_light=False))
    assert mapped.file_rows(ready.features) is not None
    assert_array_equal(ready.stored(), deslanted(digits[0][dataset.rows], SIDE, False))
    (file,) = (tmp_path / "scratch").iterdir()
    assert file.stat().st_size == X.nbytes
    del ready
    gc.collect()
    assert not file.exists()
    for write in (full, lambda *_: 700):
        monkeypatch.setattr(os, "pwrite", write)
        with pytest.raises(InputError, match=r"scratch: No space left on device; 0\.0 GB are need"):
            upright(dataset, Deslanting(SIDE, is_light=False))
        assert not list((tmp_path / "scratch").iterdir())


def full(*arguments):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_pictures_are_of_the_images_as_they_are(tmp_path):
    changes = ["training.deslant=true", "training.epochs=2", "data.limit=1000"]
    train_run(load_recipe("digits", changes, source="sample"), tmp_path / "runs/one")
    part = Folders(tmp_path / "runs", lambda run: False).test_part("one")
    run = Run.open(tmp_path / "runs/one")
    assert_array_equal(part.images, run.test_data().stored())
    reached = (part.probabilities.argmax(axis=1) == part.labels).mean()
    assert run.metrics["test"]["accuracy"] == pytest.approx(reached)


@pytest.mark.parametrize("key", ["training.deslant", "training.standardize"])
def test_what_the_studio_counts_during_a_training_is_what_is_measured(key, tmp_path):
    log = Log(tmp_path / "log.jsonl")
    live = Live(log, tmp_path / "stop")
    changes = [f"{key}=true", "training.epochs=3", "data.limit=1200", "data.validation=0.2"]
    recipe = load_recipe("digits", changes, source="sample")
    run = train_run(
        recipe, tmp_path / "run", callbacks=[live], on_start=lambda _, model, __: live.watch(model)
    )
    *_, counts = (data["confusion"] for _, event, data in log.read() if event == "picture")
    assert np.trace(counts) / np.sum(counts) == run.metrics["validation"]["accuracy"]


def test_a_run_evaluates_what_it_validated_on(tmp_path):
    changes = ["training.deslant=true", "training.epochs=2", "data.limit=1000"]
    recipe = load_recipe("digits", [*changes, "augment.shift=1.0"], source="sample", seed=3)
    run = Run.open(train_run(recipe, tmp_path / "run").folder)
    model = run.model()
    assert model.facts.deslant
    test = run.test_data()
    reached = (model.predict(test.stored()) == test.targets).mean()
    assert run.metrics["test"]["accuracy"] == pytest.approx(reached)


def test_an_interrupted_training_goes_on_to_the_same_bits(tmp_path):
    changes = {"training__deslant": "true", "augment__shift": 1.0}
    inknet("train", *options(**changes), "--out", "whole", folder=tmp_path)
    interrupted(tmp_path / "run", signal.SIGINT, **changes)
    inknet("train", "--resume", "run", folder=tmp_path)
    whole, resumed = (tmp_path / name / "model.safetensors" for name in ("whole", "run"))
    assert whole.read_bytes() == resumed.read_bytes()


def test_the_command_line_refuses_a_table(tmp_path):
    table = tmp_path / "table.csv"
    lines = [f"{i % 7},{-i % 5}.5,{'ab'[i % 2]}" for i in range(60)]
    table.write_text("width,height,kind\n" + "\n".join(lines) + "\n")
    words = ["train", "--data", str(table), "--set", "training.deslant=true"]
    asked = inknet(*words, folder=tmp_path, expect=2)
    assert "deslant is for images of pixels" in asked.stderr.splitlines()[-1]
    assert not (tmp_path / "runs").exists()


def test_the_picture_of_a_reading_ends_with_what_the_network_gets(digits):
    model = trained(digits[0], digits[1], num_epochs=1)
    picture = 255 - np.kron(digits[0][7].reshape(SIDE), np.ones((8, 8), np.uint8))
    reading = model.read(picture)
    (one,) = reading.characters
    drawn = reading_figure(reading).findobj(BboxImage)
    expected = deslanted(one.image.reshape(1, -1), SIDE, False).reshape(SIDE)
    assert any(np.array_equal(image.get_array(), expected) for image in drawn)
    probabilities = model.predict_proba(one.image.reshape(1, -1))
    assert_allclose(one.probabilities, probabilities[0], atol=1e-6)
