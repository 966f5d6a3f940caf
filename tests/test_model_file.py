import json
import pickle
import re
import struct
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from inknet.data import Dataset
from inknet.data.dataset import MOST_CLASSES, MOST_NAME_CHARACTERS
from inknet.errors import InputError
from inknet.exchange import read_state_dict
from inknet.model_file import LARGEST_HEADER, ModelFacts, load_model, save_model
from inknet.nn import Architecture, Network
from inknet.nn.ops import arena

FACTS = ModelFacts(("cat", "dög", "鳥"), (2, 2), light_background=True)


def make_network(dtype="float32"):
    architecture = Architecture([4, 5, 3], ["relu", "softmax"], [0.5, 1.0], "before")
    network = Network(architecture, np.random.default_rng(0), dtype)
    network.parameters += np.linspace(0, 1, network.n_parameters)
    network.statistics += np.linspace(0, 1, len(network.statistics))
    return network


@pytest.fixture
def path(tmp_path):
    """A sound model file."""
    file = tmp_path / "model.safetensors"
    save_model(file, make_network(), FACTS)
    return file


@pytest.fixture
def parts(path):
    """The tensors and the description of a sound model file, to be damaged."""
    with safe_open(path, framework="numpy") as file:
        description = json.loads(file.metadata()["inknet"])
    return load_file(path), description


