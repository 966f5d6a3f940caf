"""A trained model as one safetensors file: named weights, and how to rebuild the network.

The file holds only data: named arrays, and one JSON text under ``inknet`` in its metadata. The
format is that of https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from inknet.errors import InputError, printable, quoted
from inknet.files import refuse_link_out_of, refuse_other_format, write_whole
from inknet.nn.architecture import Architecture
from inknet.nn.network import Network
from inknet.scale import PIXELS, Deslanting, Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safetensors import safe_open

FORMATS = (1, 2, 3, 4)
"""Written for models of pixels or unchanged numbers; for those with another full scale; for those
with what inknet 0.2 did not know, whatever their scale: weights of float16, a temperature, the
names of columns, a guard; and for those whose images are deslanted.

Versions up to 0.2 read the first alone: they would not divide by another full scale, and know no
temperature, so they would give other probabilities.
"""
STORED = {"float16": "F16", "float32": "F32", "float64": "F64"}
"""The types of weights in files, as inknet and safetensors call them. float16 is read as float32;
only matrices are stored so. The vectors, which are few, stay float32: variances may be any size."""
GUARD = "guard."
"""Comes before the names of the guard's arrays."""
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.01, 100.0
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
    crop : bool or None
        Whether a picture of another size is cropped to its ink, as those of MNIST, rather than
        resized whole, as those without a clear background; None if it is not known.
    scale : Scale or None
        What the features that it learned from were divided by; None if it was not trained yet.
    temperature : float
        What logits are divided by before they become probabilities; see
        `inknet.training.temperature`.
    feature_names : tuple of str
        The names of the columns that it learned from, or none.
    guard : Network or None
        A network that tells characters from all else, see `inknet.photo.others`. Its classes are
        those of the model, and one more for images that are no character.
    deslant : bool
        Whether images are deslanted before the network gets them, see `inknet.scale.deslanting`.
    """

    class_names: tuple[str, ...]
    image_shape: tuple[int, int] | None = None
    light_background: bool | None = None
    crop: bool | None = None
    scale: Scale | None = None
    temperature: float = 1.0
    feature_names: tuple[str, ...] = ()
    guard: Network | None = field(default=None, compare=False)
    deslant: bool = False

    @property
    def pixels(self) -> bool | None:
        """Whether it learned from pixels of 0 to 255; None if it was not trained yet."""
        return None if self.scale is None else self.scale.full == PIXELS.full

    @property
    def upright(self) -> Deslanting | None:
        """How images are deslanted; None if they are not."""
        if not self.deslant or self.image_shape is None:
            return None
        return Deslanting(self.image_shape, bool(self.light_background))

    @property
    def fitting(self) -> dict[str, Any] | None:
        """Arguments of `inknet.photo.reading.picture_reader`; None if it cannot read pictures."""
        if self.image_shape is None or self.scale is None or not self.scale.holds_pictures:
            return None
        return {
            "shape": self.image_shape,
            "light_background": self.light_background,
            "crop": self.crop is not False,
        }


def save_model(
    path: Path, network: Network, facts: ModelFacts, dtype: Literal["float16"] | None = None
) -> None:
    """Write network and facts to ``path``, whole or not at all.

    With the dtype ``float16`` the matrices of weights are rounded to it, and take half the space.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    refuse_other_format(path, ".safetensors")
    check_layers(network)
    if dtype not in (None, "float16"):
        raise InputError(f"dtype is {dtype!r}; expected 'float16', or None for {network.dtype}")
    has_other_scale = facts.scale is not None and facts.scale.full not in (1, PIXELS.full)
    is_new = dtype or facts.guard or facts.feature_names or facts.temperature != 1
    networks = {"": network, **({GUARD: facts.guard} if facts.guard else {})}
    header = {
        "format": FORMATS[3 if facts.deslant else 2 if is_new else int(has_other_scale)],
        "dtype": dtype or network.dtype.name,
        "architecture": asdict(network.architecture),
        **asdict(replace(facts, guard=None)),
        "guard": asdict(facts.guard.architecture) if facts.guard else None,
        "pixels": facts.pixels,  # all that versions up to 0.2 know of the scale
    }
    tensors = {
        prefix + name: np.ascontiguousarray(_half(path, name, array) if dtype else array)
        for prefix, one in networks.items()
        for name, array in one.tensors().items()
    }
    metadata = {"inknet": json.dumps(header)}
    check_class_names(facts.class_names, f"{path}: cannot be written")
    try:
        _temperature(facts.temperature)
        _check_extent(network.architecture)
    except ValueError as error:  # a file that cannot be read again would be lost
        raise InputError(f"{path}: cannot be written: {quoted(error)}") from None
    try:
        write_whole(path, lambda temporary: save_file(tensors, temporary, metadata))
    except SafetensorError as error:
        raise InputError(f"{path}: cannot be written: {error}") from None


