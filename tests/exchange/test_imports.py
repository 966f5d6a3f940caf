"""Imported models predict in inknet what they predicted where they were trained."""

import time
from itertools import pairwise, permutations

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from safetensors.numpy import load_file, save_file
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPClassifier as Peer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from inknet import MLP, InputError, MLPClassifier
from inknet.errors import InputWarning
from inknet.exchange import export_onnx, from_sklearn, read_state_dict

X, y = load_iris(return_X_y=True)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# -- from scikit-learn --------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("estimator", [Peer, MLPClassifier])
def test_a_fitted_classifier_keeps_its_probabilities(activation, n_classes, estimator, tmp_path):
    rows = y < n_classes
    names = np.array(["setosa", "versicolor", "virginica"])[y[rows]]
    fitted = estimator((8, 5), activation, max_iter=20, random_state=0).fit(X[rows], names)
    with pytest.warns(InputWarning, match=r"predict answers with their positions, .*predict_names"):
        model = from_sklearn(fitted)
    assert_array_equal(model.predict_names(X), fitted.predict(X))
    assert_allclose(model.predict_proba(X), fitted.predict_proba(X), atol=1e-12)
    assert model.facts.class_names == tuple(fitted.classes_)
    model.save(tmp_path / "model.safetensors")
    loaded = MLP.load(tmp_path / "model.safetensors")
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("place", ["before", "after"])
def test_batch_normalization_of_inknets_classifier_is_kept(place):
    fitted = MLPClassifier((8,), batch_norm=place, max_iter=20, random_state=0).fit(X, y)
    assert_allclose(from_sklearn(fitted).predict_proba(X), fitted.predict_proba(X), atol=1e-12)


SCALERS = [
    [StandardScaler()],
    [StandardScaler(with_mean=False)],
    [StandardScaler(with_std=False)],
    [StandardScaler(with_mean=False, with_std=False)],
    [MinMaxScaler((-3, 7))],
    [MaxAbsScaler()],
    [RobustScaler(quantile_range=(10, 80), unit_variance=True)],
    [RobustScaler(with_centering=False)],
    [RobustScaler(with_scaling=False)],
    [MinMaxScaler(), "passthrough", RobustScaler(), StandardScaler()],
]


@pytest.mark.parametrize("scalers", SCALERS, ids=str)
@pytest.mark.parametrize("estimator", [Peer, MLPClassifier])
def test_the_scalers_of_a_pipeline_become_part_of_the_network(scalers, estimator, tmp_path):
    features = X * [1, 100, 1e-3, 5] + [0, 1000, 3, -7]
    features[:, 2] = 4.0  # a column that is constant, which scikit-learn does not divide
    classifier = estimator((8, 5), "tanh", max_iter=50, random_state=0)
    pipeline = make_pipeline(*scalers, classifier).fit(features, y)
    model = from_sklearn(pipeline)
    assert_allclose(model.predict_proba(features), pipeline.predict_proba(features), atol=1e-10)
    outer = make_pipeline(MinMaxScaler(), clone(pipeline)).fit(features, y)
    found = from_sklearn(outer).predict_proba(features)
    assert_allclose(found, outer.predict_proba(features), atol=1e-10)
    export_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (written,) = session.run(None, {"features": features.astype(np.float32)})
    assert_allclose(written, pipeline.predict_proba(features), atol=1e-3)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([PCA(2)], r"step 'pca' of the pipeline is PCA; expected StandardScaler, MinMaxScaler, Ma"),
        ([MinMaxScaler(clip=True)], r"a MinMaxScaler with clip=True is no product and sum"),
    ],
)
def test_other_steps_of_a_pipeline_are_refused_by_name(steps, message):
    pipeline = make_pipeline(*steps, Peer(max_iter=2)).fit(X, y)
    with pytest.raises(InputError, match=message):
        from_sklearn(pipeline)
    with pytest.raises(
        InputError, match="step 'robustscaler' of the pipeline, RobustScaler, is not"
    ):
        from_sklearn(make_pipeline(RobustScaler(), Peer()))
    with pytest.raises(InputError, match="Ridge has no coefs_"):
        from_sklearn(make_pipeline(RobustScaler(), Ridge()).fit(X, y))