def refusal(path):
    """Return the one line with which a file is refused; it names the file."""
    with pytest.raises(InputError) as caught:
        load_model(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message


# -- what is written is read --------------------------------------------------------------------


@st.composite
def networks(draw):
    dims = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    n_hidden = len(dims) - 1
    activations = st.sampled_from(["relu", "leaky_relu", "sigmoid", "tanh"])
    architecture = Architecture(
        [*dims, draw(st.integers(2, 6))],
        [*(draw(activations) for _ in range(n_hidden)), "softmax"],
        [*(draw(st.floats(0.01, 1)) for _ in range(n_hidden)), 1],
        draw(st.sampled_from(["none", "before", "after"])),
        draw(st.sampled_from(["he", "glorot", "normal"])),
        draw(st.floats(-1, 1)),
    )
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    network = Network(architecture, generator, draw(st.sampled_from(["float32", "float64"])))
    network.parameters += generator.normal(size=network.n_parameters)
    network.statistics += generator.uniform(size=len(network.statistics))
    return network


@given(networks(), st.booleans(), st.data())
@settings(max_examples=60, deadline=None)
def test_every_network_comes_back_bit_for_bit(network, light_background, data):
    n_features, *_, n_classes = network.architecture.layer_dims
    name = st.text(max_size=5).filter(str.isprintable)
    names = data.draw(st.lists(name, min_size=n_classes, max_size=n_classes, unique=True))
    shape = data.draw(st.sampled_from([None, (1, n_features)]))
    facts = ModelFacts(tuple(names), shape, light_background)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_model(path, network, facts)
        loaded, loaded_facts = load_model(path)
    assert loaded.architecture == network.architecture
    assert loaded.dtype == network.dtype
    assert loaded_facts == facts
    assert loaded.parameters.tobytes() == network.parameters.tobytes()
    assert loaded.statistics.tobytes() == network.statistics.tobytes()
    x = np.random.default_rng(0).normal(size=(3, n_features)).astype(network.dtype)
    assert_array_equal(loaded.infer(x), network.infer(x))


def guard_of(n_inputs, n_classes):
    architecture = Architecture([n_inputs, 6, n_classes], ["relu", "softmax"], [1, 1], "before")
    return Network(architecture, np.random.default_rng(9))


def test_a_guard_is_kept_in_the_same_file_and_older_versions_refuse_it(path):
    network = make_network()
    dims = network.architecture.layer_dims
    guard = guard_of(dims[0], dims[-1] + 1)
    x = np.random.default_rng(0).normal(size=(3, dims[0])).astype(np.float32)
    for dtype, places in ((None, 7), ("float16", 2)):
        save_model(path, network, replace(FACTS, guard=guard), dtype)
        _, facts = load_model(path)
        np.testing.assert_array_almost_equal(facts.guard.infer(x), guard.infer(x), places)
        with safe_open(path, framework="numpy") as file:
            assert json.loads(file.metadata()["inknet"])["format"] == 3
    save_model(path, network, FACTS)
    assert load_model(path)[1].guard is None


@pytest.mark.parametrize("change", [(1, 1), (0, 0), (0, 5)])
def test_a_guard_of_another_model_is_refused(path, change):
    network = make_network()
    dims = network.architecture.layer_dims
    guard = guard_of(dims[0] + change[0], dims[-1] + change[1])
    save_model(path, network, replace(FACTS, guard=guard))
    with pytest.raises(InputError, match=r"guard is damaged: it has \d+ inputs and \d+ classes"):
        load_model(path)


def test_the_file_is_a_pytorch_state_dict_to_any_reader_of_safetensors(path):
    network, tensors = make_network(), load_file(path)
    shapes = {name: array.shape for name, array in tensors.items()}
    assert shapes == {
        "layers.0.weight": (5, 4),  # (fan_out, fan_in)
        "layers.0.bias": (5,),
        "layers.1.weight": (5,),
        "layers.1.bias": (5,),
        "layers.1.running_mean": (5,),
        "layers.1.running_var": (5,),
        "layers.4.weight": (3, 5),
        "layers.4.bias": (3,),
    }
    assert_array_equal(tensors["layers.0.weight"], network.dense_layers[0].weight.T)
    assert_array_equal(tensors["layers.4.weight"], network.dense_layers[1].weight.T)


def test_the_description_is_json_that_a_person_can_read(parts):
    _, description = parts
    assert description["format"] == 1
    assert description["dtype"] == "float32"
    assert description["class_names"] == ["cat", "dög", "鳥"]
    assert description["image_shape"] == [2, 2]
    assert description["light_background"] is True
    assert description["architecture"] == {
        "layer_dims": [4, 5, 3],
        "activations": ["relu", "softmax"],
        "keep_probs": [0.5, 1.0],
        "batch_norm": "before",
        "initializer": "he",
        "bias_start": 0.01,
    }


def test_a_network_described_with_numpy_numbers_can_be_saved(tmp_path):
    architecture = Architecture(
        np.array([4, 3]), ["softmax"], np.ones(1, "f4"), bias_start=np.float32(0)
    )
    network = Network(architecture, np.random.default_rng(0))
    save_model(tmp_path / "m.safetensors", network, ModelFacts(("a", "b", "c")))
    assert load_model(tmp_path / "m.safetensors")[0].architecture == architecture


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_file_of_float16_holds_matrices_rounded_as_numpy_rounds_and_vectors_unchanged(
    tmp_path, dtype
):
    path, network = tmp_path / "half.safetensors", make_network(dtype)
    save_model(path, network, FACTS, dtype="float16")
    loaded, facts = load_model(path)
    assert (loaded.dtype, loaded.architecture, facts) == ("float32", network.architecture, FACTS)
    for name, array in network.tensors().items():
        kept = array.astype(np.float16) if array.ndim == 2 else array
        assert_array_equal(loaded.tensors()[name], kept.astype(np.float32))
    stored = {name: str(array.dtype) for name, array in load_file(path).items()}
    assert {stored[name] for name in ("layers.0.weight", "layers.4.weight")} == {"float16"}
    assert set(stored.values()) == {"float16", "float32"}


def test_a_file_of_float16_has_a_format_that_earlier_versions_refuse(tmp_path):
    path = tmp_path / "half.safetensors"
    save_model(path, make_network(), FACTS, dtype="float16")
    with safe_open(path, framework="numpy") as file:
        description = json.loads(file.metadata()["inknet"])
    assert (description["format"], description["dtype"]) == (3, "float16")
    # what neither format has is refused, rather than misread
    for change, words in (
        ({"format": 1}, "the description of the network is damaged: dtype is"),
        ({"format": 2}, "the description of the network is damaged: dtype is"),
        ({"dtype": "float32"}, "layers.0.weight is F16 (5, 4); expected F32 (5, 4)"),
    ):
        save_file(load_file(path), path, {"inknet": json.dumps(description | change)})
        assert words in refusal(path)


@pytest.mark.parametrize(
    ("dtype", "name", "limit"),
    [
        ("float32", "layers.0.weight", "65504"),
        ("float64", "layers.4.weight", "65504"),
        ("float64", "layers.1.running_var", "3.40282e+38"),
    ],
)
def test_numbers_too_large_for_a_file_of_float16_are_refused(tmp_path, dtype, name, limit):
    path, network = tmp_path / "half.safetensors", make_network(dtype)
    array = network.tensors()[name]
    array.flat[0] = float(limit)
    save_model(path, network, FACTS, dtype="float16")
    path.unlink()
    array.flat[0] = 1.01 * float(limit)
    with pytest.raises(InputError, match=f"as float16: {name} holds .* at most {re.escape(limit)}"):
        save_model(path, network, FACTS, dtype="float16")
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_small_type_is_refused(tmp_path):
    with pytest.raises(InputError, match="dtype is 'int8'; expected 'float16'"):
        save_model(tmp_path / "m.safetensors", make_network(), FACTS, dtype="int8")


def test_a_folder_is_read_as_the_run_that_it_holds(path):
    path.rename(path.with_name("model.safetensors"))
    assert load_model(path.parent)[1] == FACTS


# -- what is damaged is refused -----------------------------------------------------------------


def test_a_file_that_is_not_there(tmp_path):
    assert "no such model file" in refusal(tmp_path / "missing.safetensors")
    with pytest.raises(InputError, match=r"model\.safetensors: no such model file"):
        load_model(tmp_path)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 100, -1, -4, -100])
