"""Every public name says what it takes, what it gives and what it refuses.

`CHECKED` are the checks of numpydoc for the names that users call. The names of the mathematics
describe parameters in their text, beside the formulas: there the checks below take the place of
those in `IN_THE_TEXT`.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from numpydoc.docscrape import NumpyDocString, get_doc_object
from numpydoc.validate import validate

import inknet
from inknet import MLP, InputError, Run, load_arrays
from inknet.data import Dataset, load, split
from inknet.exchange import export_html, export_numpy, export_onnx, from_sklearn, read_state_dict
from inknet.recipes.keys import described_keys
from inknet.recipes.schema import Recipe
from scripts.reference.public import Public, public_names

CHECKED = {
    "GL01": "the text starts on the first line",
    "GL05": "no tabs",
    "GL06": "no unknown section",
    "GL08": "there is a docstring",
    "SS01": "there is a summary",
    "SS02": "it begins with a capital letter",
    "SS03": "it ends with a period",
    "SS06": "it is one line",
    "PR01": "every parameter is described",
    "PR02": "nothing else is described",
    "PR03": "in the order of the signature",
    "PR04": "each with its type or shape",
    "PR07": "each with a description",
    "RT01": "what is returned is described",
    "RT03": "in words",
    "YD01": "what is yielded is described",
}
MATHEMATICS = ("nn.md", "ops.md")
IN_THE_TEXT = {"PR01", "PR04", "RT01", "YD01"}
NAMES = {one.title: one for one in public_names()}

ARRAY = re.compile(r"Floats|Labels|Rows|NDArray|ArrayLike|Matrix|ndarray")
SHAPE = re.compile(r"\((?:n|m|k|d|K|fan_in|fan_out|n_\w+|height|15)[,)]|(same|any) shape|As for")
CODE = re.compile(r"``(.+?)``|^ +(\S.*)$", re.MULTILINE)


def all_text(one: Public) -> str:
    """Return its docstring with those of its class and of the classes that this is made from."""
    kind = one.owner or one.value
    bases = [base for base in getattr(kind, "__mro__", ()) if base.__module__.startswith("inknet")]
    return "\n".join([one.docstring, *(inspect.getdoc(base) or "" for base in bases)])


def function_of(one: Public) -> FunctionType | None:
    """Return what is called or computed; None if it is made by Python, as of a record."""
    value: Any = one.value
    if isinstance(value, property):
        value = value.fget
    if isinstance(value, type):
        value = vars(value).get("__init__")
    value = inspect.unwrap(getattr(value, "__func__", value)) if value is not None else None
    is_own = isinstance(value, FunctionType) and value.__code__.co_filename.endswith(".py")
    return value if is_own and value.__module__.startswith("inknet") else None


def all_parameters_of(one: Public) -> dict[str, inspect.Parameter]:
    if isinstance(one.value, property):
        return {}
    try:
        return dict(inspect.signature(one.called).parameters)
    except ValueError:  # an exception
        return {}


def parameters_of(one: Public) -> dict[str, inspect.Parameter]:
    """Return the parameters by name, without those that stand for any number of others."""
    many = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {
        name: parameter
        for name, parameter in all_parameters_of(one).items()
        if name != "self" and parameter.kind not in many
    }


def broken_checks(one: Public) -> dict[str, str]:
    """Return what numpydoc finds, of what is checked."""
    checked = one.value if isinstance(one.value, property) else inspect.unwrap(one.called)
    errors = validate(get_doc_object(checked))["errors"]
    found = {code: text for code, text in errors if code in CHECKED}
    if one.page in MATHEMATICS:
        found = {code: text for code, text in found.items() if code not in IN_THE_TEXT}
    is_record = isinstance(one.value, type) and function_of(one) is None
    if is_record or {"trainer", "args"} & {*all_parameters_of(one)}:
        found.pop("PR01", None)  # the attributes of a record describe them; of events, the class
    return found


def parameters_without_a_word(one: Public) -> list[str]:
    text = all_text(one)
    listed = re.findall(r"^(\w+(?:, \w+)*)(?: :.*)?$", text, re.MULTILINE)
    in_code = " ".join(" ".join(found) for found in CODE.findall(text))
    described = {*re.findall(r"\w+", " ".join(listed)), *re.findall(r"\w+", in_code)}
    return [name for name in parameters_of(one) if name not in described]


def arrays_without_a_shape(one: Public) -> list[str]:
    annotations = [str(parameter.annotation) for parameter in parameters_of(one).values()]
    function = function_of(one)
    if function is not None:
        annotations.append(str(function.__annotations__.get("return")))
    arrays = [kind for kind in annotations if ARRAY.search(kind) and "Callable" not in kind]
    return [] if SHAPE.search(all_text(one)) else arrays


def result_without_a_word(one: Public) -> str:
    function = function_of(one)
    if function is None or isinstance(one.value, (type, property)):
        return ""
    result = function.__annotations__.get("return")
    said = NumpyDocString(one.docstring)
    is_said = bool(said["Returns"]) or said["Summary"][0].startswith("Return ")
    return "" if result in ("None", None) or is_said else result


def raised_by(function: Any) -> set[str]:
    """Return the names of the errors that the lines of a function raise themselves."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    raised = (node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise))
    names = (one.func if isinstance(one, ast.Call) else one for one in raised)
    return {name.id for name in names if isinstance(name, ast.Name) and name.id[0].isupper()}