def test_a_classifier_trained_on_scaled_pixels_takes_pixels():
    images = (np.random.default_rng(0).random((40, 16)) * 255).astype(np.uint8)
    labels = np.arange(40) % 3
    fitted = Peer((4,), max_iter=3, random_state=0).fit(images / 255, labels)
    model = from_sklearn(fitted, pixels=True, image_shape=(4, 4))
    assert_allclose(
        model.predict_proba(images.reshape(40, 4, 4)),
        fitted.predict_proba(images / 255),
        atol=1e-12,
    )
    with pytest.raises(InputError, match=r"image_shape \(4, 5\) does not hold 16 pixels"):
        from_sklearn(fitted, image_shape=(4, 5))


def test_anything_but_a_fitted_classifier_is_refused_in_one_line():
    with pytest.raises(InputError, match=r"MLPClassifier has no coefs_, .* expected a fitted"):
        from_sklearn(Peer())
    with pytest.raises(InputError, match="int has no coefs_"):
        from_sklearn(3)
    many = Peer((3,), max_iter=2).fit(*make_multilabel_classification(20, 4, random_state=0))
    with pytest.raises(InputError, match="any number of its 5 labels"):
        from_sklearn(many)


# -- state dicts --------------------------------------------------------------------------------------


def tensors(*names: str, batch_norm: bool = False) -> dict[str, np.ndarray]:
    """A network of 4-6-5-3, its linear layers (and normalizations) of these names."""
    generator, dims, found = np.random.default_rng(0), [4, 6, 5, 3], {}
    for number, (fan_in, fan_out) in enumerate(pairwise(dims)):
        name = names[number * (1 + batch_norm)]
        found[f"{name}.weight"] = generator.normal(size=(fan_out, fan_in)).astype(np.float32)
        found[f"{name}.bias"] = generator.normal(size=fan_out).astype(np.float32)
        if batch_norm and number < 2:
            norm = names[2 * number + 1]
            for part in ("weight", "bias", "running_mean"):
                found[f"{norm}.{part}"] = generator.normal(size=fan_out).astype(np.float32)
            found[f"{norm}.running_var"] = generator.uniform(0.5, 2, fan_out).astype(np.float32)
            found[f"{norm}.num_batches_tracked"] = np.array(7)
    return found


