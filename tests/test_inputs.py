"""One meaning for numbers: the same data in any form, to every entry point, by docs/inputs.md."""

import json
import subprocess
import sys
import tempfile
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as Peer

from inknet import MLP, InputError, load_arrays
from inknet.data import Dataset, load
from inknet.data.inputs import scale_of
from inknet.errors import InputWarning
from inknet.exchange import export_numpy, export_onnx, from_sklearn, read_state_dict
from inknet.recipes import training_recipe
from inknet.scale import PIXELS, Scale, decided

DATA = load_arrays("sample")
X, Y, X_TEST, Y_TEST = DATA.X_train, DATA.y_train, DATA.X_test, DATA.y_test


def frame(pixels):
    return pytest.importorskip("pandas").DataFrame(pixels)


def polars_frame(pixels):
    return pytest.importorskip("polars").DataFrame(pixels.astype("int16"))


def mapped(pixels):
    """An array that is a file."""
    place = Path(tempfile.mkdtemp()) / "pixels.npy"
    np.save(place, pixels)
    array = np.load(place, mmap_mode="r")
    place.unlink()
    return array


LEVELS = {
    "uint8": lambda pixels: pixels,
    "int16": lambda pixels: pixels.astype("int16"),
    "int64": lambda pixels: pixels.astype("int64"),
    "big-endian": lambda pixels: pixels.astype(">i4"),
    "float16": lambda pixels: pixels.astype("float16"),
    "float32": lambda pixels: pixels.astype("float32"),
    "float64": lambda pixels: pixels.astype("float64"),
    "Fortran": np.asfortranarray,
    "stack": lambda pixels: pixels.reshape(-1, 28, 28),
    "list": lambda pixels: pixels.tolist(),
    "frame": frame,
    "polars": polars_frame,
    "mapped": mapped,
}
FRACTIONS = {
    "float32 0-1": lambda pixels: (pixels / 255).astype("float32"),
    "float64 0-1": lambda pixels: pixels / 255,
    "list 0-1": lambda pixels: (pixels / 255).tolist(),
    "frame 0-1": lambda pixels: frame(pixels / 255),
    "stack 0-1": lambda pixels: (pixels / 255).reshape(-1, 28, 28),
}
BINARY = {
    "bool": lambda pixels: pixels > 127,
    "uint8 0/1": lambda pixels: (pixels > 127).astype("uint8"),
    "int64 0/1": lambda pixels: (pixels > 127).astype("int64"),
    "float32 0/1": lambda pixels: (pixels > 127).astype("float32"),
    "frame 0/1": lambda pixels: frame(pixels > 127),
}
OTHER = {
    "16 bits": lambda pixels: (pixels.astype("uint16") * 257).reshape(-1, 28, 28),
    "fractional levels": lambda pixels: pixels * 0.999,
    "17 levels": lambda pixels: np.rint(pixels / 16).astype(int),
}
FORMS = LEVELS | FRACTIONS | BINARY | OTHER
SAME = {"int16", "int64", "big-endian", "float16", "Fortran", "polars", "mapped"}
SAME |= {"float64 0-1", "stack 0-1", "int64 0/1"}
"""Forms that are known to train and to be used as others are; further tests of them are slow."""


def each(names):
    """All names; those of `SAME` are left to make test-all."""
    return [pytest.param(one, marks=pytest.mark.slow) if one in SAME else one for one in names]


def learn(form, **options):
    model = MLP([784, 64, 10], random_seed=3)
    model.train(form(X), Y, num_epochs=6, **options)
    return model


@pytest.fixture(scope="module")
def models():
    """A model for each form that was asked for, and the one of uint8."""
    made = {}

    def of(name):
        if name not in made:
            made[name] = learn(FORMS[name])
        return made[name]

    return of


# -- training and use in the same form ------------------------------------------------------------


@pytest.mark.parametrize("name", [*LEVELS, *FRACTIONS, *OTHER])
def test_the_same_images_in_any_form_give_the_same_accuracy(models, name):
    accuracy = models("uint8").evaluate(X_TEST, Y_TEST).accuracy
    assert accuracy > 0.88
    assert abs(models(name).evaluate(FORMS[name](X_TEST), Y_TEST).accuracy - accuracy) <= 0.003


@pytest.mark.parametrize("name", LEVELS)
def test_whole_levels_of_any_type_train_to_the_same_bits(models, name):
    expected = models("uint8")
    assert_array_equal(models(name).network.parameters, expected.network.parameters)
    assert models(name).facts == expected.facts


