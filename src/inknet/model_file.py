"""A trained model as one safetensors file: named weights, and how to rebuild the network.

The file holds only data: named arrays, and one JSON text under ``inknet`` in its metadata. The
format is that of https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inknet.errors import InputError, quoted
from inknet.files import write_whole
from inknet.nn.architecture import Architecture
from inknet.nn.network import Network

if TYPE_CHECKING:
    from safetensors import safe_open

FORMAT = 1
LARGEST_HEADER = 1 << 23  # bytes; room for 10,000 class names of 100 characters in any script
DEEPEST_NETWORK = 1_000  # layers; each takes far more memory than it needs bytes in a file
LARGEST_WIDTH = 10**36  # larger than any disk, but short enough to print in a message


@dataclass(frozen=True)
class ModelFacts:
    """What a model file says about the data, besides the weights.

    Attributes
    ----------
    class_names : tuple of str
        The name of each class; the position is the label.
    image_shape : (height, width) or None
        If its inputs are images.
    light_background : bool or None
        Whether those images are dark ink on a light background; None if it is not clear.
    pixels : bool or None
        Whether it was trained on uint8 pixels, scaled to 0–1, rather than on other numbers; None
        if it was not trained yet.
    """

    class_names: tuple[str, ...]
    image_shape: tuple[int, int] | None = None
    light_background: bool | None = None
    pixels: bool | None = None


def save_model(path: Path, network: Network, facts: ModelFacts) -> None:
    """Write network and facts to ``path``, whole or not at all."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    header = {
        "format": FORMAT,
        "dtype": network.dtype.name,
        "architecture": asdict(network.architecture),
        **asdict(facts),
    }
    tensors = {name: np.ascontiguousarray(array) for name, array in network.tensors().items()}
    metadata = {"inknet": json.dumps(header)}
    try:
        _check_extent(network.architecture)
        _class_names(list(facts.class_names))
        if 2 * len(metadata["inknet"]) > LARGEST_HEADER:
            raise ValueError("the names of the classes are too long")
    except ValueError as error:  # a file that cannot be read again would be lost
        raise InputError(f"{path}: cannot be written: {quoted(error)}") from None
    try:
        write_whole(path, lambda temporary: save_file(tensors, temporary, metadata))
    except SafetensorError as error:
        raise InputError(f"{path}: cannot be written: {error}") from None


def load_model(path: Path) -> tuple[Network, ModelFacts]:
    """Read what `save_model` wrote.

    Raises
    ------
    InputError
        Naming the file and what is wrong with it: missing, not safetensors, not written by inknet,
        or with arrays that do not fit the network it describes.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise InputError(f"{path}: no such model file")
    try:
        check_header_size(path)
        with safe_open(path, framework="numpy") as file:
            header = _read_header(path, file.metadata())
            architecture, facts = _described(path, header)
            network = _empty_network(path, architecture, header["dtype"])
            _fill(path, network, file)
    except SafetensorError as error:
        raise InputError(f"{path}: not a readable safetensors file: {quoted(error)}") from None
    except MemoryError:
        raise InputError(f"{path}: does not fit in memory") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    return network, facts


def check_header_size(path: Path) -> None:
    """Refuse a header that is larger than any that inknet writes, before parsing it."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
    if size > LARGEST_HEADER:
        raise InputError(
            f"{path}: not a readable safetensors file: its header claims {size:,} bytes, "
            f"expected at most {LARGEST_HEADER:,}"
        )


def _read_header(path: Path, metadata: dict[str, str] | None) -> dict[str, Any]:
    try:
        header = json.loads((metadata or {})["inknet"])
    except (KeyError, ValueError, RecursionError):
        raise InputError(f"{path}: not an inknet model: its metadata has no inknet entry") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        found = header.get("format") if isinstance(header, dict) else header
        raise InputError(
            f"{path}: model format {quoted(repr(found))}; this version of inknet reads {FORMAT}"
        )
    return header