def expected_of(found, names, x, place):
    """Compute the probabilities by PyTorch's rules, with ReLU."""
    for number, name in enumerate(names):
        weight, bias = found[f"{name}.weight"], found[f"{name}.bias"]
        if f"{name}.running_mean" in found:
            x = (x - found[f"{name}.running_mean"]) / np.sqrt(found[f"{name}.running_var"] + 1e-5)
            x = x * weight + bias
            x = np.maximum(x, 0) if place == "before" else x
        else:
            x = x @ weight.T + bias
            if place in ("none", "after") and number < len(names) - 1:
                x = np.maximum(x, 0)
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    "names",
    [
        ("0", "2", "4"),
        ("layers.0", "layers.3", "layers.12"),
        ("net.2", "net.9", "net.10"),
        ("fc1", "fc2", "fc10"),
        ("model.body.0.linear", "model.body.1.linear", "model.head"),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_linear_layers_are_read_in_the_order_of_their_names(names, dtype, tmp_path):
    found = {name: array.astype(dtype) for name, array in tensors(*names).items()}
    save_file(found, tmp_path / "state.safetensors")
    model = read_state_dict(tmp_path / "state.safetensors", class_names=["a", "b", "c"])
    assert model.network.dtype == (np.float64 if dtype == np.float64 else np.float32)
    x = X.astype(model.network.dtype)
    wide = {name: array.astype(np.float64) for name, array in found.items()}
    assert_allclose(model.predict_proba(x), expected_of(wide, names, x, "none"), atol=1e-5)
    assert model.facts.class_names == ("a", "b", "c")


@pytest.mark.parametrize("place", ["before", "after"])
def test_batch_normalization_is_read_too(place, tmp_path):
    names = ("net.0", "net.1", "net.3", "net.4", "net.6")
    found = tensors(*names, batch_norm=True)
    save_file(found, tmp_path / "state.safetensors")
    model = read_state_dict(tmp_path / "state.safetensors", batch_norm=place)
    x = X.astype(np.float32)
    assert_allclose(model.predict_proba(x), expected_of(found, names, x, place), atol=1e-5)


# -- the order of layers


def chain(names, widths):
    """Return a state dict whose layers, from input to output, have these names and widths."""
    generator, found, width = np.random.default_rng(0), {}, widths[0]
    following = iter(widths[1:])
    for name in names:
        if "bn" in name or "norm" in name:
            for part in ("weight", "bias", "running_mean"):
                found[f"{name}.{part}"] = generator.normal(size=width).astype(np.float32)
            found[f"{name}.running_var"] = generator.uniform(0.5, 2, width).astype(np.float32)
            continue
        fan_in, width = width, next(following)
        found[f"{name}.weight"] = generator.normal(size=(width, fan_in)).astype(np.float32)
        found[f"{name}.bias"] = generator.normal(size=width).astype(np.float32)
    return found


def outputs_of(found, names, n_features):
    x = np.random.default_rng(1).normal(size=(20, n_features)).astype(np.float32)
    return x, expected_of(found, names, x, "before" if any("bn" in n for n in names) else "none")


@pytest.mark.parametrize(
    ("names", "widths"),
    [
        # words: the alphabet would give another order; the shapes allow only this one
        ("input hidden output", [4, 6, 5, 3]),
        ("second first third", [4, 6, 5, 3]),
        ("zeta alpha", [4, 6, 3]),
        ("fc1 head", [4, 6, 3]),
        ("stem block body", [4, 6, 6, 3]),
        # numbers, and words between which only one order fits
        ("fc1 fc2 fc3 a_head", [4, 6, 6, 6, 3]),
        ("input fc1 fc2 fc3 out", [4, 6, 6, 6, 6, 3]),
        ("fc8 fc9 fc10 fc11", [6, 6, 6, 6, 6]),
        ("fc2 fc10 fc64", [4, 6, 5, 3]),
        ("module.model.fc1 module.model.fc2 module.model.fc3", [6, 6, 6, 6]),
        ("0 2 10", [6, 6, 6, 6]),
        # several numbers
        ("blocks.0.linear1 blocks.0.linear2 blocks.1.linear1 blocks.1.linear2", [6] * 5),
        ("conv1.fc conv2.fc conv3.fc", [6, 6, 6, 6]),
        ("conv1.fc fc2 fc3", [4, 6, 6, 3]),
        ("layer1_6 layer2_6 layer3_6", [6, 6, 6, 6]),
        # numbers that are no positions
        ("fc512 fc128 fc10", [4, 6, 5, 3]),
        ("w6_5 w5_4 w4_3", [6, 5, 4, 3]),
        ("fc10 fc2", [4, 6, 3]),
        # two containers: the second one comes first in the alphabet
        ("features.0 features.2 classifier.0 classifier.2", [4, 6, 5, 7, 3]),
        # batch normalization
        ("fc1 bn1 fc2 bn2 fc3", [4, 6, 6, 3]),
        ("fc1 bn1 fc2 bn2 fc3", [6, 6, 6, 6]),
        ("layers.0 bns.0 layers.1 bns.1 out", [4, 6, 6, 3]),
        ("net.0 net.1_bn net.3 net.4_bn net.6", [4, 6, 5, 3]),
        ("stem a_bn body z_bn head", [4, 6, 5, 3]),
    ],
)
def test_layers_are_in_the_order_that_numbers_and_shapes_give(names, widths, tmp_path):
    names = names.split()
    found = chain(names, widths)
    save_file(dict(sorted(found.items())), tmp_path / "state.safetensors")
    x, expected = outputs_of(found, names, widths[0])
    model = read_state_dict(tmp_path / "state.safetensors")
    assert_allclose(model.predict_proba(x), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("names", "widths"),
    [
        ("input hidden output", [6, 6, 6, 6]),
        ("first second third fourth", [4, 6, 6, 6, 3]),
        ("fc1 fc2 output", [6, 6, 6, 6]),
        ("a1 a2 b1 b2", [4, 6, 6, 6, 3]),
        ("features.0 features.2 classifier.0 classifier.2", [6, 6, 6, 6, 6]),
        ("fc1_2 fc2_1 fc3_3", [6, 6, 6, 6]),
        ("fc10 fc2", [6, 6, 6]),
        ("fc256 fc64 fc16", [4, 6, 6, 6]),
        ("dense dense_1 dense_2", [6, 6, 6, 6]),
        ("fc1 fc01", [6, 6, 6]),
        ("encoder decoder", [6, 3, 6]),
        # the normalization may be one of the inputs, or of the outputs
        ("fc1 bn fc2", [6, 6, 3]),
        ("fc1 bn fc2", [4, 3, 3]),
        ("fc1 bn0 fc2", [6, 6, 3]),
        ("fc1 bn_b fc2 bn_a fc3", [4, 6, 6, 3]),
    ],
)
def test_where_several_orders_fit_the_right_one_must_be_given(names, widths, tmp_path):
    names = names.split()
    found = chain(names, widths)
    save_file(found, tmp_path / "state.safetensors")
    with pytest.raises(InputError, match="--order") as caught:
        read_state_dict(tmp_path / "state.safetensors")
    assert str(caught.value).endswith(": " + ", ".join(sorted(names)))
    assert "\n" not in str(caught.value)
    x, expected = outputs_of(found, names, widths[0])
    model = read_state_dict(tmp_path / "state.safetensors", order=names)
    assert_allclose(model.predict_proba(x), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (["a", "b"], "order is a, b; expected each of these once: a, b, c"),
        (["a", "b", "c", "d"], "order is a, b, c, d; expected each of these once: a, b, c"),
        (["a", "b", "b"], "order is a, b, b; expected each of these once: a, b, c"),
        (["c", "b", "a"], r"b.weight is \(6, 5\); expected \(6, 6\)"),
    ],
)
def test_an_order_that_does_not_fit_is_refused(order, message, tmp_path):
    found = chain(["a", "b", "c"], [4, 5, 6, 6])
    save_file(found, tmp_path / "state.safetensors")
    with pytest.raises(InputError, match=message):
        read_state_dict(tmp_path / "state.safetensors", order=order)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (chain(["body", "actor"], [4, 6, 3]) | chain(["critic"], [6, 2]), "in no order does each"),
        (chain(["bn0", "fc1", "fc2"], [6, 6, 3]), "several orders fit"),
        ({**chain(["x"], [4, 4]), **chain(["bn"], [4])}, "in no order does each"),
    ],
)
def test_what_is_no_chain_of_layers_is_refused(state, message, tmp_path):
    save_file(state, tmp_path / "state.safetensors")
    with pytest.raises(InputError, match=message):
        read_state_dict(tmp_path / "state.safetensors")