@pytest.mark.parametrize("name", BINARY)
def test_black_and_white_of_any_type_trains_to_the_same_bits(models, name):
    expected = models("bool")
    assert expected.evaluate(X_TEST > 127, Y_TEST).accuracy > 0.88
    assert_array_equal(models(name).network.parameters, expected.network.parameters)
    assert_array_equal(models(name).predict(FORMS[name](X_TEST)), expected.predict(X_TEST > 127))


@pytest.mark.parametrize("name", each(FORMS))
def test_validation_and_one_sample_at_a_time_are_on_the_same_scale(name):
    form = FORMS[name]
    model = learn(form, X_val=form(X_TEST), y_val=Y_TEST)
    expected = model.evaluate(form(X_TEST), Y_TEST)
    assert model.history[-1].val_accuracy == expected.accuracy
    predict = model.predictor()
    rows = np.asarray(form(X_TEST[:40])).reshape(40, 784)
    probabilities = model.predict_proba(form(X_TEST[:40]))
    assert_allclose([predict(row) for row in rows], probabilities, atol=1e-5)


def exported(model, folder):
    export_numpy(model, folder / "model.py")
    names = {"__name__": "model"}
    exec(compile((folder / "model.py").read_text("utf-8"), "model.py", "exec"), names)
    return names


@pytest.mark.parametrize("name", FORMS)
def test_an_exported_file_takes_the_same_form_and_answers_the_same(models, name, tmp_path):
    model, form = models(name), FORMS[name]
    names = exported(model, tmp_path)
    expected = model.predict_proba(form(X_TEST))
    assert_allclose(names["predict_proba"](form(X_TEST)), expected, atol=1e-5)
    assert_array_equal(names["predict"](form(X_TEST)), model.predict(form(X_TEST)))
    assert np.mean(names["predict"](form(X_TEST)) == Y_TEST) > 0.88


@pytest.mark.parametrize("name", ["uint8", "int64", "float32 0-1", "bool", "17 levels", "16 bits"])
def test_an_onnx_file_takes_bytes_or_the_scale_of_the_training(models, name, tmp_path):
    model, form = models(name), FORMS[name]
    export_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(
        tmp_path / "model.onnx", providers=["CPUExecutionProvider"]
    )
    (given,) = session.get_inputs()
    is_bytes = given.type == "tensor(uint8)"
    assert is_bytes == (model.facts.scale == PIXELS)
    rows = np.asarray(form(X_TEST)).reshape(-1, *given.shape[1:])
    rows = rows.astype("uint8" if is_bytes else "float32")
    (found,) = session.run(None, {given.name: rows})
    assert_allclose(found, model.predict_proba(form(X_TEST)), atol=1e-5)
    scale = json.loads(session.get_modelmeta().custom_metadata_map["scale"])
    assert Scale(**scale) == model.facts.scale


# -- use in another form --------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*LEVELS, *FRACTIONS, "fractional levels"])
def test_a_model_of_pixels_takes_every_form_of_them(models, name, tmp_path):
    model, form = models("uint8"), FORMS[name]
    expected = model.predict_proba(X_TEST)
    if name == "fractional levels":
        expected = model.predict_proba(X_TEST / 255 * 0.999)
    assert_allclose(model.predict_proba(form(X_TEST)), expected, atol=1e-5)
    assert model.evaluate(form(X_TEST), Y_TEST).accuracy > 0.88
    assert_allclose(exported(model, tmp_path)["predict_proba"](form(X_TEST)), expected, atol=1e-5)
    predict = model.predictor()
    rows = np.asarray(form(X_TEST[:40])).reshape(40, 784)
    assert_allclose([predict(row) for row in rows], expected[:40], atol=1e-5)


@pytest.mark.parametrize("name", BINARY)
def test_a_model_of_pixels_takes_black_and_white(models, name):
    model = models("uint8")
    black_and_white = np.where(X_TEST > 127, 255, 0).astype("uint8")
    expected = model.predict_proba(black_and_white)
    assert_array_equal(model.predict_proba(BINARY[name](X_TEST)), expected)
    assert model.evaluate(BINARY[name](X_TEST), Y_TEST).accuracy > 0.87


def test_a_few_whole_numbers_of_0_and_1_are_doubtful(models):
    model = models("uint8")
    dark = (X_TEST[:1] > 127).astype("uint8")
    with pytest.warns(InputWarning, match="X: .* taken for black and white, not for grey levels"):
        expected = model.predict_proba(dark)
    with pytest.warns(InputWarning, match="x: .* taken for black and white"):
        assert_allclose(model.predictor()(dark[0]), expected[0], atol=1e-5)
    assert_array_equal(model.predict_proba(dark * 255), expected)


