"""The public names of inknet in groups, and the page of each group from the docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

from .docstrings import sections

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Group:
    """The names of one page.

    Attributes
    ----------
    file : str
        The name of the page, without ``.md``.
    title : str
    about : str
        What stands above the names.
    names : tuple of str
        Each as ``module:name``, in the order of the page.
    """

    file: str
    title: str
    about: str
    names: tuple[str, ...]


def _of(module: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{module}:{name}" for name in names)


GROUPS_OF_NAMES = (
    Group(
        "model",
        "The model",
        "`from inknet import MLP`. The other classes here are what its methods return.",
        (
            *_of("inknet.mlp", "MLP"),
            *_of("inknet.model_file", "ModelFacts"),
            *_of("inknet.predictor", "Predictor"),
        ),
    ),
    Group(
        "results",
        "Results",
        "What a training, an evaluation and the reading of a picture return.",
        (
            *_of("inknet.training.history", "History", "EpochRecord"),
            *_of("inknet.training.ending", "Ending"),
            *_of("inknet.training.findings", "Finding"),
            *_of("inknet.report.evaluation", "Evaluation"),
            *_of("inknet.report.calibration", "Calibration", "Reliability"),
            *_of("inknet.photo.reading", "Reading"),
            *_of("inknet.photo.answer", "Answer"),
            *_of("inknet.photo.sheet", "Character"),
        ),
    ),
    Group(
        "data",
        "Data",
        "`from inknet import load_arrays`; the others from `inknet.data`. "
        "[What is read, and how](../inputs.md) has the exact rules.",
        (
            *_of("inknet.data.arrays", "load_arrays", "Arrays"),
            *_of("inknet.data", "load", "split", "Dataset", "Splits"),
        ),
    ),
    Group(
        "runs",
        "Runs",
        "`from inknet import Run`: the folder that `inknet train` leaves.",
        _of("inknet.runs", "Run"),
    ),
    Group(
        "callbacks",
        "Callbacks",
        "`from inknet import Callback`. A training calls each event of its callbacks with the "
        "`Session`. [Writing a callback](../howto/callback.md) shows how.",
        (
            *_of("inknet.training.callbacks", "Callback"),
            *_of("inknet.training.notebook", "LivePlot"),
            *_of("inknet.doctor.doctor", "Doctor"),
            *_of("inknet.training.session", "Session"),
        ),
    ),
    Group(
        "estimators",
        "The estimators",
        "`from inknet import MLPClassifier, MLPRegressor`, with the extra `sklearn`. "
        "[Coming from scikit-learn](../from-scikit-learn.md) has the differences.",
        _of("inknet.sklearn", "MLPClassifier", "MLPRegressor"),
    ),
    Group(
        "exchange",
        "Export and import",
        "`from inknet.exchange import …`.",
        _of(
            "inknet.exchange",
            *("export_onnx", "export_numpy", "export_html", "from_sklearn", "read_state_dict"),
        ),
    ),
    Group(
        "errors",
        "Errors and warnings",
        "`from inknet import InputError`; the others from `inknet.errors`.",
        _of("inknet.errors", "InputError", "DivergedError", "InputWarning"),
    ),
    Group(
        "nn",
        "The mathematics",
        "The names of `inknet.nn`. [The order in which to read its files](reading-order.md) is a "
        "page of its own. n is the number of samples in a batch, d and k are widths, K is the "
        "number of classes, and J is what training minimizes. `Floats` is an array of float32 or "
        "float64.",
        (
            *_of("inknet.nn", "Architecture", "Network"),
            *_of("inknet.nn.layers", "Layer", "Dense", "Activation", "Dropout", "BatchNorm"),
            *_of("inknet.nn.layers", "Learned", "Affine", "Scaling"),
            *_of("inknet.nn.activations", "Elementwise", "ActivationFunction", "relu"),
            *_of("inknet.nn.activations", "leaky_relu", "sigmoid", "tanh", "identity"),
            *_of("inknet.nn.activations", "relu_slope", "leaky_relu_slope", "sigmoid_slope"),
            *_of("inknet.nn.activations", "tanh_slope", "identity_slope", "softmax"),
            *_of("inknet.nn.initializers", "he", "glorot", "normal"),
            *_of("inknet.nn.losses", "softmax_cross_entropy", "sigmoid_cross_entropy", "L2"),
            *_of("inknet.nn.optimizers", "Optimizer", "GradientDescent", "Momentum", "Nesterov"),
            *_of("inknet.nn.optimizers", "Adam", "AdamW", "clip_by_value", "clip_by_norm"),
            *_of("inknet.nn.optimizers", "limit_norms"),
            *_of("inknet.nn.schedules", "constant", "step", "cosine", "one_cycle"),
            *_of("inknet.nn.gradcheck", "both_gradients", "both_gradients_of_layer"),
            *_of("inknet.nn.gradcheck", "relative_error", "worst_array", "differences"),
        ),
    ),
    Group(
        "ops",
        "The operations",
        "What a backend of `inknet.nn` must provide; `NumpyOps` in "
        "[`formulas.py`](../../src/inknet/nn/ops/formulas.py) computes each in NumPy. All arrays "
        "are C-contiguous and of one floating type unless said otherwise, and results are written "
        "into arrays that the caller allocated. n is the number of samples in a batch, d and k are "
        "widths, K is the number of classes, and p and g are parameters and gradients, "
        "`(n_parameters,)`.",
        (
            *_of("inknet.nn.ops.contract", "Ops", "FoldedLayer"),
            *_of("inknet.nn.ops", "fastest"),
        ),
    ),
)


@dataclass(frozen=True)
class Public:
    """A public name: a class, a function, or a member of a class.

    Attributes
    ----------
    title : str
        As it is called on its page: ``MLP.train``.
    value : object
    owner : type or None
        The class that it is a member of.
    page : str
        The file of its page.
    """

    title: str
    value: Any
    owner: type | None
    page: str

    @property
    def called(self) -> Any:
        """The name as it is used: of a member, what its class gives."""
        return self.value if self.owner is None else getattr(self.owner, self.title.split(".")[1])

    @property
    def docstring(self) -> str:
        """Its docstring, or that of the method which it overrides."""
        return inspect.getdoc(self.called) or ""

    @property
    def anchor(self) -> str:
        """The anchor of its heading, as GitHub and MyST make it."""
        return re.sub(r"[^\w-]", "", self.title.lower())


@cache
def public_names() -> tuple[Public, ...]:
    """Return all public names with the members of classes, in the order of the pages."""
    return tuple(one for group in GROUPS_OF_NAMES for one in _names_of(group))


def _names_of(group: Group) -> Iterator[Public]:
    for path in group.names:
        module, _, name = path.partition(":")
        value = getattr(import_module(module), name)
        yield Public(name, value, None, f"{group.file}.md")
        if isinstance(value, type):
            for member, what in members(value).items():
                yield Public(f"{name}.{member}", what, value, f"{group.file}.md")


def members(kind: type) -> dict[str, Any]:
    """Return the public methods and properties of a class that no other page has."""
    documented = {path.partition(":")[2] for group in GROUPS_OF_NAMES for path in group.names}
    found: dict[str, Any] = {}
    for base in kind.__mro__:
        elsewhere = base is not kind and base.__name__ in documented
        if not base.__module__.startswith("inknet") or elsewhere:
            continue
        for name, value in vars(base).items():
            is_member = isinstance(value, (FunctionType, classmethod, staticmethod, property))
            is_member |= hasattr(value, "check")  # of scikit-learn's available_if
            if is_member and not name.startswith("_"):
                found.setdefault(name, value)
    inherited = {
        name for base in kind.__mro__[1:] if base.__name__ in documented for name in vars(base)
    }
    return {name: value for name, value in found.items() if name not in inherited}


@cache
def _targets() -> dict[str, Public]:
    """Return the public names by all that they may be called in a docstring."""
    found = {
        f"{prefix}{name}Recipe": Public(name, None, None, "recipe-keys.md")
        for name in ("Training", "Augment")
        for prefix in ("", "inknet.recipes.")
    }
    for one in public_names():
        found.setdefault(one.title, one)
        if one.owner is None:
            found.setdefault(f"{one.value.__module__}.{one.title}", one)
            found.setdefault(f"inknet.{one.title}", one)
    return found


def link_from(page: str, owner: str) -> Callable[[str], str | None]:
    """Return what finds the target of a name that a docstring of this page and class mentions."""

    def link(name: str) -> str | None:
        targets = _targets()
        found = targets.get(f"{owner}.{name}") or targets.get(name)
        if found is None:
            return _source_of(name)
        return f"{'' if found.page == page else found.page}#{found.anchor}"

    return link


def _source_of(name: str) -> str | None:
    """Return the file of a module, or of a name in it that has no page."""
    words = name.split(".")
    if words[0] != "inknet" or len(words) == 1:
        return None
    for end in (len(words), len(words) - 1):
        stem = "/".join(["src", *words[:end]])
        for path in (f"{stem}.py", f"{stem}/__init__.py"):
            if (ROOT / path).is_file():
                return f"../../{path}"
    return None


def page_of(group: Group) -> str:
    """Return the page of a group."""
    lines = [f"# {group.title}", "", group.about, ""]
    if len(group.names) > 3:
        names = [one for one in _names_of(group) if one.owner is None]
        lines += [" · ".join(f"[`{one.title}`](#{one.anchor})" for one in names), ""]
    for one in _names_of(group):
        owner = one.title.partition(".")[0] if isinstance(one.value, type) else ""
        owner = one.owner.__name__ if one.owner is not None else owner
        lines += [f"{'##' if one.owner is None else '###'} {one.title}", ""]
        if one.owner is None:
            file = Path(inspect.getsourcefile(inspect.unwrap(one.value)) or "")
            path = file.relative_to(ROOT).as_posix()
            lines += [f"In [`{path.removeprefix('src/')}`](../../{path}).", ""]
        if _is_called(one.value):
            lines += ["```python", signature_of(one), "```", ""]
        lines += [*sections(one.docstring, link_from(f"{group.file}.md", owner)), ""]
    return "\n".join(lines)


def _is_called(value: Any) -> bool:
    """Return whether users call it: not a property, and not what is raised or only described."""
    if isinstance(value, type):
        return not issubclass(value, BaseException) and not getattr(value, "_is_protocol", False)
    return not isinstance(value, property)


def _own_bases(kind: type) -> list[type]:
    return [base for base in kind.__mro__ if base.__module__.startswith("inknet")]


def signature_of(one: Public) -> str:
    """Return how a name is called, in lines of at most 80 characters, without types."""
    called = one.called
    if isinstance(called, type) and any("__init__" in vars(base) for base in _own_bases(called)):
        called = called.__init__  # type: ignore[misc]
    signature = inspect.signature(called)
    factories = {
        name: field.default_factory
        for name, field in getattr(one.value, "__dataclass_fields__", {}).items()
        if field.default_factory is not MISSING
    }
    is_method = list(signature.parameters)[:1] == ["self"]
    words = [
        f"{name}={factories[name]()!r}" if name in factories else _word(parameter)
        for name, parameter in signature.parameters.items()
    ][is_method:]
    kinds = [parameter.kind for parameter in signature.parameters.values()][is_method:]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        words.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    in_one_line = f"{one.title}({', '.join(words)})"
    if len(in_one_line) <= 80:
        return in_one_line
    return "\n".join([f"{one.title}(", *(f"    {word}," for word in words), ")"])


def _word(parameter: inspect.Parameter) -> str:
    """Return a parameter as it stands in a signature."""
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return f"*{parameter.name}"
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return f"**{parameter.name}"
    default = parameter.default
    if default is inspect.Parameter.empty:
        return parameter.name
    shown = f'"{default}"' if isinstance(default, str) else repr(default).replace("'", '"')
    if "<" in shown:  # the address of an object, or a class
        shown = str(getattr(default, "__name__", type(default).__name__))
    return f"{parameter.name}={shown}"
