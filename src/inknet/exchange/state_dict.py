"""Read PyTorch's state dicts in safetensors files, and inknet's model files, as an `MLP`.

A state dict has only arrays and their names. The names say which arrays belong together, the shapes
how wide the layers are, and `layer_order` in which order they are. The caller must say which
activation is between the layers, and whether batch normalization comes before or after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inknet.errors import InputError, quoted
from inknet.exchange.layer_order import Module, in_order
from inknet.files import as_path
from inknet.mlp import MLP
from inknet.model_file import (
    DEEPEST_NETWORK,
    ModelFacts,
    check_header_size,
    load_model,
)
from inknet.nn.architecture import Architecture
from inknet.nn.layers import BatchNorm
from inknet.nn.network import Network
from inknet.scale import PIXELS, Scale
from inknet.seeds import Streams

if TYPE_CHECKING:
    from safetensors import safe_open

DENSE = {"weight", "bias"}
NORM = {"weight", "bias", "running_mean", "running_var"}
NOT_NEEDED = "num_batches_tracked"
"""PyTorch's count of batches, which inference does not use."""

LONGEST_NAME = 1_000  # characters; PyTorch's names have a word for each enclosing module

STORED_TYPES = {"F32": np.float32, "F64": np.float64, "F16": np.float32}
"""The types that can be read, and the types in memory."""


def read_state_dict(
    path: str | Path,
    *,
    activation: str = "relu",
    batch_norm: str = "before",
    class_names: Sequence[str] | None = None,
    pixels: bool = False,
    image_shape: tuple[int, int] | None = None,
    order: Sequence[str] | None = None,
) -> MLP:
    """Read a safetensors file of linear layers, with or without batch normalization.

    The names are those of ``nn.Sequential`` or of named modules: ``0.weight``,
    ``layers.0.weight``, ``net.3.bias``, ``fc1.weight``. The numbers in the names give the order,
    or else the shapes, if they allow only one. Linear layers may lack their biases if batch
    normalization follows, or if none has any. A model file of inknet describes itself, so the
    other parameters are not used for it.

    Parameters
    ----------
    path : str or Path
        The file.
    activation : str
        The activation after each linear layer except the last: a name from
        `inknet.nn.activations`.
    batch_norm : {"before", "after"}
        Whether batch normalization, if the file has any, comes before or after the activation.
    class_names : sequence of str, optional
        The name of each class; by default its number.
    pixels : bool
        Whether the inputs were pixels divided by 255. The model then takes uint8 pixels and scales
        them itself.
    image_shape : (height, width), optional
        If the inputs are images.
    order : sequence of str, optional
        The names of all layers from input to output, with those of batch normalization, without
        ``.weight``. Needed where names and shapes do not give the order.

    Returns
    -------
    MLP
        With the weights of the file, in its type.

    Raises
    ------
    InputError
        If the file is not in safetensors format; if tensors are missing, unknown, of the wrong
        shape or type, or not finite; or if the order of the layers is not known. The message names
        the file and what is wrong.
    """
    from safetensors import SafetensorError, safe_open

    path = as_path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    _refuse_pickles(path)
    try:
        check_header_size(path)
        with safe_open(path, framework="numpy") as file:
            if "inknet" in (file.metadata() or {}):
                network, facts = load_model(path)
                return MLP.from_parts(network, facts, Streams.from_seed(0))
            modules = in_order(path, _modules(path, file), order)
            _check_biases(path, modules)
            architecture = _architecture(path, modules, activation, batch_norm)
            network = _network(path, architecture, _dtype(path, file))
            _fill(path, network, modules, file)
    except SafetensorError as error:
        raise InputError(f"{path}: not a readable safetensors file: {quoted(error)}") from None
    except MemoryError:
        raise InputError(f"{path}: does not fit in memory") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    return MLP.from_parts(
        network,
        _facts(path, architecture, class_names, pixels, image_shape),
        Streams.from_seed(0),
    )