def test_dark_images_are_doubtful(models):
    with pytest.warns(InputWarning, match="from 0 to 15 are taken for levels from 0 to 255"):
        models("uint8").predict(X_TEST // 17)


ODD = {
    "negative": lambda pixels: pixels / 127.5 - 1,
    "16 bits": OTHER["16 bits"],
    "a little above 1": lambda pixels: pixels * 1.02 / 255,
}


@pytest.mark.parametrize("trained_on", ["uint8", "float32 0-1", "bool", "17 levels"])
@pytest.mark.parametrize("name", each(FORMS | ODD))
def test_another_scale_is_right_or_refused_or_warned_of_everywhere(
    models, trained_on, name, tmp_path
):
    model, form = models(trained_on), (FORMS | ODD)[name]
    given = form(X_TEST)
    names = exported(model, tmp_path)
    outcomes = []
    for predict in (model.predict, names["predict"]):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                outcomes.append(np.mean(predict(given) == Y_TEST))
            except ValueError as error:
                outcomes.append(str(error).removeprefix("X: "))
        outcomes.append([str(one.message).removeprefix("X: ") for one in said])
    refused_or_accuracy, said = outcomes[:2]
    assert outcomes[2:] == outcomes[:2], "the exported file answers the same"
    assert isinstance(refused_or_accuracy, str) or said or refused_or_accuracy > 0.87
    if isinstance(refused_or_accuracy, str):
        assert "\n" not in refused_or_accuracy
        with pytest.raises(InputError):
            model.evaluate(given, Y_TEST)


@pytest.mark.parametrize(("trained_on", "name"), [("float32 0-1", "uint8"), ("uint8", "negative")])
def test_the_predictor_refuses_what_predict_refuses(models, trained_on, name):
    model = models(trained_on)
    rows = (FORMS | ODD)[name](X_TEST[:1])
    with pytest.raises(InputError) as one:
        model.predictor()(rows[0])
    with pytest.raises(InputError) as many:
        model.predict(rows)
    assert str(one.value) == str(many.value).replace("X:", "x:")


def test_the_predictor_of_other_numbers_warns_as_predict_does():
    table = np.random.default_rng(0).normal(size=(200, 6))
    model = MLP([6, 5, 2])
    model.train(table, (table[:, 0] > 0).astype(int), num_epochs=1)
    with pytest.warns(InputWarning, match="X: .* the model was trained on numbers from -"):
        expected = model.predict_proba(table[:1] * 1000)
    with pytest.warns(InputWarning, match="x: .* the model was trained on numbers from -"):
        assert_allclose(model.predictor()(table[0] * 1000), expected[0], atol=1e-5)


# -- what is decided ------------------------------------------------------------------------------


ORDINARY = np.random.default_rng(0)
TABLES_WITHOUT_A_WORD = {
    "heights and weights": ORDINARY.normal((170, 70, 40), 9, (300, 3)).round(1),
    "years": ORDINARY.integers(1950, 2020, (300, 4)),
    "blood pressure": ORDINARY.normal((130, 85), 10, (300, 2)).round(),
    "prices": ORDINARY.integers(0, 100_000, (300, 5)),
}


@pytest.mark.parametrize("name", TABLES_WITHOUT_A_WORD)
def test_few_columns_are_not_suspected_to_be_pixels(name):
    table = TABLES_WITHOUT_A_WORD[name]
    labels = (table[:, 0] > np.median(table[:, 0])).astype(int)
    peer = Peer((5,), max_iter=3, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = MLP([table.shape[1], 5, 2])
        model.train(table[:200], labels[:200], table[200:], labels[200:], num_epochs=1)
        model.predict(table[200:])
        from_sklearn(peer.fit(table, labels)).predict(table[200:])


@pytest.mark.parametrize("kind", ["uint8", "int64", "float32", "float64"])
def test_the_digits_of_scikit_learn_train_the_same_as_any_type(kind):
    digits, labels = load_digits(return_X_y=True)
    assert decided(digits.astype(kind)) == (Scale(16.0, 0.0, 16.0), "")
    model, peer = MLP([64, 32, 10]), MLP([64, 32, 10])
    model.train(digits[:1200].astype(kind), labels[:1200], num_epochs=20)
    peer.train(digits[:1200] / 16, labels[:1200], num_epochs=20)
    assert_array_equal(model.network.parameters, peer.network.parameters)
    assert_array_equal(model.predict(digits[1200:].astype(kind)), peer.predict(digits[1200:] / 16))


GENERATOR = np.random.default_rng(0)
TABLE = np.column_stack([GENERATOR.integers(17, 91, 500), GENERATOR.integers(0, 2, (500, 5))])
"""An age, and five answers of yes or no."""


@pytest.mark.parametrize(
    ("features", "scale"),
    [
        (TABLE, Scale(1.0, 0.0, float(TABLE.max()))),
        (TABLE.astype("uint8"), Scale(1.0, 0.0, float(TABLE.max()))),
        (TABLE * 1.25, Scale(1.0, 0.0, float(TABLE.max()) * 1.25)),
        (TABLE - 1, Scale(1.0, -1.0, float(TABLE.max()) - 1)),
        (GENERATOR.normal(size=(50, 4)).round(3), None),
        (np.eye(50), Scale(1.0, 0.0, 1.0)),
        (np.eye(50, dtype="uint8"), Scale(1.0, 0.0, 1.0)),
        (np.zeros((5, 4), "uint8"), Scale(1.0, 0.0, 0.0)),
        (np.arange(200, dtype="uint8")[:, None], Scale(128.0, 0.0, 128.0)),
        (np.arange(100, dtype="float32")[:, None], Scale(99.0, 0.0, 99.0)),
        (X[:1], PIXELS),
        (X // 3, PIXELS),  # dark, but the values look like images
        (X[:5].astype(float), PIXELS),
    ],
)
def test_the_scale_is_decided_by_values(features, scale):
    data = Dataset(features, np.zeros(len(features), int), ("0",), None, "data")
    found = scale_of(data, np.dtype("float32"))
    assert found == (scale or Scale(1.0, float(features.min()), float(features.max())))


def test_one_sample_of_a_table_is_never_taken_for_fractions():
    """A row of small counts, alone, must mean what it means among others."""
    counts = np.arange(201.0)[:, None]
    labels = (counts[:, 0] > 100).astype(int)
    model = MLP([1, 8, 2])
    model.train(counts, labels, num_epochs=5)
    assert model.facts.scale == Scale(128.0, 0.0, 128.0)
    some = np.array([[1.0], [0.5], [0.0], [150.0], [250.0]])
    together = model.predict_proba(some)
    assert_allclose([model.predict_proba(row[None])[0] for row in some], together, atol=1e-6)
    predict = model.predictor()
    assert_allclose([predict(row) for row in some], together, atol=1e-5)


def test_what_resizing_adds_beyond_the_ends_is_used_with_a_warning(models):
    levels = X_TEST.astype(float)
    levels[0, :2] = -7.5, 262.0
    with pytest.warns(InputWarning, match=r"from -7\.5 to 262 are taken for levels from 0 to 255"):
        assert models("uint8").evaluate(levels, Y_TEST).accuracy > 0.88


def test_numbers_up_to_255_that_may_be_pixels_are_used_unchanged_with_a_warning():
    table = TABLE * [2, 1, 1, 1, 1, 1]
    wide = np.tile(table, 11)
    for features in (wide, table.astype("uint8"), wide * 1.2):
        model = MLP([features.shape[1], 4, 2])
        with pytest.warns(InputWarning, match="X_train, y_train: values .* are used unchanged; if"):
            model.train(features, table[:, 1], num_epochs=1)
        assert model.facts.scale.full == 1
        assert_allclose(
            model.predict_proba(features.astype(float)), model.predict_proba(features), atol=1e-6
        )


def test_a_table_of_bytes_is_learned_as_the_same_table_of_other_types():
    labels = (TABLE[:, 0] > 50).astype(int)
    models = [MLP([6, 8, 2]) for _ in range(3)]
    for model, kind in zip(models, ("uint8", "int64", "float32"), strict=True):
        model.train(TABLE.astype(kind), labels, num_epochs=3)
        assert_array_equal(model.network.parameters, models[0].network.parameters)
        assert_array_equal(model.predict(TABLE.astype("uint8")), models[0].predict(TABLE))


# -- what a model keeps ---------------------------------------------------------------------------


def header_of(path):
    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["inknet"])


@pytest.mark.parametrize("name", ["uint8", "float32 0-1", "bool", "17 levels", "16 bits"])
def test_a_saved_model_keeps_its_scale(models, name, tmp_path):
    model, form = models(name), FORMS[name]
    model.save(tmp_path / "m.safetensors")
    loaded = MLP.load(tmp_path / "m.safetensors")
    assert loaded.facts == model.facts
    assert_array_equal(loaded.predict_proba(form(X_TEST)), model.predict_proba(form(X_TEST)))
    header = header_of(tmp_path / "m.safetensors")
    # a version that knows only bytes and numbers must not read what is divided by something else
    assert header["format"] == (1 if model.facts.scale.full in (1, 255) else 2)


@pytest.mark.parametrize(
    "change",
    [
        {"full": 0.0}, {"full": "255"}, {"full": float("nan")}, {"full": 16.0},
        {"low": None}, {"low": 3.0}, {"low": float("inf")}, {"other": 1}, {"high": True},
    ],
)  # fmt: skip
def test_a_scale_that_no_model_has_is_refused(models, change, tmp_path):
    path = tmp_path / "m.safetensors"
    models("uint8").save(path)
    tensors, header = load_file(path), header_of(path)
    header["scale"] |= change
    save_file(tensors, path, {"inknet": json.dumps(header)})
    with pytest.raises(InputError, match="the description of the network is damaged"):
        MLP.load(path)


@pytest.mark.parametrize(("pixels", "scale"), [(True, PIXELS), (False, Scale()), (None, None)])
def test_files_of_earlier_versions_keep_their_meaning(models, pixels, scale, tmp_path):
    path = tmp_path / "m.safetensors"
    models("uint8").save(path)
    tensors, header = load_file(path), header_of(path)
    del header["scale"]
    save_file(tensors, path, {"inknet": json.dumps(header | {"pixels": pixels})})
    model = MLP.load(path)
    assert model.facts.scale == scale
    if pixels is False:  # it learned from other numbers, of which the range is not known
        with pytest.raises(InputError, match=r"uint8 .* trained on other numbers"):
            model.predict(X_TEST)
        with pytest.warns(InputWarning, match="used unchanged, though they may be pixels"):
            model.predict(X_TEST.astype(int))
    else:
        assert_array_equal(model.predict(X_TEST), models("uint8").predict(X_TEST))


def test_further_training_is_on_the_scale_of_the_first():
    model, expected = learn(LEVELS["uint8"]), learn(LEVELS["uint8"])
    expected.train(X, Y, num_epochs=1)
    model.train(X / 255.0, Y, num_epochs=1)  # the first fractions round as bytes do
    assert model.facts == expected.facts
    assert abs(model.evaluate(X, Y).accuracy - expected.evaluate(X, Y).accuracy) < 0.01
    table = MLP([6, 4, 2])
    table.train(TABLE - 1, TABLE[:, 1], num_epochs=1)
    table.train(TABLE - 20, TABLE[:, 1], num_epochs=1)
    assert table.facts.scale == Scale(1.0, -20.0, float(TABLE.max()) - 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"X_train": X * 257.0}, "trained on pixels"),
        ({"X_train": X / 127.5 - 1}, "trained on pixels"),
        ({"X_train": np.where(X == 0, np.nan, X)}, "nan"),
        ({"X_train": X[:, 1:]}, "expected"),
        ({"X_val": X_TEST * 2.0, "y_val": Y_TEST}, "X_val"),
        ({"patience": 3}, "patience"),
        ({"batch_size": 1}, "batch_norm"),
        ({"y_train": Y + 1}, "label 10"),
        ({"X_train": X / 255, "augment": {"rotation": 10.0}}, "augment"),
    ],
)
def test_a_training_that_is_refused_leaves_the_model_as_it_was(change, words, tmp_path):
    model = MLP([784, 16, 10], batch_norm="before", keep_probs=[0.8, 1])
    model.train(X, Y, num_epochs=1)
    before, history = model.predict_proba(X_TEST), model.history
    facts, ops = model.facts, model.network.ops
    model.save(tmp_path / "before.safetensors")
    streams = [str(one.bit_generator.state) for one in vars(model._streams).values()]
    with pytest.raises(InputError, match=words):
        model.train(**({"X_train": X, "y_train": Y, "num_epochs": 1} | change))
    assert (model.facts, model.history, model.network.ops) == (facts, history, ops)
    assert [str(one.bit_generator.state) for one in vars(model._streams).values()] == streams
    model.save(tmp_path / "after.safetensors")
    assert (tmp_path / "after.safetensors").read_bytes() == (
        tmp_path / "before.safetensors"
    ).read_bytes()
    assert_array_equal(model.predict_proba(X_TEST), before)