def test_normalization_before_the_first_layer_of_a_sequence_is_refused(tmp_path):
    found = chain(["1", "2"], [6, 6, 3])
    norm = {name.replace("bn", "0"): array for name, array in chain(["bn"], [6]).items()}
    save_file(found | norm, tmp_path / "state.safetensors")
    with pytest.raises(InputError, match=r"0.weight is batch normalization number 1, after 0"):
        read_state_dict(tmp_path / "state.safetensors")


@given(st.lists(st.integers(1, 3), min_size=3, max_size=6), st.randoms())
@settings(max_examples=60, deadline=None)
def test_an_order_is_found_exactly_where_all_others_fail(tmp_path_factory, widths, random):
    """All orders of layers named by letters are tried here, one by one."""
    widths = [*widths, 3]
    names = list("abcdefg"[: len(widths) - 1])
    random.shuffle(names)
    found = chain(names, widths)
    path = tmp_path_factory.mktemp("state") / "state.safetensors"
    save_file(found, path)
    fitting = [
        order
        for order in permutations(names)
        if all(
            found[f"{one}.weight"].shape[0] == found[f"{other}.weight"].shape[1]
            for one, other in pairwise(order)
        )
    ]
    if len(fitting) > 1:
        with pytest.raises(InputError, match="several orders fit"):
            read_state_dict(path)
    else:
        x, expected = outputs_of(found, names, widths[0])
        assert_allclose(read_state_dict(path).predict_proba(x), expected, atol=1e-5)


