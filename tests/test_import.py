"""Importing inknet costs NumPy and nothing more; heavy libraries come when they are used."""

import ast
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


# What each room may import of the others, as docs/architecture.md says.
FOUNDATIONS = {"errors", "files", "seeds"}
MAY_IMPORT = {
    "nn": set(),
    "errors": set(),
    "files": {"errors"},
    "seeds": set(),
    "data": FOUNDATIONS,
    "recipes": FOUNDATIONS | {"nn"},
    "model_file": FOUNDATIONS | {"nn"},
    "predictor": {"nn"},
    "training": FOUNDATIONS | {"nn", "data", "recipes"},
    "report": FOUNDATIONS | {"training"},
    "mlp": FOUNDATIONS | {"nn", "data", "recipes", "model_file", "predictor", "training", "report"},
    "sklearn": FOUNDATIONS | {"nn", "recipes", "training"},
    "exchange": FOUNDATIONS | {"nn", "model_file", "predictor", "mlp"},
    "runs": FOUNDATIONS | {"nn", "data", "recipes", "model_file", "training", "report", "mlp"},
}
TOPMOST = {"experiments", "cli", "__init__"}


def rooms_imported_by(file: Path) -> set[str]:
    """Return the rooms that a file imports from, wherever in it."""
    rooms = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("inknet."):
            rooms.add(str(node.module).split(".")[1])
    return rooms


def test_each_room_imports_only_what_the_plan_of_the_house_allows() -> None:
    files = sorted(SOURCE.rglob("*.py"))
    assert len(files) > 30
    for file in files:
        room = file.relative_to(SOURCE).parts[0].removesuffix(".py")
        if room not in TOPMOST:
            strangers = rooms_imported_by(file) - MAY_IMPORT[room] - {room}
            assert not strangers, f"{file.name} imports {strangers}"