def errors_without_a_word(one: Public) -> list[str]:
    function = function_of(one)
    said = all_text(one)
    return [name for name in raised_by(function) if name not in said] if function else []


@pytest.mark.parametrize(
    "problems_of",
    [
        broken_checks,
        parameters_without_a_word,
        arrays_without_a_shape,
        result_without_a_word,
        errors_without_a_word,
    ],
)
def test_no_public_name_has(problems_of: Callable[[Public], Any]) -> None:
    found = {title: problems_of(one) for title, one in NAMES.items()}
    assert {title: problems for title, problems in found.items() if problems} == {}


UNITS = {
    r"seconds$": r"in seconds",
    r"accuracy$": r"0 to 1|fraction",
    r"(confidence|probabilities|familiarity|agreement|error)$": r"0 to 1|probability|fraction",
    r"loss$": r"cross-entropy|objective|What is minimized",
    r"^(rotation|shear)$": r"degrees",
    r"^(shift|stroke|elastic_sigma|elastic_alpha|box)$": r"pixel",
    r"^(validation|test|warmup|fade)$": r"[Ff]raction|Dataset|Samples",
}
"""What a quantity of this name is measured in, or between which values it is."""


def quantities(one: Public) -> Iterator[tuple[str, str]]:
    """Go through the parameters and attributes that it describes, each with its text."""
    said = NumpyDocString(one.docstring)
    for part in [*said["Parameters"], *said["Attributes"]]:
        for name in part.name.split(","):
            yield name.strip(), " ".join([part.type, *part.desc])
    if isinstance(one.value, property):
        yield one.title.rpartition(".")[2], one.docstring


def test_every_quantity_has_its_unit() -> None:
    described = [pair for one in NAMES.values() for pair in quantities(one)]
    described += [(key.name.rpartition(".")[2], key.meaning) for key in described_keys(Recipe())]
    wanted = [
        (name, text, unit)
        for name, text in described
        for pattern, unit in UNITS.items()
        if re.search(pattern, name)
    ]
    assert {unit for _, _, unit in wanted} == set(UNITS.values())
    assert [(name, text) for name, text, unit in wanted if not re.search(unit, text)] == []


class Careless:
    """Forgets."""

    def doubled(self, x: np.ndarray, factor: float) -> np.ndarray:
        """double it"""
        if factor < 0:
            raise InputError("factor")
        return x * factor