def _refuse_pickles(path: Path) -> None:
    """Refuse files of `torch.save` and joblib, which run code when read; say what to do instead."""
    with path.open("rb") as file:
        start = file.read(9)
    # a safetensors file begins with the length of its header, which may be any number, then "{"
    if start[8:] != b"{" and (start[:2] == b"PK" or start[:1] == b"\x80"):
        raise InputError(
            f"{path}: looks like a pickle, which can run code and is not opened; in Python, write "
            "a state dict with safetensors.torch.save_file(model.state_dict(), 'FILE'), or a "
            "fitted classifier of scikit-learn with "
            "inknet.exchange.from_sklearn(classifier).save('FILE')"
        )


def _modules(path: Path, file: safe_open) -> list[Module]:
    """Return the tensors grouped by module; refuse those of unknown modules."""
    modules: dict[str, Module] = {}
    unknown = []
    names = file.keys()
    # before any shape is read: safetensors before 0.7 looks through all names for each
    if (n_modules := len({name.rpartition(".")[0] for name in names})) > 2 * DEEPEST_NETWORK:
        raise InputError(f"{path}: {n_modules:,} layers, expected at most {DEEPEST_NETWORK:,}")
    for name in names:
        if len(name) > LONGEST_NAME:
            raise InputError(
                f"{path}: a tensor whose name has {len(name):,} characters, expected at most "
                f"{LONGEST_NAME:,}: {quoted(name[:40])}…"
            )
        prefix, _, part = name.rpartition(".")
        if part == NOT_NEEDED:
            continue
        if part not in NORM:
            unknown.append(name)
            continue
        shape = tuple(file.get_slice(name).get_shape())
        modules.setdefault(prefix, Module(prefix)).shapes[part] = shape
    if unknown:
        raise InputError(
            f"{path}: tensors that are not part of a linear layer or batch normalization: "
            f"{quoted(', '.join(sorted(unknown)))}"
        )
    for module in modules.values():
        parts = NORM if module.is_norm else DENSE
        if module.lacks_bias:
            parts = parts - {"bias"}  # whether it may is seen in `_check_biases`
        missing = sorted(module.name(part) for part in parts - module.shapes.keys())
        if missing:
            raise InputError(f"{path}: tensors are missing: {quoted(', '.join(missing))}")
        shape = module.shapes["weight"]
        if len(shape) != (1 if module.is_norm else 2) or min(shape) < 1:
            expected = (
                "(n_features,), as batch normalization has"
                if module.is_norm
                else "(fan_out, fan_in), as a linear layer has"
            )
            raise InputError(
                f"{path}: {quoted(module.name('weight'))} is {shape}; expected {expected}"
            )
    if all(module.is_norm for module in modules.values()):
        raise InputError(f"{path}: has no linear layer (no weight with two dimensions)")
    return list(modules.values())


def _check_biases(path: Path, modules: list[Module]) -> None:
    """Refuse a linear layer without a bias, unless none has one or its normalization has it.

    ``Linear(bias=False)`` before batch normalization is usual: the shift of that does the same.
    """
    linear = [module for module in modules if not module.is_norm]
    if all(module.lacks_bias for module in linear):
        return
    follows = zip(modules, [*modules[1:], None], strict=True)
    missing = [
        module.name("bias")
        for module, after in follows
        if module.lacks_bias and (after is None or not after.is_norm)
    ]
    if missing:
        raise InputError(f"{path}: tensors are missing: {quoted(', '.join(missing))}")