def test_a_truncated_file(path, length):
    path.write_bytes(path.read_bytes()[:length])
    assert "safetensors" in refusal(path)


def test_a_file_with_something_behind_its_end(path):
    path.write_bytes(path.read_bytes() + b"\0")
    assert "safetensors" in refusal(path)


@pytest.mark.parametrize("claim", [0, 1, 2**31, 2**63])
def test_a_header_of_the_wrong_length(path, claim):
    path.write_bytes(struct.pack("<Q", claim) + path.read_bytes()[8:])
    assert "safetensors" in refusal(path)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The bytes of a sound model file."""
    path = tmp_path_factory.mktemp("sound") / "model.safetensors"
    save_model(path, make_network(), FACTS)
    return path.read_bytes()


@given(data=st.data())
@settings(max_examples=250, deadline=None)
def test_whatever_byte_is_damaged_the_answer_is_a_network_or_one_line(sound, data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        content = bytearray(sound)
        # mostly in the header, where the damage can be clever
        place = data.draw(st.integers(0, data.draw(st.sampled_from([8, 1100, len(content) - 1]))))
        content[place] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
        try:
            network, facts = load_model(path)
        except InputError as error:
            assert "\n" not in str(error)
            assert str(error).startswith(f"{path}: ")
        else:
            assert np.isfinite(network.parameters).all()
            assert len(facts.class_names) == 3


def test_a_pickle_by_another_name_is_not_opened(tmp_path):
    class Harm:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "harm",))

    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps({"weights": Harm()}))
    assert "not a readable safetensors file" in refusal(path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    "metadata",
    [None, {}, {"other": "1"}, {"inknet": "no json"}, {"inknet": "[" * 100_000}],
    ids=["none", "empty", "foreign", "text", "nested"],
)
def test_a_file_of_someone_else(path, parts, metadata):
    save_file(parts[0], path, metadata)
    assert "not an inknet model" in refusal(path)


@pytest.mark.parametrize("version", [0, 5, "1", None])
def test_another_version_of_the_format(path, parts, version):
    tensors, description = parts
    save_file(tensors, path, {"inknet": json.dumps(description | {"format": version})})
    message = refusal(path)
    assert f"model format {version!r}" in message
    assert "reads 1, 2, 3, 4" in message


def test_a_temperature_is_kept_and_has_a_format_that_older_versions_refuse(path, parts):
    assert load_model(path)[1].temperature == 1
    tensors, description = parts
    del description["temperature"]  # as older versions write it
    save_file(tensors, path, {"inknet": json.dumps(description)})
    assert load_model(path)[1] == FACTS
    warm = replace(FACTS, temperature=0.1 + 0.2)
    save_model(path, make_network(), warm)
    assert load_model(path)[1] == warm
    with safe_open(path, framework="numpy") as file:
        assert json.loads(file.metadata()["inknet"])["format"] == 3


@pytest.mark.parametrize("temperature", [0.0, -2.0, float("nan"), 1e9])
def test_a_temperature_that_could_not_be_read_again_is_not_written(path, temperature):
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"cannot be written: temperature is"):
        save_model(path, make_network(), replace(FACTS, temperature=temperature))
    assert path.read_bytes() == before


def test_a_description_that_is_no_table(path, parts):
    save_file(parts[0], path, {"inknet": "[1, 2]"})
    assert "model format" in refusal(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dtype": "float16"}, "float16"),
        ({"dtype": ["float32"]}, "float32 or float64"),
        ({"architecture": None}, ""),
        ({"architecture": {}}, "layer_dims"),
        ({"class_names": ["a", "b"]}, "2 class names for 3 classes"),
        ({"class_names": 3}, ""),
        ({"image_shape": [2, 3]}, "image_shape [2, 3] does not hold 4 pixels"),
        ({"image_shape": [-2, -2]}, "image_shape [-2, -2]"),
        ({"image_shape": [4, True]}, "image_shape [4, True]"),
        ({"image_shape": [4]}, ""),
        ({"image_shape": 4}, ""),
        ({"temperature": 0.0}, "temperature is 0.0; expected a number from 0.01 to 100.0"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"temperature": float("inf")}, "temperature is inf"),
        ({"temperature": 1e30}, "temperature is 1e+30"),
        ({"temperature": 1}, "temperature is 1; expected"),
        ({"temperature": True}, "temperature is True"),
        ({"temperature": None}, "temperature is None"),
        ({"temperature": "1.0"}, "temperature is '1.0'"),
    ],
)
def test_a_description_with_something_wrong_in_it(path, parts, change, words):
    tensors, description = parts
    save_file(tensors, path, {"inknet": json.dumps(description | change)})
    message = refusal(path)
    assert "the description of the network is damaged" in message
    assert words in message


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a", "b", "a"], "two classes have the same name"),
        (["a", "b", "\x1b[2J"], "cannot be printed"),
        (["a", "b", 3], "not a list of names"),
        ("abc", "not a list of names"),
    ],
)
def test_names_of_classes_that_cannot_be_distinguished_or_printed(path, parts, names, words):
    tensors, description = parts
    save_file(tensors, path, {"inknet": json.dumps(description | {"class_names": names})})
    assert words in refusal(path)


@pytest.mark.parametrize(
    "names", [("a", "b", "a"), ("a", "b", "c\n"), ("a", "b", "c" * LARGEST_HEADER)]
)
def test_what_could_not_be_read_again_is_not_written(tmp_path, names):
    path = tmp_path / "model.safetensors"
    with pytest.raises(InputError, match="cannot be written"):
        save_model(path, make_network(), ModelFacts(names))
    assert list(tmp_path.iterdir()) == []


def test_networks_deeper_than_are_read_are_not_written(tmp_path):
    architecture = Architecture([2] * 1_002, ["relu"] * 1_000 + ["softmax"], [1.0] * 1_001)
    network = Network(architecture, None)
    with pytest.raises(InputError, match="1,001 layers, expected at most 1,000"):
        save_model(tmp_path / "model.safetensors", network, ModelFacts(("a", "b")))
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_does_not_fit_into_the_memory_is_refused(path, monkeypatch):
    state = path.with_name("state.safetensors")
    save_file(load_file(path), state)
    monkeypatch.setattr(arena, "memory", lambda: 64)
    for read in (lambda: load_model(path), lambda: read_state_dict(state)):
        with pytest.raises(InputError, match="parameters does not fit in memory"):
            read()


@pytest.mark.parametrize("character", ["a", "é", "字", "𝒳"])
def test_the_longest_names_that_data_may_have_are_written_and_read(tmp_path, character):
    n, width = MOST_CLASSES, MOST_NAME_CHARACTERS // MOST_CLASSES
    names = tuple(f"{number:04}".ljust(width, character) for number in range(n))
    data = Dataset(np.zeros((n, 1), np.uint8), np.arange(n), names, None, "here")
    network = Network(Architecture([1, n], ["softmax"], [1.0]), None)
    save_model(tmp_path / "model.safetensors", network, ModelFacts(data.class_names))
    assert load_model(tmp_path / "model.safetensors")[1].class_names == names


@pytest.mark.parametrize("key", ["dtype", "architecture", "class_names", "image_shape"])
def test_a_description_with_something_missing(path, parts, key):
    tensors, description = parts
    del description[key]
    save_file(tensors, path, {"inknet": json.dumps(description)})
    assert key in refusal(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"layer_dims": [4, -5, 3]}, "layer_dims"),
        ({"layer_dims": [4, 5.5, 3]}, "layer_dims"),
        ({"activations": ["__import__", "softmax"]}, "'__import__'"),
        ({"keep_probs": [float("nan"), 1]}, "keep_probs"),
        ({"bias_start": float("inf")}, "bias_start"),
        ({"batch_norm": "sideways"}, "'sideways'"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_an_impossible_architecture(path, parts, change, words):
    tensors, description = parts
    description["architecture"] |= change
    save_file(tensors, path, {"inknet": json.dumps(description)})
    assert words in refusal(path)


@pytest.mark.parametrize("width", [10**6, 10**9, 10**30])
def test_an_enormous_network_in_a_tiny_file_takes_no_memory(path, parts, width):
    tensors, description = parts
    description["architecture"]["layer_dims"] = [4, width, 3]
    save_file(tensors, path, {"inknet": json.dumps(description)})
    message = refusal(path)
    assert f"{(4 + 1 + 2 + 3) * width + 3:,} parameters" in message
    assert "bytes" in message


def test_another_architecture_than_that_of_the_arrays(path, parts):
    tensors, description = parts
    description["architecture"]["layer_dims"] = [4, 4, 3]
    save_file(tensors, path, {"inknet": json.dumps(description)})
    assert "expected F32" in refusal(path)


@pytest.mark.parametrize("name", ["layers.0.weight", "layers.1.running_var", "layers.4.bias"])
def test_an_array_is_missing(path, parts, name):
    tensors, description = parts
    tensors["padding"] = np.zeros(100, "f4")  # so that the file is large enough
    save_file(
        {key: array for key, array in tensors.items() if key != name},
        path,
        {"inknet": json.dumps(description)},
    )
    assert f"missing: {name}" in refusal(path)


def test_an_array_too_many(path, parts):
    tensors, description = parts
    tensors["layers.9.weight"] = np.zeros(3, "f4")
    save_file(tensors, path, {"inknet": json.dumps(description)})
    assert "no place for: layers.9.weight" in refusal(path)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 5), "f4"),  # the other way round
        np.zeros((5, 4), "f8"),
        np.zeros((5, 4), "i4"),
        np.zeros(20, "f4"),
        np.zeros((1, 5, 4), "f4"),
        np.zeros((), "f4"),
        np.zeros((0, 4), "f4"),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_an_array_of_the_wrong_shape_or_type(path, parts, wrong):
    tensors, description = parts
    tensors |= {"layers.0.weight": wrong}
    save_file(tensors, path, {"inknet": json.dumps(description | {"padding": "x" * 200})})
    message = refusal(path)
    assert "layers.0.weight is" in message
    assert "expected F32 (5, 4)" in message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["layers.0.weight", "layers.1.running_mean", "layers.4.bias"])
def test_values_that_are_not_finite(path, parts, name, value):
    tensors, description = parts
    tensors[name].flat[-1] = value
    save_file(tensors, path, {"inknet": json.dumps(description)})
    assert f"{name} holds values that are not finite numbers" in refusal(path)


def test_negative_variances(path, parts):
    tensors, description = parts
    tensors["layers.1.running_var"][2] = -1
    save_file(tensors, path, {"inknet": json.dumps(description)})
    assert "layers.1.running_var" in refusal(path)


def test_names_with_line_breaks_are_still_told_in_one_line(path, parts):
    tensors, description = parts
    description["architecture"] |= {"a\nb": 1}
    save_file(tensors, path, {"inknet": json.dumps(description)})
    refusal(path)
    del description["architecture"]["a\nb"]
    tensors["c\nd"] = np.zeros(1, "f4")
    save_file(tensors, path, {"inknet": json.dumps(description)})
    refusal(path)


def test_a_failed_save_leaves_the_old_file(path, monkeypatch):
    before = path.read_bytes()

    def full_disk(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.numpy.save_file", full_disk)
    with pytest.raises(InputError, match=r"model\.safetensors: cannot be written: No space left"):
        save_model(path, make_network(), FACTS)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_facts_are_plain_data():
    assert asdict(ModelFacts(("a", "b"))) == {
        "class_names": ("a", "b"),
        "image_shape": None,
        "light_background": None,
        "crop": None,
        "scale": None,
        "deslant": False,
        "temperature": 1.0,
        "feature_names": (),
        "guard": None,
    }