def test_a_first_training_that_is_refused_decides_nothing():
    model = MLP([784, 8, 10])
    with pytest.raises(InputError, match="X_val"):
        model.train(X, Y, X_TEST * 2.0, Y_TEST)
    with pytest.raises(InputError, match="patience"):
        model.train(X, Y, patience=2)
    assert model.facts.scale is None
    assert model.history is None
    model.train(X / 127.5 - 1, Y, num_epochs=1)
    assert model.facts.scale == Scale(1.0, -1.0, 1.0)


# -- pictures, files and the command line ---------------------------------------------------------


@pytest.mark.parametrize("name", ["uint8", "int64", "stack 0-1", "bool", "16 bits"])
def test_pictures_are_brought_to_the_scale_of_the_model(models, name, tmp_path):
    model = models(name)
    paths = [tmp_path / f"{i}.png" for i in range(60)]
    for path, pixels in zip(paths, X_TEST, strict=False):
        Image.fromarray(pixels.reshape(28, 28)).save(path)
    found = model.read_images(paths).argmax(axis=1)
    assert np.mean(found == Y_TEST[:60]) > 0.8
    if name != "bool":
        assert_array_equal(found, model.predict(FORMS[name](X_TEST[:60])))


@pytest.mark.parametrize(
    "name", ["int64", "float32 0-1", "stack 0-1", "bool", "17 levels", "16 bits"]
)
def test_a_photo_is_fitted_to_images_of_any_scale(models, name, tmp_path):
    for number in range(5):
        photo = Image.fromarray(255 - X_TEST[number].reshape(28, 28))
        photo.resize((200, 200)).save(tmp_path / f"{number}.png")
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    model, expected = models(name), models("uint8")
    assert model.facts.fitting == expected.facts.fitting
    assert_array_equal(
        model.read_images(paths).argmax(axis=1), expected.read_images(paths).argmax(axis=1)
    )