@pytest.mark.parametrize(("n_layers", "n_widths"), [(900, 1), (900, 2), (900, 3), (100, 101)])
@pytest.mark.parametrize("in_vain", [False, True])
def test_hundreds_of_layers_without_numbers_are_ordered_or_refused_at_once(
    n_layers, n_widths, in_vain, tmp_path
):
    names = [chr(0x4E00 + i) for i in range(n_layers)]
    widths = [2 + i % n_widths for i in range(n_layers + 1)]
    found = chain(names, widths) | (chain(["apart"], [1, 1]) if in_vain else {})
    save_file(found, tmp_path / "state.safetensors")
    start = time.process_time()
    if n_widths <= n_layers or in_vain:
        with pytest.raises(InputError, match=r"several orders fit|in no order"):
            read_state_dict(tmp_path / "state.safetensors")
    else:
        read_state_dict(tmp_path / "state.safetensors")
    assert time.process_time() - start < 2


def test_a_model_file_of_inknet_is_read_with_its_own_description(tmp_path):
    model = MLP([4, 5, 3], ["tanh", "softmax"], class_names=["x", "y", "z"])
    model.save(tmp_path / "model.safetensors")
    read = read_state_dict(tmp_path / "model.safetensors")
    assert_array_equal(read.network.parameters, model.network.parameters)
    assert (read.network.architecture, read.facts) == (model.network.architecture, model.facts)


def test_a_file_that_inknet_wrote_is_read_by_its_tensor_names_alone(tmp_path):
    model = MLP([4, 5, 3], ["tanh", "softmax"], [0.5, 1.0], batch_norm="before", dtype="float64")
    model.save(tmp_path / "model.safetensors")
    save_file(load_file(tmp_path / "model.safetensors"), tmp_path / "state.safetensors")
    read = read_state_dict(tmp_path / "state.safetensors", activation="tanh")
    assert_array_equal(read.predict_proba(X), model.predict_proba(X))


def changed(**changes):
    found = tensors("0", "2", "4")
    for name, array in changes.items():
        if array is None:
            del found[name.replace("_", ".")]
        else:
            found[name.replace("_", ".")] = array
    return found


ZEROS = np.zeros((3, 3), np.float32)