def _described(path: Path, header: dict[str, Any]) -> tuple[Architecture, ModelFacts]:
    try:
        if header["dtype"] not in ("float32", "float64"):
            raise ValueError(f"dtype is {header['dtype']!r}; expected float32 or float64")
        architecture = Architecture(**header["architecture"])
        architecture.require_softmax()
        _check_extent(architecture)
        facts = ModelFacts(
            class_names=_class_names(header["class_names"]),
            image_shape=_image_shape(header["image_shape"], architecture.layer_dims[0]),
            light_background=_one_of(header, "light_background", (False, True, None)),
            pixels=_one_of(header, "pixels", (False, True, None)),
        )
        if len(facts.class_names) != architecture.layer_dims[-1]:
            raise ValueError(
                f"{len(facts.class_names)} class names for {architecture.layer_dims[-1]} classes"
            )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{path}: the description of the network is damaged: {quoted(error)}"
        ) from None
    return architecture, facts


def _check_extent(architecture: Architecture) -> None:
    """Refuse networks too large for any file, and those that fit a small file but no memory."""
    n_layers = len(architecture.layer_dims) - 1
    if n_layers > DEEPEST_NETWORK:
        raise ValueError(f"{n_layers:,} layers, expected at most {DEEPEST_NETWORK:,}")
    if max(architecture.layer_dims) > LARGEST_WIDTH:
        raise ValueError(f"a layer that is wider than {LARGEST_WIDTH:,}")


def _class_names(value: Any) -> tuple[str, ...]:
    """Return the names of the classes; they can be printed, and no two are the same."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("class_names is not a list of names")
    for name in value:
        if not name.isprintable():
            raise ValueError(f"the class name {name!a} cannot be printed")
    if len(set(value)) < len(value):
        raise ValueError("two classes have the same name")
    return tuple(value)


def _one_of(header: dict[str, Any], name: str, allowed: tuple[bool | None, ...]) -> Any:
    value = header[name]
    if not any(value is one for one in allowed):
        raise ValueError(f"{name} is {value!r}")
    return value


def _image_shape(value: Any, n_features: int) -> tuple[int, int] | None:
    if value is None:
        return None
    height, width = value
    whole = type(height) is int and type(width) is int
    if not (whole and height > 0 and height * width == n_features):
        raise ValueError(f"image_shape {value!r} does not hold {n_features} pixels")
    return height, width


def _empty_network(path: Path, architecture: Architecture, dtype: str) -> Network:
    """Build the network, after making sure that its file is large enough to fill it."""
    claimed = architecture.n_parameters * np.dtype(dtype).itemsize
    if claimed > path.stat().st_size:
        raise InputError(
            f"{path}: describes a network of {architecture.n_parameters:,} parameters, "
            f"but has only {path.stat().st_size:,} bytes"
        )
    try:
        return Network(architecture, None, dtype)
    except ValueError as error:  # it does not fit in memory
        raise InputError(f"{path}: {error}") from None


def _fill(path: Path, network: Network, file: safe_open) -> None:
    """Copy every array of the file into the network, once all are known to fit."""
    expected, found = network.tensors(), set(file.keys())
    if missing := sorted(expected.keys() - found):
        raise InputError(f"{path}: arrays are missing: {quoted(', '.join(missing))}")
    if unknown := sorted(found - expected.keys()):
        names = quoted(", ".join(unknown))
        raise InputError(f"{path}: arrays that the network has no place for: {names}")
    stored_type = {"float32": "F32", "float64": "F64"}[network.dtype.name]
    for name, target in expected.items():
        entry = file.get_slice(name)
        if tuple(entry.get_shape()) != target.shape or entry.get_dtype() != stored_type:
            raise InputError(
                f"{path}: {name} is {entry.get_dtype()} {tuple(entry.get_shape())}; "
                f"expected {stored_type} {target.shape}"
            )
        target[:] = file.get_tensor(name)
        if not np.isfinite(target).all():
            raise InputError(f"{path}: {name} holds values that are not finite numbers")
        if name.endswith(".running_var") and (target < 0).any():
            raise InputError(f"{path}: {name} holds variances below 0")
