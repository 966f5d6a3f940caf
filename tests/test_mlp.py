import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from scipy import sparse
from sklearn.metrics import accuracy_score

from inknet import MLP, InputError, load_arrays
from inknet.training.callbacks import Callback

GENERATOR = np.random.default_rng(0)
PIXELS = GENERATOR.integers(0, 256, (60, 6), dtype=np.uint8)
LABELS = (PIXELS[:, :3].argmax(axis=1)).astype(np.int64)


def make(**keywords):
    return MLP([6, 8, 3], **keywords)


@pytest.fixture(scope="module")
def trained():
    model = make(batch_norm="before", keep_probs=[0.9, 1.0])
    model.train(PIXELS, LABELS, num_epochs=20, learning_rate=0.02, batch_size=16)
    return model


def refusal(action, *args, **keywords):
    """Return the one line with which bad input is refused."""
    with pytest.raises(InputError) as caught:
        action(*args, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_snippet_of_the_design_works_as_it_stands(capsys):
    X_train, X_val = (GENERATOR.random((n, 784), dtype=np.float32) for n in (300, 100))
    y_train, y_val = (GENERATOR.integers(0, 10, n) for n in (300, 100))

    model = MLP(
        layer_dims=[784, 128, 64, 32, 10],
        activations=["leaky_relu", "leaky_relu", "leaky_relu", "softmax"],
        keep_probs=[0.7, 0.7, 0.7, 1.0],
        l2_lambda=0.01,
        random_seed=42,
    )
    history = model.train(
        X_train, y_train, X_val=X_val, y_val=y_val,
        learning_rate=0.01, num_epochs=50, batch_size=128, print_interval=5, patience=10,
    )  # fmt: skip

    assert history is model.history
    assert history.stopped in ("finished", "early stopping")
    assert history.best_epoch is not None
    assert capsys.readouterr().out.startswith("epoch  1/50")
    assert model.predict(X_val).shape == (100,)


def test_it_learns_and_says_what_it_is(trained):
    assert accuracy_score(LABELS, trained.predict(PIXELS)) > 0.9
    assert repr(trained) == (
        "MLP(Dense(6 → 8), BatchNorm(8), Activation(leaky_relu), Dropout(keep 0.9), "
        "Dense(8 → 3); 99 parameters)"
    )


def test_probabilities_sum_to_one_and_the_largest_is_predicted(trained):
    probabilities = trained.predict_proba(PIXELS)
    assert probabilities.shape == (60, 3)
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert_array_equal(trained.predict(PIXELS), probabilities.argmax(axis=1))
    assert trained.evaluate(PIXELS, LABELS).accuracy == accuracy_score(
        LABELS, trained.predict(PIXELS)
    )


def test_the_same_seed_gives_the_same_model():
    models = [make(random_seed=seed, keep_probs=[0.5, 1]) for seed in (5, 5, 6)]
    for model in models:
        model.train(PIXELS, LABELS, num_epochs=2)
    first, second, other = (model.network.parameters for model in models)
    assert_array_equal(first, second)
    assert (first != other).any()


def test_training_goes_on_from_the_present_weights():
    model = make()
    model.train(PIXELS, LABELS, num_epochs=5, learning_rate=0.01)
    once = model.history[-1].train_loss
    model.train(PIXELS, LABELS, num_epochs=5, learning_rate=0.01)
    assert model.history[0].train_loss < once
    assert len(model.history) == 5


def test_callbacks_are_called():
    class Count(Callback):
        n = 0

        def on_step_end(self, trainer):
            self.n += 1

    count = Count()
    make().train(PIXELS, LABELS, num_epochs=2, batch_size=20, callbacks=[count])
    assert count.n == 6


# -- what comes in ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pixels_and_fractions_are_the_same(trained, dtype):
    model = make(dtype=dtype)
    model.network.parameters[:] = make().network.parameters
    fractions = (PIXELS / 255).astype(dtype)
    assert_allclose(model.predict_proba(PIXELS), model.predict_proba(fractions), rtol=2e-6)


@pytest.mark.parametrize("kind", ["b", "i1", "i8", "u2", "f2", "f4", "f8", "g", ">f4", ">i4"])
def test_every_other_number_is_taken_as_it_is(trained, kind):
    X = (PIXELS > 127).astype(kind)
    expected = trained.predict_proba((PIXELS > 127).astype("float32"))
    assert_array_equal(trained.predict_proba(X), expected)


def test_layout_and_container_do_not_matter(trained):
    fractions = (PIXELS / 255).astype("float32")
    expected = trained.predict_proba(fractions)
    wide = np.zeros((60, 12), "float32")
    wide[:, ::2] = fractions
    for X in (np.asfortranarray(fractions), wide[:, ::2], fractions.tolist()):
        assert_array_equal(trained.predict_proba(X), expected)
    assert_array_equal(trained.predict_proba(fractions[::-1]), expected[::-1])


def test_stacks_of_images_are_taken_as_rows(trained):
    stack = PIXELS.reshape(60, 2, 3)
    assert_array_equal(trained.predict_proba(stack), trained.predict_proba(PIXELS))
    one, two = make(), make()
    one.train(stack, LABELS, stack, LABELS, num_epochs=1)
    two.train(PIXELS, LABELS, PIXELS, LABELS, num_epochs=1)
    assert_array_equal(one.network.parameters, two.network.parameters)


def test_what_was_given_is_left_as_it_was():
    X, y = (PIXELS / 255).astype("float32"), LABELS.copy()
    before = X.copy()
    make(keep_probs=[0.5, 1], batch_norm="after").train(X, y, X, y, num_epochs=2)
    assert_array_equal(X, before)
    assert_array_equal(y, LABELS)


FRACTIONS = PIXELS / 255


def spoiled(row, column, value, dtype="float64"):
    X = FRACTIONS.astype(dtype)
    X[row, column] = value
    return X


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (FRACTIONS.T, ["(6, 60)", "samples are rows", "pass X.T"]),
        (FRACTIONS[:, :5], ["(60, 5)", "expected (n_samples, 6)"]),
        (FRACTIONS[0], ["(6,)", "expected (n_samples, 6)"]),
        (np.zeros((2, 3, 2, 1)), ["(2, 3, 2, 1)"]),
        (np.zeros((0, 6)), ["no samples"]),
        (np.zeros((0, 2, 3)), ["no samples"]),
        ([], ["(0,)"]),
        (3.0, ["()"]),
        (None, ["X", "is None"]),
        (sparse.csr_matrix(FRACTIONS), ["sparse", "toarray()"]),
        (sparse.coo_array(FRACTIONS), ["sparse", "toarray()"]),
        (FRACTIONS.astype(object), ["type object", "numbers", ".astype(float)"]),
        (FRACTIONS.astype(complex), ["complex128", "numbers"]),
        (FRACTIONS.astype(str), ["<U", "numbers"]),
        ([[1, 2, 3, 4, 5, 6], [1, 2]], ["rows of different lengths"]),
        (spoiled(7, 2, np.nan), ["X", "row 7, column 2 is nan", "finite"]),
        (spoiled(59, 5, np.inf, "float32"), ["row 59, column 5 is inf", "finite"]),
        (spoiled([3, 4], [0, 1], [np.inf, -np.inf]), ["row 3, column 0 is inf", "finite"]),
        (
            spoiled([3, 4], [0, 1], [np.nan, np.inf], "float16"),
            ["row 3, column 0 is nan", "finite"],
        ),
        (spoiled(0, 1, -1e300), ["row 0, column 1 is -1e+300", "float32"]),
    ],
)
def test_features_that_cannot_be_taken(X, words):
    for action in (make().predict, make().predict_proba):
        message = refusal(action, X)
        assert message.startswith("X")
        for word in words:
            assert word in message
    assert refusal(make().train, X, LABELS).startswith("X_train")
    if X is not None:
        assert refusal(make().train, PIXELS, LABELS, X, LABELS).startswith("X_val")