@pytest.mark.slow
def test_images_of_any_scale_are_drawn_alike(tmp_path):
    drawn = []
    for form in (BINARY["bool"], BINARY["int64 0/1"], lambda pixels: (pixels > 127) * 255):
        path = as_npz(form(X[:60]).reshape(-1, 28, 28), Y[:60], tmp_path)
        said = run_cli("data", "show", path, "--out", tmp_path / "digits.png")
        assert said.returncode == 0, said.stderr
        drawn.append((tmp_path / "digits.png").read_bytes())
    assert drawn[0] == drawn[1] == drawn[2]


def test_a_model_of_other_numbers_reads_no_pictures(tmp_path):
    Image.fromarray(X_TEST[0].reshape(28, 28)).save(tmp_path / "one.png")
    model = learn(lambda pixels: (pixels / 127.5 - 1).reshape(-1, 28, 28))
    assert model.facts.image_shape == (28, 28)
    with pytest.raises(InputError, match="not trained on images"):
        model.read_images([tmp_path / "one.png"])


def as_csv(pixels, labels, place):
    header = ",".join(["label", *(f"pixel{i}" for i in range(784))])
    table = np.column_stack([labels, pixels])
    np.savetxt(place / "data.csv", table, "%d", ",", header=header, comments="")
    return place / "data.csv"


