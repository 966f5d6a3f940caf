"""The readers of inknet, each as one function of one path, for the tests with damaged files."""

from __future__ import annotations

import gzip
import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Reader:
    """One reader.

    Attributes
    ----------
    file_name
        The name that the file must have.
    read
        Called with the path; it may raise only InputError.
    prepare
        Called once with the folder, to write the other files that the reader needs.
    wrap
        Makes the file from an input, for readers whose outer format would refuse most inputs.
    in_python
        Whether the reader is written in Python, so that coverage can guide the fuzzer.
    """

    file_name: str
    read: Callable[[Path], object]
    prepare: Callable[[Path], object] = lambda folder: None
    wrap: Callable[[bytes], bytes] = bytes
    in_python: bool = True


def idx_bytes(values: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + bytes(values)


def npy_bytes(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


def npz_bytes(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content)
    return file.getvalue()


def safetensors_bytes(description: str, header: dict[str, object] | None = None) -> bytes:
    """Return a model file of a 4-3-2 network with this description, and another header if given."""
    start, tensors, values = 0, {}, []
    shapes = {"layers.0.weight": [3, 4], "layers.0.bias": [3]}
    shapes |= {"layers.3.weight": [2, 3], "layers.3.bias": [2]}
    for number, (name, shape) in enumerate(shapes.items()):
        value = np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32) + number
        end = start + value.nbytes
        tensors[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
        values.append(value.tobytes())
        start = end
    header = {"__metadata__": {"inknet": description}, **tensors} if header is None else header
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(values)


STATE = {"net.0.weight": [3, 4], "net.0.bias": [3], "net.2.weight": [2, 3], "net.2.bias": [2]}


def state_dict_bytes(header: str) -> bytes:
    """Return a state dict of a 4-3-2 network: this header and always the same values."""
    values = np.linspace(-1, 1, 23, dtype=np.float32).tobytes()
    text = header.encode()
    return struct.pack("<Q", len(text)) + text + values


def state_dict_header() -> str:
    """Return the right header for these values."""
    tensors, start = {}, 0
    for name, shape in STATE.items():
        end = start + 4 * int(np.prod(shape))
        tensors[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
        start = end
    return json.dumps(tensors)


DESCRIPTION = {
    "format": 1,
    "dtype": "float32",
    "architecture": {
        "layer_dims": [4, 3, 2],
        "activations": ["relu", "softmax"],
        "keep_probs": [0.5, 1.0],
        "batch_norm": "none",
        "initializer": "he",
        "bias_start": 0.01,
    },
    "class_names": ["no", "yes"],
    "image_shape": [2, 2],
    "light_background": False,
    "pixels": True,
}
METRICS = {
    "format": 1,
    "recipe": "digits",
    "seed": 0,
    "test": {"accuracy": 0.5, "loss": 0.7, "samples": 2, "errors": 1},
    "validation": {"accuracy": 0.5, "loss": 0.7},
    "training": {"seconds": 1.5, "epochs": 2, "best_epoch": None, "stopped": "finished"},
    "data": {"source": "sample", "train": 8, "validation": 1, "test": 1},
}


def _read_idx(path: Path) -> None:
    from inknet.data import load
    from inknet.data.idx import read_values
    from inknet.errors import InputError

    for n_dimensions in (1, 3):
        try:
            read_values(path, n_dimensions).sum()
        except InputError as error:
            check_message(error)
    load(path).targets.sum()


def _label_six(folder: Path) -> None:
    labels = np.arange(6, dtype=np.uint8) % 3
    (folder / "labels-idx1-ubyte").write_bytes(idx_bytes(labels))


def _load(path: Path) -> None:
    from inknet.data import load

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        dataset = load(path)
    for assumed in said:
        check_message(assumed.message)
    assert np.isfinite(dataset.features).all()
    assert dataset.targets.max() < dataset.n_classes


def _read_image(path: Path) -> None:
    from inknet.data.images import fit_image, read_image, read_image_shape

    shape = read_image_shape(path)
    assert fit_image(read_image(path)).shape == (28, 28)
    assert min(shape) > 0


def _read_photo(path: Path) -> None:
    from inknet.photo.reading import read

    def recognize(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        assert images.shape[1:] == (28, 28)
        sure = np.ones(len(images))
        return np.eye(10)[np.zeros(len(images), int)], sure, sure

    fitting = {"shape": (28, 28), "light_background": False, "crop": True}
    reading = read(path, fitting, "0123456789", recognize)
    assert min(reading.shape) > 0


def _read_model(path: Path) -> None:
    from inknet import MLP

    model = MLP.load(path)
    assert np.isfinite(model.network.parameters).all()
    n_features = model.network.architecture.layer_dims[0]
    model.predict_proba(np.zeros((1, n_features), np.uint8 if model.facts.pixels else np.float32))


def _read_state_dict(path: Path) -> None:
    from inknet.exchange import read_state_dict

    model = read_state_dict(path)
    assert np.isfinite(model.network.parameters).all()
    n_features = model.network.architecture.layer_dims[0]
    model.predict_proba(np.zeros((1, n_features), np.uint8 if model.facts.pixels else np.float32))


def _read_recipe(path: Path) -> None:
    from inknet.recipes import load_recipe

    recipe = load_recipe(str(path))
    path.write_text(recipe.to_toml(), "utf-8", newline="\n")
    assert load_recipe(str(path)) == recipe


def _make_run(folder: Path) -> None:
    (folder / "recipe.toml").write_text("seed = 1\n")
    (folder / "model.safetensors").write_bytes(safetensors_bytes(json.dumps(DESCRIPTION)))


def _read_metrics(path: Path) -> None:
    from inknet.cli.runs import runs
    from inknet.runs import Run

    try:
        Run.open(path.parent).metrics  # noqa: B018
    finally:
        runs(path.parent.parent)  # this skips runs that it cannot read


def check_message(error: Exception | str) -> None:
    """Check that the message of a refusal is one printable line."""
    message = str(error)
    assert message.isprintable(), f"the message cannot be printed as it is: {message!a}"
    assert len(message) < 2000, f"the message has {len(message):,} characters"


READERS = {
    "idx": Reader("images-idx3-ubyte", _read_idx, _label_six),
    "idx_packed": Reader(
        "images-idx3-ubyte.gz", _read_idx, _label_six, lambda data: gzip.compress(data, 1, mtime=0)
    ),
    "csv": Reader("data.csv", _load),
    "npz": Reader("data.npz", _load),
    "npz_array": Reader(
        "data.npz",
        _load,
        wrap=lambda data: npz_bytes(X=data, y=npy_bytes(np.arange(6) % 3)),
    ),
    "image": Reader("picture.png", _read_image, in_python=False),
    "photo": Reader("picture.png", _read_photo, in_python=False),
    "model": Reader("model.safetensors", _read_model, in_python=False),
    "model_description": Reader(
        "model.safetensors",
        _read_model,
        wrap=lambda data: safetensors_bytes(data.decode("utf-8", "replace")),
    ),
    "state_dict": Reader(
        "state.safetensors",
        _read_state_dict,
        wrap=lambda data: state_dict_bytes(data.decode("utf-8", "replace")),
    ),
    "recipe": Reader("recipe.toml", _read_recipe),
    "metrics": Reader("metrics.json", _read_metrics, _make_run),
}