def test_large_but_finite_features_are_no_mistake():
    X = np.full((60, 6), 3e38, "float32")  # whose sum is infinite
    model = make(dtype="float64")
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (LABELS[:-1], ["y_train has 59 labels for 60 samples"]),
        (LABELS[:0], ["0 labels for 60"]),
        (np.eye(3)[LABELS], ["(60, 3)", "pass y_train.argmax(axis=1)"]),
        (LABELS[:, None], ["(60, 1)", "expected (60,)"]),
        (LABELS * 1.0, ["float64", "whole numbers"]),
        (LABELS.astype(str), ["<U", "whole numbers"]),
        (LABELS.astype(object), ["object", "whole numbers"]),
        (LABELS + 1, ["label 3 is outside the 3 classes 0 to 2", "y_train"]),
        (LABELS - 1, ["label -1 is outside the 3 classes 0 to 2", "y_train"]),
        ([[1, 2], [1]], ["y_train", "different lengths"]),
    ],
)
def test_labels_that_cannot_be_taken(y, words):
    message = refusal(make().train, PIXELS, y)
    for word in words:
        assert word in message
    renamed = refusal(make().train, PIXELS, LABELS, PIXELS, y)
    assert "y_val" in renamed
    assert "y_train" not in renamed
    assert "y" in refusal(make().evaluate, PIXELS, y)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"learning_rate": 0}, ["learning_rate is 0", "greater than 0"]),
        ({"learning_rate": float("nan")}, ["learning_rate is nan"]),
        ({"num_epochs": 0}, ["epochs is 0", "greater than or equal to 1"]),
        ({"num_epochs": 1.5}, ["epochs is 1.5"]),
        ({"batch_size": 0}, ["batch_size is 0", "'all'"]),
        ({"batch_size": "some"}, ["batch_size is 'some'", "'all'"]),
        ({"optimizer": "sgd"}, ["optimizer is 'sgd'", "gradient_descent", "adam"]),
        ({"schedule": "none"}, ["schedule is 'none'", "one_cycle"]),
        ({"label_smoothing": 1.0}, ["label_smoothing is 1.0", "less than 1"]),
        ({"clip_norm": 0}, ["clip_norm is 0", "greater than 0"]),
        ({"clip_value": -1}, ["clip_value is -1", "greater than 0"]),
        ({"print_interval": -1}, ["print_interval is -1", "from 0"]),
        ({"print_interval": "5"}, ["print_interval is '5'", "from 0"]),
        ({"patience": 3}, ["patience", "X_val and y_val"]),
        ({"X_val": PIXELS}, ["X_val and y_val belong together"]),
        ({"y_val": LABELS}, ["X_val and y_val belong together"]),
        ({"X_val": PIXELS, "y_val": LABELS, "patience": 0}, ["patience is 0"]),
        ({"X_val": PIXELS, "y_val": LABELS, "monitor": "loss"}, ["monitor is 'loss'", "val_loss"]),
    ],
)
def test_settings_that_make_no_sense(keywords, words):
    model = make()
    before = model.network.parameters.copy()
    message = refusal(model.train, PIXELS, LABELS, **keywords)
    for word in words:
        assert word in message
    assert_array_equal(model.network.parameters, before, "nothing was trained")


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"layer_dims": 6}, ["layer_dims is 6", "list"]),
        ({"layer_dims": []}, ["layer_dims is []"]),
        ({"layer_dims": [6, 3.5]}, ["layer_dims", "3.5"]),
        ({"activations": ["relu"]}, ["activations has 1 entries", "2"]),
        ({"activations": ["softmax", "softmax"]}, ["softmax in the middle"]),
        ({"keep_probs": [0, 1]}, ["keep_probs", "above 0"]),
        ({"keep_probs": [0.5, 0.5]}, ["keep_probs ends with 0.5"]),
        ({"batch_norm": "yes"}, ["batch_norm is 'yes'"]),
        ({"initializer": "zeros"}, ["initializer is 'zeros'"]),
        ({"dtype": "float16"}, ["dtype is 'float16'", "float32 or float64"]),
        ({"l2_lambda": -0.1}, ["l2_lambda is -0.1", "from 0"]),
        ({"l2_lambda": float("nan")}, ["l2_lambda is nan"]),
        ({"l2_lambda": "0.1"}, ["l2_lambda is '0.1'"]),
        ({"random_seed": -1}, ["random_seed is -1"]),
        ({"random_seed": 1.5}, ["random_seed is 1.5"]),
        ({"random_seed": None}, ["random_seed is None"]),
    ],
)
def test_models_that_cannot_be_built(keywords, words):
    message = refusal(MLP, **({"layer_dims": [6, 8, 3]} | keywords))
    for word in words:
        assert word in message


