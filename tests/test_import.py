"""Importing inknet costs NumPy and nothing more; heavy libraries come when they are used."""

import subprocess
import sys

import pytest


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


def test_the_mathematics_imports_nothing_from_the_other_rooms() -> None:
    for room, neighbours in {
        "nn.gradcheck": {"data", "training", "recipe", "mlp", "run", "cli", "errors"},
        "data": {"nn", "training", "recipe", "mlp", "run", "cli"},
    }.items():
        loaded = modules_after(f"import inknet.{room}")
        assert not {f"inknet.{neighbour}" for neighbour in neighbours} & loaded