def _half(path: Path, name: str, array: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return a matrix as float16 and a vector as float32, if they can hold its numbers."""
    small: NDArray[np.floating]
    with np.errstate(over="ignore"):
        small = array.astype(np.float16 if array.ndim == 2 else np.float32)
    if not np.array_equal(np.isfinite(small), np.isfinite(array)):
        raise InputError(
            f"{path}: cannot be written as float16: {name} holds {np.abs(array).max():g}; "
            f"expected at most {np.finfo(small.dtype).max:g}"
        )
    return small


def check_layers(network: Network) -> None:
    """Raise `InputError` if a file or a copy, made from the architecture, would lose layers."""
    expected = network.architecture.layers()
    if repr(network.layers) != repr(expected):
        raise InputError(
            f"the network has the layers {network.layers}, and its architecture has {expected}; "
            "neither a file nor a copy can hold others"
        )


def check_class_names(names: Sequence[str], where: str) -> None:
    """Raise `InputError` if a model file with these names could not be read again.

    That is known before the training, which would otherwise be lost.
    """
    try:
        _class_names(list(names))
        # twice: they are written as JSON within JSON; the rest of the header takes far less
        if 2 * len(json.dumps(list(names))) > LARGEST_HEADER - (1 << 20):
            raise ValueError("the names of the classes are too long")
    except ValueError as error:
        raise InputError(f"{where}: {quoted(error)}") from None


def load_model(path: Path) -> tuple[Network, ModelFacts]:
    """Read what `save_model` wrote, or the model of a run folder.

    Raises
    ------
    InputError
        Naming the file and what is wrong with it: missing, not safetensors, not written by inknet,
        or with arrays that do not fit the network it describes.
    """
    from safetensors import SafetensorError, safe_open

    if path.is_dir():
        path, folder = path / "model.safetensors", path
        refuse_link_out_of(folder, path)
    if not path.is_file():
        raise InputError(f"{path}: no such model file")
    try:
        check_header_size(path)
        with safe_open(path, framework="numpy") as file:
            header = _read_header(path, file.metadata())
            architecture, facts = _described(path, header)
            networks = {"": _empty_network(path, architecture, header["dtype"])}
            if (guard := _guard_of(path, header, architecture)) is not None:
                networks[GUARD] = _empty_network(path, guard, header["dtype"])
            _fill(path, networks, file, header["dtype"])
    except SafetensorError as error:
        raise InputError(f"{path}: not a readable safetensors file: {quoted(error)}") from None
    except MemoryError:
        raise InputError(f"{path}: does not fit in memory") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    return networks[""], replace(facts, guard=networks.get(GUARD))


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
    if not isinstance(header, dict) or header.get("format") not in FORMATS:
        found = header.get("format") if isinstance(header, dict) else header
        raise InputError(
            f"{path}: model format {quoted(repr(found))}; "
            f"this version of inknet reads {', '.join(map(str, FORMATS))}"
        )
    return header


def _described(path: Path, header: dict[str, Any]) -> tuple[Architecture, ModelFacts]:
    try:
        expected = tuple(STORED) if header["format"] in FORMATS[2:] else ("float32", "float64")
        if header["dtype"] not in expected:
            raise ValueError(f"dtype is {header['dtype']!r}; expected {' or '.join(expected)}")
        architecture = Architecture(**header["architecture"])
        architecture.require_softmax()
        _check_extent(architecture)
        facts = ModelFacts(
            class_names=_class_names(header["class_names"]),
            image_shape=_image_shape(header["image_shape"], architecture.layer_dims[0]),
            light_background=_one_of(header, "light_background", (False, True, None)),
            crop=_one_of({"crop": None, **header}, "crop", (False, True, None)),
            scale=_scale(header),
            deslant=_one_of({"deslant": False, **header}, "deslant", (False, True)),
            temperature=_temperature(header.get("temperature", 1.0)),
            feature_names=_feature_names(header.get("feature_names", []), architecture),
        )
        if facts.deslant and facts.fitting is None:
            raise ValueError("its inputs are no images, and these cannot be deslanted")
        if len(facts.class_names) != architecture.layer_dims[-1]:
            raise ValueError(
                f"{len(facts.class_names)} class names for {architecture.layer_dims[-1]} classes"
            )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{path}: the description of the network is damaged: {quoted(error)}"
        ) from None
    return architecture, facts


def _feature_names(names: Any, architecture: Architecture) -> tuple[str, ...]:
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ValueError("the names of the columns are not a list of texts")
    if len(names) not in (0, architecture.layer_dims[0]):
        raise ValueError(f"{len(names)} names of columns for {architecture.layer_dims[0]} features")
    return tuple(names)


def _guard_of(path: Path, header: dict[str, Any], model: Architecture) -> Architecture | None:
    """Return the architecture of the guard, if there is one."""
    if header.get("guard") is None:
        return None
    try:
        architecture = Architecture(**header["guard"])
        architecture.require_softmax()
        _check_extent(architecture)
        (n_inputs, *_, n_classes), dims = architecture.layer_dims, model.layer_dims
        if (n_inputs, n_classes) != (dims[0], dims[-1] + 1):
            raise ValueError(f"it has {n_inputs} inputs and {n_classes} classes")
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{path}: the description of the guard is damaged: {quoted(error)}"
        ) from None
    return architecture


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
        if printable(name) != name:
            raise ValueError(f"the class name {name!a} cannot be printed")
    if len(set(value)) < len(value):
        raise ValueError("two classes have the same name")
    return tuple(value)


def _one_of(header: dict[str, Any], name: str, allowed: tuple[bool | None, ...]) -> Any:
    value = header[name]
    if not any(value is one for one in allowed):
        raise ValueError(f"{name} is {value!r}")
    return value


def _scale(header: dict[str, Any]) -> Scale | None:
    """Return the scale; files of versions up to 0.2 say only whether the features were pixels."""
    pixels = _one_of(header, "pixels", (False, True, None))
    if "scale" not in header:
        return None if pixels is None else PIXELS if pixels else Scale()
    if header["scale"] is None:
        return None
    scale = Scale(**header["scale"])
    ends = (scale.low, scale.high)
    numbers = [scale.full, *(() if ends == (None, None) else ends)]
    if not all(type(number) is float and np.isfinite(number) for number in numbers):
        raise ValueError(f"scale is {header['scale']!r}; expected finite numbers")
    if scale.full < 1 or (scale.full > 1 and ends != (0.0, scale.full)):
        raise ValueError(f"scale is {header['scale']!r}; expected 0 to a full scale from 1")
    if scale.low is not None and scale.high is not None and scale.low > scale.high:
        raise ValueError(f"scale is {header['scale']!r}; expected low to high")
    return scale


def _temperature(value: Any) -> float:
    if type(value) is not float or not LOWEST_TEMPERATURE <= value <= HIGHEST_TEMPERATURE:
        raise ValueError(
            f"temperature is {value!r}; expected a number from {LOWEST_TEMPERATURE} to "
            f"{HIGHEST_TEMPERATURE}"
        )
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
        return Network(architecture, None, "float32" if dtype == "float16" else dtype)
    except ValueError as error:  # it does not fit in memory
        raise InputError(f"{path}: {error}") from None


def _fill(path: Path, networks: dict[str, Network], file: safe_open, dtype: str) -> None:
    """Copy every array of the file into the networks, once all are known to fit."""
    expected = {
        prefix + name: array
        for prefix, network in networks.items()
        for name, array in network.tensors().items()
    }
    found = set(file.keys())
    if missing := sorted(expected.keys() - found):
        raise InputError(f"{path}: arrays are missing: {quoted(', '.join(missing))}")
    if unknown := sorted(found - expected.keys()):
        names = quoted(", ".join(unknown))
        raise InputError(f"{path}: arrays that the network has no place for: {names}")
    for name, target in expected.items():
        entry = file.get_slice(name)
        stored_type = STORED[dtype if target.ndim == 2 else target.dtype.name]
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