def test_a_price_below_zero_is_refused():
    message = refusal(lambda: make(l2_lambda=-1).train(PIXELS, LABELS))
    assert "l2_lambda is -1" in message


@pytest.mark.parametrize("optimizer", ["gradient_descent", "momentum"])
def test_a_training_that_runs_away_says_so_and_what_to_do(optimizer):
    model = MLP([6, 8, 3])
    message = refusal(model.train, FRACTIONS * 1e6, LABELS, learning_rate=1e9, optimizer=optimizer)
    assert "diverged" in message
    assert "learning_rate" in message


# -- use ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_saved_model_gives_the_same_probabilities(tmp_path, dtype):
    model = make(dtype=dtype, batch_norm="after", keep_probs=[0.8, 1])
    model.train(PIXELS, LABELS, num_epochs=3)
    model.save(tmp_path / "model.safetensors")
    for path in (tmp_path / "model.safetensors", str(tmp_path)):  # a folder holds one
        loaded = MLP.load(path)
        assert_array_equal(loaded.predict_proba(PIXELS), model.predict_proba(PIXELS))
        assert loaded.facts == model.facts
        assert repr(loaded) == repr(model)


def test_a_loaded_model_can_be_trained_on(tmp_path, trained):
    trained.save(tmp_path / "model.safetensors")
    loaded = MLP.load(tmp_path / "model.safetensors")
    loaded.train(PIXELS, LABELS, num_epochs=1)
    assert len(loaded.history) == 1