@pytest.mark.parametrize("place", ["before", "after"])
def test_linear_layers_may_lack_a_bias_where_normalization_has_one(place, tmp_path):
    found = tensors("0", "1", "3", "4", "6", batch_norm=True)
    for name in ("0.bias", "3.bias"):
        found[name][:] = 0
    save_file(found, tmp_path / "zeros.safetensors")
    without = {name: array for name, array in found.items() if name not in ("0.bias", "3.bias")}
    save_file(without, tmp_path / "without.safetensors")
    rows = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    read = [
        read_state_dict(tmp_path / f"{name}.safetensors", batch_norm=place).predict_proba(rows)
        for name in ("zeros", "without")
    ]
    assert_array_equal(*read)
    del without["6.bias"]
    save_file(without, tmp_path / "none.safetensors")
    found["6.bias"][:] = 0
    save_file(found, tmp_path / "zeros.safetensors")
    read = [
        read_state_dict(tmp_path / f"{name}.safetensors", batch_norm=place).predict_proba(rows)
        for name in ("zeros", "none")
    ]
    assert_array_equal(*read)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (changed(**{"2_bias": None}), "tensors are missing: 2.bias"),
        (changed(**{"2_weight": None}), "tensors are missing: 2.weight"),
        (changed(**{"2_weight": None, "2_bias": None}), r"4.weight is \(3, 5\); expected \(3, 6\)"),
        (
            changed(**{"3_running.mean": ZEROS[0]}),
            "tensors that are not part of a linear layer or .*: 3.running.mean",
        ),
        (
            changed(scale=ZEROS),
            "tensors that are not part of a linear layer or batch normalization: scale",
        ),
        (changed(**{"6_weight": ZEROS}), "tensors are missing: 6.bias"),
        (
            changed(**{"0_weight": ZEROS[None]}),
            r"0.weight is \(1, 3, 3\); expected \(fan_out, fan_in\)",
        ),
        (changed(**{"2_bias": ZEROS[0]}), r"2.bias is \(3,\); expected \(5,\)"),
        (changed(**{"2_weight": ZEROS}), r"2.weight is \(3, 3\); expected \(3, 6\)"),
        (changed(**{"2_bias": np.full(5, np.nan, np.float32)}), "2.bias holds values that are not"),
        (changed(**{"2_bias": np.zeros(5, np.int64)}), "2.bias is I64; expected F32, F64, F16"),
        ({"a.num_batches_tracked": ZEROS}, "has no linear layer"),
        ({"w.weight": ZEROS[:1], "w.bias": ZEROS[0, :1]}, "layer_dims ends with 1; expected 2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_tensors_that_are_missing_unknown_or_misshapen_are_named(found, message, tmp_path):
    save_file(found, tmp_path / "state.safetensors")
    with pytest.raises(InputError, match=message) as caught:
        read_state_dict(tmp_path / "state.safetensors")
    assert str(caught.value).startswith(str(tmp_path / "state.safetensors"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"1.running_var": None}, "tensors are missing: 1.running_var"),
        ({"1.running_mean": ZEROS[0]}, r"1.running_mean is \(3,\); expected \(6,\)"),
        ({"1.running_var": -np.ones(6, np.float32)}, "1.running_var holds variances below 0"),
        (
            dict.fromkeys([f"4.{p}" for p in ("weight", "bias", "running_mean", "running_var")]),
            "1 batch",
        ),
        (
            {f"7.{p}": ZEROS[0] for p in ("weight", "bias", "running_mean", "running_var")},
            "3 batch normalizations for 2 hidden",
        ),
    ],
)
def test_batch_normalization_that_does_not_fit_is_named(change, message, tmp_path):
    found = tensors("0", "1", "3", "4", "6", batch_norm=True) | change
    save_file({n: a for n, a in found.items() if a is not None}, tmp_path / "state.safetensors")
    with pytest.raises(InputError, match=message):
        read_state_dict(tmp_path / "state.safetensors")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": "gelu"}, "activations is 'gelu'; expected one of relu"),
        ({"class_names": ["a", "b"]}, "2 different class names; expected 3"),
        ({"class_names": ["a", "b", "b"]}, "2 different class names; expected 3"),
        ({"image_shape": (3, 3)}, "an image of 3×3 does not have 4 pixels"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message, tmp_path):
    save_file(tensors("0", "2", "4"), tmp_path / "state.safetensors")
    with pytest.raises(InputError, match=message):
        read_state_dict(tmp_path / "state.safetensors", **settings)


@pytest.mark.parametrize("start", [b"PK\3\4", b"\x80\4\x95"])
def test_a_pickle_is_not_opened_and_the_message_says_what_to_do(start, tmp_path):
    (tmp_path / "model.pt").write_bytes(start + bytes(100))
    with pytest.raises(
        InputError, match=r"looks like a pickle, .*from_sklearn\(classifier\)\.save"
    ):
        read_state_dict(tmp_path / "model.pt")


def test_a_missing_file_or_one_of_another_format_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_state_dict(tmp_path / "state.safetensors")
    (tmp_path / "state.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0[]")
    with pytest.raises(InputError, match="not a readable safetensors file"):
        read_state_dict(tmp_path / "state.safetensors")