def _architecture(
    path: Path, modules: list[Module], activation: str, batch_norm: str
) -> Architecture:
    """Return the architecture, after checking that each layer fits the one before."""
    dims: list[int] = []
    n_norms = 0
    for module in modules:
        shape = module.shapes["weight"]
        if module.is_norm:
            n_norms += 1
            if n_norms != len(dims) - 1:
                raise InputError(
                    f"{path}: {quoted(module.name('weight'))} is batch normalization number "
                    f"{n_norms}, after {max(len(dims) - 1, 0)} linear layers; expected one after "
                    "each linear layer except the last, or none"
                )
            for part in sorted(NORM):
                _expect(path, module, part, (dims[-1],))
            continue
        if dims:
            _expect(path, module, "weight", (shape[0], dims[-1]))
        else:
            dims.append(shape[1])
        if not module.lacks_bias:
            _expect(path, module, "bias", (shape[0],))
        dims.append(shape[0])
    n_hidden = len(dims) - 2
    if n_norms not in (0, n_hidden):
        raise InputError(
            f"{path}: {n_norms} batch normalizations for {n_hidden} hidden layers; "
            "expected one for each, or none"
        )
    if n_norms and batch_norm == "none":
        raise InputError(
            f"{path}: has batch normalization; say whether it comes before or after the activation"
        )
    try:
        architecture = Architecture(
            layer_dims=dims,
            activations=[activation] * n_hidden + ["softmax"],
            keep_probs=[1.0] * (n_hidden + 1),
            batch_norm=batch_norm if n_norms else "none",
        )
    except ValueError as error:
        raise InputError(f"{path}: {quoted(error)}") from None
    return architecture


def _expect(path: Path, module: Module, part: str, shape: tuple[int, ...]) -> None:
    found = module.shapes[part]
    if found != shape:
        raise InputError(f"{path}: {quoted(module.name(part))} is {found}; expected {shape}")


def _dtype(path: Path, file: safe_open) -> Any:
    """Return the widest type in memory of all tensors."""
    widest = np.dtype(np.float32)
    for name in file.keys():  # noqa: SIM118
        if name.endswith(NOT_NEEDED):
            continue
        stored = file.get_slice(name).get_dtype()
        if stored not in STORED_TYPES:
            raise InputError(
                f"{path}: {quoted(name)} is {stored}; expected {', '.join(STORED_TYPES)}"
            )
        widest = np.promote_types(widest, STORED_TYPES[stored])
    return widest


def _network(path: Path, architecture: Architecture, dtype: Any) -> Network:
    try:
        return Network(architecture, None, dtype)
    except ValueError as error:  # it does not fit in memory
        raise InputError(f"{path}: {error}") from None


def _fill(path: Path, network: Network, modules: list[Module], file: safe_open) -> None:
    """Copy the tensors into the network; their shapes are already checked."""
    norms = iter(layer for layer in network.layers if isinstance(layer, BatchNorm))
    denses = iter(network.dense_layers)
    for module in modules:
        targets: dict[str, NDArray[Any]]
        if module.is_norm:
            norm = next(norms)
            targets = {
                "weight": norm.gamma,
                "bias": norm.beta,
                "running_mean": norm.running_mean,
                "running_var": norm.running_var,
            }
        else:
            dense = next(denses)
            targets = {"weight": dense.weight.T, "bias": dense.bias}
            if module.lacks_bias:
                targets.pop("bias")[:] = 0
        for part, target in targets.items():
            name = module.name(part)
            target[:] = file.get_tensor(name)
            if not np.isfinite(target).all():
                raise InputError(f"{path}: {quoted(name)} holds values that are not finite numbers")
            if part == "running_var" and (target < 0).any():
                raise InputError(f"{path}: {quoted(name)} holds variances below 0")


def _facts(
    path: Path,
    architecture: Architecture,
    class_names: Sequence[str] | None,
    pixels: bool,
    image_shape: tuple[int, int] | None,
) -> ModelFacts:
    n_features, n_classes = architecture.layer_dims[0], architecture.layer_dims[-1]
    names = tuple(map(str, range(n_classes) if class_names is None else class_names))
    if len(set(names)) != n_classes or len(names) != n_classes:
        raise InputError(
            f"{path}: {len(set(names))} different class names; expected {n_classes:,}, "
            "one for each output"
        )
    if image_shape is not None and image_shape[0] * image_shape[1] != n_features:
        raise InputError(
            f"{path}: an image of {image_shape[0]}×{image_shape[1]} does not have "
            f"{n_features:,} pixels"
        )
    return ModelFacts(names, image_shape, scale=PIXELS if pixels else Scale())