def test_the_checks_find_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Careless, "__module__", "inknet.careless")
    monkeypatch.setattr(Careless.doubled, "__module__", "inknet.careless")
    one = Public("Careless.doubled", Careless.doubled, Careless, "model.md")
    assert {"SS02", "SS03", "PR01", "RT01"} <= set(broken_checks(one))
    assert parameters_without_a_word(one) == ["x", "factor"]
    assert len(arrays_without_a_shape(one)) == 2
    assert "ndarray" in str(result_without_a_word(one))
    assert errors_without_a_word(one) == ["InputError"]


def test_every_name_of_the_package_has_a_place() -> None:
    assert set(inknet.__all__) - {"__version__"} <= set(NAMES)
    for module in ("activations", "initializers", "layers", "losses", "optimizers", "schedules"):
        tree = ast.parse(inspect.getsource(import_module(f"inknet.nn.{module}")))
        names = [n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
        assert [name for name in names if name not in NAMES and name[0] != "_"] == []
    events = [name for name in vars(inknet.Callback) if name[:3] == "on_"]
    assert {f"Callback.{name}" for name in (*events, "state", "restore", "start_afresh")} <= set(
        NAMES
    )


SAMPLE = load_arrays("sample", limit=300)
X, Y = SAMPLE.X_train, SAMPLE.y_train
MODEL = MLP([784, 8, 10])
MODEL.train(X, Y, num_epochs=1)
ON_A_TABLE = MLP([3, 4, 2])
ROWS = Dataset(np.zeros((6, 5)), np.arange(6) % 2, ("a", "b"), None, "rows")
FAR = replace(ROWS, features=np.full((6, 784), -1e6))

REFUSED = {
    "MLP": lambda folder: MLP([784]),
    "MLP.train": lambda folder: MODEL.train(X[:, :5], Y),
    "MLP.calibrate": lambda folder: MODEL.calibrate(X, Y[:3]),
    "MLP.predict_proba": lambda folder: MODEL.predict_proba(X[:, :5]),
    "MLP.predict": lambda folder: MODEL.predict(X[:, :5]),
    "MLP.predict_names": lambda folder: MODEL.predict_names(X[:, :5]),
    "MLP.logits_on": lambda folder: MODEL.logits_on(FAR),
    "MLP.picture_reader": lambda folder: ON_A_TABLE.picture_reader(),
    "MLP.read_images": lambda folder: MODEL.read_images([folder / "none.png"]),
    "MLP.read": lambda folder: MODEL.read(folder / "none.png"),
    "MLP.evaluate": lambda folder: MODEL.evaluate(X, Y[:3]),
    "MLP.save": lambda folder: MODEL.save(folder / "model.onnx"),
    "MLP.load": lambda folder: MLP.load(folder / "none.safetensors"),
    "History.from_csv": lambda folder: MODEL.history.from_csv(folder / "none.csv"),
    "load_arrays": lambda folder: load_arrays(folder / "none.csv"),
    "load": lambda folder: load(folder / "none.csv"),
    "split": lambda folder: split(ROWS, np.random.default_rng(0), test=1.5),
    "Dataset.images": lambda folder: ROWS.images(np.array([0])),
    "Run.open": lambda folder: Run.open(folder / "none"),
    "export_html": lambda folder: export_html(ON_A_TABLE, folder / "page.html"),
    "export_numpy": lambda folder: export_numpy(MODEL, folder / "model.onnx"),
    "export_onnx": lambda folder: export_onnx(MODEL, folder / "model.py"),
    "from_sklearn": lambda folder: from_sklearn(object()),
    "read_state_dict": lambda folder: read_state_dict(folder / "none.safetensors"),
}


@pytest.mark.parametrize("title", REFUSED)
def test_what_is_refused_is_an_input_error_as_the_docstring_says(
    title: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError):
        REFUSED[title](tmp_path)
    assert "InputError" in [one.type for one in NumpyDocString(NAMES[title].docstring)["Raises"]]