def test_a_model_built_with_numpy_numbers_can_be_saved(tmp_path):
    MLP(np.array([6, 8, 3]), keep_probs=np.array([0.5, 1], "f4")).save(tmp_path / "m.safetensors")
    assert MLP.load(tmp_path / "m.safetensors").network.architecture.layer_dims == (6, 8, 3)


def test_loading_what_is_not_there_is_refused(tmp_path):
    assert "no such model file" in refusal(MLP.load, tmp_path / "missing.safetensors")
    assert "no such model file" in refusal(MLP.load, tmp_path)


def test_a_model_of_pixels_takes_levels_and_fractions_but_no_other_scale():
    pixels = np.random.default_rng(0).integers(0, 256, (60, 6), np.uint8)
    model = make()
    model.train(pixels, LABELS, num_epochs=1)
    assert_allclose(model.predict_proba(pixels / 255), model.predict_proba(pixels), atol=1e-6)
    assert_array_equal(model.predict_proba(pixels.astype(float)), model.predict_proba(pixels))
    for other in (pixels / 127.5 - 1, pixels * 257.0, pixels * 1.02 / 255):
        message = refusal(model.predict, other)
        assert "trained on pixels" in message
        assert "whole numbers from 0 to 255, or fractions from 0 to 1" in message


def test_a_model_of_fractions_takes_no_levels():
    model = make()
    model.train(FRACTIONS, LABELS, num_epochs=1)
    for levels in (PIXELS, PIXELS.astype(int), PIXELS * 1.0, PIXELS // 2):
        message = refusal(model.evaluate, levels, LABELS)
        assert "trained on numbers from 0 to 1; divide pixels as in the training" in message


def test_validation_data_are_of_the_same_kind_as_training_data():
    pixels = (FRACTIONS * 255).astype(np.uint8)
    message = refusal(make().train, FRACTIONS, LABELS, X_val=pixels, y_val=LABELS)
    assert message.startswith("X_val")


def test_a_model_trained_on_arrays_of_pixels_reads_pictures(tmp_path):
    X, y, *_ = load_arrays("sample")
    model = MLP([784, 32, 10], class_names=[f"digit {d}" for d in range(10)])
    model.train(X, y, num_epochs=5)
    model.save(tmp_path / "digits.safetensors")
    path = tmp_path / "photo.png"
    Image.fromarray(255 - X[7].reshape(28, 28)).resize((200, 200)).save(path)
    loaded = MLP.load(tmp_path / "digits.safetensors")
    (probabilities,) = loaded.read_images([path])
    assert probabilities.argmax() == y[7]
    assert loaded.facts.class_names[3] == "digit 3"

    Image.new("L", (50, 40), 200).save(path)
    assert "photo.png: blank" in refusal(loaded.read_images, [path])
    assert "not trained on images" in refusal(make().read_images, [path])


def test_a_stack_of_images_gives_the_model_their_shape():
    images = np.random.default_rng(0).integers(0, 256, (60, 2, 3), np.uint8)
    model = make()
    model.train(images, LABELS, num_epochs=1)
    assert model.facts.image_shape == (2, 3)
    message = refusal(model.predict, images.reshape(60, 3, 2))
    assert message == "X has images of 3×2; the model was trained on 2×3"


def test_masked_arrays_are_refused_since_their_mask_would_be_lost():
    masked = np.ma.masked_greater(FRACTIONS, 0.9)
    assert "X is a masked array" in refusal(make().predict, masked)
    assert "y_train is a masked array" in refusal(make().train, FRACTIONS, np.ma.array(LABELS))


def test_names_of_classes_are_as_many_as_the_classes_and_different():
    assert "expected 3 different names" in refusal(make, class_names=["a", "b"])
    assert "expected 3 different names" in refusal(make, class_names=["a", "b", "b"])


def test_saving_where_there_is_no_folder_names_the_file(tmp_path):
    assert "no/model.safetensors" in refusal(make().save, tmp_path / "no/model.safetensors")


@pytest.mark.parametrize("settings", [{"batch_size": "all", "num_epochs": 1}, {"num_epochs": 3}])
def test_a_training_that_diverges_says_so_even_in_its_last_step(settings):
    model = make()
    message = refusal(
        model.train,
        *(FRACTIONS, LABELS),
        learning_rate=1e30,
        optimizer="gradient_descent",
        schedule="constant",
        **settings,
    )
    assert "training diverged" in message
    assert "lower learning_rate than 1e+30" in message
    assert model.history.stopped == "failed"


def test_batches_of_one_are_refused_with_batch_normalization():
    message = refusal(make(batch_norm="before").train, FRACTIONS, LABELS, batch_size=1)
    assert "batches of 2 samples or more" in message
