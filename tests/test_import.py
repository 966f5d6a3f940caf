"""Importing inknet costs NumPy and nothing more; heavy libraries come when they are used."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src/inknet"


def modules_after(statement: str) -> set[str]:
    """Return the names of the modules that a new interpreter has loaded after a statement."""
    script = f"{statement}; import sys; print(*sys.modules)"
    return set(subprocess.check_output([sys.executable, "-c", script], text=True).split())


def test_import_inknet_loads_nothing_that_numpy_does_not() -> None:
    added = modules_after("import numpy, inknet") - modules_after("import numpy")
    assert {name.split(".")[0] for name in added} <= {"inknet"}


def test_a_model_is_loaded_without_what_only_training_and_drawing_need() -> None:
    loaded = modules_after("from inknet import MLP; MLP([4, 3, 2])")
    heavy = {
        "pydantic",
        "matplotlib",
        "PIL",
        "pooch",
        "requests",
        "rich",
        "typer",
        "jinja2",
        "numba",
    }
    assert not heavy & {name.split(".")[0] for name in loaded}


def test_every_public_name_is_there_and_an_unknown_one_is_not() -> None:
    import inknet

    for name in inknet.__all__:
        assert getattr(inknet, name) is not None
        assert name in dir(inknet)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        inknet.nonsense  # noqa: B018


# -- the plan of the house -------------------------------------------------------------------------

# From the ground up: a room imports from the floors below its own, and from nothing else.
FLOORS = [
    {"errors", "output", "seeds", "nn", "page"},
    {"files", "groups", "scale"},
    {"data", "recipes", "model_file", "predictor"},
    {"training", "pretrained"},
    {"report", "doctor"},
    {"photo"},
    {"mlp", "sklearn"},
    {"runs", "exchange"},
    {"experiments", "explain"},
    {"studio"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# What may not be imported although it is on a floor below, as docs/architecture.md says.
APART = {
    "nn": {"errors", "output", "seeds"},
    "data": {"nn", "page"},
    "scale": {"errors", "output", "seeds", "nn"},
    "model_file": {"data"},
    "predictor": {"output", "seeds", "files"},
    "photo": {"nn", "recipes", "model_file", "predictor", "training"},
    "pretrained": {"data", "recipes", "predictor"},
    "report": {"nn", "data", "recipes", "model_file", "predictor"},
    "sklearn": {"data", "model_file", "predictor", "report"},
    "exchange": {"data", "recipes", "training", "report", "sklearn"},
    "doctor": {"model_file", "predictor", "pretrained"},
    "runs": {"sklearn", "exchange"},
    "experiments": {"sklearn", "exchange"},
    "explain": {"sklearn", "exchange"},
    "studio": {"sklearn"},
    "cli": {"sklearn"},
}
FACE = "inknet"
MODULES = {
    ".".join(("inknet", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in SOURCE.rglob("*.py")
}
ARCHITECTURE = (SOURCE.parent.parent / "docs/architecture.md").read_text("utf-8")


def imported_by(module: str) -> set[str]:
    """Return the modules of inknet that a module names in an import, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= parts & set(MODULES) or {node.module}
    return found & set(MODULES)


def room_of(module: str) -> str:
    return module.split(".")[1]


def circles() -> list[list[str]]:
    """Return groups of modules each of which leads to each other one by imports."""
    reached: dict[str, set[str]] = {}
    for start in MODULES:
        seen, ahead = set(), [start]
        while ahead:
            for module in imported_by_all[ahead.pop()] - {FACE}:
                if module not in seen:
                    seen.add(module)
                    ahead.append(module)
        reached[start] = seen
    groups = {
        tuple(sorted({m for m in reached[start] if start in reached[m]})) for start in MODULES
    }
    return sorted(list(group) for group in groups if group)


imported_by_all = {module: imported_by(module) for module in MODULES}


@pytest.mark.parametrize("module", sorted(set(MODULES) - {FACE}))
def test_a_module_imports_only_from_floors_below_its_own(module: str) -> None:
    room = room_of(module)
    for other in sorted(imported_by_all[module] - {FACE}):
        if room_of(other) != room:
            assert FLOOR[room_of(other)] < FLOOR[room], f"{module} imports {other}"
            assert room_of(other) not in APART.get(room, set()), f"{module} imports {other}"


def test_no_module_leads_back_to_itself() -> None:
    assert circles() == []


def test_the_root_holds_the_face_and_the_ground_alone() -> None:
    assert len({path.stem for path in SOURCE.glob("*.py")} - {"__main__"}) <= 8


def test_a_long_module_has_its_reason_on_the_plan() -> None:
    long = {
        str(path.relative_to(SOURCE)): n_lines
        for path in MODULES.values()
        if (n_lines := len(path.read_text("utf-8").splitlines())) > 400
    }
    assert len(long) <= 3, long
    section = ARCHITECTURE.split("## Long modules")[1].split("\n## ")[0]
    for name in long:
        assert re.search(rf"^\| `{re.escape(name)}` \| \w+", section, re.MULTILINE), name


def test_every_room_is_on_the_plan() -> None:
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    rooms |= {path.stem for path in SOURCE.glob("*.py")} - {"__init__"}
    assert rooms == set(FLOOR)
    table = ARCHITECTURE.split("## The rooms")[1].split("\n## ")[0]
    for room in rooms:
        assert f"`{room}/`" in table or f"`{room}.py`" in table, room


def test_no_type_is_passed_over() -> None:
    for path in MODULES.values():
        assert "type: ignore" not in path.read_text("utf-8"), path