def as_npz(pixels, labels, place):
    np.savez(place / "data.npz", X=pixels, y=labels)
    return place / "data.npz"


def as_folder(pixels, labels, place):
    for number, (row, label) in enumerate(zip(pixels, labels, strict=True)):
        (place / f"data/{label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(row.reshape(28, 28)).save(place / f"data/{label}/{number:05}.png")
    return place / "data"


ORDER = np.random.default_rng(0).permutation(len(X))[:1500]
SOURCES = {
    "csv": lambda place: as_csv(X[ORDER], Y[ORDER], place),
    "npz uint8": lambda place: as_npz(X[ORDER], Y[ORDER], place),
    "npz int64": lambda place: as_npz(X[ORDER].astype(int), Y[ORDER], place),
    "npz float64": lambda place: as_npz(X[ORDER].astype(float), Y[ORDER], place),
    "npz stack": lambda place: as_npz(X[ORDER].reshape(-1, 28, 28) * 1.0, Y[ORDER], place),
    "npz 0-1": lambda place: as_npz(X[ORDER] / 255, Y[ORDER], place),
    "npz stack 0-1": lambda place: as_npz(X[ORDER].reshape(-1, 28, 28) / 255, Y[ORDER], place),
    "folder": lambda place: as_folder(X[ORDER], Y[ORDER], place),
}
SOURCES_BINARY = {
    "csv": lambda place: as_csv(X[ORDER] > 127, Y[ORDER], place),
    "npz bool": lambda place: as_npz(X[ORDER] > 127, Y[ORDER], place),
    "npz int64": lambda place: as_npz((X[ORDER] > 127).astype(int), Y[ORDER], place),
    "npz float32": lambda place: as_npz((X[ORDER] > 127).astype("f4"), Y[ORDER], place),
    "npz uint8": lambda place: as_npz((X[ORDER] > 127).astype("u1"), Y[ORDER], place),
}


def learned_from(dataset):
    order = np.argsort(dataset.targets, kind="stable")  # a folder is sorted by class
    model = MLP([784, 32, 10])
    model.train_on(dataset.subset(order), None, training_recipe(epochs=8))
    return model


@cache
def learned_from_arrays(*, black_and_white):
    pixels = X[ORDER] > 127 if black_and_white else X[ORDER]
    return learned_from(Dataset(pixels, Y[ORDER], tuple("0123456789"), None, "arrays"))


@pytest.mark.parametrize("source", SOURCES)
def test_the_same_images_in_any_file_give_the_same_accuracy(source, tmp_path):
    expected = learned_from_arrays(black_and_white=False)
    accuracy = expected.evaluate(X_TEST, Y_TEST).accuracy
    model = learned_from(load(SOURCES[source](tmp_path)))
    given = X_TEST / 255 if source.endswith("0-1") else X_TEST
    assert abs(model.evaluate(given, Y_TEST).accuracy - accuracy) <= 0.003


@pytest.mark.parametrize("source", SOURCES_BINARY)
def test_black_and_white_in_any_file_gives_the_same_bits(source, tmp_path):
    expected = learned_from_arrays(black_and_white=True)
    model = learned_from(load(SOURCES_BINARY[source](tmp_path)))
    assert_array_equal(model.network.parameters, expected.network.parameters)
    assert model.evaluate(X_TEST > 127, Y_TEST).accuracy > 0.8


def run_cli(*arguments):
    command = [sys.executable, "-c", "from inknet.cli.app import main; main()"]
    return subprocess.run([*command, *map(str, arguments)], capture_output=True, encoding="utf-8")


def test_the_command_line_trains_evaluates_and_predicts_on_any_scale(tmp_path):
    """Black and white as int64 was learned as almost black; it ends where bool does."""
    for name in ("bits", "bool", "levels"):
        (tmp_path / name).mkdir()
    bits = as_npz((X[ORDER] > 127).astype(int), Y[ORDER], tmp_path / "bits")
    other = as_npz(X[ORDER] > 127, Y[ORDER], tmp_path / "bool")
    levels = as_npz(X[ORDER], Y[ORDER], tmp_path / "levels")
    options = ["--set", "training.epochs=4", "--data"]
    trained = run_cli("train", "--out", tmp_path / "run", *options, bits)
    assert trained.returncode == 0, trained.stderr
    assert {"mistakes.png", "weights.png"} <= {path.name for path in (tmp_path / "run").iterdir()}

    said = run_cli("evaluate", tmp_path / "run", "--json", "--data", other)
    assert json.loads(said.stdout)["accuracy"] > 0.8
    own = json.loads((tmp_path / "run/metrics.json").read_text())["test"]["accuracy"]
    assert own > 0.75
    said = run_cli("evaluate", tmp_path / "run", "--data", levels)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith(f"inknet: {levels}: values of type uint8 from 0 to 255, but")
    Image.fromarray(X_TEST[0].reshape(28, 28)).save(tmp_path / "one.png")
    said = run_cli("predict", tmp_path / "run", tmp_path / "one.png")
    assert said.stdout.startswith(f"{tmp_path / 'one.png'}: ")


def test_a_warning_on_the_command_line_is_one_line(tmp_path):
    numbers = np.arange(201)
    table = np.column_stack([numbers, *(numbers // k % 2 for k in range(1, 6))])
    path = as_npz(table.astype("uint8"), table[:, 1], tmp_path)
    said = run_cli("train", "--out", tmp_path / "run", "--set", "training.epochs=1", "--data", path)
    assert said.returncode == 0
    (line,) = said.stderr.splitlines()
    assert line.startswith(f"inknet: {path}: values from 0 to 200 are used unchanged")


# -- models that come from elsewhere, or go there -------------------------------------------------


def test_an_imported_model_that_was_told_of_pixels_takes_every_form(models, tmp_path):
    models("uint8").save(tmp_path / "m.safetensors")
    save_file(load_file(tmp_path / "m.safetensors"), tmp_path / "state.safetensors")
    imported = read_state_dict(
        tmp_path / "state.safetensors", activation="leaky_relu", pixels=True, image_shape=(28, 28)
    )
    expected = models("uint8").predict_proba(X_TEST)
    for form in (LEVELS["uint8"], LEVELS["int64"], FRACTIONS["float32 0-1"]):
        assert_allclose(imported.predict_proba(form(X_TEST)), expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_converted_classifier_says_that_it_answers_with_numbers():
    names = np.array(["zero", "one", "two"])[Y[Y < 3]]
    fitted = Peer((8,), max_iter=3, random_state=0).fit(X[Y < 3] / 255, names)
    with pytest.warns(InputWarning, match="predict answers with their positions"):
        model = from_sklearn(fitted, pixels=True)
    some = X_TEST[:50]
    assert model.predict(some).dtype.kind == "i"
    assert_array_equal(model.predict_names(some), fitted.predict(some / 255))
    numbered = Peer((8,), max_iter=3, random_state=0).fit(X[Y < 3] / 255, Y[Y < 3])
    assert_array_equal(from_sklearn(numbered).predict(some / 255), numbered.predict(some / 255))


@pytest.mark.parametrize("suffix", [".onnx", ".py", ".npz", ".PT", ".pth", ".h5", ".pkl", ".json"])
def test_a_model_is_not_saved_under_the_name_of_another_format(models, suffix, tmp_path):
    writers = {".safetensors": models("bool").save}
    writers[".onnx"] = lambda path: export_onnx(models("bool"), path)
    writers[".py"] = lambda path: export_numpy(models("bool"), path)
    for own, write in writers.items():
        if own == suffix:
            continue
        with pytest.raises(InputError) as caught:
            write(tmp_path / f"t{suffix}")
        named = {
            ".onnx": "use inknet.exchange.export_onnx",
            ".py": "use inknet.exchange.export_num",
        }
        assert named.get(suffix, "expected .safetensors (MLP.save)") in str(caught.value)
    with pytest.raises(InputError, match=r"use MLP\.save for \.safetensors"):
        writers[".onnx"](tmp_path / "t.safetensors")
    assert not list(tmp_path.iterdir())


# -- frames ---------------------------------------------------------------------------------------


def table_frame():
    pandas = pytest.importorskip("pandas")
    frame = load_iris(as_frame=True).frame
    frame.insert(1, "whole", pandas.array(range(150), dtype="Int64"))
    frame.insert(2, "is_long", frame["sepal length (cm)"] > 6)
    return frame


def test_a_frame_of_several_types_trains_as_its_numbers_do():
    frame = table_frame()
    labels = frame.pop("target")
    models = MLP([6, 8, 3]), MLP([6, 8, 3])
    models[0].train(frame, labels, num_epochs=3)
    models[1].train(frame.astype(float).to_numpy(), labels.to_numpy(), num_epochs=3)
    assert_array_equal(models[0].network.parameters, models[1].network.parameters)
    assert_array_equal(models[0].predict(frame), models[1].predict(frame.astype(float)))


def test_labels_may_be_a_frame_of_one_column():
    frame = table_frame()
    labels = frame[["target"]]
    models = MLP([6, 8, 3]), MLP([6, 8, 3])
    features = frame.drop(columns="target")
    models[0].train(features, labels, num_epochs=1)
    models[1].train(features, labels["target"].astype("Int64"), num_epochs=1)
    assert_array_equal(models[0].network.parameters, models[1].network.parameters)


def test_columns_of_a_frame_that_are_no_numbers_are_named():
    pandas = pytest.importorskip("pandas")
    frame = table_frame()
    names = np.array(["setosa", "versicolor", "virginica"])[frame.pop("target")]
    model = MLP([6, 8, 3])
    with pytest.raises(InputError, match=r"y_train is of type .*: pass class_names, y_train = np"):
        model.train(frame, pandas.Series(names))
    frame["name"], frame["day"] = names, pandas.Timestamp(0)
    frame = frame.drop(columns=["is_long", "whole"])
    with pytest.raises(
        InputError, match="X has columns that are not numbers: 'name', 'day'; leave"
    ):
        model.predict(frame)
    frame = table_frame().drop(columns="target")
    frame.loc[7, "whole"] = pandas.NA
    with pytest.raises(InputError, match="the feature in row 7, column 1 is nan"):
        model.train(frame, np.arange(150) % 3)
